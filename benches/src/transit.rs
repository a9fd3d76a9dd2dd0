//! `transit`: arrival predictions on a recorded trace, beside those that another system made at the same instants.
//!
//! At each instant our code is given the fixes up to then and nothing later; what happened comes from the whole trace, by a reckoning
//! in which nothing has a part that predicts.

mod score;
mod trace;
mod truth;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use control_center_gtfs::feeds::{Feeds, Version};
use control_center_gtfs::{Source, Zone};
use models_domain::transit::day::BusDay;
use models_domain::transit::eta::{Known, predict};
use models_domain::transit::finding::Limits;
use models_domain::transit::pace::{Pace, traversal};
use models_domain::transit::passing::Passing;
use models_domain::transit::plan::DayPlan;
use models_domain::transit::timetable::{FeedId, TripId};
use models_domain::transit::vehicle::Observed;
use models_domain::{DurationMs, UtcMillis, VehicleId};
use serde_json::{Value, json};

use crate::Bench;
use score::{Bounds, Compared, Pair};
use trace::{Theirs, avl, theirs};

pub const BENCH: Bench =
    Bench { name: "transit", about: "arrival predictions on a recorded trace, beside another system's", run };

/// Prints for both systems {"scored","mae_s","within_60","within_180","bias_s"} of the same predictions, and how many of theirs we have
/// none for: for all, for each half of the trace, and for instants before the first fix, where only the timetable is known; and for all
/// once more by the passings that our own matching tells of the whole trace.
///
/// A stop is scored when the trace shows the bus pass it; the last one of a trip never is, for there a bus has arrived
/// wherever there is room. Where figures of the other system were published with a trace (S2_2113) ours are held to them: what was
/// measured is printed all the same, with each bound, and this fails and names those that do not hold.
/// Example: benches/run transit --dir shared/field/transit
#[derive(Parser)]
#[command(name = "transit")]
struct Args {
    /// A folder with gtfs_NAME (a folder or .zip), avl_NAME*.csv and predictions_NAME*.csv.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let (mut traces, mut broken) = (BTreeMap::new(), Vec::new());
    for name in trace::names(&args.dir)? {
        let pairs = measure(&name)?;
        let (told, missed) = judge(&name.label, &pairs);
        broken.extend(missed);
        traces.insert(name.label.clone(), told);
    }
    ensure!(
        !traces.is_empty(),
        "{} has no avl_*.csv with its predictions_*.csv and gtfs_*",
        args.dir.display()
    );
    let told = json!(traces);
    if !broken.is_empty() {
        crate::tell(&told)?;
        bail!("{}", broken.join("; "));
    }
    Ok(told)
}

/// What there is to tell of a trace, and which of its bounds do not hold.
fn judge(label: &str, pairs: &[Pair]) -> (Value, Vec<String>) {
    let known = || pairs.iter().filter(|p| p.truth.is_some());
    let middle = known().nth(known().count() / 2).map_or(UtcMillis(0), |p| p.at);
    let of = |keep: &dyn Fn(&&Pair) -> bool| Compared::of(pairs.iter().filter(keep), |p| p.truth);
    let all = of(&|_| true);
    let held = Bounds::of(label).map(|bounds| bounds.hold(&all)).unwrap_or_default();
    let broken = held.iter().filter(|held| !held.holds);
    let broken =
        broken.map(|held| format!("{label}: {} does not hold, it is {}", held.bound, held.reached)).collect();
    let told = json!({
        "all": all,
        "first_half": of(&|p| p.at < middle),
        "second_half": of(&|p| p.at >= middle),
        "before_first_fix": of(&|p| p.before_first_fix),
        "with_fixes": of(&|p| !p.before_first_fix),
        "by_own_passings": Compared::of(pairs.iter(), |p| p.matched),
        "bounds": held,
    });
    (told, broken)
}

