//! Junctions that follow a calendar: each second it is looked what a calendar says of each, and ordered where it is not so and nobody
//! else has ordered anything. Orders go the way of a person's. What was ordered before is read from the store: a hall that was
//! started anew goes on where it was. `turn` is one look at one junction.

mod turn;

pub use turn::step;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use control_center_store::{CALENDAR, OrderRow};
use models_domain::signal::calendar::{Step, Timetable};
use models_domain::{JunctionId, UtcMillis};

use crate::areas::Area;

/// As the hall's file has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Calendar {
    pub id: String,
    pub name: String,
    /// Ids of areas.
    pub areas: Vec<String>,
    pub junctions: Vec<JunctionId>,
    /// Of every junction that has none of its own.
    pub timetable: Timetable,
    /// The same entries with other plans.
    pub own: BTreeMap<JunctionId, Timetable>,
}

pub struct Calendars {
    all: Vec<Calendar>,
    known: Mutex<BTreeMap<JunctionId, Known>>,
}

#[derive(Debug, Clone)]
struct Known {
    told: Told,
    /// Until then what was read from the store is good enough.
    good: UtcMillis,
}

/// Whether a junction does what its calendar says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// Read back, or nothing is said.
    Followed,
    /// Ordered, and not read back yet.
    UnderWay,
    Not(Why),
}

/// Why a junction does not do what its calendar says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Why {
    NotHeardOf,
    NotOrderable,
    GatewayAway,
    LinkDown,
    /// Somebody took it at its cabinet, or it shows another mode than the plan's.
    AtCabinet,
    /// The controller shows another plan than was ordered and read back.
    Shows {
        plan: u8,
    },
    /// Somebody's order stands, until then.
    OtherOrder {
        by: String,
        until: UtcMillis,
    },
    Emergency {
        id: u64,
    },
    /// An earlier order is being ended, or another step begins in a moment.
    Shortly,
    /// The last order failed; the next try.
    Failed {
        why: String,
        again: UtcMillis,
    },
    /// A person took it back to its own plan, until the next step.
    TakenBack {
        at: UtcMillis,
    },
}

impl Why {
    /// Short stable name for the wire.
    pub fn name(&self) -> &'static str {
        match self {
            Why::NotHeardOf => "not_heard_of",
            Why::NotOrderable => "not_orderable",
            Why::GatewayAway => "gateway_away",
            Why::LinkDown => "link_down",
            Why::AtCabinet => "at_cabinet",
            Why::Shows { .. } => "shows",
            Why::OtherOrder { .. } => "other_order",
            Why::Emergency { .. } => "emergency",
            Why::Shortly => "shortly",
            Why::Failed { .. } => "failed",
            Why::TakenBack { .. } => "taken_back",
        }
    }
}

impl Calendar {
    /// What it says of a junction that follows it.
    pub fn timetable_of(&self, junction: &JunctionId) -> &Timetable {
        self.own.get(junction).unwrap_or(&self.timetable)
    }

    /// Who its orders are of.
    fn orderer(&self) -> String {
        format!("{CALENDAR}{}", self.id)
    }
}

impl Calendars {
    pub fn new(all: Vec<Calendar>) -> Self {
        Self { all, known: Mutex::default() }
    }

    /// The one that a junction follows: that lists it, else the first with an area in which it lies.
    pub fn of(&self, junction: &JunctionId, areas: &[&Area]) -> Option<&Calendar> {
        let lies = |calendar: &&Calendar| areas.iter().any(|area| calendar.areas.contains(&area.id));
        let listed = self.all.iter().find(|calendar| calendar.junctions.contains(junction));
        listed.or_else(|| self.all.iter().find(lies))
    }

    pub fn told(&self, junction: &JunctionId) -> Option<Told> {
        self.lock().get(junction).map(|known| known.told.clone())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<JunctionId, Known>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Whether an order is of a calendar.
pub fn ordered(row: &OrderRow) -> bool {
    row.order.asked_by.starts_with(CALENDAR)
}

/// What a timetable says, and the plan after it.
pub fn both(timetable: &Timetable, now: UtcMillis) -> (Step, Option<u8>) {
    let step = timetable.step_at(now);
    (step, step.until.and_then(|until| timetable.step_at(until).plan))
}

#[cfg(test)]
mod tests {
    use models_domain::DurationMs;

    use super::*;

    #[test]
    fn a_junction_follows_the_calendar_that_lists_it() {
        let calendar = |id: &str, areas: &[&str], junctions: &[&str]| Calendar {
            id: id.into(),
            name: id.into(),
            areas: areas.iter().map(ToString::to_string).collect(),
            junctions: junctions.iter().map(|id| id.parse().unwrap()).collect(),
            timetable: Timetable { entries: Vec::new(), ahead: DurationMs(0) },
            own: BTreeMap::new(),
        };
        let all = vec![calendar("one", &["a"], &[]), calendar("two", &["a"], &["j"])];
        let calendars = Calendars::new(all);
        let area = Area { id: "a".into(), name: "A".into(), junctions: Vec::new(), corners: Vec::new() };
        let of = |junction: &str, areas: &[&Area]| {
            calendars.of(&junction.parse().unwrap(), areas).map(|calendar| calendar.id.clone())
        };
        assert_eq!(of("j", &[&area]).as_deref(), Some("two"));
        assert_eq!(of("k", &[&area]).as_deref(), Some("one"));
        assert_eq!(of("k", &[]), None);
    }
}
