//! The last reports of one vehicle, and where it is by them.

use std::collections::BTreeMap;

use super::{Limits, Report, judge};
use crate::transit::Fix;
use crate::units::UtcMillis;

/// So many reports are enough to judge the newest among them.
const KEPT: usize = 8;

/// Bounded: a late report older than all that are kept changes nothing.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Recent {
    /// Of one moment, the reports that differ; the one that stands comes first.
    by_time: BTreeMap<UtcMillis, Vec<Report>>,
}

impl Recent {
    /// Takes a report in; gives where the vehicle is, `None` when none of its reports is believed.
    pub fn insert(&mut self, fix: &Fix, limits: &Limits) -> Option<Fix> {
        // What is wrong whatever the others say needs no room here.
        if super::alone(fix, limits).is_none() {
            let same = self.by_time.entry(fix.at).or_default();
            let told = Report { fix: fix.clone(), taken_back: false };
            // What is told again in the same words is known.
            if let Err(place) = same.binary_search_by(|known| super::better(known, &told, limits)) {
                same.insert(place, told);
                same.truncate(KEPT);
            }
            while self.by_time.len() > KEPT {
                self.by_time.pop_first();
            }
        }
        self.newest(limits)
    }

    /// Whether a report is older than all that are kept, so that it changes nothing.
    pub fn is_past(&self, at: UtcMillis) -> bool {
        self.by_time.len() >= KEPT && self.by_time.first_key_value().is_some_and(|(oldest, _)| at < *oldest)
    }

    /// The newest report that is believed.
    pub fn newest(&self, limits: &Limits) -> Option<Fix> {
        let reports: Vec<Report> = self.by_time.values().flatten().cloned().collect();
        let verdicts = judge(&reports, limits);
        let believed = reports.into_iter().zip(verdicts).rev().find(|(_, verdict)| verdict.is_none());
        believed.map(|(report, _)| report.fix)
    }
}
