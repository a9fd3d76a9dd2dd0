//! The buses in the hall: fixes into the pure fleet, and what is told of it kept ready for whoever asks.
//!
//! Live fixes are looked at as they come. What comes late for its bus is passed over here; the store has made that day due, and
//! `tasks/bus_days.rs` has it reckoned anew from everything that is kept (`anew`), and so is every other bus that was judged by it.

mod anew;
mod by_vehicle;
mod calls;
pub mod downloads;
mod history;
pub mod live;
mod names;
mod news;
pub mod planned;
pub mod ready;
pub mod reports;
pub mod resumed;
mod sheet;
pub mod shown;
pub mod siri;
pub mod space_time;
pub mod stop_page;
pub mod supervise;
pub mod traffic;
mod turns;
mod unkept;
pub mod web;
mod window;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use control_center_gtfs::Zone;
use control_center_store::{BusEvent, BusNews, Span, TimetableRow};
use models_domain::fix::call;
use models_domain::signal::bus_priority::Setup;
use models_domain::signal::bus_priority::coming::{Coming, coming};
use models_domain::transit::accuracy::Accuracy;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::matching::Seen;
use models_domain::transit::pace::{Learner, Pace};
use models_domain::transit::passing::Passing;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use models_domain::transit::vehicle::Observed;
use models_domain::transit::{Fix, finding};
use models_domain::{UtcMillis, VehicleId};
use time::Date;

pub use anew::{Anew, Passed, Reported};
use calls::{Calls, call_of};
use planned::Planned;
use ready::Ready;
use shown::Shown;
use supervise::Supervised;
use traffic::{Known, Traffic};
use unkept::Unkept;
use window::Window;

/// Fixes that may wait to be looked at; of more, the oldest are left out of the picture until their day is reckoned anew.
const WAITING: usize = 200_000;

/// So many reports and downloads are made at once: each reads millions of rows, and buses must still be followed.
const HEAVY: usize = 2;
const TURN: Duration = Duration::from_secs(5);
pub const BUSY: &str =
    "a report or download of yours, or two of others, are being made already; try again when one is done";

pub struct Transit {
    waiting: Mutex<Waiting>,
    planned: Mutex<Arc<Planned>>,
    /// Locked while buses are thought of: never where calls are answered.
    live: Mutex<Live>,
    pub unkept: Unkept,
    /// Lists that take long.
    pub ready: Ready,
    /// Days that are over and lately had a bus made anew.
    former: Mutex<Vec<anew::Former>>,
    /// Buses that are to be made anew, for others turned out to do something else; and when, which says on which day.
    disturbed: Mutex<BTreeSet<(VehicleId, UtcMillis)>>,
    /// Today's buses have begun: none of them is made anew alone before.
    begun: AtomicBool,
    shown: Mutex<Arc<Shown>>,
    supervised: Mutex<Arc<Supervised>>,
    /// Which findings viewers were told of.
    pub told: Mutex<live::Told>,
    pub callers: Mutex<control_center_core::limits::Limits<std::net::IpAddr>>,
    heavy: turns::Turns,
    limits: finding::Limits,
    salt: [u8; 16],
}

#[derive(Default)]
struct Waiting {
    fixes: VecDeque<Fix>,
    left_out: BTreeSet<(VehicleId, UtcMillis)>,
}

#[derive(Default)]
struct Live {
    fleet: Fleet,
    window_by_vehicle: BTreeMap<VehicleId, Window>,
    traffic: Traffic,
    /// Calls for help of buses that are not followed.
    calls: Calls,
    /// Roads of former timetables.
    known: Known,
}

impl Transit {
    /// `salt` makes buses' public names: they tell nothing of trackers, and change at each start.
    pub fn new(salt: [u8; 16]) -> Self {
        // Hundreds of phones may have one address at their carrier's; what they read is made already.
        let every = Duration::from_millis(50);
        Self {
            waiting: Mutex::default(),
            planned: Mutex::default(),
            live: Mutex::default(),
            unkept: Unkept::default(),
            ready: Ready::default(),
            former: Mutex::default(),
            disturbed: Mutex::default(),
            begun: AtomicBool::new(false),
            shown: Mutex::default(),
            supervised: Mutex::default(),
            told: Mutex::default(),
            callers: Mutex::new(control_center_core::limits::Limits::new(200, every, 10_000)),
            heavy: turns::Turns::new(HEAVY),
            limits: finding::Limits::default(),
            salt,
        }
    }

