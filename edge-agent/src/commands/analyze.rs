//! `edge-agent analyze`: one clip or stream through the code path of the service.

mod annotated;
mod report;
mod span;
mod units;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow, ensure};
use edge_agent_core::analysis::Analysis;
use edge_agent_core::camera_worker::climb::Climb;
use edge_agent_core::camera_worker::eye::{Decoders, Eye, Look, Seen};
use edge_agent_core::camera_worker::pace::AnalyzePace;
use hardware_camera::{Cameras, clip_length};
use hardware_infer::Meter;
use hardware_ports::camera::CameraSource;
use hardware_ports::units::{AccessUnit, NextUnit, UnitDriver};
use hardware_ports::{Clock, SystemClock};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use models_domain::ladder::{Ladder, Rung, usual_rung};
use models_domain::scene::Scene;
use models_domain::{CameraId, UtcMillis};
use models_domain::{health, rules};

use self::annotated::Annotated;
use self::report::Report;
use self::span::{Place, Span};
use self::units::Units;
use crate::{models, usage};

fn help() -> String {
    let about = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let rules: Vec<String> =
        rules::ALL.iter().map(|kind| format!("  {}: {}", kind.name, about(kind.about))).collect();
    let health: Vec<String> = health::ALL.iter().map(|(name, what)| format!("  {name}: {what}")).collect();
    format!(
        "{EXAMPLE}\n\nRules (kind: what it tells; its keys, with what holds when they are left out):\n{}\n\n\
        The picture's health, watched without a line in the scene; [health] off = [\"camera_dark\"] or [\"all\"], for_ms:\n{}",
        rules.join("\n"),
        health.join("\n")
    )
}

const EXAMPLE: &str = "Example:
  edge-agent analyze junction.mp4 --scene junction.toml --events events.jsonl --annotated seen.mp4

A scene file, in pixels of a picture of `size`:
  size = [1280, 720]
  [[line]]
  id = \"north\"
  a = [100, 400]
  b = [900, 420]
  [[zone]]
  id = \"box\"
  polygon = [[300, 300], [700, 300], [700, 600], [300, 600]]
  [[rule]]
  kind = \"stopped_vehicle\"   # the others are listed below
  zone = \"box\"
  for_ms = 10000
  [[ground]]                   # four or more places on the road: speeds in km/h, lengths in metres
  picture = [310, 320]
  meters = [0.0, 12.5]         # x to the right, y away from the camera; or lat_lon = [21.0245, 105.8576]
  [lens]                       # OpenCV's numbers, where straight kerbs are bent in the picture
  fx = 900
  k1 = -0.21                   # fy, cx, cy, k2, k3, p1, p2 may be left out
  [pcu]                        # weights of mixed traffic, a car being 1
  motorcycle = 0.3

A clip is read at full speed, every picture; a stream as it comes, until it ends or Ctrl-C. At the end one JSON object is
printed: frames (in the stream), decoded, inferred, dropped, cpu_s, wall_s, counts by line and class, events by kind, and
how many frames came on each rung of the ladder,
what the ladder missed by its own estimate, and the tally that this is made of (times in ms).";

/// The same chance at every run, so that a clip gives the same result.
const LADDER_SEED: u64 = 1;
/// How long one wait for a picture of a stream may last; Ctrl-C is looked for in between.
const WAIT: Duration = Duration::from_millis(250);
/// A stream that is silent for this long is over.
const SILENT: Duration = Duration::from_secs(30);

#[derive(clap::Args)]
#[command(after_help = help())]
pub struct Args {
    /// A clip's path, or the URL of a camera (rtsp://user:password@host/path).
    #[arg(value_name = "CLIP_OR_URL")]
    input: String,

    /// Lines, zones and rules (TOML).
    #[arg(long, value_name = "SCENE.toml")]
    scene: PathBuf,

    /// A shipped network's name, or the path of a manifest (.toml).
    #[arg(long)]
    model: Option<String>,

