//! Greens ahead of a vehicle that must not wait: begun, followed and ended by people.

use std::sync::Arc;

use models_domain::signal::corridor::Way;
use models_domain::signal::emergency::{Run, State, Stop, Why};
use models_domain::signal::route::Pass;
use models_domain::{JunctionId, Meters, MetersPerSecond, VehicleId};
use models_wire::convert::signal::refusal_to_wire;
use models_wire::v1;
use models_wire::v1::EmergencyStopState as Told;
use tonic::Status;

use super::{audit, internal, purpose};
use crate::auth::rights::{self, Right};
use crate::auth::sessions::Session;
use crate::hall::Hall;
use crate::signals::emergency::{self, Emergency, MOST};

const SPEED_KMH: std::ops::RangeInclusive<f64> = 5.0..=120.0;
const BEFORE_M: std::ops::RangeInclusive<f64> = 0.0..=10_000.0;

pub async fn start(
    hall: &Arc<Hall>,
    session: &Session,
    asked: &v1::StartEmergencyRequest,
) -> Result<v1::EmergencyRun, Status> {
    let purpose = purpose(&asked.purpose)?.to_owned();
    if !SPEED_KMH.contains(&asked.speed_kmh) {
        return Err(Status::invalid_argument(format!("speed_kmh: {} is outside 5..=120", asked.speed_kmh)));
    }
    if !BEFORE_M.contains(&asked.before_m) {
        return Err(Status::invalid_argument(format!("before_m: {} is outside 0..=10000", asked.before_m)));
    }
    let (passes, way) = way_of(hall, asked)?;
    let (from, to) = (end_of("from", &asked.from)?, end_of("to", &asked.to)?);
    let vehicle = match asked.vehicle.as_str() {
        "" => None,
        text => {
            let id: VehicleId =
                text.parse().map_err(|e| Status::invalid_argument(format!("vehicle: {e}")))?;
            hall.view
                .vehicle_fix(&id)
                .ok_or_else(|| Status::not_found(format!("there is no vehicle {id}")))?;
            Some(id)
        }
    };
    let now = hall.clock.now();
    let drive = (MetersPerSecond::from_kmh(asked.speed_kmh), Meters(asked.before_m));
    let run = Run::new(&passes, (from.as_ref(), to.as_ref()), drive, now)
        .map_err(|why| Status::invalid_argument(why.to_string()))?;
    may(hall, session, &run, &purpose).await?;
    let can =
        |stop: &Stop| hall.view.junction(&stop.junction).is_some_and(|junction| junction.info.can.is_some());
    if !run.stops.iter().any(can) {
        return Err(Status::failed_precondition(
            "none of the junctions on this way is set up to be commanded; their gateways' configuration has no groups for them",
        ));
    }
    let (said, user) = (purpose, session.user.clone());
    let new = Emergency::new((asked.corridor.clone(), way), vehicle, (said, user), run);
    let begun = hall.emergencies.begin(new);
    let begun = begun.ok_or_else(|| {
        Status::resource_exhausted(format!("{MOST} emergencies are under way; end one that is over"))
    })?;
    // Written down before anything is ordered: the task finds it within a second.
    let ids: Vec<&str> = begun.run.stops.iter().map(|stop| stop.junction.as_str()).collect();
    let vehicle = begun.vehicle.as_ref().map_or("none", VehicleId::as_str);
    let what = format!(
        "emergency {} corridor={} junctions={} vehicle={vehicle}",
        begun.id,
        begun.corridor,
        ids.join(",")
    );
    let line = audit(now, session, "emergency_started", &begun.purpose, what);
    // Whoever asked may go away meanwhile: it has begun or it never was.
    let (whole, new) = (hall.clone(), begun.clone());
    let keeping = tokio::spawn(async move {
        let kept = emergency::keep(&whole, &new, Some(line)).await;
        if kept.is_err() {
            whole.emergencies.forget(new.id);
        }
        kept
    });
    let kept =
        keeping.await.map_err(|broken| Status::internal(format!("beginning an emergency: {broken}")))?;
    kept.map_err(internal)?;
    Ok(to_wire(hall, session, &begun))
}

pub async fn advance(
    hall: &Hall,
    session: &Session,
    asked: &v1::AdvanceEmergencyRequest,
) -> Result<v1::EmergencyRun, Status> {
    let known = get(hall, asked.id)?;
    may(hall, session, &known.run, &known.purpose).await?;
    let stop = known.run.stops.iter().position(|stop| stop.junction.as_str() == asked.junction);
    let stop = stop.ok_or_else(|| {
        Status::invalid_argument(format!(
            "junction {:?} is not on the way of emergency {}",
            asked.junction, asked.id
        ))
    })?;
    let now = hall.clock.now();
    let what = format!("emergency {} is at junction={}", asked.id, asked.junction);
    let line = audit(now, session, "emergency_advanced", &known.purpose, what);
    hall.store.keep_audit(&line).await.map_err(internal)?;
    let changed = hall.emergencies.change(asked.id, |e| {
        e.run.is_at(stop, now);
        e.clone()
    });
    let changed = changed.ok_or_else(|| over(asked.id))?;
    Ok(to_wire(hall, session, &changed))
}

