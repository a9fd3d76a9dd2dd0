//! `transit-assign`: buses simulated on a timetable; how many of them our code puts on a run, how many rightly, and what it finds
//! of them that is not so.

mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use clap::{Parser, ValueEnum};
use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::{Source, Zone, extent};
use hardware_ports::{Clock, SystemClock};
use models_domain::transit::assign::SignOn;
use models_domain::transit::finding::Finding;
use models_domain::transit::fleet::Fleet;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::{FeedId, RunKey};
use models_domain::transit::vehicle::{Observed, Work};
use models_domain::{DurationMs, UtcMillis, VehicleId};
use serde_json::{Value, json};

use crate::Bench;
use crate::driven::{AFTER, BEFORE, Chance, Driven, buses};

pub const BENCH: Bench = Bench {
    name: "transit-assign",
    about: "which of the simulated buses are put on their run, and how soon",
    run,
};

/// Every run of the time is driven, each by a bus of its own that stands at its first stop before. Prints, by the minute and bus
/// under way, the share that is on a run, on its own run, on its own route; minutes until half of the buses are on their run; and
/// findings that cannot be so: every run has its bus, and no bus turns round on its way. `could_be_told_percent` says what somebody
/// would tell who knows the chances by which these buses were made late, from one bus or from all, so far or when they had ended.
///
/// Example: benches/run transit-assign --gtfs shared/field/gtfs/hanoi_subset.zip --zone Asia/Ho_Chi_Minh --seeds 3
#[derive(Parser)]
#[command(name = "transit-assign")]
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
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// What drivers sign on to.
    #[arg(long, value_enum, default_value_t = Signed::Nothing)]
    signed: Signed,
    /// Buses that do one run after another, wherever it begins: each is silent for a while, and jumps.
    #[arg(long)]
    jumping: bool,
    /// Of a hundred runs, so many are not driven at all.
    #[arg(long, default_value_t = 0)]
    cancelled: u64,
    /// Of a hundred buses, so many have no tracker.
    #[arg(long, default_value_t = 0)]
    unseen: u64,
    /// Prints what those that are not on their run may be doing instead.
    #[arg(long)]
    why: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Signed {
    Nothing,
    Rightly,
    /// To a run of another route.
    Wrongly,
}

#[derive(Debug, Default)]
struct Count {
    buses: usize,
    minutes: usize,
    assigned: usize,
    rightly: usize,
    route: usize,
    never: usize,
    until_right: Vec<f64>,
    findings: BTreeMap<&'static str, usize>,
    /// Runs that were not driven, and how many of them were told.
    missing: usize,
    missing_told: usize,
    unseen: Unseen,
    sure: usize,
    sure_wrongly: usize,
}

/// Runs that nobody was seen on when that was told first.
#[derive(Debug, Default)]
struct Unseen {
    /// Not driven, whether they were told to be missing or to be unseen.
    not_driven: BTreeSet<(u64, RunKey)>,
    untracked: usize,
    /// A bus with a tracker drove it; of these, beside a run of its line that nobody could be seen on.
    wrongly: usize,
    beside: usize,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let (feed, report) = control_center_gtfs::read(&mut Source::open(&args.gtfs)?, args.zone.as_deref())?;
    let feed = feed.with_context(|| format!("{}: {report}", args.gtfs.display()))?;
    let (first_day, _) = extent(&feed.timetable).context("the timetable has no day")?;
    let day = first_day.saturating_add(time::Duration::days(9));
    let start = feed.zone.service_day(day).start;
    let hour = |h: f64| start + DurationMs((h * 3_600_000.0) as i64);
    let (from, to, zone) = (hour(args.from), hour(args.to), feed.zone.clone());
    let mut feeds = Feeds::default();
    feeds.add(FeedId::from("simulated"), Version { takes_effect: first_day, feed: Arc::new(feed) });
    let plans: Vec<Arc<DayPlan>> =
        feeds.plan(&FeedId::from("simulated"), day).into_iter().map(Arc::new).collect();
    let mut count = Count::default();
    let clock = SystemClock::new();
    let (mut took_s, mut told) = (0.0, oracle::Told::default());
    for seed in 0..args.seeds {
        let mut driven = buses(&plans, from, to, seed + 1);
        ensure!(!driven.is_empty(), "no run is under way from {} to {} o'clock", args.from, args.to);
        sign(&mut driven, args.signed, seed);
        told.add(&oracle::ask(&driven, &plans[0]));
        let began = clock.elapsed();
        drive(&driven, &plans, &zone, &args, seed, &mut count);
        took_s += (clock.elapsed() - began).as_secs_f64();
    }
    count.until_right.sort_by(f64::total_cmp);
    let share = |n: usize| (n as f64 / count.minutes.max(1) as f64 * 1000.0).round() / 10.0;
    let at = |q: f64| {
        let i = (count.until_right.len() as f64 * q) as usize;
        count.until_right.get(i).map(|m| (m * 10.0).round() / 10.0)
    };
    Ok(json!({
        "buses": count.buses, "bus_minutes": count.minutes,
        "assigned_percent": share(count.assigned), "rightly_percent": share(count.rightly),
        "wrongly_percent": share(count.assigned - count.rightly), "route_rightly_percent": share(count.route),
        "sure_percent": share(count.sure), "sure_but_wrong_percent": share(count.sure_wrongly),
        "not_driven": {
            "runs": count.missing, "told": count.missing_told, "told_or_unseen": count.unseen.not_driven.len(),
        },
        "unseen": {
            "no_tracker": count.unseen.untracked, "wrongly": count.unseen.wrongly,
            "of_these_beside_one": count.unseen.beside,
        },
        "never_on_their_run": count.never,
        "minutes_until_rightly": { "p50": at(0.5), "p90": at(0.9) },
        "could_be_told_percent": told.mean(args.seeds),
        "findings": count.findings, "seconds": (took_s * 10.0).round() / 10.0,
    }))
}

