//! The hall's rules: what to take, what the city looks like now. Pure: no sockets, no files, no clock.
//!
//! Suggested reading order: `ingest` (which events are new), `city` (what viewers see), `limits` (who tries too often), `search` (one list out of
//! many answers).

pub mod city;
pub mod ingest;
pub mod junction;
pub mod limits;
pub mod search;
