//! How cameras encode: one list, and the encoder that does it.

use std::io::{BufWriter, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, ensure};

use super::clip::Clip;
use super::mix::{Mix, Weather};

/// One kind of stream.
#[derive(Debug)]
pub struct Flavour {
    pub name: &'static str,
    pub weather: Weather,
    /// Pictures a second.
    pub fps: usize,
    encoder: Encoder,
}

/// # Errors
/// An unknown name; the text lists the known ones.
pub fn named(name: &str) -> Result<&'static Flavour, String> {
    let known = || ALL.iter().map(|f| f.name).collect::<Vec<_>>().join(", ");
    ALL.iter().find(|f| f.name == name).ok_or_else(|| format!("not one of {}", known()))
}

#[derive(Debug)]
enum Encoder {
    /// Steady quality; seconds from key frame to key frame; B pictures.
    H264Vbr {
        gop_s: usize,
        b: usize,
    },
    /// Steady rate in kbit/s.
    H264Cbr {
        gop_s: usize,
        kbit: usize,
    },
    H265Vbr {
        gop_s: usize,
    },
    H265Cbr {
        gop_s: usize,
        kbit: usize,
    },
}

const DAY: Weather = Weather { noise: 0.0, light: 1.0, swing: 0.0, clock: false };

pub const ALL: &[Flavour] = &[
    Flavour { name: "h264-vbr", weather: DAY, fps: 10, encoder: Encoder::H264Vbr { gop_s: 2, b: 0 } },
    Flavour {
        name: "h264-cbr-clock",
        weather: Weather { noise: 2.0, clock: true, ..DAY },
        fps: 6,
        encoder: Encoder::H264Cbr { gop_s: 2, kbit: 700 },
    },
    Flavour {
        name: "h265-vbr-exposure",
        weather: Weather { swing: 0.06, ..DAY },
        fps: 10,
        encoder: Encoder::H265Vbr { gop_s: 2 },
    },
    Flavour {
        name: "h265-cbr-night",
        weather: Weather { noise: 3.0, light: 0.5, ..DAY },
        fps: 6,
        encoder: Encoder::H265Cbr { gop_s: 2, kbit: 400 },
    },
    Flavour {
        name: "h264-vbr-night",
        weather: Weather { noise: 3.0, light: 0.5, ..DAY },
        fps: 10,
        encoder: Encoder::H264Vbr { gop_s: 2, b: 0 },
    },
    Flavour {
        name: "h264-long-gop",
        weather: Weather { noise: 1.5, ..DAY },
        fps: 10,
        encoder: Encoder::H264Vbr { gop_s: 25, b: 3 },
    },
];

impl Encoder {
    fn launch(&self, fps: usize) -> String {
        match self {
            Self::H264Vbr { gop_s, b } => format!(
                "x264enc pass=qual quantizer=24 speed-preset=veryfast mb-tree=false rc-lookahead=0 bframes={b} b-adapt=true key-int-max={} ! h264parse",
                gop_s * fps
            ),
            Self::H264Cbr { gop_s, kbit } => format!(
                "x264enc pass=cbr bitrate={kbit} vbv-buf-capacity=1000 speed-preset=veryfast bframes=0 mb-tree=false \
                 rc-lookahead=0 \
                 key-int-max={} ! h264parse",
                gop_s * fps
            ),
            Self::H265Vbr { gop_s } => format!(
                "x265enc speed-preset=ultrafast key-int-max={} \
                 option-string=bframes=0:crf=26:open-gop=0:cutree=0:log-level=0 ! h265parse",
                gop_s * fps
            ),
            Self::H265Cbr { gop_s, kbit } => format!(
                "x265enc speed-preset=ultrafast bitrate={kbit} key-int-max={} \
                 option-string=bframes=0:open-gop=0:cutree=0:log-level=0:vbv-maxrate={kbit}:vbv-bufsize={kbit} ! h265parse",
                gop_s * fps
            ),
        }
    }
}

impl Flavour {
    /// Encodes the mix into a Matroska file.
    pub fn encode(&self, clip: &Clip, mix: &Mix<'_>, into: &Path) -> anyhow::Result<()> {
        let launch = format!(
            "fdsrc fd=0 ! rawvideoparse format=i420 width={} height={} framerate={}/1 ! {} ! matroskamux ! filesink",
            clip.width,
            clip.height,
            self.fps,
            self.encoder.launch(self.fps)
        );
        let mut child = Command::new("gst-launch-1.0")
            .arg("-q")
            .args(launch.split_whitespace())
            .arg(format!("location={}", into.display()))
            .stdin(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("running gst-launch-1.0; install gstreamer1.0-tools")?;
        let pipe = child.stdin.take().context("no way into gst-launch-1.0")?;
        let mut pipe = BufWriter::with_capacity(1 << 20, pipe);
        let played = mix.play(&self.weather, |picture| pipe.write_all(picture)).and_then(|()| pipe.flush());
        drop(pipe);
        let out = child.wait_with_output().context("waiting for gst-launch-1.0")?;
        let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
        ensure!(out.status.success(), "encoding {} of {} failed: {said}", self.name, clip.name);
        played.with_context(|| format!("encoding {} of {}: {said}", self.name, clip.name))
    }
}
