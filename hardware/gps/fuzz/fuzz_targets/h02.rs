//! Fuzzes the decoder of h02.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("h02", data));
