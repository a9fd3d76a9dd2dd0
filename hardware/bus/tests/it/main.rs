//! The bus over real TCP and TLS on 127.0.0.1, with certificates made for each test.
#![allow(clippy::unwrap_used, reason = "a test file; helpers outside of test functions too")]

mod access;
mod city;
mod over_tls;
mod rules_cost;
