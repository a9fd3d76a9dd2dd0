//! Fuzzes the decoder of tk103.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("tk103", data));
