//! What we want from a site. Commands of later issues join here: they are paced and acknowledged alike.

use super::content::GROUPS_CODE;
use super::now;
use super::outgoing::{About, Outgoing, StatusName, Subscription};
use super::sxl::SxlVersion;
use super::version::Core;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Once: a subscription that outlived the link brings no value of its own ("unless … already active").
    GroupsNow,
    GroupsOnChange,
    /// Mode and plan.
    NowOnce,
    NowOnChange,
}

/// What S0001 tells, and whether we want it the moment it changes.
const S0001: [(&str, bool); 4] =
    [("signalgroupstatus", true), ("stage", true), ("cyclecounter", false), ("basecyclecounter", false)];

/// Seconds between two reports of the counters. On change they would come every second, and fill the site's buffer of
/// 10,000 messages within three hours of a cut link; the groups alone last most of a day.
const COUNTERS_INTERVAL_S: &str = "60";

impl Wish {
    /// What each session begins with; the standard wants it anew after each restart of a site.
    pub const AT_START: [Wish; 4] = [Wish::GroupsNow, Wish::GroupsOnChange, Wish::NowOnce, Wish::NowOnChange];

    /// The message that asks `component` for it.
    pub fn message(self, id: String, core: Core, sxl: SxlVersion, component: String) -> Outgoing {
        let about = About::component(component);
        match self {
            Wish::GroupsNow => {
                Outgoing::StatusRequest { id, about, what: S0001.map(|(name, _)| named(name)).into() }
            }
            Wish::GroupsOnChange => Outgoing::StatusSubscribe {
                id,
                about,
                what: S0001
                    .map(|(name, on_change)| subscription(core, (GROUPS_CODE, name), on_change))
                    .into(),
            },
            Wish::NowOnce => Outgoing::StatusRequest { id, about, what: now::names(sxl) },
            Wish::NowOnChange => {
                let what = now::names(sxl).into_iter();
                let what = what.map(|status| subscription(core, (status.code, status.name), true)).collect();
                Outgoing::StatusSubscribe { id, about, what }
            }
        }
    }
}

fn named(name: &'static str) -> StatusName {
    StatusName { code: GROUPS_CODE, name }
}

fn subscription(core: Core, (code, name): (&'static str, &'static str), on_change: bool) -> Subscription {
    Subscription {
        status: StatusName { code, name },
        interval_s: if on_change { "0" } else { COUNTERS_INTERVAL_S }.to_owned(),
        on_change: core.has_send_on_change().then_some(on_change),
    }
}
