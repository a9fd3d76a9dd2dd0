//! `ladder`: what the decode ladder saves and what it misses, against decoding everything, on the same streams.
//!
//! A street that is busy for four minutes in twenty is built from real clips and encoded as cameras do, one kind of stream
//! after the other, each of the next clip, until all kinds and all clips had their turn. The agent analyses each twice, in
//! full and with the ladder, both at the same time, so that what else the machine does weighs on both. A third run, in full
//! too, is of the same street taken half a picture later; a fourth, in full, of the very same stream, begins anew before each
//! busy spell. As far as these agree with the first, so far can recall reach.

mod clip;
mod flavour;
mod mix;
mod score;

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::Value;

use self::clip::{Clip, Taken};
use self::flavour::Flavour;
use self::mix::Mix;
use self::score::{Ceiling, Found, Score};
use crate::{Bench, programs};

pub const BENCH: Bench = Bench {
    name: "ladder",
    about: "CPU time and recall of the decode ladder beside decoding everything",
    run,
};

/// Prints {"cpu_ratio","crossings_recall","events_recall","estimated_miss","true_miss","idle_streams_per_core"} over all
/// streams, "events_by_kind", and the same of each under "streams". A share of the crossings and events is missed; the
/// estimate is the agent's own, from its audits, with the ends of its interval. "ceiling": the recall of a second run that
/// decodes everything too, of pictures taken half a period later. "begun_anew": of one on the same pictures, which begins
/// before each busy spell; what it does not share differs by nothing but what its tracker saw before.
#[derive(Parser)]
#[command(name = "ladder")]
struct Args {
    /// Folder of clips (.mp4 .avi .mkv .mov), each with NAME.truth.json beside it where its lines and quiet stretches are
    /// known; those of ../shared/field/video and of deploy/clips when left out.
    #[arg(long, value_name = "DIR")]
    clips: Option<PathBuf>,
    /// Length of each stream; a fifth of it is busy.
    #[arg(long, value_name = "MINUTES", default_value_t = 20.0, value_parser = minutes)]
    minutes: f64,
    /// In each busy spell of 30 s everybody stands for so long, as before a red light: there are stops to be told of then, and
    /// less to be analysed.
    #[arg(long, value_name = "SECONDS", default_value_t = 0.0, value_parser = seconds)]
    stands: f64,
    /// Only these kinds of stream.
    #[arg(long, value_name = "NAME,NAME", value_delimiter = ',', value_parser = flavour::named)]
    flavours: Vec<&'static Flavour>,
    /// Do not measure how far runs that decode everything agree: it takes three times as long.
    #[arg(long)]
    no_ceiling: bool,
    /// Leave streams, scenes and events there.
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// A shipped network.
    #[arg(long)]
    model: Option<String>,
    /// Watched streams per core, as `benches/run idle` measured them; it is run when left out. 0: neither.
    #[arg(long, value_name = "N")]
    idle: Option<f64>,
}

fn minutes(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(minutes) if (2.0..=600.0).contains(&minutes) => Ok(minutes),
        Ok(_) | Err(_) => Err("2 to 600: the ladder must learn the stream first".to_owned()),
    }
}

fn seconds(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(seconds) if (0.0..=20.0).contains(&seconds) => Ok(seconds),
        Ok(_) | Err(_) => Err("0 to 20: in the rest of the spell all must come and go".to_owned()),
    }
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let clips = clips(args.clips.as_deref())?;
    let scratch = tempfile::tempdir().context("making a folder")?;
    let work = args.keep.clone().unwrap_or_else(|| scratch.path().to_owned());
    std::fs::create_dir_all(&work).with_context(|| format!("making the folder {}", work.display()))?;
    let flavours =
        if args.flavours.is_empty() { flavour::ALL.iter().collect() } else { args.flavours.clone() };
    let (mut total, mut streams) = (Score::default(), Vec::new());
    for number in 0..flavours.len().max(clips.len()) {
        let (flavour, clip) = (flavours[number % flavours.len()], &clips[number % clips.len()]);
        let score = measure(&args, flavour, clip, &work)?;
        let mut told = score.json();
        told["flavour"] = flavour.name.into();
        told["clip"] = clip.file_stem().unwrap_or_default().to_string_lossy().into();
        eprintln!("{told}");
        total.add(&score);
        streams.push(told);
    }
    let mut told = total.json();
    told["idle_streams_per_core"] = idle(args.idle)?.into();
    told["streams"] = streams.into();
    Ok(told)
}

fn clips(folder: Option<&Path>) -> anyhow::Result<Vec<PathBuf>> {
    let folders = match folder {
        Some(folder) => vec![folder.to_owned()],
        None => vec![PathBuf::from("../shared/field/video"), programs::cache().join("clips")],
    };
    let mut clips = Vec::new();
    for folder in folders.iter().filter(|f| f.is_dir()) {
        clips.extend(clip::find(folder)?);
    }
    let looked = folders.iter().map(|f| f.display().to_string()).collect::<Vec<_>>().join(", ");
    ensure!(!clips.is_empty(), "no clip in {looked}; deploy/setup test fetches two");
    Ok(clips)
}

