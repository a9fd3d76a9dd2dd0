//! `transit-settle`: what it costs that the order of reports makes no difference: buses' days made anew for what comes late.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Parser;
use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::{Source, Zone, extent};
use hardware_ports::{Clock, SystemClock};
use models_domain::transit::day::{BusDay, News};
use models_domain::transit::finding::Limits;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::settle::{Day, settle};
use models_domain::transit::timetable::FeedId;
use models_domain::transit::vehicle::Observed;
use models_domain::{DurationMs, Meters, UtcMillis, VehicleId};
use serde_json::{Value, json};

use crate::Bench;
use crate::driven::{AFTER, BEFORE, Chance, Driven, buses};

pub const BENCH: Bench = Bench {
    name: "transit-settle",
    about: "what it costs that the order in which buses' reports come makes no difference",
    run,
};

/// Every run of the time is driven, one after another by one bus where it begins about where that bus ended the one before; nobody
/// signs on. Prints what it takes to follow them in order; how many days are made anew, and what that takes, where of a hundred
/// reports so many are late; and what a restart at the end takes. In the end all three must tell the same.
///
/// Example: benches/run transit-settle --gtfs shared/field/gtfs/hanoi_subset.zip --zone Asia/Ho_Chi_Minh
#[derive(Parser)]
#[command(name = "transit-settle")]
struct Args {
    #[arg(long, value_name = "FILE")]
    gtfs: PathBuf,
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    /// Hours of the tenth day of the calendar.
    #[arg(long, default_value_t = 9.5)]
    from: f64,
    #[arg(long, default_value_t = 18.5)]
    to: f64,
    /// Of a hundred minutes of a bus, so many are stored by its tracker and told later.
    #[arg(long, default_value_t = 3.0)]
    late: f64,
    /// By so many minutes at most.
    #[arg(long, default_value_t = 20.0)]
    late_min: f64,
    /// Days are settled so often, in seconds.
    #[arg(long, default_value_t = 30)]
    every: i64,
}

/// Within this of where it ended a bus begins its next run.
const NEAR: Meters = Meters(500.0);

type Reports = BTreeMap<VehicleId, BTreeMap<UtcMillis, Observed>>;

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let (feed, report) = control_center_gtfs::read(&mut Source::open(&args.gtfs)?, args.zone.as_deref())?;
    let feed = feed.with_context(|| format!("{}: {report}", args.gtfs.display()))?;
    let (first_day, _) = extent(&feed.timetable).context("the timetable has no day")?;
    let date = first_day.saturating_add(time::Duration::days(9));
    let start = feed.zone.service_day(date).start;
    let hour = |h: f64| start + DurationMs((h * 3_600_000.0) as i64);
    let (from, to, zone) = (hour(args.from), hour(args.to), feed.zone.clone());
    let mut feeds = Feeds::default();
    feeds.add(FeedId::from("simulated"), Version { takes_effect: first_day, feed: Arc::new(feed) });
    let plans: Vec<Arc<DayPlan>> =
        feeds.plan(&FeedId::from("simulated"), date).into_iter().map(Arc::new).collect();
    let driven = buses(&plans, from, to, 1);
    ensure!(!driven.is_empty(), "no run is under way from {} to {} o'clock", args.from, args.to);
    let all = reports(&driven);
    let count: usize = all.values().map(BTreeMap::len).sum();
    let clock = SystemClock::new();
    let hall = |late: f64| {
        let began = clock.elapsed();
        let mut hall = Hall::new(&plans, &zone);
        let arrivals = arrivals(&all, late, args.late_min);
        hall.go(&arrivals, args.every * 1000, &clock);
        (hall, (clock.elapsed() - began).as_secs_f64())
    };
    let (in_order, in_order_s) = hall(0.0);
    let (late, late_s) = hall(args.late);
    let began = clock.elapsed();
    let mut restarted = Hall::new(&plans, &zone);
    (restarted.due, restarted.stored) = (all.keys().cloned().collect(), all);
    restarted.settle(&clock);
    let restart_s = (clock.elapsed() - began).as_secs_f64();
    let tenth = |s: f64| (s * 10.0).round() / 10.0;
    let claims = in_order.fleet.claims();
    let record = |v: &VehicleId| {
        let record = claims.record(v);
        let runs: Vec<_> = record.runs.iter().map(|(_, of_bus)| of_bus).collect();
        serde_json::to_string(&(record.asked, runs)).map_or(0, |text| text.len())
    };
    let kept: usize = in_order.stored.keys().map(record).sum();
    Ok(json!({
        "buses": in_order.stored.len(), "runs": driven.len(), "reports": count,
        "in_order": { "seconds": tenth(in_order_s), "made_anew": in_order.made },
        "late": {
            "late_percent": args.late, "seconds": tenth(late_s), "made_anew": late.made, "of_them_late": late.late,
            "settling_s": tenth(late.settling_s), "longest_s": tenth(late.longest_s), "most_at_once": late.most,
        },
        "restart": { "seconds": tenth(restart_s), "made_anew": restarted.made },
        "kept_kib_per_bus": tenth(kept as f64 / 1024.0 / in_order.stored.len() as f64),
        "same": { "late": late.same(&in_order), "restart": restarted.same(&in_order) },
    }))
}

