//! One look at every junction that follows a calendar, and the order that is due.

use std::collections::BTreeMap;

use anyhow::Context;
use control_center_store::{ADAPTIVE, BUS_PRIORITY, CALENDAR, NewOrder, OrderRow, SENT, TAKEN, WAITING};
use futures_util::StreamExt;
use models_domain::event::Link;
use models_domain::signal::calendar::follow::{Act, By, Mine, Outcome, Past, Pause, due, pause};
use models_domain::signal::calendar::{Step, Timetable};
use models_domain::signal::emergency::{State, Stop};
use models_domain::signal::order::{PATIENCE_MAX, Wanted};
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::{Calendar, Known, Told, Why, both, ordered};
use crate::hall::Hall;
use crate::signals::hands::{Hands, hands};
use crate::signals::{adaptive, emergency, judge, send};

/// So many junctions are ordered at once.
const AT_ONCE: usize = 16;
/// Earlier orders of a junction that are looked at.
const BACK: u32 = 200;
/// What keeps a junction from being ordered is looked up in the store again after this, at the latest.
const LOOK_AGAIN: DurationMs = DurationMs(10_000);
/// So long a pole may try to bring a junction back.
const BACK_WITHIN: DurationMs = DurationMs(60_000);

/// One junction at one moment.
struct Turn<'a> {
    junction: JunctionId,
    calendar: Option<&'a Calendar>,
    step: Step,
    next: Option<u8>,
    /// The newest of a calendar in force, and of others.
    mine: Option<&'a OrderRow>,
    other: Option<&'a OrderRow>,
}

/// One look at every junction that follows a calendar, or has an order of one.
///
/// # Errors
/// When the store fails; what could not be written down was not sent.
pub async fn step(hall: &Hall) -> anyhow::Result<()> {
    let now = hall.clock.now();
    let in_force = hall.store.orders_in_force(now).await?;
    let turns = turns(hall, &in_force, now);
    if turns.is_empty() {
        hall.calendars.lock().clear();
        return Ok(());
    }
    let mut looks = Vec::new();
    for turn in turns {
        looks.push(look(hall, turn, now));
    }
    let looks: Vec<_> = futures_util::stream::iter(looks).buffer_unordered(AT_ONCE).collect().await;
    *hall.calendars.lock() = looks.into_iter().collect::<anyhow::Result<_>>()?;
    hall.calendars.log_waves();
    Ok(())
}

async fn look(hall: &Hall, turn: Turn<'_>, now: UtcMillis) -> anyhow::Result<(JunctionId, Known)> {
    let known = one(hall, &turn, now).await?;
    Ok((turn.junction, known))
}

fn turns<'a>(hall: &'a Hall, in_force: &'a [OrderRow], now: UtcMillis) -> Vec<Turn<'a>> {
    let newest = |junction: &JunctionId, of_calendar: bool| {
        // Once a junction is back on its own plan, that order keeps nobody from anything.
        let over = |row: &&OrderRow| row.order.wanted == Wanted::OwnPlan && row.state == "done";
        let rows = in_force.iter().filter(|row| row.order.junction == *junction && !over(row));
        // Adaptive control gives way to a calendar.
        let rows = rows.filter(|row| !adaptive::ordered(row));
        rows.filter(|row| ordered(row) == of_calendar).max_by_key(|row| row.id)
    };
    // Of a whole city that follows one calendar it is reckoned once.
    let mut steps = BTreeMap::new();
    let mut turn = |junction: JunctionId, calendar: Option<&'a Calendar>| {
        let nothing = (Step { entry: None, plan: None, until: None }, None);
        let (step, next) = calendar.map_or(nothing, |calendar| {
            let own = calendar.own.get_key_value(&junction).map(|(own, _)| own);
            let says = || both(calendar.timetable_of(&junction), now);
            *steps.entry((calendar.id.as_str(), own)).or_insert_with(says)
        });
        let (mine, other) = (newest(&junction, true), newest(&junction, false));
        Turn { junction, calendar, step, next, mine, other }
    };
    let mut turns = BTreeMap::new();
    for junction in hall.calendars.all.iter().flat_map(|calendar| &calendar.junctions) {
        turns.insert(junction.clone(), turn(junction.clone(), hall.calendars.of(junction, &[])));
    }
    if hall.calendars.all.iter().any(|calendar| !calendar.areas.is_empty()) {
        for junction in hall.view.junctions() {
            let calendar = hall.calendars.of(&junction, &hall.place(&junction).areas);
            if calendar.is_some() {
                turns.insert(junction.clone(), turn(junction, calendar));
            }
        }
    }
    // Ordered by a calendar that does not say anything of it any more.
    for row in in_force.iter().filter(|row| ordered(row)) {
        let junction = &row.order.junction;
        if !turns.contains_key(junction) {
            turns.insert(junction.clone(), turn(junction.clone(), None));
        }
    }
    turns.into_values().collect()
}

