//! `latency`: from a camera's picture to its event on the bus: RTSP cameras -> agent -> zenoh over TLS -> subscriber.
//!
//! The simulated cameras stamp each picture by this machine's clock (RTP timestamps with RTCP sender reports), the agent puts
//! that time into the event of a rule, and the subscriber reads the same clock when the event arrives. The rule tells of
//! everybody who comes into the picture at the very picture that shows it, so nothing is waited for but the pipeline.

mod street;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use hardware_ports::bus::Bus;
use hardware_ports::{Clock, SystemClock};
use models_domain::GatewayId;
use models_wire::keys::{ALL_EVENTS, ALL_STATES};
use models_wire::v1;
use prost::Message as _;
use serde_json::{Value, json};
use tokio::time::timeout;

use self::street::Street;
use crate::{Bench, bus_hall, programs};

pub const BENCH: Bench =
    Bench { name: "latency", about: "time from a camera's picture to its event on the bus", run };

const GATEWAY: &str = "latency";

/// The first event may wait for a clip to be encoded.
const FIRST: Duration = Duration::from_secs(180);
/// Streams that send no event for so long are broken.
const SILENT: Duration = Duration::from_secs(60);

/// Prints a list of {"streams","p50_ms","p99_ms"}, and with each how many events were measured, the pictures analysed a
/// second, and the pictures left out because of the load: 0 below saturation.
#[derive(Parser)]
#[command(name = "latency")]
struct Args {
    /// How many cameras; may be given more than once. 4 and 16 when left out.
    #[arg(long = "streams", value_name = "N")]
    streams: Vec<usize>,
    /// Pictures of each camera analysed a second; below 3 the tracker believes in nobody, and no event comes.
    #[arg(long, default_value_t = 6.0)]
    fps: f64,
    /// What the cameras show; a street with people on it.
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// A shipped network; the agent's own when left out.
    #[arg(long)]
    model: Option<String>,
    /// Sessions of the network side by side; the profile's own when left out.
    #[arg(long)]
    lanes: Option<usize>,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 60)]
    seconds: u64,
    /// Seconds before that.
    #[arg(long, default_value_t = 15)]
    warm_up: u64,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let clip = match &args.clip {
        Some(clip) => clip.clone(),
        None => programs::clips(&[])?.pop().context("no clip")?,
    };
    let clip = clip.canonicalize().with_context(|| clip.display().to_string())?;
    let streams = if args.streams.is_empty() { vec![4, 16] } else { args.streams.clone() };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
    let mut measured = Vec::new();
    for streams in streams {
        let one = runtime.block_on(measure(&args, &clip, streams))?;
        eprintln!("{one}");
        measured.push(one);
    }
    Ok(json!({ "latency": measured }))
}

/// What was heard of one street.
#[derive(Default)]
struct Heard {
    delays_ms: Vec<i64>,
    state: Option<v1::GatewayState>,
    /// Left out because of the load, when the measured time began.
    shed_before: u64,
}

async fn measure(args: &Args, clip: &std::path::Path, streams: usize) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let gateway: GatewayId = GATEWAY.parse()?;
    let (hall, address) = bus_hall::open(folder.path(), std::slice::from_ref(&gateway)).await?;
    let mut events = hall.subscribe(ALL_EVENTS, 4096).await?;
    let mut states = hall.subscribe(ALL_STATES, 64).await?;
    let dials = (&gateway, address.as_str());
    let street = Street::start(folder.path(), clip, streams, &detector(args), args.fps, dials)?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let mut heard = Heard::default();
    let mut stored_by_boot = BTreeMap::new();
    let mut begins: Option<Duration> = None;
    let mut last = clock.elapsed();
    loop {
        let patience = if begins.is_some() { SILENT } else { FIRST };
        if clock.elapsed().saturating_sub(last) > patience {
            bail!("no event of the rule for {patience:?}: {}", street.said());
        }
        let message = tokio::select! {
            message = timeout(patience, events.recv()) => message.context("the agent sends nothing")?,
            state = states.recv() => {
                let state = state.context("the bus was closed")?;
                heard.state = Some(v1::GatewayState::decode(&state.payload[..]).context("a state")?);
                continue;
            }
        };
        let message = message.context("the bus was closed")?;
        let (arrived, now) = (clock.now(), clock.elapsed());
        let batch = v1::EventBatch::decode(&message.payload[..]).context("a batch of events")?;
        let told = |event: &&v1::Event| matches!(event.body, Some(v1::event::Body::Rule(_)));
        let new: Vec<i64> =
            fresh(&mut stored_by_boot, &batch).filter(told).map(|event| event.at_ms).collect();
        bus_hall::confirm(&hall, &gateway, &batch).await?;
        if new.is_empty() {
            continue;
        }
        last = now;
        let began = *begins.get_or_insert(now + Duration::from_secs(args.warm_up));
        if now < began {
            heard.shed_before = shed(heard.state.as_ref());
            continue;
        }
        heard.delays_ms.extend(new.into_iter().map(|at| arrived.0 - at));
        if now >= began + Duration::from_secs(args.seconds) {
            break;
        }
    }
    street.stop()?;
    hall.close().await?;
    told(streams, heard)
}

/// The section of the agent's file.
fn detector(args: &Args) -> String {
    let model = args.model.iter().map(|model| format!("model = {model:?}\n"));
    let lanes = args.lanes.iter().map(|lanes| format!("lanes = {lanes}\n"));
    std::iter::once("[detector]\n".to_owned()).chain(model).chain(lanes).collect()
}

/// Events that were not heard before: what is not confirmed in time is sent again.
fn fresh<'a>(
    stored_by_boot: &mut BTreeMap<u64, u64>,
    batch: &'a v1::EventBatch,
) -> impl Iterator<Item = &'a v1::Event> {
    let stored = stored_by_boot.entry(batch.boot).or_insert(0);
    let before = *stored;
    *stored = batch.events.iter().map(|event| event.seq).fold(before, u64::max);
    batch.events.iter().filter(move |event| event.seq > before)
}

fn shed(state: Option<&v1::GatewayState>) -> u64 {
    let cameras = state.iter().flat_map(|state| &state.cameras);
    cameras.filter_map(|camera| Some(camera.effort?.shed)).sum()
}

fn told(streams: usize, mut heard: Heard) -> anyhow::Result<Value> {
    heard.delays_ms.sort_unstable();
    let delays = &heard.delays_ms;
    if delays.len() < 20 {
        bail!("only {} events in the measured time: take a livelier clip, or more --seconds", delays.len());
    }
    let at = |part: f64| delays.get(((delays.len() - 1) as f64 * part).round() as usize).copied();
    let cameras = heard.state.as_ref().map_or(&[][..], |state| &state.cameras);
    let fps: f32 = cameras.iter().map(|camera| camera.fps).sum();
    Ok(json!({
        "streams": streams,
        "p50_ms": at(0.5),
        "p99_ms": at(0.99),
        "max_ms": at(1.0),
        "events": delays.len(),
        "analysed_fps_each": (fps / streams as f32 * 10.0).round() / 10.0,
        "shed": shed(heard.state.as_ref()).saturating_sub(heard.shed_before),
    }))
}
