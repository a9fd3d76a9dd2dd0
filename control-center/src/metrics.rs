//! `GET /metrics`: what each camera gets now, how its gateway is, whether buses came that passengers were told of, and what waits to be
//! stored, as Prometheus reads it.
//!
//! For whoever is signed in, and for a scraper with the token of `hall.metrics_token_file`, which opens nothing else. Labels are ids of
//! cameras, gateways, timetables and routes and words of ours; reasons, names and addresses are not told.

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::hash::Hash;
use std::path::Path;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::http::{Response, StatusCode, header};
use axum::response::IntoResponse;
use axum::routing::get;
use control_center_core::city::{Camera, City};
use models_domain::effort::Priority;
use models_domain::event::Link;
use models_domain::ladder::Rung;
use models_domain::signal::maintenance::FaultKind;
use models_domain::{CameraId, DurationMs, UtcMillis};
use prometheus_client::encoding::{EncodeLabelSet, text};
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::Registry;
use sha2::{Digest, Sha256};

use crate::hall::Hall;
use crate::transit::supervise::Supervised;

pub const PATH: &str = "/metrics";
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
/// A token that is shorter could be guessed.
const TOKEN_MIN: usize = 32;

/// What a scraper says to be let in: of its token only the SHA-256 is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScraperToken([u8; 32]);

impl ScraperToken {
    /// # Errors
    /// A text for people: the file cannot be read, or its token is too short.
    pub fn read(file: &Path) -> Result<Self, String> {
        let told = |err| format!("{} cannot be read: {err}", file.display());
        let text = std::fs::read_to_string(file).map_err(told)?;
        let token = text.trim();
        if token.len() < TOKEN_MIN {
            let file = file.display();
            return Err(format!("{file} holds {} characters, at least {TOKEN_MIN} are needed", token.len()));
        }
        Ok(Self(Sha256::digest(token).into()))
    }

    pub fn is(&self, token: &str) -> bool {
        self.0 == <[u8; 32]>::from(Sha256::digest(token))
    }
}

/// What tasks note for it while they work.
#[derive(Default)]
pub struct Noted {
    batches: AtomicUsize,
    lag_by_camera: Mutex<BTreeMap<CameraId, DurationMs>>,
}

impl Noted {
    /// So many batches of events wait to be looked at.
    pub fn batches(&self, waiting: usize) {
        self.batches.store(waiting, Ordering::Relaxed);
    }

