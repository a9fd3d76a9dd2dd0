//! What signal controllers report becomes events, and the latest of it stands on the board.
//!
//! A controller repeats itself: after each reconnection it tells all alarms and its present state anew, and whatever it
//! got no acknowledgement for. Only what is new becomes an event.

mod watched;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hardware_ports::sink::{NotKept, SignalReport, Sink};
use models_domain::event::{Link, LinkState};
use models_domain::signal::detector::Reading;
use models_domain::signal::order::ControllerNow;
use models_domain::signal::{Cycle, GroupStates, SignalAlarm};
use models_domain::{EventBody, JunctionId, UtcMillis};

use crate::board::Board;
use crate::keep::KeepEvents;
use crate::red_lights::RedLights;
use watched::Watched;

/// Group states remembered per junction, to know a repeated one: more than a controller sends without acknowledgement.
const REMEMBERED_MAX: usize = 256;

/// Alarms remembered per junction: more than a controller has; the oldest goes first.
const ALARMS_MAX: usize = 1024;

/// Words about alarms that were older than what was known, remembered per junction to know a repeated one.
const LATE_MAX: usize = 256;

/// Alarms of a junction that the hall is told of with each state; the hall keeps no more.
const LISTED_MAX: usize = 200;

/// The signal adapter's sink.
pub struct SignalWorker {
    keep: Arc<dyn KeepEvents>,
    board: Arc<Board>,
    known_by_junction: Mutex<BTreeMap<JunctionId, Known>>,
    /// Who judges stop lines by what is reported.
    red_lights: Option<Arc<RedLights>>,
}

/// Who found an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum FoundBy {
    /// It may tell it late, out of its buffer.
    Controller,
    /// What its counts say, in the order in which they came.
    Gateway,
}

/// What was kept of one junction.
#[derive(Default)]
struct Known {
    /// The newest state and the controller's time of it.
    newest: Option<(UtcMillis, String)>,
    remembered: VecDeque<(UtcMillis, String)>,
    /// As it was told last, of those that tell one.
    stage: Option<u32>,
    alarms_by_name: BTreeMap<(String, String), (UtcMillis, SignalAlarm)>,
    late_alarms: VecDeque<(UtcMillis, SignalAlarm)>,
    /// When something that is so now was told last, by our clock.
    told_at: Option<UtcMillis>,
    link: Option<LinkState>,
    detectors: BTreeMap<u16, Watched>,
}

impl SignalWorker {
    pub fn new(keep: Arc<dyn KeepEvents>, board: Arc<Board>) -> Self {
        Self { keep, board, known_by_junction: Mutex::default(), red_lights: None }
    }

    #[must_use]
    pub fn with_red_lights(self, red_lights: Option<Arc<RedLights>>) -> Self {
        Self { red_lights, ..self }
    }

    fn groups(&self, junction: JunctionId, at: UtcMillis, groups: GroupStates) -> Result<(), NotKept> {
        if !groups.old {
            self.board.update_junction(&junction, |now| {
                now.groups.clone_from(&groups.groups);
                now.now.cycle = groups.cycle_s.map(|second| Cycle { second, at }).or(now.now.cycle);
                now.seen.report(at, &groups.groups);
            });
        }
        self.with(&junction, |known| {
            if !groups.old {
                known.told_at = Some(at);
            }
            if !known.is_news(&groups) {
                return Ok(());
            }
            let state = (groups.controller_at, groups.groups.clone());
            let (old, stage) = (groups.old, groups.stage);
            self.keep.keep(at, EventBody::Signal { junction: junction.clone(), groups })?;
            known.remember(state, old);
            if !old {
                known.stage = stage.or(known.stage);
            }
            Ok(())
        })
    }

    /// What was told of the lamps stands on the board as it is: this is no word about them.
    fn stage(&self, junction: &JunctionId, at: UtcMillis, groups: GroupStates) -> Result<(), NotKept> {
        self.with(junction, |known| {
            known.told_at = Some(at);
            let stage = groups.stage;
            if stage.is_none() || stage == known.stage {
                return Ok(());
            }
            self.keep.keep(at, EventBody::Signal { junction: junction.clone(), groups })?;
            known.stage = stage;
            Ok(())
        })
    }

