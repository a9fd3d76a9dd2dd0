//! What a person orders of one junction, and what is known of the junction when the order is judged. Pure; the judgement
//! itself is in `safety`.

mod book;
#[cfg(test)]
mod tests;

use serde::{Deserialize, Serialize};

use super::group_set::GroupSet;
use super::plan::Layout;
use super::{Aspect, Cycle};
use crate::units::{DurationMs, UtcMillis};

pub use book::{Book, InForce};

/// No plan and no green is ordered of a junction of which so many orders, of any kind, were taken within [`ORDERS_WINDOW`].
pub const ORDERS_MAX: usize = 6;
/// At most so many orders that stop normal service within [`ORDERS_WINDOW`], whatever else was ordered.
pub const STOPS_MAX: usize = 3;
pub const ORDERS_WINDOW: DurationMs = DurationMs(60_000);

/// How long a pole may look for a moment at which an order breaks no minimum green.
pub const PATIENCE_MAX: DurationMs = DurationMs(30_000);

/// Not heard of by the hall for so long, an order ends: the junction goes back to its own plan.
pub const BACKUP: DurationMs = DurationMs(10_000);

/// After how long a way back that could not be sent is tried again, when it failed so often in a row before: 3 s, and up to a minute.
pub fn again_after(times: u32) -> DurationMs {
    DurationMs((3_000_i64 << times.min(10)).min(60_000))
}

/// What the junction is to show until the order ends.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Wanted {
    Plan(u8),
    /// These green, or green for longer.
    Groups(GroupSet),
    Flash,
    Dark,
    AllRed,
    /// Ends what was ordered before.
    OwnPlan,
}

impl Wanted {
    /// Modes that take the signals from everybody: they need a second person.
    pub fn stops_service(&self) -> bool {
        match self {
            Wanted::Flash | Wanted::Dark | Wanted::AllRed => true,
            Wanted::Plan(_) | Wanted::Groups(_) | Wanted::OwnPlan => false,
        }
    }

    /// Has somebody go. What does not is carried out even where what was ordered before cannot be taken back.
    pub fn commands_green(&self) -> bool {
        match self {
            Wanted::Plan(_) | Wanted::Groups(_) => true,
            Wanted::Flash | Wanted::Dark | Wanted::AllRed | Wanted::OwnPlan => false,
        }
    }

    /// The longest such an order may be made for.
    pub fn longest(&self) -> DurationMs {
        match self {
            Wanted::Plan(_) | Wanted::OwnPlan => DurationMs(12 * 3_600_000),
            Wanted::Flash | Wanted::Dark => DurationMs(2 * 3_600_000),
            Wanted::Groups(_) | Wanted::AllRed => DurationMs(5 * 60_000),
        }
    }

    /// Short stable name for tables and JSON.
    pub fn name(&self) -> &'static str {
        match self {
            Wanted::Plan(_) => "plan",
            Wanted::Groups(_) => "groups",
            Wanted::Flash => "flash",
            Wanted::Dark => "dark",
            Wanted::AllRed => "all_red",
            Wanted::OwnPlan => "own_plan",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Grows with every order of one hall; a pole takes none that is not above the last.
    pub number: u64,
    pub wanted: Wanted,
    /// When it was sent.
    pub made_at: UtcMillis,
    /// When it ends by itself.
    pub expires_at: UtcMillis,
    /// How long the pole may wait for a moment at which nothing speaks against it.
    pub patience: DurationMs,
}

/// What may be ordered of a junction, and what safety holds it to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orderable {
    pub layout: Layout,
    pub plans: Vec<u8>,
    /// The controller can be told to show red to everybody.
    pub all_red: bool,
}

/// How a controller runs, as it says itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Normal,
    Flash,
    Dark,
    AllRed,
    /// Somebody works it by hand at its panel: what it shows follows no plan.
    Manual,
    /// It says that it does not know any more: what it said before is not so for longer than that.
    Unknown,
}

impl Mode {
    pub fn name(self) -> &'static str {
        match self {
            Mode::Normal => "normal",
            Mode::Flash => "flash",
            Mode::Dark => "dark",
            Mode::AllRed => "all_red",
            Mode::Manual => "manual",
            Mode::Unknown => "unknown",
        }
    }
}

/// What a controller says of itself besides its groups; `None` where it has not said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ControllerNow {
    pub mode: Option<Mode>,
    pub plan: Option<u8>,
    /// The plan was ordered from outside; `false`: it is the controller's own choice.
    pub plan_forced: Option<bool>,
    /// The controller's clock less ours.
    pub clock_ahead: Option<DurationMs>,
    pub cycle: Option<Cycle>,
    /// Seconds of one cycle of the plan that runs.
    pub cycle_length_s: Option<u32>,
}

impl ControllerNow {
    /// Takes over what `newer` says.
    pub fn learn(&mut self, newer: &ControllerNow) {
        self.mode = newer.mode.or(self.mode);
        self.plan = newer.plan.or(self.plan);
        self.plan_forced = newer.plan_forced.or(self.plan_forced);
        self.clock_ahead = newer.clock_ahead.or(self.clock_ahead);
        self.cycle = newer.cycle.or(self.cycle);
        // It is the plan's: of another plan it may not be known.
        if newer.plan.is_some() || newer.cycle_length_s.is_some() {
            self.cycle_length_s = newer.cycle_length_s;
        }
    }

