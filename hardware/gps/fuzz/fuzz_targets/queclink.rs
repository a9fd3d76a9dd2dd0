//! Fuzzes the decoder of queclink.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("queclink", data));
