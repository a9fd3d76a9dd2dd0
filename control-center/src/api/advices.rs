//! What adaptive control would do at a junction, and why it cannot say; what it orders where it may, and why nothing.

use models_domain::JunctionId;
use models_domain::signal::GroupSet;
use models_domain::signal::advice::Why as Lamps;
use models_domain::signal::advice::steer::{Back, Kind, State};
use models_wire::v1;

use crate::hall::Hall;
use crate::signals::adaptive;
use crate::signals::advice::{Past, Told, Why};
use crate::signals::trust::Untrusted;

pub fn get(hall: &Hall, junction: &JunctionId) -> v1::GetAdviceResponse {
    let told = hall.advices.told(junction);
    let steering = hall.adaptives.told(junction);
    let advice = told.map(|told| {
        let stages = told.advised.setup.plan.stages.len();
        let steering = steering.map(|told| steers(&told, stages));
        v1::SignalAdvice { steering, ..advice(&told) }
    });
    v1::GetAdviceResponse { advice }
}

/// Of so many stages.
fn steers(told: &adaptive::Told, stages: usize) -> v1::SignalSteering {
    let adaptive::Told { steer, greens } = told;
    let (bounds, tally) = (steer.bounds(), steer.tally());
    let stage = |index: usize| {
        let done = tally.by_stage.get(&index).copied().unwrap_or_default();
        v1::SignalSteeringStage {
            plan_ms: greens.get(index).copied().flatten().map_or(0, |green| green.0),
            held_ms: done.held.0,
            held_times: done.held_times,
            shortened_ms: done.shortened.0,
            shortened_times: done.shortened_times,
        }
    };
    let back =
        |(why, times): (&Back, &u32)| v1::SignalSteeringBack { why: why.name().to_owned(), times: *times };
    let said = v1::SignalSteering {
        orders: tally.orders,
        refusals: tally.refusals,
        backs: tally.backs.iter().map(back).collect(),
        stages: (0..stages).map(stage).collect(),
        stretch_max_ms: bounds.stretch_max.0,
        shorten_max_ms: bounds.shorten_max.0,
        ..v1::SignalSteering::default()
    };
    let number = |stage: usize| u32::try_from(stage + 1).unwrap_or(0);
    let kinds = |kind: Kind| match kind {
        Kind::Hold => "hold".to_owned(),
        Kind::Next => "next".to_owned(),
    };
    match steer.state() {
        State::Follows => {
            let (detail, until) = steer.why().detail();
            v1::SignalSteering {
                state: "follows".to_owned(),
                why: steer.why().name().to_owned(),
                detail: detail.to_owned(),
                why_ms: until.map_or(0, |until| until.0),
                ..said
            }
        }
        State::Calling { kind, stage } => {
            let (state, kind, stage) = ("calling".to_owned(), kinds(*kind), number(*stage));
            v1::SignalSteering { state, kind, stage, ..said }
        }
        State::Ordered { kind, stage, order, until } => {
            let (state, kind, stage) = ("ordered".to_owned(), kinds(*kind), number(*stage));
            v1::SignalSteering { state, kind, stage, order: *order, until_ms: until.0, ..said }
        }
        State::Back { order, until, why, .. } => {
            let (state, kind) = ("gives_back".to_owned(), why.name().to_owned());
            v1::SignalSteering { state, kind, order: *order, until_ms: until.0, ..said }
        }
    }
}

fn advice(told: &Told<'_>) -> v1::SignalAdvice {
    let plan = &told.advised.setup.plan;
    let forecast = told.forecast.as_deref();
    let stage = |(index, stage): (usize, &models_domain::signal::plan::Stage)| {
        let greens = forecast.and_then(|forecast| forecast.greens.get(index));
        v1::SignalAdviceStage {
            groups: numbers(&stage.greens),
            shown_ms: greens.map_or(0, |(shown, _)| shown.0),
            adaptive_ms: greens.and_then(|(_, then)| *then).map_or(0, |then| then.0),
        }
    };
    let now = told.now.as_ref().ok();
    let approach = |(index, approach): (usize, &models_domain::signal::advice::Approach)| {
        let flow = told.flows.as_ref().and_then(|flows| flows.get(index));
        let queue = now.and_then(|now| now.queues.get(index));
        v1::SignalAdviceApproach {
            name: approach.name.clone(),
            groups: numbers(&approach.lane.groups),
            per_hour: flow.map(|flow| flow * 3_600.0),
            queue: queue.map(|queue| u32::try_from(*queue).unwrap_or(u32::MAX)),
        }
    };
    let number = |stage: usize| u32::try_from(stage + 1).unwrap_or(0);
    let said = v1::SignalAdvice {
        stage: now.map_or(0, |now| number(now.stage)),
        age_ms: now.map_or(0, |now| now.age.0),
        wants: now.map_or(0, |now| number(now.wants)),
        stages: plan.stages.iter().enumerate().map(stage).collect(),
        approaches: told.advised.setup.approaches.iter().enumerate().map(approach).collect(),
        forecast_ms: forecast.and(told.forecast_at).map_or(0, |at| at.0),
        shown_s: forecast.map_or(0.0, |forecast| forecast.shown_s),
        adaptive_s: forecast.map_or(0.0, |forecast| forecast.adaptive_s),
        clear: forecast.is_some_and(|forecast| forecast.clear),
        past: told.past.iter().map(past).collect(),
        ..v1::SignalAdvice::default()
    };
    match &told.now {
        Ok(_) => said,
        Err(why) => with_reason(said, why),
    }
}

fn with_reason(said: v1::SignalAdvice, why: &Why) -> v1::SignalAdvice {
    let said = v1::SignalAdvice { why: why.name().to_owned(), ..said };
    match why {
        Why::Failed { approach, by: Untrusted::Detector { detector, fault } } => v1::SignalAdvice {
            r#where: approach.clone(),
            detail: fault.clone(),
            detector: u32::from(*detector),
            ..said
        },
        Why::Failed { approach, by: Untrusted::Camera { camera, fault } } => {
            v1::SignalAdvice { r#where: approach.clone(), detail: format!("{fault} {camera}"), ..said }
        }
        Why::Old { approach, by } => {
            v1::SignalAdvice { r#where: approach.clone(), detail: by.clone(), ..said }
        }
        Why::Misfit(problems) => v1::SignalAdvice { r#where: problems.join("; "), ..said },
        Why::NotNormal(mode) => v1::SignalAdvice { detail: mode.name().to_owned(), ..said },
        Why::Lamps(Lamps::WarmingUp { until }) => v1::SignalAdvice { why_ms: until.0, ..said },
        Why::Lamps(Lamps::NoSuchStage { greens }) => v1::SignalAdvice { detail: greens.to_string(), ..said },
        Why::NotHeardOf
        | Why::GatewayAway
        | Why::LinkDown
        | Why::NoLayout
        | Why::NotYet
        | Why::Lamps(Lamps::Changing | Lamps::NotSeen) => said,
    }
}

fn past(past: &Past) -> v1::SignalAdvicePast {
    let forecast = past.forecast.as_deref();
    v1::SignalAdvicePast {
        at_ms: past.at.0,
        why: if forecast.is_some() { String::new() } else { past.why.to_owned() },
        shown_s: forecast.map_or(0.0, |forecast| forecast.shown_s),
        adaptive_s: forecast.map_or(0.0, |forecast| forecast.adaptive_s),
        clear: forecast.is_some_and(|forecast| forecast.clear),
    }
}

fn numbers(groups: &GroupSet) -> Vec<u32> {
    groups.iter().map(|group| u32::from(group) + 1).collect()
}
