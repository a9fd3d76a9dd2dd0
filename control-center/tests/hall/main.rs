//! The running hall from outside: the real program, real TLS, a real bus.

mod closed;
mod harness;
mod sign_in;
mod start_stop;
mod street;
