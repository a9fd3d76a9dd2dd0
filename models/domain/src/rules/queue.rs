//! `queue`: vehicles that stand or crawl one behind the other, from the time enough of them do until the queue is gone.
//!
//! The queue is what hangs together: vehicles no farther apart than `gap_m` (on the ground) or `gap` (in sizes of the box),
//! from the stop line on when the scene names one. A car parked farther back is not its end.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::common::{distance, duration, line, read, stands_in, vehicles, within, zone};
use super::held::Minute;
use super::{Held, Kind, Rule, RuleEvent, Turn};
use crate::detection::Class;
use crate::event::Phase;
use crate::geo::Point;
use crate::ground::Ground;
use crate::ids::{LineId, TrackId, ZoneId};
use crate::measure::{Measure, MeasureKind};
use crate::pcu::PcuTable;
use crate::scene::{Line, Scene, Zone};
use crate::track::{Track, size_of};
use crate::units::{DurationMs, MetersPerSecond, UtcMillis};

const RULE: &str = "queue";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "vehicles queue; begins and ends, with vehicles, pcu and, where the scene has a ground, queue_m; every minute \
            the longest. zone; stop_line (none): a line where it begins; vehicles (4): how many make a queue; \
            for_ms (5000); slow_kmh (7): slower is queued, with a ground; slow (0.35): the same without, in sizes of the \
            box a second; gap_m (15), gap (3.0): farther apart they are no queue; classes (all vehicles)",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    stop_line: Option<LineId>,
    #[serde(default = "four")]
    vehicles: u32,
    #[serde(default = "five_seconds")]
    for_ms: i64,
    #[serde(default = "crawl_kmh")]
    slow_kmh: f64,
    #[serde(default = "crawl")]
    slow: f64,
    #[serde(default = "gap_m")]
    gap_m: f64,
    #[serde(default = "gap")]
    gap: f64,
    classes: Option<Vec<Class>>,
}

fn four() -> u32 {
    4
}

fn five_seconds() -> i64 {
    5_000
}

/// About two metres a second: HCM 6th ed. counts a vehicle as queued below 5 mph.
fn crawl_kmh() -> f64 {
    7.0
}

fn crawl() -> f64 {
    0.35
}

fn gap_m() -> f64 {
    15.0
}

fn gap() -> f64 {
    3.0
}

/// A vehicle must have been slow for this long, and fast for as long to be so again: boxes shake.
const SLOW_FOR: DurationMs = DurationMs(1_000);
/// A queue is over when this part of its least vehicles is left ...
const LEFT: f64 = 0.5;
/// ... for this long.
const OVER_FOR: DurationMs = DurationMs(5_000);

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    if !(1..=1_000).contains(&params.vehicles) {
        return Err(format!("vehicles: {} is not within 1 and 1000", params.vehicles));
    }
    let gap_m = within("gap_m", params.gap_m, 0.5..=200.0)?;
    let gap = within("gap", params.gap, 0.5..=50.0)?;
    let stop_line = params.stop_line.map(|id| line(scene, &id)).transpose();
    Ok(Box::new(Queue {
        zone: zone(scene, &params.zone)?,
        stop_line: stop_line.map_err(|why| format!("stop_{why}"))?,
        least: f64::from(params.vehicles),
        slow: MetersPerSecond::from_kmh(within("slow_kmh", params.slow_kmh, 0.5..=60.0)?),
        slow_sizes: within("slow", params.slow, 0.01..=5.0)?,
        gap: scene.ground.as_ref().map_or(gap, |_| gap_m),
        classes: vehicles(params.classes)?,
        pcu: scene.pcu,
        ground: scene.ground.clone(),
        held: Held::new(duration("for_ms", params.for_ms)?, OVER_FOR),
        slow_by_track: BTreeMap::new(),
        minute: Minute::default(),
        longest: Found::default(),
        told_none: true,
    }))
}

