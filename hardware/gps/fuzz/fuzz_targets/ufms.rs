//! Fuzzes the decoder of ufms.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("ufms", data));
