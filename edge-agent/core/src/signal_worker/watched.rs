//! One detector under watch: what it told already, and whether it is to be believed. Pure.

use std::collections::{BTreeSet, VecDeque};

use models_domain::UtcMillis;
use models_domain::signal::SignalAlarm;
use models_domain::signal::detector::{Fault, Reading, Rules, Watch};

/// Readings remembered per detector, to know one that comes again: more than a controller sends of one without
/// acknowledgement.
const READINGS_MAX: usize = 32;

/// A detector, what was said against it last, and its last readings by the controller's clock.
pub struct Watched {
    watch: Watch,
    faults: BTreeSet<Fault>,
    kept: VecDeque<Reading>,
}

impl Watched {
    pub fn new() -> Self {
        Self { watch: Watch::new(Rules::default()), faults: BTreeSet::new(), kept: VecDeque::new() }
    }

    pub fn knows(&self, reading: &Reading) -> bool {
        self.kept.contains(reading)
    }

    pub fn remember(&mut self, reading: Reading) {
        if self.kept.len() >= READINGS_MAX {
            self.kept.pop_front();
        }
        self.kept.push_back(reading);
    }

    /// Faults that begin or end with `reading`, as alarms.
    pub fn step(&mut self, number: u16, reading: Reading) -> Vec<(UtcMillis, SignalAlarm)> {
        let faults = self.watch.step(reading);
        let changed: Vec<Fault> = faults.symmetric_difference(&self.faults).copied().collect();
        let alarm = |fault: Fault| {
            let (code, description) = in_words(fault);
            let alarm = SignalAlarm {
                code: code.to_owned(),
                component: format!("detector {number}"),
                active: faults.contains(&fault),
                acknowledged: false,
                suspended: false,
                priority: 3,
                description: description.to_owned(),
            };
            (reading.at, alarm)
        };
        let alarms = changed.into_iter().map(alarm).collect();
        self.faults = faults;
        alarms
    }
}

fn in_words(fault: Fault) -> (&'static str, &'static str) {
    match fault {
        Fault::NoHits => ("noHits", "no vehicle for a day"),
        Fault::Chatter => ("chatter", "more vehicles than can pass"),
        Fault::LockedOn => ("lockedOn", "covered without a break"),
        Fault::NoChange => ("noChange", "the same occupancy for a day"),
        Fault::Spike => ("spike", "covered for longer than its vehicles can"),
    }
}
