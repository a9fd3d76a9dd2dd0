//! Many buses that nobody signed on, in whatever order what they report comes: late, doubled, with a restart between. In the end
//! all is as if it had come at once and in order.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::Arc;

use models_domain::VehicleId;
use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::assign::SignOn;
use models_domain::transit::claims::Record;
use models_domain::transit::day::{BusDay, News};
use models_domain::transit::finding::Finding;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::matching::Seen;
use models_domain::transit::pace::{DayKind, Habit};
use models_domain::transit::plan::DayPlan;
use models_domain::transit::settle::{Day, Made, settle};
use models_domain::transit::shape::Shape;
use models_domain::transit::timetable::*;
use models_domain::transit::vehicle::Observed;
use models_domain::units::{Degrees, DurationMs, Meters, MetersPerSecond, UtcMillis};
use time::macros::date;

const METER: f64 = 1.0 / 111_195.0;
const DAY: UtcMillis = UtcMillis(1_772_409_600_000);
const EIGHT_S: i32 = 28_800;
const EVERY_S: i32 = 300;
const BUSES: usize = 14;
const PACE: f64 = 6.0;

/// Numbers by chance (Vigna's splitmix64).
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % end
    }
}

fn earth((east, north): (f64, f64)) -> LatLon {
    LatLon::new(21.0 + north * METER, 105.8 + east * METER / 21.0_f64.to_radians().cos())
}

/// Two routes that leave one place along one street and part after 3 km; a run of each every five minutes.
fn city() -> Vec<Arc<DayPlan>> {
    let mut table = Timetable::default();
    table.agencies.push(Agency { id: "a".into(), name: "Xe".into() });
    let service = Service { added: vec![date!(2026 - 03 - 02)], ..Service::default() };
    table.services_by_id.insert("w".into(), service);
    for (route, end) in [("32", (5_000.0, 0.0)), ("34", (3_000.0, 2_000.0))] {
        let index = table.routes.len();
        let (short_name, long_name) = (route.to_owned(), String::new());
        table.routes.push(Route { id: route.into(), agency: 0, short_name, long_name });
        let shape = Shape::new([(0.0, 0.0), (3_000.0, 0.0), end].map(earth).to_vec());
        let stops: Vec<PatternStop> = (0..=10)
            .map(|i| {
                let along = Meters((500.0 * f64::from(i)).min(shape.length().0));
                let (id, stop) = (StopId(format!("{route}-{i}")), table.stops.len());
                let (code, name) = (String::new(), String::new());
                table.stops.push(Stop { id, code, name, position: shape.at(along) });
                PatternStop { stop, along }
            })
            .collect();
        for n in 0..BUSES as i32 {
            let begins_s = EIGHT_S + n * EVERY_S;
            let call = |(stop, sequence): (&PatternStop, u32)| {
                let arrive_s = begins_s + (stop.along.0 / PACE) as i32;
                Call { sequence, arrive_s, depart_s: arrive_s, timepoint: false, may_board: true }
            };
            table.trips.push(Trip {
                id: TripId(format!("{route}-{n}")),
                pattern: index,
                service: "w".into(),
                headsign: route.into(),
                block: None,
                calls: stops.iter().zip(1..).map(call).collect(),
                frequencies: vec![],
            });
        }
        table.patterns.push(Pattern { route: index, direction: Some(0), stops, shape, coarse: false });
    }
    let day = ServiceDay { date: date!(2026 - 03 - 02), start: DAY };
    vec![Arc::new(DayPlan::new("f".into(), Arc::new(table), day))]
}

/// What all buses report: each does one run, up to four and a half minutes late, nearly as much as lies between two.
fn reports(plans: &[Arc<DayPlan>]) -> BTreeMap<VehicleId, Vec<Observed>> {
    let (mut chance, mut all) = (Chance(5), BTreeMap::new());
    for run in 0..plans[0].runs.len() {
        let (table, r) = (&plans[0].timetable, &plans[0].runs[run]);
        let shape = &table.pattern(r).shape;
        let late_s = chance.below(300) as i64 - 30;
        let leaves = table.departs(r, 0) + DurationMs(late_s * 1000);
        let every = DurationMs(10_000 + 1_000 * chance.below(10) as i64);
        let mut at = leaves - DurationMs(180_000 + chance.below(20_000) as i64);
        let pace = PACE * (0.9 + chance.below(20) as f64 / 100.0);
        let mut list = Vec::new();
        while at.since(leaves).seconds() < shape.length().0 / pace + 60.0 {
            let along = Meters((at.since(leaves).seconds().max(0.0) * pace).min(shape.length().0));
            let place = shape.at(along);
            let mut noise = || (chance.below(20) as f64 - 10.0) * METER;
            let position = LatLon::new(place.lat.0 + noise(), place.lon.0 + noise());
            let moves = at >= leaves && along.0 < shape.length().0;
            let seen = Seen {
                at,
                position,
                speed: MetersPerSecond(if moves { pace } else { 0.0 }),
                course: moves.then_some(Degrees(if along.0 > 3_000.0 && run % 2 == 1 { 0.0 } else { 90.0 })),
            };
            list.push(Observed {
                placed: true,
                seen,
                doors_open: None,
                engine_on: None,
                sos: false,
                signed: None,
            });
            at = at + every;
        }
        all.insert(format!("bus-{run:02}").parse().unwrap(), list);
    }
    all
}

