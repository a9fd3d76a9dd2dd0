//! The signal door: controllers dial in (RSMP) or are dialled (NTCIP), and tell what their junctions show.
//!
//! Suggested reading order: `controllers` (one kind of controller each, pure), then `server` and `connection` (those that dial
//! in: sockets, limits), `dialler` (those that are dialled), `links` (who speaks for a site), `desk` (orders).

mod connection;
pub mod controllers;
mod desk;
pub mod dialler;
mod links;
mod order;
pub mod server;
mod steering;
mod tls;

pub use dialler::{Dialled, SignalDialler};
pub use server::{OrderDesk, ServeError, SignalServer, SignalServerSettings, Site, serve};
pub use steering::Steering;
pub use tls::TlsFiles;
