//! What one cabinet's broadcasts say of its junction. No sockets, no clock: datagrams and time in, actions out.

use std::collections::VecDeque;
use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::signal::order::{ControllerNow, Mode};
use models_domain::signal::{Change, GroupStates, SignalAlarm, Until};
use models_domain::{DurationMs, UtcMillis};

use super::time;
use crate::controllers::{Access, Action, Answer, Asked, At, DialSettings, Order, Session};
use crate::j2735::states::{IntersectionState, MovementEvent, PhaseState};
use crate::j2735::{self, Message};

/// SPaT comes ten times a second; so long without one, and the link is down.
const SILENCE_MAX: Duration = Duration::from_secs(5);

/// Nobody waits for anything.
const NEVER: Duration = Duration::from_secs(3_600);

/// Times of change that wander are told once in so long; those of a new state at once.
const CHANGES_EVERY: Duration = Duration::from_secs(1);

/// Mode and clock are told again after so long.
const NOW_EVERY: Duration = Duration::from_secs(1);

/// A sender of nonsense shall not fill the log.
const WARNINGS_MAX: u32 = 50;

/// Bits of `IntersectionStatusObject` that are alarms: number, code, words for people.
const ALARMS: [(usize, &str, &str); 4] = [
    (0, "manualControl", "somebody controls the junction by hand"),
    (1, "stopTime", "the timing is stopped"),
    (2, "failureFlash", "it flashes because of a failure"),
    (8, "failureMode", "a failure"),
];
const MANUAL: usize = 0;
const FAILURE_FLASH: usize = 2;
const OFF: usize = 9;
const NO_VALID_SPAT: usize = 13;

/// A signal group as the configuration names it: `group 2`, or `ped 10` for those on foot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    number: u8,
    on_foot: bool,
}

impl Group {
    pub fn number(self) -> u8 {
        self.number
    }
}

impl std::str::FromStr for Group {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once(' ').and_then(|(kind, number)| {
            let on_foot = match kind {
                "group" => false,
                "ped" => true,
                _ => return None,
            };
            // 0 is "not known", 255 "always green".
            let number = number.parse().ok().filter(|number| (1..255).contains(number))?;
            Some(Self { number, on_foot })
        });
        parsed.ok_or_else(|| {
            format!("{text:?} must be \"group\" or \"ped\" and a signal group of the SPaT from 1 to 254, such as \"group 2\"")
        })
    }
}

pub struct Hearer {
    settings: DialSettings,
    groups: Vec<Group>,
    /// When the last SPaT of ours came, while the link is up.
    heard: Option<Duration>,
    remark: String,
    told: Option<String>,
    changes: Vec<Option<Change>>,
    changes_told: Option<Duration>,
    now: ControllerNow,
    now_told: Option<Duration>,
    /// Which of [`ALARMS`] hold; `None` before the first message.
    alarms: Option<[bool; ALARMS.len()]>,
    warnings: u32,
    actions: VecDeque<Action>,
}

impl Hearer {
    pub fn new(_: At, settings: DialSettings) -> Self {
        // Their names were checked with the configuration.
        let groups = settings.groups.iter().filter_map(|name| name.parse().ok()).collect();
        Self {
            settings,
            groups,
            heard: None,
            remark: String::new(),
            told: None,
            changes: Vec::new(),
            changes_told: None,
            now: ControllerNow::default(),
            now_told: None,
            alarms: None,
            warnings: 0,
            actions: VecDeque::new(),
        }
    }

    fn is_ours(&self, state: &IntersectionState) -> bool {
        let Access::Broadcast { region, intersection, .. } = &self.settings.access else { return false };
        state.id.id == *intersection && (region.is_none() || *region == state.id.region)
    }

