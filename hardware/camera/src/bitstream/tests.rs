//! Parameter sets and slices of real encoders (x264, x265), and what is left of them when bytes are damaged.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
