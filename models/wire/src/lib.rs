//! The contract that poles, hall and page meet at, owned by neither: messages, their conversion, and every bus key.

pub mod certificates;
pub mod convert;
pub mod gtfs_realtime;
pub mod keys;
pub mod raw;

/// Generated from `proto/`; `cargo xtask gen` writes it, CI compares.
#[allow(clippy::all, clippy::pedantic, missing_docs)]
#[rustfmt::skip]
#[path = "gen/ngatu.v1.rs"]
pub mod v1;

/// The descriptors of `proto/`, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!("gen/descriptors.bin");