struct Queue {
    zone: Zone,
    stop_line: Option<Line>,
    least: f64,
    slow: MetersPerSecond,
    slow_sizes: f64,
    /// Metres with a ground, sizes of the box without.
    gap: f64,
    classes: Vec<Class>,
    pcu: PcuTable,
    ground: Option<Ground>,
    held: Held,
    slow_by_track: BTreeMap<TrackId, Held>,
    minute: Minute,
    longest: Found,
    told_none: bool,
}

/// One vehicle of the zone that stands or crawls.
struct Queued {
    foot: Point,
    size: f64,
    class: Class,
}

#[derive(Debug, Clone, Copy, Default)]
struct Found {
    vehicles: f64,
    pcu: f64,
    meters: Option<f64>,
}

impl Found {
    /// What is a queue is longer than what is none; then metres decide where they are known, and the number otherwise.
    fn is_longer(&self, other: &Found, least: f64) -> bool {
        let key = |f: &Found| (f.vehicles >= least, f.meters, f.vehicles);
        key(self) > key(other)
    }
}

impl Rule for Queue {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.slow_by_track.retain(|id, _| tracks.iter().any(|t| t.id == *id));
        let mut queued = Vec::new();
        for track in tracks {
            let wanted = self.classes.contains(&track.class) && stands_in(Some(&self.zone), track);
            if wanted && self.is_slow(at, track) {
                let (foot, size) = (track.bbox.foot(), size_of(&track.bbox));
                queued.push(Queued { foot, size, class: track.class });
            }
        }
        let found = self.hang_together(queued);
        if let Some(from) = self.minute.over(at) {
            self.figure(from, out);
        }
        if found.is_longer(&self.longest, self.least) {
            self.longest = found;
        }
        let is = if found.vehicles >= self.least {
            Some(true)
        } else {
            (found.vehicles <= LEFT * self.least).then_some(false)
        };
        let (phase, began) = match self.held.step(at, is) {
            Some(Turn::Began(since)) => (Phase::Begun, since),
            Some(Turn::Ended(since)) => (Phase::Ended, since),
            None => return,
        };
        out.push(self.event(phase, began, &found));
    }

    fn finish(&mut self, out: &mut Vec<RuleEvent>) {
        if let Some(from) = self.minute.end() {
            self.figure(from, out);
        }
    }
}

impl Queue {
    /// A track that coasts keeps what it was.
    fn is_slow(&mut self, at: UtcMillis, track: &Track) -> bool {
        let held = self.slow_by_track.entry(track.id).or_insert_with(|| Held::new(SLOW_FOR, SLOW_FOR));
        if track.is_seen(at) {
            let speed = self.ground.as_ref().and_then(|ground| ground.speed(track));
            let slow = match speed {
                // What it may well be, so that a far vehicle of which little is known is not called slow or fast by chance.
                Some((speed, spread)) if spread.0 < self.slow.0 => speed.0 < self.slow.0,
                Some(_) | None => {
                    let (vx, vy) = track.velocity;
                    vx.hypot(vy) < self.slow_sizes * size_of(&track.bbox)
                }
            };
            held.step(at, Some(slow));
        }
        held.is_on()
    }

    /// The group of most vehicles that hangs together (a bus at its stop outweighs many motorcycles and is no queue); from the
    /// stop line on when there is one.
    fn hang_together(&self, mut free: Vec<Queued>) -> Found {
        let mut best = Found::default();
        while let Some(first) = self.first(&mut free) {
            let mut group = vec![first];
            let mut next = 0;
            while next < group.len() {
                let (near, far) = free.into_iter().partition(|q| self.apart(q, &group[next]) <= self.gap);
                free = far;
                group.extend::<Vec<Queued>>(near);
                next += 1;
            }
            let found = Found {
                vehicles: group.len() as f64,
                pcu: self.pcu.sum(group.iter().map(|q| q.class)),
                meters: self.length(&group),
            };
            if (found.vehicles, found.pcu) > (best.vehicles, best.pcu) {
                best = found;
            }
            if self.stop_line.is_some() {
                break;
            }
        }
        best
    }

