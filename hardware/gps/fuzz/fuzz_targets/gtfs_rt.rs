//! Fuzzes the decoder of gtfs_rt.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("gtfs_rt", data));
