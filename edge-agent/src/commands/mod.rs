//! One file per subcommand.

pub mod analyze;
pub mod detect;
pub mod gps;
pub mod probe;
pub mod run;
pub mod track;
