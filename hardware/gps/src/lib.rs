//! The GPS door: trackers of buses speak, fixes come out. `protocols` is pure, `server` is the one loop for all of them.

pub mod protocols;
