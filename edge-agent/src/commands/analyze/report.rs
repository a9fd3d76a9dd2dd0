//! What `analyze` writes: JSON lines, MOTChallenge rows, and the one JSON object at the end.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::Context;
use models_domain::count::{Direction, LineCrossing};
use models_domain::event::{Phase, RuleEvent};
use models_domain::ladder::{MissEstimate, Rung, Tally};
use models_domain::scene::Scene;
use models_domain::track::Track;
use models_domain::{Class, EventBody, LineId, UtcMillis};
use serde::Serialize;

/// Counts and files of one run.
pub struct Report {
    pub decoded: u64,
    pub dropped: u64,
    inferred: u64,
    frames: u64,
    frames_by_rung: BTreeMap<Rung, u64>,
    counts: BTreeMap<(LineId, Class), (u64, u64)>,
    events_by_rule: BTreeMap<String, u64>,
    events: Option<Output>,
    tracks: Option<Output>,
}

#[derive(Serialize)]
#[serde(tag = "kind", rename = "line_crossing")]
struct CrossingRow<'a> {
    t_s: f64,
    line: &'a str,
    class: Class,
    direction: Direction,
    track: u64,
}

#[derive(Serialize)]
struct RuleRow<'a> {
    kind: &'a str,
    phase: &'a str,
    t_s: f64,
    began_s: f64,
    zone: Option<&'a str>,
    class: Option<Class>,
    track: Option<u64>,
    bbox: Option<[f64; 4]>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<&'a str>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    measures: BTreeMap<&'a str, f64>,
}

#[derive(Serialize)]
struct Summary<'a> {
    frames: u64,
    decoded: u64,
    inferred: u64,
    dropped: u64,
    cpu_s: f64,
    wall_s: f64,
    counts: Vec<CountRow<'a>>,
    events: &'a BTreeMap<String, u64>,
    rungs: BTreeMap<&'static str, u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    missed: Option<MissEstimate>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tally: Option<Tally>,
}

#[derive(Serialize)]
struct CountRow<'a> {
    line: &'a str,
    class: Class,
    to_right: u64,
    to_left: u64,
}

impl Report {
    /// # Errors
    /// When a file cannot be created.
    pub fn create(scene: &Scene, events: Option<&Path>, tracks: Option<&Path>) -> anyhow::Result<Self> {
        Ok(Self {
            decoded: 0,
            dropped: 0,
            inferred: 0,
            frames: 0,
            frames_by_rung: BTreeMap::new(),
            counts: BTreeMap::new(),
            events_by_rule: scene.rules.iter().map(|rule| (rule.kind.clone(), 0)).collect(),
            events: events.map(Output::create).transpose()?,
            tracks: tracks.map(Output::create).transpose()?,
        })
    }

    /// One coded picture came, and how it is treated.
    pub fn unit(&mut self, rung: Rung) {
        self.frames += 1;
        *self.frames_by_rung.entry(rung).or_default() += 1;
    }

    /// One picture went through the network; the tracks seen in it.
    pub fn picture(&mut self, at: UtcMillis, tracks: &[Track]) -> anyhow::Result<()> {
        self.inferred += 1;
        let Some(out) = &mut self.tracks else { return Ok(()) };
        for track in tracks.iter().filter(|t| t.is_seen(at)) {
            let b = track.bbox;
            // https://motchallenge.net/instructions/: frame, id, left, top, width, height, confidence, x, y, z.
            out.line(&format!(
                "{},{},{:.2},{:.2},{:.2},{:.2},{:.3},-1,-1,-1",
                self.inferred, track.id.0, b.x, b.y, b.w, b.h, track.score
            ))?;
        }
        Ok(())
    }

