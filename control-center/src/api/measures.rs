//! `GetMeasures`: what rules measured, as series.

use control_center_store::{MeasureRow, Span};
use models_domain::MeasureKind;
use models_domain::UtcMillis;
use models_domain::event::Phase;
use models_wire::convert::event::class_to_wire;
use models_wire::convert::rule::{measure_to_wire, phase_to_wire};
use models_wire::v1;
use tonic::Status;

use super::internal;
use crate::hall::Hall;

/// Values an answer may have.
const VALUES_MAX: u32 = 50_000;

pub async fn measures(hall: &Hall, asked: v1::GetMeasuresRequest) -> Result<v1::GetMeasuresResponse, Status> {
    let to = if asked.to_ms == 0 { hall.clock.now().0.saturating_add(1) } else { asked.to_ms };
    if to <= asked.from_ms {
        return Err(Status::invalid_argument("to_ms must be after from_ms"));
    }
    let camera = (!asked.camera.is_empty()).then_some(asked.camera.as_str());
    let rule = (!asked.rule.is_empty()).then_some(asked.rule.as_str());
    let span = Span { from: UtcMillis(asked.from_ms), to: UtcMillis(to) };
    let rows = hall.store.measures(camera, rule, span, VALUES_MAX + 1).await.map_err(internal)?;
    if rows.len() > VALUES_MAX as usize {
        return Err(Status::invalid_argument(format!(
            "more than {VALUES_MAX} values; ask for one camera, one rule or a shorter time"
        )));
    }
    Ok(v1::GetMeasuresResponse { measured: rows.into_iter().filter_map(measured).collect() })
}

/// `None` for a value of a kind that this build does not know.
fn measured(row: MeasureRow) -> Option<v1::Measured> {
    let what = MeasureKind::ALL.into_iter().find(|kind| kind.name() == row.what)?;
    let phases = [Phase::Moment, Phase::Begun, Phase::Ended, Phase::Figure];
    let phase = phases.into_iter().find(|phase| phase.name() == row.phase)?;
    let (way_from, way_to) = row.way.unzip();
    let class = row.road_user.and_then(|name| name.parse().ok());
    Some(v1::Measured {
        camera: row.camera,
        rule: row.rule,
        phase: phase_to_wire(phase).into(),
        began_ms: row.began.0,
        at_ms: row.at.0,
        zone: row.zone,
        way_from,
        way_to,
        road_user: class.map(|class| class_to_wire(class).into()),
        measure: Some(measure_to_wire(&what.of(row.value))),
    })
}
