//! What signal controllers report becomes events, and the latest of it stands on the board.
//!
//! A controller repeats itself: after each reconnection it tells all alarms and its present state anew, and whatever it
//! got no acknowledgement for. Only what is new becomes an event.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use hardware_ports::sink::{NotKept, SignalReport, Sink};
use models_domain::event::LinkState;
use models_domain::signal::{GroupStates, SignalAlarm};
use models_domain::{EventBody, JunctionId, UtcMillis};

use crate::board::Board;
use crate::keep::KeepEvents;

/// Group states remembered per junction, to know a repeated one: more than a controller sends without acknowledgement.
const REMEMBERED_MAX: usize = 256;

/// Alarms remembered per junction: more than a controller has; the oldest goes first.
const ALARMS_MAX: usize = 1024;

/// The signal adapter's sink.
pub struct SignalWorker {
    keep: Arc<dyn KeepEvents>,
    board: Arc<Board>,
    known_by_junction: Mutex<BTreeMap<JunctionId, Known>>,
}

/// What was kept of one junction.
#[derive(Default)]
struct Known {
    /// The newest state and the controller's time of it.
    newest: Option<(UtcMillis, String)>,
    remembered: VecDeque<(UtcMillis, String)>,
    alarms_by_name: BTreeMap<(String, String), (UtcMillis, SignalAlarm)>,
    link: Option<LinkState>,
}

impl SignalWorker {
    pub fn new(keep: Arc<dyn KeepEvents>, board: Arc<Board>) -> Self {
        Self { keep, board, known_by_junction: Mutex::default() }
    }

    fn groups(&self, junction: JunctionId, at: UtcMillis, groups: GroupStates) -> Result<(), NotKept> {
        if !groups.old {
            self.board.update_junction(&junction, |now| now.groups.clone_from(&groups.groups));
        }
        self.with(&junction, |known| {
            if !known.is_news(&groups) {
                return Ok(());
            }
            let state = (groups.controller_at, groups.groups.clone());
            let old = groups.old;
            self.keep.keep(at, EventBody::Signal { junction: junction.clone(), groups })?;
            known.remember(state, old);
            Ok(())
        })
    }

    fn alarm(&self, junction: JunctionId, at: UtcMillis, alarm: SignalAlarm) -> Result<(), NotKept> {
        self.with(&junction, |known| {
            let name = (alarm.code.clone(), alarm.component.clone());
            let told = (at, alarm.clone());
            if known.alarms_by_name.get(&name) == Some(&told) {
                return Ok(());
            }
            self.keep.keep(at, EventBody::SignalAlarm { junction: junction.clone(), alarm })?;
            if known.alarms_by_name.len() >= ALARMS_MAX && !known.alarms_by_name.contains_key(&name) {
                let oldest = known.alarms_by_name.iter().min_by_key(|(_, (at, _))| *at);
                if let Some(oldest) = oldest.map(|(name, _)| name.clone()) {
                    known.alarms_by_name.remove(&oldest);
                }
            }
            known.alarms_by_name.insert(name, told);
            Ok(())
        })
    }

    fn link(&self, junction: JunctionId, at: UtcMillis, state: LinkState) -> Result<(), NotKept> {
        self.board.update_junction(&junction, |now| now.state.clone_from(&state));
        self.with(&junction, |known| {
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
    fn is_news(&self, groups: &GroupStates) -> bool {
        if groups.old {
            let same =
                |(at, text): &(UtcMillis, String)| *at == groups.controller_at && *text == groups.groups;
            return !self.remembered.iter().any(same);
        }
        self.newest.as_ref().is_none_or(|(_, text)| *text != groups.groups)
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
        match report {
            SignalReport::Groups { junction, at, groups } => self.groups(junction, at, groups),
            SignalReport::Alarm { junction, at, alarm } => self.alarm(junction, at, alarm),
            SignalReport::Link { junction, at, state } => self.link(junction, at, state),
        }
    }
}