    pub fn events(&mut self, found: Vec<(UtcMillis, EventBody)>) -> anyhow::Result<()> {
        for (at, body) in found {
            let row = if let EventBody::LineCrossing { crossing, .. } = &body {
                self.count(crossing);
                serde_json::to_string(&crossing_row(at, crossing))?
            } else if let EventBody::Rule { event, .. } = &body {
                match event.phase {
                    Phase::Moment | Phase::Begun => {
                        *self.events_by_rule.entry(event.rule.clone()).or_default() += 1;
                    }
                    // An end was counted at its begin, and figures are no event.
                    Phase::Ended | Phase::Figure => {}
                }
                serde_json::to_string(&rule_row(at, event))?
            } else {
                continue;
            };
            if let Some(out) = &mut self.events {
                out.line(&row)?;
            }
        }
        Ok(())
    }

    /// Closes the files and prints the summary on standard output.
    pub fn finish(mut self, tally: Option<Tally>, cpu_s: f64, wall_s: f64) -> anyhow::Result<()> {
        for out in [self.events.take(), self.tracks.take()].into_iter().flatten() {
            out.close()?;
        }
        let counts = self
            .counts
            .iter()
            .map(|((line, class), &(to_right, to_left))| CountRow {
                line: line.as_str(),
                class: *class,
                to_right,
                to_left,
            })
            .collect();
        let summary = Summary {
            frames: self.frames,
            decoded: self.decoded,
            inferred: self.inferred,
            dropped: self.dropped,
            cpu_s: rounded(cpu_s, 3),
            wall_s: rounded(wall_s, 3),
            counts,
            events: &self.events_by_rule,
            rungs: self.frames_by_rung.iter().map(|(rung, frames)| (name(*rung), *frames)).collect(),
            missed: tally.and_then(|tally| tally.estimate()),
            tally,
        };
        let mut out = std::io::stdout().lock();
        serde_json::to_writer(&mut out, &summary).context("writing the result to standard output")?;
        writeln!(out).context("writing the result to standard output")
    }

    fn count(&mut self, crossing: &LineCrossing) {
        let (to_right, to_left) = self.counts.entry((crossing.line.clone(), crossing.class)).or_default();
        match crossing.direction {
            Direction::ToRight => *to_right += 1,
            Direction::ToLeft => *to_left += 1,
        }
    }
}

fn crossing_row(at: UtcMillis, crossing: &LineCrossing) -> CrossingRow<'_> {
    CrossingRow {
        t_s: seconds(at),
        line: crossing.line.as_str(),
        class: crossing.class,
        direction: crossing.direction,
        track: crossing.track.0,
    }
}

fn rule_row(at: UtcMillis, event: &RuleEvent) -> RuleRow<'_> {
    RuleRow {
        kind: &event.rule,
        phase: event.phase.name(),
        t_s: seconds(at),
        began_s: seconds(event.began),
        zone: event.zone.as_ref().map(|z| z.as_str()),
        class: event.class,
        track: event.track.map(|t| t.0),
        bbox: event.bbox.map(|b| [b.x, b.y, b.w, b.h].map(|v| rounded(v, 1))),
        from: event.way.as_ref().map(|way| way.from.as_str()),
        to: event.way.as_ref().map(|way| way.to.as_str()),
        measures: event.measures.iter().map(|m| (m.what.name(), rounded(m.value, 3))).collect(),
    }
}

fn name(rung: Rung) -> &'static str {
    match rung {
        Rung::Watch => "watch",
        Rung::KeyFrames => "key_frames",
        Rung::Full => "full",
    }
}

fn seconds(at: UtcMillis) -> f64 {
    at.0 as f64 / 1000.0
}

fn rounded(value: f64, digits: i32) -> f64 {
    let unit = 10_f64.powi(digits);
    (value * unit).round() / unit
}

/// A file that is written line by line; its name is in every error.
struct Output {
    path: PathBuf,
    file: BufWriter<File>,
}

impl Output {
    fn create(path: &Path) -> anyhow::Result<Self> {
        let file = File::create(path).with_context(|| format!("creating {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file: BufWriter::new(file) })
    }

    fn line(&mut self, text: &str) -> anyhow::Result<()> {
        writeln!(self.file, "{text}").with_context(|| format!("writing {}", self.path.display()))
    }

    fn close(mut self) -> anyhow::Result<()> {
        self.file.flush().with_context(|| format!("writing {}", self.path.display()))
    }
}
