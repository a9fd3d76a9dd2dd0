//! The buses in the hall: fixes into the pure fleet, and what is told of it kept ready for whoever asks.

pub mod downloads;
mod history;
pub mod live;
mod news;
pub mod reports;
mod sheet;
pub mod shown;
pub mod siri;
pub mod space_time;
pub mod stop_page;
pub mod supervise;
pub mod traffic;
pub mod web;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::{Source, Zone, read};
use control_center_store::{BusEventRow, BusNews, TimetableRow};
use models_domain::fix::{Limits, alone};
use models_domain::transit::fleet::Fleet;
use models_domain::transit::matching::Seen;
use models_domain::transit::pace::{Habit, Learner, Pace};
use models_domain::transit::passing::Passing;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use models_domain::transit::vehicle::Observed;
use models_domain::transit::{Fix, finding};
use models_domain::{DurationMs, UtcMillis, VehicleId};
use time::Date;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use shown::Shown;
use supervise::Supervised;
use traffic::{Known, Traffic, Unkept};

/// Fixes that may wait to be looked at; of more, the oldest are left out of the picture (the store has them).
pub const WAITING: usize = 200_000;
/// Buses' days begin at this local hour, when hardly any runs.
pub const DAY_BEGINS: DurationMs = DurationMs(3 * 3_600_000);

/// So many reports and downloads are made at once: each reads millions of rows, and buses must still be followed.
const HEAVY: usize = 2;
const TURN: Duration = Duration::from_secs(5);
pub const BUSY: &str = "two reports or downloads are being made already; try again when one is done";

pub struct Transit {
    waiting: Mutex<VecDeque<Fix>>,
    inner: Mutex<Inner>,
    shown: Mutex<Arc<Shown>>,
    supervised: Mutex<Arc<Supervised>>,
    /// Which findings viewers were told of.
    pub told: Mutex<live::Told>,
    pub callers: Mutex<control_center_core::limits::Limits<std::net::IpAddr>>,
    heavy: Arc<Semaphore>,
    salt: [u8; 16],
}

#[derive(Default)]
struct Inner {
    feeds: Feeds,
    zone_by_feed: BTreeMap<FeedId, Zone>,
    fleet: Fleet,
    plans: Vec<Arc<DayPlan>>,
    day: Option<Date>,
    traffic: Traffic,
    /// Roads of former timetables.
    known: Known,
}

impl Transit {
    /// `salt` makes buses' public names: they tell nothing of trackers, and change at each start.
    pub fn new(salt: [u8; 16]) -> Self {
        let every = Duration::from_millis(500);
        Self {
            waiting: Mutex::default(),
            inner: Mutex::default(),
            shown: Mutex::default(),
            supervised: Mutex::default(),
            told: Mutex::default(),
            callers: Mutex::new(control_center_core::limits::Limits::new(40, every, 10_000)),
            heavy: Arc::new(Semaphore::new(HEAVY)),
            salt,
        }
    }

    /// When buses are too fast, and stand too long with a running engine.
    #[must_use]
    pub fn with_limits(self, limits: finding::Limits) -> Self {
        lock(&self.inner).fleet.limits = limits;
        self
    }

    /// Takes fixes that are in the store; they are looked at within a second.
    pub fn offer(&self, fixes: impl Iterator<Item = Fix>) {
        let mut waiting = lock(&self.waiting);
        for fix in fixes {
            if waiting.len() >= WAITING {
                waiting.pop_front();
            }
            waiting.push_back(fix);
        }
    }

    /// Reads timetables anew; one that cannot be read is left out, and said.
    pub fn timetables(&self, rows: Vec<TimetableRow>) {
        let (mut feeds, mut zones) = (Feeds::default(), BTreeMap::new());
        for row in rows {
            let name = format!("{} of {}", row.feed, row.takes_effect);
            let read = Source::from_zip(row.zip, &name).and_then(|mut s| read(&mut s, row.zone.as_deref()));
            match read {
                Ok((Some(feed), _)) => {
                    zones.insert(row.feed.clone(), feed.zone.clone());
                    let version = Version { takes_effect: row.takes_effect, feed: Arc::new(feed) };
                    feeds.add(row.feed, version);
                }
                Ok((None, report)) => tracing::error!("the timetable {name} is left out: {report}"),
                Err(err) => {
                    tracing::error!("the timetable {name} is left out: {:#}", anyhow::Error::from(err));
                }
            }
        }
        let mut inner = lock(&self.inner);
        (inner.feeds, inner.zone_by_feed) = (feeds, zones);
        (inner.plans, inner.day) = (Vec::new(), None);
        // Today's buses begin anew on what is in force now, when their fixes are offered again; so does what is learned.
        inner.fleet.new_day();
        inner.fleet.pace = Pace::default();
    }

