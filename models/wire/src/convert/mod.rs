//! Domain <-> protobuf, round-trip tested. What cannot be understood is refused with the field's name.

pub mod alarm;
pub mod batch;
pub mod counts;
pub mod detectors;
pub mod effort;
pub mod event;
pub mod gateway;
pub mod gtfs_realtime;
pub mod red_light;
pub mod rule;
pub mod signal;
pub mod tracker_order;
pub mod tracks;

/// A message that is valid protobuf but not of this contract.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct BadMessage {
    pub field: &'static str,
    pub why: String,
}

impl BadMessage {
    pub fn new(field: &'static str, why: impl ToString) -> Self {
        Self { field, why: why.to_string() }
    }
}
