//! What a site's detectors count: traffic that is the same at every run, and RSMP's S0201 to S0208 of it. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::config::Site;
use crate::rsmp::timestamp;

/// The codes that are about detectors; the first four of one each, the others of all.
const CODES: [&str; 8] = ["S0201", "S0202", "S0203", "S0204", "S0205", "S0206", "S0207", "S0208"];

/// Kinds in the order of S0204, and how many of a hundred road users each is in Hanoi.
const KINDS: [(&str, u64); 9] =
    [("P", 18), ("PS", 0), ("L", 2), ("LS", 0), ("B", 2), ("SP", 0), ("MC", 74), ("C", 4), ("F", 0)];

/// How long one road user covers a detector, in milliseconds.
const COVERED_MS: u64 = 400;

/// A subscription to counts of one component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counting {
    /// (code, name)
    names: Vec<(String, String)>,
    interval_ms: i64,
    /// Begin of what was not told yet.
    since_ms: i64,
}

/// By the component they are of.
pub type Countings = BTreeMap<String, Counting>;

/// What a StatusRequest or StatusSubscribe asks of counts: the component and the names; `None` when it is about anything else.
pub fn asked(site: &Site, message: &Value) -> Option<(String, Vec<(String, String)>)> {
    let component = message["cId"].as_str()?;
    let name = |value: &Value| {
        let code = value["sCI"].as_str().filter(|code| CODES.contains(code))?;
        Some((code.to_owned(), value["n"].as_str()?.to_owned()))
    };
    let names = message["sS"].as_array()?.iter().map(name).collect::<Option<Vec<_>>>()?;
    let known = component == site.component || detector(site, component).is_some();
    known.then(|| (component.to_owned(), names))
}

/// The place of a detector logic, from 0: `HN+AG0101=001DL003` is the third.
fn detector(site: &Site, component: &str) -> Option<usize> {
    let base = site.component.split_once('=')?.0;
    let number: usize = component.strip_prefix(base)?.strip_prefix("=001DL")?.parse().ok()?;
    number.checked_sub(1).filter(|index| *index < site.detectors)
}

impl Counting {
    pub fn new(names: Vec<(String, String)>, message: &Value, now_ms: i64) -> Self {
        let seconds = |value: &Value| value["uRt"].as_str().and_then(|text| text.parse::<i64>().ok());
        let interval_s = message["sS"].as_array().into_iter().flatten().filter_map(seconds).max();
        Self { names, interval_ms: interval_s.unwrap_or(60).max(1) * 1000, since_ms: now_ms }
    }

    /// The message that is due, if any; the next one begins where it ends.
    pub fn due(&mut self, site: &Site, component: &str, now_ms: i64) -> Option<Value> {
        if now_ms - self.since_ms < self.interval_ms {
            return None;
        }
        let message = statuses(site, component, "StatusUpdate", (self.since_ms, now_ms), &self.names);
        self.since_ms = now_ms;
        Some(message)
    }
}

/// What was counted in a span of time (milliseconds): `kind` is `StatusUpdate` or `StatusResponse`.
pub fn statuses(
    site: &Site,
    component: &str,
    kind: &str,
    span: (i64, i64),
    names: &[(String, String)],
) -> Value {
    let one = detector(site, component);
    let detectors: Vec<Counted> = match one {
        Some(index) => vec![counted(site, index, span)],
        None => (0..site.detectors).map(|index| counted(site, index, span)).collect(),
    };
    let value = |(code, name): &(String, String)| {
        // The first four are of single detectors, the others of the whole controller.
        let here = CODES.iter().position(|known| known == code).is_some_and(|at| (at < 4) == one.is_some());
        let text = if here && !detectors.is_empty() { told(&detectors, code, name, span) } else { None };
        let quality = if text.is_some() { "recent" } else { "undefined" };
        json!({ "sCI": code, "n": name, "s": text, "q": quality })
    };
    json!({
        "mType": "rSMsg", "type": kind, "ntsOId": component, "xNId": "", "cId": component,
        "sTs": timestamp(span.1), "sS": names.iter().map(value).collect::<Vec<_>>(),
    })
}

fn told(detectors: &[Counted], code: &str, name: &str, span: (i64, i64)) -> Option<String> {
    let each = |number: &dyn Fn(&Counted) -> u64| {
        detectors.iter().map(|one| number(one).to_string()).collect::<Vec<_>>().join(",")
    };
    Some(match (code, name) {
        (_, "start" | "starttime") => timestamp(span.0),
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

/// Road users come at moments that a hash spreads over each second; about one in two seconds a detector.
fn counted(site: &Site, index: usize, (from_ms, to_ms): (i64, i64)) -> Counted {
    let mut kinds = [0; KINDS.len()];
    // A controller that was off for long counts its last hour.
    let from_ms = from_ms.max(to_ms - 3_600_000);
    for second in from_ms.div_euclid(1000)..=to_ms.div_euclid(1000) {
        let hash = mixed(&site.site_id, index as u64, second.unsigned_abs());
        let at_ms = second * 1000 + (hash % 1000).cast_signed();
        if (from_ms..to_ms).contains(&at_ms) && (hash >> 12) & 1 == 1 {
            let mut share = (hash >> 20) % 100;
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
        let names = [("S0205".to_owned(), "vehicles".to_owned())];
        let site = site();
        let message = statuses(&site, &site.component, "StatusUpdate", span, &names);
        let text = message["sS"][0]["s"].as_str().unwrap().to_owned();
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
        let ask = |component: &str, code: &str, name: &str| {
            let names = [(code.to_owned(), name.to_owned())];
            let message = statuses(&site, component, "StatusResponse", (0, 600_000), &names);
            message["sS"][0]["s"].as_str().map(str::to_owned)
        };
        let second = "HN+AG0101=001DL002";
        for (one, all, name) in [
            ("S0201", "S0205", "vehicles"),
            ("S0202", "S0206", "speed"),
            ("S0203", "S0207", "occupancy"),
            ("S0204", "S0208", "MC"),
        ] {
            let list = ask(&site.component, all, name).unwrap();
            assert_eq!(ask(second, one, name).as_deref(), list.split(',').nth(1), "{name}");
            assert_eq!(ask(second, all, name), None);
        }
        let message =
            |component: &str| json!({ "cId": component, "sS": [{ "sCI": "S0201", "n": "vehicles" }] });
        assert!(
            asked(&site, &message(second)).is_some()
                && asked(&site, &message("HN+AG0101=001DL099")).is_none()
        );
    }

    #[test]
    fn what_is_due_begins_where_the_last_ended() {
        let message = json!({ "sS": [{ "uRt": "60" }] });
        let mut counting = Counting::new(vec![("S0205".into(), "start".into())], &message, 1_000);
        let site = site();
        let mut due = |now: i64| Some(counting.due(&site, &site.component, now)?["sS"][0]["s"].clone());
        assert_eq!(due(60_999), None);
        assert_eq!(due(61_000), Some("1970-01-01T00:00:01.000Z".into()));
        assert_eq!(due(61_001), None);
        assert_eq!(due(150_000), Some("1970-01-01T00:01:01.000Z".into()));
    }
}
