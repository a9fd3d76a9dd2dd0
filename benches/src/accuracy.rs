//! `accuracy`: line counts of `edge-agent analyze` against crossings that were counted by hand, and detections against
//! annotations in COCO's format.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::Parser;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Bench, programs};

/// How far a told crossing may be from the true one, in seconds.
const NEAR_S: f64 = 0.5;

pub const BENCH: Bench =
    Bench { name: "accuracy", about: "counts and detections against what people saw", run };

/// Prints {"share","worst_share","total","ladder","clips"}: found crossings (right line, direction and time) of all that were
/// there or told; "detection" with --coco.
#[derive(Parser)]
#[command(name = "accuracy")]
struct Args {
    /// Crossings counted by hand; goes with a --clip, and both may come again. Without it and without --coco, the clips with
    /// truth in the nearest shared/field/video at or above this folder.
    #[arg(long, value_name = "FILE.json")]
    truth: Vec<PathBuf>,

    #[arg(long, value_name = "FILE")]
    clip: Vec<PathBuf>,

    /// Annotations in COCO's format; goes with --images.
    #[arg(long, value_name = "FILE.json", requires = "images")]
    coco: Option<PathBuf>,

    #[arg(long, value_name = "DIR", requires = "coco")]
    images: Option<PathBuf>,

    /// The program to measure instead of the one built beside this.
    #[arg(long, value_name = "FILE")]
    agent: Option<PathBuf>,

    /// More options for `edge-agent analyze` and `edge-agent models measure`. The ladder is on when analyze knows --ladder.
    #[arg(last = true)]
    extra: Vec<String>,
}

struct Wish {
    agent: PathBuf,
    /// Truth file and clip.
    clips: Vec<(PathBuf, PathBuf)>,
    /// Annotations and pictures.
    coco: Option<(PathBuf, PathBuf)>,
    extra: Vec<String>,
}

/// A truth file: size of the picture, lines with their crossings.
#[derive(Debug, Deserialize)]
struct Truth {
    width: u32,
    height: u32,
    #[serde(default = "always")]
    interval_s: (f64, f64),
    lines: Vec<TruthLine>,
}

fn always() -> (f64, f64) {
    (0.0, 1e9)
}

#[derive(Debug, Deserialize)]
struct TruthLine {
    id: String,
    a: (f64, f64),
    b: (f64, f64),
    #[serde(default)]
    crossings: Vec<Crossing>,
}

#[derive(Debug, Deserialize)]
struct Crossing {
    t: f64,
    class: String,
    #[serde(default)]
    class_alt: Vec<String>,
    direction: Way,
    /// First and last time that the road user is on the line.
    span: Option<(f64, f64)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    LeftToRight,
    RightToLeft,
}

/// A line of the events file; other kinds of events have other keys.
#[derive(Debug, Clone, PartialEq, Deserialize)]
struct Told {
    t_s: f64,
    line: String,
    class: String,
    direction: String,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize)]
struct Score {
    found: usize,
    class_right: usize,
    missed: usize,
    #[serde(rename = "false")]
    untrue: usize,
}

impl Score {
    fn add(&mut self, other: &Score) {
        self.found += other.found;
        self.class_right += other.class_right;
        self.missed += other.missed;
        self.untrue += other.untrue;
    }

    /// Found of all that was there or told, to three digits as in the truth's own scorer.
    fn share(&self) -> f64 {
        let all = (self.found + self.missed + self.untrue).max(1);
        (self.found as f64 / all as f64 * 1000.0).round() / 1000.0
    }
}

fn run(words: Vec<OsString>) -> Result<Value> {
    let wish =
        Args::parse_from(words).wish(&std::env::current_dir().context("asking for the current folder")?)?;
    let ladder = knows_ladder(&wish.agent)?;
    let (mut total, mut worst, mut rows) = (Score::default(), f64::INFINITY, Vec::new());
    for (truth, clip) in &wish.clips {
        let mut extra = wish.extra.clone();
        if ladder && !extra.iter().any(|o| o.starts_with("--ladder")) {
            extra.push("--ladder".to_owned());
        }
        let lines = score_clip(&wish.agent, truth, clip, &extra)?;
        let mut of_clip = Score::default();
        lines.iter().for_each(|(_, s)| of_clip.add(s));
        total.add(&of_clip);
        worst = worst.min(of_clip.share());
        let lines: Vec<Value> = lines
            .iter()
            .map(|(id, s)| {
                serde_json::json!({ "line": id, "found": s.found, "class_right": s.class_right, "missed": s.missed,
                    "false": s.untrue })
            })
            .collect();
        rows.push(serde_json::json!({ "clip": clip, "share": of_clip.share(), "lines": lines }));
    }
    let mut result = serde_json::Map::new();
    if !rows.is_empty() {
        result.insert("share".to_owned(), total.share().into());
        result.insert("worst_share".to_owned(), worst.into());
        result.insert("total".to_owned(), serde_json::to_value(&total)?);
        result.insert("ladder".to_owned(), ladder.into());
        result.insert("clips".to_owned(), rows.into());
    }
    if let Some((annotations, images)) = &wish.coco {
        result.insert("detection".to_owned(), measure(&wish.agent, annotations, images, &wish.extra)?);
    }
    Ok(Value::Object(result))
}