fn sign(driven: &mut [Driven], signed: Signed, seed: u64) {
    let mut chance = Chance(seed.wrapping_add(99));
    let trips: Vec<_> = driven
        .iter()
        .map(|b| {
            let (table, run) = (&b.plan.timetable, &b.plan.runs[b.run]);
            (table.trip(run).id.clone(), table.route(run).id.clone())
        })
        .collect();
    for i in 0..driven.len() {
        let other = (0..50).map(|_| chance.between(0.0, trips.len() as f64) as usize);
        let trip = match signed {
            Signed::Nothing => None,
            Signed::Rightly => Some(i),
            Signed::Wrongly => other.into_iter().find(|j| trips[*j].1 != trips[i].1),
        };
        driven[i].signed = trip.map(|j| SignOn { trip: Some(trips[j].0.clone()), ..SignOn::default() });
    }
}

/// Which vehicle does a bus's run: its own, or one that has just ended another run anywhere.
fn vehicles(driven: &[Driven], jumping: bool) -> Vec<VehicleId> {
    let mut free: Vec<(UtcMillis, VehicleId)> = Vec::new();
    let mut order: Vec<usize> = (0..driven.len()).collect();
    order.sort_by_key(|i| driven[*i].leaves());
    let mut ids: Vec<VehicleId> = driven.iter().map(|b| b.id.clone()).collect();
    for i in order {
        let begins = driven[i].leaves() - BEFORE;
        if let Some(place) = free.iter().position(|(from, _)| *from < begins).filter(|_| jumping) {
            ids[i] = free.swap_remove(place).1;
        }
        free.push((driven[i].ends() + AFTER, ids[i].clone()));
    }
    ids
}

fn drive(driven: &[Driven], plans: &[Arc<DayPlan>], zone: &Zone, args: &Args, seed: u64, count: &mut Count) {
    let ids = vehicles(driven, args.jumping);
    let mut chance = Chance(seed.wrapping_add(7));
    let mut reports: Vec<(UtcMillis, usize, Observed)> = Vec::new();
    let mut seen = vec![true; driven.len()];
    let mut cancelled: BTreeSet<RunKey> = BTreeSet::new();
    for (i, bus) in driven.iter().enumerate() {
        if args.cancelled > 0 && chance.between(0.0, 100.0) < args.cancelled as f64 {
            cancelled.insert(bus.plan.key(bus.run));
            seen[i] = false;
            continue;
        }
        seen[i] = chance.between(0.0, 100.0) >= args.unseen as f64;
        if seen[i] {
            reports.extend(bus.reports().into_iter().map(|o| (o.seen.at, i, o)));
        }
    }
    reports.sort_by_key(|(at, i, _)| (*at, *i));
    let Some(first) = reports.first().map(|(at, ..)| *at) else { return };
    let mut fleet = Fleet::default();
    let mut right_at: Vec<Option<UtcMillis>> = vec![None; driven.len()];
    let (mut tick, mut missing) = (first, 0);
    for (at, i, observed) in &reports {
        while tick < *at {
            for (b, bus) in driven.iter().enumerate().filter(|(b, _)| seen[*b]) {
                sample(&fleet, bus, &ids[b], tick, args.why, &mut right_at[b], count);
            }
            for event in fleet.look_for_missing(plans, tick).iter().filter(|e| is_begun(e)) {
                let Some((_, run)) = &event.run else { continue };
                let so = cancelled.contains(run);
                if so {
                    count.unseen.not_driven.insert((seed, run.clone()));
                }
                if event.finding == Finding::RunMissing {
                    *if so { &mut count.missing_told } else { &mut missing } += 1;
                } else if !so {
                    count.unseen.take(run, driven, &seen);
                }
            }
            tick = tick + DurationMs(60_000);
        }
        let told = fleet.absorb(plans, &ids[*i], std::slice::from_ref(observed), |_, at| zone.habit(at));
        for event in told.events.iter().filter(|e| is_begun(e)) {
            *count.findings.entry(event.finding.name()).or_default() += 1;
        }
    }
    *count.findings.entry(Finding::RunMissing.name()).or_default() += missing;
    count.missing += cancelled.len();
    for (b, bus) in driven.iter().enumerate().filter(|(b, _)| seen[*b]) {
        count.buses += 1;
        match right_at[b] {
            Some(at) => count.until_right.push(at.since(bus.leaves()).seconds().max(0.0) / 60.0),
            None => count.never += 1,
        }
    }
}

