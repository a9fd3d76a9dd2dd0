//! The last reports of one bus: which of those that come are believed, as the store believes them.
//!
//! What the store believes later, or not any more, it makes due: that day is reckoned anew.

use std::collections::VecDeque;

use models_domain::UtcMillis;
use models_domain::fix::{Limits, Report, alone, judge};
use models_domain::transit::Fix;
use models_domain::transit::vehicle::Observed;

use super::call_of;

/// Enough neighbours for a verdict, though some are not believed; and enough to go on from a day that was just made anew.
pub const KEPT: usize = 32;

#[derive(Debug, Clone, Default)]
pub struct Window {
    /// By their time.
    reports: VecDeque<Report>,
    /// In the order in which they came.
    calls: VecDeque<Observed>,
}

impl Window {
    /// Those of `fixes` that are believed, and calls for help of those that are not.
    pub fn look(&mut self, fixes: Vec<Fix>) -> (Vec<Fix>, Vec<Observed>) {
        let mut calls: Vec<Fix> = fixes.iter().filter(|fix| fix.told.sos).cloned().collect();
        let good = self.believed(fixes);
        calls.retain(|fix| !good.contains(fix));
        let calls: Vec<Observed> = calls.iter().filter_map(call_of).collect();
        self.calls.extend(calls.iter().cloned());
        let too_many = self.calls.len().saturating_sub(KEPT);
        self.calls.drain(..too_many);
        (good, calls)
    }

    /// Calls for help from places that are not believed after a moment, as far as they are kept.
    pub fn calls_since(&self, at: UtcMillis) -> impl Iterator<Item = &Observed> {
        self.calls.iter().filter(move |call| call.seen.at > at)
    }

    /// Those of `fixes` that are believed.
    pub fn believed(&mut self, fixes: Vec<Fix>) -> Vec<Fix> {
        let limits = Limits::default();
        let first = self.reports.front().filter(|_| self.reports.len() >= KEPT).map(|r| r.fix.at);
        let mut fresh = Vec::new();
        for fix in fixes {
            if alone(&fix, &limits).is_none() && first.is_none_or(|first| fix.at > first) {
                let place = self.reports.partition_point(|r| r.fix.at <= fix.at);
                self.reports.insert(place, Report { fix: fix.clone(), taken_back: false });
                fresh.push(fix);
            }
        }
        if fresh.is_empty() {
            return fresh;
        }
        let reports = self.reports.make_contiguous();
        let verdicts = judge(reports, &limits);
        let good = reports.iter().zip(verdicts).filter(|(_, verdict)| verdict.is_none());
        let good: Vec<&Fix> = good.map(|(report, _)| &report.fix).collect();
        fresh.retain(|fix| good.contains(&fix));
        let too_many = self.reports.len().saturating_sub(KEPT);
        self.reports.drain(..too_many);
        fresh
    }

    /// Believed reports after a moment; `None` when it does not reach back so far.
    pub fn since(&self, at: UtcMillis) -> Option<Vec<Fix>> {
        self.reports.front().filter(|oldest| oldest.fix.at <= at)?;
        let reports: Vec<Report> = self.reports.iter().cloned().collect();
        let verdicts = judge(&reports, &Limits::default());
        let later = reports.into_iter().zip(verdicts).filter(|(r, v)| v.is_none() && r.fix.at > at);
        Some(later.map(|(report, _)| report.fix).collect())
    }

    /// The reports that a day was made of.
    pub fn of(fixes: &[Fix]) -> Self {
        let last = &fixes[fixes.len().saturating_sub(KEPT)..];
        let reports = last.iter().map(|fix| Report { fix: fix.clone(), taken_back: false });
        Self { reports: reports.collect(), calls: VecDeque::new() }
    }
}

#[cfg(test)]
mod tests {
    use models_domain::geo::LatLon;
    use models_domain::{DurationMs, MetersPerSecond};

    use super::*;

    fn fix(s: i64, lon: f64) -> Fix {
        let at = UtcMillis(1_764_124_200_000) + DurationMs(s * 1000);
        Fix {
            vehicle: "bus".parse().unwrap(),
            at,
            received: at,
            position: LatLon::new(21.0, lon),
            speed: MetersPerSecond(5.0),
            course: None,
            altitude: None,
            valid: true,
            protocol: "gt06".into(),
            told: models_domain::transit::Told::default(),
        }
    }

    #[test]
    fn a_jump_is_not_believed_and_what_follows_is() {
        let mut window = Window::default();
        let mut take = |s: i64, lon: f64| window.believed(vec![fix(s, lon)]).len();
        assert_eq!([take(0, 105.8), take(10, 105.8), take(20, 105.8)], [1, 1, 1]);
        assert_eq!([take(30, 106.8), take(40, 105.8)], [0, 1]);
        assert_eq!(take(5, 105.8), 1, "a late one is judged too: the day passes it over");
        assert_eq!(window.since(fix(20, 0.0).at).map(|f| f.len()), Some(1));
        assert_eq!(window.since(fix(-1, 0.0).at), None, "it does not reach back so far");
    }
}
