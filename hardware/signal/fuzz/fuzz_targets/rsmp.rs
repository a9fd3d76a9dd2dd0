//! Whatever a controller says over RSMP.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("rsmp", data));
