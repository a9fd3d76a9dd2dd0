//! `transit-feed`: buses simulated on a timetable, followed by our code, written as GTFS-realtime for a validator to judge.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::Parser;
use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::{Source, extent};
use models_domain::geo::LatLon;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::matching::Seen;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::FeedId;
use models_domain::transit::vehicle::Observed;
use models_domain::{Meters, MetersPerSecond, UtcMillis, VehicleId};
use models_wire::convert::gtfs_realtime::{alerts, trip_updates, vehicle_positions};
use prost::Message as _;
use serde_json::{Value, json};

use crate::Bench;

pub const BENCH: Bench =
    Bench { name: "transit-feed", about: "simulated buses as GTFS-realtime files, for a validator", run };

/// Writes NNN-{trip_updates,vehicle_positions,alerts}.pb, a set every 15 s, and prints {"buses","assigned","rightly",…}.
///
/// Buses are told by their positions alone: nobody signed on. Example:
/// benches/run transit-feed --gtfs shared/field/gtfs/hanoi_subset.zip --zone Asia/Ho_Chi_Minh --out /tmp/feed
#[derive(Parser)]
#[command(name = "transit-feed")]
struct Args {
    #[arg(long, value_name = "FILE")]
    gtfs: PathBuf,
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Local time of the first set; without it 10:30 on the tenth day of the calendar.
    #[arg(long, value_name = "TIME")]
    at: Option<String>,
    #[arg(long, default_value_t = 8)]
    sets: u32,
}

const EVERY_MS: i64 = 15_000;
/// Buses drive for so long before the first set.
const BEFORE_MS: i64 = 20 * 60_000;

struct Bus {
    id: VehicleId,
    plan: Arc<DayPlan>,
    run: usize,
    late_ms: i64,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let (feed, report) = control_center_gtfs::read(&mut Source::open(&args.gtfs)?, args.zone.as_deref())?;
    let feed = feed.with_context(|| format!("{}: {report}", args.gtfs.display()))?;
    let zone = feed.zone.clone();
    let (first_day, _) = extent(&feed.timetable).context("the timetable has no day")?;
    let day = first_day.saturating_add(time::Duration::days(9));
    let local = args.at.unwrap_or_else(|| format!("{day} 10:30:00"));
    let at = zone.parse_local(&local).with_context(|| format!("{local:?} is not a time"))?;
    let (id, mut feeds) = (FeedId::from("simulated"), Feeds::default());
    feeds.add(id.clone(), Version { takes_effect: first_day, feed: Arc::new(feed) });
    let plans: Vec<Arc<DayPlan>> = feeds.plans(at).into_iter().map(Arc::new).collect();
    let until = UtcMillis(at.0 + i64::from(args.sets) * EVERY_MS);
    let buses = buses(&plans, at, until)?;
    ensure!(!buses.is_empty(), "no run is under way at {local}");
    std::fs::create_dir_all(&args.out).with_context(|| format!("making {}", args.out.display()))?;
    let mut fleet = Fleet::default();
    let habit = |_: &FeedId, t| zone.habit(t);
    let mut now = at.0 - BEFORE_MS;
    let mut set = 0;
    while now < until.0 {
        for bus in &buses {
            let fix = bus.fix(UtcMillis(now));
            fix.iter().for_each(|fix| drop(fleet.absorb(&plans, &bus.id, std::slice::from_ref(fix), habit)));
        }
        if now >= at.0 {
            set += 1;
            write(&args.out, set, &mut fleet, &plans, &id, UtcMillis(now), habit)?;
        }
        now += EVERY_MS;
    }
    let working = fleet.working(until);
    let rightly = working.iter().filter(|bus| {
        let own = buses.iter().find(|b| b.id == bus.id);
        own.zip(bus.doing()).is_some_and(|(own, doing)| own.plan.key(own.run) == doing.key().1)
    });
    let same_route = working.iter().filter(|bus| {
        let own = buses.iter().find(|b| b.id == bus.id);
        own.zip(bus.doing()).is_some_and(|(own, doing)| {
            own.plan.timetable.route(&own.plan.runs[own.run]).id
                == doing.plan.timetable.route(&doing.plan.runs[doing.run]).id
        })
    });
    Ok(json!({
        "buses": buses.len(),
        "assigned": working.len(),
        "rightly": rightly.count(),
        "route_rightly": same_route.count(),
        "sets": set,
    }))
}

