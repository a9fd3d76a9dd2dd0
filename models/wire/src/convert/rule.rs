//! Phases and measures of rule events <-> `ngatu.v1`.

use models_domain::event::{Phase, Way};
use models_domain::{Measure, MeasureKind};

use super::BadMessage;
use crate::v1;

pub fn phase_to_wire(phase: Phase) -> v1::RulePhase {
    match phase {
        Phase::Moment => v1::RulePhase::Moment,
        Phase::Begun => v1::RulePhase::Begun,
        Phase::Ended => v1::RulePhase::Ended,
        Phase::Figure => v1::RulePhase::Figure,
    }
}

pub fn phase_from_wire(value: i32) -> Result<Phase, BadMessage> {
    match v1::RulePhase::try_from(value) {
        Ok(v1::RulePhase::Unspecified | v1::RulePhase::Moment) => Ok(Phase::Moment),
        Ok(v1::RulePhase::Begun) => Ok(Phase::Begun),
        Ok(v1::RulePhase::Ended) => Ok(Phase::Ended),
        Ok(v1::RulePhase::Figure) => Ok(Phase::Figure),
        Err(_) => Err(BadMessage::new("rule.phase", format!("{value} is not known"))),
    }
}

pub fn way_from_wire(from: Option<String>, to: Option<String>) -> Result<Option<Way>, BadMessage> {
    match (from, to) {
        (Some(from), Some(to)) => Ok(Some(Way { from, to })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(BadMessage::new("rule.way_to", "is missing beside way_from")),
        (None, Some(_)) => Err(BadMessage::new("rule.way_from", "is missing beside way_to")),
    }
}

pub fn measure_to_wire(measure: &Measure) -> v1::Measure {
    v1::Measure { what: kind_to_wire(measure.what).into(), value: measure.value }
}

pub fn measure_from_wire(m: &v1::Measure) -> Result<Measure, BadMessage> {
    let known = |kind: &&MeasureKind| i32::from(kind_to_wire(**kind)) == m.what;
    let what = MeasureKind::ALL.iter().find(known);
    let what =
        what.ok_or_else(|| BadMessage::new("rule.measures.what", format!("{} is not known", m.what)))?;
    if !m.value.is_finite() {
        return Err(BadMessage::new("rule.measures.value", format!("{} is no number", m.value)));
    }
    Ok(what.of(m.value))
}

fn kind_to_wire(what: MeasureKind) -> v1::MeasureKind {
    match what {
        MeasureKind::Vehicles => v1::MeasureKind::Vehicles,
        MeasureKind::Pcu => v1::MeasureKind::Pcu,
        MeasureKind::Persons => v1::MeasureKind::Persons,
        MeasureKind::OccupancyPercent => v1::MeasureKind::OccupancyPercent,
        MeasureKind::QueueMeters => v1::MeasureKind::QueueM,
        MeasureKind::DensityPcuPerKmLane => v1::MeasureKind::DensityPcuPerKmLane,
        MeasureKind::DensityPersonsPerM2 => v1::MeasureKind::DensityPersonsPerM2,
        MeasureKind::SpeedMps => v1::MeasureKind::SpeedMps,
        MeasureKind::SpeedUncertaintyMps => v1::MeasureKind::SpeedUncertaintyMps,
        MeasureKind::SpeedLimitMps => v1::MeasureKind::SpeedLimitMps,
        MeasureKind::LevelOfService => v1::MeasureKind::LevelOfService,
        MeasureKind::ShiftPercent => v1::MeasureKind::ShiftPercent,
        MeasureKind::DetailPercent => v1::MeasureKind::DetailPercent,
        MeasureKind::Luma => v1::MeasureKind::Luma,
        MeasureKind::RanRed => v1::MeasureKind::RanRed,
        MeasureKind::RedWithinError => v1::MeasureKind::RedWithinError,
        MeasureKind::RedUnproven => v1::MeasureKind::RedUnproven,
    }
}
