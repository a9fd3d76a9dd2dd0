//! `level_of_service`: how well traffic flows in a zone, A to F, by density and by speed, whichever is worse.
//!
//! Density: passenger cars a kilometre and lane, HCM 2000 (metric) exhibit 23-2 (A 7, B 11, C 16, D 22, E 28). Speed: percent
//! of the free-flow speed, HCM 6th ed. exhibit 16-3 for urban streets (A 80, B 67, C 50, D 40, E 30). Both tables can be
//! replaced; HCM describes lanes of cars, and where nine of ten ride motorcycles the city's own limits are better.

use serde::Deserialize;

use super::common::{read, stands_in, within, zone};
use super::held::{Means, Minute};
use super::{Kind, Rule, RuleEvent};
use crate::event::Phase;
use crate::ground::Ground;
use crate::ids::ZoneId;
use crate::measure::{Measure, MeasureKind};
use crate::pcu::PcuTable;
use crate::scene::{Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, MetersPerSecond, UtcMillis};

const RULE: &str = "level_of_service";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "how well traffic flows, A (0) to F (5): every minute level_of_service, density_pcu_per_km_lane and, with a \
            ground, speed_mps; begins when the level is tell_from or worse for two minutes, ends when it is better for \
            two. zone; length_m: of the road within it; lanes (1); tell_from (\"e\"); free_flow_kmh (none): with it and \
            a ground the speed counts too; density ([7, 11, 16, 22, 28]): most pcu a km and lane of A to E; \
            speed_percent ([80, 67, 50, 40, 30]): least part of the free flow of A to E",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    length_m: f64,
    #[serde(default = "one")]
    lanes: f64,
    #[serde(default = "e")]
    tell_from: String,
    free_flow_kmh: Option<f64>,
    #[serde(default = "hcm_density")]
    density: [f64; 5],
    #[serde(default = "hcm_speed")]
    speed_percent: [f64; 5],
}

fn one() -> f64 {
    1.0
}

fn e() -> String {
    "e".to_owned()
}

fn hcm_density() -> [f64; 5] {
    [7.0, 11.0, 16.0, 22.0, 28.0]
}

fn hcm_speed() -> [f64; 5] {
    [80.0, 67.0, 50.0, 40.0, 30.0]
}

const LEVELS: [&str; 6] = ["a", "b", "c", "d", "e", "f"];
/// A state begins and ends after so many minutes in a row.
const MINUTES: u32 = 2;
/// A minute of which less was seen says nothing.
const SEEN_SECONDS: f64 = 20.0;
/// A speed that is less sure than this part of itself, or than a walking pace, is left out.
const SURE: f64 = 0.3;
const SURE_MPS: f64 = 1.5;

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let length_m = within("length_m", params.length_m, 1.0..=10_000.0)?;
    let lanes = within("lanes", params.lanes, 0.5..=20.0)?;
    let from = LEVELS.iter().position(|l| *l == params.tell_from.to_lowercase());
    let tell_from = from.ok_or_else(|| format!("tell_from: {:?} is none of a to f", params.tell_from))?;
    if tell_from == 0 {
        return Err("tell_from: \"a\" is every level, it would never be over; b to f".to_owned());
    }
    if !params.density.is_sorted() || params.density[0] <= 0.0 {
        return Err("density: five numbers above 0 that grow, the most of A to E".to_owned());
    }
    if !params.speed_percent.iter().rev().is_sorted() || params.speed_percent[4] < 0.0 {
        return Err("speed_percent: five numbers that fall, the least of A to E".to_owned());
    }
    let free_flow = match (params.free_flow_kmh, &scene.ground) {
        (Some(_), None) => {
            return Err(
                "free_flow_kmh: needs [[ground]] points in the scene; add them or leave it out".into()
            );
        }
        (Some(kmh), Some(_)) => Some(MetersPerSecond::from_kmh(within("free_flow_kmh", kmh, 5.0..=150.0)?)),
        (None, _) => None,
    };
    Ok(Box::new(LevelOfService {
        zone: zone(scene, &params.zone)?,
        km_lanes: length_m / 1_000.0 * lanes,
        tell_from,
        free_flow,
        density: params.density,
        speed_percent: params.speed_percent,
        pcu: scene.pcu,
        ground: scene.ground.clone(),
        minute: Minute::default(),
        means: Means::default(),
        told: None,
        other: 0,
        judged: None,
    }))
}

