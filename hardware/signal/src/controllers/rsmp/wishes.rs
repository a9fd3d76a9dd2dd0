//! What we want from a site. Commands of later issues join here: they are paced and acknowledged alike.

use std::collections::VecDeque;
use std::time::Duration;

use super::content::GROUPS_CODE;
use super::outgoing::{About, Outgoing, StatusName, Subscription};
use super::phase::Site;
use super::version::Core;
use super::{changes, counts, now};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// Once: a subscription that outlived the link brings no value of its own ("unless … already active").
    GroupsNow,
    GroupsOnChange,
    /// Mode and plan.
    NowOnce,
    NowOnChange,
    /// When a group goes to green and to red, by its place in [`crate::controllers::KnownSite::groups`].
    ChangesOf(usize),
    /// What all detectors count.
    Counts,
    /// What one counts, by its place in [`crate::controllers::KnownSite::detectors`].
    CountsOf(usize),
}

/// What S0001 tells, and whether we want it the moment it changes.
const S0001: [(&str, bool); 4] =
    [("signalgroupstatus", true), ("stage", true), ("cyclecounter", false), ("basecyclecounter", false)];

/// Between two reports of the counters. On change they would come every second, and fill the site's buffer of
/// 10,000 messages within three hours of a cut link; the groups alone last most of a day.
const COUNTERS_INTERVAL: Tell = Tell::Every(Duration::from_secs(60));

/// When the site is to tell a value.
#[derive(Clone, Copy)]
enum Tell {
    OnChange,
    Every(Duration),
}

impl Wish {
    /// What each session begins with; the standard wants it anew after each restart of a site.
    pub fn at_start(site: &Site) -> VecDeque<Wish> {
        let known = &site.known;
        let foretells = !changes::names(site.sxl).is_empty();
        let groups = (0..known.groups.len()).filter(|_| foretells).map(Wish::ChangesOf);
        let counts = if known.detectors.is_empty() { vec![Wish::Counts] } else { Vec::new() };
        let one_by_one = (0..known.detectors.len()).map(Wish::CountsOf);
        [Wish::GroupsNow, Wish::GroupsOnChange, Wish::NowOnce, Wish::NowOnChange]
            .into_iter()
            .chain(groups)
            .chain(counts)
            .chain(one_by_one)
            .collect()
    }

    /// The message that asks `site` for it; counts come every `counts_interval`.
    pub fn message(self, id: String, site: &Site, counts_interval: Duration) -> Outgoing {
        let (core, sxl) = (site.core, site.sxl);
        let about = |component: &str| About::component(component.to_owned());
        let main = || about(&site.known.main_component);
        let counts = |about: About, of_one: bool| {
            let what = counts::names(sxl, of_one).into_iter();
            let what = what.map(|status| subscription(core, status, Tell::Every(counts_interval)));
            Outgoing::StatusSubscribe { id: id.clone(), about, what: what.collect() }
        };
        match self {
            Wish::GroupsNow => {
                Outgoing::StatusRequest { id, about: main(), what: S0001.map(|(name, _)| named(name)).into() }
            }
            Wish::GroupsOnChange => {
                let tell = |on_change| if on_change { Tell::OnChange } else { COUNTERS_INTERVAL };
                let what =
                    S0001.map(|(name, on_change)| subscription(core, named(name), tell(on_change))).into();
                Outgoing::StatusSubscribe { id, about: main(), what }
            }
            Wish::NowOnce => Outgoing::StatusRequest { id, about: main(), what: now::names(sxl) },
            Wish::NowOnChange => {
                let what = now::names(sxl).into_iter();
                let what = what.map(|status| subscription(core, status, Tell::OnChange)).collect();
                Outgoing::StatusSubscribe { id, about: main(), what }
            }
            Wish::ChangesOf(index) => {
                let what = changes::names(sxl).into_iter();
                let what = what.map(|status| subscription(core, status, Tell::OnChange)).collect();
                let group = site.known.groups.get(index).map_or("", String::as_str);
                Outgoing::StatusSubscribe { id, about: about(group), what }
            }
            Wish::Counts => counts(main(), false),
            Wish::CountsOf(index) => {
                counts(about(site.known.detectors.get(index).map_or("", String::as_str)), true)
            }
        }
    }
}

fn named(name: &'static str) -> StatusName {
    StatusName { code: GROUPS_CODE, name }
}

fn subscription(core: Core, status: StatusName, tell: Tell) -> Subscription {
    let (on_change, seconds) = match tell {
        Tell::OnChange => (true, 0),
        Tell::Every(interval) => (false, interval.as_secs().max(1)),
    };
    Subscription {
        status,
        interval_s: seconds.to_string(),
        on_change: core.has_send_on_change().then_some(on_change),
    }
}
