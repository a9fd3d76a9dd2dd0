//! The signal door: controllers dial in (RSMP), are dialled (NTCIP) or broadcast (SPaT), and tell what their junctions show.
//!
//! Suggested reading order: `controllers` (one kind of controller each, pure), then `server` and `connection` (those that dial
//! in: sockets, limits), `dialler` (those that are dialled or heard), `links` (who speaks for a site), `desk` (orders),
//! `announce` (what vehicles are told).

pub mod announce;
mod connection;
pub mod controllers;
mod desk;
mod dialled;
pub mod dialler;
pub mod j2735;
mod links;
mod order;
mod security;
pub mod server;
mod steering;
mod tls;

pub use dialled::{Dialled, POLL_MAX, POLL_MIN};
pub use dialler::SignalDialler;
pub use security::{SecurityCode, SecurityCodes, SecurityLevel};
pub use server::{OrderDesk, ServeError, SignalServer, SignalServerSettings, Site, serve};
pub use steering::Steering;
pub use tls::TlsFiles;
