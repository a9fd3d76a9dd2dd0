//! A real clip as raw pictures, with its truth file where there is one, and footage of it in which nothing happens.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, bail, ensure};
use serde::Deserialize;

/// Wider clips are scaled down to this: the bench is about what moves, not about pixels.
const WIDTH_MAX: usize = 640;
/// A stretch shorter than this is not looped: a loop must not be a rhythm.
const QUIET_S_MIN: f64 = 4.0;
/// Pictures that the empty street is made of, for clips that are never quiet.
const EMPTY_FROM: usize = 41;
/// Noise is looked for in squares of so many pixels.
const BLOCK: usize = 16;

/// Pictures in I420, one after the other.
pub struct Clip {
    pub name: String,
    pub width: usize,
    pub height: usize,
    pub fps: usize,
    pub pictures: Vec<u8>,
    /// Lines as TOML tables of a scene of this size.
    pub lines: String,
    pub quiet: Quiet,
    /// Of the sensor: standard deviation of luma.
    pub noise: f64,
}

/// When the pictures were taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Taken {
    OnTime,
    /// Half a picture's period later each.
    HalfAPictureLater,
}

impl Taken {
    pub fn name(self) -> &'static str {
        match self {
            Self::OnTime => "",
            Self::HalfAPictureLater => "-later",
        }
    }
}

/// Footage in which nothing happens.
pub enum Quiet {
    /// Stretches of the clip itself, as picture numbers; played to and fro.
    Real(Vec<(usize, usize)>),
    /// The clip is never quiet: its median picture.
    Made(Vec<u8>),
}

#[derive(Deserialize)]
struct Truth {
    width: f64,
    height: f64,
    lines: Vec<TruthLine>,
    #[serde(default)]
    quiet_s: Vec<[f64; 2]>,
    #[serde(default)]
    interval_s: Option<[f64; 2]>,
}

#[derive(Deserialize)]
struct TruthLine {
    id: String,
    a: [f64; 2],
    b: [f64; 2],
}

impl Clip {
    /// Bytes of one picture.
    pub fn size(&self) -> usize {
        self.width * self.height * 3 / 2
    }

    pub fn len(&self) -> usize {
        self.pictures.len() / self.size()
    }

    pub fn picture(&self, number: usize) -> &[u8] {
        let at = number * self.size();
        &self.pictures[at..at + self.size()]
    }
}