fn measure(args: &Args, flavour: &Flavour, clip: &Path, work: &Path) -> anyhow::Result<Score> {
    let street = Street::encode(args, flavour, clip, Taken::OnTime, work)?;
    let (full, ladder) = (street.analyze(args, "full", &[])?, street.analyze(args, "ladder", &["--ladder"])?);
    let (full, ladder) = (full.found()?, ladder.found()?);
    let again = match args.no_ceiling {
        true => None,
        false => {
            let later = Street::encode(args, flavour, clip, Taken::HalfAPictureLater, work)?;
            let again = later.analyze(args, "again", &[])?;
            let anew = street.begun_anew(args)?;
            Some((again.found()?, anew))
        }
    };
    Score::new(&full, &ladder, again.as_ref().map(|(again, anew)| Ceiling { again, anew: anew.as_slice() }))
}

/// A stream and its scene.
struct Street {
    stream: PathBuf,
    scene: PathBuf,
}

impl Street {
    fn encode(
        args: &Args,
        flavour: &Flavour,
        clip: &Path,
        taken: Taken,
        work: &Path,
    ) -> anyhow::Result<Self> {
        let clip = clip::read(clip, flavour.fps, taken)?;
        let mix = Mix::new(&clip, args.minutes * 60.0, args.stands);
        let name = format!("{}-{}{}", flavour.name, clip.name, taken.name());
        let (stream, scene) = (work.join(format!("{name}.mkv")), work.join(format!("{name}.toml")));
        flavour.encode(&clip, &mix, &stream)?;
        std::fs::write(&scene, scene_of(&clip)).with_context(|| format!("writing {}", scene.display()))?;
        Ok(Self { stream, scene })
    }

    /// What is told when all is decoded, and each spell is a run of its own.
    fn begun_anew(&self, args: &Args) -> anyhow::Result<Vec<(mix::Spell, Found)>> {
        let mut all = Vec::new();
        for (number, spell) in mix::spells(args.minutes * 60.0).into_iter().enumerate() {
            let (from, until) = (spell.from_s.to_string(), spell.until_s.to_string());
            let extra = ["--from", from.as_str(), "--until", until.as_str()];
            all.push((spell, self.analyze(args, &format!("anew{number}"), &extra)?.found()?));
        }
        Ok(all)
    }

    /// Starts the agent on it.
    fn analyze(&self, args: &Args, what: &str, extra: &[&str]) -> anyhow::Result<Run> {
        let (agent, events) = (programs::beside("edge-agent")?, self.stream.with_extension(what));
        let mut command = Command::new(&agent);
        command.arg("analyze").arg(&self.stream).arg("--scene").arg(&self.scene);
        command.arg("--events").arg(&events).args(extra);
        if let Some(model) = &args.model {
            command.args(["--model", model]);
        }
        let command = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().with_context(|| format!("starting {}", agent.display()))?;
        Ok(Run { child: Some(child), events })
    }
}

/// The agent at work; it ends when this is dropped.
struct Run {
    child: Option<Child>,
    events: PathBuf,
}

impl Run {
    fn found(mut self) -> anyhow::Result<Found> {
        let child = self.child.take().context("a run has one result")?;
        Found::read(summary(child)?, &self.events)
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Who has ended already cannot be ended.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// The JSON object that a program of ours prints last.
fn summary(child: Child) -> anyhow::Result<Value> {
    let out = child.wait_with_output().context("waiting for a program")?;
    let said = String::from_utf8_lossy(&out.stderr);
    ensure!(out.status.success(), "{}: {}", out.status, said.trim());
    let text = String::from_utf8_lossy(&out.stdout);
    let last = text.lines().rev().find(|l| l.starts_with('{')).context("a program printed no result")?;
    serde_json::from_str(last).with_context(|| format!("a program printed {last}"))
}

/// The clip's lines, and rules that tell of what happens in its street, which is all but the far third of the picture: who
/// stands (before the red light, with `--stands`), who comes towards the camera, as if only the other way were allowed, who
/// comes in at all, and who walks.
fn scene_of(clip: &Clip) -> String {
    let (w, h) = (clip.width, clip.height);
    let far = h / 3;
    let rule = |kind: &str, keys: &str| format!("[[rule]]\nkind = \"{kind}\"\nzone = \"street\"\n{keys}\n");
    [
        format!("size = [{w}, {h}]\n{}", clip.lines),
        format!("[[zone]]\nid = \"street\"\npolygon = [[0, {far}], [{w}, {far}], [{w}, {h}], [0, {h}]]\n"),
        rule("stopped_vehicle", "for_ms = 5000"),
        rule("wrong_way", "direction = [0, -1]"),
        rule("intrusion", "for_ms = 1000"),
        rule("pedestrian_on_carriageway", ""),
    ]
    .concat()
}

/// Watched streams per core, as this program's own `idle` measures them.
fn idle(told: Option<f64>) -> anyhow::Result<Option<f64>> {
    if let Some(told) = told {
        return Ok((told > 0.0).then_some(told));
    }
    let here = std::env::current_exe().context("finding this program")?;
    let mut command = Command::new(here);
    command.arg("idle").stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().context("starting idle")?;
    let told = summary(child).context("idle; --idle 0 leaves it out")?;
    Ok(told["streams_per_core"].as_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_refused_with_what_would_do() {
        let refused = |words: &[&str]| {
            let words = ["ladder"].iter().chain(words).map(OsString::from);
            Args::try_parse_from(words).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert!(refused(&["--minutes", "0"]).contains("2 to 600"));
        assert!(refused(&["--flavours", "h266"]).contains("h264-vbr"));
        assert!(refused(&["--stands", "30"]).contains("0 to 20"));
        assert_eq!(refused(&["--flavours", "h264-vbr,h265-cbr-night", "--minutes", "5"]), "");
    }
}
