//! The work of one pole; knows doors, never gstreamer, ort or zenoh.
//!
//! Start reading in `camera_worker`: packet -> frame -> detect -> track -> rules -> outbox.

pub mod board;
pub mod keep;
pub mod keeper;
pub mod outbox;
pub mod signal_worker;
pub mod spool;
