//! Integration tests: promises about the code, and the house as a whole.

mod buses;
mod cameras;
mod kill_hall;
mod layers;
mod scenarios;
mod signals;
mod source;
mod tidy;