    /// Write a JSON line per crossing and per event of a rule; t_s is the clip's own presentation time.
    #[arg(long, value_name = "FILE.jsonl")]
    events: Option<PathBuf>,

    /// Write tracks as MOTChallenge rows: frame (from 1), id, x, y, w, h, score, -1, -1, -1.
    #[arg(long, value_name = "FILE.txt")]
    tracks: Option<PathBuf>,

    /// Write the clip again (MP4, H.264) with tracks, lines and zones drawn on it.
    #[arg(long, value_name = "FILE.mp4")]
    annotated: Option<PathBuf>,

    /// Decode and analyse only what the ladder asks for, as the service does; everything when left out.
    #[arg(long)]
    ladder: bool,

    /// Most pictures analysed a second of the clip; every decoded picture when left out.
    #[arg(long, value_name = "N", value_parser = fps)]
    analyze_fps: Option<f64>,

    /// Begin there, at the first key frame; with the clip when left out.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    from: Option<f64>,

    /// End there; with the clip when left out.
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    until: Option<f64>,

    /// Threads for the network.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    if let (Some(from), Some(until)) = (args.from, args.until) {
        ensure!(from < until, "--until {until} must be later than --from {from}");
    }
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let scene = read_scene(&args.scene)?;
    let detector = models::open_for_tracking(args.model.as_deref(), usize::from(args.threads))?;
    let analysis = Analysis::new(CameraId::new("clip")?, &scene, Arc::new(detector))
        .map_err(|problems| anyhow!("{}: {}", args.scene.display(), problems.join("; ")))?
        .with_meter(Some(Arc::new(Meter)));
    let report = Report::create(&scene, args.events.as_deref(), args.tracks.as_deref())?;
    let annotated = args.annotated.as_deref().map(|path| Annotated::new(path, &scene));
    let source = CameraSource { url: args.input.clone(), ..CameraSource::default() };
    let bar = progress(&source);
    let stop = stop_on_ctrl_c()?;
    let driver: Arc<dyn UnitDriver> = Arc::new(Cameras::new(Arc::clone(&clock), &[])?);
    let decoders = Arc::new(Decoders::new(1));
    let pace = args.analyze_fps.map(AnalyzePace::new);
    let eye = Eye::new(Arc::clone(&driver), source.clone(), decoders, analysis, pace);
    let ladder = args.ladder.then(|| Ladder::new(usual_rung(&scene), LADDER_SEED));
    let span = Span::new(args.from, args.until);
    let mut job = Job { clock, span, ladder, climb: Climb::new(), eye, report, annotated, bar, stop };
    let units = Units::open(driver, source.clone())?;
    job.read(units, &source)?;
    job.finish()
}

