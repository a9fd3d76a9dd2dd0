//! One small trait per door to the world, and a scripted fake of each. Inner rooms know doors, never what is behind them.

pub mod bus;
pub mod camera;
pub mod clock;
pub mod colour;
pub mod fake;
pub mod infer;
pub mod orders;
pub mod secrets;
pub mod shelf;
pub mod signal;
pub mod sink;
pub mod units;

pub use clock::{Clock, FakeClock, Synchrony, SystemClock};
