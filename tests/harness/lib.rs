//! What end-to-end tests share: programs started and stopped, ports, waiting for a condition.

pub mod ports;
pub mod programs;