struct Job {
    clock: Arc<dyn Clock>,
    span: Span,
    /// `None`: everything is decoded.
    ladder: Option<Ladder>,
    climb: Climb,
    eye: Eye,
    report: Report,
    annotated: Option<Annotated>,
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Job {
    /// Takes every unit until the end, Ctrl-C, or a stream's silence.
    fn read(&mut self, mut units: Units, source: &CameraSource) -> anyhow::Result<()> {
        let mut heard = self.clock.elapsed();
        while !self.stop.load(Ordering::Relaxed) {
            match units.next(WAIT) {
                Some(Ok(NextUnit::Unit(mut unit))) => {
                    // Events carry the clip's own times, so the analysis runs on them.
                    unit.facts.at = UtcMillis(unit.pts.0);
                    match self.span.place(&unit.facts) {
                        Place::Outside => {}
                        Place::Within => self.take(unit),
                        Place::Over => break,
                    }
                }
                Some(Ok(NextUnit::Lost)) => self.climb.lost(),
                Some(Ok(NextUnit::End)) => break,
                // What was read so far is a result all the same.
                Some(Err(err)) if self.report.decoded > 0 => {
                    tracing::warn!("{err}; the figures cover what could be read");
                    break;
                }
                Some(Err(err)) => return Err(err.into()),
                None if self.clock.elapsed().saturating_sub(heard) < SILENT => continue,
                None => {
                    tracing::warn!(camera = %source, "no picture for {} s: ended", SILENT.as_secs());
                    break;
                }
            }
            heard = self.clock.elapsed();
            // A file waits for us. A stream does not: its units are taken first, so that the newest can win.
            if source.is_file() || !units.is_ready() {
                self.work()?;
            }
        }
        self.climb.end(self.clock.elapsed());
        self.work()
    }

    fn take(&mut self, unit: AccessUnit) {
        self.bar.set_position(u64::try_from(unit.pts.0).unwrap_or(0));
        let rung = self.ladder.as_mut().map_or(Rung::Full, |ladder| ladder.unit(&unit.facts));
        self.report.unit(rung);
        self.climb.unit(unit, rung, self.clock.elapsed());
        self.report.dropped += self.climb.take_dropped();
    }

    /// Everything that is to be done by now.
    fn work(&mut self) -> anyhow::Result<()> {
        while let Some((work, _)) = self.climb.take(self.clock.elapsed()) {
            let mut seen = Seen::default();
            if let Some(ladder) = &self.ladder {
                self.eye.careful(ladder.care());
            }
            self.eye.work(work, 1.0, &mut seen);
            self.report.decoded += seen.decoded;
            for look in seen.looks {
                self.look(look)?;
            }
            if let Some(ladder) = &mut self.ladder {
                seen.moved.into_iter().for_each(|at| ladder.moves(at));
            }
            if let Some(why) = seen.unseen.or(seen.trouble) {
                return Err(anyhow!(why));
            }
        }
        Ok(())
    }

    fn look(&mut self, look: Look) -> anyhow::Result<()> {
        if let Some(ladder) = &mut self.ladder {
            ladder.shown(look.frame.at, &look.shown);
        }
        if look.detections.is_some() {
            self.report.picture(look.frame.at, &look.tracks)?;
        }
        if let Some(annotated) = &mut self.annotated {
            annotated.picture(&look.frame, &look.tracks)?;
        }
        self.report.events(look.events)
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.report.events(self.eye.finish())?;
        if let Some(annotated) = self.annotated {
            annotated.close()?;
        }
        self.bar.finish_and_clear();
        let tally = self.ladder.as_ref().map(Ladder::tally);
        self.report.finish(tally, usage::cpu_seconds(), self.clock.elapsed().as_secs_f64())
    }
}

fn fps(text: &str) -> Result<f64, String> {
    let fps: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.1..=60.0).contains(&fps) { Ok(fps) } else { Err(format!("{fps} is not within 0.1 to 60")) }
}

fn seconds(text: &str) -> Result<f64, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("{text:?} is not a number"))?;
    if (0.0..=1e9).contains(&seconds) {
        Ok(seconds)
    } else {
        Err(format!("{seconds} is not within 0 to 1e9"))
    }
}

fn read_scene(path: &Path) -> anyhow::Result<Scene> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Scene::parse(&text).with_context(|| path.display().to_string())
}

/// On a terminal only; in milliseconds of the clip.
fn progress(source: &CameraSource) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let length = if source.is_file() { clip_length(Path::new(&source.url)) } else { None };
    let Some(length) = length.and_then(|l| u64::try_from(l.0).ok()).filter(|ms| *ms > 0) else {
        return ProgressBar::new_spinner();
    };
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template("{wide_bar} {percent} %  {eta} left") {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// The first Ctrl-C ends the run in order, with its figures; a second one at once.
fn stop_on_ctrl_c() -> anyhow::Result<Arc<AtomicBool>> {
    let stop = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&stop);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("waiting for Ctrl-C")?;
    std::thread::Builder::new()
        .name("ctrl-c".to_owned())
        .spawn(move || {
            runtime.block_on(async {
                while tokio::signal::ctrl_c().await.is_ok() {
                    if flag.swap(true, Ordering::Relaxed) {
                        std::process::exit(130);
                    }
                }
            });
        })
        .context("waiting for Ctrl-C")?;
    Ok(stop)
}