    /// Roads that were kept; those of the timetables have their names again.
    pub fn know(&self, known: Known) {
        lock(&self.inner).known = known;
    }

    /// What buses told of the roads since, to be kept.
    pub fn unkept_traffic(&self) -> Unkept {
        let mut inner = lock(&self.inner);
        let Inner { fleet, traffic, .. } = &mut *inner;
        traffic.note(fleet);
        traffic.take()
    }

    /// What is known of the roads, and the buses on them.
    pub fn traffic<T>(&self, job: impl FnOnce(&mut Traffic, &Fleet) -> T) -> T {
        let mut inner = lock(&self.inner);
        let Inner { fleet, traffic, .. } = &mut *inner;
        job(traffic, fleet)
    }

    /// When the buses' day began; `None` without a timetable.
    pub fn day_begin(&self, now: UtcMillis) -> Option<UtcMillis> {
        lock(&self.inner).day_begin(now)
    }

    /// Learns from what was kept of former days, in the order of time.
    pub fn remember(&self, learner: &mut Learner, passings: Vec<Passing>) {
        let mut inner = lock(&self.inner);
        let Inner { fleet, zone_by_feed, .. } = &mut *inner;
        for passing in passings {
            let habit = habit(zone_by_feed, &passing.feed, passing.at);
            learner.learn(&mut fleet.pace, passing, habit);
        }
    }

    /// Goes on with findings that were told before the hall started.
    pub fn resume(&self, open: Vec<BusEventRow>) {
        lock(&self.inner).fleet.resume(open.into_iter().map(|row| row.event));
    }

    /// Looks at everything that waits; what it brought, to be kept. Without a timetable nothing is followed, and nothing kept: the
    /// fixes come again out of the store when there is one.
    pub fn look(&self, now: UtcMillis) -> Vec<BusNews> {
        let fixes: Vec<Fix> = lock(&self.waiting).drain(..).collect();
        let mut inner = lock(&self.inner);
        inner.turn_the_day(now);
        let Some(begin) = inner.day_begin(now) else { return Vec::new() };
        let limits = Limits::default();
        let mut batch_by_vehicle: BTreeMap<VehicleId, Vec<Observed>> = BTreeMap::new();
        for fix in fixes {
            if fix.at >= begin && alone(&fix, &limits).is_none() {
                batch_by_vehicle.entry(fix.vehicle.clone()).or_default().push(observed(&fix));
            }
        }
        let mut news = Vec::new();
        let Inner { fleet, plans, zone_by_feed, .. } = &mut *inner;
        for (vehicle, batch) in batch_by_vehicle {
            let told = fleet.absorb(plans, &vehicle, &batch, |feed, at| habit(zone_by_feed, feed, at));
            if told.whole || !told.passings.is_empty() || !told.events.is_empty() {
                news.push(news::of_bus(vehicle, told, begin, plans));
            }
        }
        news
    }

    /// Makes anew what is told to passengers and to supervisors; what was found among buses, to be kept.
    pub fn tell(&self, now: UtcMillis) -> BusNews {
        let mut inner = lock(&self.inner);
        let Inner { fleet, plans, zone_by_feed, .. } = &mut *inner;
        let ladder = fleet.ladder(now);
        let mut events = fleet.look_for_missing(plans, now);
        events.extend(fleet.look_for_bunching(&ladder, now));
        let until = UtcMillis(now.0 + 90 * 60_000);
        let outlooks = fleet.outlook(plans, now, until, |feed, at| habit(zone_by_feed, feed, at));
        for outlook in outlooks.iter().filter(|o| o.vehicle.is_some()) {
            fleet.accuracy.told(&outlook.plan.feed, &outlook.arrivals, now);
        }
        fleet.accuracy.forget(now);
        let name = |vehicle: &VehicleId| self.public_name(vehicle);
        let shown = Shown::new(fleet, plans, &outlooks, zone_by_feed, now, name);
        *lock(&self.shown) = Arc::new(shown);
        *lock(&self.supervised) = Arc::new(Supervised::new(fleet, plans, &ladder, zone_by_feed, now));
        let events = events.into_iter().map(|event| news::with_line(event, plans)).collect();
        BusNews { events, ..BusNews::default() }
    }

    /// Held while a report or a download is made; `None` when there are too many: say [`BUSY`].
    pub async fn turn(&self) -> Option<OwnedSemaphorePermit> {
        tokio::time::timeout(TURN, self.heavy.clone().acquire_owned()).await.ok()?.ok()
    }

    pub fn supervised(&self) -> Arc<Supervised> {
        lock(&self.supervised).clone()
    }