async fn one(hall: &Hall, turn: &Turn<'_>, now: UtcMillis) -> anyhow::Result<Known> {
    let mine = turn.mine.and_then(|row| Some(Mine { plan: plan_of(&row.order.wanted), ends: row.ends? }));
    let act = due(&turn.step, turn.next, mine, now);
    let known = |told| Known { told, good: now };
    if act == Act::Nothing && turn.step.plan.is_none() {
        return Ok(known(Told::Followed));
    }
    if let Some(why) = stands(hall, turn).or_else(|| out_of_reach(hall, turn)) {
        return Ok(known(Told::Not(why)));
    }
    let agrees = turn.mine.filter(|_| mine.is_some_and(|mine| mine.plan == turn.step.plan));
    let (wanted, hold) = match act {
        Act::Nothing => return Ok(known(agrees.map_or(Told::Not(Why::Shortly), |row| shown(hall, row)))),
        Act::Order { plan, hold } => (Wanted::Plan(plan), hold),
        Act::OwnPlan => (Wanted::OwnPlan, BACK_WITHIN),
    };
    if let Some(kept) = keeps(hall, turn, now).await? {
        // One that is to be made again still stands.
        return Ok(agrees.map_or(kept, |row| known(shown(hall, row))));
    }
    let good = now + LOOK_AGAIN;
    let told = match order(hall, turn, wanted, hold).await? {
        Some(row) if matches!(row.state.as_str(), SENT | TAKEN | "done") => Told::UnderWay,
        Some(row) => Told::Not(Why::Failed { why: detail(&row), again: good }),
        None => Told::Not(Why::NotOrderable),
    };
    Ok(Known { told, good })
}

/// Of an order in force, whether the controller does it.
fn shown(hall: &Hall, row: &OrderRow) -> Told {
    if row.state != "done" {
        return Told::UnderWay;
    }
    let plan = hall.view.junction(&row.order.junction).and_then(|known| known.info.now.plan);
    match (plan, plan_of(&row.order.wanted)) {
        (Some(shown), Some(wanted)) if shown != wanted => Told::Not(Why::Shows { plan: shown }),
        (Some(_) | None, Some(_) | None) => Told::Followed,
    }
}

fn plan_of(wanted: &Wanted) -> Option<u8> {
    match wanted {
        Wanted::Plan(plan) => Some(*plan),
        Wanted::Groups(_) | Wanted::Flash | Wanted::Dark | Wanted::AllRed | Wanted::OwnPlan => None,
    }
}

/// What others do with the junction, that comes before any calendar.
fn stands(hall: &Hall, turn: &Turn<'_>) -> Option<Why> {
    if let Some(row) = turn.other {
        let until = row.ends.unwrap_or(row.state_at);
        return Some(Why::OtherOrder { by: row.order.asked_by.clone(), until });
    }
    let runs = hall.emergencies.all().into_iter().filter(|run| run.ended.is_none());
    let passes = |stop: &Stop| stop.junction == turn.junction && !matches!(stop.state, State::Left { .. });
    let mut through = runs.filter(|run| run.run.stops.iter().any(passes));
    through.next().map(|run| Why::Emergency { id: run.id })
}

fn out_of_reach(hall: &Hall, turn: &Turn<'_>) -> Option<Why> {
    let Some(known) = hall.view.junction(&turn.junction) else { return Some(Why::NotHeardOf) };
    if known.info.can.is_none() {
        return Some(Why::NotOrderable);
    }
    if !hall.view.is_alive(&known.gateway) {
        return Some(Why::GatewayAway);
    }
    if known.info.state.link != Link::Up {
        return Some(Why::LinkDown);
    }
    if !known.info.ending.is_empty() {
        return Some(Why::Shortly);
    }
    // An order of a machine, for the own plan too, tells the controller its mode.
    (hands(known.info.aggregated.as_ref(), &known.info.now) == Hands::Cabinet).then_some(Why::AtCabinet)
}

/// What keeps an order that is due from being made now.
async fn keeps(hall: &Hall, turn: &Turn<'_>, now: UtcMillis) -> anyhow::Result<Option<Known>> {
    let nothing = Timetable { entries: Vec::new(), ahead: DurationMs(0) };
    let timetable = turn.calendar.map_or(&nothing, |calendar| calendar.timetable_of(&turn.junction));
    let before = hall.calendars.lock().get(&turn.junction).cloned();
    let kept = |why: &Why| matches!(why, Why::Failed { .. } | Why::TakenBack { .. });
    if let Some(before) = before
        && now < before.good
        && matches!(&before.told, Told::Not(why) if kept(why))
    {
        return Ok(Some(before));
    }
    let rows = hall.store.orders_but_adaptive(&turn.junction, BACK).await?;
    let past: Vec<Past> = rows.iter().filter_map(past).collect();
    let latest = turn.step.until.unwrap_or(now + LOOK_AGAIN).min(now + LOOK_AGAIN);
    Ok(pause(timetable, &past, now).map(|pause| match pause {
        Pause::Failed { why, again } => {
            Known { told: Told::Not(Why::Failed { why, again }), good: again.min(latest) }
        }
        Pause::TakenBack { at } => Known { told: Told::Not(Why::TakenBack { at }), good: latest },
    }))
}

