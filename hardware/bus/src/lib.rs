//! The bus door: zenoh over TLS with a certificate on both sides. Moves (key, bytes); knows no message.
//!
//! Suggested reading order: `settings` (who listens, who dials), `session` (the [`Bus`] itself), `presence`, `tls`.
//!
//! [`Bus`]: hardware_ports::bus::Bus

mod presence;
mod probe;
mod session;
mod settings;
mod tls;

pub use session::ZenohBus;
pub use settings::{BusSettings, Role, TlsFiles};