    /// Whether the controller shows what was wanted; `greens` are the groups it shows green.
    pub fn shows(&self, wanted: &Wanted, greens: &GroupSet) -> bool {
        match wanted {
            Wanted::Plan(plan) => self.plan == Some(*plan) && self.mode == Some(Mode::Normal),
            Wanted::Groups(groups) => groups.is_subset(greens),
            Wanted::Flash => self.mode == Some(Mode::Flash),
            Wanted::Dark => self.mode == Some(Mode::Dark),
            Wanted::AllRed => self.mode == Some(Mode::AllRed),
            // Lists before SXL 1.1.0 do not say who chose the plan.
            Wanted::OwnPlan => self.mode == Some(Mode::Normal) && self.plan_forced != Some(true),
        }
    }
}

/// One group as it was last reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SeenGroup {
    pub aspect: Aspect,
    pub since: UtcMillis,
    /// It was seen to become so; else nobody knows since when it is.
    pub begun: bool,
    /// When its last green ended, as far as it was seen.
    pub green_ended: Option<UtcMillis>,
    /// The earliest that the red it shows may have begun, as far as it was ever seen. One that was found, after the link was lost or the
    /// controller did not say, may have begun as soon as something else was seen last.
    pub red_from: UtcMillis,
}

/// What a junction shows, kept from report to report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Seen {
    groups: Vec<SeenGroup>,
    /// By group, the earliest that a red which is found next may have begun.
    red_from: Vec<UtcMillis>,
}

impl Seen {
    /// `states`: one character a group, as RSMP S0001 has them.
    pub fn report(&mut self, at: UtcMillis, states: &str) {
        if states.chars().count() != self.groups.len() {
            self.lose();
        }
        for (index, aspect) in states.chars().map(Aspect::of).enumerate() {
            match self.groups.get_mut(index) {
                Some(group) if group.aspect == aspect => {}
                Some(group) => {
                    let told = group.aspect != Aspect::Unknown;
                    if group.aspect == Aspect::Green {
                        group.green_ended = Some(at);
                    } else if !told {
                        // What it showed meanwhile, and until when, was not seen.
                        group.green_ended = None;
                    }
                    if !(may_be_red(group.aspect) && may_be_red(aspect)) {
                        group.red_from = at;
                    }
                    (group.aspect, group.since, group.begun) = (aspect, at, told);
                }
                None => {
                    let before = self.red_from.get(index).filter(|_| may_be_red(aspect));
                    let red_from = before.map_or(at, |before| at.min(*before));
                    let found = SeenGroup { aspect, since: at, begun: false, green_ended: None, red_from };
                    self.groups.push(found);
                }
            }
        }
    }

    /// The link is lost: what was seen says nothing any more, but for how long a group that is found at red may have stood there.
    pub fn lose(&mut self) {
        for (index, group) in self.groups.drain(..).enumerate() {
            match self.red_from.get_mut(index) {
                Some(before) => *before = group.red_from,
                None => self.red_from.push(group.red_from),
            }
        }
    }

    pub fn groups(&self) -> &[SeenGroup] {
        &self.groups
    }

    pub fn greens(&self) -> GroupSet {
        let green = |(group, seen): (u8, &SeenGroup)| (seen.aspect == Aspect::Green).then_some(group);
        (0..=u8::MAX).zip(&self.groups).filter_map(green).collect()
    }
}

/// What the controller leaves open may be red.
fn may_be_red(aspect: Aspect) -> bool {
    matches!(aspect, Aspect::Red | Aspect::Unknown)
}

/// Why an order ended, or is about to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum EndedBy {
    /// Its time was over.
    Expiry,
    /// The hall was not heard for [`BACKUP`].
    LinkLoss,
    /// Another order took its place.
    Order,
    /// The pole was started anew and knew nothing of its lamps.
    Restart,
    /// The controller did not show it, or did not answer: it is not left in doubt.
    NotShown,
}

impl EndedBy {
    pub fn name(self) -> &'static str {
        match self {
            EndedBy::Expiry => "expiry",
            EndedBy::LinkLoss => "link_loss",
            EndedBy::Order => "order",
            EndedBy::Restart => "restart",
            EndedBy::NotShown => "not_shown",
        }
    }
}

/// What became of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Read back: the controller shows what was ordered.
    Done,
    Otherwise,
    Refused,
    Silent,
    Ending,
    Ended,
}

impl Step {
    pub const ALL: [Step; 6] =
        [Step::Done, Step::Otherwise, Step::Refused, Step::Silent, Step::Ending, Step::Ended];

    /// Short stable name for tables.
    pub fn name(self) -> &'static str {
        match self {
            Step::Done => "done",
            Step::Otherwise => "otherwise",
            Step::Refused => "refused",
            Step::Silent => "silent",
            Step::Ending => "ending",
            Step::Ended => "ended",
        }
    }
}

/// A pole's word about an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderTold {
    pub number: u64,
    pub step: Step,
    /// A reason, or what was read back.
    pub detail: String,
}
