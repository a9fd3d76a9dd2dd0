//! What the network says about its traffic lights, asked by TraCI: lanes, links, stages, times. Nothing is known before.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, bail};
use models_domain::signal::adaptive::Lane;
use models_domain::signal::plan::{Group, GroupKind, Layout, Limits, Plan, Stage};
use models_domain::signal::{GROUPS_MAX, GroupSet};
use models_domain::{DurationMs, MetersPerSecond};

use super::traci::{Traci, Value};

/// How far back a camera at the junction sees.
pub const WATCHED_M: f64 = 200.0;

/// A stop line's lane shorter than this holds no queue of its own.
const QUEUE_M: f64 = 40.0;

const GREEN_MIN: DurationMs = DurationMs(5_000);

/// Longest red while somebody waits, unless the plan's own cycle is longer.
const RED_MAX: DurationMs = DurationMs(90_000);

/// One traffic light and all that is before it.
#[derive(Debug, Clone)]
pub struct Junction {
    pub id: String,
    pub layout: Layout,
    pub plan: Plan,
    pub lanes: Vec<Lane>,
    /// By lane of the network: the lane of `lanes` it leads to, and the distance from its beginning to the stop line.
    pub reach: BTreeMap<String, Vec<(usize, f64)>>,
    /// By lane that leads to a line where its traffic gives way to the road before a stop line: what empties that road, and
    /// the distance from the lane's beginning to the line.
    pub sides: BTreeMap<String, (GroupSet, f64)>,
    /// By lane within the junction that begins at a stop line: the lane of `lanes` before it.
    pub within: BTreeMap<String, usize>,
    /// How the lanes within the junction begin.
    pub inside: String,
    /// By outgoing lane: the groups that lead into it, and its length.
    pub exits: BTreeMap<String, (GroupSet, f64)>,
    /// By stage: the state as SUMO's own program writes it.
    pub states: Vec<String>,
}

impl Junction {
    /// The longest red while somebody waits, in seconds.
    pub fn bound_s(&self) -> f64 {
        let longest = self.layout.groups.iter().map(|group| group.red_max).max();
        longest.unwrap_or(RED_MAX).seconds()
    }
}

/// One phase as SUMO has it.
struct Phase {
    duration: DurationMs,
    state: Vec<u8>,
    max: DurationMs,
}

/// Every lane of the network with what leads into it.
pub struct Lanes {
    length_m: BTreeMap<String, f64>,
    before: BTreeMap<String, Vec<String>>,
    /// Those that end where their traffic gives way and no light says when.
    give_way: BTreeSet<String>,
}

impl Lanes {
    pub fn ask(traci: &mut Traci) -> anyhow::Result<Self> {
        let mut lanes =
            Self { length_m: BTreeMap::new(), before: BTreeMap::new(), give_way: BTreeSet::new() };
        for lane in traci.lanes()?.into_iter().filter(|lane| !lane.starts_with(':')) {
            lanes.length_m.insert(lane.clone(), traci.lane_length_m(&lane)?);
            for follow in traci.lane_follows(&lane)? {
                lanes.before.entry(follow.lane).or_default().push(lane.clone());
                if follow.gives_way {
                    lanes.give_way.insert(lane.clone());
                }
            }
        }
        Ok(lanes)
    }

    /// Lanes of the edges that those lanes belong to into which `lane` leads.
    fn beside(&self, lane: &str) -> impl Iterator<Item = &String> {
        let into = self.before.iter().filter(move |(_, before)| before.iter().any(|one| one == lane));
        let edges: BTreeSet<&str> = into.map(|(to, _)| edge(to)).collect();
        self.length_m.keys().filter(move |one| edges.contains(edge(one)))
    }

    fn before(&self, lane: &str) -> impl Iterator<Item = &String> {
        self.before.get(lane).into_iter().flatten()
    }
}

/// The traffic lights that can be steered: at least two stages.
pub fn junctions(traci: &mut Traci) -> anyhow::Result<Vec<Junction>> {
    let lanes = Lanes::ask(traci)?;
    let mut junctions = Vec::new();
    let lights = traci.lights()?;
    let mut lines_of_all = Vec::new();
    for light in &lights {
        lines_of_all
            .extend(traci.links(light)?.into_iter().flatten().filter_map(|link| link.into_iter().next()));
    }
    for light in &lights {
        let phases = phases(traci, light)?;
        let links = traci.links(light)?;
        if let Some((layout, plan, states)) = stages(&phases, links.len())? {
            let junction = places(traci, &lanes, &lines_of_all, light, layout, plan, &links)?;
            junctions.push(Junction { states, ..junction });
        }
    }
    Ok(junctions)
}

fn phases(traci: &mut Traci, light: &str) -> anyhow::Result<Vec<Phase>> {
    let current = traci.program(light)?;
    let Value::Compound(programs) = traci.programs(light)? else { bail!("{light} has no programs") };
    for program in programs {
        let Value::Compound(parts) = program else { continue };
        if parts.first() != Some(&Value::Text(current.clone())) {
            continue;
        }
        let Some(Value::Compound(phases)) = parts.into_iter().nth(3) else { bail!("{light} has no phases") };
        return phases.into_iter().map(phase).collect();
    }
    bail!("{light} does not have its current program {current:?}")
}

