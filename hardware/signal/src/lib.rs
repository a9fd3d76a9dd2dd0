//! The signal door: controllers dial in (RSMP) and report what their junctions show.
//!
//! Suggested reading order: `controllers` (one kind of controller each, pure), then `server` and `connection` (sockets, limits),
//! `links` (who speaks for a site).

mod connection;
pub mod controllers;
mod links;
mod order;
pub mod server;
mod steering;
mod tls;

pub use server::{OrderDesk, ServeError, SignalServer, SignalServerSettings, Site, serve};
pub use steering::Steering;
pub use tls::TlsFiles;
