//! What the groups of one junction showed, by our clock: a bounded memory of what its controller told.
//!
//! A change lies between two bounds. It had come about when it was told of (our clock). And it had not before the moment
//! that the controller wrote on it, less what its clock is ahead of ours. By how much that is, is learned from every message:
//! the controller's time less our time of arrival is what it is ahead less the way of that message, so the largest of
//! late tells best. A message that waited on its way, or a clock that was set back, moves the bounds apart: it makes
//! nobody run a red light.
//!
//! That nothing was heard says nothing: a change may be on its way still. What was shown is known up to the moment that
//! the controller wrote on its newest message, since messages of one link keep their order.

use std::collections::VecDeque;

use super::{Shown, Trace};
use crate::signal::order::Mode;
use crate::signal::{Aspect, GroupStates};
use crate::units::{DurationMs, UtcMillis};

/// Changes that are remembered: some ten minutes of a busy junction.
const CHANGES_MAX: usize = 256;
/// The clock is learned from messages of so many minutes; those of one minute are one figure. At 100 ppm clocks drift apart
/// by 60 ms in that time.
const MINUTES: usize = 10;
const MINUTE: DurationMs = DurationMs(60_000);
/// Before so many messages the way of one is not told from what the clock is ahead.
const MESSAGES_MIN: u32 = 3;

/// Our own clock was set back when something arrives so much before what arrived before it.
const SET_BACK: DurationMs = DurationMs(1_000);
/// For so long after that nothing is known: what was seen just before bears times of the clock as it was.
pub const UNKNOWN_AFTER_SET_BACK: DurationMs = DurationMs(10_000);

/// One junction's memory. Feed it everything that its controller tells, in the order of arrival.
#[derive(Debug, Default)]
pub struct Lamp {
    changes: VecDeque<Entry>,
    clock: Clock,
    /// What is shown, whatever the mode.
    groups: Option<String>,
    mode: Option<Mode>,
    /// It tells its mode: while that is not known, nothing is.
    tells_mode: bool,
    /// The latest time of our clock that was heard of.
    now: Option<UtcMillis>,
    /// Nothing is known before it, since our clock was set back.
    unknown_before: Option<UtcMillis>,
    /// By our clock, the moment that the controller wrote on its newest message.
    until: Option<UtcMillis>,
}

#[derive(Debug, Clone)]
struct Entry {
    at: UtcMillis,
    by: UtcMillis,
    controller_at: UtcMillis,
    /// `None`: nobody knows.
    groups: Option<String>,
}

/// By how much the controller's clock is ahead of ours.
#[derive(Debug, Default)]
struct Clock {
    /// The largest of each minute, by its number.
    readings: VecDeque<(i64, i64)>,
    messages: u32,
}

impl Clock {
    fn read(&mut self, at: UtcMillis, ahead: DurationMs) {
        let minute = at.0.div_euclid(MINUTE.0);
        match self.readings.back_mut() {
            Some((last, most)) if *last == minute => *most = ahead.0.max(*most),
            Some(_) | None => self.readings.push_back((minute, ahead.0)),
        }
        // Our own clock may have been set back.
        self.readings.retain(|(of, _)| (0..MINUTES as i64).contains(&(minute - of)));
        self.messages = self.messages.saturating_add(1);
    }

    fn ahead(&self) -> Option<DurationMs> {
        let most = self.readings.iter().map(|(_, most)| *most).max()?;
        (self.messages >= MESSAGES_MIN).then_some(DurationMs(most))
    }
}

impl Lamp {
    /// The controller told of its groups; `at`: our time of arrival. What it had buffered is of a time at which nobody
    /// listened: that stays unknown.
    pub fn groups(&mut self, at: UtcMillis, told: &GroupStates) {
        self.arrive(at);
        if told.old {
            return;
        }
        self.clock.read(at, told.controller_at.since(at));
        let same = self.groups.as_ref() == Some(&told.groups);
        let is_known = self.changes.back().is_some_and(|last| last.groups.is_some());
        self.groups = Some(told.groups.clone());
        self.hear(at, told.controller_at);
        if !same || !is_known {
            self.show(at, told.controller_at, told.late);
        }
    }

