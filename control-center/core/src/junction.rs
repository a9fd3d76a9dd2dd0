//! One junction of the city: what its controller shows and complains of.

use std::collections::BTreeMap;

use models_domain::event::{Link, LinkState};
use models_domain::geo::LatLon;
use models_domain::signal::order::{ControllerNow, Orderable, Seen};
use models_domain::signal::{self, Aggregated, SignalAlarm};
use models_domain::{GatewayId, JunctionId, UtcMillis};

/// Alarms remembered per junction.
const ALARMS_MAX: usize = 200;

#[derive(Debug, Clone, PartialEq)]
pub struct Junction {
    pub gateway: GatewayId,
    pub info: JunctionInfo,
    pub link_at: UtcMillis,
    /// When the groups became what they are.
    pub since: UtcMillis,
    /// The same by group; empty while the link is down, but for how long groups have been at red.
    pub seen: Seen,
    /// The stage that the controller told last; `None` where it tells none, and while the link is down.
    pub stage: Option<u32>,
    /// By (code, component); inactive ones are kept to know what is newer.
    alarms: BTreeMap<(String, String), (UtcMillis, SignalAlarm)>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct JunctionInfo {
    pub id: JunctionId,
    pub name: String,
    pub position: Option<LatLon>,
    pub state: LinkState,
    /// One character a signal group; empty before the first report.
    pub groups: String,
    /// When each group may change; empty when the controller does not tell.
    pub changes: Vec<Option<signal::Change>>,
    pub now: ControllerNow,
    /// What the controller says of its whole state.
    pub aggregated: Option<Aggregated>,
    /// Number of the order in force; 0 for none.
    pub order: u64,
    /// The order is over and the controller not yet back on its own plan: why.
    pub ending: String,
    /// `None`: nothing may be ordered.
    pub can: Option<Orderable>,
    /// The controller can be told that an alarm is acknowledged, suspended or resumed.
    pub handles_alarms: bool,
    /// Those that are there or suspended, as the gateway's state has them; `None` where it tells none, and once they are taken over.
    pub alarms: Option<Vec<SignalAlarm>>,
}

impl Junction {
    /// A junction that a gateway told for the first time, at `told`.
    pub fn new(gateway: GatewayId, mut info: JunctionInfo, told: UtcMillis) -> Self {
        let mut seen = Seen::default();
        if info.state.link == Link::Up {
            seen.report(told, &info.groups);
        }
        let alarms = info.alarms.take();
        let (stage, none) = (None, BTreeMap::new());
        let mut new = Self { gateway, info, link_at: told, since: told, seen, stage, alarms: none };
        new.alarms_are(alarms, told);
        new
    }

    pub fn active_alarms(&self) -> impl Iterator<Item = &SignalAlarm> {
        self.listed_alarms().filter(|alarm| alarm.active)
    }

    /// Those that people are to see: there, or suspended.
    pub fn listed_alarms(&self) -> impl Iterator<Item = &SignalAlarm> {
        self.alarms.values().map(|(_, alarm)| alarm).filter(|alarm| alarm.is_listed())
    }

    pub fn alarm(&self, code: &str, component: &str) -> Option<&SignalAlarm> {
        self.listed_alarms().find(|alarm| alarm.code == code && alarm.component == component)
    }

    /// The link is down: what is shown is not known.
    pub(crate) fn lose(&mut self) {
        self.seen.lose();
        self.stage = None;
    }

    /// One alarm, as an event tells it; whether that is another than before.
    pub(crate) fn alarm_told(&mut self, alarm: &SignalAlarm, at: UtcMillis) -> bool {
        let key = (alarm.code.clone(), alarm.component.clone());
        let changed = match self.alarms.get(&key) {
            Some((when, _)) if at < *when => return false,
            Some((_, was)) => was != alarm,
            None => {
                if self.alarms.len() >= ALARMS_MAX {
                    self.alarms.retain(|_, (_, alarm)| alarm.is_listed());
                }
                if self.alarms.len() >= ALARMS_MAX {
                    return false;
                }
                true
            }
        };
        self.alarms.insert(key, (at, alarm.clone()));
        changed
    }

    /// All that are listed, as the gateway's state has them at `told`: a hall that was started anew knows none from events. A
    /// gateway whose controller is away knows none either, and is not believed.
    pub(crate) fn alarms_are(&mut self, alarms: Option<Vec<SignalAlarm>>, told: UtcMillis) {
        let Some(listed) = alarms.filter(|_| self.info.state.link == Link::Up) else { return };
        // A list that is full may leave some out.
        let whole = listed.len() < ALARMS_MAX;
        for (at, alarm) in self.alarms.values_mut().filter(|_| whole) {
            let still = listed.iter().any(|one| one.code == alarm.code && one.component == alarm.component);
            if !still && *at <= told && alarm.is_listed() {
                (*at, alarm.active, alarm.suspended) = (told, false, false);
            }
        }
        // One that is as it was keeps its time: events bear the controller's clock, which may be behind.
        for alarm in &listed {
            if self.alarm(&alarm.code, &alarm.component) != Some(alarm) {
                self.alarm_told(alarm, told);
            }
        }
    }
}
