//! How a bus moves: along its route and back, up to 40 km/h, slower around corners, with a pause at each stop.

use crate::config::Route;

/// Metres in a degree of latitude, and of longitude at Hanoi's latitude (WGS 84, mean over the city).
const LAT_M: f64 = 110_720.0;
const LON_M: f64 = 103_930.0;

const TOP_MS: f64 = 40.0 / 3.6;
const ACCELERATION_MS2: f64 = 1.0;

/// Where a bus is and what it does.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Place {
    pub lat: f64,
    pub lon: f64,
    pub speed_ms: f64,
    /// Degrees clockwise from north, 0..360.
    pub course: f64,
}

pub struct Bus {
    /// Metres from the first point to each point.
    distances: Vec<f64>,
    points: Vec<(f64, f64)>,
    stops: Vec<f64>,
    /// Metres from the first point; falls on the way back.
    at: f64,
    forward: bool,
    speed_ms: f64,
    dwell_s: f64,
    chance: Chance,
}

impl Bus {
    /// A bus somewhere on the route: `share` of the way, 0..1.
    pub fn new(route: &Route, share: f64, forward: bool, chance: Chance) -> Self {
        let mut distances = vec![0.0];
        for pair in route.points.windows(2) {
            distances.push(distances[distances.len() - 1] + meters(pair[0], pair[1]));
        }
        let stops = route.stops.iter().map(|&stop| distances[stop]).collect();
        let at = distances[distances.len() - 1] * share;
        Self {
            distances,
            points: route.points.clone(),
            stops,
            at,
            forward,
            speed_ms: 0.0,
            dwell_s: 0.0,
            chance,
        }
    }

    /// Moves on by `seconds` of street time.
    pub fn drive(&mut self, seconds: f64) {
        let mut left = seconds;
        while left > 0.0 {
            let step = left.min(0.5);
            self.step(step);
            left -= step;
        }
    }

    fn step(&mut self, seconds: f64) {
        if self.dwell_s > 0.0 {
            self.dwell_s -= seconds;
            return;
        }
        let end = self.distances[self.distances.len() - 1];
        let next_stop = if self.forward {
            self.stops.iter().copied().filter(|s| *s > self.at + 0.5).fold(end, f64::min)
        } else {
            self.stops.iter().copied().filter(|s| *s < self.at - 0.5).fold(0.0, f64::max)
        };
        let ahead = (next_stop - self.at).abs();
        // As fast as one can still brake from, at most 40 km/h.
        let target = TOP_MS.min((2.0 * ACCELERATION_MS2 * ahead).sqrt()).max(0.8);
        let change = ACCELERATION_MS2 * seconds;
        self.speed_ms = self.speed_ms + (target - self.speed_ms).clamp(-2.0 * change, change);
        let moved = (self.speed_ms * seconds).min(ahead);
        self.at += if self.forward { moved } else { -moved };
        if ahead - moved < 0.6 {
            self.at = next_stop;
            self.speed_ms = 0.0;
            self.dwell_s = 10.0 + 20.0 * self.chance.next();
            if self.at <= 0.0 || self.at >= end {
                self.forward = self.at <= 0.0;
            }
        }
    }

    pub fn place(&self) -> Place {
        let after = self.distances.partition_point(|d| *d < self.at).clamp(1, self.points.len() - 1);
        let (a, b) = (self.points[after - 1], self.points[after]);
        let length = (self.distances[after] - self.distances[after - 1]).max(1e-9);
        let share = (self.at - self.distances[after - 1]) / length;
        let (from, to) = if self.forward { (a, b) } else { (b, a) };
        let (north, east) = ((to.0 - from.0) * LAT_M, (to.1 - from.1) * LON_M);
        Place {
            lat: a.0 + (b.0 - a.0) * share,
            lon: a.1 + (b.1 - a.1) * share,
            speed_ms: self.speed_ms,
            course: east.atan2(north).to_degrees().rem_euclid(360.0),
        }
    }

    pub fn stands(&self) -> bool {
        self.dwell_s > 0.0
    }
}

fn meters(a: (f64, f64), b: (f64, f64)) -> f64 {
    ((b.0 - a.0) * LAT_M).hypot((b.1 - a.1) * LON_M)
}

/// Numbers that look like chance and are the same at every run with the same seed (splitmix64).
pub struct Chance(pub u64);

impl Chance {
    /// 0..1
    pub fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bus_keeps_to_its_street_and_its_speed_and_comes_back() {
        let points = vec![(21.0, 105.80), (21.0, 105.81), (21.01, 105.81)];
        let route = Route {
            id: "1".into(),
            name: String::new(),
            gt06_buses: 1,
            jt808_buses: 0,
            points,
            stops: vec![0, 1, 2],
        };
        let mut bus = Bus::new(&route, 0.2, true, Chance(7));
        let (mut ends, mut stood) = ([false; 2], 0);
        for _ in 0..2000 {
            let before = bus.place();
            bus.drive(1.0);
            let place = bus.place();
            assert!(place.speed_ms <= TOP_MS + 1e-9);
            assert!((place.lat - 21.0).abs() < 1e-9 || (place.lon - 105.81).abs() < 1e-9, "{place:?}");
            let moved = meters((before.lat, before.lon), (place.lat, place.lon));
            assert!(moved < TOP_MS + 1.0, "{moved} m in a second");
            ends[0] |= place.lat > 21.0099;
            ends[1] |= place.lon < 105.8001;
            stood += u32::from(bus.stands());
        }
        assert_eq!(ends, [true; 2]);
        assert!(stood > 50);
    }
}