/// By bus, by time.
fn reports(driven: &[Driven]) -> Reports {
    let mut order: Vec<&Driven> = driven.iter().collect();
    order.sort_by_key(|d| d.leaves());
    let end = |d: &Driven, last: bool| {
        let stops = &d.plan.timetable.pattern(&d.plan.runs[d.run]).stops;
        let stop = if last { stops[stops.len() - 1] } else { stops[0] };
        d.plan.timetable.stops[stop.stop].position
    };
    let mut free: Vec<(UtcMillis, &Driven, VehicleId)> = Vec::new();
    let mut all = Reports::new();
    for bus in order {
        let begins = bus.leaves() - BEFORE;
        let near = |(from, before, _): &(UtcMillis, &Driven, VehicleId)| {
            *from < begins && end(before, true).distance(end(bus, false)).0 < NEAR.0
        };
        let id = free.iter().position(near).map_or(bus.id.clone(), |place| free.swap_remove(place).2);
        free.push((bus.ends() + AFTER, bus, id.clone()));
        all.entry(id).or_default().extend(bus.reports().into_iter().map(|o| (o.seen.at, o)));
    }
    all
}

/// Minutes of buses, in the order in which they come.
fn arrivals(all: &Reports, late: f64, late_min: f64) -> Vec<(UtcMillis, VehicleId, Vec<Observed>)> {
    let mut chance = Chance(11);
    let mut list = Vec::new();
    for (vehicle, reports) in all {
        let mut batches: BTreeMap<(i64, i64), Vec<Observed>> = BTreeMap::new();
        let (mut minute, mut late_ms) = (0, 0);
        for (at, o) in reports {
            if at.0 / 60_000 != minute {
                minute = at.0 / 60_000;
                let is_late = chance.between(0.0, 100.0) < late;
                late_ms = if is_late { (chance.between(0.5, late_min) * 60_000.0) as i64 } else { 0 };
            }
            // What is stored comes at once; else each report comes by itself, within seconds.
            let group = if late_ms > 0 {
                minute * 60_000 + 60_000 + late_ms
            } else {
                at.0 + chance.between(0.0, 3_000.0) as i64
            };
            batches.entry((group, minute)).or_default().push(o.clone());
        }
        list.extend(batches.into_iter().map(|((at, _), batch)| (UtcMillis(at), vehicle.clone(), batch)));
    }
    list.sort_by(|a, b| (a.0, &a.1).cmp(&(b.0, &b.1)));
    list
}