    /// A message with the controller's time on it; `at`: our time of arrival.
    pub fn clock(&mut self, at: UtcMillis, ahead: DurationMs) {
        self.arrive(at);
        self.clock.read(at, ahead);
        self.hear(at, at + ahead);
        // What was told before the clock was known is shown still: a change would have come before this message.
        let unknown = self.changes.back().is_some_and(|last| last.groups.is_none());
        if unknown && self.is_known(at) && self.groups.is_some() && self.clock.ahead().is_some() {
            self.show(at, at + ahead, DurationMs(0));
        }
    }

    /// How it runs. Only a controller that runs its plan is held against anybody.
    pub fn mode(&mut self, at: UtcMillis, mode: Mode) {
        self.arrive(at);
        let was_normal = self.is_normal();
        let before = self.mode.replace(mode);
        self.tells_mode = true;
        if before == Some(mode) || (was_normal && mode == Mode::Normal) {
            return;
        }
        let controller_at = at + self.clock.ahead().unwrap_or_default();
        if mode == Mode::Normal && self.groups.is_some() {
            self.show(at, controller_at, DurationMs(0));
        } else {
            // The mode is told after the lamps: what they showed just before was of it.
            let since = self.changes.back().map_or(at, |last| last.at);
            self.push(Entry { at: since, by: since, controller_at, groups: None });
        }
    }

    /// The link is down: nothing is known from the last message on, and the clock and the mode are to be learned anew.
    pub fn lost(&mut self, at: UtcMillis) {
        self.arrive(at);
        let since = self.until.map_or(at, |until| until.min(at));
        if self.changes.back().is_some_and(|last| last.groups.is_some()) {
            self.push(Entry { at: since, by: since, controller_at: since, groups: None });
        }
        self.groups = None;
        self.mode = None;
        self.clock = Clock::default();
    }

    /// It is `at` by our clock. Whether that was set back: then everything that was known by it is forgotten.
    pub fn arrive(&mut self, at: UtcMillis) -> bool {
        let is_back = self.now.is_some_and(|now| now.since(at) > SET_BACK);
        if is_back {
            self.changes.clear();
            self.push(Entry { at, by: at, controller_at: at, groups: None });
            self.until = None;
            self.clock = Clock::default();
            self.unknown_before = Some(at + UNKNOWN_AFTER_SET_BACK);
        }
        self.now = Some(if is_back { at } else { self.now.map_or(at, |now| now.max(at)) });
        is_back
    }

    /// What the group shows, as far as was told.
    pub fn shows(&self, group: u16) -> Aspect {
        self.changes.back().map_or(Aspect::Unknown, |last| Aspect::of(last.state(group)))
    }

    /// By how much the controller's clock is ahead of ours, as far as that is known.
    pub fn ahead(&self) -> Option<DurationMs> {
        self.clock.ahead()
    }

    /// What `group` (from 1, in the controller's order) showed; `None` before anything is known.
    pub fn trace(&self, group: u16) -> Option<Trace> {
        let mut changes: Vec<Shown> = Vec::new();
        for entry in &self.changes {
            let state = entry.state(group);
            if changes.last().is_some_and(|last| last.state == state) {
                continue;
            }
            let Entry { at, by, controller_at, .. } = *entry;
            changes.push(Shown { at, by, aspect: Aspect::of(state), state, controller_at });
        }
        (!changes.is_empty()).then(|| Trace::new(changes, self.until.unwrap_or_default()))
    }

    fn hear(&mut self, at: UtcMillis, controller_at: UtcMillis) {
        if let Some(ahead) = self.clock.ahead() {
            let heard = (controller_at - ahead).min(at);
            self.until = Some(self.until.map_or(heard, |until| until.max(heard)));
        }
    }

    fn is_normal(&self) -> bool {
        self.mode.map_or(!self.tells_mode, |mode| mode == Mode::Normal)
    }

