//! A corridor: whether its greens follow one another at the speed of the traffic, and by how much other offsets would mend
//! it. Pure: what the signals showed comes in. Vehicles here meet no queue; real ones do, so compare figures with one
//! another, not with a stopwatch.

use serde::{Deserialize, Serialize};

use super::Aspect;
use crate::ids::JunctionId;
use crate::units::{DurationMs, Meters, MetersPerSecond, UtcMillis};

/// A street whose junctions are to work as one, as the hall's configuration has it.
#[derive(Debug, Clone, PartialEq)]
pub struct Corridor {
    pub id: String,
    pub name: String,
    /// At which its traffic drives between junctions.
    pub speed: MetersPerSecond,
    /// In the order of the way out; at least two.
    pub places: Vec<Place>,
}

/// One junction of a corridor.
#[derive(Debug, Clone, PartialEq)]
pub struct Place {
    pub junction: JunctionId,
    /// Of its stop lines, from the first junction's; grows along the way out.
    pub at: Meters,
    /// The signal groups of the through traffic, counted from 0.
    pub out: u8,
    pub back: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Way {
    /// In the order of [`Corridor::places`].
    Out,
    Back,
}

/// From its beginning to just before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Window {
    pub from: UtcMillis,
    pub to: UtcMillis,
}

/// What one signal group showed during a time, each list in order and without overlaps; else it forbade to drive.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Shown {
    pub greens: Vec<Window>,
    /// Nobody knows: the link was down, the signal flashed or was dark.
    pub unknown: Vec<Window>,
}

/// One stop line on the way, in the order in which vehicles come to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Crossing {
    /// From the first stop line of the way.
    pub at: Meters,
    pub shown: Shown,
}

/// How well greens followed one another on one way.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Wave {
    /// Departures from the first stop line that meet green at every other, at the corridor's speed.
    pub bands: Vec<Window>,
    /// Mean length of bands for each green of the first stop line, seconds.
    pub band_s: f64,
    /// Share of the first stop line's green that is in a band.
    pub share: f64,
    /// Of a vehicle, at all stop lines after the first, when departures are spread evenly over the first one's green.
    pub stops: f64,
    pub waits_s: f64,
    /// How many departures, one a second, the figures are made of; those whose way is not known whole are left out.
    pub departures: u32,
}

impl Corridor {
    /// The stop lines of one way; `shown` of each junction's group for it, in the order of [`Corridor::places`].
    pub fn crossings(&self, way: Way, shown: Vec<Shown>) -> Vec<Crossing> {
        let mut all: Vec<Crossing> =
            self.places.iter().zip(shown).map(|(place, shown)| Crossing { at: place.at, shown }).collect();
        if way == Way::Back {
            let end = all.last().map_or(0.0, |last| last.at.0);
            all.reverse();
            all.iter_mut().for_each(|crossing| crossing.at = Meters(end - crossing.at.0));
        }
        all
    }
}

impl Window {
    pub fn length(self) -> DurationMs {
        self.to.since(self.from)
    }

    fn shifted(self, by: DurationMs) -> Self {
        Self { from: self.from + by, to: self.to + by }
    }
}

impl Shown {
    /// `changes`: in order, each lasting until the next; what was before the first is not known. Times are of the window
    /// `within`.
    pub fn of(changes: &[(UtcMillis, Aspect)], within: Window) -> Self {
        let mut shown = Self::default();
        let first = changes.first().map_or(within.to, |(at, _)| *at);
        put(&mut shown.unknown, Window { from: within.from, to: first.min(within.to) });
        for (i, (at, aspect)) in changes.iter().enumerate() {
            let end = changes.get(i + 1).map_or(within.to, |(next, _)| *next);
            let window = Window { from: (*at).max(within.from), to: end.min(within.to) };
            match aspect {
                Aspect::Green | Aspect::FlashingGreen => put(&mut shown.greens, window),
                Aspect::Red | Aspect::RedYellow | Aspect::Yellow => {}
                Aspect::FlashingYellow | Aspect::FlashingRed | Aspect::Dark | Aspect::Unknown => {
                    put(&mut shown.unknown, window);
                }
            }
        }
        shown
    }

