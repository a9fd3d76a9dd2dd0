//! When a fault of one controller begins and ends: one look at a time in, the news out. What comes and goes within a minute is one
//! fault; what is not known is as it was.

use std::collections::{BTreeMap, VecDeque};

use super::fault::{Fault, FaultKind, Part, UNSTABLE, kind_of};
use crate::signal::SignalAlarm;
use crate::units::{DurationMs, UtcMillis};

/// Not heard for so long, a controller is lost.
pub const LOST_AFTER: DurationMs = DurationMs(15_000);
/// Lost so often within [`UNSTABLE_WITHIN`], its link is a fault while it is up too.
const UNSTABLE_LOSSES: usize = 4;
const UNSTABLE_WITHIN: DurationMs = DurationMs(3_600_000);
/// A clock is off when it is so wrong for [`CLOCK_PATIENCE`], and right again below half of it: a red light's proof bears 500 ms.
const CLOCK_OFF: DurationMs = DurationMs(1_000);
const CLOCK_PATIENCE: DurationMs = DurationMs(60_000);
/// A fault is over when it was not seen for so long.
const GONE_AFTER: DurationMs = DurationMs(60_000);
/// Longest name of a part, in characters.
pub const PART_MAX: usize = 64;
/// Different parts of one controller that may be faulty at once; more are left out.
const FAULTS_MAX: usize = 200;

/// Why nothing is heard of a controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Away {
    /// Its gateway cannot be reached.
    Gateway,
    /// The gateway is there and cannot reach it.
    Controller,
}

/// What is known of one controller at one moment.
#[derive(Debug, Clone)]
pub struct Observed<'a> {
    /// Alarms and clock are as last told while it is away.
    pub away: Option<Away>,
    /// Those that are there or suspended.
    pub alarms: Vec<&'a SignalAlarm>,
    /// The controller's clock less its gateway's.
    pub clock_ahead: Option<DurationMs>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum News {
    Began(Fault),
    /// Other codes, words or another priority; `began` is as before.
    Changed(Fault),
    Ended {
        part: Part,
        at: UtcMillis,
    },
}

/// One controller under watch.
#[derive(Debug, Clone, Default)]
pub struct Health {
    held: BTreeMap<Part, Held>,
    /// Begins of losses that were long enough.
    losses: VecDeque<UtcMillis>,
    /// Since when it is heard without a break, as far as this process knows.
    heard_since: Option<UtcMillis>,
}

#[derive(Debug, Clone)]
struct Held {
    fault: Fault,
    last: UtcMillis,
    /// It was told that it began.
    told: bool,
}

impl Health {
    /// Goes on with what was told before a restart, at `now`, and with when the controller was lost lately.
    pub fn resume(open: Vec<Fault>, losses: impl IntoIterator<Item = UtcMillis>, now: UtcMillis) -> Self {
        let held = |fault: Fault| (fault.part.clone(), Held { fault, last: now, told: true });
        Self {
            held: open.into_iter().map(held).collect(),
            losses: losses.into_iter().collect(),
            heard_since: None,
        }
    }

    /// Those that were told and are not over; the worst first.
    pub fn faults(&self) -> Vec<&Fault> {
        let mut told: Vec<&Fault> =
            self.held.values().filter(|held| held.told).map(|held| &held.fault).collect();
        told.sort_by_key(|fault| (fault.priority, fault.part.kind, fault.began));
        told
    }

    /// Since when the controller is heard without a break; `None` while it is away.
    pub fn heard_since(&self) -> Option<UtcMillis> {
        self.heard_since
    }

    pub fn step(&mut self, now: UtcMillis, observed: &Observed<'_>) -> Vec<News> {
        self.not_ahead_of(now);
        while self.losses.front().is_some_and(|at| now.since(*at) > UNSTABLE_WITHIN) {
            self.losses.pop_front();
        }
        self.heard_since = observed.away.is_none().then(|| self.heard_since.map_or(now, |at| at.min(now)));
        let seen = self.seen(now, observed);
        let mut news = Vec::new();
        for fault in &seen {
            news.extend(self.hold(now, fault));
        }
        let away = observed.away.is_some();
        let gone = self.held.extract_if(.., |part, held| {
            if seen.iter().any(|fault| fault.part == *part) {
                return false;
            }
            // What the controller tells is not known while it is away.
            if away && part.kind != FaultKind::Link {
                held.last = now;
                return false;
            }
            !held.told || is_loss(part) || now.since(held.last) >= GONE_AFTER
        });
        let over = gone.filter(|(_, held)| held.told);
        news.extend(over.map(|(part, held)| News::Ended { part, at: held.last }));
        news
    }

    /// A clock that was set back makes nothing last until it is there again.
    fn not_ahead_of(&mut self, now: UtcMillis) {
        for held in self.held.values_mut() {
            held.last = held.last.min(now);
            if !held.told {
                held.fault.began = held.fault.began.min(now);
            }
        }
        self.losses.iter_mut().for_each(|at| *at = (*at).min(now));
    }

