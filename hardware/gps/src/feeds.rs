//! Asks operators' servers for their vehicles, again and again: GTFS-realtime and SIRI over HTTP, through the same decoders.
//!
//! A server is told what we have (ETag, Last-Modified) and need not say it again (RFC 9110 §13.1).

use std::collections::HashMap;
use std::time::Duration;

use hardware_ports::Clock;
use hardware_ports::sink::{GpsReport, NotKept, Sink};
use models_domain::{DurationMs, UtcMillis, VehicleId, transit};
use tokio_util::sync::CancellationToken;

use crate::protocols::kept::Kept;
use crate::protocols::{self, Decoded, Protocol, Session, Source, UnknownProtocol, Zone, Zones};
use crate::quiet::{Quiet, line};

#[derive(Debug, Clone)]
pub struct FeedSettings {
    /// `gtfs_rt` or `siri_vm`.
    pub protocol: String,
    /// `http` or `https`; it may hold a key, and is shown without its query.
    pub url: String,
    /// Sent with each request, such as a key that the operator gave.
    pub headers: Vec<(String, String)>,
    pub every: Duration,
    /// Zone of times that name none.
    pub zone: Option<Zone>,
    /// Put before the name of each vehicle: two operators may both have a "101".
    pub prefix: String,
}

#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    #[error("asking an operator for vehicles")]
    Protocol(#[source] UnknownProtocol),
    #[error("asking {feed}; is the address right, and does the server run?")]
    Http {
        feed: String,
        #[source]
        source: Box<ureq::Error>,
    },
    #[error("{feed}: {why}")]
    Content { feed: String, why: String },
    #[error("vehicles of {feed}")]
    NotKept {
        feed: String,
        #[source]
        source: NotKept,
    },
    #[error("asking {feed}: the request was given up")]
    GivenUp { feed: String },
}

/// What an operator's server may speak.
pub const PROTOCOLS: &[&str] = &["gtfs_rt", "siri_vm"];

/// Most bytes of one answer: 10,000 vehicles in XML.
const MOST: u64 = 32 * 1024 * 1024;
const PATIENCE: Duration = Duration::from_secs(15);

/// One operator's server, and what was taken from it.
pub struct Feed {
    settings: FeedSettings,
    protocol: &'static Protocol,
    agent: ureq::Agent,
    shown: String,
    etag: Option<String>,
    modified: Option<String>,
    /// Servers repeat a position until there is a newer one. At most [`VEHICLES_MAX`], each for an hour: what is forgotten is passed on once
    /// more if it comes again, and the hall drops it.
    taken: HashMap<VehicleId, Taken>,
    left_out: Quiet,
}

/// What was taken last of a vehicle.
#[derive(Debug, Clone, Default)]
struct Taken {
    at: Option<UtcMillis>,
    /// A position whose time was still to come. It says nothing about which later ones are new.
    ahead: Option<UtcMillis>,
    /// When the vehicle was in an answer.
    seen: UtcMillis,
}

/// A clock that is set right is not further ahead of ours.
const AHEAD: DurationMs = DurationMs(60_000);
/// A vehicle that is in no answer for so long is forgotten: some servers give vehicles new names each day.
const FORGOTTEN_AFTER: DurationMs = DurationMs(3_600_000);
/// Positions that are taken of one answer, and vehicles that are remembered: ten times as many as any operator has.
const POSITIONS_MAX: usize = 20_000;
const VEHICLES_MAX: usize = POSITIONS_MAX;

/// Forgets who was not seen for long; of more than `most` also who was seen longest ago.
fn forget(taken: &mut HashMap<VehicleId, Taken>, most: usize, now: UtcMillis) {
    taken.retain(|_, taken| taken.seen + FORGOTTEN_AFTER > now);
    let Some(over) = taken.len().checked_sub(most + 1) else { return };
    let mut seen: Vec<UtcMillis> = taken.values().map(|taken| taken.seen).collect();
    let (_, last, _) = seen.select_nth_unstable(over);
    let last = *last;
    taken.retain(|_, taken| taken.seen > last);
}

