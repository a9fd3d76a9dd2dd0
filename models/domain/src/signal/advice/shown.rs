//! How long each stage was shown of late: what the junction does by itself.

use std::collections::VecDeque;

use crate::units::{DurationMs, UtcMillis};

/// So many greens of each stage are remembered; as few are enough to say what it does.
const KEPT: usize = 8;
const ENOUGH: usize = 3;

#[derive(Debug, Clone)]
pub struct Shown {
    by_stage: Vec<VecDeque<DurationMs>>,
    /// The stage that is shown and its begin, if that was seen.
    now: Option<(usize, Option<UtcMillis>)>,
}

impl Shown {
    pub fn new(stages: usize) -> Self {
        Self { by_stage: vec![VecDeque::new(); stages], now: None }
    }

    /// Lamps were not looked at for a while: the green that is shown now has no begin.
    pub fn lose(&mut self) {
        self.now = None;
    }

    /// Somebody ordered something: the green that is shown now is not the junction's own.
    pub fn touch(&mut self) {
        if let Some((_, since)) = &mut self.now {
            *since = None;
        }
    }

    /// Another plan runs.
    pub fn forget(&mut self) {
        self.by_stage.iter_mut().for_each(VecDeque::clear);
        self.touch();
    }

    /// `stage`: `None` between two.
    pub fn see(&mut self, at: UtcMillis, stage: Option<usize>) {
        let first = self.now.is_none() && stage.is_some();
        if let Some((before, since)) = self.now
            && Some(before) != stage
        {
            if let (Some(since), Some(greens)) = (since, self.by_stage.get_mut(before)) {
                greens.push_back(at.since(since));
                if greens.len() > KEPT {
                    greens.pop_front();
                }
            }
            self.now = Some((usize::MAX, None));
        }
        if let Some(stage) = stage
            && self.now.is_none_or(|(before, _)| before != stage)
        {
            self.now = Some((stage, (!first).then_some(at)));
        }
    }

    /// The mean green of each stage; `None` where too few were seen.
    pub fn greens(&self) -> Vec<Option<DurationMs>> {
        let mean = |greens: &VecDeque<DurationMs>| {
            let sum: i64 = greens.iter().map(|green| green.0).sum();
            (greens.len() >= ENOUGH).then(|| DurationMs(sum / greens.len() as i64))
        };
        self.by_stage.iter().map(mean).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn greens_that_were_seen_from_begin_to_end() {
        let mut shown = Shown::new(2);
        // The first is on when it is first looked at: how long it was is not known.
        for (second, stage) in [(0, Some(0)), (7, None), (10, Some(1)), (30, None), (33, Some(0)), (53, None)]
        {
            shown.see(UtcMillis(second * 1_000), stage);
        }
        assert_eq!(shown.by_stage, [vec![DurationMs(20_000)], vec![DurationMs(20_000)]]);
        assert_eq!(shown.greens(), [None, None]);
        for round in 0..20 {
            for (second, stage) in [(60, Some(1)), (90, None), (93, Some(0)), (105, None)] {
                shown.see(UtcMillis((round * 60 + second) * 1_000), stage);
            }
        }
        assert_eq!(shown.greens(), [Some(DurationMs(12_000)), Some(DurationMs(30_000))]);
        shown.see(UtcMillis(2_000_000), Some(0));
        shown.lose();
        shown.see(UtcMillis(2_500_000), Some(0));
        shown.see(UtcMillis(2_501_000), None);
        assert_eq!(shown.greens()[0], Some(DurationMs(12_000)));
    }

    #[test]
    fn a_green_that_somebody_ordered_is_not_its_own() {
        let mut shown = Shown::new(2);
        shown.see(UtcMillis(0), None);
        // The begin of the first is not known.
        for round in 0..5 {
            let at = |second: i64| UtcMillis((round * 60 + second) * 1_000);
            shown.see(at(1), Some(0));
            shown.see(at(20), Some(0));
            if round == 4 {
                shown.touch();
            }
            shown.see(at(if round == 4 { 50 } else { 21 }), None);
            shown.touch();
            shown.see(at(55), Some(1));
            shown.see(at(59), None);
        }
        assert_eq!(shown.greens(), [Some(DurationMs(20_000)), Some(DurationMs(4_000))]);
        shown.forget();
        assert_eq!(shown.greens(), [None, None]);
    }
}
