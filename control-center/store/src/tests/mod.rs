//! The store on real files: nothing lost, nothing doubled, every failure named.

mod bus_days;
mod bus_priority;
mod camera_troubles;
mod detectors;
mod due_days;
mod emergencies;
mod evidence;
mod failures;
mod kill;
mod maintenance;
mod minutes;
mod prediction_scores;
mod probes;
mod reading;
mod retention;
mod rights;
mod signal_orders;
mod signal_plans;
mod tracker_orders;
mod trackers;
mod verdicts;

use std::path::Path;

use models_domain::count::{Direction, LineCrossing, MinuteCount, MinuteCounts};
use models_domain::event::{CameraStats, Phase, RuleEvent};
use models_domain::geo::LatLon;
use models_domain::transit::Fix;
use models_domain::{Class, DurationMs, Event, EventBody, EventId, MetersPerSecond, Seq, TrackId, UtcMillis};

use crate::{AuditLine, AuditLines, Commit, NewEvent, Store};

pub async fn open(folder: &Path) -> Store {
    Store::open(&folder.join("city.db")).await.unwrap()
}

/// Every line of the audit.
pub async fn audit(store: &Store) -> Vec<AuditLine> {
    let lines = store.audit(UtcMillis(0), AuditLines::All, 0, 999).await.unwrap();
    lines.into_iter().map(|(_, line)| line).collect()
}

pub fn new(boot: u64, seq: u64, at: i64, body: EventBody) -> NewEvent {
    let event = Event { id: EventId { boot, seq: Seq(seq) }, at: UtcMillis(at), body };
    NewEvent {
        gateway: "pole-1".parse().unwrap(),
        boot,
        seq,
        payload: seq.to_be_bytes().to_vec(),
        event: Some(event),
    }
}

pub fn commit(events: Vec<NewEvent>) -> Commit {
    Commit { events, gaps: Vec::new(), at: UtcMillis(1_000), followed_from: None }
}

pub fn crossing(camera: &str, class: Class) -> EventBody {
    let crossing = LineCrossing {
        line: "north".parse().unwrap(),
        class,
        direction: Direction::ToLeft,
        track: TrackId(1),
    };
    EventBody::LineCrossing { camera: camera.parse().unwrap(), crossing }
}

/// What `camera` counted to the left in minute `minute`; watched all of it.
pub fn counts(camera: &str, minute: i64, crossings: &[(Class, u32)]) -> EventBody {
    let count = |(class, crossings): &(Class, u32)| MinuteCount {
        line: "north".parse().unwrap(),
        class: *class,
        direction: Direction::ToLeft,
        crossings: *crossings,
    };
    let counts = MinuteCounts {
        minute: UtcMillis(minute * 60_000),
        watched: DurationMs(60_000),
        analysed: DurationMs(6_000),
        crossings: crossings.iter().map(count).collect(),
    };
    EventBody::Counts { camera: camera.parse().unwrap(), counts }
}

pub fn rule(camera: &str) -> EventBody {
    let event = RuleEvent::new("wrong_way", Phase::Moment, UtcMillis(0));
    EventBody::Rule { camera: camera.parse().unwrap(), event }
}

pub fn stats(frames: u64) -> EventBody {
    let stats = CameraStats { span: DurationMs(5), frames, inferred: 1, detections: 7, dropped: 0 };
    EventBody::CameraStats { camera: "c-1".parse().unwrap(), stats }
}

pub fn fix(vehicle: &str, received: i64) -> EventBody {
    EventBody::Fix(Fix {
        vehicle: vehicle.parse().unwrap(),
        at: UtcMillis(received),
        received: UtcMillis(received),
        position: LatLon::new(21.0, 105.8),
        speed: MetersPerSecond(f64::NAN),
        course: None,
        altitude: None,
        valid: true,
        protocol: "gt06".into(),
        told: models_domain::transit::Told::default(),
    })
}
