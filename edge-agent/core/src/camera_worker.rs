//! START READING HERE: a camera's picture becomes an event. Stream -> unit -> ladder -> frame -> [`Analysis`] -> outbox.
//!
//! One task per camera runs [`CameraWorker::run`]: it opens the stream and takes its access units. The ladder says how much
//! of them to decode, `climb.rs` picks those out of what is kept, and on one of the [`Lanes`] `eye.rs` decodes and judges
//! (detect, track, count, rules: `analysis.rs`). What was found goes to the outbox and the latest picture to the board.
//! Nothing found is lost: what the outbox refuses is tried again. A stream that breaks is opened anew.

mod claim;
pub mod climb;
pub mod eye;
mod facts;
mod gate;
mod glances;
mod job;
pub mod pace;
mod real_time;
mod reporter;
mod task;
mod unwatched;

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use hardware_ports::units::{AccessUnit, NextUnit, UnitStream};
use models_domain::DurationMs;
use models_domain::effort::Effort;
use models_domain::event::Link;
use models_domain::ladder::Ladder;
use tokio_util::sync::CancellationToken;

use self::claim::Claim;
use self::climb::Climb;
use self::eye::{Eye, Look, Seen};
use self::glances::Glances;
use self::job::{Done, Later, Over, Woken, done, work_through};
use self::pace::{AnalyzePace, Rate};
use self::real_time::InRealTime;
pub use self::reporter::Crossings;
use self::reporter::Reporter;
pub use self::task::{CameraTask, Doors};
use self::unwatched::Unwatched;
use crate::analysis::Analysis;
use crate::board;
use crate::red_lights::{Eyes, RedLights};
use crate::supervise::Backoff;
use crate::witness::Witness;

/// What is due from time to time is looked at this often, units or not.
const TICK: Duration = Duration::from_secs(1);
/// A stream that sends no picture for this long is taken as broken.
const SILENT: Duration = Duration::from_secs(10);
/// A camera that is back must be found within 10 s, opening it included: tries begin so far apart at most, or right after
/// one another with a pause of up to a second where they take longer, as to a camera that is off.
const PAUSE_MAX: Duration = Duration::from_secs(4);
/// Pictures whose time is farther off than this have no time of day: a clip counts from 0.
const CLOCK_OFF: DurationMs = DurationMs(86_400_000);
/// Units worked at in one turn, so that other cameras get theirs and what is found is told at once.
const IN_A_TURN: usize = 4;

/// The work of one camera.
pub struct CameraWorker {
    task: CameraTask,
    doors: Doors,
    ladder: Ladder,
    climb: Climb,
    /// `None` while a lane works with it.
    eye: Option<Eye>,
    job: Option<Later<Done>>,
    size: (u32, u32),
    reporter: Reporter,
    rate: Rate,
    ticked: Duration,
    claim: Claim,
    glances: Glances,
    unwatched: Unwatched,
    /// What must be added to the stream's times so that they are times of day.
    day: DurationMs,
    /// Waits for that long.
    sleep: Box<dyn Fn(Duration) -> Later<()> + Send>,
}