fn phase(value: Value) -> anyhow::Result<Phase> {
    let Value::Compound(parts) = value else { bail!("a phase is {value:?}") };
    let [Value::Double(duration), Value::Text(state), _, Value::Double(max), ..] = parts.as_slice() else {
        bail!("a phase is {parts:?}");
    };
    Ok(Phase {
        duration: milliseconds(*duration),
        state: state.clone().into_bytes(),
        max: milliseconds(*max),
    })
}

/// Layout and plan as the program implies them: what is never green together conflicts, and the times between two greens
/// are those that the program keeps. `None` for a light with fewer than two stages.
fn stages(phases: &[Phase], links: usize) -> anyhow::Result<Option<(Layout, Plan, Vec<String>)>> {
    if links > GROUPS_MAX {
        bail!("a traffic light of {links} links");
    }
    let is_stage = |phase: &Phase| {
        !phase.state.iter().any(|s| matches!(s, b'y' | b'Y' | b'u'))
            && phase.state.iter().any(|s| matches!(s, b'g' | b'G'))
    };
    let greens = |phase: &Phase| of(&phase.state, |state| matches!(state, b'g' | b'G'));
    let mut order: Vec<usize> = Vec::new();
    for index in (0..phases.len()).filter(|index| is_stage(&phases[*index])) {
        if !order.iter().any(|known| greens(&phases[*known]) == greens(&phases[index])) {
            order.push(index);
        }
    }
    if order.len() < 2 {
        return Ok(None);
    }
    let change_max = order.iter().map(|stage| change(phases, *stage, is_stage)).max().unwrap_or_default();
    let clearance = phases
        .iter()
        .filter(|phase| phase.state.iter().any(|s| matches!(s, b'y' | b'Y')))
        .map(|phase| phase.duration)
        .max()
        .unwrap_or(DurationMs(3_000));
    let between = DurationMs(change_max.0.max(clearance.0));
    let stage = |index: &usize| {
        let phase = &phases[*index];
        let green_min = GREEN_MIN.min(phase.duration);
        let longest = phase.max.0.min(120_000).max(2 * phase.duration.0).max(30_000);
        Stage {
            greens: greens(phase),
            yielding: of(&phase.state, |state| state == b'g'),
            green: phase.duration,
            green_min,
            green_max: DurationMs(longest.min(90_000).max(phase.duration.0)),
        }
    };
    let stages: Vec<Stage> = order.iter().map(stage).collect();
    let cycle: i64 = phases.iter().map(|phase| phase.duration.0).sum();
    let green_min = stages.iter().map(|stage| stage.green_min).min().unwrap_or(GREEN_MIN);
    let red_max = DurationMs(RED_MAX.0.max(cycle));
    let group = Group { kind: GroupKind::Vehicle, green_min, clearance, red_max };
    let mut layout = Layout::new(vec![group; links], Limits::default());
    let groups = 0..u8::try_from(links.saturating_sub(1)).context("too many links")?;
    for one in groups.start..=groups.end {
        for other in 0..one {
            let together =
                stages.iter().any(|stage| stage.greens.contains(one) && stage.greens.contains(other));
            let both = |set: u8| stages.iter().any(|stage| stage.greens.contains(set));
            if !together && both(one) && both(other) {
                layout.set_intergreen(one, other, between);
            }
        }
    }
    let states =
        order.iter().map(|index| String::from_utf8_lossy(&phases[*index].state).into_owned()).collect();
    Ok(Some((layout, Plan { stages, offset: DurationMs(0) }, states)))
}

/// From the end of a stage to the next.
fn change(phases: &[Phase], stage: usize, is_stage: impl Fn(&Phase) -> bool) -> DurationMs {
    let following = (1..phases.len()).map(|ahead| &phases[(stage + ahead) % phases.len()]);
    DurationMs(following.take_while(|phase| !is_stage(phase)).map(|phase| phase.duration.0).sum())
}

