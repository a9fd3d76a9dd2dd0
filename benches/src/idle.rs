//! `idle`: how many 1080p25 RTSP streams one core watches, and of how many it decodes the key frames.
//!
//! One program plays the streams, this one reads them: only its own CPU time counts, all its threads together. With `--agent` each
//! stream also has what it has in the agent: a ladder that is told of every unit, and its newest groups of pictures kept.

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use edge_agent_core::camera_worker::climb::{Climb, Work};
use hardware_camera::Cameras;
use hardware_ports::camera::CameraSource;
use hardware_ports::units::{AccessUnit, NextUnit, UnitDriver};
use hardware_ports::{Clock, SystemClock};
use models_domain::ladder::{Ladder, Rung, UnitKind};
use serde_json::{Value, json};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::Bench;
use crate::street::{Codec, Street, full_hd, own};

pub const BENCH: Bench =
    Bench { name: "idle", about: "watched RTSP streams per core, and key frames decoded per core", run };

/// Cameras that are being connected at once.
const OPENING: usize = 16;

/// Prints {"streams","streams_per_core","cpu_s","mb_per_stream","threads"} and what they are made of.
#[derive(Parser)]
#[command(name = "idle")]
struct Args {
    /// Streams to read.
    #[arg(long, default_value_t = 200)]
    streams: u32,
    /// Seconds over which CPU time is counted.
    #[arg(long, default_value_t = 20)]
    seconds: u64,
    #[arg(long, value_enum, default_value = "h264")]
    codec: Codec,
    /// Decode each key frame, one every 2 s.
    #[arg(long)]
    key_frames: bool,
    /// Have a ladder told of every unit, and keep the newest groups of pictures, as the agent does.
    #[arg(long)]
    agent: bool,
    /// A clip in Matroska with that codec; by default one is made of what is there, 1080p25, 4 Mbit/s.
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
}

#[derive(Default)]
struct Counted {
    open: AtomicU64,
    units: AtomicU64,
    bytes: AtomicU64,
    pictures: AtomicU64,
    lost: AtomicU64,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let clip = args.clip.clone().map_or_else(|| full_hd(args.codec), Ok)?;
    let street = Street::play(&clip, args.codec)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting tokio")?;
    runtime.block_on(measure(&args, &street.url))
}

