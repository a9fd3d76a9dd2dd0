//! Fuzzes the decoder of t55_nmea.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("t55_nmea", data));
