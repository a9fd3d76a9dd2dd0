//! `ListEvents` and `GetStill`.

use std::collections::BTreeSet;

use control_center_store::{EventRow, ListFilter, PageKey, StoreError};
use models_domain::transit::finding::Finding;
use models_domain::{CameraId, EventId, GatewayId, Seq, UtcMillis};
use models_wire::v1;
use prost::Message;
use tonic::Status;

use super::internal;
use crate::hall::Hall;
use crate::stills::{NoStill, ask, ask_evidence};
use crate::transit::live::{self, Names};

/// What a list shows unless it is told otherwise: all but the masses.
const LISTED: [&str; 7] =
    ["line_crossing", "rule", "red_light", "camera_state", "signal_alarm", "signal_state", "signal_order"];
const KINDS: [&str; 12] = [
    "line_crossing",
    "red_light",
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

/// Whether viewers list events of this kind as they come.
pub fn is_listed(kind: &str) -> bool {
    LISTED.contains(&kind)
}

/// Findings of buses are kinds of events with this before their name.
const BUS: &str = "bus_";

pub async fn list(hall: &Hall, asked: v1::ListEventsRequest) -> Result<v1::ListEventsResponse, Status> {
    let (kinds, findings) = kinds(&asked.kinds)?;
    let limit = match asked.limit {
        0 => LIMIT,
        1..=LIMIT_MAX => asked.limit,
        more => return Err(Status::invalid_argument(format!("limit: {more} is outside 1..={LIMIT_MAX}"))),
    };
    let mut before = Place { at: UtcMillis(i64::MAX), rank: Rank::Event(i64::MAX) };
    if asked.before_ms != 0 {
        before = Place { at: UtcMillis(asked.before_ms), rank: Rank::Bus(String::new()) };
    }
    if !asked.page_token.is_empty() {
        let token = Place::read(&asked.page_token);
        before = before.min(token.ok_or_else(|| Status::invalid_argument("page_token is not one of mine"))?);
    }
    // One more than asked tells whether there is a next page.
    let subject = (!asked.camera.is_empty()).then_some(asked.camera.as_str());
    let (at, rank) = (before.at, &before.rank);
    let key = match rank {
        Rank::Event(id) => PageKey { at, id: *id },
        // Of one moment, findings of buses come after all events.
        Rank::Bus(_) => PageKey { at, id: i64::MIN },
    };
    let filter = ListFilter { kinds: &kinds, subject, before: key, limit: limit + 1 };
    let rows = hall.store.list(&filter).await.map_err(internal)?;
    let event = |row: EventRow| (Place { at: row.key.at, rank: Rank::Event(row.key.id) }, stored_event(row));
    let mut found: Vec<(Place, v1::StoredEvent)> = rows.into_iter().map(event).collect();
    if !findings.is_empty() && subject.is_none() {
        let after = match rank {
            Rank::Event(_) => None,
            Rank::Bus(name) => Some(name.as_str()),
        };
        let rows = hall.store.list_bus_events(&findings, (at, after), limit + 1).await.map_err(internal)?;
        let (mut names, now) = (Names::new(hall), hall.clock.now());
        found.extend(rows.into_iter().map(|(key, row)| {
            let place = Place { at: key.at, rank: Rank::Bus(key.name) };
            (place, live::stored(live::bus_event(row, &mut names), now))
        }));
        found.sort_by(|(a, _), (b, _)| b.cmp(a));
    }
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next_page_token = match found.last() {
        Some((last, _)) if more => last.token(),
        Some(_) | None => String::new(),
    };
    Ok(v1::ListEventsResponse { events: found.into_iter().map(|(_, e)| e).collect(), next_page_token })
}

/// Kinds of events, and findings of buses.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn kinds(asked: &[String]) -> Result<(Vec<&'static str>, Vec<Finding>), Status> {
    if asked.is_empty() {
        return Ok((LISTED.to_vec(), Vec::new()));
    }
    let (mut kinds, mut findings) = (BTreeSet::new(), BTreeSet::new());
    for asked in asked {
        let finding = asked.strip_prefix(BUS).and_then(Finding::named);
        let kind = KINDS.into_iter().find(|kind| kind == asked);
        match (finding, kind) {
            (Some(finding), _) => _ = findings.insert(finding),
            (None, Some(kind)) => _ = kinds.insert(kind),
            (None, None) => {
                let known = KINDS.into_iter().map(ToOwned::to_owned);
                let known = known.chain(Finding::ALL.map(|f| format!("{BUS}{}", f.name())));
                let known = known.collect::<Vec<_>>().join(", ");
                return Err(Status::invalid_argument(format!(
                    "kinds: {asked:?} is no kind of event; known are {known}"
                )));
            }
        }
    }
    Ok((kinds.into_iter().collect(), findings.into_iter().collect()))
}

