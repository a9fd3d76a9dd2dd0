//! Fuzzes the decoder of gt06.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("gt06", data));
