//! What the ladder found of what decoding everything found, at what cost, and whether its own estimate was right.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use anyhow::Context;
use models_domain::ladder::Tally;
use serde::Deserialize;
use serde_json::{Value, json};

use super::mix::Spell;

/// Both runs see a crossing, or somebody come in, at about the same time; their trackers began at different pictures.
const SAME_MOMENT_S: f64 = 1.5;
/// A stop needs its time to become certain, in key frames a little longer.
const SAME_STOP_S: f64 = 6.0;
/// Who is told of later has gone on meanwhile: so many of its own lengths a second, as a car at 30 km/h.
const PACE: f64 = 2.0;

/// Who begins anew must have seen so much of a spell before it is held against who saw all that was before.
const SETTLED_S: f64 = 30.0;

/// One run's result.
pub struct Found {
    summary: Value,
    rows: Vec<Row>,
}

/// A crossing or an event of a rule, as `edge-agent analyze --events` writes it.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Row {
    kind: String,
    t_s: f64,
    #[serde(default)]
    line: Option<String>,
    #[serde(default)]
    direction: Option<String>,
    #[serde(default)]
    zone: Option<String>,
    #[serde(default)]
    bbox: Option<[f64; 4]>,
}

/// Sums over streams.
#[derive(Debug, Clone, Default)]
pub struct Score {
    full_cpu_s: f64,
    ladder_cpu_s: f64,
    ladder: Shared,
    /// The same of another run that decoded everything, and of one that began anew in each spell.
    again: Shared,
    anew: Shared,
    tally: Tally,
    watch: f64,
    key_frames: f64,
    full: f64,
}

/// Runs that decoded everything besides.
pub struct Ceiling<'a> {
    pub again: &'a Found,
    pub anew: &'a [(Spell, Found)],
}

/// What a run shares with the one that decoded everything.
#[derive(Debug, Clone, Default)]
struct Shared {
    crossings: Matched,
    events_by_kind: BTreeMap<String, Matched>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Matched {
    /// What decoding everything found, what of it the ladder found too, and what only the ladder found.
    full: usize,
    both: usize,
    ladder_only: usize,
}

impl Found {
    /// `summary`: the JSON object that `analyze` printed.
    ///
    /// # Errors
    /// When `events` cannot be read, naming the line that is wrong.
    pub fn read(summary: Value, events: &Path) -> anyhow::Result<Self> {
        let text =
            std::fs::read_to_string(events).with_context(|| format!("reading {}", events.display()))?;
        let row =
            |line: &str| serde_json::from_str(line).with_context(|| format!("{}: {line}", events.display()));
        Ok(Self { summary, rows: text.lines().map(row).collect::<anyhow::Result<_>>()? })
    }

    fn number(&self, path: &str) -> anyhow::Result<f64> {
        let value = self.summary.pointer(path).and_then(Value::as_f64);
        value.with_context(|| format!("edge-agent analyze did not print {path}: {}", self.summary))
    }

    /// What the agent's own estimate is made of.
    fn tally(&self) -> anyhow::Result<Tally> {
        let told =
            self.summary.get("tally").context("edge-agent analyze --ladder did not print its tally")?;
        Tally::deserialize(told).context("the tally that edge-agent analyze printed")
    }

    fn of_kind(&self, kind: &str) -> Vec<&Row> {
        self.rows(false).into_iter().filter(|r| r.kind == kind).collect()
    }

    /// What it told in a spell, but for its beginning.
    fn within(&self, spell: Spell) -> Self {
        let told = |row: &&Row| (spell.from_s + SETTLED_S..spell.until_s).contains(&row.t_s);
        Self { summary: Value::Null, rows: self.rows.iter().filter(told).cloned().collect() }
    }

    fn rows(&self, crossings: bool) -> Vec<&Row> {
        let mut rows: Vec<&Row> = self.rows.iter().filter(|r| r.line.is_some() == crossings).collect();
        rows.sort_by(|a, b| a.t_s.total_cmp(&b.t_s));
        rows
    }
}

impl Score {
    /// `ceiling`: other runs that decoded everything.
    ///
    /// # Errors
    /// When a figure is missing in what the agent printed.
    pub fn new(full: &Found, ladder: &Found, ceiling: Option<Ceiling<'_>>) -> anyhow::Result<Self> {
        let mut anew = Shared::default();
        for (spell, found) in ceiling.iter().flat_map(|ceiling| ceiling.anew) {
            anew.add(&Shared::new(&full.within(*spell), &found.within(*spell)));
        }
        Ok(Self {
            full_cpu_s: full.number("/cpu_s")?,
            ladder_cpu_s: ladder.number("/cpu_s")?,
            ladder: Shared::new(full, ladder),
            again: ceiling.map_or_else(Shared::default, |ceiling| Shared::new(full, ceiling.again)),
            anew,
            tally: ladder.tally()?,
            watch: ladder.number("/rungs/watch").unwrap_or(0.0),
            key_frames: ladder.number("/rungs/key_frames").unwrap_or(0.0),
            full: ladder.number("/rungs/full").unwrap_or(0.0),
        })
    }