impl Args {
    fn wish(self, here: &Path) -> Result<Wish> {
        if self.truth.len() != self.clip.len() {
            bail!("{} --truth but {} --clip: they go in pairs", self.truth.len(), self.clip.len());
        }
        let mut clips: Vec<(PathBuf, PathBuf)> = self.truth.into_iter().zip(self.clip).collect();
        let coco = self.coco.zip(self.images);
        if clips.is_empty() && coco.is_none() {
            clips = open_clips(here)?;
        }
        let agent = match self.agent {
            Some(agent) => agent,
            None => programs::beside("edge-agent")?,
        };
        Ok(Wish { agent, clips, coco, extra: self.extra })
    }
}

/// Every NAME.truth.json with its NAME.mp4 in the nearest shared/field/video.
fn open_clips(here: &Path) -> Result<Vec<(PathBuf, PathBuf)>> {
    let folder =
        here.ancestors().map(|a| a.join("shared/field/video")).find(|f| f.is_dir()).with_context(|| {
            format!("no shared/field/video in or above {}; name clips by --truth and --clip", here.display())
        })?;
    let entries = std::fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))?;
    let mut clips = Vec::new();
    for entry in entries {
        let truth = entry.with_context(|| format!("reading {}", folder.display()))?.path();
        let name = truth.file_name().and_then(|n| n.to_str()).and_then(|n| n.strip_suffix(".truth.json"));
        if let Some(name) = name {
            clips.push((truth.clone(), folder.join(format!("{name}.mp4"))));
        }
    }
    clips.sort();
    Ok(clips)
}

fn knows_ladder(agent: &Path) -> Result<bool> {
    let help = Command::new(agent).args(["analyze", "--help"]).output();
    let help = help.with_context(|| format!("starting {}", agent.display()))?;
    Ok(String::from_utf8_lossy(&help.stdout).contains("--ladder"))
}

fn score_clip(agent: &Path, truth: &Path, clip: &Path, extra: &[String]) -> Result<Vec<(String, Score)>> {
    let text = std::fs::read_to_string(truth).with_context(|| format!("reading {}", truth.display()))?;
    let truth: Truth = serde_json::from_str(&text).with_context(|| format!("reading {}", truth.display()))?;
    let work = tempfile::tempdir().context("making a folder for the scene")?;
    let (scene, events) = (work.path().join("scene.toml"), work.path().join("events.jsonl"));
    std::fs::write(&scene, truth.scene()?).with_context(|| format!("writing {}", scene.display()))?;
    let done = Command::new(agent)
        .arg("analyze")
        .arg(clip)
        .args(["--scene".as_ref(), scene.as_os_str(), "--events".as_ref(), events.as_os_str()])
        .args(extra)
        .output()
        .with_context(|| format!("starting {}", agent.display()))?;
    if !done.status.success() {
        let words = String::from_utf8_lossy(&done.stderr);
        bail!("{} analyze {}: {}", agent.display(), clip.display(), words.trim());
    }
    let events = std::fs::read_to_string(&events).context("reading what analyze found")?;
    let told = crossings(&events)?;
    Ok(truth.lines.iter().map(|line| (line.id.clone(), line.score(&told, truth.interval_s))).collect())
}

fn crossings(events: &str) -> Result<Vec<Told>> {
    let mut told = Vec::new();
    for line in events.lines() {
        let row: Value = serde_json::from_str(line).with_context(|| format!("reading the event {line}"))?;
        if row["kind"] == "line_crossing" {
            told.push(serde_json::from_value(row).with_context(|| format!("reading the event {line}"))?);
        }
    }
    Ok(told)
}

impl Truth {
    fn scene(&self) -> Result<String> {
        let mut text = format!("size = [{}, {}]\n", self.width, self.height);
        for TruthLine { id, a, b, .. } in &self.lines {
            let id = serde_json::to_string(id)?;
            text += &format!("[[line]]\nid = {id}\na = [{}, {}]\nb = [{}, {}]\n", a.0, a.1, b.0, b.1);
        }
        Ok(text)
    }
}