    fn knows(&self, from: UtcMillis, to: UtcMillis) -> bool {
        let after = self.unknown.partition_point(|window| window.to <= from);
        self.unknown.get(after).is_none_or(|window| window.from > to)
    }

    /// When a vehicle that comes at `at` may drive on; `None` when that is not known.
    fn passes(&self, at: UtcMillis) -> Option<UtcMillis> {
        let next = self.greens.partition_point(|window| window.to <= at);
        let pass = at.max(self.greens.get(next)?.from);
        self.knows(at, pass).then_some(pass)
    }
}

/// Adds a window that begins where the last ends to it.
fn put(windows: &mut Vec<Window>, next: Window) {
    if next.from >= next.to {
        return;
    }
    match windows.last_mut() {
        Some(last) if last.to >= next.from => last.to = last.to.max(next.to),
        _ => windows.push(next),
    }
}

/// The green wave along `crossings` at `speed`.
pub fn wave(crossings: &[Crossing], speed: MetersPerSecond) -> Wave {
    let Some((first, later)) = crossings.split_first() else { return Wave::default() };
    let travel = |at: Meters| DurationMs(((at.0 - first.at.0) / speed.0.max(0.1) * 1_000.0).round() as i64);
    let mut bands = first.shown.greens.clone();
    for crossing in later {
        let back = DurationMs(-travel(crossing.at).0);
        bands = both(&bands, &crossing.shown.greens.iter().map(|g| g.shifted(back)).collect::<Vec<_>>());
    }
    let (mut departures, mut stops, mut waits_ms, mut greens) = (0_u32, 0_u64, 0_i64, 0_usize);
    for green in &first.shown.greens {
        let before = departures;
        let mut leaves = green.from;
        while leaves < green.to {
            if let Some((stopped, waited)) = drive(leaves, first.at, later, &travel) {
                departures += 1;
                stops += stopped;
                waits_ms += waited.0;
            }
            leaves = leaves + DurationMs(1_000);
        }
        greens += usize::from(departures > before);
    }
    let banded = bands.iter().fold(0.0, |sum, band| sum + band.length().seconds());
    let of_each = |sum: f64, n: f64| if n > 0.0 { sum / n } else { 0.0 };
    Wave {
        bands,
        band_s: of_each(banded, greens as f64),
        share: of_each(banded, f64::from(departures)).min(1.0),
        stops: of_each(stops as f64, f64::from(departures)),
        waits_s: of_each(waits_ms as f64 / 1_000.0, f64::from(departures)),
        departures,
    }
}

/// Stops and standing time of one vehicle; `None` when its way is not known whole.
fn drive(
    leaves: UtcMillis,
    from: Meters,
    later: &[Crossing],
    travel: &impl Fn(Meters) -> DurationMs,
) -> Option<(u64, DurationMs)> {
    let (mut at, mut last) = (leaves, travel(from));
    let (mut stops, mut waited) = (0, DurationMs(0));
    for crossing in later {
        let here = travel(crossing.at);
        at = at + DurationMs(here.0 - last.0);
        last = here;
        let pass = crossing.shown.passes(at)?;
        if pass > at {
            stops += 1;
            waited = waited + pass.since(at);
        }
        at = pass;
    }
    Some((stops, waited))
}

fn both(a: &[Window], b: &[Window]) -> Vec<Window> {
    let (mut i, mut j, mut all) = (0, 0, Vec::new());
    while let (Some(x), Some(y)) = (a.get(i), b.get(j)) {
        let common = Window { from: x.from.max(y.from), to: x.to.min(y.to) };
        if common.from < common.to {
            all.push(common);
        }
        if x.to <= y.to { i += 1 } else { j += 1 }
    }
    all
}

