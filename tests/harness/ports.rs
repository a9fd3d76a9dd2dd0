//! Addresses for programs that must be told where to listen.

use std::net::{TcpListener, UdpSocket};
use std::sync::atomic::{AtomicU16, Ordering};

/// Below what Linux gives out by itself (32,768 on): there, any connection of another test may take an address between its
/// being found here and its program's start.
const FIRST: u16 = 20_000;
const COUNT: u16 = 12_000;

static NEXT: AtomicU16 = AtomicU16::new(0);

/// An address of this machine where nobody listens, another one each time.
///
/// # Panics
/// When this machine has none left.
#[must_use]
pub fn free_address() -> String {
    // Two programs of tests at once begin at other places.
    let begin = u16::try_from(std::process::id() % u32::from(COUNT)).unwrap_or(0);
    for _ in 0..COUNT {
        let step = NEXT.fetch_add(1, Ordering::Relaxed) % COUNT;
        let address = format!("127.0.0.1:{}", FIRST + (begin + step) % COUNT);
        if TcpListener::bind(&address).is_ok() && UdpSocket::bind(&address).is_ok() {
            return address;
        }
    }
    panic!("no port from {FIRST} on is free, {COUNT} were tried: end what listens there");
}
