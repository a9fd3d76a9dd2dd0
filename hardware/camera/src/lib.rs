//! The camera door: pictures out of files and streams, read in place out of GStreamer's memory; clips written for people.
//!
//! Suggested reading order: `streams` (access units, one file per way of reading), `bitstream` (what they say undecoded),
//! `frame_time`, `decoder` (units into pictures, on the thread that asks); `probe` measures this machine.

mod address;
mod bitstream;
mod decode;
mod decoder;
mod frame_time;
mod picture;
pub mod probe;
mod problem;
mod streams;
mod writer;

pub use decode::DecoderKind;
pub use streams::{Cameras, clip_length};
pub use writer::{Mp4Writer, WriteError};
