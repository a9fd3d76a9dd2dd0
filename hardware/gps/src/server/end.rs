//! Why a connection ended, and what the log says of it: who connects again and again must not fill it.

use std::net::SocketAddr;

use hardware_ports::sink::NotKept;

use super::Shared;
use crate::quiet::line;

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    #[error("the device closed it")]
    Closed,
    #[error("the server stops")]
    Stopped,
    #[error("nothing came for too long")]
    Idle,
    #[error("a message did not become whole in time")]
    Slow,
    #[error("{0}")]
    Strange(String),
    #[error("{0} bytes made no message")]
    TooLong(usize),
    #[error("{0} messages in a row could not be read")]
    TooBad(u32),
    #[error("a device that has not said who it is sent a position")]
    Nameless,
    #[error("{0} is not among the devices that are taken; add it to buses.devices if it is one of yours")]
    Unlisted(String),
    #[error("{0}")]
    NotKept(NotKept),
    #[error("{0}")]
    Broken(#[from] std::io::Error),
}

impl End {
    /// Of each address one line a minute of what somebody should look at, and one of what is slow.
    pub fn tell(&self, shared: &Shared, protocol: &str, peer: SocketAddr, device: &str) {
        let why = line(&self.to_string());
        let due = |kind: &str| shared.told.due(&format!("{kind} {}", peer.ip()), shared.clock.elapsed());
        match self {
            Self::Closed | Self::Stopped | Self::Broken(_) => {
                tracing::debug!(protocol, %peer, device, "connection ended: {why}");
            }
            Self::Idle | Self::Slow => {
                if let Some(times) = due("slow") {
                    tracing::info!(protocol, %peer, device, times, "connection ended: {why}");
                }
            }
            Self::Strange(_)
            | Self::TooLong(_)
            | Self::TooBad(_)
            | Self::Nameless
            | Self::Unlisted(_)
            | Self::NotKept(_) => {
                if let Some(times) = due("ended") {
                    tracing::warn!(protocol, %peer, device, times, "connection ended: {why}");
                }
            }
        }
    }
}