/// Other offsets for a corridor, and what they would bring by the same reckoning.
#[derive(Debug, Clone, PartialEq)]
pub struct Advice {
    pub cycle: DurationMs,
    /// By how much each junction's plan would begin later, in the order of [`Corridor::places`]; within half a cycle
    /// before and after. The first stays.
    pub shifts: Vec<DurationMs>,
    /// As it is and as it would be, out and back, from the same regular cycles.
    pub now: [Wave; 2],
    pub then: [Wave; 2],
}

/// Why no offsets can be advised.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum NoAdvice {
    #[error("junction {0}: fewer than {GREENS_MIN} greens on both ways are known whole")]
    TooLittle(JunctionId),
    #[error("junction {junction}: its cycle changes, from {least_s:.0} to {most_s:.0} s")]
    Irregular { junction: JunctionId, least_s: f64, most_s: f64 },
    #[error("junctions {a} and {b} have cycles of {a_s:.0} and {b_s:.0} s: greens cannot follow one another")]
    CyclesDiffer { a: JunctionId, a_s: f64, b: JunctionId, b_s: f64 },
}

/// For a junction's regular cycle.
const GREENS_MIN: usize = 4;
/// Of a junction's cycles among themselves, and of two junctions' cycles, milliseconds.
const CYCLE_ERROR_MS: i64 = 1_000;
/// A stop costs as much as so long a stand: fuel, noise, and the start lost.
const STOP_S: f64 = 10.0;

/// One junction's regular cycle: beginnings within it and lengths of both ways' greens.
#[derive(Debug, Clone, Copy)]
struct Regular {
    cycle_ms: i64,
    /// (begins, lasts) out and back.
    greens: [(i64, i64); 2],
}

/// Offsets at which vehicles stand least, out and back alike. `shown[way]` as for [`Corridor::crossings`].
///
/// # Errors
/// [`NoAdvice`] naming the junction.
pub fn advise(corridor: &Corridor, out: &[Shown], back: &[Shown]) -> Result<Advice, NoAdvice> {
    let mut regular = Vec::new();
    for (place, (out, back)) in corridor.places.iter().zip(out.iter().zip(back)) {
        regular.push(regular_cycle(&place.junction, out, back)?);
    }
    let Some(first) = regular.first().copied() else {
        return Ok(Advice {
            cycle: DurationMs(0),
            shifts: vec![],
            now: Default::default(),
            then: Default::default(),
        });
    };
    for (place, one) in corridor.places.iter().zip(&regular) {
        if (one.cycle_ms - first.cycle_ms).abs() > CYCLE_ERROR_MS {
            return Err(NoAdvice::CyclesDiffer {
                a: corridor.places[0].junction.clone(),
                a_s: first.cycle_ms as f64 / 1_000.0,
                b: place.junction.clone(),
                b_s: one.cycle_ms as f64 / 1_000.0,
            });
        }
    }
    let cycle_ms = first.cycle_ms;
    let now = waves(corridor, &regular, cycle_ms, &vec![0; regular.len()]);
    let mut best = (cost(&now), vec![0_i64; regular.len()]);
    // Each junction in turn takes its best offset until none finds a better one; from several beginnings, because the
    // cost has more than one valley.
    for start in 0..STARTS {
        let mut shifts: Vec<i64> =
            (0..regular.len() as i64).map(|i| (i * start * cycle_ms / STARTS).rem_euclid(cycle_ms)).collect();
        let mut least = cost(&waves(corridor, &regular, cycle_ms, &shifts));
        for _ in 0..ROUNDS {
            let before = least;
            for i in 1..shifts.len() {
                for step in 0..cycle_ms / 1_000 {
                    let was = std::mem::replace(&mut shifts[i], step * 1_000);
                    let cost = cost(&waves(corridor, &regular, cycle_ms, &shifts));
                    if cost + 1e-9 < least { least = cost } else { shifts[i] = was }
                }
            }
            if least >= before {
                break;
            }
        }
        if least + 1e-9 < best.0 {
            best = (least, shifts);
        }
    }
    let then = waves(corridor, &regular, cycle_ms, &best.1);
    let near = |ms: &i64| DurationMs((ms + cycle_ms / 2).rem_euclid(cycle_ms) - cycle_ms / 2);
    Ok(Advice { cycle: DurationMs(cycle_ms), shifts: best.1.iter().map(near).collect(), now, then })
}