/// Leaves the first `most`, and says where there were more.
fn first<T>(all: &mut Vec<T>, most: usize) -> Option<String> {
    let count = all.len();
    all.truncate(most);
    (count > most).then(|| format!("of {count} positions the first {most} are taken"))
}

impl Taken {
    /// Whether a position of `at` is new; then it is what was taken last.
    fn take(&mut self, at: UtcMillis, received: UtcMillis) -> bool {
        self.seen = received;
        if self.ahead == Some(at) || self.at.is_some_and(|last| at <= last) {
            return false;
        }
        let taken = if at > received + AHEAD { &mut self.ahead } else { &mut self.at };
        *taken = Some(at);
        true
    }
}

/// What one request brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Polled {
    /// The server said that nothing has changed.
    Unchanged,
    /// Positions that were new, of all that there were.
    Taken { new: usize, of: usize },
}

impl Feed {
    /// # Errors
    /// [`FeedError::Protocol`] when the name is not known.
    pub fn new(settings: FeedSettings) -> Result<Self, FeedError> {
        let protocol = protocols::named(&settings.protocol).map_err(FeedError::Protocol)?;
        let shown = settings.url.split('?').next().unwrap_or("").to_owned();
        let config = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).build();
        let (agent, taken) = (config.into(), HashMap::new());
        let left_out = Quiet::default();
        Ok(Self { settings, protocol, agent, shown, etag: None, modified: None, taken, left_out })
    }

    /// Asks until `stop`.
    ///
    /// # Errors
    /// [`FeedError`] for the first request that fails; the supervisor begins again.
    pub async fn run(
        &mut self,
        sink: &dyn Sink<GpsReport>,
        clock: &dyn Clock,
        stop: &CancellationToken,
    ) -> Result<(), FeedError> {
        loop {
            let polled = tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                polled = self.poll(sink, clock) => polled?,
            };
            tracing::debug!(feed = self.shown, ?polled, "asked");
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(self.settings.every) => {}
            }
        }
    }

    /// Asks once.
    ///
    /// # Errors
    /// [`FeedError`] when the server does not answer, its answer cannot be read, or nothing can be kept. Then it is asked for
    /// everything again.
    pub async fn poll(&mut self, sink: &dyn Sink<GpsReport>, clock: &dyn Clock) -> Result<Polled, FeedError> {
        let Some(answer) = self.ask().await? else { return Ok(Polled::Unchanged) };
        let received = clock.now();
        let (fixes, left_out) = self.read(&answer.body, received)?;
        if let Some(left_out) = left_out
            && let Some(answers) = self.left_out.due(clock.elapsed())
        {
            tracing::warn!(feed = self.shown, answers, "left out: {}", line(&left_out));
        }
        let of = fixes.len();
        let (mut new, mut taken) = (Vec::new(), HashMap::new());
        for fix in fixes {
            let before = || self.taken.get(&fix.vehicle).cloned().unwrap_or_default();
            if taken.entry(fix.vehicle.clone()).or_insert_with(before).take(fix.at, received) {
                new.push(GpsReport::Fix(fix));
            }
        }
        let count = new.len();
        let kept = sink.accept_all(new).await;
        kept.map_err(|source| FeedError::NotKept { feed: self.shown.clone(), source })?;
        self.taken.extend(taken);
        forget(&mut self.taken, VEHICLES_MAX, received);
        // Only now: what was not kept must come again.
        (self.etag, self.modified) = (answer.etag, answer.modified);
        Ok(Polled::Taken { new: count, of })
    }

    /// `None` when nothing has changed.
    async fn ask(&self) -> Result<Option<Answer>, FeedError> {
        let mut request = self.agent.get(&self.settings.url);
        for (name, value) in &self.settings.headers {
            request = request.header(name, value);
        }
        if let Some(etag) = &self.etag {
            request = request.header("If-None-Match", etag);
        }
        if let Some(modified) = &self.modified {
            request = request.header("If-Modified-Since", modified);
        }
        let asking = tokio::task::spawn_blocking(move || answer(request));
        match asking.await {
            Ok(answer) => {
                let feed = self.shown.clone();
                answer.map_err(|source| FeedError::Http { feed, source: Box::new(source) })
            }
            Err(_) => Err(FeedError::GivenUp { feed: self.shown.clone() }),
        }
    }

    /// The positions of an answer, and what was left out of it.
    fn read(
        &self,
        body: &[u8],
        received: UtcMillis,
    ) -> Result<(Vec<transit::Fix>, Option<String>), FeedError> {
        let zones = Zones { otherwise: self.settings.zone, ..Zones::default() };
        let mut session = Session::new(zones, Source::Live);
        let content = |why: String| FeedError::Content { feed: self.shown.clone(), why };
        let mut message = match (self.protocol.decode)(&mut session, body, received) {
            Decoded::Message(message) => message,
            Decoded::NeedMore => return Err(content("an empty answer".to_owned())),
            Decoded::Bad { why, .. } => return Err(content(why)),
        };
        let named = |fix: protocols::Fix| {
            let device = prefixed(&self.settings.prefix, fix.device.as_deref());
            let named = protocols::Fix { device, ..fix }.named(received, self.protocol.name);
            named.map_err(|err| err.to_string())
        };
        let too_many = first(&mut message.fixes, POSITIONS_MAX);
        let kept: Kept<transit::Fix> = message.fixes.into_iter().map(named).collect();
        let left_out = too_many.or(message.warning).or_else(|| kept.warning());
        Ok((kept.good, left_out))
    }
}