    /// When buses are too fast, and stand too long with a running engine.
    #[must_use]
    pub fn with_limits(mut self, limits: finding::Limits) -> Self {
        lock(&self.live).fleet.limits = limits.clone();
        self.limits = limits;
        self
    }

    /// Takes fixes that are in the store; they are looked at within a second.
    pub fn offer(&self, fixes: impl Iterator<Item = Fix>) {
        let mut waiting = lock(&self.waiting);
        for fix in fixes {
            if waiting.fixes.len() >= WAITING
                && let Some(oldest) = waiting.fixes.pop_front()
            {
                // To the minute: so they are few.
                let minute = UtcMillis(oldest.at.0 - oldest.at.0.rem_euclid(60_000));
                waiting.left_out.insert((oldest.vehicle, minute));
            }
            waiting.fixes.push_back(fix);
        }
    }

    /// Buses and minutes of fixes that were left out since last asked: their days must be made due.
    pub fn left_out(&self) -> Vec<(VehicleId, UtcMillis)> {
        std::mem::take(&mut lock(&self.waiting).left_out).into_iter().collect()
    }

    /// They could not be made due; the next time.
    pub fn left_out_still(&self, left_out: Vec<(VehicleId, UtcMillis)>) {
        lock(&self.waiting).left_out.extend(left_out);
    }

    /// Says whether today's buses have begun on the timetables that are in force.
    pub fn set_begun(&self, begun: bool) {
        self.begun.store(begun, Ordering::Release);
    }

    pub fn has_begun(&self) -> bool {
        self.begun.load(Ordering::Acquire)
    }

    /// Reads timetables anew. Today's buses begin anew on what is in force now, when their days are reckoned again; so does what is
    /// learned.
    pub fn timetables(&self, rows: Vec<TimetableRow>, now: UtcMillis) {
        let planned = Planned::read(rows);
        let planned = planned.turned(now).unwrap_or(planned);
        let mut live = lock(&self.live);
        let (planned, _) = live.begin(planned, now);
        *lock(&self.planned) = Arc::new(planned);
        live.fleet.pace = Pace::default();
    }

    /// The timetables as they are now; nobody is waited for.
    pub fn planned(&self) -> Arc<Planned> {
        lock(&self.planned).clone()
    }

    /// When the buses' day began; `None` without a timetable.
    pub fn day_begin(&self, now: UtcMillis) -> Option<UtcMillis> {
        let planned = self.planned();
        Some(planned.span(planned.date(now)?)?.from)
    }

    /// Learns from what was kept of former days, in the order of time.
    pub fn remember(&self, learner: &mut Learner, passings: Vec<Passing>) {
        let planned = self.planned();
        let mut live = lock(&self.live);
        for passing in passings {
            let habit = planned.habit(&passing.feed, passing.at);
            learner.learn(&mut live.fleet.pace, passing, habit);
        }
    }

    /// Looks at everything that waits. Without a timetable nobody is followed, the fixes come again out of the store when there is
    /// one; calls for help are heard all the same.
    pub fn look(&self, now: UtcMillis) {
        let fixes: Vec<Fix> = lock(&self.waiting).fixes.drain(..).collect();
        let mut live = lock(&self.live);
        let before = self.planned();
        if let Some(turned) = before.turned(now) {
            let (turned, claims) = live.begin(turned, now);
            *lock(&self.planned) = Arc::new(turned);
            if let Some(date) = before.day {
                self.keep_former(date, claims);
            }
        }
        let planned = self.planned();
        let Some(today) = planned.day.and_then(|day| planned.span(day)) else {
            let events = live.calls.look(&fixes, now);
            if !events.is_empty() {
                let events = events.into_iter().map(|event| BusEvent { event, line: None }).collect();
                self.unkept.push(BusNews { events, ..BusNews::default() });
            }
            return;
        };
        let mut batch_by_vehicle: BTreeMap<VehicleId, Vec<Fix>> = BTreeMap::new();
        let of_today = |fix: &Fix| fix.at >= today.from || call(fix).is_some_and(|at| at >= today.from);
        for fix in fixes.into_iter().filter(of_today) {
            batch_by_vehicle.entry(fix.vehicle.clone()).or_default().push(fix);
        }
        let Live { fleet, window_by_vehicle, .. } = &mut *live;
        // Each bus by itself is believed or not; what they do they do among each other.
        let mut believed: Vec<(VehicleId, Observed)> = Vec::new();
        for (vehicle, batch) in batch_by_vehicle {
            let (good, calls) = window_by_vehicle.entry(vehicle.clone()).or_default().look(batch);
            let observed = good.iter().map(observed).chain(calls);
            believed.extend(observed.map(|observed| (vehicle.clone(), observed)));
        }
        let told = fleet.absorb_all(&planned.plans, believed, |feed, at| planned.habit(feed, at));
        for told in told.into_values().filter(|told| !told.is_empty()) {
            self.unkept.push(news::of_bus(told, &planned.plans));
        }
        self.disturb(fleet.take_disturbed());
    }

