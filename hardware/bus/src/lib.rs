//! The bus door: zenoh over TLS with a certificate on both sides. Moves (key, bytes); knows no message.
//!
//! Suggested reading order: `settings` (who listens, who dials), `access` (who may say what), `session` (the [`Bus`] itself),
//! `line`, `presence`, `tell` (what people should know of it), `tls`, `threads`.
//!
//! [`Bus`]: hardware_ports::bus::Bus

mod access;
mod line;
mod presence;
mod probe;
mod session;
mod settings;
mod tell;
mod threads;
mod tls;

pub use access::{Access, Grant, Grants};
pub use session::ZenohBus;
pub use settings::{BusSettings, Role, TlsFiles};
pub use threads::read_and_write_on_one_thread;
pub use tls::common_name;
