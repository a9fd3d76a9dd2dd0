//! The only crate with SQL. Today SQLite in one file; PostgreSQL comes behind the same [`Store`].
//!
//! Suggested reading order: `open`, `ingest` (the one writer of events), `minutes` (sums),
//! `read` (lists), `gateways`, `enrolled` (which of them may speak), `people`, `rights`, `audit`, `stills`, `evidence`,
//! `timetables`, `verdicts` (which positions are believed), `bus_days` (what became of them), `bus_events`, `due_days` (which are to
//! be reckoned anew), `bus_list`, `prediction_scores`, `probes` (the roads), `trackers`, `signal_orders`, `order_rates`, `adaptive_orders`, `emergencies`, `bus_priority`, `signals` (what they showed), `signal_plans`,
//! `detectors` (what they counted), `camera_troubles`, `signal_faults`, `work_orders`.

mod adaptive_orders;
mod audit;
mod bus_days;
mod bus_events;
mod bus_list;
mod bus_priority;
mod camera_troubles;
mod detectors;
mod due_days;
mod emergencies;
mod enrolled;
mod errs;
mod evidence;
mod fixes;
mod gateways;
mod ingest;
mod measures;
mod minutes;
mod open;
mod order_rates;
mod people;
mod prediction_scores;
mod probes;
mod read;
mod retention;
mod rights;
mod rows;
mod signal_faults;
mod signal_orders;
mod signal_plans;
mod signals;
mod stills;
mod timetables;
mod tracker_orders;
mod trackers;
mod verdicts;
mod work_orders;

pub use audit::{AuditLine, AuditLines};
pub use bus_days::{BusEvent, BusEventFilter, BusEventRow, BusNews, PassingFilter, Whole};
pub use bus_list::BusKey;
pub use bus_priority::{BusPriorityRow, MeasuredPriority};
pub use camera_troubles::TroubleRow;
pub use detectors::DetectorRow;
pub use due_days::Due;
pub use emergencies::EmergencyRow;
pub use enrolled::EnrolledRow;
pub use errs::{Kind, StoreError};
pub use evidence::WantedStill;
pub use fixes::StoredFix;
pub use gateways::{SavedState, StateRow};
pub use ingest::{Commit, Gap, NewEvent};
pub use measures::MeasureRow;
pub use minutes::{CountRow, Figures, Span, WatchedRow};
pub use open::Store;
pub use people::SessionRow;
pub use probes::{ProbeLine, ProbeRow, SegmentRow};
pub use read::{EventRow, ListFilter, PageKey};
pub use retention::Forgotten;
pub use rights::{EVERYWHERE, Grant, UserRow};
pub use signal_faults::FaultRow;
pub use signal_orders::{
    ADAPTIVE, APPROVE_WITHIN, BUS_PRIORITY, CALENDAR, NOT_SENT, NewOrder, OrderRow, SENT, TAKEN, WAITING,
};
pub use signal_plans::PlanRow;
pub use signals::SignalRow;
pub use timetables::TimetableRow;
pub use tracker_orders::TrackerOrderRow;
pub use trackers::{HeardRow, PositionRow, TrackerRow};
pub use verdicts::RejectedFix;
pub use work_orders::{
    Moved, NewWorkOrder, Opened, WorkOrderFilter, WorkOrderMove, WorkOrderMoveRow, WorkOrderRow,
};

#[cfg(test)]
mod tests;
