//! How far one conversation has come.

use std::time::Duration;

use super::changes::Estimates;
use super::clock::ClockWatch;
use super::now::Flags;
use super::sxl::SxlVersion;
use super::version::Core;
use crate::controllers::KnownSite;
use crate::security::SecurityLevel;

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

/// What we do by ourselves over one link.
pub struct Own {
    /// New security codes that were sent.
    pub codes_sent: Vec<SecurityLevel>,
    /// Where the site's clock is to be set, and can be.
    pub clock: Option<ClockWatch>,
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
    pub own: Box<Own>,
    pub flags: Flags,
    pub estimates: Estimates,
    /// The groups as they were told last (S0001), and when, by `At::elapsed`.
    pub groups: String,
    pub groups_told: Option<Duration>,
}