/// A hall in small.
struct Hall {
    plans: Vec<Arc<DayPlan>>,
    zone: Zone,
    fleet: Fleet,
    stored: Reports,
    kept: BTreeMap<VehicleId, News>,
    due: BTreeSet<VehicleId>,
    made: usize,
    late: usize,
    most: usize,
    settling_s: f64,
    longest_s: f64,
}

impl Hall {
    fn new(plans: &[Arc<DayPlan>], zone: &Zone) -> Self {
        let (fleet, stored, kept, due) = Default::default();
        let (plans, zone) = (plans.to_vec(), zone.clone());
        let (made, late, most, settling_s, longest_s) = (0, 0, 0, 0.0, 0.0);
        Self { plans, zone, fleet, stored, kept, due, made, late, most, settling_s, longest_s }
    }

    fn go(&mut self, arrivals: &[(UtcMillis, VehicleId, Vec<Observed>)], every_ms: i64, clock: &SystemClock) {
        let mut next = UtcMillis(0);
        for (at, vehicle, batch) in arrivals {
            if *at > next {
                self.settle(clock);
                next = UtcMillis(at.0 + every_ms);
            }
            let newest = self.fleet.day(vehicle).and_then(BusDay::newest);
            if batch.iter().any(|o| newest.is_some_and(|newest| o.seen.at <= newest))
                && self.due.insert(vehicle.clone())
            {
                self.late += 1;
            }
            self.stored
                .entry(vehicle.clone())
                .or_default()
                .extend(batch.iter().map(|o| (o.seen.at, o.clone())));
            let zone = &self.zone;
            let news = self.fleet.absorb(&self.plans, vehicle, batch, |_, at| zone.habit(at));
            self.kept.entry(vehicle.clone()).or_default().append(news);
        }
        self.settle(clock);
    }

    fn settle(&mut self, clock: &SystemClock) {
        loop {
            self.due.extend(self.fleet.take_disturbed().into_keys());
            if self.due.is_empty() {
                return;
            }
            let began = clock.elapsed();
            let (mut claims, due) = (self.fleet.claims(), std::mem::take(&mut self.due));
            let (firsts, lasts) =
                (self.stored.values().filter_map(|r| r.keys().next()), self.stored.values());
            let from = firsts.min().copied().unwrap_or_default();
            let until =
                lasts.filter_map(|r| r.keys().last()).max().copied().unwrap_or_default() + DurationMs(1);
            let limits = Limits::default();
            let day = Day { plans: &self.plans, limits: &limits, from, until };
            let reports = |vehicle: &VehicleId, from: UtcMillis, to: UtcMillis| {
                let all = self.stored.get(vehicle).into_iter().flat_map(|r| r.range(from..to));
                Ok::<_, Infallible>(all.map(|(_, o)| o.clone()).collect())
            };
            let Ok(made) = settle(day, &mut claims, due, reports);
            (self.made, self.most) = (self.made + made.len(), self.most.max(made.len()));
            self.kept.extend(made.iter().map(|made| (made.day.bus.id.clone(), made.news.clone())));
            let zone = &self.zone;
            self.fleet.replace(made, |_, at| zone.habit(at));
            let took_s = (clock.elapsed() - began).as_secs_f64();
            (self.settling_s, self.longest_s) = (self.settling_s + took_s, self.longest_s.max(took_s));
        }
    }

    /// Whether every bus did the same, passed the same stops, and the same was found of it.
    fn same(&self, other: &Self) -> bool {
        let sorted = |news: &News| {
            let mut passings: Vec<_> = news.passings.iter().map(|p| (p.at, p.call, p.run.clone())).collect();
            let mut events: Vec<_> =
                news.events.iter().map(|e| (e.at, e.began, e.finding, e.run.clone())).collect();
            passings.sort();
            events.sort();
            (passings, events)
        };
        self.kept.len() == other.kept.len()
            && self.kept.iter().all(|(v, news)| {
                self.fleet.day(v) == other.fleet.day(v)
                    && other.kept.get(v).is_some_and(|o| sorted(news) == sorted(o))
            })
    }
}
