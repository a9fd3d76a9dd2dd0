//! Fuzzes the decoder of teltonika.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("teltonika", data));