fn past(row: &OrderRow) -> Option<Past> {
    let by = match &row.order {
        order if order.asked_by.starts_with(CALENDAR) => By::Calendar,
        // A moment's green for a bus, or of adaptive control, says nothing of who wants what here.
        order if order.asked_by.starts_with(BUS_PRIORITY) || order.asked_by.starts_with(ADAPTIVE) => {
            return None;
        }
        order if emergency::is_run(&order.purpose) => By::Run,
        _ => By::Person,
    };
    let early = matches!(row.state.as_str(), "ending" | "ended")
        && matches!(row.detail.as_str(), "link_loss" | "restart" | "not_shown");
    let failed = early || matches!(row.state.as_str(), "refused" | "silent" | "otherwise");
    let outcome =
        if failed { Outcome::Failed { at: row.state_at, why: detail(row) } } else { Outcome::Stood };
    // What a person never sent says nothing.
    let at = row.sent.or((by == By::Calendar).then_some(row.asked))?;
    Some(Past { by, wanted: row.order.wanted.clone(), at, outcome })
}

fn detail(row: &OrderRow) -> String {
    if row.detail.is_empty() { row.state.clone() } else { row.detail.clone() }
}

/// `None`: nothing may be ordered there.
async fn order(
    hall: &Hall,
    turn: &Turn<'_>,
    wanted: Wanted,
    hold: DurationMs,
) -> anyhow::Result<Option<OrderRow>> {
    let Some(judged) = judge(hall, &turn.junction, &wanted, hold).await? else { return Ok(None) };
    let new = NewOrder {
        gateway: judged.junction.gateway.clone(),
        junction: turn.junction.clone(),
        wanted,
        hold,
        patience: PATIENCE_MAX,
        purpose: purpose(turn),
        asked_by: turn.calendar.map_or_else(|| CALENDAR.to_owned(), Calendar::orderer),
    };
    let id = hall.store.ask_order(&new, hall.clock.now()).await?;
    let read = async || hall.store.order(id).await?.context("an order that was written down is not there");
    let row = read().await?;
    let why = if let Some(against) = judged.why_not(PATIENCE_MAX) {
        against
    } else if let Some(sent) = send(hall, &row, None, None).await? {
        return Ok(Some(sent));
    } else {
        "somebody ordered something else meanwhile".to_owned()
    };
    let refused = (WAITING, "refused");
    hall.store.move_order(&row, refused, &new.asked_by, &why, hall.clock.now()).await?;
    read().await.map(Some)
}

/// Which entry it is for, for the record.
fn purpose(turn: &Turn<'_>) -> String {
    let entry = turn.calendar.zip(turn.step.entry).map(|(calendar, index)| {
        let times = calendar.timetable.entries[index].times();
        format!("{}: entry {}, {times}", calendar.name, index + 1)
    });
    entry.unwrap_or_else(|| "no entry of a calendar holds any more".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(by: &str, purpose: &str, (state, detail): (&str, &str), sent: Option<i64>) -> OrderRow {
        let order = NewOrder {
            gateway: "g".parse().unwrap(),
            junction: "j".parse().unwrap(),
            wanted: Wanted::Plan(2),
            hold: DurationMs(1_000),
            patience: DurationMs(0),
            purpose: purpose.into(),
            asked_by: by.into(),
        };
        OrderRow {
            id: 1,
            order,
            asked: UtcMillis(1),
            approved_by: None,
            number: None,
            sent: sent.map(UtcMillis),
            ends: None,
            state: state.into(),
            detail: detail.into(),
            state_at: UtcMillis(9),
        }
    }

    #[test]
    fn what_became_of_orders() {
        let check = |row: OrderRow, want: Option<(By, i64, Option<&str>)>| {
            let got = past(&row).map(|past| {
                let why = match past.outcome {
                    Outcome::Stood => None,
                    Outcome::Failed { at, why } => Some((at, why)),
                };
                (past.by, past.at.0, why)
            });
            let want = want.map(|(by, at, why)| (by, at, why.map(|why| (UtcMillis(9), why.to_owned()))));
            assert_eq!(got, want);
        };
        let c = "calendar:c";
        check(row(c, "", ("done", "mode normal"), Some(5)), Some((By::Calendar, 5, None)));
        check(row(c, "", ("ended", "expiry"), Some(5)), Some((By::Calendar, 5, None)));
        check(row(c, "", ("ended", "order"), Some(5)), Some((By::Calendar, 5, None)));
        check(row(c, "", ("ended", "restart"), Some(5)), Some((By::Calendar, 5, Some("restart"))));
        check(row(c, "", ("silent", ""), Some(5)), Some((By::Calendar, 5, Some("silent"))));
        check(row(c, "", ("refused", "no plan 9"), None), Some((By::Calendar, 1, Some("no plan 9"))));
        check(row("lan", "x", ("done", ""), Some(5)), Some((By::Person, 5, None)));
        check(row("lan", "x", ("declined", ""), None), None);
        check(row("lan", "emergency 7: x", ("done", ""), Some(5)), Some((By::Run, 5, None)));
        check(row("bus_priority:b", "bus 1", ("done", ""), Some(5)), None);
        check(row("adaptive:j", "hold stage 1", ("done", ""), Some(5)), None);
    }
}