    fn state(&mut self, at: At, minute: Option<u32>, state: &IntersectionState) {
        let controller_at =
            time::controller_time(at.utc, state.minute.or(minute), state.millisecond).unwrap_or(at.utc);
        let clock = (state.millisecond.is_some()).then(|| controller_at.since(at.utc));
        let bit = |number: usize| state.status.get(number).is_some_and(|bit| *bit);
        let events: Vec<Option<&MovementEvent>> =
            self.groups.iter().map(|group| event(state, *group)).collect();
        let missing: Vec<String> = self
            .settings
            .groups
            .iter()
            .zip(&events)
            .filter(|(_, event)| event.is_none())
            .map(|(name, _)| name.clone())
            .collect();
        let remark = if bit(NO_VALID_SPAT) {
            "the cabinet says that it has no valid SPaT now".to_owned()
        } else if missing.is_empty() {
            String::new()
        } else {
            format!("the SPaT does not tell of {}", missing.join(", "))
        };
        if self.heard.is_none() || self.remark != remark {
            self.remark.clone_from(&remark);
            self.actions.push_back(Action::Up { remark });
        }
        let before = self.heard.replace(at.elapsed);
        let late = before.map_or(SILENCE_MAX, |before| at.elapsed.saturating_sub(before));
        self.alarms(at, bit);
        let valid = !bit(NO_VALID_SPAT);
        let letter = |(group, event): (&Group, &Option<&MovementEvent>)| match event {
            Some(event) if valid => letter(event.state, group.on_foot),
            Some(_) | None => '-',
        };
        let groups: String = self.groups.iter().zip(&events).map(letter).collect();
        let change = |event: &Option<&MovementEvent>| {
            event.filter(|_| valid).and_then(|event| change(at.utc, controller_at, event))
        };
        let changes: Vec<Option<Change>> = events.iter().map(change).collect();
        let new_state = self.groups(at, groups, controller_at, late);
        self.changes(at, changes, new_state);
        let mode = match () {
            () if bit(OFF) => Mode::Dark,
            () if bit(FAILURE_FLASH) => Mode::Flash,
            () if bit(MANUAL) => Mode::Manual,
            () => Mode::Normal,
        };
        self.now(at, ControllerNow { mode: Some(mode), clock_ahead: clock, ..ControllerNow::default() });
    }

    /// Whether they are others than before.
    fn groups(&mut self, at: At, groups: String, controller_at: UtcMillis, late: Duration) -> bool {
        if self.told.as_ref() == Some(&groups) {
            return false;
        }
        self.told = Some(groups.clone());
        let late = DurationMs(i64::try_from(late.as_millis()).unwrap_or(i64::MAX));
        let groups = GroupStates { groups, cycle_s: None, stage: None, controller_at, late, old: false };
        let junction = self.settings.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Groups { junction, at: at.utc, groups }));
        true
    }

    fn changes(&mut self, at: At, changes: Vec<Option<Change>>, new_state: bool) {
        // Times that stay the same by the controller's clock wander with what the network takes.
        let same = |a: &Option<Change>, b: &Option<Change>| match (a, b) {
            (Some(a), Some(b)) => a.is_near(b),
            (None, None) => true,
            (Some(_), None) | (None, Some(_)) => false,
        };
        let known =
            self.changes.len() == changes.len() && self.changes.iter().zip(&changes).all(|(a, b)| same(a, b));
        let due = self.changes_told.is_none_or(|told| at.elapsed >= told + CHANGES_EVERY);
        if known || !(due || new_state) {
            return;
        }
        self.changes_told = Some(at.elapsed);
        self.changes.clone_from(&changes);
        let junction = self.settings.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Changes { junction, at: at.utc, changes }));
    }

    fn now(&mut self, at: At, now: ControllerNow) {
        let due = self.now_told.is_none_or(|told| at.elapsed >= told + NOW_EVERY);
        if !due && now.mode == self.now.mode {
            return;
        }
        (self.now, self.now_told) = (now, Some(at.elapsed));
        let junction = self.settings.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Now { junction, at: at.utc, now }));
    }

    fn alarms(&mut self, at: At, bit: impl Fn(usize) -> bool) {
        let now = ALARMS.map(|(number, _, _)| bit(number));
        let before = self.alarms.replace(now);
        for (index, (_, code, description)) in ALARMS.iter().enumerate() {
            // What never was is not told to be over.
            if now[index] == before.is_some_and(|before| before[index]) {
                continue;
            }
            let alarm = SignalAlarm {
                code: (*code).to_owned(),
                component: String::new(),
                active: now[index],
                acknowledged: false,
                suspended: false,
                priority: if *code == "manualControl" { 3 } else { 1 },
                description: (*description).to_owned(),
            };
            let junction = self.settings.junction.clone();
            self.actions.push_back(Action::Keep(SignalReport::Alarm { junction, at: at.utc, alarm }));
        }
    }

    fn warn(&mut self, text: String) {
        self.warnings += 1;
        if self.warnings <= WARNINGS_MAX {
            self.actions.push_back(Action::Warn(text));
        }
    }
}

