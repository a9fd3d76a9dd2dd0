//! What is to be ordered so that a junction follows its timetable, and what keeps it from being ordered. Pure: what stands and
//! what became of earlier orders comes in. Safety judges each order as any other.

use super::{Step, Timetable};
use crate::signal::order::Wanted;
use crate::units::{DurationMs, UtcMillis};

/// One order lasts for at most so long, and is made again so long before it ends.
pub const HOLD: DurationMs = DurationMs(3_600_000);
pub const RENEW: DurationMs = DurationMs(120_000);
/// Beyond the end of its step, where another plan follows: that one takes its place, without the own plan between.
pub const OVERLAP: DurationMs = DurationMs(60_000);
/// A plan that must end sooner is not worth the change.
pub const WORTH: DurationMs = DurationMs(30_000);
/// After the first failure and at most, before it is tried again; twice as long after each.
const AGAIN: DurationMs = DurationMs(10_000);
const AGAIN_MAX: DurationMs = DurationMs(600_000);
/// A calendar's order that was to be over by now ends by itself this soon.
const ABOUT: DurationMs = DurationMs(5_000);

/// The newest order of a calendar in force at a junction; `plan`: `None` is the own plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mine {
    pub plan: Option<u8>,
    pub ends: UtcMillis,
}

/// What is to be done now, if nothing keeps it from being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    Nothing,
    Order {
        plan: u8,
        hold: DurationMs,
    },
    /// What a calendar ordered is not said by any calendar any more.
    OwnPlan,
}

/// `next`: the plan of the step after this one.
pub fn due(step: &Step, next: Option<u8>, mine: Option<Mine>, now: UtcMillis) -> Act {
    let Some(plan) = step.plan else {
        let left = mine.is_some_and(|mine| mine.plan.is_some() && mine.ends.since(now) > ABOUT);
        return if left { Act::OwnPlan } else { Act::Nothing };
    };
    let end = match (step.until, next) {
        (None, _) => now + HOLD,
        (Some(until), None) => until,
        (Some(until), Some(_)) => until + OVERLAP,
    };
    let ends = end.min(now + HOLD);
    let goes_on = mine.is_some_and(|mine| {
        mine.plan == Some(plan) && (mine.ends.since(now) > RENEW || ends.since(mine.ends) < WORTH)
    });
    let over = step.until.is_some_and(|until| until.since(now) < WORTH);
    if goes_on || over { Act::Nothing } else { Act::Order { plan, hold: ends.since(now) } }
}

/// Who ordered something of a junction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    Calendar,
    Person,
    /// An emergency vehicle's run, for a person; or the hall, for a late bus.
    Run,
}

/// An order that was sent, or that the hall refused, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Past {
    pub by: By,
    pub wanted: Wanted,
    pub at: UtcMillis,
    pub outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    Stood,
    /// Refused, unanswered, not shown, or ended before its time though nobody ordered anything else.
    Failed {
        at: UtcMillis,
        why: String,
    },
}

/// What keeps a calendar from ordering.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Pause {
    /// Its last orders failed.
    Failed { why: String, again: UtcMillis },
    /// A person took the junction back from it, until the next step.
    TakenBack { at: UtcMillis },
}