pub async fn end(hall: &Arc<Hall>, session: &Session, id: u64) -> Result<v1::EmergencyRun, Status> {
    let known = get(hall, id)?;
    may(hall, session, &known.run, &known.purpose).await?;
    // Whoever asked may go away meanwhile: every junction is given back all the same.
    let (whole, user) = (hall.clone(), session.user.clone());
    let ending = tokio::spawn(async move { emergency::end(&whole, id, &user).await });
    let ended = ending.await.map_err(|broken| Status::internal(format!("ending an emergency: {broken}")))?;
    if !ended.map_err(internal)? {
        return Err(over(id));
    }
    Ok(to_wire(hall, session, &get(hall, id)?))
}

pub fn list(hall: &Hall, session: &Session) -> v1::ListEmergenciesResponse {
    let runs = hall.emergencies.all().iter().map(|e| to_wire(hall, session, e)).collect();
    v1::ListEmergenciesResponse { runs }
}

/// The right for every junction on the way; who has it not is written down.
async fn may(hall: &Hall, session: &Session, run: &Run, purpose: &str) -> Result<(), Status> {
    for stop in &run.stops {
        let place = hall.place(&stop.junction);
        if let Err(status) = rights::check(session, Right::CommandSignal(&place)) {
            let what = format!("junction={} emergency: {}", stop.junction, status.message());
            let line = audit(hall.clock.now(), session, "signal_order_refused", purpose, what);
            hall.store.keep_audit(&line).await.map_err(internal)?;
            return Err(status);
        }
    }
    Ok(())
}

/// The way that was asked for: of a corridor, or of an emergency route.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn way_of(hall: &Hall, asked: &v1::StartEmergencyRequest) -> Result<(Vec<Pass>, Way), Status> {
    let id = &asked.corridor;
    let way = if asked.back { Way::Back } else { Way::Out };
    if let Some(passes) = hall.passes(id, way) {
        return Ok((passes, way));
    }
    if hall.emergency_routes.iter().any(|route| route.id == *id) {
        return Err(Status::invalid_argument(format!("back: emergency route {id:?} has one way only")));
    }
    Err(Status::not_found(format!("there is no corridor and no emergency route {id:?}")))
}

#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn get(hall: &Hall, id: u64) -> Result<Emergency, Status> {
    hall.emergencies.get(id).ok_or_else(|| Status::not_found(format!("there is no emergency {id}")))
}

fn over(id: u64) -> Status {
    Status::failed_precondition(format!("emergency {id} is over"))
}

#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn end_of(key: &str, text: &str) -> Result<Option<JunctionId>, Status> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|e| Status::invalid_argument(format!("{key}: {e}")))
}

fn to_wire(hall: &Hall, session: &Session, emergency: &Emergency) -> v1::EmergencyRun {
    let (now, run) = (hall.clock.now(), &emergency.run);
    let now = emergency.ended.as_ref().map_or(now, |(at, _)| *at);
    let stops = run.stops.iter().map(|stop| {
        let shows_green = || {
            let junction = hall.view.junction(&stop.junction);
            junction.is_some_and(|junction| junction.seen.greens().contains(stop.group))
        };
        let (state, order) = match &stop.state {
            State::Ahead => (Told::Ahead, 0),
            State::Asked { order, .. } if shows_green() => (Told::Green, *order),
            State::Asked { order, .. } => (Told::Asked, *order),
            State::Refused { .. } => (Told::Refused, 0),
            State::Left { order, passed: true, .. } => (Told::Passed, order.unwrap_or(0)),
            State::Left { order, passed: false, .. } => (Told::Ended, order.unwrap_or(0)),
        };
        let why = if let State::Refused { why, .. } = &stop.state { Some(why) } else { None };
        v1::EmergencyStop {
            junction: stop.junction.to_string(),
            at_m: stop.at.0,
            group: u32::from(stop.group) + 1,
            state: state.into(),
            reason: why.map(Why::name).unwrap_or_default().to_owned(),
            refusals: match why {
                Some(Why::Safety(refusals)) => refusals.iter().map(refusal_to_wire).collect(),
                _ => Vec::new(),
            },
            detail: match why {
                Some(Why::OtherOrder { by, .. }) => by.clone(),
                Some(Why::Failed(text)) => text.clone(),
                _ => String::new(),
            },
            expected_ms: run.expected(stop, now).map_or(0, |at| at.0),
            order,
        }
    });
    let may = |stop: &Stop| rights::may(session, Right::CommandSignal(&hall.place(&stop.junction)));
    v1::EmergencyRun {
        id: emergency.id,
        corridor: emergency.corridor.clone(),
        back: emergency.way == Way::Back,
        vehicle: emergency.vehicle.as_ref().map(ToString::to_string).unwrap_or_default(),
        speed_kmh: run.speed.kmh(),
        purpose: emergency.purpose.clone(),
        started_by: emergency.started_by.clone(),
        started_ms: run.began.0,
        ended_ms: emergency.ended.as_ref().map_or(0, |(at, _)| at.0),
        ended_by: emergency.ended.as_ref().map(|(_, by)| by.clone()).unwrap_or_default(),
        stops: stops.collect(),
        here_m: run.place(now).1.0,
        known_ms: run.known().0,
        tracker_trouble: emergency.trouble.name().to_owned(),
        may_end: emergency.ended.is_none() && run.stops.iter().all(may),
    }
}
