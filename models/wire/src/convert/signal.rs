//! Orders for junctions, their layout and what becomes of them <-> protobuf.

use models_domain::signal::order::{ControllerNow, Mode, Order, OrderTold, Orderable, Step, Wanted};
use models_domain::signal::plan::{Group, GroupKind, Layout, Limits};
use models_domain::signal::safety::Refusal;
use models_domain::signal::{Change, Cycle, GroupSet, Until};
use models_domain::{DurationMs, JunctionId, UtcMillis};

use super::BadMessage;
use super::event::id;
use crate::v1;

pub fn wanted_to_wire(wanted: &Wanted) -> v1::SignalWanted {
    let (wish, plan, groups) = match wanted {
        Wanted::Plan(plan) => (v1::SignalWish::Plan, u32::from(*plan), GroupSet::EMPTY),
        Wanted::Groups(groups) => (v1::SignalWish::Groups, 0, *groups),
        Wanted::Flash => (v1::SignalWish::Flash, 0, GroupSet::EMPTY),
        Wanted::Dark => (v1::SignalWish::Dark, 0, GroupSet::EMPTY),
        Wanted::AllRed => (v1::SignalWish::AllRed, 0, GroupSet::EMPTY),
        Wanted::OwnPlan => (v1::SignalWish::OwnPlan, 0, GroupSet::EMPTY),
    };
    v1::SignalWanted { wish: wish.into(), plan, groups: groups.iter().map(number).collect() }
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn wanted_from_wire(wanted: Option<&v1::SignalWanted>) -> Result<Wanted, BadMessage> {
    let wanted = wanted.ok_or_else(|| BadMessage::new("wanted", "is missing"))?;
    Ok(match wanted.wish() {
        v1::SignalWish::Plan => match u8::try_from(wanted.plan) {
            Ok(plan) if plan > 0 => Wanted::Plan(plan),
            Ok(_) | Err(_) => {
                return Err(BadMessage::new("wanted.plan", format!("{} is outside 1..=255", wanted.plan)));
            }
        },
        v1::SignalWish::Groups => {
            let index = |number: &u32| {
                number
                    .checked_sub(1)
                    .and_then(|index| u8::try_from(index).ok())
                    .ok_or_else(|| BadMessage::new("wanted.groups", format!("{number} is outside 1..=256")))
            };
            Wanted::Groups(wanted.groups.iter().map(index).collect::<Result<_, _>>()?)
        }
        v1::SignalWish::Flash => Wanted::Flash,
        v1::SignalWish::Dark => Wanted::Dark,
        v1::SignalWish::AllRed => Wanted::AllRed,
        v1::SignalWish::OwnPlan => Wanted::OwnPlan,
        v1::SignalWish::Unspecified => {
            return Err(BadMessage::new("wanted.wish", format!("{} is not known", wanted.wish)));
        }
    })
}

pub fn order_to_wire(junction: &JunctionId, order: &Order) -> v1::SignalOrder {
    v1::SignalOrder {
        number: order.number,
        junction: junction.to_string(),
        wanted: Some(wanted_to_wire(&order.wanted)),
        made_ms: order.made_at.0,
        expires_ms: order.expires_at.0,
        patience_ms: order.patience.0,
    }
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn order_from_wire(m: v1::SignalOrder) -> Result<(JunctionId, Order), BadMessage> {
    let order = Order {
        number: m.number,
        wanted: wanted_from_wire(m.wanted.as_ref())?,
        made_at: UtcMillis(m.made_ms),
        expires_at: UtcMillis(m.expires_ms),
        patience: DurationMs(m.patience_ms),
    };
    Ok((id("junction", m.junction)?, order))
}

pub fn refusal_to_wire(refusal: &Refusal) -> v1::SignalRefusal {
    let (group, other, until) = match refusal {
        Refusal::Conflict { one, other } => (Some(*one), Some(*other), None),
        Refusal::MinimumGreen { group, until }
        | Refusal::MaximumRed { group, until }
        | Refusal::PedestrianClearance { group, until } => (Some(*group), None, Some(*until)),
        Refusal::NoSuchGroup { group } | Refusal::Changing { group } => (Some(*group), None, None),
        Refusal::TooManyChanges { .. }
        | Refusal::TooOld { .. }
        | Refusal::FromTheFuture { .. }
        | Refusal::NotSeen
        | Refusal::NoSuchPlan { .. }
        | Refusal::NoGroup
        | Refusal::Doubled { .. }
        | Refusal::TooLong { .. } => (None, None, None),
    };
    v1::SignalRefusal {
        code: refusal.name().to_owned(),
        group: group.map(number),
        other_group: other.map(number),
        until_ms: until.map(|until| until.0),
        too_early: refusal.may_wait(),
        text: refusal.to_string(),
    }
}

pub fn told_to_wire(junction: &JunctionId, told: &OrderTold) -> v1::SignalOrderTold {
    let step = match told.step {
        Step::Done => v1::SignalStep::Done,
        Step::Otherwise => v1::SignalStep::Otherwise,
        Step::Refused => v1::SignalStep::Refused,
        Step::Silent => v1::SignalStep::Silent,
        Step::Ended => v1::SignalStep::Ended,
        Step::Ending => v1::SignalStep::Ending,
    };
    v1::SignalOrderTold {
        junction: junction.to_string(),
        number: told.number,
        step: step.into(),
        detail: told.detail.clone(),
    }
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn told_from_wire(m: v1::SignalOrderTold) -> Result<(JunctionId, OrderTold), BadMessage> {
    let step = match m.step() {
        v1::SignalStep::Done => Step::Done,
        v1::SignalStep::Otherwise => Step::Otherwise,
        v1::SignalStep::Refused => Step::Refused,
        v1::SignalStep::Silent => Step::Silent,
        v1::SignalStep::Ended => Step::Ended,
        v1::SignalStep::Ending => Step::Ending,
        v1::SignalStep::Unspecified => {
            return Err(BadMessage::new("signal_order.step", format!("{} is not known", m.step)));
        }
    };
    Ok((id("signal_order.junction", m.junction)?, OrderTold { number: m.number, step, detail: m.detail }))
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn now_from_wire(m: &v1::SignalNow) -> Result<ControllerNow, BadMessage> {
    let plan = |plan: u32| u8::try_from(plan).map_err(|e| BadMessage::new("now.plan", e));
    Ok(ControllerNow {
        mode: match m.mode() {
            v1::SignalMode::Unspecified => None,
            v1::SignalMode::Normal => Some(Mode::Normal),
            v1::SignalMode::Flash => Some(Mode::Flash),
            v1::SignalMode::Dark => Some(Mode::Dark),
            v1::SignalMode::AllRed => Some(Mode::AllRed),
            v1::SignalMode::Manual => Some(Mode::Manual),
        },
        plan: m.plan.map(plan).transpose()?,
        plan_forced: m.plan_forced,
        clock_ahead: m.clock_ahead_ms.map(DurationMs),
        cycle: m.cycle_s.map(|second| Cycle { second, at: UtcMillis(m.cycle_ms) }),
        cycle_length_s: m.cycle_length_s,
    })
}

/// `order` and `ending` are the gateway's to fill in.
pub fn now_to_wire(now: &ControllerNow) -> v1::SignalNow {
    let mode = match now.mode {
        // The hall knows no more of the one than of the other.
        None | Some(Mode::Unknown) => v1::SignalMode::Unspecified,
        Some(Mode::Normal) => v1::SignalMode::Normal,
        Some(Mode::Flash) => v1::SignalMode::Flash,
        Some(Mode::Dark) => v1::SignalMode::Dark,
        Some(Mode::AllRed) => v1::SignalMode::AllRed,
        Some(Mode::Manual) => v1::SignalMode::Manual,
    };
    v1::SignalNow {
        mode: mode.into(),
        plan: now.plan.map(u32::from),
        plan_forced: now.plan_forced,
        clock_ahead_ms: now.clock_ahead.map(|ahead| ahead.0),
        order: 0,
        ending: String::new(),
        cycle_s: now.cycle.map(|cycle| cycle.second),
        cycle_ms: now.cycle.map_or(0, |cycle| cycle.at.0),
        cycle_length_s: now.cycle_length_s,
    }
}

pub fn layout_to_wire(can: &Orderable) -> v1::SignalLayout {
    let group = |group: &Group| v1::SignalGroupTimes {
        on_foot: group.kind == GroupKind::Pedestrian,
        green_min_ms: group.green_min.0,
        clearance_ms: group.clearance.0,
        red_max_ms: group.red_max.0,
    };
    let conflict = |(ending, beginning, time): (u8, u8, DurationMs)| v1::SignalConflict {
        ending: number(ending),
        beginning: number(beginning),
        intergreen_ms: time.0,
    };
    v1::SignalLayout {
        groups: can.layout.groups.iter().map(group).collect(),
        conflicts: can.layout.intergreens().map(conflict).collect(),
        plans: can.plans.iter().map(|plan| u32::from(*plan)).collect(),
        all_red: can.all_red,
    }
}

/// `None` where nothing may be ordered.
///
/// # Errors
/// [`BadMessage`] when it is no layout that safety could hold anything to.
pub fn layout_from_wire(m: Option<&v1::SignalLayout>) -> Result<Option<Orderable>, BadMessage> {
    let Some(m) = m.filter(|m| !m.groups.is_empty()) else { return Ok(None) };
    let group = |m: &v1::SignalGroupTimes| Group {
        kind: if m.on_foot { GroupKind::Pedestrian } else { GroupKind::Vehicle },
        green_min: DurationMs(m.green_min_ms),
        clearance: DurationMs(m.clearance_ms),
        red_max: DurationMs(m.red_max_ms),
    };
    let mut layout = Layout::new(m.groups.iter().map(group).collect(), Limits::default());
    for conflict in &m.conflicts {
        let index = |number: u32| number.checked_sub(1).and_then(|index| u8::try_from(index).ok());
        let (Some(ending), Some(beginning)) = (index(conflict.ending), index(conflict.beginning)) else {
            return Err(BadMessage::new("layout.conflicts", "a group is outside 1..=256"));
        };
        layout.set_intergreen(ending, beginning, DurationMs(conflict.intergreen_ms));
    }
    let problems = layout.problems();
    if !problems.is_empty() {
        return Err(BadMessage::new("layout", problems.join("; ")));
    }
    let plans = m.plans.iter().filter_map(|plan| u8::try_from(*plan).ok()).collect();
    Ok(Some(Orderable { layout, plans, all_red: m.all_red }))
}

/// Empty when nothing is known of any group.
pub fn changes_to_wire(changes: &[Option<Change>]) -> Vec<v1::GroupChange> {
    if changes.iter().all(Option::is_none) {
        return Vec::new();
    }
    let ms = |at: Option<UtcMillis>| at.map_or(0, |at| at.0);
    let change = |change: &Option<Change>| {
        change.map_or_else(v1::GroupChange::default, |change| v1::GroupChange {
            earliest_ms: change.earliest.0,
            latest_ms: ms(change.latest),
            likely_ms: ms(change.likely),
            until_red: change.until == Until::Red,
        })
    };
    changes.iter().map(change).collect()
}

pub fn changes_from_wire(changes: &[v1::GroupChange]) -> Vec<Option<Change>> {
    let at = |ms: i64| (ms != 0).then_some(UtcMillis(ms));
    let change = |m: &v1::GroupChange| {
        let until = if m.until_red { Until::Red } else { Until::Change };
        let earliest = at(m.earliest_ms)?;
        Some(Change { earliest, latest: at(m.latest_ms), likely: at(m.likely_ms), until })
    };
    changes.iter().map(change).collect()
}

/// As people and controllers number groups.
fn number(group: u8) -> u32 {
    u32::from(group) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_and_what_becomes_of_them_round_trip() {
        let junction: JunctionId = "kim-ma".parse().unwrap();
        let groups: GroupSet = [0, 255].into_iter().collect();
        for wanted in [
            Wanted::Plan(255),
            Wanted::Groups(groups),
            Wanted::Flash,
            Wanted::Dark,
            Wanted::AllRed,
            Wanted::OwnPlan,
        ] {
            let order = Order {
                number: 9,
                wanted,
                made_at: UtcMillis(1),
                expires_at: UtcMillis(2),
                patience: DurationMs(3),
            };
            let back = order_from_wire(order_to_wire(&junction, &order)).unwrap();
            assert_eq!(back, (junction.clone(), order));
        }
        for step in Step::ALL {
            let told = OrderTold { number: 9, step, detail: "x".into() };
            assert_eq!(told_from_wire(told_to_wire(&junction, &told)).unwrap(), (junction.clone(), told));
        }
    }

    #[test]
    fn too_early_is_what_a_pole_waits_for() {
        let until = UtcMillis(9);
        let early = |refusal: Refusal| refusal_to_wire(&refusal).too_early;
        assert!(early(Refusal::MinimumGreen { group: 0, until }) && early(Refusal::Changing { group: 0 }));
        assert!(!early(Refusal::MaximumRed { group: 0, until }));
        assert!(!early(Refusal::TooManyChanges { changes: 6, window: DurationMs(60_000) }));
    }

    #[test]
    fn a_layout_round_trips_and_a_bad_one_is_refused() {
        let group = Group {
            kind: GroupKind::Vehicle,
            green_min: DurationMs(5_000),
            clearance: DurationMs(3_000),
            red_max: DurationMs(9),
        };
        let mut layout =
            Layout::new(vec![group, Group { kind: GroupKind::Pedestrian, ..group }], Limits::default());
        layout.set_intergreen(0, 1, DurationMs(5_000));
        let can = Orderable { layout, plans: vec![1, 2], all_red: true };
        let mut wire = layout_to_wire(&can);
        assert_eq!(layout_from_wire(Some(&wire)).unwrap(), Some(can));
        assert_eq!(layout_from_wire(Some(&v1::SignalLayout::default())).unwrap(), None);
        wire.groups[0].green_min_ms = 0;
        assert!(layout_from_wire(Some(&wire)).is_err());
    }

    #[test]
    fn a_mode_round_trips() {
        let told = [Mode::Normal, Mode::Flash, Mode::Dark, Mode::AllRed, Mode::Manual].map(Some);
        for mode in told.into_iter().chain([None]) {
            let now = ControllerNow { mode, plan: Some(2), ..ControllerNow::default() };
            let back = now_from_wire(&now_to_wire(&now)).unwrap();
            assert_eq!((back.mode, back.plan), (mode, Some(2)));
        }
        let unknown = ControllerNow { mode: Some(Mode::Unknown), ..ControllerNow::default() };
        assert_eq!(now_from_wire(&now_to_wire(&unknown)).unwrap().mode, None);
    }

    #[test]
    fn times_of_change_round_trip() {
        let at = |ms| Some(UtcMillis(ms));
        let told = vec![
            Some(Change { earliest: UtcMillis(5), latest: at(9), likely: None, until: Until::Change }),
            None,
            Some(Change { earliest: UtcMillis(7), latest: None, likely: at(8), until: Until::Red }),
        ];
        assert_eq!(changes_from_wire(&changes_to_wire(&told)), told);
        assert_eq!(changes_to_wire(&[None, None]), []);
    }

    #[test]
    fn what_cannot_be_ordered_is_named() {
        let wish = |wish: v1::SignalWish, plan, groups: &[u32]| {
            let m = v1::SignalWanted { wish: wish.into(), plan, groups: groups.to_vec() };
            wanted_from_wire(Some(&m)).unwrap_err().to_string()
        };
        assert_eq!(wish(v1::SignalWish::Plan, 0, &[]), "wanted.plan: 0 is outside 1..=255");
        assert_eq!(wish(v1::SignalWish::Groups, 0, &[1, 0]), "wanted.groups: 0 is outside 1..=256");
        assert_eq!(wish(v1::SignalWish::Unspecified, 0, &[]), "wanted.wish: 0 is not known");
        assert_eq!(wanted_from_wire(None).unwrap_err().to_string(), "wanted: is missing");
    }
}