impl TruthLine {
    /// Each true crossing, in time order, takes the nearest told one of its direction within its span and half a second.
    fn score(&self, told: &[Told], (start, end): (f64, f64)) -> Score {
        let told: Vec<&Told> = told.iter().filter(|t| t.line == self.id).collect();
        let mut used = vec![false; told.len()];
        let mut score = Score::default();
        let mut crossings: Vec<&Crossing> = self.crossings.iter().collect();
        crossings.sort_by(|p, q| p.t.total_cmp(&q.t));
        for crossing in crossings {
            let (from, to) = crossing.span.unwrap_or((crossing.t, crossing.t));
            let direction = match crossing.direction {
                Way::LeftToRight => "to_right",
                Way::RightToLeft => "to_left",
            };
            let near = told.iter().enumerate().filter(|(i, t)| {
                !used[*i] && t.direction == direction && (from - NEAR_S..=to + NEAR_S).contains(&t.t_s)
            });
            let off = |t: &Told| (t.t_s - crossing.t).abs();
            match near.min_by(|p, q| off(p.1).total_cmp(&off(q.1))) {
                Some((i, found)) => {
                    used[i] = true;
                    score.found += 1;
                    let right = found.class == crossing.class || crossing.class_alt.contains(&found.class);
                    score.class_right += usize::from(right);
                }
                None => score.missed += 1,
            }
        }
        let untrue = told.iter().zip(&used).filter(|(t, used)| !**used && (start..=end).contains(&t.t_s));
        score.untrue = untrue.count();
        score
    }
}

/// What `edge-agent models measure` says, its last line being one JSON object.
fn measure(agent: &Path, annotations: &Path, images: &Path, extra: &[String]) -> Result<Value> {
    let done = Command::new(agent)
        .args(["models", "measure", "--coco"])
        .arg(annotations)
        .arg("--images")
        .arg(images)
        .args(extra)
        .output()
        .with_context(|| format!("starting {}", agent.display()))?;
    if !done.status.success() {
        bail!("{} models measure: {}", agent.display(), String::from_utf8_lossy(&done.stderr).trim());
    }
    let said = String::from_utf8_lossy(&done.stdout);
    let last = said.lines().rev().find(|l| l.starts_with('{'));
    let last = last.with_context(|| format!("models measure printed no JSON object but: {said}"))?;
    serde_json::from_str(last).with_context(|| format!("reading {last}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(t_s: f64, class: &str, direction: &str) -> Told {
        Told { t_s, line: "l".to_owned(), class: class.to_owned(), direction: direction.to_owned() }
    }

    #[test]
    fn crossings_are_matched_as_the_truth_says() {
        let truth = r#"{"width": 640, "height": 360, "interval_s": [1, 20], "lines": [{"id": "l", "a": [1, 2], "b": [3, 4],
            "crossings": [
                {"t": 9, "class": "car", "direction": "left_to_right", "span": [8, 10]},
                {"t": 5, "class": "truck", "class_alt": ["car"], "direction": "right_to_left"},
                {"t": 15, "class": "bus", "direction": "left_to_right"}]}]}"#;
        let truth: Truth = serde_json::from_str(truth).unwrap();
        assert!(truth.scene().unwrap().contains("id = \"l\"\na = [1, 2]\nb = [3, 4]\n"));
        let all = [
            told(5.4, "car", "to_left"),
            told(10.4, "truck", "to_right"),
            told(5.5, "car", "to_left"),
            told(15.0, "bus", "to_left"),
            told(25.0, "bus", "to_left"),
        ];
        let score = truth.lines[0].score(&all, truth.interval_s);
        assert_eq!(score, Score { found: 2, class_right: 1, missed: 1, untrue: 2 });
        assert_eq!(score.share(), 0.4);
    }

    #[test]
    fn other_events_are_passed_over() {
        let text = "{\"kind\": \"stopped_vehicle\", \"t_s\": 1.0}\n\
                    {\"kind\": \"line_crossing\", \"t_s\": 5.4, \"line\": \"l\", \"class\": \"car\", \"direction\": \"to_left\", \"track\": 3}\n";
        assert_eq!(crossings(text).unwrap(), [told(5.4, "car", "to_left")]);
    }

    #[test]
    fn wrong_options_are_named() {
        let check = |words: &[&str], want: &str| {
            let args = Args::try_parse_from([&["accuracy"], words].concat());
            let said = match args {
                Ok(args) => args.wish(Path::new("/nowhere")).err().map(|err| err.to_string()),
                Err(err) => Some(err.to_string()),
            };
            assert!(said.as_ref().is_some_and(|said| said.contains(want)), "{words:?}: {said:?}");
        };
        check(&["--truth", "t.json"], "1 --truth but 0 --clip: they go in pairs");
        check(&["--coco", "a.json"], "--images <DIR>");
        check(&[], "no shared/field/video in or above /nowhere");
    }
}
