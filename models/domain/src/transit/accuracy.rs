//! How good predictions were, measured all the time: what was told is kept until the bus has come, then compared.

use std::collections::BTreeMap;

use super::eta::Arrival;
use super::passing::Passing;
use super::timetable::{FeedId, RouteId, RunKey};
use crate::units::{DurationMs, UtcMillis};

/// How long before it happened something was told: up to 3, 6, 12, 20 and 30 minutes.
pub const LEADS_MIN: [i64; 5] = [3, 6, 12, 20, 30];
/// One told time is kept for each stop and so long.
const EVERY_MS: i64 = 60_000;
/// What never happened is forgotten after so long.
const KEPT_MS: i64 = 2 * 3_600_000;

/// Errors of what was told of one route within one lead.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Errors {
    pub scored: u64,
    pub absolute_s: f64,
    pub signed_s: f64,
    pub within_60: u64,
    pub within_180: u64,
}

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Accuracy {
    told: BTreeMap<(FeedId, RunKey, usize), Vec<(UtcMillis, UtcMillis)>>,
    by_route: BTreeMap<(FeedId, RouteId), [Errors; LEADS_MIN.len()]>,
}

impl Accuracy {
    /// Remembers what is told at `now` of one run.
    pub fn told(&mut self, feed: &FeedId, arrivals: &[Arrival], now: UtcMillis) {
        let lead_ms = LEADS_MIN[LEADS_MIN.len() - 1] * 60_000;
        for a in arrivals.iter().filter(|a| a.at.since(now).0 <= lead_ms) {
            let list = self.told.entry((feed.clone(), a.run.clone(), a.call)).or_default();
            if list.last().is_none_or(|(at, _)| now.since(*at).0 >= EVERY_MS) {
                list.push((now, a.at));
            }
        }
    }

    /// A bus came: everything told before of this stop is scored, once.
    pub fn came(&mut self, p: &Passing) {
        let Some(list) = self.told.remove(&(p.feed.clone(), p.run.clone(), p.call)) else { return };
        for (at, said) in list.into_iter().filter(|(at, _)| *at < p.at) {
            let lead = p.at.since(at).0;
            let Some(bucket) = LEADS_MIN.iter().position(|min| lead <= min * 60_000) else { continue };
            let errors = &mut self.by_route.entry((p.feed.clone(), p.route.clone())).or_default()[bucket];
            errors.add(said.since(p.at));
        }
    }

    pub fn forget(&mut self, now: UtcMillis) {
        self.told.retain(|_, list| list.last().is_some_and(|(at, _)| now.since(*at).0 < KEPT_MS));
    }

    pub fn routes(&self) -> impl Iterator<Item = (&(FeedId, RouteId), &[Errors; LEADS_MIN.len()])> {
        self.by_route.iter()
    }
}

impl Errors {
    fn add(&mut self, error: DurationMs) {
        let s = error.seconds();
        self.scored += 1;
        self.absolute_s += s.abs();
        self.signed_s += s;
        self.within_60 += u64::from(s.abs() <= 60.0);
        self.within_180 += u64::from(s.abs() <= 180.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::date;

    #[test]
    fn what_was_told_is_scored_once_by_its_lead() {
        let run = RunKey { date: date!(2026 - 03 - 02), trip: "t".into(), start_s: None };
        let s = |s: i64| UtcMillis(s * 1000);
        let told = |at| Arrival {
            run: run.clone(),
            call: 4,
            stop: "x".into(),
            due: s(900),
            at,
            spread: DurationMs(0),
        };
        let mut accuracy = Accuracy::default();
        let feed = FeedId::from("f");
        accuracy.told(&feed, &[told(s(1000))], s(0));
        accuracy.told(&feed, &[told(s(5000))], s(10));
        accuracy.told(&feed, &[told(s(900))], s(800));
        let passing = Passing {
            vehicle: "bus".parse().unwrap(),
            feed: feed.clone(),
            route: "r".into(),
            direction: None,
            run: run.clone(),
            call: 4,
            stop: "x".into(),
            at: s(910),
            due: s(900),
            gap: DurationMs(0),
        };
        accuracy.came(&passing);
        accuracy.came(&passing);
        let (_, errors) = accuracy.routes().next().unwrap();
        let scored: Vec<(u64, f64)> = errors.iter().map(|e| (e.scored, e.signed_s)).collect();
        // 110 s before: 10 s too early. 910 s before: 90 s too late.
        assert_eq!(scored, [(1, -10.0), (0, 0.0), (0, 0.0), (1, 90.0), (0, 0.0)]);
        assert_eq!(errors[3].within_60, 0);
    }
}
