//! `edge-agent probe`: what this machine has, how fast it is, and how many cameras it carries.

mod machine;
mod measure;
mod report;

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use hardware_camera::probe::{self, Clip};
use hardware_ports::SystemClock;
use hardware_ports::camera::Picture;
use hardware_ports::units::Codec;

use self::measure::{Decoding, Inference, Meter, Watching};
use self::report::{Decoder, Report};

const EXAMPLE: &str = "Example:
  edge-agent probe
  edge-agent probe --json > this-machine.json

Takes about half a minute: short clips are made with GStreamer's encoders, then receiving them over this machine's own network,
decoding and the network that recognises are measured on one core each, in CPU time, so that other work on the machine disturbs it
little. What does not work is told with its reason, and the rest goes on.";

#[derive(clap::Args)]
#[command(after_help = EXAMPLE)]
pub struct Args {
    /// One JSON object on standard output instead of a text.
    #[arg(long)]
    json: bool,
    /// Seconds that measuring takes, besides making the clips.
    #[arg(long, default_value_t = 20, value_parser = clap::value_parser!(u32).range(1..=600))]
    seconds: u32,
    /// A shipped network's name, or the path of a manifest (.toml); the default network when not said.
    #[arg(long)]
    model: Option<String>,
}

/// The sizes that are measured: pixels.
const SIZES: [(u32, u32); 2] = [(1920, 1080), (1280, 720)];
const CODECS: [Codec; 2] = [Codec::H264, Codec::H265];
/// Seconds of each clip.
const CLIP_S: u32 = 2;

pub fn run(args: Args) -> anyhow::Result<()> {
    let machine = machine::look();
    // Two decodings of each clip, receiving one of each codec, and the network for twice as long as each of these.
    let measurements = 2 * CODECS.len() * SIZES.len() + CODECS.len() + 2;
    let each = Duration::from_secs(args.seconds.into()) / u32::try_from(measurements).unwrap_or(1);
    let meter = Meter { clock: Arc::new(SystemClock::new()), each };
    let mut measured = Measured::default();
    for codec in CODECS {
        for (n, size) in SIZES.into_iter().enumerate() {
            tell(&format!("{codec:?} {}x{}", size.0, size.1));
            measured.codec(&meter, codec, size, n == 0);
        }
    }
    let Measured { decoders, decoding, watching, picture, mut problems } = measured;
    tell("the network");
    let inference = match picture.context("no picture could be decoded to look at") {
        Ok(picture) => meter.inference(args.model.as_deref(), &picture),
        Err(err) => Err(err),
    };
    let inference: Option<Inference> =
        inference.map_err(|err| problems.push(format!("the network: {err:#}"))).ok();
    let report = Report::new(machine, decoders, watching, decoding, inference, problems);
    let mut out = std::io::stdout().lock();
    if args.json {
        serde_json::to_writer(&mut out, &report).context("printing the report")?;
        writeln!(out).context("printing the report")?;
    } else {
        write!(out, "{report}").context("printing the report")?;
    }
    anyhow::ensure!(!report.decoding.is_empty(), "nothing could be decoded: {}", report.problems.join("; "));
    Ok(())
}

/// What is known so far, and what could not be.
#[derive(Default)]
struct Measured {
    decoders: Vec<Decoder>,
    decoding: Vec<Decoding>,
    watching: Vec<Watching>,
    /// The first that was decoded.
    picture: Option<Picture>,
    problems: Vec<String>,
}

impl Measured {
    /// One codec at one size; `first`: its decoders are listed, and receiving it is measured.
    fn codec(&mut self, meter: &Meter, codec: Codec, size: (u32, u32), first: bool) {
        let made = match probe::clip(codec, size, CLIP_S) {
            Ok(made) => made,
            Err(why) => return self.problems.push(why),
        };
        if first {
            match meter.watching(&made) {
                Ok(watching) => self.watching.push(watching),
                Err(why) => self.problems.push(format!("receiving {codec:?}: {why}")),
            }
        }
        let decoded = decoder(&made, first, &mut self.decoders)
            .and_then(|decoder| meter.decoding(&made, &decoder))
            .map_err(|why| format!("{codec:?} {}x{}: {why}", size.0, size.1));
        match decoded {
            Ok((decoding, last)) => {
                self.decoding.push(decoding);
                self.picture.get_or_insert(last);
            }
            Err(why) => self.problems.push(why),
        }
    }
}

/// The decoder that the service would take for a clip. Decoders are listed once a codec.
fn decoder(clip: &Clip, list: bool, decoders: &mut Vec<Decoder>) -> Result<String, String> {
    if list {
        decoders.extend(probe::decoders(clip).into_iter().map(Decoder::from));
    }
    let codec = report::name(clip.codec);
    let best = decoders.iter().find(|d| d.codec == codec && d.fails.is_none() && (d.hardware || d.rank > 0));
    best.map(|best| best.name.clone())
        .ok_or_else(|| format!("no decoder for {codec} works; install the Debian package gstreamer1.0-libav"))
}

/// Where it is, for somebody who waits.
fn tell(what: &str) {
    if std::io::stderr().is_terminal() {
        eprintln!("measuring {what} …");
    }
}
