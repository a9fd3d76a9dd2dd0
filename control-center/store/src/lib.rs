//! The only crate with SQL. Today SQLite in one file; PostgreSQL comes behind the same [`Store`].
//!
//! Suggested reading order: `open`, `ingest` (the one writer of events), `read` (lists and sums), `gateways`, `people`, `stills`.

mod errs;
mod gateways;
mod ingest;
mod measures;
mod open;
mod people;
mod read;
mod rows;
mod stills;

pub use errs::{Kind, StoreError};
pub use gateways::{SavedState, StateRow};
pub use ingest::{Commit, Gap, NewEvent};
pub use measures::MeasureRow;
pub use open::Store;
pub use people::SessionRow;
pub use read::{CountRow, EventRow, Figures, ListFilter, PageKey, Span};

#[cfg(test)]
mod tests;
