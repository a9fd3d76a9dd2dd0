//! `edge-agent analyze`: one clip or stream through the code path of the service.

mod annotated;
mod report;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context, anyhow};
use edge_agent_core::analysis::Analysis;
use hardware_camera::{Cameras, clip_length};
use hardware_infer::Meter;
use hardware_ports::camera::{CameraDriver, CameraSource, CameraStream, Frame, Next, Pace, Transport};
use hardware_ports::{Clock, SystemClock};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use models_domain::scene::Scene;
use models_domain::{CameraId, UtcMillis};
use models_domain::{health, rules};

use self::annotated::Annotated;
use self::report::Report;
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

A clip is read at full speed, every picture; a stream as it comes, until it ends or Ctrl-C. At the end one JSON object is
printed: frames, decoded, inferred, cpu_s, wall_s, counts by line and class, events by kind.";

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

    /// Threads for the network.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..=64))]
    threads: u8,
}

pub fn run(args: Args) -> anyhow::Result<()> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let scene = read_scene(&args.scene)?;
    let detector = models::open_for_tracking(args.model.as_deref(), usize::from(args.threads))?;
    let analysis = Analysis::new(CameraId::new("clip")?, &scene, Arc::new(detector))
        .map_err(|problems| anyhow!("{}: {}", args.scene.display(), problems.join("; ")))?
        .with_meter(Some(Arc::new(Meter)));
    let report = Report::create(&scene, args.events.as_deref(), args.tracks.as_deref())?;
    let annotated = args.annotated.as_deref().map(|path| Annotated::new(path, &scene));
    let is_stream = args.input.contains("://") && !args.input.starts_with("file://");
    let source = CameraSource { url: args.input.clone(), transport: Transport::Tcp };
    let pace = if is_stream { Pace::NewestWins } else { Pace::EveryFrame };
    let bar = progress(&args.input, is_stream);
    let stop = stop_on_ctrl_c()?;
    let stream = Cameras::new(Arc::clone(&clock))?.open(&source, pace)?;
    let mut job = Job { clock, analysis, report, annotated, bar, stop };
    job.read(stream, &source)?;
    job.finish()
}

struct Job {
    clock: Arc<dyn Clock>,
    analysis: Analysis,
    report: Report,
    annotated: Option<Annotated>,
    bar: ProgressBar,
    stop: Arc<AtomicBool>,
}

impl Job {
    /// Takes every picture until the end, Ctrl-C, or a stream's silence.
    fn read(&mut self, mut stream: Box<dyn CameraStream>, source: &CameraSource) -> anyhow::Result<()> {
        let mut heard = self.clock.elapsed();
        while !self.stop.load(Ordering::Relaxed) {
            let next = stream.next(WAIT);
            self.report.dropped += stream.take_dropped();
            match next {
                Ok(Next::Frame(frame)) => self.take(frame)?,
                Ok(Next::Idle) if self.clock.elapsed().saturating_sub(heard) < SILENT => continue,
                Ok(Next::Idle) => {
                    tracing::warn!(camera = %source, "no picture for {} s: ended", SILENT.as_secs());
                    return Ok(());
                }
                Ok(Next::End) => return Ok(()),
                // What was read so far is a result all the same.
                Err(err) if self.report.decoded > 0 => {
                    tracing::warn!("{err}; the figures cover what could be read");
                    return Ok(());
                }
                Err(err) => return Err(err.into()),
            }
            heard = self.clock.elapsed();
        }
        Ok(())
    }

    fn take(&mut self, frame: Frame) -> anyhow::Result<()> {
        // Events carry the clip's own times, so the analysis runs on them.
        let frame = Frame { at: UtcMillis(frame.pts.0), ..frame };
        self.report.decoded += 1;
        let analysed = self.analysis.step(&frame)?;
        self.report.picture(frame.at, analysed.tracks)?;
        if let Some(annotated) = &mut self.annotated {
            annotated.picture(&frame, analysed.tracks)?;
        }
        self.report.events(analysed.events)?;
        self.bar.set_position(u64::try_from(frame.pts.0).unwrap_or(0));
        Ok(())
    }

    fn finish(mut self) -> anyhow::Result<()> {
        self.report.events(self.analysis.finish())?;
        if let Some(annotated) = self.annotated {
            annotated.close()?;
        }
        self.bar.finish_and_clear();
        self.report.finish(usage::cpu_seconds(), self.clock.elapsed().as_secs_f64())
    }
}

fn read_scene(path: &Path) -> anyhow::Result<Scene> {
    let text = std::fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    Scene::parse(&text).with_context(|| path.display().to_string())
}

/// On a terminal only; in milliseconds of the clip.
fn progress(input: &str, is_stream: bool) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::with_draw_target(None, ProgressDrawTarget::hidden());
    }
    let length = if is_stream { None } else { clip_length(Path::new(input)) };
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