    fn alarm(
        &self,
        junction: JunctionId,
        at: UtcMillis,
        alarm: SignalAlarm,
        found_by: FoundBy,
    ) -> Result<(), NotKept> {
        self.with(&junction, |known| {
            let name = (alarm.code.clone(), alarm.component.clone());
            let told = (at, alarm.clone());
            if known.alarms_by_name.get(&name) == Some(&told) || known.late_alarms.contains(&told) {
                return Ok(());
            }
            self.keep.keep(at, EventBody::SignalAlarm { junction: junction.clone(), alarm })?;
            if found_by == FoundBy::Controller && known.is_newer_alarm(&name, at) {
                known.remember_late(told);
                return Ok(());
            }
            if known.alarms_by_name.len() >= ALARMS_MAX && !known.alarms_by_name.contains_key(&name) {
                let oldest = known.alarms_by_name.iter().min_by_key(|(_, (at, _))| *at);
                if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                    known.alarms_by_name.remove(&oldest);
                }
            }
            known.alarms_by_name.insert(name, told);
            known.told_at = Some(known.told_at.map_or(at, |before| before.max(at)));
            let listed = known.alarms_by_name.values().map(|(_, alarm)| alarm).filter(|one| one.is_listed());
            let alarms = listed.take(LISTED_MAX).cloned().collect();
            self.board.update_junction(&junction, |now| now.alarms = alarms);
            Ok(())
        })
    }

    /// Counts are one event; that a detector is not to be believed is an alarm, and so is its end.
    fn detectors(
        &self,
        junction: &JunctionId,
        told_at: UtcMillis,
        mut readings: Vec<(u16, Reading)>,
    ) -> Result<(), NotKept> {
        let mut alarms = Vec::new();
        self.with(junction, |known| {
            let own = |reading: &Reading| Reading { at: told_at, ..*reading };
            let again = |(number, reading): &(u16, Reading)| {
                known.detectors.get(number).is_some_and(|one| one.knows(&own(reading)))
            };
            readings.retain(|one| !again(one));
            let Some(at) = readings.iter().map(|(_, reading)| reading.at).max() else { return Ok(()) };
            let body = EventBody::Detectors { junction: junction.clone(), readings: readings.clone() };
            self.keep.keep(at, body)?;
            for (number, reading) in &readings {
                let watched = known.detectors.entry(*number).or_insert_with(Watched::new);
                watched.remember(own(reading));
                alarms.extend(watched.step(*number, *reading));
            }
            Ok(())
        })?;
        alarms
            .into_iter()
            .try_for_each(|(at, alarm)| self.alarm(junction.clone(), at, alarm, FoundBy::Gateway))
    }

    fn link(&self, junction: JunctionId, at: UtcMillis, state: LinkState) -> Result<(), NotKept> {
        self.board.update_junction(&junction, |now| {
            now.state.clone_from(&state);
            if state.link != Link::Up {
                now.seen.lose();
                now.changes.clear();
                now.now = ControllerNow::default();
                now.aggregated = None;
            }
        });
        self.with(&junction, |known| {
            known.told_at = Some(at);
            if known.link.as_ref() != Some(&state) {
                self.keep
                    .keep(at, EventBody::SignalState { junction: junction.clone(), state: state.clone() })?;
                known.link = Some(state);
            }
            Ok(())
        })
    }

    /// One junction's memory, held while its event is written so that events keep the order of reports.
    fn with(
        &self,
        junction: &JunctionId,
        work: impl FnOnce(&mut Known) -> Result<(), NotKept>,
    ) -> Result<(), NotKept> {
        let mut known = self.known_by_junction.lock().unwrap_or_else(PoisonError::into_inner);
        work(known.entry(junction.clone()).or_default())
    }
}

impl Known {
    /// Whether what is known of the alarm is newer than `at`: a controller tells its alarms as they are when it connects, and after
    /// them what it had buffered. A time that our own clock has not come to says nothing: the clock was set back since.
    fn is_newer_alarm(&self, name: &(String, String), at: UtcMillis) -> bool {
        let stands = self.alarms_by_name.get(name).map(|(stands, _)| *stands);
        stands.is_some_and(|stands| at < stands && self.told_at.is_none_or(|now| stands <= now))
    }

    fn remember_late(&mut self, told: (UtcMillis, SignalAlarm)) {
        if self.late_alarms.len() >= LATE_MAX {
            self.late_alarms.pop_front();
        }
        self.late_alarms.push_back(told);
    }

    fn is_news(&self, groups: &GroupStates) -> bool {
        if groups.old {
            let same =
                |(at, text): &(UtcMillis, String)| *at == groups.controller_at && *text == groups.groups;
            return !self.remembered.iter().any(same);
        }
        let another_stage = groups.stage.is_some() && groups.stage != self.stage;
        another_stage || self.newest.as_ref().is_none_or(|(_, text)| *text != groups.groups)
    }

    fn remember(&mut self, state: (UtcMillis, String), old: bool) {
        // A live value is the newest whatever its clock says; a buffered one only if nothing newer is known.
        if !old || self.newest.as_ref().is_none_or(|(at, _)| *at < state.0) {
            self.newest = Some(state.clone());
        }
        if self.remembered.len() >= REMEMBERED_MAX {
            self.remembered.pop_front();
        }
        self.remembered.push_back(state);
    }
}

#[async_trait]
impl Sink<SignalReport> for SignalWorker {
    async fn accept(&self, report: SignalReport) -> Result<(), NotKept> {
        if let Some(red_lights) = &self.red_lights {
            red_lights.hear(&report);
        }
        match report {
            SignalReport::Groups { junction, at, groups } => self.groups(junction, at, groups),
            SignalReport::Stage { junction, at, groups } => self.stage(&junction, at, groups),
            SignalReport::Alarm { junction, at, alarm } => {
                self.alarm(junction, at, alarm, FoundBy::Controller)
            }
            SignalReport::Link { junction, at, state } => self.link(junction, at, state),
            SignalReport::Now { junction, at, now } => {
                self.board.update_junction(&junction, |known| known.now.learn(&now));
                self.with(&junction, |known| {
                    known.told_at = Some(at);
                    Ok(())
                })
            }
            SignalReport::Aggregated { junction, status, .. } => {
                self.board.update_junction(&junction, |known| known.aggregated = Some(status));
                Ok(())
            }
            SignalReport::Changes { junction, changes, .. } => {
                self.board.update_junction(&junction, |known| known.changes = changes);
                Ok(())
            }
            SignalReport::Detectors { junction, told_at, readings } => {
                self.detectors(&junction, told_at, readings)
            }
        }
    }
}

#[cfg(test)]
mod tests;