    fn first(&self, free: &mut Vec<Queued>) -> Option<Queued> {
        let Some(stop) = &self.stop_line else { return free.pop() };
        let nearest = free.iter().enumerate().map(|(i, q)| (i, self.to_line(q, stop)));
        let (i, far) = nearest.min_by(|a, b| a.1.total_cmp(&b.1))?;
        // A queue begins within two gaps of its line.
        (far <= 2.0 * self.gap).then(|| free.swap_remove(i))
    }

    /// Metres with a ground, sizes of the larger box without.
    fn apart(&self, a: &Queued, b: &Queued) -> f64 {
        let meters = self.ground.as_ref().and_then(|ground| ground.distance(a.foot, b.foot));
        match (meters, &self.ground) {
            (Some(meters), _) => meters.0,
            (None, Some(_)) => f64::INFINITY,
            (None, None) => distance(a.foot, b.foot) / a.size.max(b.size),
        }
    }

    fn to_line(&self, q: &Queued, stop: &Line) -> f64 {
        let foot = nearest_of(stop, q.foot);
        self.apart(q, &Queued { foot, size: q.size, class: q.class })
    }

    /// From the stop line, or from its first vehicle, to its last.
    fn length(&self, group: &[Queued]) -> Option<f64> {
        self.ground.as_ref()?;
        let far = |q: &Queued| match &self.stop_line {
            Some(stop) => self.to_line(q, stop),
            None => group.iter().map(|other| self.apart(q, other)).fold(0.0, f64::max),
        };
        let length = group.iter().map(far).fold(0.0, f64::max);
        length.is_finite().then_some(length)
    }

    fn figure(&mut self, from: UtcMillis, out: &mut Vec<RuleEvent>) {
        let longest = std::mem::take(&mut self.longest);
        let none = longest.vehicles == 0.0;
        if none && self.told_none {
            return;
        }
        self.told_none = none;
        out.push(self.event(Phase::Figure, from, &longest));
    }

    fn event(&self, phase: Phase, began: UtcMillis, found: &Found) -> RuleEvent {
        let mut measures: Vec<Measure> =
            vec![MeasureKind::Vehicles.of(found.vehicles), MeasureKind::Pcu.of(found.pcu)];
        measures.extend(found.meters.map(|m| MeasureKind::QueueMeters.of(m)));
        RuleEvent { zone: Some(self.zone.id.clone()), measures, ..RuleEvent::new(RULE, phase, began) }
    }
}

/// The place on the line that is nearest in the picture.
fn nearest_of(line: &Line, p: Point) -> Point {
    let (dx, dy) = (line.b.x - line.a.x, line.b.y - line.a.y);
    let along = ((p.x - line.a.x) * dx + (p.y - line.a.y) * dy) / (dx * dx + dy * dy).max(f64::MIN_POSITIVE);
    let along = along.clamp(0.0, 1.0);
    Point::new(line.a.x + along * dx, line.a.y + along * dy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_of_a_minute_stays_the_longest() {
        let found = |vehicles, meters| Found { vehicles, pcu: vehicles, meters };
        let longest = |all: &[Found]| {
            let mut longest = Found::default();
            for one in all {
                if one.is_longer(&longest, 4.0) {
                    longest = *one;
                }
            }
            (longest.vehicles, longest.meters)
        };
        let (many, far, few) = (found(9.0, Some(40.0)), found(5.0, Some(60.0)), found(6.0, Some(20.0)));
        assert_eq!(longest(&[many, far, few]), (5.0, Some(60.0)));
        assert_eq!(longest(&[far, many, few]), (5.0, Some(60.0)));
        // One that waits far from its line is no queue; without a ground the number decides.
        assert_eq!(longest(&[found(1.0, Some(30.0)), few]), (6.0, Some(20.0)));
        assert_eq!(longest(&[found(5.0, None), found(7.0, None), found(6.0, None)]), (7.0, None));
    }
}
