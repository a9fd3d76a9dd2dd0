//! Who ran a red light: passages over stop lines, joined with what their lamps showed once that is known for certain.
//!
//! A passage waits until the controller has spoken of a later time, since a change may still be on its way; then
//! `signal::red_light::judge` decides. What it is not sure of is counted and nobody is accused. What waits is lost when
//! the gateway ends: that too accuses nobody.

mod eyes;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use hardware_ports::infer::PictureEncoder;
use hardware_ports::sink::SignalReport;
use models_domain::count::Direction;
use models_domain::event::{Link, Phase, RuleEvent};
use models_domain::signal::Aspect;
use models_domain::signal::red_light::lamp::{Lamp, UNKNOWN_AFTER_SET_BACK};
use models_domain::signal::red_light::stop_line::Passed;
use models_domain::signal::red_light::told::LAMP_MAX;
use models_domain::signal::red_light::{
    ClockErrors, EvidenceStill, LampState, RedLightRun, Trace, Verdict, judge,
};
use models_domain::{CameraId, DurationMs, EventBody, JunctionId, LineId, MeasureKind, UtcMillis, ZoneId};
use sha2::{Digest, Sha256};

pub use eyes::Eyes;

/// A passage that waited so long for word of its lamp is not judged any more: the longest red and more.
const WAIT_MAX: DurationMs = DurationMs(240_000);
/// Passages of one camera that wait; each has three JPEGs. The oldest is given up.
const WAITING_MAX: usize = 64;
/// How far units' times may be off is remembered for so long, and of so many.
const ERRORS_FOR: DurationMs = DurationMs(30_000);
const ERRORS_MAX: usize = 2_000;
/// A passage's times are as good as those of the pictures so much around it.
const AROUND: DurationMs = DurationMs(1_000);
/// Our own clock was set back when it reads so much less than before; less is another thread's.
const SET_BACK: DurationMs = DurationMs(1_000);
const MINUTE: i64 = 60_000;
/// States of the lamp that are told from before it became red.
const BEFORE_RED: usize = 3;
/// Of events and figures.
const RULE: &str = "red_light";

/// A line of a camera's scene at which a signal group says whether one may go on.
#[derive(Debug, Clone, PartialEq)]
pub struct StopLineSpec {
    pub line: LineId,
    /// Of those that the lamp speaks to.
    pub direction: Direction,
    pub junction: JunctionId,
    /// In the controller's order, from 1.
    pub group: u16,
    /// How far the lamp's times may be off beyond what is measured: how late the controller notices, and its network's
    /// shortest way.
    pub signal_error: DurationMs,
    /// Of a controller that keeps UTC: when its clock is off from ours by more, its times accuse nobody. A link that delays
    /// everything alike cannot be told from a clock that is late.
    pub clock_off_max: Option<DurationMs>,
}

/// All stop lines of a gateway and their lamps. Cheap to ask from every thread.
pub struct RedLights {
    state: Mutex<State>,
    encoder: Arc<dyn PictureEncoder>,
}

/// An event, and the JPEGs that prove it, in the order of its parts.
pub type Proven = (UtcMillis, EventBody, Vec<Vec<u8>>);

#[derive(Default)]
struct State {
    lamps_by_junction: BTreeMap<JunctionId, Lamp>,
    memories_by_camera: BTreeMap<CameraId, Memory>,
    /// When was last decided, and before when nothing is known since our clock was set back.
    now: Option<UtcMillis>,
    unknown_before: Option<UtcMillis>,
}

/// What is known of one camera.
#[derive(Default)]
struct Memory {
    /// How far the times of its pictures may be off.
    errors: VecDeque<(UtcMillis, DurationMs)>,
    waiting: VecDeque<Waiting>,
    counts_by_line: BTreeMap<LineId, Counts>,
    /// The one that is counted.
    minute: Option<i64>,
}

struct Waiting {
    spec: StopLineSpec,
    passed: Passed,
    camera_error: DurationMs,
    jpegs: Vec<Vec<u8>>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Counts {
    ran: u32,
    within_error: u32,
    unproven: u32,
}

impl RedLights {
    pub fn new(encoder: Arc<dyn PictureEncoder>) -> Self {
        Self { state: Mutex::default(), encoder }
    }

    /// Something that a controller told.
    pub fn hear(&self, report: &SignalReport) {
        let mut state = self.held();
        if let SignalReport::Groups { junction, at, .. }
        | SignalReport::Now { junction, at, .. }
        | SignalReport::Link { junction, at, .. } = report
        {
            state.arrive(junction, *at);
        }
        let lamps = &mut state.lamps_by_junction;
        match report {
            SignalReport::Groups { junction, at, groups } => {
                lamps.entry(junction.clone()).or_default().groups(*at, groups);
            }
            SignalReport::Now { junction, at, now } => {
                let lamp = lamps.entry(junction.clone()).or_default();
                if let Some(ahead) = now.clock_ahead {
                    lamp.clock(*at, ahead);
                }
                if let Some(mode) = now.mode {
                    lamp.mode(*at, mode);
                }
            }
            SignalReport::Link { junction, at, state } => {
                if state.link != Link::Up {
                    lamps.entry(junction.clone()).or_default().lost(*at);
                }
            }
            // The groups that come with a stage were told before: they may be others by now.
            SignalReport::Stage { .. }
            | SignalReport::Alarm { .. }
            | SignalReport::Aggregated { .. }
            | SignalReport::Changes { .. }
            | SignalReport::Detectors { .. } => {}
        }
    }

