//! `soak`: whether memory stays flat over hours: four RTSP cameras, one of which goes away every half a minute -> agent -> zenoh over
//! TLS -> hall, all real programs. Resident memory is read once a minute. With `--clock 3` the clocks of all these programs run three
//! times as fast, so that six of their hours, with all pictures, minutes, reconnects and time-outs of six hours, pass in two.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use clap::Parser;
use hardware_ports::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::time::Interval;

use crate::started::{Started, free_port};
use crate::{Bench, programs};

pub const BENCH: Bench =
    Bench { name: "soak", about: "memory of an agent and its hall over hours of four streams", run };

const CAMERAS: usize = 4;
/// The last camera goes away for so long ...
const AWAY: Duration = Duration::from_secs(3);
/// ... this often.
const GOES: Duration = Duration::from_secs(30);
/// So many minutes are one reading, at the begin and at the end: a single one is as high as its minute was busy.
const READING: usize = 10;

/// Prints {"minutes","agent":{"settled_mb","end_mb","growth","most_mb"},"hall":{…}}: means of ten minutes after the programs have
/// settled and at the end, and what lies between as a share. Each minute's figures go to standard error.
#[derive(Parser)]
#[command(name = "soak")]
struct Args {
    #[arg(long, default_value_t = 6.0)]
    hours: f64,
    /// Minutes before the first reading: networks are loaded, cameras learned, pools and kept pictures filled.
    #[arg(long, default_value_t = 30)]
    settle: usize,
    /// A shipped network.
    #[arg(long, default_value = "nanodet-g-640x384-int8")]
    model: String,
    /// Clocks of the programs run so many times as fast, by Debian's `faketime`.
    #[arg(long, default_value_t = 1.0)]
    clock: f64,
    /// What the cameras play, in turn; the field's or the registry's clips when left out.
    #[arg(long, value_name = "FILE")]
    clip: Vec<PathBuf>,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let minutes = (args.hours * 60.0).round() as usize;
    ensure!(
        minutes >= args.settle + 2 * READING,
        "--hours must leave {} minutes after --settle",
        2 * READING
    );
    ensure!(args.clock >= 1.0, "--clock runs faster than the world, not slower: 1 or more");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(measure(&args, minutes))
}

async fn measure(args: &Args, minutes: usize) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let mut started = Started::new(folder.path());
    let pace = Pace::new(args.clock)?;
    let hall = started.hall(pace.program("control-center")?)?;
    let cameras = street(args)?;
    for camera in &cameras {
        started.camera(&camera.name, camera.command(&pace)?)?;
    }
    let urls: Vec<String> = cameras.iter().map(Camera::url).collect();
    let text = started.gateway("pole", &hall)? + &sections(&args.model, &urls)?;
    started.agent("agent", pace.program("edge-agent")?, &text)?;
    let mut read: Vec<[f64; 2]> = Vec::new();
    let goes = cameras.last().context("no camera")?;
    let mut ticks = tokio::time::interval(pace.in_world(GOES));
    ticks.tick().await;
    for minute in 1..=minutes {
        a_minute(&mut started, goes, &pace, &mut ticks).await?;
        started.alive()?;
        let used = started.used()?;
        let of = |name: &str| used.iter().find(|(known, _)| *known == name).map(|(_, used)| *used);
        let (agent, hall) = (of("agent").context("no agent")?, of("hall").context("no hall")?);
        eprintln!(
            "{}",
            json!({"minute": minute, "agent_mb": agent.mb, "agent_cpu_s": agent.cpu_s, "hall_mb": hall.mb})
        );
        read.push([agent.mb, hall.mb]);
    }
    started.stop().await?;
    Ok(json!({
        "minutes": minutes,
        "clock": args.clock,
        "streams": CAMERAS,
        "agent": told(&read, args.settle, 0),
        "hall": told(&read, args.settle, 1),
    }))
}

/// A minute of the programs' clocks, in which the camera goes away twice.
async fn a_minute(
    started: &mut Started,
    goes: &Camera,
    pace: &Pace,
    ticks: &mut Interval,
) -> anyhow::Result<()> {
    for _ in 0..2 {
        ticks.tick().await;
        started.end(&goes.name)?;
        tokio::time::sleep(pace.in_world(AWAY)).await;
        started.camera(&goes.name, goes.command(pace)?)?;
    }
    Ok(())
}

/// The one clock of all programs: from the begin of this program on it runs `rate` times as fast as the world's.
struct Pace {
    rate: f64,
    world: SystemClock,
    begun: Duration,
}

