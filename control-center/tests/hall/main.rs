//! The running hall from outside: the real program, real TLS, a real bus.
#![allow(clippy::unwrap_used, reason = "a failed step is a failed test")]

mod access;
mod blind;
mod bus_days;
mod buses;
mod closed;
mod findings;
mod harness;
mod late;
mod metrics;
mod sign_in;
mod start_stop;
mod street;
mod supervise;
mod tracker_orders;
mod traffic;
