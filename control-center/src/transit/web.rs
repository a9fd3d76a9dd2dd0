//! What anybody may read of the buses without signing in: GTFS-realtime, SIRI, and the stops' pages.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::body::Body;
use axum::extract::{ConnectInfo, Path, Query, Request, State};
use axum::http::{HeaderMap, HeaderValue, Response, StatusCode, header};
use axum::middleware::Next;
use axum::response::IntoResponse;
use axum::routing::get;
use models_domain::transit::timetable::{FeedId, StopId};
use serde::Deserialize;

use super::lock;
use super::shown::Tagged;
use super::stop_page::{self, Language};
use crate::hall::Hall;

/// Where everything that is public lies; the guard lets these through.
pub const OPEN: [&str; 3] = ["/gtfs-rt/", "/siri/", "/stops"];

pub fn router(hall: &Arc<Hall>) -> Router {
    Router::new()
        .route("/gtfs-rt/{feed}/{file}", get(gtfs_realtime))
        .route("/siri/{feed}/stop-monitoring.json", get(stop_monitoring))
        .route("/siri/{feed}/vehicle-monitoring.json", get(vehicle_monitoring))
        .route("/stops", get(find_stops))
        .route("/stops/{feed}/{stop}", get(stop))
        .layer(axum::middleware::from_fn_with_state(hall.clone(), not_too_often))
        .with_state(hall.clone())
}

/// Whether a path is one of ours.
pub fn is_open(path: &str) -> bool {
    path == "/stops" || path.starts_with("/stops/") || OPEN[..2].iter().any(|p| path.starts_with(p))
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    stop: String,
    #[serde(default)]
    q: String,
    #[serde(default)]
    lang: String,
}

async fn not_too_often(State(hall): State<Arc<Hall>>, request: Request, next: Next) -> Response<Body> {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    if let Some(peer) = peer {
        let taken = lock(&hall.transit.callers).take(hall.clock.elapsed(), &peer);
        if let Err(wait) = taken {
            let wait = wait.as_secs().saturating_add(1).to_string();
            let text = "too many requests; ask again later";
            return (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, wait)], text).into_response();
        }
    }
    next.run(request).await
}

async fn gtfs_realtime(
    State(hall): State<Arc<Hall>>,
    Path((feed, file)): Path<(String, String)>,
    headers: HeaderMap,
) -> Response<Body> {
    let shown = hall.transit.shown();
    let Some(files) = shown.files_by_feed.get(&FeedId(feed)) else { return nothing() };
    match file.as_str() {
        "trip-updates.pb" => send(&files.trip_updates, &headers),
        "vehicle-positions.pb" => send(&files.vehicle_positions, &headers),
        "alerts.pb" => send(&files.alerts, &headers),
        _ => nothing(),
    }
}

fn send(file: &Tagged, headers: &HeaderMap) -> Response<Body> {
    let known = is_known(headers, &file.tag);
    let mut response = if known {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        ([(header::CONTENT_TYPE, "application/x-protobuf")], file.bytes.clone()).into_response()
    };
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=5"));
    if let Ok(tag) = HeaderValue::from_str(&file.tag) {
        headers.insert(header::ETAG, tag);
    }
    response
}

/// Whether the caller has it already: tags in a list, weak where somebody packed it on the way, or any (RFC 9110 §13.1.2).
fn is_known(headers: &HeaderMap, tag: &str) -> bool {
    let lists = headers.get_all(header::IF_NONE_MATCH).iter().filter_map(|list| list.to_str().ok());
    lists
        .flat_map(|list| list.split(','))
        .map(str::trim)
        .any(|one| one == "*" || one.trim_start_matches("W/") == tag)
}

async fn stop_monitoring(
    State(hall): State<Arc<Hall>>,
    Path(feed): Path<String>,
    Query(asked): Query<Asked>,
) -> Response<Body> {
    let shown = hall.transit.shown();
    match super::siri::stop_monitoring(&shown, &FeedId(feed), &StopId(asked.stop)) {
        Some(answer) => axum::Json(answer).into_response(),
        None => nothing(),
    }
}

async fn vehicle_monitoring(State(hall): State<Arc<Hall>>, Path(feed): Path<String>) -> Response<Body> {
    let shown = hall.transit.shown();
    match super::siri::vehicle_monitoring(&shown, &FeedId(feed)) {
        Some(answer) => axum::Json(answer).into_response(),
        None => nothing(),
    }
}

async fn find_stops(
    State(hall): State<Arc<Hall>>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response<Body> {
    let language = Language::of(&asked.lang, &headers);
    axum::response::Html(stop_page::find(&hall.transit.shown(), &asked.q, language)).into_response()
}

async fn stop(
    State(hall): State<Arc<Hall>>,
    Path((feed, stop)): Path<(String, String)>,
    Query(asked): Query<Asked>,
    headers: HeaderMap,
) -> Response<Body> {
    let language = Language::of(&asked.lang, &headers);
    let shown = hall.transit.shown();
    match stop_page::stop(&shown, &(FeedId(feed), StopId(stop)), language) {
        Some(page) => axum::response::Html(page).into_response(),
        None => nothing(),
    }
}

fn nothing() -> Response<Body> {
    (StatusCode::NOT_FOUND, "there is no such feed or stop").into_response()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_has_it_already_is_told_so() {
        let known = |value: &'static str| {
            let mut headers = HeaderMap::new();
            headers.insert(header::IF_NONE_MATCH, HeaderValue::from_static(value));
            is_known(&headers, "\"7\"")
        };
        assert!(["\"7\"", "W/\"7\"", "\"6\", W/\"7\"", "*"].into_iter().all(known));
        assert!(!["\"6\"", "7", "", "\"77\""].into_iter().any(known));
        assert!(!is_known(&HeaderMap::new(), "\"7\""));
    }
}
