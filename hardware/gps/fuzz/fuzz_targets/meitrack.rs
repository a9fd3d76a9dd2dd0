//! Fuzzes the decoder of meitrack.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("meitrack", data));
