//! `SearchTracks`: written down first, then asked of every gateway that may know, and told which did not answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use control_center_core::search::{Answer, Place, page};
use control_center_store::AuditLine;
use futures_util::{StreamExt, stream};
use models_domain::archive::{Cursor, TrackQuery};
use models_domain::{CameraId, GatewayId, UtcMillis};
use models_wire::convert::tracks::{query_from_wire, query_to_wire, record_from_wire};
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message;
use tonic::Status;

use super::{internal, purpose};
use crate::hall::Hall;

const LIMIT: u32 = 100;
/// Gateways asked at the same time, how long one may take, and how long all together.
const AT_ONCE: usize = 128;
const PATIENCE: Duration = Duration::from_secs(5);
const ALL_PATIENCE: Duration = Duration::from_secs(10);
/// Searches of all users that run at the same time.
pub const SEARCHES: usize = 4;

/// Cameras by the gateway that keeps their tracks, and whether it is there.
type Asked = BTreeMap<GatewayId, (Vec<CameraId>, bool)>;

pub async fn search(
    hall: &Hall,
    user: &str,
    request: v1::SearchTracksRequest,
) -> Result<v1::SearchTracksResponse, Status> {
    let purpose = purpose(&request.purpose)?;
    let query = question(request.query)?;
    let after = match request.page_token.as_str() {
        "" => None,
        token => {
            let bad = |e| Status::invalid_argument(format!("page_token: {e}"));
            Some(token.parse::<Place>().map_err(bad)?)
        }
    };
    let asked = gateways(hall, &query)?;
    let Ok(_turn) = hall.searches.try_acquire() else {
        return Err(Status::resource_exhausted("too many searches at once; try again in a few seconds"));
    };
    let what = in_words(&query, after.as_ref());
    tracing::info!(user, purpose, what, "search_tracks");
    let line = AuditLine {
        at: hall.clock.now(),
        user: user.to_owned(),
        action: "search_tracks".to_owned(),
        purpose: purpose.to_owned(),
        what,
    };
    // What cannot be written down is not done.
    hall.store.keep_audit(&line).await.map_err(internal)?;
    Ok(ask_all(hall, &query, after.as_ref(), asked).await)
}

#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn question(query: Option<v1::TrackQuery>) -> Result<TrackQuery, Status> {
    let invalid = |why: String| Status::invalid_argument(format!("query.{why}"));
    let mut query = query.ok_or_else(|| Status::invalid_argument("query is missing"))?;
    if query.after.is_some() {
        return Err(invalid("after: use page_token".into()));
    }
    if query.from_ms < 0 {
        return Err(invalid(format!("from: {} is before 1970", query.from_ms)));
    }
    if query.limit == 0 {
        query.limit = LIMIT;
    }
    query_from_wire(query).map_err(|bad| invalid(bad.to_string()))
}

/// Who keeps the tracks of the cameras that are asked about.
#[allow(clippy::result_large_err, reason = "tonic's own error")]
fn gateways(hall: &Hall, query: &TrackQuery) -> Result<Asked, Status> {
    let mut asked = Asked::new();
    if query.cameras.is_empty() {
        for (gateway, alive) in hall.view.camera_gateways() {
            asked.insert(gateway, (Vec::new(), alive));
        }
    }
    for camera in &query.cameras {
        let gateway = hall.view.gateway_of(camera);
        let gateway = gateway
            .ok_or_else(|| Status::invalid_argument(format!("query.cameras: there is no camera {camera}")))?;
        let alive = hall.view.is_alive(&gateway);
        asked.entry(gateway).or_insert_with(|| (Vec::new(), alive)).0.push(camera.clone());
    }
    Ok(asked)
}

async fn ask_all(
    hall: &Hall,
    query: &TrackQuery,
    after: Option<&Place>,
    asked: Asked,
) -> v1::SearchTracksResponse {
    let gateways = u32::try_from(asked.len()).unwrap_or(u32::MAX);
    let mut open: BTreeMap<GatewayId, v1::MissingReason> = BTreeMap::new();
    let mut questions = Vec::new();
    for (gateway, (cameras, alive)) in asked {
        let reason = if alive { v1::MissingReason::Silent } else { v1::MissingReason::Unreachable };
        open.insert(gateway.clone(), reason);
        if alive {
            let after = after.map(|place| place.for_gateway(&gateway));
            let question = TrackQuery { cameras, after, ..query.clone() };
            questions.push((gateway, query_to_wire(&question).encode_to_vec()));
        }
    }
    let mut answers = stream::iter(questions)
        .map(|(gateway, question)| async move {
            let rows = ask(hall, &gateway, question).await;
            (gateway, rows)
        })
        .buffer_unordered(AT_ONCE);
    let (mut found, mut missing) = (Vec::new(), Vec::new());
    let until = tokio::time::Instant::now() + ALL_PATIENCE;
    while let Ok(Some((gateway, rows))) = tokio::time::timeout_at(until, answers.next()).await {
        let Some(rows) = rows else { continue };
        open.remove(&gateway);
        if rows.partial {
            missing.push(v1::MissingGateway {
                gateway: gateway.to_string(),
                why: rows.problem.clone(),
                reason: v1::MissingReason::Partial.into(),
            });
        }
        found.push(answer(gateway, rows, query.limit));
    }
    drop(answers);
    let silent = |(gateway, reason): (GatewayId, v1::MissingReason)| v1::MissingGateway {
        gateway: gateway.to_string(),
        why: String::new(),
        reason: reason.into(),
    };
    missing.extend(open.into_iter().map(silent));
    let page = page(found, query.limit);
    let track = |(gateway, row): (GatewayId, v1::TrackRow)| v1::FoundTrack {
        gateway: gateway.to_string(),
        track: Some(row),
    };
    v1::SearchTracksResponse {
        tracks: page.rows.into_iter().map(track).collect(),
        next_page_token: page.next.map(|place| place.to_string()).unwrap_or_default(),
        gateways,
        missing,
    }
}

