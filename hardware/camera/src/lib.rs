//! The camera door: pictures out of files and streams, read in place out of GStreamer's memory; clips written for people.
//!
//! Suggested reading order: `streams` (access units, one file per way of reading), `bitstream` (what they say undecoded),
//! `frame_time`, `decoder` (units into pictures, on the thread that asks); `probe` measures this machine. `drivers`, `pipeline`
//! and `mailbox` give whole pictures out of a running pipeline: only tests still read cameras that way.

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