fn habit(_: &FeedId, _: UtcMillis) -> Habit {
    Habit { day: DayKind::Workday, hour: 8 }
}

/// A hall in small: what it stores, what it keeps of each bus, and whose day is due.
struct Hall {
    plans: Vec<Arc<DayPlan>>,
    fleet: Fleet,
    stored: BTreeMap<VehicleId, BTreeMap<UtcMillis, Observed>>,
    kept: BTreeMap<VehicleId, News>,
    due: BTreeSet<VehicleId>,
    reckoned: usize,
}

impl Hall {
    fn new(plans: &[Arc<DayPlan>]) -> Self {
        let (fleet, stored, kept, due) = Default::default();
        Self { plans: plans.to_vec(), fleet, stored, kept, due, reckoned: 0 }
    }

    fn take(&mut self, vehicle: &VehicleId, batch: &[Observed]) {
        let stored = self.stored.entry(vehicle.clone()).or_default();
        let newest = self.fleet.day(vehicle).and_then(BusDay::newest);
        for observed in batch {
            let fresh = !stored.contains_key(&observed.seen.at);
            stored.entry(observed.seen.at).or_insert_with(|| observed.clone());
            if fresh && newest.is_some_and(|newest| observed.seen.at <= newest) {
                self.due.insert(vehicle.clone());
            }
        }
        let news = self.fleet.absorb(&self.plans, vehicle, batch, habit);
        self.kept.entry(vehicle.clone()).or_default().append(news);
    }

    /// Makes one day anew, whatever becomes of others.
    fn reckon(&mut self, vehicle: &VehicleId) {
        let reports: Vec<Observed> = self.stored[vehicle].values().cloned().collect();
        let among = (&self.fleet.limits, Some(&self.fleet.claims()));
        let (day, news) = BusDay::of_among(vehicle.clone(), &self.plans, &reports, among);
        self.put(vec![Made { day, news, record: Record::default() }]);
    }

    fn put(&mut self, made: Vec<Made>) {
        self.reckoned += made.len();
        self.kept.extend(made.iter().map(|made| (made.day.bus.id.clone(), made.news.clone())));
        self.fleet.replace(made, habit);
    }

    /// Makes anew what is due, and all whom that disturbs.
    fn settle(&mut self) {
        loop {
            self.due.extend(self.fleet.take_disturbed().into_keys());
            let (due, mut claims) = (std::mem::take(&mut self.due), self.fleet.claims());
            if due.is_empty() {
                return;
            }
            let (from, until) = (DAY, DAY + DurationMs(12 * 3_600_000));
            let limits = self.fleet.limits.clone();
            let day = Day { plans: &self.plans, limits: &limits, from, until };
            let reports = |vehicle: &VehicleId, from, to| {
                Ok::<_, Infallible>(self.stored[vehicle].range(from..to).map(|(_, o)| o.clone()).collect())
            };
            let made = settle(day, &mut claims, due, reports).unwrap();
            self.put(made);
            assert_eq!(self.fleet.claims(), claims, "what was settled is so");
        }
    }

    fn restart(&mut self) {
        let stored = std::mem::take(&mut self.stored);
        let due = stored.keys().cloned().collect();
        *self = Self { stored, due, ..Self::new(&self.plans) };
        self.settle();
    }
}

