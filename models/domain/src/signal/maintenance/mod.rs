//! What is wrong with signal controllers, and the work orders to mend it. `fault` (what alarms mean), `health` (when a fault
//! begins and ends), `work_order` (what people do about it). Pure.

mod fault;
mod health;
mod work_order;

pub use fault::{Fault, FaultKind, Part, UNSTABLE, kind_of};
pub use health::{Away, Health, LOST_AFTER, News, Observed, PART_MAX};
pub use work_order::{BACK_WITHIN, Done, State, Step, Verdict, due_in, verdict};

#[cfg(test)]
mod health_tests;
