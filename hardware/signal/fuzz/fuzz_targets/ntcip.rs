//! Whatever a controller says over NTCIP.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("ntcip", data));
