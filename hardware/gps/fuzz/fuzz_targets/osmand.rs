//! Fuzzes the decoder of osmand.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("osmand", data));
