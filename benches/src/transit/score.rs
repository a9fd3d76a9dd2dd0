//! Predictions of two systems by the very same stops and instants, and what ours are held to.

use models_domain::{DurationMs, UtcMillis};
use serde::Serialize;

/// One prediction of theirs, with ours for the same stop at the same instant.
pub struct Pair {
    pub at: UtcMillis,
    pub theirs: UtcMillis,
    /// `None`: we predicted nothing.
    pub ours: Option<UtcMillis>,
    /// When the bus was there, by the trace alone; `None` where that does not show it.
    pub truth: Option<UtcMillis>,
    /// The same by our own matching.
    pub matched: Option<UtcMillis>,
    pub before_first_fix: bool,
}

/// How far predictions were off.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Score {
    pub scored: usize,
    /// Mean absolute error in seconds.
    pub mae_s: f64,
    /// Part of them, from 0 to 1, that is off by 60 s at most.
    pub within_60: f64,
    pub within_180: f64,
    /// Mean error in seconds: positive where the bus was there before it was predicted to be.
    pub bias_s: f64,
}

impl Score {
    fn of(errors: &[DurationMs]) -> Self {
        let count = errors.len().max(1) as f64;
        let within = |s: f64| errors.iter().filter(|e| e.seconds().abs() <= s).count() as f64 / count;
        Self {
            scored: errors.len(),
            mae_s: errors.iter().map(|e| e.seconds().abs()).sum::<f64>() / count,
            within_60: within(60.0),
            within_180: within(180.0),
            bias_s: errors.iter().map(|e| e.seconds()).sum::<f64>() / count,
        }
    }
}

/// Both by the pairs of which it is known what happened and that both predicted.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Compared {
    pub scored: usize,
    /// It is known what happened, and we predicted nothing: neither is scored by these.
    pub not_predicted: usize,
    pub ours: Score,
    pub theirs: Score,
}

impl Compared {
    pub fn of<'a>(
        pairs: impl Iterator<Item = &'a Pair>,
        happened: impl Fn(&Pair) -> Option<UtcMillis>,
    ) -> Self {
        let (mut ours, mut theirs, mut not_predicted) = (Vec::new(), Vec::new(), 0);
        for pair in pairs {
            let Some(happened) = happened(pair) else { continue };
            let Some(predicted) = pair.ours else {
                not_predicted += 1;
                continue;
            };
            ours.push(predicted.since(happened));
            theirs.push(pair.theirs.since(happened));
        }
        let (ours, theirs) = (Score::of(&ours), Score::of(&theirs));
        Self { scored: ours.scored, not_predicted, ours, theirs }
    }
}

/// What predictions on a trace are held to: those of the other system, as they were published with it.
pub struct Bounds {
    label: &'static str,
    scored: usize,
    mae_s: f64,
    within_60: f64,
    within_180: f64,
}

const BOUNDS: &[Bounds] =
    &[Bounds { label: "S2_2113", scored: 589, mae_s: 52.0, within_60: 0.73, within_180: 0.94 }];
/// As closely as they were published: to the second, and to one in a hundred.
const HALF_S: f64 = 0.5;
const HALF_PART: f64 = 0.005;

/// One bound and what was reached.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Held {
    pub bound: String,
    pub reached: f64,
    pub holds: bool,
}

impl Bounds {
    /// Those of the trace with this name; `None` where none were published.
    pub fn of(label: &str) -> Option<&'static Self> {
        BOUNDS.iter().find(|bounds| bounds.label == label)
    }

    /// Every bound. The other system's own figures are among them: by a truth that gives others, ours would be worth nothing.
    pub fn hold(&self, all: &Compared) -> Vec<Held> {
        let held = |bound: String, reached: f64, holds: bool| Held { bound, reached, holds };
        let count = |name: &str, reached: usize, want: usize| {
            held(format!("{name} = {want}"), reached as f64, reached == want)
        };
        let most =
            |name: &str, reached: f64, most: f64| held(format!("{name} <= {most}"), reached, reached <= most);
        let least = |name: &str, reached: f64, least: f64| {
            held(format!("{name} >= {least}"), reached, reached >= least)
        };
        let about = |name: &str, reached: f64, want: f64, off: f64| {
            held(format!("{name} = {want} to {off}"), reached, (reached - want).abs() <= off)
        };
        vec![
            count("scored", all.scored, self.scored),
            count("not_predicted", all.not_predicted, 0),
            most("ours.mae_s", all.ours.mae_s, self.mae_s),
            least("ours.within_60", all.ours.within_60, self.within_60),
            least("ours.within_180", all.ours.within_180, self.within_180),
            about("theirs.mae_s", all.theirs.mae_s, self.mae_s, HALF_S),
            about("theirs.within_60", all.theirs.within_60, self.within_60, HALF_PART),
            about("theirs.within_180", all.theirs.within_180, self.within_180, HALF_PART),
        ]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What we and they were off by, in seconds.
    fn pair(ours_s: Option<i64>, theirs_s: i64) -> Pair {
        let at = |s: i64| UtcMillis(1_000_000 + s * 1000);
        let (truth, before_first_fix) = (Some(at(0)), false);
        let (theirs, ours) = (at(theirs_s), ours_s.map(at));
        Pair { at: UtcMillis(0), theirs, ours, truth, matched: None, before_first_fix }
    }

    fn compared(pairs: &[Pair]) -> Compared {
        Compared::of(pairs.iter(), |pair| pair.truth)
    }

    #[test]
    fn both_are_scored_by_what_both_predicted() {
        let unseen = Pair { truth: None, ..pair(Some(0), 0) };
        let all = compared(&[pair(Some(30), -90), pair(None, 600), pair(Some(-50), 10), unseen]);
        assert_eq!((all.scored, all.not_predicted), (2, 1));
        assert_eq!((all.ours.mae_s, all.ours.within_60, all.ours.bias_s), (40.0, 1.0, -10.0));
        assert_eq!((all.theirs.mae_s, all.theirs.within_60, all.theirs.within_180), (50.0, 0.5, 1.0));
    }

    const TWO: Bounds = Bounds { label: "two", scored: 2, mae_s: 50.0, within_60: 0.5, within_180: 1.0 };

    #[track_caller]
    fn check(pairs: &[Pair], want_broken: &[&str]) {
        let held = TWO.hold(&compared(pairs));
        let broken: Vec<_> = held.iter().filter(|held| !held.holds).map(|held| held.bound.as_str()).collect();
        assert_eq!(broken, want_broken);
    }

    #[test]
    fn the_bound_that_does_not_hold_is_named() {
        check(&[pair(Some(30), -90), pair(Some(-70), 10)], &[]);
        check(&[pair(Some(30), -90), pair(Some(-71), 10)], &["ours.mae_s <= 50"]);
        check(&[pair(Some(61), -90), pair(Some(-37), 10), pair(None, 0)], &["not_predicted = 0"]);
        check(&[pair(Some(0), -50)], &["scored = 2", "theirs.within_60 = 0.5 to 0.005"]);
        let late = [pair(Some(200), -90), pair(Some(61), 10)];
        check(&late, &["ours.mae_s <= 50", "ours.within_60 >= 0.5", "ours.within_180 >= 1"]);
        // By another truth the other system would have another score.
        check(&[pair(Some(30), -93), pair(Some(-70), 10)], &["theirs.mae_s = 50 to 0.5"]);
    }

    #[test]
    fn bounds_are_those_of_the_trace_that_has_them() {
        assert_eq!(Bounds::of("S2_2113").map(|bounds| bounds.scored), Some(589));
        assert!(Bounds::of("S2_2114").is_none());
    }
}
