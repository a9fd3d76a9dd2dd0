//! `reconnects`: memory of a program that loses its camera again and again.

use std::ffi::OsString;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Parser;
use hardware_camera::Cameras;
use hardware_ports::SystemClock;
use hardware_ports::camera::CameraSource;
use hardware_ports::units::{NextUnit, UnitDriver};
use serde_json::{Value, json};

use crate::Bench;
use crate::street::{Codec, Street, full_hd, own};

pub const BENCH: Bench =
    Bench { name: "reconnects", about: "memory that 2,000 reconnects leave behind, decoder included", run };

/// Prints {"times","mb_before","mb_after","growth"}: resident memory after the first tenth and at the end.
#[derive(Parser)]
#[command(name = "reconnects")]
struct Args {
    #[arg(long, default_value_t = 2_000)]
    times: u32,
}

fn run(words: Vec<OsString>) -> anyhow::Result<Value> {
    let args = Args::parse_from(words);
    let street = Street::play(&full_hd(Codec::H264)?, Codec::H264)?;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().enable_all().build().context("starting tokio")?;
    let cameras = Cameras::new(Arc::new(SystemClock::new()), &[])?;
    let source = CameraSource { url: street.url.clone(), ..CameraSource::default() };
    let once = async || -> anyhow::Result<()> {
        let mut stream = UnitDriver::open(&cameras, &source).await?;
        let unit = loop {
            match stream.next().await? {
                NextUnit::Unit(unit) => break unit,
                NextUnit::Lost => {}
                NextUnit::End => bail!("the stream ended"),
            }
        };
        let (mut decoder, mut frames) = (cameras.decoder(&source, &unit.format)?, Vec::new());
        decoder.decode(&unit, &mut frames)?;
        decoder.drain(&mut frames)?;
        Ok(())
    };
    let warm = args.times / 10;
    let mut settled = own()?;
    runtime.block_on(async {
        for n in 0..args.times {
            if n == warm {
                settled = own()?;
            }
            once().await.with_context(|| format!("reconnect {n}"))?;
        }
        anyhow::Ok(())
    })?;
    let after = own()?;
    Ok(json!({
        "times": args.times,
        "mb_before": settled.rss_mb,
        "mb_after": after.rss_mb,
        "growth": after.rss_mb / settled.rss_mb - 1.0,
        "threads": after.threads,
    }))
}
