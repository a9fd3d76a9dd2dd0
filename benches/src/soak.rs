//! `soak`: whether memory stays flat over hours: four RTSP cameras, one of which goes away every half a minute -> agent -> zenoh over
//! TLS -> hall, all real programs. Resident memory is read once a minute.

use std::ffi::OsString;
use std::fmt::Write as _;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, ensure};
use clap::Parser;
use serde_json::{Value, json};

use crate::started::Started;
use crate::{Bench, programs};

pub const BENCH: Bench =
    Bench { name: "soak", about: "memory of an agent and its hall over hours of four streams", run };

const CAMERAS: usize = 4;
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
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let minutes = (args.hours * 60.0).round() as usize;
    ensure!(
        minutes >= args.settle + 2 * READING,
        "--hours must leave {} minutes after --settle",
        2 * READING
    );
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting")?;
    runtime.block_on(measure(&args, minutes))
}

async fn measure(args: &Args, minutes: usize) -> anyhow::Result<Value> {
    let folder = tempfile::tempdir().context("making a folder")?;
    let mut started = Started::new(folder.path());
    let hall = started.hall(Command::new(programs::beside("control-center")?))?;
    let urls = started.cameras(&street()?, CAMERAS)?;
    let text = started.gateway("pole", &hall)? + &cameras(&args.model, &urls)?;
    started.agent("agent", Command::new(programs::beside("edge-agent")?), &text)?;
    let mut read: Vec<[f64; 2]> = Vec::new();
    for minute in 1..=minutes {
        tokio::time::sleep(Duration::from_secs(60)).await;
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
        "streams": CAMERAS,
        "agent": told(&read, args.settle, 0),
        "hall": told(&read, args.settle, 1),
    }))
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

/// The simulator's file: all clips that there are in turn, one of them in H.265, the last camera away for 3 s every 30 s.
fn street() -> anyhow::Result<String> {
    let clips = programs::clips(&[])?;
    let mut text = "port = 0\n".to_owned();
    for n in 0..CAMERAS {
        let clip = clips[n % clips.len()].canonicalize().context("a clip")?;
        let codec = if n == 2 { "h265" } else { "h264" };
        writeln!(
            text,
            "[[camera]]\nid = \"c{n}\"\nclips = [{:?}]\ncodec = \"{codec}\"",
            clip.display().to_string()
        )?;
    }
    writeln!(text, "restart_every_s = 30")?;
    Ok(text)
}

/// The agent's cameras: each counts over a line and watches a zone; the first is decoded in full, the others as the ladder says.
fn cameras(model: &str, urls: &[String]) -> anyhow::Result<String> {
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
