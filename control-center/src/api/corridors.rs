//! What signals showed: the history of a junction, and corridors; with these the ways of vehicles that must not wait.

use std::collections::BTreeSet;

use control_center_store::PlanRow;
use models_domain::signal::corridor::{self, Advice, Corridor, NoAdvice, Shown, Wave, Way, Window};
use models_domain::signal::route::{Pass, Route};
use models_domain::{DurationMs, JunctionId, UtcMillis};
use models_wire::v1;
use tonic::Status;

use super::internal;
use crate::hall::Hall;
use crate::signals::history::{self, Change};
use crate::signals::plans;

const HISTORY_MAX: DurationMs = DurationMs(24 * 3_600_000);
const CORRIDOR_MAX: DurationMs = DurationMs(3 * 3_600_000);
/// Offsets are advised from so much of the end of what was asked for: plans change with the time of day.
const ADVISED_FROM: DurationMs = DurationMs(20 * 60_000);

pub async fn history(
    hall: &Hall,
    junction: &JunctionId,
    from_ms: i64,
    to_ms: i64,
) -> Result<v1::GetSignalHistoryResponse, Status> {
    let window = window(from_ms, to_ms, HISTORY_MAX)?;
    let changes = history::changes(hall, junction, window).await.map_err(internal)?;
    let row =
        |Change { at, groups, cycle_s, stage }| v1::SignalChange { at_ms: at.0, groups, stage, cycle_s };
    Ok(v1::GetSignalHistoryResponse { changes: changes.into_iter().map(row).collect() })
}

pub fn list(hall: &Hall) -> v1::ListCorridorsResponse {
    let corridors = hall.corridors.iter().map(corridor_to_wire);
    v1::ListCorridorsResponse {
        corridors: corridors.chain(hall.emergency_routes.iter().map(route_to_wire)).collect(),
    }
}

pub async fn get(hall: &Hall, asked: &v1::GetCorridorRequest) -> Result<v1::GetCorridorResponse, Status> {
    let found = hall.corridors.iter().find(|corridor| corridor.id == asked.id);
    let corridor = found.ok_or_else(|| Status::not_found(format!("there is no corridor {:?}", asked.id)))?;
    let whole = window(asked.from_ms, asked.to_ms, CORRIDOR_MAX)?;
    let recent = Window { from: whole.from.max(whole.to - ADVISED_FROM), to: whole.to };
    let (mut changes, mut plans) = (Vec::new(), Vec::new());
    for place in &corridor.places {
        changes.push(history::changes(hall, &place.junction, whole).await.map_err(internal)?);
        plans.push(plans::ran(hall, &place.junction, whole).await.map_err(internal)?);
    }
    let corridor = corridor.clone();
    // A corridor of many junctions tries some ten thousand offsets: not on the runtime's own threads.
    let reckon = tokio::task::spawn_blocking(move || answer(&corridor, &changes, &plans, whole, recent));
    reckon.await.map_err(|broken| Status::internal(format!("reckoning a corridor: {broken}")))
}

fn answer(
    corridor: &Corridor,
    changes: &[Vec<Change>],
    plans: &[Vec<PlanRow>],
    whole: Window,
    recent: Window,
) -> v1::GetCorridorResponse {
    let shown = |window: Window| {
        [Way::Out, Way::Back].map(|way| {
            let group = |place: &corridor::Place| match way {
                Way::Out => place.out,
                Way::Back => place.back,
            };
            let places = corridor.places.iter().zip(changes);
            places.map(|(place, changes)| history::shown(changes, group(place), window)).collect::<Vec<_>>()
        })
    };
    let [out, back] = shown(whole);
    let wave = |way, shown: &[Shown]| {
        wave_to_wire(&corridor::wave(&corridor.crossings(way, shown.to_vec()), corridor.speed))
    };
    let (out_wave, back_wave) = (wave(Way::Out, &out), wave(Way::Back, &back));
    let [out_recent, back_recent] = shown(recent);
    let (advice, no_advice) = match corridor::advise(corridor, &out_recent, &back_recent) {
        Ok(advice) => (Some(advice_to_wire(&advice)), None),
        Err(why) => (None, Some(why_to_wire(&why))),
    };
    let ran = plans.iter().map(Vec::as_slice).zip(plans::offsets(plans, changes));
    v1::GetCorridorResponse {
        corridor: Some(corridor_to_wire(corridor)),
        shown: out.iter().zip(&back).zip(ran).map(|(shown, ran)| shown_to_wire(shown, ran)).collect(),
        out: Some(out_wave),
        back: Some(back_wave),
        advice,
        no_advice,
    }
}

