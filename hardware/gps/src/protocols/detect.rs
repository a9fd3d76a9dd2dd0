//! Which protocol a connection speaks, from its first bytes: several may share a port.

use super::{ALL, Framing, Protocol};

/// What the first bytes of a connection say of one protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detected {
    Yes,
    No,
    /// More bytes are needed to tell.
    Perhaps,
}

/// Reads the first bytes of a connection. Never panics.
pub type Detect = fn(buf: &[u8]) -> Detected;

/// The most bytes that any protocol needs to be told apart.
pub const ENOUGH: usize = 32;

/// The first of all protocols that `buf` begins; `Ok(None)` when more bytes are needed.
///
/// # Errors
/// Says what the bytes were that fit none.
pub fn protocol_of(buf: &[u8]) -> Result<Option<&'static Protocol>, String> {
    let mut perhaps = false;
    for protocol in ALL.iter().filter(|p| p.framing == Framing::Stream) {
        match (protocol.detect)(buf) {
            // An earlier one that may still fit goes before.
            Detected::Yes if perhaps && buf.len() < ENOUGH => return Ok(None),
            Detected::Yes => return Ok(Some(protocol)),
            Detected::Perhaps => perhaps = true,
            Detected::No => {}
        }
    }
    if perhaps && buf.len() < ENOUGH {
        return Ok(None);
    }
    let shown = &buf[..buf.len().min(ENOUGH)];
    Err(format!(
        "{} begins no protocol that this build can tell by its first bytes",
        super::bytes::hex(shown)
    ))
}

/// Whether `buf` begins with one of `beginnings`.
pub(super) fn begins(buf: &[u8], beginnings: &[&[u8]]) -> Detected {
    let common = |b: &[u8]| buf.iter().zip(b).all(|(have, want)| have == want);
    match beginnings.iter().find(|b| common(b)) {
        Some(b) if buf.len() >= b.len() => Detected::Yes,
        Some(_) => Detected::Perhaps,
        None => Detected::No,
    }
}

/// Nothing is told apart: for protocols without a socket.
pub(super) fn never(_: &[u8]) -> Detected {
    Detected::No
}
