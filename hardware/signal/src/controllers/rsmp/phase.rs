//! How far one conversation has come.

use std::time::Duration;

use super::changes::Estimates;
use super::now::Flags;
use super::sxl::SxlVersion;
use super::version::Core;
use crate::controllers::KnownSite;

/// A message of ours that waits for its acknowledgement.
pub struct Unacknowledged {
    pub kind: &'static str,
    pub until: Duration,
}

pub enum Phase {
    /// Nothing but a Version is answered.
    Introduction {
        until: Duration,
    },
    /// Versions are exchanged; the site's Watchdog comes next.
    FirstWatchdog {
        until: Duration,
        site: Site,
    },
    Established(Established),
}

/// Who has introduced itself.
#[derive(Clone)]
pub struct Site {
    pub known: KnownSite,
    pub core: Core,
    pub sxl: SxlVersion,
}

/// A link that is up, by `At::elapsed`.
pub struct Established {
    pub site: Site,
    pub since: Duration,
    pub watchdog_heard: Duration,
    pub watchdog_next: Duration,
    /// What is wrong although the link is up.
    pub remark: String,
    pub clock_warned: bool,
    pub asked: bool,
    pub flags: Flags,
    pub estimates: Estimates,
    /// The groups as they were told last (S0001).
    pub groups: String,
}
