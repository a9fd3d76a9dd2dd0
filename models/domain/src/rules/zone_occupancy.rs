//! `zone_occupancy`: how many vehicles a zone holds, for how much of the time it holds any, and whether it is blocked.

use serde::Deserialize;

use super::common::{duration, read, stands_in, within, zone};
use super::held::{Means, Minute};
use super::{Held, Kind, Rule, RuleEvent, Turn};
use crate::detection::Class;
use crate::event::Phase;
use crate::ids::ZoneId;
use crate::measure::MeasureKind;
use crate::pcu::PcuTable;
use crate::scene::{Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, UtcMillis};

const RULE: &str = "zone_occupancy";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "every minute the vehicles in a zone (vehicles, pcu, occupancy_percent); begins and ends when it is blocked. \
            zone; blocked_pcu (never): from here on it is blocked, and until it holds a quarter less; \
            for_ms (10000): how long; classes (all vehicles)",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    blocked_pcu: Option<f64>,
    #[serde(default = "ten_seconds")]
    for_ms: i64,
    classes: Option<Vec<Class>>,
}

fn ten_seconds() -> i64 {
    10_000
}

/// A blocked zone is free again at this part of the level.
const FREE: f64 = 0.75;
/// ... for this long.
const FREE_FOR: DurationMs = DurationMs(5_000);

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let blocked = params.blocked_pcu.map(|pcu| within("blocked_pcu", pcu, 0.1..=10_000.0)).transpose()?;
    let held = Held::new(duration("for_ms", params.for_ms)?, FREE_FOR);
    Ok(Box::new(ZoneOccupancy {
        zone: zone(scene, &params.zone)?,
        pcu: scene.pcu,
        classes: super::common::vehicles(params.classes)?,
        blocked,
        held,
        minute: Minute::default(),
        means: Means::default(),
        told_empty: false,
    }))
}

struct ZoneOccupancy {
    zone: Zone,
    pcu: PcuTable,
    classes: Vec<Class>,
    blocked: Option<f64>,
    held: Held,
    minute: Minute,
    /// Vehicles, passenger-car units, any at all.
    means: Means<3>,
    told_empty: bool,
}

impl Rule for ZoneOccupancy {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        // Hidden ones are still there: a track that coasts counts until the tracker gives it up.
        let there: Vec<Class> = tracks
            .iter()
            .filter(|t| self.classes.contains(&t.class) && stands_in(Some(&self.zone), t))
            .map(|t| t.class)
            .collect();
        let (vehicles, pcu) = (there.len() as f64, self.pcu.sum(there.iter().copied()));
        self.means.add(at, [vehicles, pcu, f64::from(u8::from(!there.is_empty()))]);
        if let Some(from) = self.minute.over(at) {
            self.figure(from, out);
        }
        let Some(level) = self.blocked else { return };
        let is = if pcu >= level { Some(true) } else { (pcu < FREE * level).then_some(false) };
        let (phase, began) = match self.held.step(at, is) {
            Some(Turn::Began(since)) => (Phase::Begun, since),
            Some(Turn::Ended(since)) => (Phase::Ended, since),
            None => return,
        };
        out.push(self.event(phase, began, &[(MeasureKind::Vehicles, vehicles), (MeasureKind::Pcu, pcu)]));
    }

    fn finish(&mut self, out: &mut Vec<RuleEvent>) {
        if let Some(from) = self.minute.end() {
            self.figure(from, out);
        }
    }
}

impl ZoneOccupancy {
    fn figure(&mut self, from: UtcMillis, out: &mut Vec<RuleEvent>) {
        let Some(([vehicles, pcu, any], _)) = self.means.take() else { return };
        let is_empty = any == 0.0;
        if is_empty && self.told_empty {
            return;
        }
        self.told_empty = is_empty;
        let measures = [
            (MeasureKind::Vehicles, vehicles),
            (MeasureKind::Pcu, pcu),
            (MeasureKind::OccupancyPercent, 100.0 * any),
        ];
        out.push(self.event(Phase::Figure, from, &measures));
    }

    fn event(&self, phase: Phase, began: UtcMillis, measures: &[(MeasureKind, f64)]) -> RuleEvent {
        RuleEvent {
            zone: Some(self.zone.id.clone()),
            measures: measures.iter().map(|(what, value)| what.of(*value)).collect(),
            ..RuleEvent::new(RULE, phase, began)
        }
    }
}
