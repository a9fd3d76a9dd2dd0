//! Who may do what, decided in this one place.

use std::str::FromStr;

use models_domain::JunctionId;
use tonic::Status;

use super::sessions::Session;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    Administrator,
    /// Looks and searches; changes nothing in the street.
    Viewer,
}

impl Role {
    pub const ALL: [Role; 2] = [Role::Administrator, Role::Viewer];

    /// As it is stored.
    pub fn name(self) -> &'static str {
        match self {
            Role::Administrator => "administrator",
            Role::Viewer => "viewer",
        }
    }
}

impl FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let known = || Role::ALL.map(Role::name).join(", ");
        let role = Role::ALL.into_iter().find(|role| role.name() == text);
        role.ok_or_else(|| format!("{text:?} is no role; there are {}", known()))
    }
}

/// Something that not everybody may do. It names what it is about, so that rights by area have something to go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Right<'a> {
    CommandSignal(&'a JunctionId),
}

/// Whether the session's user may.
pub fn may(session: &Session, right: Right<'_>) -> bool {
    match right {
        Right::CommandSignal(_) => session.role == Role::Administrator,
    }
}

/// # Errors
/// `PERMISSION_DENIED`, saying what is missing.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn check(session: &Session, right: Right<'_>) -> Result<(), Status> {
    if may(session, right) {
        return Ok(());
    }
    let Right::CommandSignal(junction) = right;
    Err(Status::permission_denied(format!(
        "{} may not command the signals of {junction}; an administrator may",
        session.user
    )))
}