    /// Whether what is told at `at` can be held against anybody.
    fn is_known(&self, at: UtcMillis) -> bool {
        self.is_normal() && self.unknown_before.is_none_or(|before| at >= before)
    }

    /// What is shown becomes known at `at`, our time.
    fn show(&mut self, at: UtcMillis, controller_at: UtcMillis, late: DurationMs) {
        let ahead = self.clock.ahead().filter(|_| self.is_known(at));
        let began = ahead.map_or(at, |ahead| (controller_at - ahead).min(at) - late);
        let groups = self.groups.clone().filter(|_| ahead.is_some());
        self.push(Entry { at: began, by: at, controller_at, groups });
    }

    fn push(&mut self, entry: Entry) {
        if self.changes.len() >= CHANGES_MAX {
            self.changes.pop_front();
        }
        self.changes.push_back(entry);
    }
}

impl Entry {
    fn state(&self, group: u16) -> char {
        let groups = self.groups.as_deref().unwrap_or_default();
        usize::from(group).checked_sub(1).and_then(|index| groups.chars().nth(index)).unwrap_or('-')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `back@9000`: our clock was set back, and it is the controller's 9000 now.
    /// `1B@5000/40`: groups at the controller's 5000, 40 ms under way; `w9000/30`: a watchdog; `down@7000`; `mode-flash@7000`.
    /// The controller's clock is a minute ahead.
    fn told(words: &str) -> Lamp {
        let mut lamp = Lamp::default();
        let ahead = DurationMs(60_000);
        for word in words.split_whitespace() {
            let (what, when) = word.split_once('@').unwrap();
            let (time, way) = when.split_once('/').unwrap_or((when, "0"));
            let controller = UtcMillis(time.parse().unwrap());
            let way = DurationMs(way.parse().unwrap());
            let at = controller - ahead + way;
            match what {
                "w" => lamp.clock(at, controller.since(at)),
                "down" => lamp.lost(at),
                "back" => _ = lamp.arrive(at),
                "flash" => lamp.mode(at, Mode::Flash),
                "manual" => lamp.mode(at, Mode::Manual),
                "unsure" => lamp.mode(at, Mode::Unknown),
                "normal" => lamp.mode(at, Mode::Normal),
                groups => {
                    let (groups, late) = groups.split_once('~').unwrap_or((groups, "0"));
                    let late = DurationMs(late.parse().unwrap());
                    let controller_at = controller;
                    let groups = groups.to_owned();
                    let states =
                        GroupStates { groups, cycle_s: None, stage: None, controller_at, late, old: false };
                    lamp.groups(at, &states);
                }
            }
        }
        lamp
    }

    /// The trace as `B 5000..5040`, by our clock, and until when it is known.
    #[track_caller]
    fn check(words: &str, group: u16, want: &str, until: i64) {
        let trace = told(words).trace(group).unwrap();
        let one = |shown: &Shown| format!("{} {}..{}", shown.state, shown.at.0, shown.by.0);
        let got: Vec<String> = trace.changes().iter().map(one).collect();
        assert_eq!((got.join(", ").as_str(), trace.until().0), (want, until));
    }

    /// Three watchdogs tell the clock.
    const KNOWN: &str = "w@61000/30 w@62000/30 w@63000/30 ";

    #[test]
    fn a_change_lies_between_its_time_and_its_arrival() {
        check(
            &format!("{KNOWN} 1B@65000/40 NB@80000/30 BB@83000/900"),
            1,
            "1 5030..5040, N 20030..20030, B 23030..23900",
            23_030,
        );
        // Another group's changes are none of this one.
        check(
            &format!("{KNOWN} 1B@65000/40 NB@80000/30 B1@83000/30"),
            2,
            "B 5030..5040, 1 23030..23030",
            23_030,
        );
        check(&format!("{KNOWN} 1B@65000/40"), 3, "- 5030..5040", 5_030);
        check(&format!("{KNOWN} 1B@65000/40 1B@70000/40 w@90000/200"), 1, "1 5030..5040", 30_030);
        // Polled: it may have come about since the poll before.
        check(&format!("{KNOWN} 1B@65000/30 BB~100@80000/30"), 1, "1 5030..5030, B 19930..20030", 20_030);
    }

    #[test]
    fn before_the_clock_is_known_nothing_is() {
        check(
            "1B@65000/40 NB@80000/30 BB@83000/40 1B@90000/30",
            1,
            "- 5040..5040, B 23030..23040, 1 30030..30030",
            30_030,
        );
        // What was told before is known from the message on that tells the clock.
        check(
            "1B@65000/40 w@70000/40 w@71000/40 NB@80000/40",
            1,
            "- 5040..5040, 1 11040..11040, N 20040..20040",
            20_040,
        );
    }

    #[test]
    fn a_clock_that_is_set_back_makes_nothing_earlier() {
        // From 80 s on it is half a second less ahead.
        check(
            &format!("{KNOWN} 1B@65000/30 NB@79500/530 BB@82500/530"),
            1,
            "1 5030..5030, N 19530..20030, B 22530..23030",
            22_530,
        );
        // And set forward, it is learned at once.
        check(
            &format!("{KNOWN} 1B@65000/30 NB@80500/-470 BB@83500/-470"),
            1,
            "1 5030..5030, N 20030..20030, B 23030..23030",
            23_030,
        );
    }

    #[test]
    fn a_lost_link_is_unknown_from_the_last_word_on() {
        check(
            &format!(
                "{KNOWN} 1B@65000/30 BB@83000/30 w@90000/30 down@150000 w@151000/30 w@151000/30 BB@152000/30 BB@153000/30"
            ),
            1,
            "1 5030..5030, B 23030..23030, - 30030..30030, B 92030..92030",
            93_030,
        );
    }

    #[test]
    fn lamps_that_the_controller_does_not_know_are_unknown_from_its_last_word_of_them_on() {
        check(
            &format!("{KNOWN} BB@65000/30 --~15000@80000/30 w@90000/30"),
            1,
            "B 5030..5030, - 5030..20030",
            30_030,
        );
    }

    #[test]
    fn a_clock_of_ours_that_is_set_back_forgets_everything() {
        // Back by less than a second it is another thread's report.
        check(&format!("{KNOWN} 1B@65000/30 w@80000/30 back@79500"), 1, "1 5030..5030", 20_030);
        let words = format!("{KNOWN} BB@65000/30 w@80000/30 back@75000 w@76000/30 w@77000/30 w@78000/30 ");
        check(&words, 1, "- 15000..15000", 18_030);
        // Ten seconds on, it is as if it had just begun.
        check(&format!("{words} BB@80000/30 w@85000/30"), 1, "- 15000..15000, B 25030..25030", 25_030);
    }

    #[test]
    fn a_mode_that_was_told_is_to_be_told_again_after_a_lost_link() {
        let words = format!(
            "normal@60500 {KNOWN} 1B@65000/30 down@70000 w@71000/30 w@72000/30 w@73000/30 BB@74000/30 w@75000/30 "
        );
        check(&words, 1, "1 5030..5030, - 5030..5030", 15_030);
        check(&format!("{words} normal@76000/30"), 1, "1 5030..5030, - 5030..5030, B 16030..16030", 15_030);
        check(&format!("{words} flash@76000/30 w@77000/30"), 1, "1 5030..5030, - 5030..5030", 17_030);
        check(&format!("{words} manual@76000/30 w@77000/30"), 1, "1 5030..5030, - 5030..5030", 17_030);
    }

    #[test]
    fn another_mode_than_the_plan_is_unknown() {
        for mode in ["flash", "unsure"] {
            check(
                &format!(
                    "{KNOWN} 1B@65000/30 cc@80000/30 {mode}@80200 BB@90000/30 normal@90500/30 1B@91000/30"
                ),
                1,
                "1 5030..5030, c 20030..20030, - 20030..20030, B 30530..30530, 1 31030..31030",
                31_030,
            );
        }
    }
}