impl Pace {
    fn new(rate: f64) -> anyhow::Result<Self> {
        let library = faketime();
        if rate != 1.0 && !library.is_file() {
            bail!("{} is not there: --clock needs Debian's package faketime", library.display());
        }
        let world = SystemClock::new();
        Ok(Self { rate, begun: world.elapsed(), world })
    }

    /// A program of ours under that clock. The library itself, not the command of that name: it runs the program as a child, which goes
    /// on when the command is ended.
    fn program(&self, name: &str) -> anyhow::Result<Command> {
        let mut command = Command::new(programs::beside(name)?);
        if self.rate != 1.0 {
            let ahead = (self.world.elapsed() - self.begun).as_secs_f64() * (self.rate - 1.0);
            command.env("LD_PRELOAD", faketime()).env("FAKETIME", format!("+{ahead:.3} x{}", self.rate));
        }
        Ok(command)
    }

    /// How long that takes in the world.
    fn in_world(&self, time: Duration) -> Duration {
        time.div_f64(self.rate)
    }
}

fn faketime() -> PathBuf {
    format!("/usr/lib/{}-linux-gnu/faketime/libfaketimeMT.so.1", std::env::consts::ARCH).into()
}

/// A simulated camera, a program of its own that can be ended and comes back at the same address.
struct Camera {
    name: String,
    clip: PathBuf,
    codec: &'static str,
    port: u16,
}

impl Camera {
    fn url(&self) -> String {
        format!("rtsp://127.0.0.1:{}/{}", self.port, self.name)
    }

    fn command(&self, pace: &Pace) -> anyhow::Result<Command> {
        let mut command = pace.program("camera-simulator")?;
        command.arg("--clip").arg(&self.clip).args(["--codec", self.codec, "--path", &self.name]);
        // The plain server's own clock paces it; the other one is paced by GStreamer, whose waits no other clock hastens.
        command.args(["--fault", "none", "--port", &self.port.to_string()]);
        Ok(command)
    }
}

/// All clips in turn, one of them in H.265.
fn street(args: &Args) -> anyhow::Result<Vec<Camera>> {
    let clips = programs::clips(&args.clip)?;
    let camera = |n: usize| {
        Ok(Camera {
            name: format!("c{n}"),
            clip: clips[n % clips.len()].canonicalize().context("a clip")?,
            codec: if n == 2 { "h265" } else { "h264" },
            port: free_port()?.port(),
        })
    };
    (0..CAMERAS).map(camera).collect()
}

/// One program's figures over the minutes: its memory settled and at the end, in MB.
fn told(read: &[[f64; 2]], settle: usize, program: usize) -> Value {
    let mean = |minutes: &[[f64; 2]]| {
        minutes.iter().map(|mb| mb[program]).sum::<f64>() / minutes.len().max(1) as f64
    };
    let settled = mean(&read[settle..settle + READING]);
    let end = mean(&read[read.len() - READING..]);
    json!({
        "settled_mb": tenth(settled),
        "end_mb": tenth(end),
        "growth": ((end / settled - 1.0) * 1_000.0).round() / 1_000.0,
        "most_mb": read.iter().map(|mb| mb[program]).fold(0.0, f64::max),
    })
}

fn tenth(mb: f64) -> f64 {
    (mb * 10.0).round() / 10.0
}

/// The agent's cameras: each counts over a line and watches a zone; the first is decoded in full, the others as the ladder says.
fn sections(model: &str, urls: &[String]) -> anyhow::Result<String> {
    let mut text = format!("[detector]\nmodel = {model:?}\nthreads = 1\n[cameras]\nanalyze_fps = 4\n");
    for (n, url) in urls.iter().enumerate() {
        let rung = if n == 0 { "full" } else { "auto" };
        writeln!(
            text,
            "[[cameras.camera]]\nid = \"c{n}\"\nurl = \"{url}\"\nrung = \"{rung}\"\n\
             [cameras.camera.scene]\nsize = [640, 360]\n\
             line = [{{ id = \"across\", a = [0, 200], b = [640, 200] }}]\n\
             zone = [{{ id = \"all\", polygon = [[0, 0], [640, 0], [640, 360], [0, 360]] }}]\n\
             rule = [{{ kind = \"zone_occupancy\", zone = \"all\" }}, {{ kind = \"intrusion\", zone = \"all\" }}]"
        )?;
    }
    Ok(text)
}