/// Every prediction of theirs with ours, in the order of their instants.
fn measure(name: &trace::Names) -> anyhow::Result<Vec<Pair>> {
    let (feed, report) = control_center_gtfs::read(&mut Source::open(&name.gtfs)?, None)?;
    let feed = feed.with_context(|| format!("{}: {report}", name.gtfs.display()))?;
    let zone = feed.zone.clone();
    let fixes = avl(&name.avl, &zone)?;
    let theirs = theirs(&name.predictions, &zone)?;
    let first = fixes.values().flatten().map(|o| o.seen.at).min().context("the trace has no fix")?;
    let (id, mut feeds) = (FeedId::from("trace"), Feeds::default());
    let takes_effect = zone.date(UtcMillis(first.0 - 400 * 86_400_000));
    feeds.add(id, Version { takes_effect, feed: Arc::new(feed) });
    let plans: Vec<Arc<DayPlan>> = feeds.plans(first).into_iter().map(Arc::new).collect();
    let mut pairs = Vec::new();
    for (vehicle, observed) in &fixes {
        let own: Vec<&Theirs> = theirs.iter().filter(|t| t.vehicle == *vehicle).collect();
        pairs.extend(replay(vehicle, observed, &own, &plans, &zone));
    }
    pairs.sort_by_key(|p| p.at);
    Ok(pairs)
}

/// What the timetable and the fixes up to each instant say, and what happened.
fn replay(
    vehicle: &VehicleId,
    observed: &[Observed],
    theirs: &[&Theirs],
    plans: &[Arc<DayPlan>],
    zone: &Zone,
) -> Vec<Pair> {
    let limits = Limits::default();
    let (_, whole) = BusDay::of(vehicle.clone(), plans, observed, &limits);
    let matched: BTreeMap<(TripId, usize), UtcMillis> =
        whole.passings.iter().map(|p| ((p.run.trip.clone(), p.call), p.at)).collect();
    let mut instants: Vec<UtcMillis> = theirs.iter().map(|t| t.at).collect();
    instants.sort_unstable();
    instants.dedup();
    let (mut known, mut pace) = (BusDay::new(vehicle.clone()), Pace::default());
    let mut last: Option<Passing> = None;
    let mut pairs = Vec::new();
    let mut fed = 0;
    for at in instants {
        let until = observed.partition_point(|o| o.seen.at <= at);
        for to in known.append(plans, &observed[fed..until], &limits).passings {
            let learned = last.and_then(|from| traversal(&from, &to, zone.habit(to.at)));
            learned.iter().for_each(|t| pace.learn(t));
            last = Some(to);
        }
        fed = until;
        for told in theirs.iter().filter(|t| t.at == at) {
            let Some((plan, run)) = find(plans, &told.trip) else { continue };
            let (table, r) = (&plan.timetable, &plan.runs[run]);
            let calls = &table.trip(r).calls;
            let Some(call) = calls.iter().position(|c| c.sequence == told.sequence) else { continue };
            if call + 1 == calls.len() {
                continue;
            }
            let stop = table.stops[table.pattern(r).stops[call].stop].position;
            let doing = known.bus.doing().filter(|d| d.key().1 == plan.key(run));
            let knows = match doing {
                Some(doing) => Some(Known::Bus(doing)),
                None if fed == 0 => Some(Known::Timetable { late: DurationMs(0) }),
                None => None,
            };
            let ahead = knows.map(|k| predict(plan, run, k, at, &pace, |t| zone.habit(t)));
            pairs.push(Pair {
                at,
                theirs: told.predicted,
                ours: ahead.and_then(|list| list.into_iter().find(|a| a.call == call)).map(|a| a.at),
                truth: truth::passed(observed, stop, table.arrives(r, call)),
                matched: matched.get(&(told.trip.clone(), call)).copied(),
                before_first_fix: fed == 0,
            });
        }
    }
    pairs
}

fn find<'a>(plans: &'a [Arc<DayPlan>], trip: &TripId) -> Option<(&'a DayPlan, usize)> {
    // The later day first: a trip of yesterday is over, unless nothing else fits.
    plans.iter().rev().find_map(|plan| {
        plan.runs.iter().position(|r| plan.timetable.trip(r).id == *trip).map(|run| (&**plan, run))
    })
}