/// What a group does now: the first of its events is the present one.
fn event(state: &IntersectionState, group: Group) -> Option<&MovementEvent> {
    let movement = state.states.0.iter().find(|movement| movement.signal_group == group.number)?;
    movement.events.0.first()
}

/// In the characters of RSMP S0001.
fn letter(state: PhaseState, on_foot: bool) -> char {
    match state {
        PhaseState::Unavailable => '-',
        PhaseState::Dark => 'b',
        PhaseState::StopThenProceed => 'd',
        PhaseState::StopAndRemain => 'B',
        PhaseState::PreMovement => '0',
        PhaseState::PermissiveMovementAllowed | PhaseState::ProtectedMovementAllowed => '4',
        PhaseState::PermissiveClearance | PhaseState::ProtectedClearance if on_foot => '9',
        PhaseState::PermissiveClearance | PhaseState::ProtectedClearance => 'N',
        PhaseState::CautionConflictingTraffic => 'c',
    }
}

/// When the group may change, by our clock.
fn change(now: UtcMillis, controller_at: UtcMillis, event: &MovementEvent) -> Option<Change> {
    let timing = event.timing.as_ref()?;
    let ours = |mark| Some(now + time::of_mark(controller_at, mark)?.since(controller_at));
    let earliest = ours(timing.earliest_end)?;
    let latest = timing.latest_end.and_then(ours);
    let likely = timing.likely_end.and_then(ours);
    Some(Change { earliest, latest, likely, until: Until::Change })
}

impl Session for Hearer {
    fn receive(&mut self, at: At, bytes: &[u8]) {
        let spat = match j2735::decode(bytes) {
            Ok(Message::Spat(spat)) => spat,
            Ok(Message::Map(_) | Message::Other(_)) => return,
            Err(bad) => return self.warn(bad.to_string()),
        };
        let Some(state) = spat.intersections.0.iter().find(|state| self.is_ours(state)) else { return };
        self.state(at, spat.minute, state);
    }

    fn poll_timeout(&self) -> Duration {
        self.heard.map_or(NEVER, |heard| heard + SILENCE_MAX)
    }

    fn handle_timeout(&mut self, at: At) {
        if self.heard.is_some_and(|heard| heard + SILENCE_MAX <= at.elapsed) {
            self.heard = None;
            (self.told, self.now_told, self.changes_told) = (None, None, None);
            // What it last said of its alarms holds until it says otherwise.
            self.changes.clear();
            self.now = ControllerNow::default();
            let s = SILENCE_MAX.as_secs();
            let reason = format!("no SPaT of the junction for {s} s; does the cabinet still send here?");
            self.actions.push_back(Action::Down { reason });
        }
    }

    fn order(&mut self, order: Order) {
        let answer = match order.what {
            Asked::Now if self.heard.is_some() => Answer::Now(self.now),
            Asked::Now => Answer::None,
            Asked::Command { .. } | Asked::Alarm { .. } | Asked::AggregatedStatus => {
                Answer::Refused("SPaT is a broadcast: nothing can be asked of it".to_owned())
            }
        };
        self.actions.push_back(Action::Answered { number: order.number, answer });
    }

    fn poll(&mut self) -> Option<Action> {
        self.actions.pop_front()
    }
}
