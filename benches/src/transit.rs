//! `transit`: arrival predictions on a recorded trace, beside those that another system made at the same instants.
//!
//! At each instant our code is given the fixes up to then and nothing later; what happened comes from the whole trace.

mod trace;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
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
use trace::{Theirs, avl, theirs};

pub const BENCH: Bench =
    Bench { name: "transit", about: "arrival predictions on a recorded trace, beside another system's", run };

/// Prints for both systems {"scored","mae_s","within_60","within_180","bias_s"}, for all, for each half of the trace, and for
/// instants before the first fix, where only the timetable is known.
///
/// A stop is scored when the trace shows the bus pass it; the last one of a trip never is, for there a bus has arrived
/// wherever there is room. Example: benches/run transit --dir shared/field/transit
#[derive(Parser)]
#[command(name = "transit")]
struct Args {
    /// A folder with gtfs_NAME (a folder or .zip), avl_NAME*.csv and predictions_NAME*.csv.
    #[arg(long, value_name = "DIR")]
    dir: PathBuf,
}

/// One prediction of theirs, with ours for the same stop at the same instant.
struct Pair {
    at: UtcMillis,
    truth: UtcMillis,
    theirs: UtcMillis,
    /// `None`: we predicted nothing.
    ours: Option<UtcMillis>,
    before_first_fix: bool,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let mut traces = BTreeMap::new();
    for name in trace::names(&args.dir)? {
        traces.insert(name.label.clone(), measure(&name)?);
    }
    ensure!(
        !traces.is_empty(),
        "{} has no avl_*.csv with its predictions_*.csv and gtfs_*",
        args.dir.display()
    );
    Ok(json!(traces))
}

fn measure(name: &trace::Names) -> anyhow::Result<Value> {
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
        pairs.extend(replay(vehicle, observed, &own, &plans, &zone)?);
    }
    pairs.sort_by_key(|p| p.at);
    let middle = pairs.get(pairs.len() / 2).map_or(UtcMillis(0), |p| p.at);
    let of = |keep: &dyn Fn(&&Pair) -> bool| {
        let kept: Vec<&Pair> = pairs.iter().filter(keep).collect();
        let ours = kept.iter().filter_map(|p| Some(p.ours?.since(p.truth)));
        let theirs = kept.iter().map(|p| p.theirs.since(p.truth));
        json!({
            "ours": score(&ours.collect::<Vec<_>>()),
            "theirs": score(&theirs.collect::<Vec<_>>()),
            "not_predicted": kept.iter().filter(|p| p.ours.is_none()).count(),
        })
    };
    Ok(json!({
        "all": of(&|_| true),
        "first_half": of(&|p| p.at < middle),
        "second_half": of(&|p| p.at >= middle),
        "before_first_fix": of(&|p| p.before_first_fix),
        "with_fixes": of(&|p| !p.before_first_fix),
    }))
}

/// What the timetable and the fixes up to each instant say, and what happened.
fn replay(
    vehicle: &VehicleId,
    observed: &[Observed],
    theirs: &[&Theirs],
    plans: &[Arc<DayPlan>],
    zone: &Zone,
) -> anyhow::Result<Vec<Pair>> {
    let limits = Limits::default();
    let (_, whole) = BusDay::of(vehicle.clone(), plans, observed, &limits);
    let truth: BTreeMap<(TripId, usize), UtcMillis> =
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
            let calls = &plan.timetable.trip(&plan.runs[run]).calls;
            let Some(call) = calls.iter().position(|c| c.sequence == told.sequence) else { continue };
            let Some(truth) = truth.get(&(told.trip.clone(), call)).filter(|_| call + 1 < calls.len()) else {
                continue;
            };
            let doing = known.bus.doing().filter(|d| d.key().1 == plan.key(run));
            let knows = match doing {
                Some(doing) => Some(Known::Bus(doing)),
                None if fed == 0 => Some(Known::Timetable { late: DurationMs(0) }),
                None => None,
            };
            let ahead = knows.map(|k| predict(plan, run, k, at, &pace, |t| zone.habit(t)));
            let ours = ahead.and_then(|list| list.into_iter().find(|a| a.call == call)).map(|a| a.at);
            pairs.push(Pair { at, truth: *truth, theirs: told.predicted, ours, before_first_fix: fed == 0 });
        }
    }
    Ok(pairs)
}

fn find<'a>(plans: &'a [Arc<DayPlan>], trip: &TripId) -> Option<(&'a DayPlan, usize)> {
    // The later day first: a trip of yesterday is over, unless nothing else fits.
    plans.iter().rev().find_map(|plan| {
        plan.runs.iter().position(|r| plan.timetable.trip(r).id == *trip).map(|run| (&**plan, run))
    })
}

fn score(errors: &[DurationMs]) -> Value {
    let count = errors.len().max(1) as f64;
    let within = |s: f64| errors.iter().filter(|e| e.seconds().abs() <= s).count() as f64 / count;
    json!({
        "scored": errors.len(),
        "mae_s": errors.iter().map(|e| e.seconds().abs()).sum::<f64>() / count,
        "within_60": within(60.0),
        "within_180": within(180.0),
        "bias_s": errors.iter().map(|e| e.seconds()).sum::<f64>() / count,
    })
}
