//! The only crate with SQL. Today SQLite in one file; PostgreSQL comes behind the same [`Store`].
//!
//! Suggested reading order: `open`, `ingest` (the one writer of events), `minutes` (sums),
//! `read` (lists), `gateways`, `people`, `audit`, `stills`.

mod audit;
mod errs;
mod gateways;
mod ingest;
mod minutes;
mod open;
mod people;
mod read;
mod rows;
mod stills;

pub use audit::AuditLine;
pub use errs::{Kind, StoreError};
pub use gateways::{SavedState, StateRow};
pub use ingest::{Commit, Gap, NewEvent};
pub use minutes::{CountRow, Figures, Span, WatchedRow};
pub use open::Store;
pub use people::SessionRow;
pub use read::{EventRow, ListFilter, PageKey};

#[cfg(test)]
mod tests;