    /// What is wrong at this moment; of each part once.
    fn seen(&self, now: UtcMillis, observed: &Observed<'_>) -> Vec<Fault> {
        let mut by_part: BTreeMap<Part, Fault> = BTreeMap::new();
        let mut alarms: Vec<(Part, &SignalAlarm)> =
            observed.alarms.iter().filter_map(|alarm| Some((part_of(alarm)?, *alarm))).collect();
        // Of a suspended one nobody hears that it is over; nobody is sent out for it either.
        let known = |part: &Part, code: &String| {
            self.held.get(part).is_some_and(|held| held.told && held.fault.codes.contains(code))
        };
        alarms.retain(|(part, alarm)| match alarm.suspended {
            true => known(part, &alarm.code),
            false => alarm.active,
        });
        alarms.sort_by(|(_, a), (_, b)| (a.priority, &a.code).cmp(&(b.priority, &b.code)));
        // A controller that is away tells nothing new.
        for (part, alarm) in alarms.into_iter().filter(|_| observed.away.is_none()) {
            let fault = by_part.entry(part.clone()).or_insert_with(|| Fault {
                part,
                codes: Vec::new(),
                text: alarm.description.clone(),
                priority: alarm.priority.clamp(1, 3),
                began: now,
            });
            fault.codes.push(alarm.code.clone());
        }
        let own = [lost(now, observed), self.unstable(now), self.clock(now, observed)];
        by_part.into_values().chain(own.into_iter().flatten()).collect()
    }

    /// Lost again and again; also while it is lost.
    fn unstable(&self, now: UtcMillis) -> Option<Fault> {
        let often = self.losses.len() >= UNSTABLE_LOSSES;
        often.then(|| own((FaultKind::Link, UNSTABLE), UNSTABLE, 3, now))
    }

    fn clock(&self, now: UtcMillis, observed: &Observed<'_>) -> Option<Fault> {
        let ahead = observed.clock_ahead.filter(|_| observed.away.is_none())?;
        let known = self.held.get(&Part { kind: FaultKind::Clock, name: String::new() });
        let least = if known.is_some_and(|held| held.told) { CLOCK_OFF.0 / 2 } else { CLOCK_OFF.0 };
        let code = if ahead.0 > 0 { "ahead" } else { "behind" };
        (ahead.0.saturating_abs() >= least).then(|| own((FaultKind::Clock, ""), code, 3, now))
    }

    /// Takes what is seen now to what was seen before.
    fn hold(&mut self, now: UtcMillis, seen: &Fault) -> Option<News> {
        if !self.held.contains_key(&seen.part) {
            if self.held.len() >= FAULTS_MAX && !is_own(&seen.part) {
                return None;
            }
            let new = Held { fault: seen.clone(), last: now, told: false };
            self.held.insert(seen.part.clone(), new);
        }
        let held = self.held.get_mut(&seen.part)?;
        held.last = now;
        let known = &held.fault;
        let changed = (&known.codes, &known.text, known.priority) != (&seen.codes, &seen.text, seen.priority);
        let began = held.fault.began;
        held.fault = Fault { began, ..seen.clone() };
        if held.told {
            return changed.then(|| News::Changed(held.fault.clone()));
        }
        if now.since(began) < patience(&seen.part) {
            return None;
        }
        held.told = true;
        if is_loss(&seen.part) {
            self.losses.push_back(began);
        }
        Some(News::Began(held.fault.clone()))
    }
}

/// What an alarm is a fault of; `None`: nobody is sent out for it.
fn part_of(alarm: &SignalAlarm) -> Option<Part> {
    let name: String = alarm.component.trim().chars().filter(|c| !c.is_control()).take(PART_MAX).collect();
    Some(Part { kind: kind_of(&alarm.code)?, name: name.trim_end().to_owned() })
}

fn lost(now: UtcMillis, observed: &Observed<'_>) -> Option<Fault> {
    let code = match observed.away? {
        Away::Gateway => "gateway",
        Away::Controller => "controller",
    };
    Some(own((FaultKind::Link, ""), code, 2, now))
}

/// A fault that the hall finds itself.
fn own((kind, part): (FaultKind, &str), code: &str, priority: u8, now: UtcMillis) -> Fault {
    let part = Part { kind, name: part.to_owned() };
    Fault { part, codes: vec![code.to_owned()], text: String::new(), priority, began: now }
}

/// Found by the hall, and not told by the controller.
fn is_own(part: &Part) -> bool {
    matches!(part.kind, FaultKind::Link | FaultKind::Clock)
}

fn is_loss(part: &Part) -> bool {
    part.kind == FaultKind::Link && part.name.is_empty()
}

/// A fault begins when it was seen for so long.
fn patience(part: &Part) -> DurationMs {
    match part.kind {
        FaultKind::Link if is_loss(part) => LOST_AFTER,
        FaultKind::Clock => CLOCK_PATIENCE,
        FaultKind::Link
        | FaultKind::Safety
        | FaultKind::Controller
        | FaultKind::Lamp
        | FaultKind::Detector
        | FaultKind::Power
        | FaultKind::Door
        | FaultKind::Other => DurationMs(0),
    }
}
