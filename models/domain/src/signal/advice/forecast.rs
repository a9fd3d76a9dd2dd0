//! Two controls on the same reckoned streets: the greens that were shown of late, over and over, and the adaptive one.

use super::Setup;
use super::twin::{Tally, Twin};
use crate::signal::adaptive::Adaptive;
use crate::signal::group_set::GroupSet;
use crate::signal::keeper::Keeper;
use crate::signal::lights::Lights;
use crate::signal::plan::{Layout, Plan, Stage};
use crate::units::{DurationMs, UtcMillis};

/// Streets fill for so long, and are counted for as long as this.
const FILL_S: i64 = 300;
const COUNT_S: i64 = 900;
/// Each is tried with so many streams of traffic that are alike.
const SEEDS: u64 = 3;

/// What both controls would come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Forecast {
    /// Seconds that a vehicle loses, with the greens that are shown, and with the adaptive control.
    pub shown_s: f64,
    pub adaptive_s: f64,
    /// Whether every stream of traffic says that it is better, or that it is worse: else there is nothing to tell between them.
    pub clear: bool,
    /// By stage: the green that is shown, and how long the adaptive one would be on average; `None`: it is left out.
    pub greens: Vec<(DurationMs, Option<DurationMs>)>,
}

/// `shown`: the green of each stage, where it is known.
pub fn forecast(
    setup: &Setup,
    layout: &Layout,
    flows: &[f64],
    shown: &[Option<DurationMs>],
) -> Option<Forecast> {
    let fixed = as_shown(&setup.plan, layout, shown);
    let mut greens = vec![Greens::default(); setup.plan.stages.len()];
    let (mut before, mut after) = (Tally::default(), Tally::default());
    let (mut better, mut worse) = (0, 0);
    for seed in 1..=SEEDS {
        let one = run(setup, layout, &fixed, flows, seed, None)?;
        let other = run(setup, layout, &setup.plan, flows, seed, Some(&mut greens))?;
        let (one_s, other_s) = (mean(one), mean(other));
        better += u64::from(other_s < one_s);
        worse += u64::from(other_s > one_s);
        for (sum, more) in [(&mut before, one), (&mut after, other)] {
            sum.vehicles += more.vehicles;
            sum.delay_s += more.delay_s;
        }
    }
    let of = |(stage, greens): (&Stage, &Greens)| {
        let mean = (greens.times > 0).then(|| DurationMs(greens.seconds * 1_000 / greens.times));
        (stage.green, mean)
    };
    Some(Forecast {
        shown_s: mean(before),
        adaptive_s: mean(after),
        clear: better == SEEDS || worse == SEEDS,
        greens: fixed.stages.iter().zip(&greens).map(of).collect(),
    })
}

fn mean(tally: Tally) -> f64 {
    tally.delay_s / tally.vehicles.max(1) as f64
}

/// The plan with the greens that were shown, within what safety allows.
fn as_shown(plan: &Plan, layout: &Layout, shown: &[Option<DurationMs>]) -> Plan {
    let stage = |(index, stage): (usize, &Stage)| {
        let least = stage.greens.iter().filter_map(|group| layout.group(group)).map(|g| g.green_min).max();
        let green = shown.get(index).copied().flatten().unwrap_or(stage.green);
        let green = green.max(least.unwrap_or_default());
        let (green_min, green_max) = (stage.green_min.min(green), stage.green_max.max(green));
        Stage { green, green_min, green_max, ..stage.clone() }
    };
    Plan { stages: plan.stages.iter().enumerate().map(stage).collect(), offset: plan.offset }
}

#[derive(Debug, Clone, Copy, Default)]
struct Greens {
    seconds: i64,
    times: i64,
}

/// One control on one stream of traffic; the adaptive one where its greens are asked for.
fn run(
    setup: &Setup,
    layout: &Layout,
    plan: &Plan,
    flows: &[f64],
    seed: u64,
    mut greens: Option<&mut Vec<Greens>>,
) -> Option<Tally> {
    let start = UtcMillis(0);
    let lights = Lights::showing(layout, start, &plan.stages.first()?.greens);
    let mut keeper = Keeper::new(layout.clone(), plan.clone(), lights).ok()?;
    let mut adaptive = Adaptive::new(plan, setup.lanes());
    let mut twin = Twin::new(&setup.lanes(), seed);
    let mut stage_before = None;
    for second in 1..=FILL_S + COUNT_S {
        let at = start + DurationMs(second * 1_000);
        let seen = twin.step(flows, &keeper.lights().greens());
        if let Some(greens) = &mut greens {
            let waiting = adaptive.waiting(&seen);
            let wish = adaptive.step(layout, plan, keeper.lights(), at, &seen, &[]);
            keeper.step(at, &waiting, wish.as_ref());
            let stage = keeper.lights().settled().then(|| plan.stage_of(keeper.lights().wanted())).flatten();
            if let Some(counted) = stage.and_then(|stage| greens.get_mut(stage))
                && second > FILL_S
            {
                counted.seconds += 1;
                counted.times += i64::from(stage_before != stage || counted.times == 0);
            }
            stage_before = stage;
        } else {
            keeper.step(at, &GroupSet::EMPTY, None);
        }
        if second == FILL_S {
            twin.begin();
        }
    }
    Some(twin.all())
}
