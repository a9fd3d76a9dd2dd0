//! Why the hall cannot be reached, for people: zenoh retries silently, so while there is no session we look ourselves.

use std::io::{ErrorKind, Read};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Stream};

const WAIT: Duration = Duration::from_secs(3);
/// TLS 1.3 refuses a client's certificate only after the handshake: wait this long for the alert.
const ALERT_WAIT: Duration = Duration::from_millis(500);

/// Dials `address` (HOST:PORT) as zenoh would. Blocking, a few seconds at most.
///
/// # Errors
/// What is wrong and what to do, as a text.
pub(crate) fn probe(address: &str, config: Arc<ClientConfig>) -> Result<(), String> {
    let resolved = address
        .to_socket_addrs()
        .map_err(|e| format!("{address} cannot be resolved: {e}; check the address"))?
        .next()
        .ok_or_else(|| format!("{address} has no address; check the name"))?;
    let mut tcp = TcpStream::connect_timeout(&resolved, WAIT)
        .map_err(|e| format!("{address} does not answer: {e}; is the hall running, is the port right?"))?;
    let failed = |e: &dyn std::fmt::Display| {
        format!("{address} answers, but TLS fails: {e}; are ca, certificate and key of the same city?")
    };
    tcp.set_read_timeout(Some(WAIT))
        .and_then(|()| tcp.set_write_timeout(Some(WAIT)))
        .map_err(|e| failed(&e))?;
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host).map_err(|e| failed(&e))?;
    let mut tls = ClientConnection::new(config, name).map_err(|e| failed(&e))?;
    while tls.is_handshaking() {
        tls.complete_io(&mut tcp).map_err(|e| failed(&e))?;
    }
    tcp.set_read_timeout(Some(ALERT_WAIT)).map_err(|e| failed(&e))?;
    match Stream::new(&mut tls, &mut tcp).read(&mut [0]) {
        Ok(_) => Ok(()),
        Err(e) if matches!(e.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Ok(()),
        Err(e) => Err(failed(&e)),
    }
}
