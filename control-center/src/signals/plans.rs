//! Which plans junctions run: kept as gateways tell them, read back for a time, and how far apart their cycles begin.

use std::collections::BTreeMap;

use control_center_core::city::{City, Junction};
use control_center_store::{PlanRow, StoreError};
use models_domain::event::Link;
use models_domain::signal::corridor::Window;
use models_domain::signal::order::Mode;
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::history::Change;
use crate::hall::Hall;

/// That a plan goes on is written so often.
const KEPT_EVERY: DurationMs = DurationMs(60_000);
/// One plan with no more than this between is one: the hall was started anew, or a link broke.
const BRIDGED: DurationMs = DurationMs(120_000);
/// The begin of a cycle is reckoned from so many of the newest changes.
const CHANGES: usize = 12;
const CHANGES_MIN: usize = 3;
/// Controllers count whole seconds, and a change comes a moment after it was.
const AGREE_WITHIN_MS: i64 = 2_000;

/// What every junction runs, as far as the hall hears of it.
#[derive(Debug, Default)]
pub struct Watch {
    by_junction: BTreeMap<JunctionId, Running>,
}

#[derive(Debug)]
struct Running {
    row: PlanRow,
    /// When it was last given out to be kept.
    kept: UtcMillis,
}

impl Watch {
    /// One look at the city; what is to be kept.
    pub fn look(&mut self, city: &City, now: UtcMillis) -> Vec<(JunctionId, PlanRow)> {
        let runs = |id: &JunctionId| runs(city, city.junctions.get(id)?);
        let silent = self.by_junction.extract_if(.., |id, _| runs(id).is_none());
        let mut news: Vec<_> = silent.map(|(id, running)| (id, running.row)).collect();
        for id in city.junctions.keys() {
            let Some((plan, cycle_length_s)) = runs(id) else { continue };
            if let Some(running) = self.by_junction.get_mut(id) {
                // A clock that was set back: how long the row's plan ran since is in no row of its time.
                let back = now < running.kept;
                if !back {
                    running.row.until = now.max(running.row.until);
                }
                if !back && running.goes_on(plan, cycle_length_s) {
                    if running.learn(cycle_length_s) || now.since(running.kept) >= KEPT_EVERY {
                        running.kept = now;
                        news.push((id.clone(), running.row));
                    }
                    continue;
                }
                news.push((id.clone(), running.row));
            }
            let row = PlanRow { plan, cycle_length_s, began: now, until: now };
            news.push((id.clone(), row));
            self.by_junction.insert(id.clone(), Running { row, kept: now });
        }
        news
    }
}

impl Running {
    /// A plan of another cycle is another one, though its number is the same.
    fn goes_on(&self, plan: u8, cycle_length_s: Option<u32>) -> bool {
        let same = |was: u32| cycle_length_s.is_none_or(|is| is == was);
        self.row.plan == plan && self.row.cycle_length_s.is_none_or(same)
    }

    /// Whether the length of the cycle was not known before.
    fn learn(&mut self, cycle_length_s: Option<u32>) -> bool {
        let news = self.row.cycle_length_s.is_none() && cycle_length_s.is_some();
        self.row.cycle_length_s = self.row.cycle_length_s.or(cycle_length_s);
        news
    }
}

/// The plan that a junction runs, and the length of its cycle in seconds.
fn runs(city: &City, junction: &Junction) -> Option<(u8, Option<u32>)> {
    let alive = city.gateways.get(&junction.gateway).is_some_and(|gateway| gateway.alive);
    let now = &junction.info.now;
    let normal = match now.mode {
        Some(Mode::Normal) => true,
        // What the controller tells then is the plan that waits; and one that does not say how it runs may flash.
        None | Some(Mode::Flash | Mode::Dark | Mode::AllRed | Mode::Manual | Mode::Unknown) => false,
    };
    let there = alive && normal && junction.info.state.link == Link::Up;
    Some((now.plan.filter(|_| there)?, now.cycle_length_s))
}

/// Which plans ran within `window`, in order.
///
/// # Errors
/// [`StoreError`].
pub async fn ran(hall: &Hall, junction: &JunctionId, window: Window) -> Result<Vec<PlanRow>, StoreError> {
    Ok(joined(hall.store.plans(junction, window.from, window.to).await?, window))
}

fn joined(rows: Vec<PlanRow>, window: Window) -> Vec<PlanRow> {
    let mut all: Vec<PlanRow> = Vec::new();
    for row in rows {
        let goes_on = |last: &PlanRow| {
            let same = (last.plan, last.cycle_length_s) == (row.plan, row.cycle_length_s);
            same && row.began.since(last.until) <= BRIDGED
        };
        if let Some(last) = all.last_mut().filter(|last| goes_on(last)) {
            last.until = row.until.max(last.until);
            continue;
        }
        all.push(row);
    }
    for row in &mut all {
        (row.began, row.until) = (row.began.max(window.from), row.until.min(window.to));
    }
    all
}

/// How many whole seconds after the first junction's cycle each one's begins, less than a cycle, by what their controllers counted under
/// the last of their plans; `None`: one of the two does not tell, or their cycles are not of one length.
pub fn offsets(plans: &[Vec<PlanRow>], changes: &[Vec<Change>]) -> Vec<Option<u32>> {
    let begins = plans.iter().zip(changes).map(|(plans, changes)| cycle_begin(plans.last()?, changes));
    let begins: Vec<Option<(i64, i64)>> = begins.collect();
    let first = begins.first().copied().flatten();
    let offset = |begin: &Option<(i64, i64)>| {
        let ((first_ms, length_ms), (begin_ms, own_length_ms)) = (first?, (*begin)?);
        if own_length_ms != length_ms {
            return None;
        }
        let seconds = ((begin_ms - first_ms).rem_euclid(length_ms) + 500) / 1_000;
        // Just before the next begin is at it.
        u32::try_from(seconds % (length_ms / 1_000)).ok()
    };
    begins.iter().map(offset).collect()
}

/// Any begin of the plan's cycle and its length, in milliseconds.
fn cycle_begin(plan: &PlanRow, changes: &[Change]) -> Option<(i64, i64)> {
    let length_ms = i64::from(plan.cycle_length_s?) * 1_000;
    let told = changes.iter().rev().take_while(|change| change.at >= plan.began);
    let told: Vec<(i64, u32)> =
        told.filter_map(|change| Some((change.at.0, change.cycle_s?))).take(CHANGES).collect();
    let (_, newest_s) = *told.first()?;
    // A count that stands still counts nothing.
    if length_ms == 0 || told.len() < CHANGES_MIN || told.iter().all(|(_, second)| *second == newest_s) {
        return None;
    }
    let begin_ms = |(at_ms, second): &(i64, u32)| at_ms - i64::from(*second) * 1_000;
    let newest_ms = begin_ms(&told[0]);
    let half_ms = length_ms / 2;
    let beside = |one: &(i64, u32)| (begin_ms(one) - newest_ms + half_ms).rem_euclid(length_ms) - half_ms;
    let beside: Vec<i64> = told.iter().map(beside).collect();
    if beside.iter().any(|ms| ms.abs() > AGREE_WITHIN_MS) {
        return None;
    }
    Some((newest_ms + beside.iter().sum::<i64>() / beside.len() as i64, length_ms))
}

#[cfg(test)]
#[path = "plans_tests.rs"]
mod tests;