/// One for every run under way during the whole time, each late by its own few minutes.
fn buses(plans: &[Arc<DayPlan>], at: UtcMillis, until: UtcMillis) -> anyhow::Result<Vec<Bus>> {
    let mut buses = Vec::new();
    for plan in plans {
        for (run, r) in plan.runs.iter().enumerate() {
            if plan.timetable.departs(r, 0) < at && plan.timetable.ends(r) > until {
                let id = VehicleId::new(format!("bus-{run}"))?;
                // From one minute early to four late, the same at every run of this program.
                let late_ms = (run as i64 * 7919 % 300 - 60) * 1000;
                buses.push(Bus { id, plan: plan.clone(), run, late_ms });
            }
        }
    }
    Ok(buses)
}

impl Bus {
    fn along(&self, at: UtcMillis) -> Meters {
        let (table, run) = (&self.plan.timetable, &self.plan.runs[self.run]);
        let stops = &table.pattern(run).stops;
        let wanted = UtcMillis(at.0 - self.late_ms);
        let next = (0..stops.len()).find(|c| table.arrives(run, *c) > wanted);
        match next {
            Some(0) => Meters(0.0),
            None => stops[stops.len() - 1].along,
            Some(next) => {
                let (left, due) = (table.departs(run, next - 1).0, table.arrives(run, next).0);
                let share = ((wanted.0 - left) as f64 / (due - left).max(1) as f64).clamp(0.0, 1.0);
                let (from, to) = (stops[next - 1].along.0, stops[next].along.0);
                Meters(from + (to - from) * share)
            }
        }
    }

    fn fix(&self, at: UtcMillis) -> Option<Observed> {
        let (table, run) = (&self.plan.timetable, &self.plan.runs[self.run]);
        if at.0 + 5 * 60_000 < table.departs(run, 0).0 {
            return None;
        }
        let shape = &table.pattern(run).shape;
        let (here, before) = (self.along(at), self.along(UtcMillis(at.0 - 5_000)));
        let place = shape.at(here);
        // Up to ten metres beside the line.
        let noise = |n: i64| ((at.0 / 1000 * n + self.run as i64 * 31) % 201 - 100) as f64 * 1e-6;
        let course = shape.nearest(place, Meters(here.0 - 1.0), Meters(here.0 + 1.0)).map(|p| p.course);
        Some(Observed {
            placed: true,
            seen: Seen {
                at,
                position: LatLon::new(place.lat.0 + noise(7), place.lon.0 + noise(13)),
                speed: MetersPerSecond((here.0 - before.0) / 5.0),
                course,
            },
            doors_open: None,
            engine_on: None,
            sos: false,
            signed: None,
        })
    }
}

fn write(
    out: &Path,
    set: u32,
    fleet: &mut Fleet,
    plans: &[Arc<DayPlan>],
    feed: &FeedId,
    now: UtcMillis,
    habit: impl Fn(&FeedId, UtcMillis) -> models_domain::transit::pace::Habit,
) -> anyhow::Result<()> {
    let name = |id: &VehicleId| id.to_string();
    fleet.look_for_missing(plans, now);
    let outlooks = fleet.outlook(plans, now, UtcMillis(now.0 + 3_600_000), habit);
    let files = [
        ("trip_updates", trip_updates(&outlooks, feed, now, name)),
        ("vehicle_positions", vehicle_positions(&fleet.working(now), feed, now, name)),
        ("alerts", alerts(fleet.for_passengers(now), plans, feed, now, name)),
    ];
    for (kind, message) in files {
        let path = out.join(format!("{set:03}-{kind}.pb"));
        std::fs::write(&path, message.encode_to_vec())
            .with_context(|| format!("writing {}", path.display()))?;
    }
    Ok(())
}
