//! Fuzzes the decoder of wialon.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("wialon", data));