struct LevelOfService {
    zone: Zone,
    km_lanes: f64,
    tell_from: usize,
    free_flow: Option<MetersPerSecond>,
    density: [f64; 5],
    speed_percent: [f64; 5],
    pcu: PcuTable,
    ground: Option<Ground>,
    minute: Minute,
    /// Passenger-car units; those with a speed; their speeds weighed with them.
    means: Means<3>,
    /// Since when the level is one to be told of.
    told: Option<UtcMillis>,
    /// Minutes in a row that say otherwise.
    other: u32,
    /// The last minute that was judged.
    judged: Option<UtcMillis>,
}

impl Rule for LevelOfService {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        let (mut all, mut with_speed, mut weighed) = (0.0, 0.0, 0.0);
        for track in tracks.iter().filter(|t| t.class.is_vehicle() && stands_in(Some(&self.zone), t)) {
            let pcu = self.pcu.of(track.class);
            all += pcu;
            let speed = self.ground.as_ref().and_then(|ground| ground.speed(track));
            if let Some((speed, _)) = speed.filter(|(v, spread)| spread.0 <= (SURE * v.0).max(SURE_MPS)) {
                with_speed += pcu;
                weighed += pcu * speed.0;
            }
        }
        self.means.add(at, [all, with_speed, weighed]);
        if let Some(from) = self.minute.over(at) {
            self.judge(from, out);
        }
    }

    fn finish(&mut self, out: &mut Vec<RuleEvent>) {
        if let Some(from) = self.minute.end() {
            self.judge(from, out);
        }
    }
}

impl LevelOfService {
    fn judge(&mut self, from: UtcMillis, out: &mut Vec<RuleEvent>) {
        let Some(([pcu, with_speed, weighed], _)) = self.means.take().filter(|m| m.1 >= SEEN_SECONDS) else {
            return;
        };
        let density = pcu / self.km_lanes;
        let speed = (with_speed > 0.0).then(|| weighed / with_speed);
        let level = self.level(density, speed);
        let mut measures =
            vec![MeasureKind::LevelOfService.of(level as f64), MeasureKind::DensityPcuPerKmLane.of(density)];
        measures.extend(speed.map(|v| MeasureKind::SpeedMps.of(v)));
        out.push(self.event(Phase::Figure, from, measures.clone()));
        let bad = level >= self.tell_from;
        // Of a minute that was not seen nobody knows: those on either side of it are not in a row.
        if self.judged.replace(from).is_some_and(|before| from.since(before) != DurationMs(60_000)) {
            self.other = 0;
        }
        if bad == self.told.is_some() {
            self.other = 0;
            return;
        }
        self.other += 1;
        if self.other < MINUTES {
            return;
        }
        self.other = 0;
        match self.told.take() {
            Some(began) => out.push(self.event(Phase::Ended, began, measures)),
            None => {
                let began = UtcMillis(from.0 - 60_000 * i64::from(MINUTES - 1));
                self.told = Some(began);
                out.push(self.event(Phase::Begun, began, measures));
            }
        }
    }

    fn level(&self, density: f64, speed: Option<f64>) -> usize {
        let by_density = self.density.iter().filter(|most| density > **most).count();
        let percent = speed.zip(self.free_flow).map(|(v, free)| 100.0 * v / free.0);
        let by_speed = percent.map_or(0, |p| self.speed_percent.iter().filter(|least| p <= **least).count());
        by_density.max(by_speed)
    }

    fn event(&self, phase: Phase, began: UtcMillis, measures: Vec<Measure>) -> RuleEvent {
        RuleEvent { zone: Some(self.zone.id.clone()), measures, ..RuleEvent::new(RULE, phase, began) }
    }
}