/// In batches of up to two minutes, most there at once, some up to twenty minutes late, many doubled.
fn arrivals(all: &BTreeMap<VehicleId, Vec<Observed>>, seed: u64) -> Vec<(VehicleId, Vec<Observed>)> {
    let (mut chance, mut list) = (Chance(seed), Vec::new());
    for (vehicle, reports) in all {
        for batch in reports.chunks(1 + chance.below(8) as usize) {
            let sent = batch.last().unwrap().seen.at;
            for _ in 0..=chance.below(2) {
                let late_ms =
                    if chance.below(3) == 0 { chance.below(1_200_000) } else { chance.below(3_000) };
                let mut batch = batch.to_vec();
                if chance.below(2) == 0 {
                    batch.reverse();
                }
                list.push((sent + DurationMs(late_ms as i64), vehicle.clone(), batch));
            }
        }
    }
    list.sort_by_key(|(at, vehicle, _)| (*at, vehicle.clone()));
    list.into_iter().map(|(_, vehicle, batch)| (vehicle, batch)).collect()
}

fn in_order(plans: &[Arc<DayPlan>], all: &BTreeMap<VehicleId, Vec<Observed>>) -> Hall {
    let mut hall = Hall::new(plans);
    let mut list: Vec<_> = all.iter().flat_map(|(v, reports)| reports.iter().map(move |o| (v, o))).collect();
    list.sort_by_key(|(vehicle, o)| (o.seen.at, *vehicle));
    list.into_iter().for_each(|(vehicle, o)| hall.take(vehicle, std::slice::from_ref(o)));
    hall
}

fn same(one: &Hall, other: &Hall) -> bool {
    let days = one.stored.keys().all(|v| one.fleet.day(v) == other.fleet.day(v));
    let news = one.kept.keys().eq(other.kept.keys())
        && one.kept.iter().all(|(v, news)| {
            let sorted = |news: &News| {
                let mut events: Vec<String> = news.events.iter().map(|e| format!("{e:?}")).collect();
                let mut passings: Vec<String> = news.passings.iter().map(|p| format!("{p:?}")).collect();
                events.sort();
                passings.sort();
                (events, passings)
            };
            sorted(news) == sorted(&other.kept[v])
        });
    days && news && one.fleet.claims() == other.fleet.claims() && one.fleet.pace == other.fleet.pace
}

#[test]
fn in_whatever_order_reports_of_all_buses_come_the_end_is_the_same() {
    let plans = city();
    let all = reports(&plans);
    let mut want = in_order(&plans, &all);
    assert!(want.fleet.take_disturbed().is_empty(), "what comes in order and in time disturbs nobody");
    let right = want.kept.iter().filter(|(vehicle, news)| {
        let run: usize = vehicle.as_str()[4..].parse().unwrap();
        news.passings.len() > 8 && news.passings.iter().all(|p| p.run == plans[0].key(run))
    });
    let right = right.count();
    assert!(right > BUSES, "{right} are on their own runs");
    let mut otherwise = 0;
    for seed in 0..6 {
        let mut hall = Hall::new(&plans);
        let arrivals = arrivals(&all, seed);
        for (n, (vehicle, batch)) in arrivals.iter().enumerate() {
            hall.take(vehicle, batch);
            if n % 40 == 0 {
                hall.settle();
            }
            if seed % 2 == 1 && n == arrivals.len() / 2 {
                hall.restart();
            }
        }
        hall.settle();
        assert!(same(&hall, &want), "seed {seed}: the order in which reports came made a difference");
        // Each bus's own day made anew does not suffice.
        let mut alone = Hall::new(&plans);
        arrivals.iter().for_each(|(vehicle, batch)| alone.take(vehicle, batch));
        std::mem::take(&mut alone.due).iter().for_each(|vehicle| alone.reckon(vehicle));
        otherwise += usize::from(!same(&alone, &want));
    }
    assert!(otherwise > 0, "this test tells nothing");
}

#[test]
fn of_two_of_a_moment_that_differ_in_one_thing_the_same_is_taken_whichever_stands_first() {
    let plans = city();
    let (vehicle, list) = reports(&plans).pop_first().unwrap();
    let changes: [fn(&mut Observed); 4] = [
        |o| o.seen.course = Some(Degrees(200.0)),
        |o| o.signed = Some(SignOn { route: Some("34".into()), ..SignOn::default() }),
        |o| o.doors_open = Some(true),
        |o| o.seen.speed = MetersPerSecond(1.0),
    ];
    let limits = Fleet::default().limits;
    for change in changes {
        let mut twins = list.clone();
        twins.iter_mut().for_each(change);
        let pairs = |one: &[Observed], other: &[Observed]| -> Vec<Observed> {
            one.iter().zip(other).flat_map(|(a, b)| [a.clone(), b.clone()]).collect()
        };
        let day = |reports: &[Observed]| BusDay::of(vehicle.clone(), &plans, reports, &limits);
        assert_eq!(day(&pairs(&list, &twins)), day(&pairs(&twins, &list)));
    }
}