/// Place of an event in the list, which is read from the greatest on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place {
    at: UtcMillis,
    rank: Rank,
}

/// Among those of one moment.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Rank {
    /// A finding, by its name.
    Bus(String),
    /// An event, by its number in the store.
    Event(i64),
}

impl Place {
    fn token(&self) -> String {
        match &self.rank {
            Rank::Event(id) => format!("{}_{id}", self.at.0),
            Rank::Bus(name) => format!("{}_b{}", self.at.0, hex::encode(name)),
        }
    }

    fn read(token: &str) -> Option<Self> {
        let (at, rest) = token.split_once('_')?;
        let at = UtcMillis(at.parse().ok()?);
        let rank = match rest.strip_prefix('b') {
            Some(name) => Rank::Bus(String::from_utf8(hex::decode(name).ok()?).ok()?),
            None => Rank::Event(rest.parse().ok()?),
        };
        Some(Self { at, rank })
    }
}

fn stored_event(row: EventRow) -> v1::StoredEvent {
    v1::StoredEvent {
        gateway: row.gateway,
        boot: row.boot,
        event: v1::Event::decode(&row.payload[..]).ok(),
        stored_ms: row.stored.0,
        ..v1::StoredEvent::default()
    }
}

const GONE: &str = "this picture is evidence: it could not be had from its gateway, or is not kept any more";

pub async fn still(hall: &Hall, asked: v1::GetStillRequest) -> Result<v1::GetStillResponse, Status> {
    let bad = |e: models_domain::ids::BadId| Status::invalid_argument(format!("gateway: {e}"));
    let gateway: GatewayId = asked.gateway.parse().map_err(bad)?;
    let id = EventId { boot: asked.boot, seq: Seq(asked.seq) };
    let part = u8::try_from(asked.part).map_err(|_| Status::not_found("no event has so many pictures"))?;
    if let Some(jpeg) = hall.store.evidence(&gateway, id, part).await.map_err(internal)? {
        return Ok(v1::GetStillResponse { jpeg });
    }
    if let Some(wanted) = hall.store.wanted_still(&gateway, id, part).await.map_err(internal)? {
        let jpeg = ask_evidence(hall, &wanted).await.map_err(refused)?;
        warn(hall.store.keep_evidence(&wanted, &jpeg, hall.clock.now()).await);
        return Ok(v1::GetStillResponse { jpeg });
    }
    if part > 0 {
        return Err(Status::not_found("there is no such picture of this event any more"));
    }
    let kind = hall.store.event_kind(gateway.as_str(), asked.boot, asked.seq).await.map_err(internal)?;
    match kind.as_deref() {
        None => return Err(Status::not_found("there is no such event")),
        // Nothing may stand in for evidence that is not checked against what its event was told with.
        Some("red_light") => return Err(Status::not_found(GONE)),
        Some(_) => {}
    }
    if let Some(jpeg) = hall.store.still(&gateway, id).await.map_err(internal)? {
        return Ok(v1::GetStillResponse { jpeg });
    }
    let jpeg = ask(hall, &gateway, id, part).await.map_err(refused)?;
    warn(hall.store.keep_still(&gateway, id, &jpeg, hall.clock.now()).await);
    Ok(v1::GetStillResponse { jpeg })
}

/// The caller gets its picture anyway; the next one asks the pole again.
fn warn(kept: Result<(), StoreError>) {
    if let Err(err) = kept {
        tracing::warn!("{:#}", anyhow::Error::from(err));
    }
}

fn refused(why: NoStill) -> Status {
    let text = why.to_string();
    match why {
        NoStill::Bus { .. } | NoStill::Away(_) => Status::unavailable(text),
        NoStill::NoneKept => Status::not_found(text),
        NoStill::Another { .. } => Status::data_loss(text),
    }
}

/// # Errors
/// `INVALID_ARGUMENT`.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
pub fn camera(text: &str) -> Result<CameraId, Status> {
    text.parse().map_err(|e| Status::invalid_argument(format!("camera: {e}")))
}