/// The clips of a folder, in the order of their names.
pub fn find(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let listed =
        std::fs::read_dir(folder).with_context(|| format!("reading the folder {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = listed.flatten().map(|entry| entry.path()).filter(|p| is_clip(p)).collect();
    paths.sort();
    Ok(paths)
}

fn is_clip(path: &Path) -> bool {
    path.extension().is_some_and(|e| ["mp4", "avi", "mkv", "mov"].iter().any(|known| e == *known))
}

/// Decodes a clip at a steady `fps`.
pub fn read(path: &Path, fps: usize, taken: Taken) -> anyhow::Result<Clip> {
    let truth = truth(path)?;
    let (width, height) = scaled(path)?;
    let pictures = decode(path, width, height, fps, taken)?;
    let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let quiet = Quiet::Real(Vec::new());
    let mut clip = Clip { name, width, height, fps, pictures, lines: String::new(), quiet, noise: 0.0 };
    let missing = trim(&mut clip);
    ensure!(clip.len() >= 2 * fps, "{}: shorter than two seconds", path.display());
    clip.noise = noise(&clip);
    clip.lines = lines(truth.as_ref(), width, height);
    let quiet = truth.as_ref().map_or_else(Vec::new, |t| stretches(t, &clip, missing));
    clip.quiet = if quiet.is_empty() { empty_street(&clip) } else { Quiet::Real(quiet) };
    Ok(clip)
}

fn truth(path: &Path) -> anyhow::Result<Option<Truth>> {
    let beside = path.with_extension("truth.json");
    if !beside.is_file() {
        return Ok(None);
    }
    let text = std::fs::read_to_string(&beside).with_context(|| format!("reading {}", beside.display()))?;
    serde_json::from_str(&text).with_context(|| beside.display().to_string()).map(Some)
}

/// Leaves out the grey pictures at the beginning, which decoders make where the first key frame is missing. How many.
fn trim(clip: &mut Clip) -> usize {
    let luma = clip.width * clip.height;
    let is_grey = |picture: &[u8]| {
        let first = i32::from(picture[0]);
        picture[..luma].iter().step_by(97).all(|y| (i32::from(*y) - first).abs() < 12)
    };
    let grey = (0..clip.len()).take_while(|n| is_grey(clip.picture(*n))).count();
    let size = clip.size();
    clip.pictures.drain(..grey * size);
    grey
}

/// The truth's quiet stretches as picture numbers; `missing` pictures are left out before the first.
fn stretches(truth: &Truth, clip: &Clip, missing: usize) -> Vec<(usize, usize)> {
    let number = |s: f64| (s * clip.fps as f64).round().max(0.0) as usize;
    let [_, end] = truth.interval_s.unwrap_or([0.0, f64::INFINITY]);
    let kept = truth.quiet_s.iter().map(|[a, b]| (*a, b.min(end))).filter(|(a, b)| b - a >= QUIET_S_MIN);
    let place = |s: f64| number(s).saturating_sub(missing).min(clip.len());
    kept.map(|(a, b)| (place(a), place(b))).filter(|(a, b)| b > a).collect()
}

/// The truth's lines, or one across and one along the middle of the picture.
fn lines(truth: Option<&Truth>, width: usize, height: usize) -> String {
    let (w, h) = (width as f64, height as f64);
    let line = |id: &str, a: [f64; 2], b: [f64; 2]| {
        format!("[[line]]\nid = \"{id}\"\na = [{:.1}, {:.1}]\nb = [{:.1}, {:.1}]\n", a[0], a[1], b[0], b[1])
    };
    match truth {
        Some(truth) => {
            let (x, y) = (w / truth.width, h / truth.height);
            let scale = |p: [f64; 2]| [p[0] * x, p[1] * y];
            truth.lines.iter().map(|l| line(&l.id, scale(l.a), scale(l.b))).collect()
        }
        None => line("across", [0.0, h / 2.0], [w, h / 2.0]) + &line("along", [w / 2.0, 0.0], [w / 2.0, h]),
    }
}

/// Width and height, even, at most [`WIDTH_MAX`] wide.
fn scaled(path: &Path) -> anyhow::Result<(usize, usize)> {
    // A portable graymap says its size in words: "P5 640 360 255".
    let launch =
        "decodebin ! videoconvert ! video/x-raw,format=GRAY8 ! identity eos-after=2 ! pnmenc ! fdsink fd=1";
    let out = gst(path, launch).output().context("running gst-launch-1.0; install gstreamer1.0-tools")?;
    let head = out.stdout.get(..40).unwrap_or_default();
    let mut words =
        head.split(u8::is_ascii_whitespace).skip(1).map(|w| String::from_utf8_lossy(w).parse::<usize>());
    let (Some(Ok(w)), Some(Ok(h))) = (words.next(), words.next()) else {
        bail!("{}: no video that GStreamer can decode", path.display());
    };
    let width = w.min(WIDTH_MAX) / 4 * 4;
    Ok((width, (h * width / w.max(1)) / 4 * 4))
}

fn decode(path: &Path, width: usize, height: usize, fps: usize, taken: Taken) -> anyhow::Result<Vec<u8>> {
    // Twice as many, so that there are some half a period later.
    let (rate, size) = (2 * fps, width * height * 3 / 2);
    let launch = format!(
        "decodebin ! videoconvertscale ! videorate ! \
         video/x-raw,format=I420,width={width},height={height},framerate={rate}/1,pixel-aspect-ratio=1/1 ! fdsink fd=1"
    );
    let mut child = gst(path, &launch)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .context("running gst-launch-1.0; install gstreamer1.0-tools")?;
    let mut pipe = child.stdout.take().context("no way out of gst-launch-1.0")?;
    let (mut pictures, mut picture, mut number) = (Vec::new(), vec![0; size], 0);
    while pipe.read_exact(&mut picture).is_ok() {
        let is_wanted = match taken {
            Taken::OnTime => number % 2 == 0,
            Taken::HalfAPictureLater => number % 2 == 1,
        };
        if is_wanted {
            pictures.extend_from_slice(&picture);
        }
        number += 1;
    }
    let out = child.wait_with_output().context("waiting for gst-launch-1.0")?;
    ensure!(
        out.status.success() && !pictures.is_empty(),
        "{}: cannot be decoded: {}",
        path.display(),
        String::from_utf8_lossy(&out.stderr).trim()
    );
    Ok(pictures)
}

fn gst(path: &Path, rest: &str) -> Command {
    let mut command = Command::new("gst-launch-1.0");
    command.arg("-q").arg("filesrc").arg(format!("location={}", path.display())).arg("!");
    command.args(rest.split_whitespace()).stdin(Stdio::null());
    command
}

/// The median of pictures from the whole clip.
fn empty_street(clip: &Clip) -> Quiet {
    let (count, last) = (EMPTY_FROM.min(clip.len()), clip.len() - 1);
    let chosen: Vec<&[u8]> = (0..count).map(|i| clip.picture(i * last / (count - 1).max(1))).collect();
    let mut values = vec![0_u8; count];
    let picture = (0..clip.size())
        .map(|at| {
            for (value, from) in values.iter_mut().zip(&chosen) {
                *value = from[at];
            }
            *values.select_nth_unstable(count / 2).1
        })
        .collect();
    Quiet::Made(picture)
}

/// Its sensor's noise, where the picture stands still: the stillest tenth of its blocks, each through the whole clip.
/// Elsewhere pictures differ because something moves, and a street is not noisier for being empty.
fn noise(clip: &Clip) -> f64 {
    let mut blocks = Vec::new();
    for top in (0..clip.height / BLOCK * BLOCK).step_by(BLOCK) {
        for left in (0..clip.width / BLOCK * BLOCK).step_by(BLOCK) {
            blocks.push(spread(&differences(clip, top, left)));
        }
    }
    let tenth = blocks.len() / 10;
    blocks.sort_by(f64::total_cmp);
    blocks.get(tenth).copied().unwrap_or(0.0)
}

/// How often two neighbouring pictures differ by how much in one block.
fn differences(clip: &Clip, top: usize, left: usize) -> [u64; 256] {
    let mut differences = [0_u64; 256];
    for number in (1..clip.len()).step_by((clip.len() / 20).max(1)) {
        let (now, before) = (clip.picture(number), clip.picture(number - 1));
        for row in top..top + BLOCK {
            for at in row * clip.width + left..row * clip.width + left + BLOCK {
                differences[usize::from(now[at].abs_diff(before[at]))] += 1;
            }
        }
    }
    differences
}

/// Standard deviation of the noise in one picture, from how often two pictures differ by how much: the 68 % point of
/// a normal distribution's absolute values, and two pictures' noises make up the difference.
fn spread(differences: &[u64; 256]) -> f64 {
    let all: u64 = differences.iter().sum();
    let mut below = 0.0;
    for (value, count) in differences.iter().enumerate() {
        let share = *count as f64 / all.max(1) as f64;
        if below + share >= 0.6827 {
            let within = (0.6827 - below) / share.max(1e-9);
            return (value as f64 - 0.5 + within).max(0.0) / std::f64::consts::SQRT_2;
        }
        below += share;
    }
    0.5
}