#[test]
fn all_begun_anew_end_as_they_were() {
    let plans = city();
    let all = reports(&plans);
    let want = in_order(&plans, &all);
    let mut hall = Hall::new(&plans);
    for (vehicle, reports) in &all {
        let list = reports.iter().map(|o| (o.seen.at, o.clone())).collect();
        hall.stored.insert(vehicle.clone(), list);
    }
    hall.restart();
    assert_eq!(hall.reckoned, all.len(), "each once");
    assert!(same(&hall, &want), "a restart made a difference");
}

#[test]
fn what_all_buses_reported_in_a_minute_disturbs_nobody_though_it_comes_at_once() {
    let plans = city();
    let all = reports(&plans);
    let want = in_order(&plans, &all);
    let mut by_minute: BTreeMap<i64, Vec<(VehicleId, Observed)>> = BTreeMap::new();
    for (vehicle, o) in all.iter().flat_map(|(v, reports)| reports.iter().map(move |o| (v, o))) {
        let minute = o.seen.at.0.div_euclid(60_000);
        by_minute.entry(minute).or_default().push((vehicle.clone(), o.clone()));
    }
    let (mut hall, mut one_by_one) = (Hall::new(&plans), Hall::new(&plans));
    for minute in by_minute.into_values() {
        minute.iter().for_each(|(vehicle, o)| one_by_one.take(vehicle, std::slice::from_ref(o)));
        for (vehicle, news) in hall.fleet.absorb_all(&plans, minute, habit) {
            hall.kept.entry(vehicle).or_default().append(news);
        }
    }
    assert_eq!(hall.fleet.take_disturbed(), BTreeMap::new());
    assert!(same(&want, &hall), "second by second it was otherwise");
    assert!(!one_by_one.fleet.take_disturbed().is_empty(), "this test tells nothing");
}

#[test]
fn a_run_that_nobody_is_seen_on_is_told_where_others_of_its_route_report() {
    let plans = city();
    let mut all = reports(&plans);
    for (vehicle, list) in &mut all {
        let run: usize = vehicle.as_str()[4..].parse().unwrap();
        let trip = Some(plans[0].key(run).trip);
        list.iter_mut().for_each(|o| o.signed = Some(SignOn { trip: trip.clone(), ..SignOn::default() }));
    }
    let gone = plans[0].key(8);
    let told = |silent_from_s: i64| {
        let mut list: Vec<(&VehicleId, &Observed)> = all
            .iter()
            .filter(|(vehicle, _)| vehicle.as_str() != "bus-08")
            .flat_map(|(vehicle, list)| list.iter().map(move |o| (vehicle, o)))
            .filter(|(_, o)| o.seen.at < DAY + DurationMs(silent_from_s * 1000))
            .collect();
        list.sort_by_key(|(vehicle, o)| (o.seen.at, *vehicle));
        let (mut fleet, mut told, mut tick) = (Fleet::default(), Vec::new(), DAY + DurationMs(28_800_000));
        for (vehicle, o) in list {
            while tick < o.seen.at {
                told.extend(fleet.look_for_missing(&plans, tick));
                tick = tick + DurationMs(60_000);
            }
            fleet.absorb(&plans, vehicle, std::slice::from_ref(o), habit);
        }
        for _ in 0..30 {
            told.extend(fleet.look_for_missing(&plans, tick));
            tick = tick + DurationMs(60_000);
        }
        told
    };
    let events = told(i64::from(EIGHT_S) + 3 * 3_600);
    let unseen: Vec<_> = events.iter().filter(|e| e.run.as_ref().unwrap().1 == gone).collect();
    assert_eq!(
        unseen.iter().map(|e| e.phase).collect::<Vec<_>>(),
        [Phase::Begun, Phase::Ended],
        "{unseen:#?}"
    );
    // No other run of its route has been under way for ten minutes then: there is no share of them to be told.
    assert!(unseen.iter().all(|e| e.finding == Finding::RunUnseen && e.value.is_none()), "{unseen:#?}");
    let others = events.iter().filter(|e| e.run.as_ref().unwrap().1 != gone).count();
    assert_eq!(others, 0, "{events:#?}");
    // All trackers fall silent: that says nothing of any run.
    let events = told(i64::from(EIGHT_S) + 1_500);
    assert_eq!(events, [], "the tracker may be silent as well");
}
