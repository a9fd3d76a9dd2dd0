//! The only crate with SQL. Today SQLite in one file; PostgreSQL comes behind the same [`Store`].
//!
//! Suggested reading order: `open`, `ingest` (the one writer of events), `read` (lists and sums), `gateways`,
//! `enrolled` (which of them may speak), `people`, `stills`.

mod enrolled;
mod errs;
mod gateways;
mod ingest;
mod open;
mod people;
mod read;
mod rows;
mod stills;

pub use enrolled::EnrolledRow;
pub use errs::{Kind, StoreError};
pub use gateways::{SavedState, StateRow};
pub use ingest::{Commit, Gap, NewEvent};
pub use open::Store;
pub use people::SessionRow;
pub use read::{CountRow, EventRow, Figures, ListFilter, PageKey, Span};

#[cfg(test)]
mod tests;
