//! Who may do what, decided in this one place.

use std::collections::BTreeSet;
use std::str::FromStr;

use control_center_store::{EVERYWHERE, Grant};
use tonic::Status;

use super::sessions::Session;
use crate::areas::{Area, Place};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Gets the rights to command and to maintain signals everywhere unless its areas are said, and then also the one to give
    /// trackers orders.
    Administrator,
    /// Looks and searches; commands and maintains signals, and gives trackers orders, only where somebody gave the right.
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

    /// The rights of a new user of this role, with the areas said for signals or without.
    pub fn grants(self, areas: Option<&Scope>) -> Vec<Grant> {
        match (areas, self) {
            (Some(areas), _) => areas.signals(),
            (None, Role::Administrator) => {
                Scope::Everywhere.signals().into_iter().chain([trackers()]).collect()
            }
            (None, Role::Viewer) => Vec::new(),
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

/// The permission to command signals, as it is stored.
pub const COMMAND_SIGNALS: &str = "command_signals";
/// The permission to open work orders for signals and to move them, as it is stored.
pub const MAINTAIN_SIGNALS: &str = "maintain_signals";
/// The permission to give trackers of buses orders. Buses go everywhere, so it holds everywhere.
pub const COMMAND_TRACKERS: &str = "command_trackers";

/// The right to give trackers orders.
pub fn trackers() -> Grant {
    Grant { permission: COMMAND_TRACKERS.to_owned(), area: EVERYWHERE.to_owned() }
}

/// Where a permission holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    Everywhere,
    /// By the areas' ids; none of them is nowhere.
    Areas(BTreeSet<String>),
}

impl Scope {
    /// Where somebody with these rights may use `permission`.
    pub fn of(grants: &[Grant], permission: &str) -> Self {
        let areas = grants.iter().filter(|grant| grant.permission == permission).map(|grant| &grant.area);
        let areas: BTreeSet<String> = areas.cloned().collect();
        if areas.contains(EVERYWHERE) { Self::Everywhere } else { Self::Areas(areas) }
    }

    pub fn holds(&self, place: &Place<'_>) -> bool {
        match self {
            Scope::Everywhere => true,
            Scope::Areas(areas) => place.areas.iter().any(|area| areas.contains(&area.id)),
        }
    }

    /// The areas' names, for people; those that are not configured any more are left out.
    pub fn names(&self, areas: &[Area]) -> Vec<String> {
        match self {
            Scope::Everywhere => vec![EVERYWHERE.to_owned()],
            Scope::Areas(ids) => {
                areas.iter().filter(|area| ids.contains(&area.id)).map(|area| area.name.clone()).collect()
            }
        }
    }

    /// As rights to do something here.
    pub fn grants(&self, permission: &str) -> Vec<Grant> {
        let areas = match self {
            Scope::Everywhere => vec![EVERYWHERE.to_owned()],
            Scope::Areas(areas) => areas.iter().cloned().collect(),
        };
        areas.into_iter().map(|area| Grant { permission: permission.to_owned(), area }).collect()
    }

    /// As rights to command signals here, and to maintain them.
    fn signals(&self) -> Vec<Grant> {
        [COMMAND_SIGNALS, MAINTAIN_SIGNALS]
            .into_iter()
            .flat_map(|permission| self.grants(permission))
            .collect()
    }

    /// `all`, or the ids of areas with commas between.
    ///
    /// # Errors
    /// Naming what there is no area for.
    pub fn parse(text: &str, areas: &[Area]) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self::Everywhere);
        }
        let ids: BTreeSet<String> = text.split(',').map(|id| id.trim().to_owned()).collect();
        let unknown: Vec<_> = ids.iter().filter(|id| !areas.iter().any(|area| area.id == **id)).collect();
        if unknown.is_empty() {
            return Ok(Self::Areas(ids));
        }
        let known: Vec<_> = areas.iter().map(|area| area.id.as_str()).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        Err(format!("there is no [[area]] {unknown:?} in the configuration, there are: {known}; or say all"))
    }
}

/// Something that not everybody may do. It names what it is about, so that rights by area have something to go by.
#[derive(Debug, Clone, Copy)]
pub enum Right<'a> {
    CommandSignal(&'a Place<'a>),
    MaintainSignal(&'a Place<'a>),
    CommandTracker,
}

/// Whether the session's user may.
pub fn may(session: &Session, right: Right<'_>) -> bool {
    match right {
        Right::CommandSignal(place) => session.signals.holds(place),
        Right::MaintainSignal(place) => session.maintenance.holds(place),
        Right::CommandTracker => session.trackers,
    }
}

/// # Errors
/// `PERMISSION_DENIED`, saying what is missing.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn check(session: &Session, right: Right<'_>) -> Result<(), Status> {
    if may(session, right) {
        return Ok(());
    }
    let user = &session.user;
    Err(Status::permission_denied(match right {
        Right::CommandSignal(place) => refusal(user, &session.signals, place),
        Right::MaintainSignal(place) => not_maintained_by(user, place),
        Right::CommandTracker => format!(
            "{user} may not give trackers orders; the hall's `control-center users give --trackers` gives the right"
        ),
    }))
}

/// Why `user` may not command the signals of a place.
pub fn refusal(user: &str, scope: &Scope, place: &Place<'_>) -> String {
    let junction = place.junction;
    let nowhere = matches!(scope, Scope::Areas(areas) if areas.is_empty());
    if nowhere {
        return format!(
            "{user} may not command signals; the hall's `control-center users give` gives the right"
        );
    }
    let areas: Vec<_> = place.areas.iter().map(|area| area.name.as_str()).collect();
    let areas = if areas.is_empty() { "no area".to_owned() } else { areas.join(", ") };
    format!("{user} may not command the signals of {junction}: it is in {areas}, where {user} has no right")
}

/// Why `user` may not have the signals of a place mended.
pub fn not_maintained_by(user: &str, place: &Place<'_>) -> String {
    let junction = place.junction;
    format!(
        "{user} may not maintain the signals of {junction}; the hall's `control-center users give --maintenance` gives the right"
    )
}