    /// A picture came, and its time may be off by so much.
    pub fn unit(&self, camera: &CameraId, at: UtcMillis, error: DurationMs) {
        let mut state = self.held();
        let errors = &mut memory(&mut state, camera).errors;
        // Time may have been set back.
        errors.retain(|(of, _)| (DurationMs(-5_000)..=ERRORS_FOR).contains(&at.since(*of)));
        if errors.len() == ERRORS_MAX {
            errors.pop_front();
        }
        errors.push_back((at, error));
    }

    /// What a group shows, as far as was told.
    pub fn shows(&self, junction: &JunctionId, group: u16) -> Aspect {
        self.held().lamps_by_junction.get(junction).map_or(Aspect::Unknown, |lamp| lamp.shows(group))
    }

    /// Somebody is beyond the line who was not seen, or cannot be shown, on both sides of it.
    fn unseen(&self, camera: &CameraId, spec: &StopLineSpec) {
        let mut state = self.held();
        let lamp = state.lamps_by_junction.get(&spec.junction);
        if lamp.is_some_and(|lamp| lamp.shows(spec.group) == Aspect::Red) {
            memory(&mut state, camera).count(&spec.line).unproven += 1;
        }
    }

    /// Somebody passed at what may have been red. `jpegs`: in the order of the event's parts.
    fn passed(&self, camera: &CameraId, spec: &StopLineSpec, passed: Passed, jpegs: Vec<Vec<u8>>) {
        let mut state = self.held();
        let memory = memory(&mut state, camera);
        let (from, to) = (passed.passage.before - AROUND, passed.passage.after + AROUND);
        let near = memory.errors.iter().filter(|(at, _)| (from..=to).contains(at)).map(|(_, error)| *error);
        // Without a single one its times are worth nothing.
        let camera_error = near.max().unwrap_or(WAIT_MAX);
        if memory.waiting.len() == WAITING_MAX
            && let Some(oldest) = memory.waiting.pop_front()
        {
            memory.count(&oldest.spec.line).unproven += 1;
        }
        memory.waiting.push_back(Waiting { spec: spec.clone(), passed, camera_error, jpegs });
    }

    /// What has become certain of one camera's passages by now, and each minute's figures when it is over.
    pub fn decide(&self, camera: &CameraId, now: UtcMillis) -> Vec<Proven> {
        let mut state = self.held();
        state.tick(now);
        let State { lamps_by_junction, memories_by_camera, unknown_before, .. } = &mut *state;
        let unknown = |passed: &Passed| unknown_before.is_some_and(|before| passed.passage.before < before);
        let memory = memories_by_camera.entry(camera.clone()).or_default();
        let mut told = memory.figures(camera, now);
        for waiting in std::mem::take(&mut memory.waiting) {
            let lamp = lamps_by_junction.get(&waiting.spec.junction);
            let trace = lamp.and_then(|lamp| lamp.trace(waiting.spec.group));
            let clock = lamp.and_then(Lamp::ahead);
            // What it says was told by a clock of ours that was set back since.
            let trace = trace.filter(|trace| trace.until() <= now && !unknown(&waiting.passed));
            match decide(&waiting, trace.as_ref(), clock, now) {
                None => memory.waiting.push_back(waiting),
                Some(Verdict::Allowed) => {}
                Some(Verdict::Doubtful) => memory.count(&waiting.spec.line).within_error += 1,
                Some(Verdict::Undecided) => memory.count(&waiting.spec.line).unproven += 1,
                Some(Verdict::Violation { red_for }) => {
                    // The link may have broken since: how far the clock is off cannot be told then.
                    let Some((trace, ahead)) = trace.zip(clock) else {
                        memory.count(&waiting.spec.line).unproven += 1;
                        continue;
                    };
                    memory.count(&waiting.spec.line).ran += 1;
                    told.extend(run(camera, waiting, &trace, red_for, ahead));
                }
            }
        }
        told
    }

