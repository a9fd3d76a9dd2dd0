//! The camera door: pictures out of files and streams, read in place out of GStreamer's memory; clips written for people.
//!
//! Suggested reading order: `drivers` (one file per way of reading), `pipeline` (what they share), `decode`, `mailbox`; `probe` measures this machine.

mod address;
mod bitstream;
mod decode;
mod decoder;
mod drivers;
mod frame_time;
mod mailbox;
mod picture;
mod pipeline;
pub mod probe;
mod problem;
mod streams;
mod writer;

pub use drivers::Cameras;
pub use streams::clip_length;
pub use writer::{Mp4Writer, WriteError};