fn places(
    traci: &mut Traci,
    lanes: &Lanes,
    lines_of_all: &[String],
    light: &str,
    layout: Layout,
    plan: Plan,
    links: &[Vec<Vec<String>>],
) -> anyhow::Result<Junction> {
    let mut groups_by_line: BTreeMap<String, GroupSet> = BTreeMap::new();
    let mut exits: BTreeMap<String, (GroupSet, f64)> = BTreeMap::new();
    for (group, connections) in (0..=u8::MAX).zip(links) {
        for connection in connections {
            let [from, to, ..] = connection.as_slice() else {
                bail!("{light}: a connection is {connection:?}")
            };
            groups_by_line.entry(from.clone()).or_default().insert(group);
            if !exits.contains_key(to) {
                exits.insert(to.clone(), (GroupSet::EMPTY, traci.lane_length_m(to)?));
            }
            if let Some((groups, _)) = exits.get_mut(to) {
                groups.insert(group);
            }
        }
    }
    let mut junction = Junction {
        id: light.to_owned(),
        layout,
        plan,
        lanes: Vec::new(),
        reach: BTreeMap::new(),
        sides: BTreeMap::new(),
        within: BTreeMap::new(),
        inside: inside(links),
        exits,
        states: Vec::new(),
    };
    for together in side_by_side(lanes, groups_by_line.keys().cloned().collect()) {
        let index = junction.lanes.len();
        let groups = together.iter().fold(GroupSet::EMPTY, |all, line| all.or(&groups_by_line[line]));
        let speed_free = MetersPerSecond(traci.lane_speed_mps(&together[0])?);
        let feeders = together.iter().flat_map(|line| lanes.before(line)).collect::<BTreeSet<_>>().len();
        let width = if together.len() == 1 { 1 } else { together.len().min(feeders) };
        junction.lanes.push(Lane { groups, speed_free, width: width as f64 });
        for line in &together {
            back(lanes, lines_of_all, &mut junction.reach, index, line, 0.0);
        }
        let begins = links.iter().flatten().filter(|connection| together.contains(&connection[0]));
        junction.within.extend(begins.filter_map(|connection| Some((connection.get(2)?.clone(), index))));
    }
    junction.sides = sides(lanes, &junction);
    Ok(junction)
}

/// `EDGE` of `EDGE_LANE`.
fn edge(lane: &str) -> &str {
    lane.rsplit_once('_').map_or(lane, |(edge, _)| edge)
}

/// `:JUNCTION_` of `:JUNCTION_LINK_LANE`.
fn inside(links: &[Vec<Vec<String>>]) -> String {
    let first =
        links.iter().flatten().filter_map(|connection| connection.get(2)).find(|via| via.starts_with(':'));
    let junction = first.and_then(|via| via.rsplitn(3, '_').nth(2));
    junction.map_or_else(|| ":none".to_owned(), |junction| format!("{junction}_"))
}

/// Stop lines too short to hold a queue each, and fed by the same lanes, empty as one: whoever waits in one of them keeps
/// those behind from the others.
fn side_by_side(lanes: &Lanes, lines: Vec<String>) -> Vec<Vec<String>> {
    let mut together: Vec<Vec<String>> = Vec::new();
    for line in lines {
        let short = |line: &String| lanes.length_m.get(line).is_none_or(|length| *length < QUEUE_M);
        let shares =
            |other: &String| lanes.before(&line).any(|feeder| lanes.before(other).any(|one| one == feeder));
        let (with, apart): (Vec<_>, Vec<_>) = together
            .into_iter()
            .partition(|known| short(&line) && known.iter().all(short) && known.iter().any(shares));
        together = apart;
        together.push(with.into_iter().flatten().chain([line.clone()]).collect());
    }
    together
}

/// Lanes that lead to a stop line, as far back as a camera sees, but not through another traffic light.
fn back(
    lanes: &Lanes,
    lines: &[String],
    reach: &mut BTreeMap<String, Vec<(usize, f64)>>,
    index: usize,
    lane: &str,
    after_m: f64,
) {
    let to_line_m = after_m + lanes.length_m.get(lane).copied().unwrap_or(0.0);
    reach.entry(lane.to_owned()).or_default().push((index, to_line_m));
    if to_line_m >= WATCHED_M {
        return;
    }
    for before in lanes.before(lane).filter(|before| !lines.contains(before)) {
        if !reach.get(before).is_some_and(|known| known.iter().any(|(known, _)| *known == index)) {
            back(lanes, lines, reach, index, before, to_line_m);
        }
    }
}

/// The lanes on whose way to a stop line others go first.
fn sides(lanes: &Lanes, junction: &Junction) -> BTreeMap<String, (GroupSet, f64)> {
    let mut sides = BTreeMap::new();
    let reached = |lane: &&String| junction.reach.contains_key(*lane);
    for line in lanes.give_way.iter().filter(reached) {
        let groups = junction.reach[line]
            .iter()
            .fold(GroupSet::EMPTY, |all, (index, _)| all.or(&junction.lanes[*index].groups));
        // Those beside the one it turns into are emptied with it: it may have to cross them.
        let road = lanes.beside(line).fold(groups, |all, lane| {
            let reach = junction.reach.get(lane).into_iter().flatten();
            reach.fold(all, |all, (index, _)| all.or(&junction.lanes[*index].groups))
        });
        let mut far: Vec<(&String, f64)> = vec![(line, 0.0)];
        while let Some((lane, after_m)) = far.pop() {
            let to_line_m = after_m + lanes.length_m.get(lane).copied().unwrap_or(0.0);
            if sides.insert(lane.clone(), (road, to_line_m)).is_none() && to_line_m < WATCHED_M {
                far.extend(lanes.before(lane).filter(reached).map(|before| (before, to_line_m)));
            }
        }
    }
    sides
}

fn of(state: &[u8], wanted: impl Fn(u8) -> bool) -> GroupSet {
    (0..=u8::MAX).zip(state).filter(|(_, state)| wanted(**state)).map(|(group, _)| group).collect()
}

fn milliseconds(seconds: f64) -> DurationMs {
    DurationMs((seconds.clamp(0.0, 1e6) * 1000.0).round() as i64)
}
