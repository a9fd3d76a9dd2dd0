//! Fuzzes the decoder of suntech.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("suntech", data));
