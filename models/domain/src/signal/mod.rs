//! Traffic signals: what a controller shows, and what it may be asked to show.
//!
//! Suggested reading order: `plan` (what a junction may show), `safety` (what stands before every change), `lights`
//! (how a change goes), `order` (what people ask for), `rate` (how often), `alarm` and
//! `aggregated` (what controllers complain of), `calendar` (what is ordered by the clock), `keeper` (one junction at the
//! pole), `adaptive` (whose wishes the keeper takes), `advice` (what those would be with counts alone, and orders around the plan), `corridor`
//! (several junctions as one street), `route` (ways along corridors, and ways that turn), `emergency` (green on one for who must not
//! wait), `bus_priority` (green for late buses), `maintenance` (what is broken, and who mends it).

pub mod adaptive;
pub mod advice;
mod aggregated;
mod alarm;
pub mod bus_priority;
pub mod calendar;
pub mod corridor;
pub mod detector;
pub mod emergency;
mod group_set;
pub mod keeper;
pub mod lights;
pub mod maintenance;
pub mod order;
pub mod plan;
pub mod rate;
pub mod red_light;
pub mod route;
pub mod safety;

#[cfg(test)]
mod emergency_tests;
#[cfg(test)]
mod order_streets_tests;
#[cfg(test)]
mod order_tests;
#[cfg(test)]
mod safety_tests;

pub use aggregated::Aggregated;
pub use alarm::{AlarmStep, AlarmWish, SignalAlarm};
pub use group_set::{GROUPS_MAX, GroupSet};

use crate::units::{DurationMs, UtcMillis};

/// The state of every signal group of a junction at one instant (RSMP TLC S0001).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStates {
    /// One character a signal group, in the controller's order, as RSMP S0001 `signalgroupstatus` defines them.
    pub groups: String,
    /// Seconds into the cycle, when the controller tells.
    pub cycle_s: Option<u32>,
    /// Stage number, when the controller tells.
    pub stage: Option<u32>,
    /// Time by the controller's clock; `Event::at` is the adapter's time of arrival unless the value is old.
    pub controller_at: UtcMillis,
    /// The change may have come about so much before it was told, beside what the network takes: since the poll or the
    /// broadcast before. 0 where the controller writes the time of the change itself.
    pub late: DurationMs,
    /// Buffered by the controller while the link was down (RSMP `q = old`).
    pub old: bool,
}

/// How far into its cycle a controller was, and when that was told, by our clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cycle {
    pub second: u32,
    pub at: UtcMillis,
}

impl Cycle {
    /// Whether `later` is the same turn of the cycle, some time on; to a second, as controllers count whole ones.
    pub fn leads_to(&self, later: &Cycle) -> bool {
        let began = |cycle: &Cycle| cycle.at.0 - i64::from(cycle.second) * 1_000;
        (began(self) - began(later)).abs() <= 1_000
    }
}

/// When a signal group may change from what it shows now, by the gateway's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Change {
    pub earliest: UtcMillis,
    pub latest: Option<UtcMillis>,
    pub likely: Option<UtcMillis>,
    pub until: Until,
}

/// What a foretold time is the begin of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Until {
    /// Of another aspect than the one that is shown.
    Change,
    /// Of red, with the yellow before it: how much earlier what is shown ends is not told (RSMP S0025).
    Red,
}

impl Change {
    /// What the network took differs by so much from message to message.
    const NEAR: DurationMs = DurationMs(300);

    /// Whether it tells the same as `other`.
    pub fn is_near(&self, other: &Change) -> bool {
        let near = |a: UtcMillis, b: UtcMillis| a.since(b).0.abs() <= Self::NEAR.0;
        let both = |a: Option<UtcMillis>, b: Option<UtcMillis>| match (a, b) {
            (Some(a), Some(b)) => near(a, b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        self.until == other.until
            && near(self.earliest, other.earliest)
            && both(self.latest, other.latest)
            && both(self.likely, other.likely)
    }
}

/// What a driver sees of one signal group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    Red,
    RedYellow,
    Green,
    /// Steady yellow before red.
    Yellow,
    FlashingGreen,
    FlashingYellow,
    FlashingRed,
    Dark,
    /// The controller leaves it open: starting up, no such group, or a character the list does not have.
    Unknown,
}

impl Aspect {
    /// What one character of S0001 `signalgroupstatus` shows (RSMP SXL for traffic light controllers, "Signal group
    /// status"): capital letters are kinds of red by request, digits kinds of green by why it lasts.
    pub fn of(state: char) -> Self {
        match state {
            // Disabled; manual control to dark.
            'a' | 'b' => Aspect::Dark,
            'c' => Aspect::FlashingYellow,
            'd' => Aspect::FlashingRed,
            // Start-up 3; manual red; the red rests and requests; variable red.
            'g' | 'h' | 'A'..='G' | 'P' => Aspect::Red,
            '0' => Aspect::RedYellow,
            // Minimum, maximum, rest, passive, extra and past-end green.
            '1'..='8' => Aspect::Green,
            '9' => Aspect::FlashingGreen,
            // Fixed and variable yellow, or yellow-green.
            'N' | 'O' => Aspect::Yellow,
            // Start-up 1 ('e') is dark or flashing yellow, start-up 2 ('f') yellow for vehicles and red for pedestrians.
            _ => Aspect::Unknown,
        }
    }

    /// Whether crossing the stop line is a violation: red alone, steady. Start-up and failures never count.
    pub fn forbids_crossing(self) -> bool {
        match self {
            Aspect::Red => true,
            Aspect::RedYellow
            | Aspect::Green
            | Aspect::Yellow
            | Aspect::FlashingGreen
            | Aspect::FlashingYellow
            | Aspect::FlashingRed
            | Aspect::Dark
            | Aspect::Unknown => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(states: &str, want: Aspect) {
        for state in states.chars() {
            assert_eq!(Aspect::of(state), want, "{state}");
        }
    }

    #[test]
    fn every_character_of_s0001() {
        check("ab", Aspect::Dark);
        check("c", Aspect::FlashingYellow);
        check("d", Aspect::FlashingRed);
        check("ghABCDEFGP", Aspect::Red);
        check("0", Aspect::RedYellow);
        check("12345678", Aspect::Green);
        check("9", Aspect::FlashingGreen);
        check("NO", Aspect::Yellow);
        check("ef-iHMQ ?đ", Aspect::Unknown);
    }

    #[test]
    fn only_steady_red_is_a_violation() {
        let red: String = (' '..='~').filter(|state| Aspect::of(*state).forbids_crossing()).collect();
        assert_eq!(red, "ABCDEFGPgh");
    }
}
