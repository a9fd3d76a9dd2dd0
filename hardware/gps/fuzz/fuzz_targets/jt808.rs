//! Fuzzes the decoder of jt808.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("jt808", data));