impl CameraWorker {
    /// # Errors
    /// Every rule of the scene that is unknown or has a wrong key.
    pub fn new(task: CameraTask, doors: Doors) -> Result<Self, Vec<String>> {
        let analysis = Analysis::new(task.id.clone(), &task.scene, Arc::clone(&doors.detector))?;
        let mut analysis = analysis.with_meter(doors.meter.clone());
        let (tracks, colours) = (Arc::clone(&doors.tracks), Arc::clone(&doors.colours));
        analysis.remember(Witness::new(task.id.clone(), &task.scene, tracks, colours));
        if let Some(lights) = doors.red_lights.as_ref().filter(|_| !task.red_lights.is_empty()) {
            analysis.watch_lights(Eyes::new(task.id.clone(), &task.scene, &task.red_lights, lights)?);
        }
        let size = analysis.size();
        let (driver, decoders) = (Arc::clone(&doors.driver), Arc::clone(&doors.decoders));
        let pace = AnalyzePace::new(task.analyze_fps);
        let eye = Eye::new(driver, task.source.clone(), decoders, analysis, Some(pace));
        let now = doors.clock.elapsed();
        let glances = doors.meter.as_ref().map_or_else(Glances::none, |_| Glances::from(now, task.seed));
        let (events, stills) = (Arc::clone(&doors.events), Arc::clone(&doors.stills));
        let (board, clock) = (Arc::clone(&doors.board), Arc::clone(&doors.clock));
        Ok(Self {
            ladder: Ladder::new(task.pinned, task.seed),
            climb: Climb::new(),
            eye: Some(eye),
            job: None,
            size,
            reporter: Reporter::new(task.id.clone(), task.crossings, events, stills, board, clock),
            rate: Rate::default(),
            ticked: now,
            glances,
            unwatched: Unwatched::default(),
            claim: Claim::new(doors.lanes.seat(task.priority, task.analyze_fps), task.analyze_fps),
            day: DurationMs(0),
            sleep: Box::new(|pause| Box::pin(tokio::time::sleep(pause))),
            task,
            doors,
        })
    }

    /// Works until `stop` is cancelled; then ends within a second.
    pub async fn run(mut self, stop: &CancellationToken) {
        self.reporter.tell(Link::Connecting, "");
        if let Err(err) = self.doors.events.watched_anew(&self.task.id) {
            tracing::error!(camera = %self.task.id, "what was under way has no end yet: {err}");
        }
        let mut backoff = Backoff::default();
        let mut chance = self.task.seed;
        while !stop.is_cancelled() {
            let began = self.doors.clock.elapsed();
            let over = self.session(stop).await;
            self.climb.end(self.doors.clock.elapsed());
            self.work_off(stop).await;
            self.unwatched.gone();
            match over {
                Over::Stopped => break,
                Over::Broken(why) => {
                    if self.reporter.tell(Link::Down, &why) {
                        tracing::warn!(camera = %self.task.id, "{why}");
                    }
                }
            }
            self.reporter.facts.blind(false, self.doors.clock.elapsed());
            chance = chance.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let ran = self.doors.clock.elapsed().saturating_sub(began);
            // Cameras that went together do not come back in step, whatever the pause.
            let most = PAUSE_MAX.mul_f64(1.0 - ((chance >> 40) % 256) as f64 / 1024.0);
            let apart = backoff.next(ran, chance >> 32).min(most);
            let least = Backoff::default().next(Duration::ZERO, chance >> 32);
            self.pause(apart.saturating_sub(ran).max(least), stop).await;
        }
        for (at, body) in self.eye.iter_mut().flat_map(Eye::finish) {
            self.reporter.found(at, body, None);
        }
        self.reporter.close();
    }

    /// From opening the stream until it breaks or `stop`.
    async fn session(&mut self, stop: &CancellationToken) -> Over {
        let mut stream = match self.open(stop).await {
            Ok(stream) => stream,
            Err(over) => return over,
        };
        let mut heard = self.doors.clock.elapsed();
        self.day = DurationMs(0);
        let stopped = stop.cancelled();
        tokio::pin!(stopped);
        let mut tick = (self.sleep)(TICK);
        loop {
            self.start_work(stop);
            let woken = tokio::select! {
                biased;
                () = &mut stopped => Woken::Stop,
                done = done(&mut self.job) => Woken::Worked(done),
                next = stream.next() => Woken::Unit(next),
                () = &mut tick => Woken::Tick,
            };
            let now = self.doors.clock.elapsed();
            match woken {
                Woken::Stop => return Over::Stopped,
                Woken::Worked(done) => self.worked(*done),
                Woken::Unit(Ok(NextUnit::Unit(unit))) => {
                    heard = now;
                    self.take(unit, now);
                }
                Woken::Unit(Ok(NextUnit::Lost)) => self.climb.lost(),
                Woken::Unit(Ok(NextUnit::End)) => {
                    return Over::Broken(format!("{}: the stream ended", self.task.source));
                }
                Woken::Unit(Err(err)) => return Over::Broken(err.to_string()),
                Woken::Tick => tick = (self.sleep)(TICK),
            }
            if now.saturating_sub(heard) >= SILENT {
                let (source, silent) = (&self.task.source, SILENT.as_secs());
                let remedy = "check what else reads it and its stream settings";
                return Over::Broken(format!("{source}: sent no picture for {silent} s; {remedy}"));
            }
            self.tick(now);
        }
    }

