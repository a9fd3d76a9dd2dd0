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
    /// Of its corridors.
    pub waves: Vec<Wave>,
}

/// Junctions of one corridor: one of them that runs another plan than the calendar's breaks the green wave of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wave {
    pub corridor: String,
    pub junctions: Vec<JunctionId>,
}

pub struct Calendars {
    all: Vec<Calendar>,
    known: Mutex<BTreeMap<JunctionId, Known>>,
    /// By corridor, where its wave is broken, as the log has it.
    logged: Mutex<BTreeMap<String, Vec<JunctionId>>>,
}

#[derive(Debug, Clone)]
struct Known {
    told: Told,
    /// Until then what was read from the store is good enough.
    good: UtcMillis,
}

impl Known {
    /// It does not do what its calendar says, and will not in a moment.
    fn is_out(&self) -> bool {
        matches!(&self.told, Told::Not(why) if *why != Why::Shortly)
    }
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
        Self { all, known: Mutex::default(), logged: Mutex::default() }
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

    /// Junctions of the same corridors that do not follow `calendar` as this one does. What is ordered or done in a moment is left out.
    pub fn out_of_wave(&self, calendar: &Calendar, junction: &JunctionId) -> Vec<JunctionId> {
        let known = self.lock();
        let with = calendar.waves.iter().filter(|wave| wave.junctions.contains(junction));
        let mut out: Vec<JunctionId> = Vec::new();
        for other in with.flat_map(|wave| &wave.junctions) {
            if known.get(other).is_some_and(Known::is_out) && !out.contains(other) {
                out.push(other.clone());
            }
        }
        out
    }

    /// By corridor, who does not follow the calendar while others of it do.
    fn broken(&self) -> BTreeMap<String, Vec<JunctionId>> {
        let known = self.lock();
        let out = |junction: &&JunctionId| known.get(*junction).is_some_and(Known::is_out);
        let mut broken = BTreeMap::new();
        for wave in self.all.iter().flat_map(|calendar| &calendar.waves) {
            let junctions: Vec<JunctionId> = wave.junctions.iter().filter(out).cloned().collect();
            if !junctions.is_empty() && junctions.len() < wave.junctions.len() {
                broken.insert(wave.corridor.clone(), junctions);
            }
        }
        broken
    }

    /// Says in the log where a green wave is broken, when it was not so before.
    fn log_waves(&self) {
        let broken = self.broken();
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        for (corridor, junctions) in &broken {
            if logged.get(corridor) != Some(junctions) {
                let out: Vec<&str> = junctions.iter().map(JunctionId::as_str).collect();
                tracing::warn!(corridor, junctions = out.join(", "), "out of the calendar's green wave");
            }
        }
        for corridor in logged.keys().filter(|corridor| !broken.contains_key(*corridor)) {
            tracing::info!(corridor, "no junction is out of the calendar's green wave any more");
        }
        *logged = broken;
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
            waves: Vec::new(),
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

    #[test]
    fn one_that_does_not_follow_breaks_the_wave_of_its_corridors() {
        let ids = |ids: &[&str]| -> Vec<JunctionId> { ids.iter().map(|id| id.parse().unwrap()).collect() };
        let wave = |corridor: &str, junctions: &[&str]| Wave {
            corridor: corridor.into(),
            junctions: ids(junctions),
        };
        let calendar = Calendar {
            id: "peak".into(),
            name: "Peak".into(),
            areas: Vec::new(),
            junctions: ids(&["a", "b", "c", "d", "e"]),
            timetable: Timetable { entries: Vec::new(), ahead: DurationMs(0) },
            own: BTreeMap::new(),
            // They cross at b; e lies on none.
            waves: vec![wave("ab", &["a", "b"]), wave("bcd", &["b", "c", "d"])],
        };
        let calendars = Calendars::new(vec![calendar.clone()]);
        let tell = |junction: &str, told: Told| {
            let known = Known { told, good: UtcMillis(0) };
            calendars.lock().insert(junction.parse().unwrap(), known);
        };
        let out = |junction: &str| calendars.out_of_wave(&calendar, &junction.parse().unwrap());
        for junction in ["a", "b", "c"] {
            tell(junction, Told::Followed);
        }
        // Not looked at yet, about to follow, and on no corridor.
        tell("d", Told::Not(Why::Shortly));
        tell("e", Told::Not(Why::LinkDown));
        assert_eq!((out("a"), calendars.broken()), (ids(&[]), BTreeMap::new()));
        tell("d", Told::Not(Why::GatewayAway));
        assert_eq!([out("a"), out("b"), out("c"), out("e")], [ids(&[]), ids(&["d"]), ids(&["d"]), ids(&[])]);
        assert_eq!(calendars.broken(), BTreeMap::from([("bcd".to_owned(), ids(&["d"]))]));
        // Nobody is left to be out of step with.
        for junction in ["b", "c"] {
            tell(junction, Told::Not(Why::GatewayAway));
        }
        assert_eq!(calendars.broken(), BTreeMap::from([("ab".to_owned(), ids(&["b"]))]));
        calendars.log_waves();
        assert_eq!(*calendars.logged.lock().unwrap(), calendars.broken());
    }
}