const STARTS: i64 = 6;
const ROUNDS: usize = 8;

fn cost(waves: &[Wave; 2]) -> f64 {
    waves.iter().map(|wave| wave.waits_s + STOP_S * wave.stops).sum()
}

/// Both ways with each junction's greens shifted, over as many regular cycles as the way needs.
fn waves(corridor: &Corridor, regular: &[Regular], cycle_ms: i64, shifts_ms: &[i64]) -> [Wave; 2] {
    let length = corridor.places.last().map_or(0.0, |last| last.at.0);
    // At worst a vehicle waits a cycle at each stop line.
    let cycles = (length / corridor.speed.0.max(0.1) * 1_000.0) as i64 / cycle_ms + regular.len() as i64 + 2;
    [Way::Out, Way::Back].map(|way| {
        let shown = regular.iter().zip(shifts_ms).map(|(one, shift)| {
            let (begins, lasts) = one.greens[usize::from(way == Way::Back)];
            let from = (begins + shift).rem_euclid(cycle_ms);
            let green = |n: i64| {
                let from = UtcMillis(from + n * cycle_ms);
                Window { from, to: from + DurationMs(lasts) }
            };
            Shown { greens: (-1..cycles).map(green).collect(), unknown: vec![] }
        });
        let mut crossings = corridor.crossings(way, shown.collect());
        // One cycle's departures are all of them.
        if let Some(first) = crossings.first_mut() {
            first.shown.greens.truncate(2);
            first.shown.greens.remove(0);
        }
        wave(&crossings, corridor.speed)
    })
}

fn regular_cycle(junction: &JunctionId, out: &Shown, back: &Shown) -> Result<Regular, NoAdvice> {
    let (outs, backs) = (whole(out), whole(back));
    if outs.len() < GREENS_MIN || backs.len() < GREENS_MIN {
        return Err(NoAdvice::TooLittle(junction.clone()));
    }
    // A green that was interrupted or missing leaves a gap of another length: the middle half tells the cycle.
    let mut gaps: Vec<i64> = outs.windows(2).map(|pair| pair[1].from.since(pair[0].from).0).collect();
    gaps.sort_unstable();
    let (low, high) = (gaps[gaps.len() / 4], gaps[gaps.len() * 3 / 4]);
    if high - low > CYCLE_ERROR_MS {
        let (least_s, most_s) = (low as f64 / 1_000.0, high as f64 / 1_000.0);
        return Err(NoAdvice::Irregular { junction: junction.clone(), least_s, most_s });
    }
    let middle = &gaps[gaps.len() / 4..=gaps.len() * 3 / 4];
    let cycle_ms = (middle.iter().sum::<i64>() / middle.len() as i64).max(1_000);
    // The newest green says where the cycle stands: reckoned from afar, an error of the cycle would add up.
    let latest = |greens: &[Window]| greens.last().map_or((0, 0), |green| (green.from.0, green.length().0));
    Ok(Regular { cycle_ms, greens: [latest(&outs), latest(&backs)] })
}

/// Greens whose beginning and end were seen.
fn whole(shown: &Shown) -> Vec<Window> {
    let known = |green: &&Window| shown.knows(green.from + DurationMs(-1), green.to);
    let mut greens: Vec<Window> = shown.greens.iter().filter(known).copied().collect();
    // The last may go on beyond what was asked for.
    greens.pop();
    greens
}

#[cfg(test)]
#[path = "corridor_tests.rs"]
mod tests;
