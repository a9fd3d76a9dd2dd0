//! One file per subcommand.

pub mod analyze;
pub mod detect;
pub mod gps;
pub mod models;
pub mod probe;
pub mod run;
pub mod track;