    async fn open(&mut self, stop: &CancellationToken) -> Result<Box<dyn UnitStream>, Over> {
        let (driver, source) = (Arc::clone(&self.doors.driver), self.task.source.clone());
        let opening = driver.open(&source);
        tokio::pin!(opening);
        let began = self.doors.clock.elapsed();
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Err(Over::Stopped),
                opened = &mut opening => {
                    let stream = opened.map_err(|err| Over::Broken(err.to_string()))?;
                    return Ok(match source.is_file() {
                        true => Box::new(InRealTime::new(stream, Arc::clone(&self.doors.clock))),
                        false => stream,
                    });
                }
                () = (self.sleep)(TICK) => {}
            }
            let now = self.doors.clock.elapsed();
            if now.saturating_sub(began) >= SILENT {
                let silent = SILENT.as_secs();
                let why = format!("{source}: did not answer within {silent} s; check that it is a camera");
                return Err(Over::Broken(why));
            }
            self.tick(now);
        }
    }

    /// One unit of the stream: kept, and decoded as far as the ladder asks.
    fn take(&mut self, mut unit: AccessUnit, now: Duration) {
        let time = self.doors.clock.now();
        let off = unit.facts.at.since(time).0 + self.day.0;
        if off.saturating_abs() > CLOCK_OFF.0 {
            self.day = time.since(unit.facts.at);
        }
        unit.facts.at.0 += self.day.0;
        if let Some(lights) = self.lights() {
            // Of pictures without a time of day nobody can say what a lamp showed.
            let error = if self.day == DurationMs(0) { unit.uncertainty } else { CLOCK_OFF };
            lights.unit(&self.task.id, unit.facts.at, error);
        }
        let least = self.ladder.unit(&unit.facts);
        let rung = self.claim.rung(least, now);
        let glanced = self.glances.unit(&unit.facts, rung, now).then(|| unit.clone());
        let facts = unit.facts;
        self.climb.unit(unit, rung, now);
        let is_blind = self.climb.is_blind();
        self.reporter.facts.blind(is_blind, now);
        // While others have its turn, or nothing can be decoded or judged, nobody looks: to say that there was no traffic would be a lie.
        let watched = rung >= least && !is_blind && self.reporter.facts.sees();
        if watched {
            self.reporter.minutes.watched(facts.at);
        }
        self.unwatched.unit(facts.at, watched);
        if rung < least {
            self.reporter.facts.dropped(self.claim.rested(&facts, least));
            self.climb.leave_behind();
        }
        if let Some(unit) = glanced {
            self.climb.glance(unit, now);
        }
        self.reporter.facts.dropped(self.climb.take_dropped());
        self.reporter.tell_up();
    }

    /// Hands what is to be decoded to a lane, when the eye is free.
    fn start_work(&mut self, stop: &CancellationToken) {
        // When no more events can be kept, no more are made: the street goes on, the disk is what must be looked at.
        if !self.climb.has_work() || self.reporter.facts.is_full() {
            return;
        }
        let Some(mut eye) = self.eye.take() else { return };
        eye.careful(self.ladder.care());
        self.unwatched.take().into_iter().for_each(|(from, until)| eye.unwatched(from, until));
        let now = self.doors.clock.elapsed();
        let mut works = Vec::with_capacity(IN_A_TURN);
        let mut since = None;
        while works.len() < IN_A_TURN {
            let Some((work, waited)) = self.climb.take(now) else { break };
            since.get_or_insert(now.saturating_sub(waited));
            works.push(work);
        }
        let (seat, share, stop) = (self.claim.seat(), self.claim.share_of_decoded(), stop.clone());
        self.job = Some(Box::pin(async move {
            let work = move || work_through(eye, works, share, &stop);
            seat.work(since.unwrap_or(now), work).await
        }));
    }

    /// The stream is over: what it left to be done is done, unless `stop`.
    async fn work_off(&mut self, stop: &CancellationToken) {
        loop {
            if self.job.is_none() && !stop.is_cancelled() {
                self.start_work(stop);
            }
            if self.job.is_none() {
                return;
            }
            let done = done(&mut self.job).await;
            self.worked(*done);
        }
    }

    /// A lane is done with some units.
    fn worked(&mut self, (eye, seen): (Eye, Seen)) {
        self.reporter.facts.blank(eye.is_blank());
        self.eye = Some(eye);
        self.reporter.facts.decoded(seen.decoded, seen.shed, seen.unseen);
        seen.looks.into_iter().for_each(|look| self.looked(look));
        for (at, body, picture) in seen.glanced {
            self.reporter.found(at, body, Some(picture));
        }
        if seen.unsure {
            self.glances.soon(self.doors.clock.elapsed());
        }
        seen.moved.into_iter().for_each(|at| self.ladder.moves(at));
        if let Some(why) = seen.trouble {
            self.reporter.facts.not_analysed(why);
        }
        self.reporter.hand_over(self.doors.clock.elapsed());
        if self.reporter.facts.was_up() {
            self.reporter.tell_up();
        }
    }

    /// One analysed picture: its events are kept, and people may look at it.
    fn looked(&mut self, look: Look) {
        let Look { frame, tracks, detections, events, shown } = look;
        self.ladder.shown(frame.at, &shown);
        self.reporter.minutes.analysed(frame.at);
        self.reporter.facts.judged(detections);
        for (at, body) in events {
            self.reporter.found(at, body, Some(frame.picture.clone()));
        }
        let (fps, size) = (self.rate.picture(self.doors.clock.elapsed()), self.size);
        self.reporter.on_board(|now| {
            now.fps = fps;
            now.seen = Some(board::Seen { frame, tracks, size });
        });
    }

    /// What is due from time to time, pictures or not.
    fn tick(&mut self, now: Duration) {
        if now.saturating_sub(self.ticked) < TICK {
            return;
        }
        self.ticked = now;
        if let Some(lights) = self.lights().cloned() {
            for (at, body, jpegs) in lights.decide(&self.task.id, self.doors.clock.now()) {
                self.reporter.proven(at, body, &jpegs);
            }
        }
        self.reporter.tick();
        self.claim.asked(self.reporter.asked(), now);
        let least = self.ladder.rung();
        let rung = self.claim.rung(least, now);
        let effort = Effort {
            rung,
            why: (rung <= least).then(|| self.ladder.why()),
            priority: self.task.priority,
            share: self.claim.share() as f32,
            shed: self.reporter.facts.shed(),
            missed: self.ladder.miss(),
        };
        let fps = self.rate.now(now);
        self.reporter.on_board(|now| {
            now.fps = fps;
            now.effort = Some(effort);
        });
    }

    /// Where this camera's stop lines are judged, if it has any.
    fn lights(&self) -> Option<&Arc<RedLights>> {
        self.doors.red_lights.as_ref().filter(|_| !self.task.red_lights.is_empty())
    }

    async fn pause(&mut self, pause: Duration, stop: &CancellationToken) {
        let until = self.doors.clock.elapsed() + pause;
        while !stop.is_cancelled() {
            let now = self.doors.clock.elapsed();
            self.tick(now);
            let left = until.saturating_sub(now);
            if left.is_zero() {
                return;
            }
            let nap = (self.sleep)(left.min(TICK));
            tokio::select! {
                () = stop.cancelled() => return,
                () = nap => {}
            }
        }
    }
}
