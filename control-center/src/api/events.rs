//! `ListEvents` and `GetStill`.

use std::time::Duration;

use control_center_store::{EventRow, ListFilter, PageKey};
use models_domain::{CameraId, EventId, GatewayId, Seq, UtcMillis};
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message;
use tonic::Status;

use super::internal;
use crate::hall::Hall;

/// What a list shows unless it is told otherwise: all but the masses.
const LISTED: [&str; 6] =
    ["line_crossing", "rule", "camera_state", "signal_alarm", "signal_state", "signal_order"];
const KINDS: [&str; 11] = [
    "line_crossing",
    "counts",
    "rule",
    "figure",
    "camera_stats",
    "camera_state",
    "fix",
    "signal",
    "signal_alarm",
    "signal_state",
    "signal_order",
];
const LIMIT: u32 = 100;
const LIMIT_MAX: u32 = 500;
/// How long a pole may take to find a still on its disk.
const PATIENCE: Duration = Duration::from_secs(5);
const STILL_MAX: usize = 16 * 1024 * 1024;

/// Whether viewers list events of this kind as they come.
pub fn is_listed(kind: &str) -> bool {
    LISTED.contains(&kind)
}

pub async fn list(hall: &Hall, asked: v1::ListEventsRequest) -> Result<v1::ListEventsResponse, Status> {
    let unknown = asked.kinds.iter().find(|kind| !KINDS.contains(&kind.as_str()));
    if let Some(kind) = unknown {
        let known = KINDS.join(", ");
        return Err(Status::invalid_argument(format!(
            "kinds: {kind:?} is no kind of event; known are {known}"
        )));
    }
    let mut kinds: Vec<&str> = asked.kinds.iter().map(String::as_str).collect();
    kinds.sort_unstable();
    kinds.dedup();
    if kinds.is_empty() {
        kinds = LISTED.to_vec();
    }
    let limit = match asked.limit {
        0 => LIMIT,
        1..=LIMIT_MAX => asked.limit,
        more => return Err(Status::invalid_argument(format!("limit: {more} is outside 1..={LIMIT_MAX}"))),
    };
    let mut before = PageKey { at: UtcMillis(i64::MAX), id: i64::MAX };
    if asked.before_ms != 0 {
        before = PageKey { at: UtcMillis(asked.before_ms), id: 0 };
    }
    if !asked.page_token.is_empty() {
        let token = read_token(&asked.page_token);
        before = before.min(token.ok_or_else(|| Status::invalid_argument("page_token is not one of mine"))?);
    }
    // One more than asked tells whether there is a next page.
    let subject = (!asked.camera.is_empty()).then_some(asked.camera.as_str());
    let filter = ListFilter { kinds: &kinds, subject, before, limit: limit + 1 };
    let mut rows = hall.store.list(&filter).await.map_err(internal)?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next_page_token = match rows.last() {
        Some(last) if more => format!("{}_{}", last.key.at.0, last.key.id),
        Some(_) | None => String::new(),
    };
    Ok(v1::ListEventsResponse { events: rows.into_iter().map(stored_event).collect(), next_page_token })
}

fn read_token(token: &str) -> Option<PageKey> {
    let (at, id) = token.split_once('_')?;
    Some(PageKey { at: UtcMillis(at.parse().ok()?), id: id.parse().ok()? })
}

fn stored_event(row: EventRow) -> v1::StoredEvent {
    v1::StoredEvent {
        gateway: row.gateway,
        boot: row.boot,
        event: v1::Event::decode(&row.payload[..]).ok(),
        stored_ms: row.stored.0,
    }
}

pub async fn still(hall: &Hall, asked: v1::GetStillRequest) -> Result<v1::GetStillResponse, Status> {
    let bad = |e: models_domain::ids::BadId| Status::invalid_argument(format!("gateway: {e}"));
    let gateway: GatewayId = asked.gateway.parse().map_err(bad)?;
    let id = EventId { boot: asked.boot, seq: Seq(asked.seq) };
    if let Some(jpeg) = hall.store.still(&gateway, id).await.map_err(internal)? {
        return Ok(v1::GetStillResponse { jpeg });
    }
    if !hall.store.has_event(gateway.as_str(), asked.boot, asked.seq).await.map_err(internal)? {
        return Err(Status::not_found("there is no such event"));
    }
    let key = Key::new(&gateway, What::Still(id)).to_string();
    let begun = hall.clock.elapsed();
    let answers = hall.bus.ask(&key, Vec::new(), PATIENCE).await;
    let answers =
        answers.map_err(|e| Status::unavailable(format!("gateway {gateway} cannot be asked: {e}")))?;
    let answers = answers.into_iter().filter(|a| a.key == key && a.payload.len() <= STILL_MAX);
    let stills = answers.filter_map(|a| v1::Still::decode(&a.payload[..]).ok());
    let Some(still) = stills.into_iter().find(|still| !still.jpeg.is_empty()) else {
        let waited = hall.clock.elapsed().saturating_sub(begun) >= PATIENCE;
        return Err(if waited || !hall.view.is_alive(&gateway) {
            Status::unavailable(format!("gateway {gateway} cannot be reached; try again when it is back"))
        } else {
            Status::not_found("the gateway kept no picture of this event")
        });
    };
    if let Err(err) = hall.store.keep_still(&gateway, id, &still.jpeg, hall.clock.now()).await {
        // The caller gets its picture anyway; the next one asks the pole again.
        tracing::warn!("{:#}", anyhow::Error::from(err));
    }
    Ok(v1::GetStillResponse { jpeg: still.jpeg })
}

/// # Errors
/// `INVALID_ARGUMENT`.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn camera(text: &str) -> Result<CameraId, Status> {
    text.parse().map_err(|e| Status::invalid_argument(format!("camera: {e}")))
}
