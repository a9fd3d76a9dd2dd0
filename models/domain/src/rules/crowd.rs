//! `crowd`: many people in one place, from the time they are too many until they are clearly fewer.

use serde::Deserialize;

use super::common::{duration, read, stands_in, within, zone};
use super::held::{Means, Minute};
use super::{Held, Kind, Rule, RuleEvent, Turn};
use crate::detection::Class;
use crate::event::Phase;
use crate::geo::Point;
use crate::ground::Ground;
use crate::ids::ZoneId;
use crate::measure::{Measure, MeasureKind};
use crate::scene::{Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, UtcMillis};

const RULE: &str = "crowd";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "many people in one place; begins, and ends when a fifth fewer; every minute persons and, where the area is \
            known, density_persons_per_m2. zone; persons: how many are a crowd, or density_per_m2 (with area_m2 or a \
            ground); area_m2 (of the zone on the scene's ground); for_ms (5000)",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    persons: Option<u32>,
    density_per_m2: Option<f64>,
    area_m2: Option<f64>,
    #[serde(default = "five_seconds")]
    for_ms: i64,
}

fn five_seconds() -> i64 {
    5_000
}

/// A crowd is over at this part of its level ...
const OVER: f64 = 0.8;
/// ... for this long.
const OVER_FOR: DurationMs = DurationMs(10_000);

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let zone = zone(scene, &params.zone)?;
    let area_m2 = match params.area_m2 {
        Some(area) => Some(within("area_m2", area, 1.0..=1_000_000.0)?),
        None => scene.ground.as_ref().and_then(|ground| area_of(&zone, ground)),
    };
    let level = match (params.persons, params.density_per_m2, area_m2) {
        (Some(n @ 1..=10_000), None, _) => f64::from(n),
        (Some(n), None, _) => return Err(format!("persons: {n} is not within 1 and 10000")),
        (None, Some(density), Some(area)) => within("density_per_m2", density, 0.01..=10.0)? * area,
        (None, Some(_), None) => {
            return Err("density_per_m2: needs area_m2, or [[ground]] points that the zone lies among".into());
        }
        (None, None, _) => return Err("needs persons or density_per_m2".to_owned()),
        (Some(_), Some(_), _) => return Err("persons and density_per_m2 say the same; give one".to_owned()),
    };
    let held = Held::new(duration("for_ms", params.for_ms)?, OVER_FOR);
    let (minute, means) = (Minute::default(), Means::default());
    Ok(Box::new(Crowd { zone, level, area_m2, held, minute, means, told_none: true }))
}

/// Square metres of the zone on the ground (the shoelace formula); `None` when a corner is not on it.
fn area_of(zone: &Zone, ground: &Ground) -> Option<f64> {
    let corners: Vec<Point> = zone.polygon.iter().map(|p| ground.at(*p)).collect::<Option<_>>()?;
    let next = corners.iter().cycle().skip(1);
    let twice: f64 = corners.iter().zip(next).map(|(a, b)| a.x * b.y - b.x * a.y).sum();
    let area = twice.abs() / 2.0;
    (1.0..=1_000_000.0).contains(&area).then_some(area)
}

struct Crowd {
    zone: Zone,
    /// People.
    level: f64,
    area_m2: Option<f64>,
    held: Held,
    minute: Minute,
    means: Means<1>,
    told_none: bool,
}

impl Rule for Crowd {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        let is_there = |t: &&Track| t.class == Class::Person && stands_in(Some(&self.zone), t);
        let persons = tracks.iter().filter(is_there).count() as f64;
        self.means.add(at, [persons]);
        if let Some(from) = self.minute.over(at) {
            self.figure(from, out);
        }
        let is =
            if persons >= self.level { Some(true) } else { (persons <= OVER * self.level).then_some(false) };
        let (phase, began) = match self.held.step(at, is) {
            Some(Turn::Began(since)) => (Phase::Begun, since),
            Some(Turn::Ended(since)) => (Phase::Ended, since),
            None => return,
        };
        out.push(self.event(phase, began, persons));
    }

    fn finish(&mut self, out: &mut Vec<RuleEvent>) {
        if let Some(from) = self.minute.end() {
            self.figure(from, out);
        }
    }
}

impl Crowd {
    fn figure(&mut self, from: UtcMillis, out: &mut Vec<RuleEvent>) {
        let Some(([persons], _)) = self.means.take() else { return };
        let none = persons == 0.0;
        if none && self.told_none {
            return;
        }
        self.told_none = none;
        out.push(self.event(Phase::Figure, from, persons));
    }

    fn event(&self, phase: Phase, began: UtcMillis, persons: f64) -> RuleEvent {
        let mut measures: Vec<Measure> = vec![MeasureKind::Persons.of(persons)];
        measures.extend(self.area_m2.map(|area| MeasureKind::DensityPersonsPerM2.of(persons / area)));
        RuleEvent { zone: Some(self.zone.id.clone()), measures, ..RuleEvent::new(RULE, phase, began) }
    }
}