/// `None` when there is no answer of it.
async fn ask(hall: &Hall, gateway: &GatewayId, question: Vec<u8>) -> Option<v1::TrackRows> {
    let key = Key::new(gateway, What::Tracks).to_string();
    match hall.bus.ask(&key, question, PATIENCE).await {
        Ok(answers) => {
            let own = answers.into_iter().find(|a| a.key == key)?;
            v1::TrackRows::decode(&own.payload[..]).ok()
        }
        Err(err) => {
            tracing::debug!(%gateway, "{err}");
            None
        }
    }
}

/// A gateway that answers with more than it was asked for, or with what is no track, is not believed.
fn answer(gateway: GatewayId, rows: v1::TrackRows, limit: usize) -> Answer<v1::TrackRow> {
    let sound = rows.rows.into_iter().filter(|row| record_from_wire(row.clone()).is_ok()).take(limit);
    let placed = sound.map(|row| (Cursor { ended: UtcMillis(row.ended_ms), number: row.number }, row));
    Answer { gateway, rows: placed.collect(), more: rows.more }
}

/// The question as somebody reads it later: only what was asked.
fn in_words(query: &TrackQuery, after: Option<&Place>) -> String {
    fn list<T: ToString>(all: &[T]) -> String {
        all.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
    }
    let mut words = format!("from_ms={} to_ms={}", query.from.0, query.to.0);
    let mut add = |name: &str, value: String| {
        if !value.is_empty() {
            // Writing to a String cannot fail.
            let _ = write!(words, " {name}={value}");
        }
    };
    fn one<T: ToString>(value: Option<&T>) -> String {
        value.map(ToString::to_string).unwrap_or_default()
    }
    add("cameras", list(&query.cameras));
    add("classes", list(&query.classes));
    add("colours", list(&query.colours));
    add("line", one(query.line.as_ref()));
    add("direction", one(query.direction.as_ref()));
    add("zone", one(query.zone.as_ref()));
    add("height_min", one(query.height_min.as_ref()));
    add("height_max", one(query.height_max.as_ref()));
    add("limit", query.limit.to_string());
    add("after", one(after));
    words
}

#[cfg(test)]
mod tests {
    use models_domain::Class;
    use models_domain::archive::Colour;

    use super::*;

    #[track_caller]
    fn refused(result: Result<impl std::fmt::Debug, Status>, want: &str) {
        let err = result.unwrap_err();
        assert_eq!((err.code(), err.message()), (tonic::Code::InvalidArgument, want));
    }

    #[test]
    fn a_search_has_a_purpose() {
        let want = "purpose: say in 3 to 200 characters on one line what it is for; it is written down";
        for bad in ["", "  ab  ", "a\nb c", &"x".repeat(201)] {
            refused(purpose(bad), want);
        }
        assert_eq!(purpose("  vụ 12  ").unwrap(), "vụ 12");
    }

    #[test]
    fn what_cannot_be_asked_is_named() {
        let asked = |change: fn(&mut v1::TrackQuery)| {
            let mut query = v1::TrackQuery { from_ms: 1, to_ms: 9, ..Default::default() };
            change(&mut query);
            question(Some(query))
        };
        assert_eq!(asked(|_| ()).unwrap().limit, 100);
        refused(question(None), "query is missing");
        refused(asked(|q| q.to_ms = 1), "query.to: must be after from");
        refused(asked(|q| q.from_ms = -1), "query.from: -1 is before 1970");
        refused(asked(|q| q.limit = 501), "query.limit: 501 is outside 1..=500");
        refused(asked(|q| q.after = Some(v1::TrackPlace::default())), "query.after: use page_token");
    }

    #[test]
    fn a_question_is_written_down_as_it_was_asked() {
        let mut query = TrackQuery::new(UtcMillis(5), UtcMillis(9));
        assert_eq!(in_words(&query, None), "from_ms=5 to_ms=9 limit=100");
        query.classes = vec![Class::Car, Class::Bus];
        query.colours = vec![Colour::Red];
        query.zone = Some("box".parse().unwrap());
        let want = "from_ms=5 to_ms=9 classes=car,bus colours=red zone=box limit=100 after=1.2.a";
        assert_eq!(in_words(&query, Some(&"1.2.a".parse().unwrap())), want);
    }
}
