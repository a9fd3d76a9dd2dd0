//! Which of the conditions that the control is held to were kept.

use std::path::Path;

use serde_json::{Map, Value, json};

use super::{Seed, median};

/// Ours may have this share of all vehicles more on their way at the end than fixed-time has: a street that stands has many more.
const ON_THEIR_WAY_MORE: f64 = 0.02;

/// By name; `None`: there was nothing to hold it against.
pub type Kept = Vec<(&'static str, Option<bool>)>;

/// `published_s`: the median of max-pressure as it was published, where it is known; the one that ran beside ours counts too.
pub fn judge(seeds: &[&Seed], published_s: Option<f64>) -> Kept {
    let in_bound = |seed: &&&Seed| {
        let with = seed.priority.is_none_or(|with| with.over_bound_s <= 0.0);
        with && seed.ours.over_bound_s <= 0.0
    };
    let every = |holds: &dyn Fn(&Seed) -> Option<bool>| {
        let told: Option<Vec<bool>> = seeds.iter().copied().map(holds).collect();
        told.map(|told| told.into_iter().all(|kept| kept))
    };
    let at_most_fixed = |seed: &Seed| Some(seed.ours.delay_s <= seed.fixed?.delay_s);
    let flows = |seed: &Seed| {
        let more = ON_THEIR_WAY_MORE * seed.ours.vehicles as f64;
        Some(seed.ours.unfinished as f64 <= seed.fixed?.unfinished as f64 + more)
    };
    let beside: Option<Vec<f64>> = seeds.iter().map(|seed| Some(seed.pressure?.delay_s)).collect();
    let pressure_s = beside.and_then(median);
    let at_most_pressure = median(seeds.iter().map(|seed| seed.ours.delay_s).collect()).zip(pressure_s).map(
        |(ours_s, pressure_s)| ours_s <= published_s.map_or(pressure_s, |told_s| told_s.min(pressure_s)),
    );
    vec![
        ("wait_within_bound", Some(seeds.iter().filter(in_bound).count() == seeds.len())),
        ("every_seed_at_most_fixed", every(&at_most_fixed)),
        ("median_at_most_max_pressure", at_most_pressure),
        ("no_gridlock", every(&flows)),
    ]
}

pub fn told(kept: &Kept) -> Value {
    let one = |(name, kept): &(&str, Option<bool>)| ((*name).to_owned(), json!(kept));
    Value::Object(kept.iter().map(one).collect::<Map<_, _>>())
}

pub fn broken(kept: &Kept) -> Vec<&'static str> {
    kept.iter().filter(|(_, kept)| *kept == Some(false)).map(|(name, _)| *name).collect()
}

/// Seconds a vehicle under max-pressure, by the `baselines.json` beside the network's folder; `None` where there is none.
pub fn published_s(folder: &Path, network: &str) -> Option<f64> {
    let text = std::fs::read_to_string(folder.join("../baselines.json")).ok()?;
    let told: Value = serde_json::from_str(&text).ok()?;
    let seeds = told[network]["MAXPRESSURE"]["delay_s"].as_array()?;
    median(seeds.iter().filter_map(Value::as_f64).collect())
}

#[cfg(test)]
mod tests {
    use super::super::episode::Outcome;
    use super::*;

    /// Delay, how much beyond the bound, and how many are on their way at the end, of 1,000.
    fn outcome(delay_s: f64, over_bound_s: f64, unfinished: usize) -> Outcome {
        Outcome { delay_s, over_bound_s, unfinished, vehicles: 1_000, ..Outcome::default() }
    }

    fn seed(ours: Outcome) -> Seed {
        let (fixed, pressure) = (Some(outcome(40.0, 0.0, 30)), Some(outcome(25.0, 0.0, 30)));
        Seed { fixed, pressure, ours, priority: None }
    }

    #[track_caller]
    fn check(seeds: &[Seed], published_s: Option<f64>, want: &[&str]) {
        let kept = judge(&seeds.iter().collect::<Vec<_>>(), published_s);
        assert_eq!(broken(&kept), want, "{}", told(&kept));
    }

    #[test]
    fn each_condition_can_be_broken() {
        let good = || seed(outcome(20.0, -3.0, 45));
        check(&[good(), good()], Some(22.4), &[]);
        check(&[good(), seed(outcome(20.0, 0.0, 50))], None, &[]);
        check(&[good(), seed(outcome(20.0, 1.0, 30))], None, &["wait_within_bound"]);
        check(&[good(), seed(outcome(20.0, -1.0, 51))], None, &["no_gridlock"]);
        check(&[good(), good(), seed(outcome(41.0, -1.0, 30))], None, &["every_seed_at_most_fixed"]);
        check(&[seed(outcome(26.0, -1.0, 30))], None, &["median_at_most_max_pressure"]);
        // What was published is less than what ran beside it.
        check(&[good()], Some(19.0), &["median_at_most_max_pressure"]);
        let late = Seed { priority: Some(outcome(20.0, 2.0, 30)), ..good() };
        check(&[late], None, &["wait_within_bound"]);
    }

    #[test]
    fn what_there_is_nothing_to_hold_against_is_not_judged() {
        let alone = Seed { fixed: None, pressure: None, ours: outcome(99.0, -1.0, 900), priority: None };
        let kept = judge(&[&alone], Some(22.4));
        let want = json!({
            "wait_within_bound": true,
            "every_seed_at_most_fixed": null,
            "median_at_most_max_pressure": null,
            "no_gridlock": null,
        });
        assert_eq!((told(&kept), broken(&kept).len()), (want, 0));
    }

    #[test]
    fn what_was_published_stands_beside_the_network() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("street");
        std::fs::create_dir(&folder).unwrap();
        assert_eq!(published_s(&folder, "street"), None);
        let text = json!({ "street": { "MAXPRESSURE": { "delay_s": [21.6, 24.8, 22.4] } } }).to_string();
        std::fs::write(dir.path().join("baselines.json"), text).unwrap();
        assert_eq!((published_s(&folder, "street"), published_s(&folder, "other")), (Some(22.4), None));
    }
}
