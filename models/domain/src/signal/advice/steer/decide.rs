//! What is to be ordered now, and when what stands has to end.

use super::control::{Green, Steer};
use super::see::is_early;
use super::{Back, Call, Kind, Look, Silence, Why, room};
use crate::signal::group_set::GroupSet;
use crate::signal::order::ORDERS_WINDOW;
use crate::units::{DurationMs, UtcMillis};

/// No green is ordered when so many orders were made within [`ORDERS_WINDOW`]; giving it back may come on top, and half of what safety
/// lets pass is left to people.
const ORDERS_OWN_MAX: usize = 2;
/// The control has to want the same for so many looks.
const STEADY: u32 = 2;
/// A green that would be held for less beyond the plan's is not worth an order.
const WORTH: DurationMs = DurationMs(2_000);
/// So short before the plan ends a green, an order may come too late.
const LATE: DurationMs = DurationMs(1_500);
/// The next stage is called until it has been green for so long.
const SETTLE: DurationMs = DurationMs(5_000);
/// So long the pole may look for the moment to call it.
const PATIENCE: DurationMs = DurationMs(3_000);
/// What is over so soon need not be given back.
const SOON: DurationMs = DurationMs(3_000);

impl Steer {
    /// Why an order that stands has to end now.
    pub(super) fn ends(
        &self,
        at: UtcMillis,
        look: &Look<'_>,
        (kind, stage): (Kind, usize),
        until: UtcMillis,
    ) -> Option<Back> {
        match look.blocked {
            // The pole ends it by itself, and tells why on the order's row.
            Some(Why::Ending) => return None,
            Some(_) => return Some(Back::GivesWay),
            None => {}
        }
        let now = match (look.told, kind) {
            (Ok(now), Kind::Hold | Kind::Next) => now,
            // An order that holds a stage would bring it back from now on.
            (Err(Silence::Changing), Kind::Hold) => return Some(Back::Ended),
            (Err(Silence::Changing), Kind::Next) => return None,
            (Err(Silence::Reason(_)), Kind::Hold | Kind::Next) => return Some(Back::Silent),
        };
        let groups = look.plan.stages.get(stage).map(|stage| stage.greens).unwrap_or_default();
        if !groups.and(&look.full).is_empty() {
            return Some(Back::Full);
        }
        match kind {
            Kind::Hold if now.stage != stage => Some(Back::Ended),
            Kind::Hold if now.wants != stage && self.steady >= STEADY => Some(Back::Enough),
            Kind::Hold => {
                // Another plan runs.
                let Some(greens) = own(look) else { return Some(Back::Silent) };
                let latest = room::latest_end(&self.bounds, (look, at), &greens, stage);
                latest.is_some_and(|latest| at + self.bounds.ahead > latest).then_some(Back::LongestWait)
            }
            Kind::Next => {
                let there = now.stage == stage && now.age >= SETTLE;
                (there && until.since(at) > SOON).then_some(Back::Enough)
            }
        }
    }

    /// What is to be ordered, or why nothing is.
    pub(super) fn wish(&self, at: UtcMillis, look: &Look<'_>) -> Result<Call, Why> {
        if let Some(why) = look.blocked {
            return Err(why.clone());
        }
        if let Some(until) = self.stopped.filter(|until| at < *until) {
            return Err(Why::Stopped { until });
        }
        if let Some(until) = self.again.filter(|until| at < *until) {
            return Err(Why::BacksOff { until });
        }
        let now = look.told.map_err(|silence| match silence {
            Silence::Changing => Why::Changing,
            Silence::Reason(name) => Why::Silent(name.to_owned()),
        })?;
        let green = self.green.filter(|green| green.stage == now.stage).ok_or(Why::Changing)?;
        let greens = own(look).ok_or(Why::PlanUnknown)?;
        let plans = *greens.get(green.stage).ok_or(Why::PlanUnknown)?;
        if !self.is_in_order() {
            return Err(Why::PlanUnknown);
        }
        if self.rests {
            return Err(Why::Rest);
        }
        if green.spent {
            return Err(Why::Spent);
        }
        let first = self.sent.len().checked_sub(ORDERS_OWN_MAX).and_then(|nth| self.sent.get(nth));
        if let Some(first) = first {
            return Err(Why::Rate { until: *first + ORDERS_WINDOW });
        }
        if self.steady < STEADY {
            return Err(Why::Content);
        }
        if now.wants == green.stage {
            self.hold(at, look, &greens, green)
        } else if now.wants == look.plan.after(green.stage) {
            self.next(at, look, plans, green)
        } else {
            Err(Why::OtherStage)
        }
    }

    fn hold(&self, at: UtcMillis, look: &Look<'_>, greens: &[DurationMs], green: Green) -> Result<Call, Why> {
        let (Some(stage), Some(plans)) = (look.plan.stages.get(green.stage), greens.get(green.stage)) else {
            return Err(Why::PlanUnknown);
        };
        let left = (green.since + *plans).since(at);
        if is_early(at, look, green) || !(LATE..=self.bounds.ahead).contains(&left) {
            return Err(Why::Content);
        }
        if !stage.greens.and(&look.full).is_empty() {
            return Err(Why::Full);
        }
        // A controller that stood still goes on where it stood: what it had left of the green then comes on top.
        let most = green.since + (*plans + self.bounds.stretch_max).min(stage.green_max);
        let latest = room::latest_end(&self.bounds, (look, at), greens, green.stage);
        let end = latest.map_or(most, |latest| latest.min(most));
        let hold = (end - self.bounds.ahead).since(at);
        if hold < left + WORTH {
            return Err(if end < most { Why::LongestWait } else { Why::Content });
        }
        Ok(Call::Green {
            kind: Kind::Hold,
            stage: green.stage,
            groups: stage.greens,
            from: stage.greens,
            called: at,
            hold,
            patience: DurationMs(0),
            plans: *plans,
        })
    }

    fn next(&self, at: UtcMillis, look: &Look<'_>, plans: DurationMs, green: Green) -> Result<Call, Why> {
        let index = look.plan.after(green.stage);
        let (Some(shown), Some(next)) = (look.plan.stages.get(green.stage), look.plan.stages.get(index))
        else {
            return Err(Why::PlanUnknown);
        };
        let age = at.since(green.since);
        let least = |groups: &GroupSet| {
            let times = groups.iter().filter_map(|group| look.layout.group(group));
            times.map(|times| times.green_min).max().unwrap_or_default()
        };
        let shortest = shown.green_min.max(least(&shown.greens)).max(plans - self.bounds.shorten_max);
        if age < shortest || plans - age <= self.bounds.ahead {
            return Err(Why::Content);
        }
        if !next.greens.and(&look.full).is_empty() {
            return Err(Why::Full);
        }
        let change = look.layout.change_time(&shown.greens, &next.greens);
        let hold = room::walk(look, &next.greens) + change + SETTLE.min(least(&next.greens));
        if !room::may_wait(&self.bounds, (look, at), &next.greens, at + hold) {
            return Err(Why::LongestWait);
        }
        let patience = PATIENCE.min(hold);
        Ok(Call::Green {
            kind: Kind::Next,
            stage: index,
            groups: next.greens,
            from: shown.greens,
            called: at,
            hold,
            patience,
            plans,
        })
    }
}

/// The plan's own greens, when all are known.
fn own(look: &Look<'_>) -> Option<Vec<DurationMs>> {
    look.greens.iter().copied().collect()
}