#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn window(from_ms: i64, to_ms: i64, most: DurationMs) -> Result<Window, Status> {
    let length = to_ms.saturating_sub(from_ms);
    if from_ms < 0 || length <= 0 || length > most.0 {
        return Err(Status::invalid_argument(format!(
            "from_ms and to_ms: ask for more than nothing and at most {} hours",
            most.0 / 3_600_000
        )));
    }
    Ok(Window { from: UtcMillis(from_ms), to: UtcMillis(to_ms) })
}

fn corridor_to_wire(corridor: &Corridor) -> v1::Corridor {
    let place = |place: &corridor::Place| v1::CorridorPlace {
        junction: place.junction.to_string(),
        at_m: place.at.0,
        out: u32::from(place.out) + 1,
        back: u32::from(place.back) + 1,
    };
    v1::Corridor {
        id: corridor.id.clone(),
        name: corridor.name.clone(),
        speed_kmh: corridor.speed.kmh(),
        places: corridor.places.iter().map(place).collect(),
    }
}

/// It has no groups for a way back, by which whoever reads it knows that it is no corridor, and no traffic of its own.
fn route_to_wire(route: &Route) -> v1::Corridor {
    let place = |pass: &Pass| v1::CorridorPlace {
        junction: pass.junction.to_string(),
        at_m: pass.at.0,
        out: u32::from(pass.group) + 1,
        back: 0,
    };
    v1::Corridor {
        id: route.id.clone(),
        name: route.name.clone(),
        speed_kmh: 0.0,
        places: route.passes.iter().map(place).collect(),
    }
}

fn spans(windows: &[Window]) -> Vec<v1::SignalSpan> {
    windows.iter().map(|w| v1::SignalSpan { from_ms: w.from.0, to_ms: w.to.0 }).collect()
}

fn shown_to_wire(
    (out, back): (&Shown, &Shown),
    (plans, offset_s): (&[PlanRow], Option<u32>),
) -> v1::CorridorShown {
    let unknown: BTreeSet<Window> = out.unknown.iter().chain(&back.unknown).copied().collect();
    v1::CorridorShown {
        out: spans(&out.greens),
        back: spans(&back.greens),
        unknown: spans(&unknown.into_iter().collect::<Vec<_>>()),
        plans: plans.iter().map(plan_to_wire).collect(),
        offset_s,
    }
}

fn plan_to_wire(row: &PlanRow) -> v1::PlanSpan {
    v1::PlanSpan {
        from_ms: row.began.0,
        to_ms: row.until.0,
        plan: u32::from(row.plan),
        cycle_length_s: row.cycle_length_s,
    }
}

fn wave_to_wire(wave: &Wave) -> v1::GreenWave {
    v1::GreenWave {
        bands: spans(&wave.bands),
        band_mean_s: wave.band_s,
        share: wave.share,
        stops: wave.stops,
        waits_s: wave.waits_s,
        departures: wave.departures,
    }
}

fn advice_to_wire(advice: &Advice) -> v1::CorridorAdvice {
    // Bands of made-up cycles have no place on a clock.
    let figures = |wave: &Wave| Some(v1::GreenWave { bands: Vec::new(), ..wave_to_wire(wave) });
    let [out_now, back_now] = [0, 1].map(|way| figures(&advice.now[way]));
    let [out_then, back_then] = [0, 1].map(|way| figures(&advice.then[way]));
    v1::CorridorAdvice {
        cycle_s: advice.cycle.seconds(),
        shifts_s: advice.shifts.iter().map(|shift| shift.seconds()).collect(),
        out_now,
        back_now,
        out_then,
        back_then,
    }
}

fn why_to_wire(why: &NoAdvice) -> v1::NoCorridorAdvice {
    let (code, junctions, seconds) = match why {
        NoAdvice::TooLittle(junction) => ("too_little", vec![junction], vec![]),
        NoAdvice::Irregular { junction, least_s, most_s } => {
            ("irregular", vec![junction], vec![*least_s, *most_s])
        }
        NoAdvice::CyclesDiffer { a, a_s, b, b_s } => ("cycles_differ", vec![a, b], vec![*a_s, *b_s]),
    };
    v1::NoCorridorAdvice {
        code: code.into(),
        junctions: junctions.into_iter().map(ToString::to_string).collect(),
        seconds,
        text: why.to_string(),
    }
}
