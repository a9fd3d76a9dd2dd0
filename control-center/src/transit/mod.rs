//! The buses in the hall: fixes into the pure fleet, and what is told of it kept ready for whoever asks.

pub mod shown;
pub mod siri;
pub mod stop_page;
pub mod web;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::{Source, Zone, read};
use control_center_store::TimetableRow;
use models_domain::fix::{Limits, alone};
use models_domain::transit::fleet::{Fleet, News};
use models_domain::transit::matching::Seen;
use models_domain::transit::pace::Habit;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use models_domain::transit::vehicle::Observed;
use models_domain::transit::{Fix, finding};
use models_domain::{DurationMs, UtcMillis, VehicleId};
use time::Date;

use shown::Shown;

/// Fixes that may wait to be looked at; of more, the oldest are left out of the picture (the store has them).
pub const WAITING: usize = 200_000;
/// Buses' days begin at this local hour, when hardly any runs.
const DAY_BEGINS: DurationMs = DurationMs(3 * 3_600_000);

pub struct Transit {
    waiting: Mutex<VecDeque<Fix>>,
    inner: Mutex<Inner>,
    shown: Mutex<Arc<Shown>>,
    pub callers: Mutex<control_center_core::limits::Limits<std::net::IpAddr>>,
    salt: [u8; 16],
}

#[derive(Default)]
struct Inner {
    feeds: Feeds,
    zone_by_feed: BTreeMap<FeedId, Zone>,
    fleet: Fleet,
    plans: Vec<Arc<DayPlan>>,
    day: Option<Date>,
}

impl Transit {
    /// `salt` makes buses' public names: they tell nothing of trackers, and change at each start.
    pub fn new(salt: [u8; 16]) -> Self {
        let every = std::time::Duration::from_millis(500);
        Self {
            waiting: Mutex::default(),
            inner: Mutex::default(),
            shown: Mutex::default(),
            callers: Mutex::new(control_center_core::limits::Limits::new(40, every, 10_000)),
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
        // Today's buses begin anew on what is in force now, when their fixes are offered again.
        inner.fleet.new_day();
    }

    /// Looks at everything that waits; what it brought. Without a timetable nothing is followed, and nothing kept: the
    /// fixes come again out of the store when there is one.
    pub fn look(&self, now: UtcMillis) -> News {
        let fixes: Vec<Fix> = lock(&self.waiting).drain(..).collect();
        let mut inner = lock(&self.inner);
        inner.turn_the_day(now);
        let Some(begin) = inner.day_begin(now) else { return News::default() };
        let limits = Limits::default();
        let mut batch_by_vehicle: BTreeMap<VehicleId, Vec<Observed>> = BTreeMap::new();
        for fix in fixes {
            if fix.at >= begin && alone(&fix, &limits).is_none() {
                batch_by_vehicle.entry(fix.vehicle.clone()).or_default().push(observed(&fix));
            }
        }
        let mut news = News::default();
        let Inner { fleet, plans, zone_by_feed, .. } = &mut *inner;
        for (vehicle, batch) in batch_by_vehicle {
            let mut told = fleet.absorb(plans, &vehicle, &batch, |feed, at| habit(zone_by_feed, feed, at));
            news.passings.append(&mut told.passings);
            news.events.append(&mut told.events);
        }
        news
    }

    /// Makes anew what is told to the outside.
    pub fn tell(&self, now: UtcMillis) {
        let mut inner = lock(&self.inner);
        let Inner { fleet, plans, zone_by_feed, .. } = &mut *inner;
        let events = fleet.look_for_missing(plans, now);
        for event in events {
            tracing::debug!(finding = event.finding.name(), run = ?event.run, "a run");
        }
        let until = UtcMillis(now.0 + 90 * 60_000);
        let outlooks = fleet.outlook(plans, now, until, |feed, at| habit(zone_by_feed, feed, at));
        for outlook in outlooks.iter().filter(|o| o.vehicle.is_some()) {
            fleet.accuracy.told(&outlook.plan.feed, &outlook.arrivals, now);
        }
        fleet.accuracy.forget(now);
        let name = |vehicle: &VehicleId| self.public_name(vehicle);
        let shown = Shown::new(fleet, plans, &outlooks, zone_by_feed, now, name);
        *lock(&self.shown) = Arc::new(shown);
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
            self.fleet.new_day();
        }
        self.day = Some(today);
        let days = [today.previous_day(), Some(today), today.next_day()];
        let ids: Vec<FeedId> = self.feeds.ids().cloned().collect();
        let plans = ids.iter().flat_map(|id| days.iter().flatten().map(move |day| (id, *day)));
        self.plans = plans.filter_map(|(id, day)| self.feeds.plan(id, day)).map(Arc::new).collect();
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