impl Unseen {
    /// A run that is driven.
    fn take(&mut self, run: &RunKey, driven: &[Driven], seen: &[bool]) {
        let Some(own) = driven.iter().position(|bus| bus.plan.key(bus.run) == *run) else { return };
        if !seen[own] {
            self.untracked += 1;
            return;
        }
        self.wrongly += 1;
        let plan = &driven[own].plan;
        let line = plan.runs_of(plan.timetable.trip(&plan.runs[driven[own].run]).pattern);
        let place = line.iter().position(|r| *r == driven[own].run).unwrap_or_default();
        let near = &line[place.saturating_sub(1)..line.len().min(place + 2)];
        let beside = driven.iter().zip(seen).any(|(bus, seen)| !seen && near.contains(&bus.run));
        self.beside += usize::from(beside);
    }
}

fn is_begun(event: &models_domain::transit::finding::TransitEvent) -> bool {
    use models_domain::event::Phase;
    matches!(event.phase, Phase::Begun | Phase::Moment)
}

/// Where a bus under way is believed to be.
fn sample(
    fleet: &Fleet,
    bus: &Driven,
    id: &VehicleId,
    at: UtcMillis,
    why: bool,
    right_at: &mut Option<UtcMillis>,
    count: &mut Count,
) {
    if at < bus.leaves() || at > bus.ends() {
        return;
    }
    count.minutes += 1;
    let Some(day) = fleet.day(id) else { return };
    let (own, table) = (bus.plan.key(bus.run), &bus.plan.timetable);
    let route = |key: &RunKey| bus.plan.find(key).map(|r| table.route(&bus.plan.runs[r]).id.clone());
    let doing = day.bus.doing().filter(|_| matches!(day.bus.work, Work::Running(_) | Work::Waiting(_)));
    let Some(key) = doing.map(|d| d.key().1) else {
        if why {
            tell_why(bus, &day.bus.claims, "on none", at);
        }
        return;
    };
    count.assigned += 1;
    count.route += usize::from(route(&key) == route(&own));
    let sure = doing.is_some_and(|d| d.sure);
    count.sure += usize::from(sure);
    count.sure_wrongly += usize::from(sure && key != own);
    if key == own {
        count.rightly += 1;
        right_at.get_or_insert(at);
    } else if why {
        tell_why(
            bus,
            &day.bus.claims,
            &format!("on {} since {:?}", key.trip, doing.map(|d| d.trace.len())),
            at,
        );
    }
}

fn tell_why(bus: &Driven, claims: &[((FeedId, RunKey), f64)], what: &str, at: UtcMillis) {
    let own = bus.plan.key(bus.run);
    let list: Vec<String> = claims.iter().take(4).map(|((_, k), s)| format!("{} {s:.2}", k.trip)).collect();
    let late = bus.leaves().since(bus.plan.timetable.departs(&bus.plan.runs[bus.run], 0)).seconds();
    eprintln!(
        "{} left {late:.0} s late, {:.0} s ago, {:.0} m along: {what}; {}",
        own.trip,
        at.since(bus.leaves()).seconds(),
        bus.along(at).0,
        list.join(", ")
    );
}
