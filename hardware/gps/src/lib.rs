//! The GPS door: trackers of buses speak, fixes come out. `protocols` is pure, `server` is the one loop for all of them.

pub mod protocols;
pub mod server;

pub use protocols::Zone;
pub use server::{GpsServer, GpsServerError, GpsServerSettings, Limits, Listener, Transport, serve};