    /// The plan of a feed for a service day; of today when no day is given. `None`: no such feed.
    pub fn plan(&self, feed: &FeedId, date: Option<Date>, now: UtcMillis) -> Option<Arc<DayPlan>> {
        let inner = lock(&self.inner);
        let date = date.or_else(|| Some(inner.zone_by_feed.get(feed)?.date(now - DAY_BEGINS)))?;
        let have = inner.plans.iter().find(|p| p.feed == *feed && p.day.date == date).cloned();
        have.or_else(|| inner.feeds.plan(feed, date).map(Arc::new))
    }

    /// Operators' zones.
    pub fn zones(&self) -> BTreeMap<FeedId, Zone> {
        lock(&self.inner).zone_by_feed.clone()
    }

    pub fn shown(&self) -> Arc<Shown> {
        lock(&self.shown).clone()
    }

    fn public_name(&self, vehicle: &VehicleId) -> String {
        use sha2::Digest;
        let mut hash = sha2::Sha256::new();
        hash.update(self.salt);
        hash.update(vehicle.as_str());
        hex::encode(&hash.finalize()[..6])
    }
}

impl Inner {
    /// Plans of the day before, the day and the day after; at the turn of the day the buses begin anew.
    fn turn_the_day(&mut self, now: UtcMillis) {
        let Some(zone) = self.zone_by_feed.values().next() else { return };
        let today = zone.date(now - DAY_BEGINS);
        if self.day == Some(today) {
            return;
        }
        if self.day.is_some() {
            self.traffic.note(&mut self.fleet);
            self.fleet.new_day();
        }
        self.day = Some(today);
        let days = [today.previous_day(), Some(today), today.next_day()];
        let ids: Vec<FeedId> = self.feeds.ids().cloned().collect();
        let plans = ids.iter().flat_map(|id| days.iter().flatten().map(move |day| (id, *day)));
        let plans = plans.filter_map(|(id, day)| self.feeds.plan(id, day)).collect();
        self.plans = self.traffic.plan(plans, &self.known, now);
    }

    fn day_begin(&self, now: UtcMillis) -> Option<UtcMillis> {
        let zone = self.zone_by_feed.values().next()?;
        Some(zone.service_day(zone.date(now - DAY_BEGINS)).start + DAY_BEGINS)
    }
}

fn habit(zones: &BTreeMap<FeedId, Zone>, feed: &FeedId, at: UtcMillis) -> Habit {
    zones.get(feed).unwrap_or(&Zone::UTC).habit(at)
}

fn observed(fix: &Fix) -> Observed {
    Observed {
        seen: Seen { at: fix.at, position: fix.position, speed: fix.speed, course: fix.course },
        doors_open: fix.told.doors_open,
        engine_on: fix.told.engine_on,
        sos: fix.told.sos,
        signed: None,
    }
}

/// Nothing in here is left half done by a panic that another look would not mend.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use models_domain::MetersPerSecond;
    use models_domain::geo::LatLon;

    use super::*;

    const NOW: UtcMillis = UtcMillis(1_764_124_200_000);

    fn fix(n: i64, position: LatLon) -> Fix {
        let at = NOW - DurationMs(n * 10_000);
        let speed = MetersPerSecond(5.0);
        let vehicle = VehicleId::new("bus-1").unwrap();
        Fix {
            vehicle,
            at,
            received: at,
            position,
            speed,
            course: None,
            altitude: None,
            valid: true,
            protocol: "gt06".into(),
            told: models_domain::transit::Told::default(),
        }
    }

    fn kept(transit: &Transit) -> usize {
        let inner = lock(&transit.inner);
        inner.fleet.day(&VehicleId::new("bus-1").unwrap()).map_or(0, |day| day.observed().count())
    }

    #[test]
    fn without_a_timetable_no_position_is_kept_in_memory() {
        let transit = Transit::new([0; 16]);
        transit.offer((0..100).map(|n| fix(n, LatLon::new(21.03, 105.85))));
        transit.look(NOW);
        assert_eq!((kept(&transit), lock(&transit.waiting).len()), (0, 0));
    }

    #[tokio::test]
    async fn only_so_many_reports_are_made_at_once() {
        let transit = Transit::new([0; 16]);
        let (first, second) = (transit.turn().await, transit.turn().await);
        assert!(first.is_some() && second.is_some());
        let third = tokio::time::timeout(Duration::from_millis(20), transit.turn());
        assert!(third.await.is_err(), "it waits for its turn");
        drop(first);
        assert!(transit.turn().await.is_some());
    }

    #[test]
    fn what_is_not_believed_is_not_followed() {
        let transit = Transit::new([0; 16]);
        lock(&transit.inner).zone_by_feed.insert(FeedId("xe".into()), Zone::UTC);
        transit.offer(
            [(0, 21.03, 105.85), (1, 0.0, 0.0)]
                .map(|(n, lat, lon)| fix(n, LatLon::new(lat, lon)))
                .into_iter(),
        );
        transit.look(NOW);
        assert_eq!(kept(&transit), 1, "nothing is at 0, 0");
    }
}
