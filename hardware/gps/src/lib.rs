//! The GPS door: trackers of buses speak, fixes come out. `protocols` is pure, `server` is the one loop for those that
//! come over sockets, `broker` takes and gives UFMS over AMQP, `feeds` asks
//! operators' servers.

pub mod broker;
pub mod feeds;
pub mod protocols;
mod quiet;
pub mod server;

pub use protocols::Zone;
pub use server::{GpsServer, GpsServerError, GpsServerSettings, Limits, Listener, Transport, serve};