    pub fn add(&mut self, other: &Self) {
        self.full_cpu_s += other.full_cpu_s;
        self.ladder_cpu_s += other.ladder_cpu_s;
        self.ladder.add(&other.ladder);
        self.again.add(&other.again);
        self.anew.add(&other.anew);
        self.tally.add(&other.tally);
        self.watch += other.watch;
        self.key_frames += other.key_frames;
        self.full += other.full;
    }

    pub fn json(&self) -> Value {
        let units = (self.watch + self.key_frames + self.full).max(1.0);
        let (crossings, events) = (self.ladder.crossings, self.ladder.events());
        let (lost, all) = (crossings.lost() + events.lost(), crossings.full + events.full);
        let estimate = self.tally.estimate();
        let true_miss = lost as f64 / all.max(1) as f64;
        json!({
            "cpu_ratio": rounded(self.ladder_cpu_s / self.full_cpu_s.max(1e-9)),
            "crossings_recall": crossings.recall().map(rounded),
            "events_recall": events.recall().map(rounded),
            "estimated_miss": estimate.map(|e| json!({
                "share": rounded(e.share), "low": rounded(e.low), "high": rounded(e.high),
                "found": e.found, "audited_s": rounded(e.audited.seconds()),
            })),
            "true_miss": rounded(true_miss),
            "estimate_contains_truth": estimate.map(|e| e.low <= true_miss && true_miss <= e.high),
            "rungs": {
                "watch": rounded(self.watch / units),
                "key_frames": rounded(self.key_frames / units),
                "full": rounded(self.full / units),
            },
            "ceiling": self.again.json(),
            "begun_anew": self.anew.json(),
            "crossings": crossings.json(),
            "events": events.json(),
            "events_by_kind": self.ladder.by_kind(),
            "full_cpu_s": rounded(self.full_cpu_s),
            "ladder_cpu_s": rounded(self.ladder_cpu_s),
        })
    }
}

impl Shared {
    fn new(full: &Found, other: &Found) -> Self {
        let kinds = [full, other].into_iter().flat_map(|found| found.rows(false)).map(|row| row.kind.clone());
        let kinds: BTreeSet<String> = kinds.collect();
        let of_kind = |kind: String| {
            let both = matched(&full.of_kind(&kind), &other.of_kind(&kind));
            (kind, both)
        };
        let crossings = matched(&full.rows(true), &other.rows(true));
        Self { crossings, events_by_kind: kinds.into_iter().map(of_kind).collect() }
    }

    fn add(&mut self, other: &Self) {
        self.crossings.add(other.crossings);
        for (kind, of_kind) in &other.events_by_kind {
            self.events_by_kind.entry(kind.clone()).or_default().add(*of_kind);
        }
    }

    /// Of all kinds.
    fn events(&self) -> Matched {
        let mut all = Matched::default();
        self.events_by_kind.values().for_each(|of_kind| all.add(*of_kind));
        all
    }

    fn json(&self) -> Value {
        json!({
            "crossings_recall": self.crossings.recall().map(rounded),
            "events_recall": self.events().recall().map(rounded),
            "crossings": self.crossings.json(),
            "events": self.events().json(),
            "events_by_kind": self.by_kind(),
        })
    }

    fn by_kind(&self) -> Value {
        self.events_by_kind.iter().map(|(kind, of_kind)| (kind.clone(), of_kind.json())).collect()
    }
}

impl Matched {
    fn lost(&self) -> usize {
        self.full - self.both
    }

    /// `None` where there was nothing to find.
    fn recall(&self) -> Option<f64> {
        (self.full > 0).then(|| self.both as f64 / self.full as f64)
    }

    fn add(&mut self, other: Self) {
        self.full += other.full;
        self.both += other.both;
        self.ladder_only += other.ladder_only;
    }