    /// Events of cameras that the city has were stored so long after they happened.
    pub fn stored(&self, lags: impl IntoIterator<Item = (CameraId, DurationMs)>) {
        self.lag_by_camera.lock().unwrap_or_else(PoisonError::into_inner).extend(lags);
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCamera {
    gateway: String,
    camera: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct InState {
    gateway: String,
    camera: String,
    state: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfGateway {
    gateway: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfKind {
    kind: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfStore {
    store: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRoute {
    feed: String,
    route: String,
    told_by: &'static str,
    outcome: &'static str,
}

pub fn router(hall: &Arc<Hall>) -> Router {
    Router::new().route(PATH, get(serve)).with_state(hall.clone())
}

async fn serve(State(hall): State<Arc<Hall>>) -> Response<Body> {
    match page(&hall).await {
        Ok(text) => ([(header::CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Err(err) => {
            tracing::error!("telling the metrics: {err}");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
    }
}

async fn page(hall: &Hall) -> Result<String, std::fmt::Error> {
    let now = hall.clock.now();
    let mut waiting = vec![("event_batches", hall.noted.batches.load(Ordering::Relaxed) as u64)];
    // Without the database the rest is wanted the more.
    for (name, count) in [
        ("evidence", hall.store.count_wanted_stills().await),
        ("tracker_orders", hall.store.count_open_tracker_orders().await),
    ] {
        match count {
            Ok(count) => waiting.push((name, count)),
            Err(err) => tracing::error!("metrics without {name}: {:#}", anyhow::Error::from(err)),
        }
    }
    let mut page = Page(Registry::with_prefix("ngatu"));
    hall.view.read(|city| {
        page.cameras(city);
        page.lags(city, &hall.noted);
        page.gateways(city, now);
    });
    let help = "What waits: batches of events as the last was stored, pictures of evidence to be fetched, orders to trackers";
    page.faults(hall);
    page.told_arrivals(&hall.transit.supervised());
    page.gauge("waiting", help, waiting.into_iter().map(|(store, n)| (OfStore { store }, n as f64)));
    let mut out = String::new();
    text::encode(&mut out, &page.0)?;
    Ok(out)
}

struct Page(Registry);

impl Page {
    fn cameras(&mut self, city: &City) {
        let all = || city.cameras.values();
        let states = all().map(|c| {
            let OfCamera { gateway, camera } = of(c);
            (InState { gateway, camera, state: state(c.info.state.link) }, 1.0)
        });
        self.gauge("camera_state", "1 for the state that the camera's stream is in", states);
        let fps = all().map(|c| (of(c), f64::from(c.info.fps)));
        self.gauge("camera_pictures_per_second", "Pictures analysed a second, over the last 10 s", fps);
        let efforts = || all().filter_map(|c| Some((of(c), c.info.effort.as_ref()?)));
        let rungs = efforts().map(|(of, effort)| (of, rung(effort.rung)));
        self.gauge("camera_rung", "How much is decoded: 0 nothing, 1 key frames, 2 everything", rungs);
        let priorities = efforts().map(|(of, effort)| (of, priority(effort.priority)));
        let help = "Who is served first under load: 2 counts, then 1 incidents, then 0 health";
        self.gauge("camera_priority", help, priorities);
        let shares = efforts().map(|(of, effort)| (of, f64::from(effort.share)));
        let help =
            "Part of the pictures whose turn it is that is analysed; below 1 the gateway is overloaded";
        self.gauge("camera_share", help, shares);
        let shed: Family<OfCamera, Counter> = Family::default();
        for (of, effort) in efforts() {
            shed.get_or_create(&of).inc_by(effort.shed);
        }
        let help = "Pictures left unseen because of the load, since the gateway started";
        self.0.register("camera_shed_pictures", help, shed);
        let missed = || efforts().filter_map(|(of, effort)| Some((of, effort.missed?)));
        let help = "Estimated share of crossings and events that the ladder misses";
        self.gauge("camera_missed_share", help, missed().map(|(of, m)| (of, m.share)));
        let help = "Lower end of the interval that contains the true share with 95 %";
        self.gauge("camera_missed_share_low", help, missed().map(|(of, m)| (of, m.low)));
        let help = "Upper end of the interval that contains the true share with 95 %";
        self.gauge("camera_missed_share_high", help, missed().map(|(of, m)| (of, m.high)));
        let help = "What the random checks behind the estimate looked at";
        self.gauge("camera_audited_seconds", help, missed().map(|(of, m)| (of, m.audited.seconds())));
    }

    fn lags(&mut self, city: &City, noted: &Noted) {
        let mut lags = noted.lag_by_camera.lock().unwrap_or_else(PoisonError::into_inner);
        lags.retain(|camera, _| city.cameras.contains_key(camera));
        let rows = lags.iter().filter_map(|(id, lag)| Some((of(city.cameras.get(id)?), lag.seconds())));
        let help = "From when the newest stored event of the camera happened until it was stored";
        self.gauge("camera_lag_seconds", help, rows);
    }

    fn gateways(&mut self, city: &City, now: UtcMillis) {
        let all = || city.gateways.values().map(|g| (OfGateway { gateway: g.id.to_string() }, g));
        let up = all().map(|(of, g)| (of, f64::from(u8::from(g.alive))));
        self.gauge("gateway_up", "1 while the gateway is on the bus", up);
        let heard = all().filter(|(_, g)| g.last_heard > UtcMillis(0));
        let heard = heard.map(|(of, g)| (of, now.since(g.last_heard).seconds().max(0.0)));
        self.gauge("gateway_silent_seconds", "Since the gateway last told its state", heard);
        let waiting = all().map(|(of, g)| (of, g.waiting as f64));
        let help = "Events that the gateway keeps because the hall has not stored them yet";
        self.gauge("gateway_waiting_events", help, waiting);
        let full = all().map(|(of, g)| (of, f64::from(u8::from(g.keeps_nothing))));
        let help =
            "1 while the gateway keeps nothing more until there is room: its disk or its spool is full";
        self.gauge("gateway_keeps_nothing", help, full);
    }

    fn faults(&mut self, hall: &Hall) {
        let all: Vec<FaultKind> =
            hall.healths.faults().into_values().flatten().map(|fault| fault.part.kind).collect();
        let count = |kind| all.iter().filter(|one| **one == kind).count() as f64;
        let rows = FaultKind::ALL.map(|kind| (OfKind { kind: kind.name() }, count(kind)));
        self.gauge("signal_faults", "Faults of signal controllers that are there", rows);
    }

    fn told_arrivals(&mut self, supervised: &Supervised) {
        let rows = supervised.outcomes.iter().flat_map(|(feed, route, source, outcomes)| {
            let counts = [("came", outcomes.came), ("never_came", outcomes.never_came)];
            counts.map(|(outcome, count)| {
                let (feed, route) = (feed.to_string(), route.to_string());
                (OfRoute { feed, route, told_by: source.name(), outcome }, count as f64)
            })
        });
        let help = "Arrivals of buses that passengers were told of and that came, or that no bus was seen at within two hours, \
                    since the start, of the last seven service days";
        self.gauge("bus_told_arrivals", help, rows);
    }

    fn gauge<L>(&mut self, name: &str, help: &str, rows: impl IntoIterator<Item = (L, f64)>)
    where
        L: Clone + Debug + Hash + Eq + EncodeLabelSet + Send + Sync + 'static,
    {
        let family: Family<L, Gauge<f64, AtomicU64>> = Family::default();
        for (labels, value) in rows {
            family.get_or_create(&labels).set(value);
        }
        self.0.register(name, help, family);
    }
}

fn of(camera: &Camera) -> OfCamera {
    OfCamera { gateway: camera.gateway.to_string(), camera: camera.info.id.to_string() }
}

fn state(link: Link) -> &'static str {
    match link {
        Link::Connecting => "connecting",
        Link::Up => "up",
        Link::Down => "down",
    }
}

fn priority(priority: Priority) -> f64 {
    match priority {
        Priority::Health => 0.0,
        Priority::Incident => 1.0,
        Priority::Counting => 2.0,
    }
}

fn rung(rung: Rung) -> f64 {
    match rung {
        Rung::Watch => 0.0,
        Rung::KeyFrames => 1.0,
        Rung::Full => 2.0,
    }
}

#[cfg(test)]
mod tests {
    use models_domain::transit::accuracy::{Outcomes, Source};

    use super::*;

    #[test]
    fn of_each_route_it_is_told_how_many_arrivals_never_were() {
        let outcomes = Outcomes { came: 90, never_came: 3 };
        let supervised = Supervised {
            outcomes: vec![("xe".into(), "32".into(), Source::Bus, outcomes)],
            ..Supervised::default()
        };
        let mut page = Page(Registry::with_prefix("ngatu"));
        page.told_arrivals(&supervised);
        let mut out = String::new();
        text::encode(&mut out, &page.0).unwrap();
        let of = "ngatu_bus_told_arrivals{feed=\"xe\",route=\"32\",told_by=\"bus\"";
        for want in [format!("{of},outcome=\"came\"}} 90.0"), format!("{of},outcome=\"never_came\"}} 3.0")] {
            assert!(out.lines().any(|line| line == want), "{want}: {out}");
        }
    }

    #[test]
    fn a_token_is_known_again_and_not_shown() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        let told = |file: &Path| ScraperToken::read(file).unwrap_err();
        assert!(told(&file).contains("cannot be read"), "{}", told(&file));
        std::fs::write(&file, "short\n").unwrap();
        assert!(told(&file).ends_with("holds 5 characters, at least 32 are needed"), "{}", told(&file));
        let good = "0123456789abcdef0123456789abcdef";
        std::fs::write(&file, format!("{good}\n")).unwrap();
        let token = ScraperToken::read(&file).unwrap();
        assert!(token.is(good) && !token.is("") && !token.is(&good[1..]));
        assert!(!format!("{token:?}").contains(good));
    }
}
