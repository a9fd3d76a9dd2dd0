//! What adaptive control would do at a junction, and why it cannot say.

use models_domain::JunctionId;
use models_domain::signal::GroupSet;
use models_domain::signal::advice::Why as Lamps;
use models_wire::v1;

use crate::hall::Hall;
use crate::signals::advice::{Past, Told, Why};

pub fn get(hall: &Hall, junction: &JunctionId) -> v1::GetAdviceResponse {
    v1::GetAdviceResponse { advice: hall.advices.told(junction).map(|told| advice(&told)) }
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
        Why::Failed { approach, detector, fault } => v1::SignalAdvice {
            r#where: approach.clone(),
            detail: fault.clone(),
            detector: u32::from(*detector),
            ..said
        },
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
