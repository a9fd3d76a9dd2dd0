//! `edge-agent track`: the tracker of the service on given detections (MOTChallenge in, MOTChallenge out).

use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use models_domain::track::{Settings, Tracker};
use models_domain::{BBox, Class, Detection, UtcMillis};

const EXAMPLE: &str = "Example:
  edge-agent track --detections det.txt --fps 25 > tracks.txt

A row in: frame (from 1), anything, left, top, width, height, score [, class]; what follows is not read. Class is a name
(car) or a number of COCO (2); -1 or none means what --class says. Frames may be missing: time goes by their number.
A row out: frame, id, left, top, width, height, score, -1, -1, -1 (https://motchallenge.net/instructions/).";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// Detections, MOTChallenge rows in any order.
    #[arg(long, value_name = "DET.txt")]
    detections: PathBuf,

    /// Frames a second.
    #[arg(long, value_parser = fps)]
    fps: f64,

    /// Class of the rows that name none.
    #[arg(long, default_value = "person")]
    class: Class,
}

fn fps(text: &str) -> Result<f64, String> {
    match text.parse() {
        Ok(fps) if (0.1..=1000.0).contains(&fps) => Ok(fps),
        Ok(_) | Err(_) => Err("not a number from 0.1 to 1000".to_owned()),
    }
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(&args.detections)
        .with_context(|| format!("reading {}", args.detections.display()))?;
    let frames = read(&text, args.class, &args.detections)?;
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    let told = track(&frames, args.fps, &mut out).and_then(|()| out.flush());
    told.context("writing tracks to standard output")
}

fn track(frames: &BTreeMap<u32, Vec<Detection>>, fps: f64, out: &mut impl Write) -> std::io::Result<()> {
    let mut tracker = Tracker::new(Settings::default());
    let last = frames.keys().next_back().copied().unwrap_or(0);
    let first = frames.keys().next().copied().unwrap_or(1);
    for frame in first..=last {
        // A frame without rows is one in which nobody was seen, or one that was dropped: for the tracker the same.
        let Some(seen) = frames.get(&frame) else { continue };
        let at = UtcMillis((f64::from(frame) * 1000.0 / fps).round() as i64);
        for track in tracker.step(at, seen).iter().filter(|t| t.is_seen(at)) {
            let b = track.bbox;
            let id = track.id.0;
            writeln!(
                out,
                "{frame},{id},{:.2},{:.2},{:.2},{:.2},{:.3},-1,-1,-1",
                b.x, b.y, b.w, b.h, track.score
            )?;
        }
    }
    Ok(())
}

/// Detections by frame.
fn read(text: &str, class: Class, path: &Path) -> anyhow::Result<BTreeMap<u32, Vec<Detection>>> {
    let mut frames: BTreeMap<u32, Vec<Detection>> = BTreeMap::new();
    for (i, line) in text.lines().enumerate().filter(|(_, l)| !l.trim().is_empty()) {
        let (frame, detection) =
            row(line, class).with_context(|| format!("{}, line {}", path.display(), i + 1))?;
        frames.entry(frame).or_default().push(detection);
    }
    Ok(frames)
}

fn row(line: &str, class: Class) -> anyhow::Result<(u32, Detection)> {
    let fields: Vec<&str> = line.split(',').map(str::trim).collect();
    let &[frame, _, x, y, w, h, score, ..] = fields.as_slice() else {
        bail!("has {} of at least 7 fields: frame, id, left, top, width, height, score", fields.len());
    };
    let number = |name: &str, text: &str| match text.parse::<f64>() {
        Ok(value) if value.is_finite() => Ok(value),
        Ok(_) | Err(_) => bail!("{name} {text:?} is not a number"),
    };
    let frame_number = match frame.parse::<u32>() {
        Ok(n) if (1..=100_000_000).contains(&n) => n,
        Ok(_) | Err(_) => bail!("frame {frame:?} is not a whole number from 1"),
    };
    let bbox = BBox::new(number("left", x)?, number("top", y)?, number("width", w)?, number("height", h)?);
    if bbox.w <= 0.0 || bbox.h <= 0.0 {
        bail!("a box of {w} x {h} has no area");
    }
    let score = number("score", score)? as f32;
    let class = fields.get(7).map_or(Ok(class), |text| class_of(text, class))?;
    Ok((frame_number, Detection { class, bbox, score }))
}

/// The eighth field: a name, a number of COCO, or nothing. In MOTChallenge files it is often a coordinate, -1.
fn class_of(text: &str, without: Class) -> anyhow::Result<Class> {
    match text {
        "" | "-1" | "-1.0" => Ok(without),
        "0" => Ok(Class::Person),
        "1" => Ok(Class::Bicycle),
        "2" => Ok(Class::Car),
        "3" => Ok(Class::Motorcycle),
        "5" => Ok(Class::Bus),
        "7" => Ok(Class::Truck),
        name => Ok(name.parse()?),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Three walkers, each 3 px a frame, boxes apart; some frames left out, one walker hidden for ten frames.
    fn made() -> String {
        let mut rows = String::new();
        for frame in (1..=120).filter(|f| f % 7 != 0 && !(50..54).contains(f)) {
            for walker in (0..3).filter(|w| *w != 1 || !(70..80).contains(&frame)) {
                let way = if walker == 2 { 400 - 3 * frame } else { 3 * frame };
                let (x, y) = (way + 5 * (frame % 2), 100 + 90 * walker);
                rows += &format!("{frame},-1,{x},{y},20,60,0.9,-1,-1,-1\n");
            }
        }
        rows
    }

    #[test]
    fn identities_last_over_dropped_frames() {
        let frames = read(&made(), Class::Person, Path::new("det.txt")).unwrap();
        let mut out = Vec::new();
        track(&frames, 25.0, &mut out).unwrap();
        // Independent of the tracker: by the row a walker keeps to.
        let mut ids_by_row: BTreeMap<i64, BTreeSet<String>> = BTreeMap::new();
        for line in String::from_utf8(out).unwrap().lines() {
            let fields: Vec<&str> = line.split(',').collect();
            assert_eq!(fields.len(), 10);
            let row = (fields[3].parse::<f64>().unwrap() / 90.0).round() as i64;
            ids_by_row.entry(row).or_default().insert(fields[1].to_owned());
        }
        assert_eq!(ids_by_row.len(), 3);
        assert!(ids_by_row.values().all(|ids| ids.len() == 1), "{ids_by_row:?}");
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        let err = read(text, Class::Person, Path::new("det.txt")).unwrap_err();
        assert_eq!(format!("{err:#}"), want);
    }

    #[test]
    fn bad_rows_are_named() {
        let good = "1,-1,0,0,10,10,0.9\n";
        check(
            &format!("{good}\n2,-1,0,0"),
            "det.txt, line 3: has 4 of at least 7 fields: frame, id, left, top, width, height, score",
        );
        check("0,-1,0,0,10,10,0.9", "det.txt, line 1: frame \"0\" is not a whole number from 1");
        check("1,-1,0,x,10,10,0.9", "det.txt, line 1: top \"x\" is not a number");
        check("1,-1,0,nan,10,10,0.9", "det.txt, line 1: top \"nan\" is not a number");
        check("1,-1,0,0,0,10,0.9", "det.txt, line 1: a box of 0 x 10 has no area");
        check(
            "1,-1,0,0,9,9,0.9,van",
            "det.txt, line 1: \"van\" is not a class; known are person, bicycle, motorcycle, car, bus, truck",
        );
    }
}