    /// Whose day a moment of a bus belongs to; `None` without a timetable.
    pub fn day_of(&self, at: UtcMillis) -> Option<(Date, Span)> {
        let planned = self.planned();
        let date = planned.date(at)?;
        Some((date, planned.span(date)?))
    }

    /// Makes anew what is told to passengers and to supervisors.
    pub fn tell(&self, now: UtcMillis) {
        let planned = self.planned();
        let (plans, zones) = (&planned.plans, &planned.zone_by_feed);
        let mut live = lock(&self.live);
        let fleet = &mut live.fleet;
        let ladder = fleet.ladder(now);
        let mut events = fleet.look_for_missing(plans, now);
        events.extend(fleet.look_for_bunching(plans, &ladder, now));
        let until = UtcMillis(now.0 + 90 * 60_000);
        let outlooks = fleet.outlook(plans, now, until, |feed, at| planned.habit(feed, at));
        for (source, outlook) in outlooks.iter().filter_map(|o| Some((o.source()?, o))) {
            let (plan, run) = (&outlook.plan, &outlook.plan.runs[outlook.run]);
            let of = (&plan.feed, &plan.timetable.route(run).id);
            fleet.accuracy.told(of, source, &outlook.arrivals, now);
        }
        fleet.accuracy.forget(now);
        let news = news::among(events, fleet.take_withdrawn(), plans, now);
        if news.rows() > 0 {
            self.unkept.push(news);
        }
        let name = |vehicle: &VehicleId| self.public_name(vehicle);
        let shown = Arc::new(Shown::new(fleet, plans, &outlooks, zones, now, name));
        let supervised = Arc::new(Supervised::new(fleet, plans, &ladder, zones, now));
        *lock(&self.shown) = shown;
        *lock(&self.supervised) = supervised;
    }

    /// Of each junction the buses before its stop lines, with the number of the approach. Not where calls are answered.
    pub fn coming(&self, setups: &[&Setup], now: UtcMillis) -> Vec<Vec<(usize, Coming)>> {
        let live = lock(&self.live);
        let mut all = vec![Vec::new(); setups.len()];
        for bus in live.fleet.buses() {
            for (setup, found) in setups.iter().zip(&mut all) {
                let approaches = setup.approaches.iter().enumerate();
                found.extend(approaches.filter_map(|(i, approach)| Some((i, coming(bus, approach, now)?))));
            }
        }
        all
    }

    /// Held while a report or a download is made for a user; `None` when there are too many, or one of this user's: say [`BUSY`].
    pub async fn turn(&self, user: &str) -> Option<turns::Turn> {
        tokio::time::timeout(TURN, self.heavy.turn(user)).await.ok()?
    }

    /// How good predictions are. Not where calls are answered.
    pub fn scores<T>(&self, job: impl FnOnce(&mut Accuracy) -> T) -> T {
        job(&mut lock(&self.live).fleet.accuracy)
    }

    pub fn supervised(&self) -> Arc<Supervised> {
        lock(&self.supervised).clone()
    }

    /// The plan of a feed for a service day; of today when no day is given. `None`: no such feed. Not where calls are answered: a day
    /// that is not near today is made first.
    pub fn plan(&self, feed: &FeedId, date: Option<Date>, now: UtcMillis) -> Option<Arc<DayPlan>> {
        self.planned().plan(feed, date, now)
    }

    /// Operators' zones.
    pub fn zones(&self) -> BTreeMap<FeedId, Zone> {
        self.planned().zone_by_feed.clone()
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

fn observed(fix: &Fix) -> Observed {
    Observed {
        seen: Seen { at: fix.at, position: fix.position, speed: fix.speed, course: fix.course },
        placed: true,
        doors_open: fix.told.doors_open,
        engine_on: fix.told.engine_on,
        sos: fix.told.sos,
        signed: fix.told.signed.clone(),
    }
}

/// Nothing in here is left half done by a panic that another look would not mend.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod outward_tests;
#[cfg(test)]
mod repeated_tests;
#[cfg(test)]
mod tests;