/// A blank name stays none: behind the prefix it would be a vehicle's.
fn prefixed(prefix: &str, device: Option<&str>) -> Option<String> {
    let device = device.map(str::trim).filter(|device| !device.is_empty())?;
    Some(format!("{prefix}{device}"))
}

struct Answer {
    body: Vec<u8>,
    etag: Option<String>,
    modified: Option<String>,
}

const NOT_MODIFIED: u16 = 304;

fn answer(
    request: ureq::RequestBuilder<ureq::typestate::WithoutBody>,
) -> Result<Option<Answer>, ureq::Error> {
    let mut response = request.call()?;
    if response.status().as_u16() == NOT_MODIFIED {
        return Ok(None);
    }
    let header =
        |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok()).map(ToOwned::to_owned);
    let (etag, modified) = (header("etag"), header("last-modified"));
    let body = response.body_mut().with_config().limit(MOST).read_to_vec()?;
    Ok(Some(Answer { body, etag, modified }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_seen_longest_ago_is_forgotten_first() {
        let vehicle = |n: i64| VehicleId::new(format!("bus-{n}")).unwrap();
        let seen = |n: i64| (vehicle(n), Taken { seen: UtcMillis(n), ..Taken::default() });
        let left = |most: usize, now: i64| {
            let mut taken: HashMap<_, _> = (0..100).map(seen).collect();
            forget(&mut taken, most, UtcMillis(now));
            (taken.len(), taken.values().map(|taken| taken.seen.0).min())
        };
        assert_eq!(
            [left(100, 99), left(10, 99), left(1, 99)],
            [(100, Some(0)), (10, Some(90)), (1, Some(99))]
        );
        assert_eq!(left(100, FORGOTTEN_AFTER.0 + 50), (49, Some(51)));
        assert_eq!(left(10, FORGOTTEN_AFTER.0 + 99), (0, None));
    }

    #[test]
    fn of_an_endless_answer_the_first_are_taken() {
        let mut all: Vec<u32> = (0..9).collect();
        assert_eq!((first(&mut all, 9), all.len()), (None, 9));
        let told = first(&mut all, 2);
        assert_eq!((told.as_deref(), all), (Some("of 9 positions the first 2 are taken"), vec![0, 1]));
    }

    #[test]
    fn a_blank_name_stays_none_behind_a_prefix() {
        let named = |device| prefixed("north-", device);
        assert_eq!(named(Some(" 101 ")).as_deref(), Some("north-101"));
        assert_eq!([None, Some(""), Some(" ")].map(named), [None, None, None]);
    }
}