    fn json(&self) -> Value {
        json!({ "full": self.full, "both": self.both, "ladder_only": self.ladder_only })
    }
}

/// Pairs what is the same, the nearest in time first.
fn matched(full: &[&Row], ladder: &[&Row]) -> Matched {
    let mut pairs: Vec<(f64, usize, usize)> = Vec::new();
    for (i, a) in full.iter().enumerate() {
        for (j, b) in ladder.iter().enumerate() {
            let apart = (a.t_s - b.t_s).abs();
            if is_same(a, b, apart) {
                pairs.push((apart, i, j));
            }
        }
    }
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    let (mut taken_full, mut taken_ladder) = (vec![false; full.len()], vec![false; ladder.len()]);
    let mut both = 0;
    for (_, i, j) in pairs {
        if !taken_full[i] && !taken_ladder[j] {
            (taken_full[i], taken_ladder[j]) = (true, true);
            both += 1;
        }
    }
    Matched { full: full.len(), both, ladder_only: ladder.len() - both }
}

fn is_same(a: &Row, b: &Row, apart_s: f64) -> bool {
    let (within, pace) = if a.kind == "stopped_vehicle" { (SAME_STOP_S, 0.0) } else { (SAME_MOMENT_S, PACE) };
    let place = match (a.bbox, b.bbox) {
        (Some(a), Some(b)) => apart_px(a, b) <= pace * apart_s * length(a).max(length(b)),
        (None, _) | (_, None) => true,
    };
    (&a.kind, &a.line, &a.direction, &a.zone) == (&b.kind, &b.line, &b.direction, &b.zone)
        && apart_s <= within
        && place
}

/// Pixels between two boxes `[x, y, w, h]` along the axis on which they are farther apart; 0 when they touch.
fn apart_px(a: [f64; 4], b: [f64; 4]) -> f64 {
    let between = |i: usize| a[i].max(b[i]) - (a[i] + a[i + 2]).min(b[i] + b[i + 2]);
    between(0).max(between(1)).max(0.0)
}

/// The longer side of a box.
fn length(bbox: [f64; 4]) -> f64 {
    bbox[2].max(bbox[3])
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(text: &str) -> Row {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn each_is_paired_once_with_the_nearest() {
        let at = |t: f64| {
            row(&format!(r#"{{"kind":"line_crossing","t_s":{t},"line":"a","direction":"to_left"}}"#))
        };
        let (full, ladder) = ([at(1.0), at(2.0), at(9.0)], [at(1.9), at(2.1), at(20.0)]);
        let got = matched(&full.iter().collect::<Vec<_>>(), &ladder.iter().collect::<Vec<_>>());
        assert_eq!((got.full, got.both, got.ladder_only), (3, 2, 1));
        let other = row(r#"{"kind":"line_crossing","t_s":1.0,"line":"a","direction":"to_right"}"#);
        assert_eq!(matched(&[&full[0]], &[&other]).both, 0);
    }

    #[test]
    fn who_begins_anew_is_judged_once_it_has_settled() {
        let row = |t: f64| row(&format!(r#"{{"kind":"intrusion","t_s":{t},"zone":"z"}}"#));
        let found = |times: &[f64]| Found {
            summary: json!({ "cpu_s": 1.0, "tally": Tally::default() }),
            rows: times.iter().map(|t| row(*t)).collect(),
        };
        let spell = |from_s, until_s| Spell { from_s, until_s };
        let full = found(&[10.0, 40.0, 70.0, 110.0, 140.0, 190.0]);
        let anew =
            [(spell(0.0, 100.0), found(&[40.0, 70.0])), (spell(100.0, 200.0), found(&[120.0, 140.0, 160.0]))];
        let ceiling = Ceiling { again: &found(&[]), anew: &anew };
        let told = Score::new(&full, &full, Some(ceiling)).unwrap().json();
        assert_eq!(told["begun_anew"]["events"], json!({ "full": 4, "both": 3, "ladder_only": 1 }));
        assert_eq!(told["begun_anew"]["events_recall"], 0.75);
        assert_eq!(told["ceiling"]["events_recall"], 0.0);
    }

    #[test]
    fn an_event_elsewhere_is_another_one() {
        let at = |x: f64| {
            row(&format!(r#"{{"kind":"stopped_vehicle","t_s":1.0,"zone":"z","bbox":[{x},0,10,10]}}"#))
        };
        assert_eq!(matched(&[&at(0.0)], &[&at(5.0)]).both, 1);
        assert_eq!(matched(&[&at(0.0)], &[&at(50.0)]).both, 0);
        let stays = |t: f64| row(&format!(r#"{{"kind":"stopped_vehicle","t_s":{t},"zone":"z"}}"#));
        let comes = |t: f64| row(&format!(r#"{{"kind":"intrusion","t_s":{t},"zone":"z"}}"#));
        assert_eq!(matched(&[&stays(1.0)], &[&stays(6.0)]).both, 1);
        assert_eq!(matched(&[&comes(1.0)], &[&comes(6.0)]).both, 0, "that is the next one");
        let drives = |t: f64, x: f64| {
            row(&format!(r#"{{"kind":"intrusion","t_s":{t},"zone":"z","bbox":[{x},0,20,10]}}"#))
        };
        assert_eq!(matched(&[&drives(1.0, 0.0)], &[&drives(2.0, 50.0)]).both, 1, "it has gone on");
        assert_eq!(matched(&[&drives(1.0, 0.0)], &[&drives(2.0, 70.0)]).both, 0, "not so fast");
        assert_eq!(matched(&[&drives(1.0, 0.0)], &[&drives(1.1, 50.0)]).both, 0, "nor so soon");
    }
}
