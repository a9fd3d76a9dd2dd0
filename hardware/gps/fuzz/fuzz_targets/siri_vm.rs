//! Fuzzes the decoder of siri_vm.
#![no_main]

mod feed;

libfuzzer_sys::fuzz_target!(|data: &[u8]| feed::feed("siri_vm", data));
