//! `decoding`: what the agent's decoder costs beside a plain GStreamer pipeline, picture for picture.

use std::ffi::OsString;
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use hardware_camera::Cameras;
use hardware_ports::SystemClock;
use hardware_ports::camera::CameraSource;
use hardware_ports::units::{NextUnit, UnitDriver};
use serde_json::{Value, json};

use crate::Bench;
use crate::street::{Codec, children, full_hd, own};

pub const BENCH: Bench = Bench {
    name: "decoding",
    about: "CPU time of full decoding beside gst-launch-1.0 on the same clip",
    run,
};

/// Prints {"ours_cpu_s","plain_cpu_s","ratio"}, medians of the runs, taken in turn.
#[derive(Parser)]
#[command(name = "decoding")]
struct Args {
    #[arg(long, value_enum, default_value = "h264")]
    codec: Codec,
    #[arg(long, default_value_t = 3)]
    runs: u32,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let clip = full_hd(args.codec)?;
    let name = args.codec.name();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting tokio")?;
    let cameras = Cameras::new(Arc::new(SystemClock::new()), &[])?;
    let source = CameraSource { url: clip.display().to_string(), ..CameraSource::default() };
    let (mut ours, mut plain, mut pictures) = (Vec::new(), Vec::new(), 0);
    for _ in 0..args.runs {
        let before = own()?.cpu_s;
        pictures = runtime.block_on(decode(&cameras, &source))?;
        ours.push(own()?.cpu_s - before);
        let before = children()?;
        let decoder = if args.codec == Codec::H264 { "avdec_h264" } else { "avdec_h265" };
        let parser = format!("{name}parse");
        let status = Command::new("gst-launch-1.0")
            .args(["-q", "filesrc", &format!("location={}", clip.display()), "!", "matroskademux", "!"])
            .args([&parser, "!", decoder, "max-threads=1", "!", "fakesink", "sync=false"])
            .status()
            .context("starting gst-launch-1.0; install gstreamer1.0-tools")?;
        if !status.success() {
            bail!("gst-launch-1.0: {status}");
        }
        plain.push(children()? - before);
    }
    let median = |mut runs: Vec<f64>| {
        runs.sort_by(f64::total_cmp);
        runs[runs.len() / 2]
    };
    let (ours, plain) = (median(ours), median(plain));
    Ok(json!({
        "codec": name,
        "pictures": pictures,
        "ours_cpu_s": ours,
        "plain_cpu_s": plain,
        "ratio": ours / plain,
        "ms_per_picture": ours * 1000.0 / f64::from(pictures.max(1)),
    }))
}

async fn decode(cameras: &Cameras, source: &CameraSource) -> anyhow::Result<u32> {
    let mut stream = UnitDriver::open(cameras, source).await?;
    let (mut decoder, mut frames, mut pictures) = (None, Vec::new(), 0);
    loop {
        match stream.next().await? {
            NextUnit::Unit(unit) => {
                let decoder = match &mut decoder {
                    Some(decoder) => decoder,
                    none => none.insert(cameras.decoder(source, &unit.format)?),
                };
                decoder.decode(&unit, &mut frames)?;
            }
            NextUnit::Lost => {}
            NextUnit::End => break,
        }
        pictures += frames.drain(..).count();
    }
    if let Some(mut decoder) = decoder {
        decoder.drain(&mut frames)?;
    }
    Ok(u32::try_from(pictures + frames.len())?)
}
