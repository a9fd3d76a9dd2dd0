//! What a site's detectors count: traffic that is the same at every run, and RSMP's S0201 to S0208 of it. Pure.

use crate::components::Component;
use crate::config::Site;
use crate::rsmp::timestamp;

/// Kinds in the order of S0204, and how many of a hundred road users each is in Hanoi.
const KINDS: [(&str, u64); 9] =
    [("P", 18), ("PS", 0), ("L", 2), ("LS", 0), ("B", 2), ("SP", 0), ("MC", 74), ("C", 4), ("F", 0)];

/// How long one road user covers a detector, in milliseconds.
const COVERED_MS: u64 = 400;

/// Whether a status is about counts: it is told at intervals, not on change.
pub fn is_count(code: &str) -> bool {
    matches!(code, "S0201" | "S0202" | "S0203" | "S0204" | "S0205" | "S0206" | "S0207" | "S0208")
}

/// A value of S0201 to S0208 for a span of time (milliseconds of the machine); `ahead_ms`: by how much the site's clock is ahead.
pub fn value(
    site: &Site,
    component: Component,
    code: &str,
    name: &str,
    span: (i64, i64),
    ahead_ms: i64,
) -> Option<String> {
    if matches!(name, "start" | "starttime") {
        return Some(timestamp(span.0 + ahead_ms));
    }
    let detectors: Vec<Counted> = match component {
        Component::Detector(index) => vec![counted(site, index, span)],
        Component::Controller | Component::Group(_) => {
            (0..site.detectors).map(|index| counted(site, index, span)).collect()
        }
    };
    if detectors.is_empty() {
        return None;
    }
    let each = |number: &dyn Fn(&Counted) -> u64| {
        detectors.iter().map(|one| number(one).to_string()).collect::<Vec<_>>().join(",")
    };
    Some(match (code, name) {
        ("S0201" | "S0205", "vehicles") => each(&|one| one.vehicles()),
        ("S0202" | "S0206", "speed") => each(&|one| one.speed_kmh),
        ("S0203" | "S0207", "occupancy") => each(&|one| one.occupancy),
        ("S0204" | "S0208", name) => {
            let index = KINDS.iter().position(|(kind, _)| *kind == name)?;
            each(&|one| one.kinds[index])
        }
        _ => return None,
    })
}

/// Whether a road user is on the detector (from 0) at a time of the machine.
pub fn is_covered(site: &Site, index: usize, at_ms: i64) -> bool {
    let second = at_ms.div_euclid(1000);
    [second - 1, second].into_iter().any(|second| {
        road_user(site, index, second)
            .is_some_and(|(came_ms, _)| (came_ms..came_ms + COVERED_MS.cast_signed()).contains(&at_ms))
    })
}

struct Counted {
    kinds: [u64; KINDS.len()],
    /// Percent.
    occupancy: u64,
    speed_kmh: u64,
}

impl Counted {
    fn vehicles(&self) -> u64 {
        self.kinds.iter().sum()
    }
}

fn counted(site: &Site, index: usize, (from_ms, to_ms): (i64, i64)) -> Counted {
    let mut kinds = [0; KINDS.len()];
    // A controller that was off for long counts its last hour.
    let from_ms = from_ms.max(to_ms - 3_600_000);
    for second in from_ms.div_euclid(1000)..=to_ms.div_euclid(1000) {
        if let Some((at_ms, mut share)) = road_user(site, index, second)
            && (from_ms..to_ms).contains(&at_ms)
        {
            for (kind, (_, part)) in kinds.iter_mut().zip(KINDS) {
                if share < part {
                    *kind += 1;
                    break;
                }
                share -= part;
            }
        }
    }
    let vehicles: u64 = kinds.iter().sum();
    let covered = vehicles * COVERED_MS * 100 / (to_ms - from_ms).unsigned_abs().max(1);
    let speed_kmh = if vehicles == 0 { 0 } else { 24 + index as u64 % 12 };
    Counted { kinds, occupancy: covered.min(100), speed_kmh }
}

/// Road users come at moments that a hash spreads over each second; about one in two seconds a detector. When the one of this
/// second comes (milliseconds), if any does, and a number below 100 that decides its kind.
fn road_user(site: &Site, index: usize, second: i64) -> Option<(i64, u64)> {
    let hash = mixed(&site.site_id, index as u64, second.unsigned_abs());
    let comes = (hash >> 12) & 1 == 1;
    comes.then(|| (second * 1000 + (hash % 1000).cast_signed(), (hash >> 20) % 100))
}

/// FNV-1a, stirred: chance that is the same at every run.
fn mixed(name: &str, index: u64, second: u64) -> u64 {
    let bytes = name.bytes().chain(index.to_le_bytes()).chain(second.to_le_bytes());
    let hash = bytes.fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    (hash ^ (hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 7
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn site() -> Site {
        let street = include_str!("../../../../deploy/config/street-signals.toml");
        Config::parse(street).unwrap().sites.remove(0)
    }

    fn vehicles(span: (i64, i64)) -> Vec<u64> {
        let text = value(&site(), Component::Controller, "S0205", "vehicles", span, 0).unwrap();
        text.split(',').map(|n| n.parse().unwrap()).collect()
    }

    #[test]
    fn no_road_user_is_counted_twice_or_left_out() {
        let whole = vehicles((0, 600_000));
        let mut parts = vec![0; whole.len()];
        for (from, to) in [(0, 1_234), (1_234, 90_001), (90_001, 90_002), (90_002, 600_000)] {
            parts.iter_mut().zip(vehicles((from, to))).for_each(|(sum, n)| *sum += n);
        }
        assert_eq!(whole, parts);
        assert!(whole.len() == site().detectors && whole.iter().all(|n| (200..400).contains(n)), "{whole:?}");
    }

    #[test]
    fn one_detector_and_all_of_them_tell_the_same() {
        let site = site();
        let ask = |component, code: &str, name: &str| value(&site, component, code, name, (0, 600_000), 0);
        for (one, all, name) in [
            ("S0201", "S0205", "vehicles"),
            ("S0202", "S0206", "speed"),
            ("S0203", "S0207", "occupancy"),
            ("S0204", "S0208", "MC"),
        ] {
            let list = ask(Component::Controller, all, name).unwrap();
            let second = ask(Component::Detector(1), one, name);
            assert_eq!(second.as_deref(), list.split(',').nth(1), "{name}");
        }
        let none = Site { detectors: 0, ..site.clone() };
        assert_eq!(value(&none, Component::Controller, "S0205", "vehicles", (0, 1), 0), None);
        let start = value(&site, Component::Controller, "S0205", "start", (1_000, 2_000), 500);
        assert_eq!(start.as_deref(), Some("1970-01-01T00:00:01.500Z"));
        assert!(is_count("S0208") && !is_count("S0025") && !is_count("S0200"));
    }

    #[test]
    fn a_detector_is_covered_as_often_as_it_says() {
        let site = site();
        let covered = (0..600_000).step_by(10).filter(|at| is_covered(&site, 0, *at)).count() as u64;
        let told = value(&site, Component::Detector(0), "S0203", "occupancy", (0, 600_000), 0).unwrap();
        let percent = covered * 100 / 60_000;
        assert!(percent.abs_diff(told.parse().unwrap()) <= 3, "{percent} against {told}");
    }
}
