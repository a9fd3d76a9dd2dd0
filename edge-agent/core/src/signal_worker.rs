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
use models_domain::signal::{GroupStates, SignalAlarm};
use models_domain::{EventBody, JunctionId, UtcMillis};

use crate::board::Board;
use crate::keep::KeepEvents;
use crate::red_lights::RedLights;
use watched::Watched;

/// Group states remembered per junction, to know a repeated one: more than a controller sends without acknowledgement.
const REMEMBERED_MAX: usize = 256;

/// Alarms remembered per junction: more than a controller has; the oldest goes first.
const ALARMS_MAX: usize = 1024;

/// The signal adapter's sink.
pub struct SignalWorker {
    keep: Arc<dyn KeepEvents>,
    board: Arc<Board>,
    known_by_junction: Mutex<BTreeMap<JunctionId, Known>>,
    /// Who judges stop lines by what is reported.
    red_lights: Option<Arc<RedLights>>,
}

/// What was kept of one junction.
#[derive(Default)]
struct Known {
    /// The newest state and the controller's time of it.
    newest: Option<(UtcMillis, String)>,
    remembered: VecDeque<(UtcMillis, String)>,
    alarms_by_name: BTreeMap<(String, String), (UtcMillis, SignalAlarm)>,
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
                now.seen.report(at, &groups.groups);
            });
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
        alarms.into_iter().try_for_each(|(at, alarm)| self.alarm(junction.clone(), at, alarm))
    }

    fn link(&self, junction: JunctionId, at: UtcMillis, state: LinkState) -> Result<(), NotKept> {
        self.board.update_junction(&junction, |now| {
            now.state.clone_from(&state);
            if state.link != Link::Up {
                now.seen.lose();
                now.changes.clear();
                now.now = ControllerNow::default();
            }
        });
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
        if let Some(red_lights) = &self.red_lights {
            red_lights.hear(&report);
        }
        match report {
            SignalReport::Groups { junction, at, groups } => self.groups(junction, at, groups),
            SignalReport::Alarm { junction, at, alarm } => self.alarm(junction, at, alarm),
            SignalReport::Link { junction, at, state } => self.link(junction, at, state),
            SignalReport::Now { junction, now, .. } => {
                self.board.update_junction(&junction, |known| known.now.learn(&now));
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
mod tests {
    use models_domain::{EventId, Seq};

    use super::*;

    /// Lines of what was kept; refuses while `full`.
    #[derive(Default)]
    struct Lines {
        kept: Mutex<Vec<String>>,
        full: Mutex<bool>,
    }

    impl KeepEvents for Lines {
        fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
            if *self.full.lock().unwrap() {
                return Err(NotKept("the disk is full".into()));
            }
            let text = match body {
                EventBody::Signal { groups, .. } => {
                    format!("{}{}", groups.groups, if groups.old { " old" } else { "" })
                }
                EventBody::SignalAlarm { alarm, .. } => format!("{} {}", alarm.code, alarm.active),
                EventBody::SignalState { state, .. } => format!("{:?}", state.link),
                EventBody::Detectors { readings, .. } => {
                    let told = |(number, r): &(u16, Reading)| {
                        format!("{number}={}@{}", r.vehicles.unwrap_or(0), r.at.0)
                    };
                    readings.iter().map(told).collect::<Vec<_>>().join(" ")
                }
                other @ (EventBody::LineCrossing { .. }
                | EventBody::Counts { .. }
                | EventBody::Rule { .. }
                | EventBody::RedLight { .. }
                | EventBody::CameraStats { .. }
                | EventBody::CameraState { .. }
                | EventBody::SignalOrder { .. }
                | EventBody::Fix(_)) => other.kind().to_owned(),
            };
            let mut kept = self.kept.lock().unwrap();
            kept.push(format!("{} {text}", at.0));
            Ok(EventId { boot: 1, seq: Seq(kept.len() as u64) })
        }
    }

    fn junction() -> JunctionId {
        JunctionId::new("kim-ma").unwrap()
    }

    /// `AABB@5` is a live value by the controller's clock, `AABB@5 old` a buffered one; it arrives at 100, 101, …
    fn report(arrived: i64, text: &str) -> SignalReport {
        let (groups, rest) = text.split_once('@').unwrap();
        let (time, old) = rest.split_once(' ').map_or((rest, false), |(time, _)| (time, true));
        let controller_at = UtcMillis(time.parse().unwrap());
        let (groups, late) = (groups.into(), models_domain::DurationMs(0));
        let groups = GroupStates { groups, cycle_s: None, stage: None, controller_at, late, old };
        let at = if old { controller_at } else { UtcMillis(arrived) };
        SignalReport::Groups { junction: junction(), at, groups }
    }

    #[track_caller]
    fn check(reports: &[&str], want: &[&str], board_want: &str) {
        let (lines, board) = (Arc::new(Lines::default()), Arc::new(Board::default()));
        let worker = SignalWorker::new(lines.clone(), board.clone());
        for (arrived, text) in (100..).zip(reports) {
            futures_ready(worker.accept(report(arrived, text))).unwrap();
        }
        assert_eq!(*lines.kept.lock().unwrap(), want);
        assert_eq!(board.junction(&junction()).unwrap().groups, board_want);
    }

    /// The worker never waits: its answer is there at once.
    fn futures_ready<T>(future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
            std::task::Poll::Ready(value) => value,
            std::task::Poll::Pending => panic!("the worker waited"),
        }
    }

    #[test]
    fn only_changes_become_events() {
        check(&["1B@1", "1B@2", "NB@3", "NB@3", "BB@4"], &["100 1B", "102 NB", "104 BB"], "BB");
    }

    #[test]
    fn buffered_values_are_events_and_leave_the_board() {
        check(&["1B@1", "NB@2 old", "BB@3 old", "B1@9"], &["100 1B", "2 NB old", "3 BB old", "103 B1"], "B1");
        // The last buffered value is still shown: no second event for it.
        check(&["1B@1", "NB@2 old", "NB@9"], &["100 1B", "2 NB old"], "NB");
        // Buffered values that come after the present one do not replace it.
        check(&["1B@9", "NB@2 old", "1B@10"], &["100 1B", "2 NB old"], "1B");
    }

    #[test]
    fn what_was_kept_and_not_acknowledged_comes_again_without_a_second_event() {
        check(
            &["1B@1", "NB@2", "1B@1 old", "NB@2 old", "BB@3 old", "BB@3 old"],
            &["100 1B", "101 NB", "3 BB old"],
            "NB",
        );
        // The same groups at another time are another fact.
        check(&["1B@1", "NB@2 old", "1B@3 old"], &["100 1B", "2 NB old", "3 1B old"], "1B");
    }

    #[test]
    fn a_controllers_clock_may_be_set_back() {
        check(&["1B@1000", "NB@10", "1B@11"], &["100 1B", "101 NB", "102 1B"], "1B");
    }

    #[test]
    fn alarms_and_links_are_told_once() {
        let lines = Arc::new(Lines::default());
        let worker = SignalWorker::new(lines.clone(), Arc::new(Board::default()));
        let alarm = |at: i64, active| {
            let alarm = SignalAlarm {
                code: "A0302".into(),
                component: "DL1".into(),
                active,
                acknowledged: false,
                suspended: false,
                priority: 2,
                description: String::new(),
            };
            SignalReport::Alarm { junction: junction(), at: UtcMillis(at), alarm }
        };
        let link = |at: i64, link| {
            let state = LinkState { link, reason: String::new() };
            SignalReport::Link { junction: junction(), at: UtcMillis(at), state }
        };
        for report in [
            link(1, Link::Up),
            alarm(2, true),
            alarm(2, true),
            link(3, Link::Up),
            alarm(4, false),
            link(5, Link::Down),
        ] {
            futures_ready(worker.accept(report)).unwrap();
        }
        assert_eq!(*lines.kept.lock().unwrap(), ["1 Up", "2 A0302 true", "4 A0302 false", "5 Down"]);
    }

    #[test]
    fn a_detector_that_is_not_to_be_believed_is_an_alarm_until_it_is() {
        let lines = Arc::new(Lines::default());
        let worker = SignalWorker::new(lines.clone(), Arc::new(Board::default()));
        for (minute, vehicles) in [(1, 10), (2, 90), (3, 90), (4, 10), (20, 10)] {
            let (at, interval) = (UtcMillis(minute * 60_000), models_domain::DurationMs(60_000));
            let occupancy = Some(0.1 + minute as f64 / 100.0);
            let reading = Reading { at, interval, vehicles: Some(vehicles), occupancy, ..Reading::default() };
            let report =
                SignalReport::Detectors { junction: junction(), told_at: at, readings: vec![(3, reading)] };
            futures_ready(worker.accept(report)).unwrap();
        }
        let kept = lines.kept.lock().unwrap();
        let alarms: Vec<&String> = kept.iter().filter(|line| line.contains("chatter")).collect();
        assert_eq!(alarms, ["120000 chatter true", "1200000 chatter false"]);
    }

    #[test]
    fn counts_are_kept_once_however_often_they_come() {
        let lines = Arc::new(Lines::default());
        let worker = SignalWorker::new(lines.clone(), Arc::new(Board::default()));
        let counts = |told_s: i64, at_s: i64, vehicles: &[(u16, u32)]| {
            let reading = |(number, vehicles): &(u16, u32)| {
                let (at, interval) = (UtcMillis(at_s * 1_000), models_domain::DurationMs(60_000));
                (*number, Reading { at, interval, vehicles: Some(*vehicles), ..Reading::default() })
            };
            let readings = vehicles.iter().map(reading).collect();
            SignalReport::Detectors { junction: junction(), told_at: UtcMillis(told_s * 1_000), readings }
        };
        for report in [
            // The controller's clock is 1,000 s ahead: live counts have our time, buffered ones its own.
            counts(1_060, 60, &[(1, 5), (2, 0)]),
            counts(1_060, 1_060, &[(1, 5), (2, 0)]),
            counts(1_060, 1_060, &[(1, 5), (3, 7)]),
            counts(1_120, 120, &[(1, 5), (2, 0)]),
        ] {
            futures_ready(worker.accept(report)).unwrap();
        }
        let kept = lines.kept.lock().unwrap();
        let want = ["60000 1=5@60000 2=0@60000", "1060000 3=7@1060000", "120000 1=5@120000 2=0@120000"];
        assert_eq!(*kept, want);
    }

    #[test]
    fn what_the_disk_refused_is_no_repetition() {
        let (lines, board) = (Arc::new(Lines::default()), Arc::new(Board::default()));
        let worker = SignalWorker::new(lines.clone(), board);
        *lines.full.lock().unwrap() = true;
        assert!(futures_ready(worker.accept(report(100, "1B@1"))).is_err());
        *lines.full.lock().unwrap() = false;
        futures_ready(worker.accept(report(101, "1B@1 old"))).unwrap();
        assert_eq!(*lines.kept.lock().unwrap(), ["1 1B old"]);
    }
}
