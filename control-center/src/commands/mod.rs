//! The subcommands, one file each.

pub mod add_user;
pub mod audit;
pub mod figures;
pub mod fixes;
pub mod gateway_certificate;
pub mod gtfs;
pub mod orders;
pub mod reset_password;
pub mod revoke_gateway;
pub mod serve;
pub mod users;

use std::io::Write;

use control_center_store::AuditLine;
use models_domain::UtcMillis;

/// What whoever has a shell in the hall does with its users.
fn audit_line(action: &str, what: String, at: UtcMillis) -> AuditLine {
    let (user, purpose) = ("the command line".to_owned(), String::new());
    AuditLine { at, user, action: action.to_owned(), purpose, what }
}

/// Shows a new password: on standard output, once, never in a log.
#[allow(clippy::print_stdout, reason = "a command's answer to the person who typed it")]
pub fn show_password(user: &str, password: &str) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    writeln!(out, "\n    ------------------------------------------------------------")?;
    writeln!(out, "    Sign in as    {user}")?;
    writeln!(out, "    Password      {password}")?;
    writeln!(out, "    It is shown this once. A new one: control-center reset-password")?;
    writeln!(out, "    ------------------------------------------------------------\n")?;
    out.flush()
}
