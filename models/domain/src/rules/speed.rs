//! `speed`: how fast vehicles go over the ground, and who is faster than allowed beyond doubt.
//!
//! Nobody is told of whom the uncertainty of the measurement could excuse: `sure` standard deviations must lie between the
//! speed and the limit, in several pictures over a while, and the best of them is what is told.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::common::{duration, read, stands_in, vehicles, within, zone};
use super::held::Minute;
use super::{Kind, Rule, RuleEvent};
use crate::detection::Class;
use crate::event::Phase;
use crate::ground::Ground;
use crate::ids::{TrackId, ZoneId};
use crate::measure::{Measure, MeasureKind};
use crate::scene::{Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, MetersPerSecond, UtcMillis};

const RULE: &str = "speed";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "speeding, once a vehicle, only beyond doubt (speed_mps, speed_uncertainty_mps, speed_limit_mps); every minute \
            the vehicles that passed and their mean speed. Needs [[ground]] points. zone (everywhere); limit_kmh; \
            sure (3.0): standard deviations between speed and limit; for_ms (700): how long it must be too fast; \
            classes (all vehicles)",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: Option<ZoneId>,
    limit_kmh: f64,
    #[serde(default = "three")]
    sure: f64,
    #[serde(default = "a_moment")]
    for_ms: i64,
    classes: Option<Vec<Class>>,
}

fn three() -> f64 {
    3.0
}

fn a_moment() -> i64 {
    700
}

/// No vehicle of a street is faster: a track that jumped.
const FASTEST: MetersPerSecond = MetersPerSecond(70.0);
/// Pictures that must agree.
const PICTURES: u32 = 4;
/// A speed that is less sure than this part of itself does not count for the minute's mean.
const SURE_PART: f64 = 0.3;
/// Slower vehicles stand; they are no part of the mean speed of those who pass.
const PASSING: MetersPerSecond = MetersPerSecond(0.8);

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let ground = scene.ground.clone().ok_or(
        "needs to know the ground: add four or more [[ground]] points to the scene, picture = [x, y] with meters = [x, y]",
    )?;
    Ok(Box::new(Speed {
        zone: params.zone.map(|id| zone(scene, &id)).transpose()?,
        limit: MetersPerSecond::from_kmh(within("limit_kmh", params.limit_kmh, 3.0..=200.0)?),
        sure: within("sure", params.sure, 1.0..=10.0)?,
        lasting: duration("for_ms", params.for_ms)?,
        classes: vehicles(params.classes)?,
        ground,
        runs_by_track: BTreeMap::new(),
        minute: Minute::default(),
        passed: (0.0, 0.0),
    }))
}

struct Speed {
    zone: Option<Zone>,
    limit: MetersPerSecond,
    sure: f64,
    lasting: DurationMs,
    classes: Vec<Class>,
    ground: Ground,
    runs_by_track: BTreeMap<TrackId, Run>,
    minute: Minute,
    /// Vehicles, and the sum of their mean speeds in m/s.
    passed: (f64, f64),
}

/// What was measured of one vehicle.
#[derive(Debug, Clone, Default)]
struct Run {
    /// Since when each picture shows it too fast, and how many did.
    fast: Option<(UtcMillis, u32)>,
    /// Sum and number of sound speeds.
    sum: (f64, f64),
    told: bool,
}

impl Rule for Speed {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.pass(tracks);
        if let Some(from) = self.minute.over(at) {
            self.figure(from, out);
        }
        for track in tracks.iter().filter(|t| t.is_seen(at) && t.witnessed && self.classes.contains(&t.class))
        {
            let is_inside = stands_in(self.zone.as_ref(), track);
            let speed = is_inside.then(|| self.ground.speed(track)).flatten();
            let Some((speed, spread)) = speed.filter(|(v, _)| v.0 <= FASTEST.0) else {
                // What comes later says nothing of the time between.
                if let Some(run) = self.runs_by_track.get_mut(&track.id) {
                    run.fast = None;
                }
                continue;
            };
            let run = self.runs_by_track.entry(track.id).or_default();
            if spread.0 <= SURE_PART * speed.0 && speed.0 >= PASSING.0 {
                run.sum = (run.sum.0 + speed.0, run.sum.1 + 1.0);
            }
            if speed.0 - self.sure * spread.0 <= self.limit.0 {
                run.fast = None;
                continue;
            }
            let (since, pictures) = run.fast.get_or_insert((at, 0));
            *pictures += 1;
            if !run.told && *pictures >= PICTURES && at.since(*since) >= self.lasting {
                run.told = true;
                let measures: Vec<Measure> = vec![
                    MeasureKind::SpeedMps.of(speed.0),
                    MeasureKind::SpeedUncertaintyMps.of(spread.0),
                    MeasureKind::SpeedLimitMps.of(self.limit.0),
                ];
                let zone = self.zone.as_ref().map(|z| z.id.clone());
                let event = RuleEvent::new(RULE, Phase::Moment, *since).about(track);
                out.push(RuleEvent { zone, measures, ..event });
            }
        }
    }

    fn finish(&mut self, out: &mut Vec<RuleEvent>) {
        self.pass(&[]);
        if let Some(from) = self.minute.end() {
            self.figure(from, out);
        }
    }
}

impl Speed {
    /// Those whose track is over have passed.
    fn pass(&mut self, tracks: &[Track]) {
        let passed = &mut self.passed;
        self.runs_by_track.retain(|id, run| {
            let there = tracks.iter().any(|t| t.id == *id);
            if !there && run.sum.1 > 0.0 {
                *passed = (passed.0 + 1.0, passed.1 + run.sum.0 / run.sum.1);
            }
            there
        });
    }

    fn figure(&mut self, from: UtcMillis, out: &mut Vec<RuleEvent>) {
        let (vehicles, sum) = std::mem::take(&mut self.passed);
        if vehicles == 0.0 {
            return;
        }
        let measures = vec![MeasureKind::Vehicles.of(vehicles), MeasureKind::SpeedMps.of(sum / vehicles)];
        let zone = self.zone.as_ref().map(|z| z.id.clone());
        out.push(RuleEvent { zone, measures, ..RuleEvent::new(RULE, Phase::Figure, from) });
    }
}