    /// The maps hold plain values that no panic can leave half written.
    fn held(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// It is `now`. When time was set back, what waits for this lamp was seen by another clock than the lamp will be.
    fn arrive(&mut self, junction: &JunctionId, now: UtcMillis) {
        if !self.lamps_by_junction.get_mut(junction).is_some_and(|lamp| lamp.arrive(now)) {
            return;
        }
        self.give_up(|waiting| waiting.spec.junction == *junction);
    }

    /// The same between what its controller tells.
    fn tick(&mut self, now: UtcMillis) {
        if self.now.is_some_and(|before| before.since(now) > SET_BACK) {
            self.unknown_before = Some(now + UNKNOWN_AFTER_SET_BACK);
            self.give_up(|_| true);
        }
        self.now = Some(now);
    }

    fn give_up(&mut self, what: impl Fn(&Waiting) -> bool) {
        for memory in self.memories_by_camera.values_mut() {
            for waiting in std::mem::take(&mut memory.waiting) {
                if what(&waiting) {
                    memory.count(&waiting.spec.line).unproven += 1;
                } else {
                    memory.waiting.push_back(waiting);
                }
            }
        }
    }
}

fn memory<'a>(state: &'a mut State, camera: &CameraId) -> &'a mut Memory {
    state.memories_by_camera.entry(camera.clone()).or_default()
}

impl Waiting {
    fn errors(&self) -> ClockErrors {
        ClockErrors { camera: self.camera_error, controller: self.spec.signal_error }
    }
}

/// `None`: what the lamp showed may still become known.
fn decide(
    waiting: &Waiting,
    trace: Option<&Trace>,
    clock: Option<DurationMs>,
    now: UtcMillis,
) -> Option<Verdict> {
    let off = clock.zip(waiting.spec.clock_off_max).is_some_and(|(off, most)| off.0.abs() > most.0);
    let passage = &waiting.passed.passage;
    // Time was set back since it was seen, or it waited too long.
    let ahead = passage.after.since(now) > UNKNOWN_AFTER_SET_BACK;
    let gave_up = ahead || now.since(passage.after) > WAIT_MAX;
    let verdict = trace.filter(|_| !off && !ahead).map(|trace| judge(trace, passage, waiting.errors()));
    let known = trace.is_some_and(|trace| {
        trace.until() - waiting.spec.signal_error > passage.beyond + waiting.camera_error
    });
    if known || gave_up { Some(verdict.unwrap_or(Verdict::Undecided)) } else { None }
}

fn run(
    camera: &CameraId,
    waiting: Waiting,
    trace: &Trace,
    red_for: DurationMs,
    clock_ahead: DurationMs,
) -> Option<Proven> {
    let Waiting { spec, passed, camera_error, jpegs } = waiting;
    let passage = passed.passage;
    let shown = trace.changes().iter().rposition(|shown| shown.at <= passage.at)?;
    let red = trace.red_since(shown)?;
    let first = trace.changes().iter().position(|shown| shown == red)?.saturating_sub(BEFORE_RED);
    let lamp = trace.changes().iter().skip(first).take(LAMP_MAX).map(|shown| LampState {
        state: shown.state,
        at: shown.at,
        by: shown.by,
        controller_at: shown.controller_at,
    });
    let [before, crossed, after] = passed.sights;
    let stills = [crossed, before, after].into_iter().zip(&jpegs).map(|(sight, jpeg)| EvidenceStill {
        at: sight.at,
        bbox: sight.bbox,
        sha256: Sha256::digest(jpeg).into(),
    });
    let run = RedLightRun {
        line: spec.line,
        direction: spec.direction,
        junction: spec.junction,
        group: spec.group,
        class: passed.class,
        track: passed.track,
        passage,
        red_for,
        into_red: passage.at.since(red.at),
        camera_error,
        signal_error: spec.signal_error + red.by.since(red.at),
        clock_ahead,
        known_until: trace.until(),
        lamp: lamp.collect(),
        stills: stills.collect(),
    };
    Some((passage.at, EventBody::RedLight { camera: camera.clone(), run: Box::new(run) }, jpegs))
}

impl Memory {
    fn count(&mut self, line: &LineId) -> &mut Counts {
        self.counts_by_line.entry(line.clone()).or_default()
    }

    /// The figures of a minute that is over, one event a line at which there is something to tell.
    fn figures(&mut self, camera: &CameraId, now: UtcMillis) -> Vec<Proven> {
        let minute = now.0.div_euclid(MINUTE);
        let before = self.minute.replace(minute);
        let Some(before) = before.filter(|before| *before != minute) else { return Vec::new() };
        let counts = std::mem::take(&mut self.counts_by_line);
        let figure = |(line, counts): (LineId, Counts)| {
            let mut event = RuleEvent::new(RULE, Phase::Figure, UtcMillis(before * MINUTE));
            event.zone = ZoneId::new(line.as_str()).ok();
            event.measures = vec![
                MeasureKind::RanRed.of(counts.ran.into()),
                MeasureKind::RedWithinError.of(counts.within_error.into()),
                MeasureKind::RedUnproven.of(counts.unproven.into()),
            ];
            (now, EventBody::Rule { camera: camera.clone(), event }, Vec::new())
        };
        counts.into_iter().map(figure).collect()
    }
}