/// `past`: the junction's last orders, the newest first.
pub fn pause(timetable: &Timetable, past: &[Past], now: UtcMillis) -> Option<Pause> {
    let mut failures = 0_u32;
    let mut newest = None;
    for order in past {
        match (&order.outcome, order.by) {
            (Outcome::Failed { at, why }, By::Calendar) => {
                failures += 1;
                newest.get_or_insert((*at, why));
            }
            (Outcome::Stood, By::Calendar) | (_, By::Person | By::Run) => break,
        }
    }
    if let Some((at, why)) = newest {
        let wait = AGAIN.0 << (failures - 1).min(10);
        let again = at + DurationMs(wait.min(AGAIN_MAX.0));
        return (now < again).then(|| Pause::Failed { why: why.clone(), again });
    }
    // However often a person gave it back.
    let is_own = |order: &Past| order.by == By::Person && order.wanted == Wanted::OwnPlan;
    let (own, before) = (past.first()?, past.iter().find(|order| !is_own(order))?);
    let took_back = is_own(own) && before.by == By::Calendar;
    let this_step = timetable.step_at(own.at).until == timetable.step_at(now).until;
    (took_back && this_step).then_some(Pause::TakenBack { at: own.at })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::calendar::{Days, Entry, Weekday};

    const MIN: i64 = 60_000;

    fn at(minutes: i64) -> UtcMillis {
        UtcMillis(minutes * MIN)
    }

    fn hour(plan: u8, until: i64) -> Step {
        Step { entry: Some(0), plan: Some(plan), until: Some(at(until)) }
    }

    #[track_caller]
    fn check(step: Step, next: Option<u8>, mine: Option<(u8, i64)>, now: i64, want: &str) {
        let mine = mine.map(|(plan, ends)| Mine { plan: Some(plan), ends: at(ends) });
        let got = match due(&step, next, mine, at(now)) {
            Act::Nothing => "nothing".to_owned(),
            Act::Order { plan, hold } => format!("plan {plan} for {} s", hold.0 / 1_000),
            Act::OwnPlan => "own plan".to_owned(),
        };
        assert_eq!(got, want);
    }

    #[test]
    fn orders_follow_the_steps() {
        // Shorter than an order lasts: until its end, or just beyond it where another plan follows.
        check(hour(3, 120), None, None, 90, "plan 3 for 1800 s");
        check(hour(3, 120), Some(1), None, 90, "plan 3 for 1860 s");
        // Longer: an hour at a time, each before the last one ends, the rest in one.
        check(hour(3, 400), None, None, 90, "plan 3 for 3600 s");
        check(hour(3, 400), None, Some((3, 150)), 147, "nothing");
        check(hour(3, 400), None, Some((3, 150)), 148, "plan 3 for 3600 s");
        check(hour(3, 170), None, Some((3, 150)), 149, "plan 3 for 1260 s");
        check(Step { until: None, ..hour(3, 0) }, None, None, 90, "plan 3 for 3600 s");
        // The end of the step is the end of the order: nothing to renew.
        check(hour(3, 120), None, Some((3, 120)), 119, "nothing");
        check(hour(3, 120), Some(1), Some((3, 121)), 119, "nothing");
        // Another plan of the calendar still stands: it is followed by this one at once.
        check(hour(1, 400), None, Some((3, 121)), 120, "plan 1 for 3600 s");
        check(hour(1, 400), None, Some((3, 400)), 120, "plan 1 for 3600 s");
    }

    #[test]
    fn where_nothing_is_said_the_junction_chooses() {
        let nothing = Step { entry: None, plan: None, until: Some(at(400)) };
        check(nothing, Some(1), None, 90, "nothing");
        // Of a timetable that was changed meanwhile.
        check(nothing, Some(1), Some((3, 120)), 90, "own plan");
        let own = Mine { plan: None, ends: at(120) };
        assert_eq!(due(&nothing, Some(1), Some(own), at(90)), Act::Nothing);
        // Its own order ends right now.
        check(nothing, Some(1), Some((3, 90)), 90, "nothing");
    }

    #[test]
    fn a_plan_for_seconds_is_not_worth_it() {
        let late = UtcMillis(120 * MIN - 29_000);
        assert_eq!(due(&hour(3, 120), Some(1), None, late), Act::Nothing);
    }

    fn past(by: By, wanted: Wanted, minute: i64) -> Past {
        Past { by, wanted, at: at(minute), outcome: Outcome::Stood }
    }

    fn failed(minute: i64) -> Past {
        let outcome = Outcome::Failed { at: at(minute), why: "no".into() };
        Past { outcome, ..past(By::Calendar, Wanted::Plan(3), minute) }
    }

    /// Every day plan 3 from 1 to 2 o'clock, UTC.
    fn timetable() -> Timetable {
        use Weekday::{Friday, Monday, Saturday, Sunday, Thursday, Tuesday, Wednesday};
        let days = Days::Weekdays(vec![Monday, Tuesday, Wednesday, Thursday, Friday, Saturday, Sunday]);
        Timetable { entries: vec![Entry { days, from_min: 60, to_min: 120, plan: 3 }], ahead: DurationMs(0) }
    }

    fn paused(past: &[Past], now: UtcMillis) -> Option<Pause> {
        pause(&timetable(), past, now)
    }

    #[test]
    fn failures_are_tried_again_later_and_later() {
        let now = at(90);
        let again = |past: &[Past]| match paused(past, now) {
            Some(Pause::Failed { again, .. }) => again.since(at(90)).0 / 1_000,
            other => panic!("{other:?}"),
        };
        assert_eq!(again(&[failed(90)]), 10);
        assert_eq!(again(&[failed(90), failed(89), failed(88)]), 40);
        assert_eq!(again(&vec![failed(90); 40]), 600);
        assert_eq!(again(&vec![failed(90); 200]), 600);
        // One that stood, or somebody else's, and it begins anew.
        let stood = past(By::Calendar, Wanted::Plan(3), 80);
        assert_eq!(again(&[failed(90), stood, failed(70)]), 10);
        let person = past(By::Person, Wanted::Flash, 80);
        assert_eq!(again(&[failed(90), person.clone(), failed(70)]), 10);
        assert_eq!(paused(&[failed(89)], now), None);
        assert_eq!(paused(&[person, failed(89)], now), None);
        assert_eq!(paused(&[], now), None);
    }

    #[test]
    fn who_takes_a_junction_back_has_it_until_the_next_step() {
        let own = past(By::Person, Wanted::OwnPlan, 80);
        let mine = past(By::Calendar, Wanted::Plan(3), 61);
        let both = [own.clone(), mine.clone()];
        assert_eq!(paused(&both, at(90)), Some(Pause::TakenBack { at: at(80) }));
        assert_eq!(paused(&both, at(119)), Some(Pause::TakenBack { at: at(80) }));
        let twice = [past(By::Person, Wanted::OwnPlan, 81), own.clone(), mine.clone()];
        assert_eq!(paused(&twice, at(90)), Some(Pause::TakenBack { at: at(81) }));
        let tomorrow = 24 * 60;
        assert_eq!(paused(&both, at(tomorrow + 70)), None);
        // Who ends an order of one's own gives it back to the calendar; so does a run.
        let flash = past(By::Person, Wanted::Flash, 70);
        assert_eq!(paused(&[own.clone(), flash, mine.clone()], at(90)), None);
        assert_eq!(paused(&[past(By::Run, Wanted::OwnPlan, 80), mine.clone()], at(90)), None);
        // And who then orders something for a time.
        let plan = past(By::Person, Wanted::Plan(1), 85);
        assert_eq!(paused(&[plan, own, mine], at(90)), None);
    }
}
