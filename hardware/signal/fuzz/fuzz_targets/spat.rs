//! Whatever a controller says over SPaT.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("spat", data));