async fn measure(args: &Args, url: &str) -> anyhow::Result<Value> {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let cameras = Arc::new(Cameras::new(Arc::clone(&clock), &[])?);
    let (counted, stop) = (Arc::new(Counted::default()), CancellationToken::new());
    let doors = Arc::new(Semaphore::new(OPENING));
    let empty = own()?;
    let mut watching = tokio::task::JoinSet::new();
    for number in 0..args.streams {
        let source = CameraSource { url: url.to_owned(), ..CameraSource::default() };
        let (cameras, counted) = (Arc::clone(&cameras), Arc::clone(&counted));
        let rung = if args.key_frames { Rung::KeyFrames } else { Rung::Watch };
        let agent = args.agent.then(|| Agent::new(number, rung, Arc::clone(&clock)));
        let (stop, doors) = (stop.clone(), Arc::clone(&doors));
        watching.spawn(async move {
            let watched = watch(&cameras, &source, &counted, &doors, rung, agent);
            tokio::select! { result = watched => result, () = stop.cancelled() => Ok(()) }
        });
    }
    while counted.open.load(Ordering::Relaxed) < u64::from(args.streams) {
        if let Some(done) = watching.try_join_next() {
            done.context("a watcher")??;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    // Two groups of pictures, so that decoders and buffers have what they will need.
    tokio::time::sleep(Duration::from_secs(5)).await;
    let figures = || {
        [&counted.units, &counted.bytes, &counted.pictures, &counted.lost].map(|n| n.load(Ordering::Relaxed))
    };
    let (before, began, then) = (own()?, clock.elapsed(), figures());
    tokio::time::sleep(Duration::from_secs(args.seconds)).await;
    let (after, ended, now) = (own()?, clock.elapsed(), figures());
    stop.cancel();
    let [units, bytes, pictures, lost] = std::array::from_fn(|n| (now[n] - then[n]) as f64);
    let (cpu_s, wall_s, streams) =
        (after.cpu_s - before.cpu_s, (ended - began).as_secs_f64(), f64::from(args.streams));
    let fps = units / wall_s / streams;
    if fps < 24.0 {
        bail!("only {fps:.1} units a second and stream came: this machine is too busy; try fewer --streams");
    }
    Ok(json!({
        "mode": if args.key_frames { "key_frames" } else { "watch" },
        "agent": args.agent,
        "codec": args.codec.name(),
        "streams": args.streams,
        "seconds": wall_s,
        "cpu_s": cpu_s,
        "streams_per_core": streams * wall_s / cpu_s,
        "units_per_stream_s": fps,
        "mbit_per_stream_s": bytes * 8e-6 / wall_s / streams,
        "pictures_per_stream_s": pictures / wall_s / streams,
        "lost": lost,
        "mb_per_stream": (after.rss_mb - empty.rss_mb) / streams,
        "threads": after.threads,
        "threads_before": empty.threads,
    }))
}

/// What a stream has in the agent, beside the stream itself.
struct Agent {
    ladder: Ladder,
    climb: Climb,
    rung: Rung,
    clock: Arc<dyn Clock>,
}

impl Agent {
    fn new(number: u32, rung: Rung, clock: Arc<dyn Clock>) -> Self {
        Self { ladder: Ladder::new(Some(rung), u64::from(number)), climb: Climb::new(), rung, clock }
    }

    /// The key frame to decode, if there is one. The ladder is told of every unit, and the camera stays on its rung whatever it wants:
    /// a clip in which much moves would have it climb.
    fn unit(&mut self, unit: AccessUnit) -> Option<AccessUnit> {
        let now = self.clock.elapsed();
        self.ladder.unit(&unit.facts);
        self.climb.unit(unit, self.rung, now);
        match self.climb.take(now)?.0 {
            Work::Alone(unit) => Some(unit),
            Work::Glance(_) | Work::Look(_) | Work::Pass(_) | Work::Close => None,
        }
    }
}

async fn watch(
    cameras: &Cameras,
    source: &CameraSource,
    counted: &Counted,
    doors: &Semaphore,
    rung: Rung,
    mut agent: Option<Agent>,
) -> anyhow::Result<()> {
    let mut stream = {
        let _turn = doors.acquire().await?;
        UnitDriver::open(cameras, source).await?
    };
    let (mut decoder, mut frames) = (None, Vec::new());
    loop {
        let unit = match stream.next().await? {
            NextUnit::Unit(unit) => unit,
            NextUnit::Lost => {
                counted.lost.fetch_add(1, Ordering::Relaxed);
                continue;
            }
            NextUnit::End => bail!("a stream ended"),
        };
        if unit.number == 1 {
            counted.open.fetch_add(1, Ordering::Relaxed);
        }
        counted.units.fetch_add(1, Ordering::Relaxed);
        counted.bytes.fetch_add(u64::from(unit.facts.bytes), Ordering::Relaxed);
        let wanted = match &mut agent {
            Some(agent) => agent.unit(unit),
            None => (rung == Rung::KeyFrames && unit.facts.kind == UnitKind::Key).then_some(unit),
        };
        if let Some(unit) = wanted {
            let decoder = match &mut decoder {
                Some(decoder) => decoder,
                none => none.insert(cameras.decoder(source, &unit.format)?),
            };
            decoder.decode(&unit, &mut frames)?;
            decoder.drain(&mut frames)?;
            counted.pictures.fetch_add(frames.len() as u64, Ordering::Relaxed);
            frames.clear();
        }
    }
}
