//! A simulated street for measurements, and what this process itself costs.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};

use crate::programs::{beside, cache, clips};

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Codec {
    H264,
    H265,
}

impl Codec {
    pub fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
        }
    }
}

/// A clip of 20 s at 1920 x 1080, 25 a second, 4 Mbit/s, a key frame every 2 s, nothing out of order; made once.
///
/// # Errors
/// When there is no clip to make it of, or GStreamer cannot.
pub fn full_hd(codec: Codec) -> anyhow::Result<PathBuf> {
    let into = cache().join("street").join(format!("full-hd-{}.mkv", codec.name()));
    if into.is_file() {
        return Ok(into);
    }
    let from = clips(&[])?.into_iter().next().context("no clip")?;
    let part = into.with_extension("part");
    std::fs::create_dir_all(cache().join("street")).context("making the cache")?;
    eprintln!("encoding {} as {} at 1080p25, once", from.display(), codec.name());
    let encoder = match codec {
        Codec::H264 => {
            "x264enc bitrate=4000 speed-preset=veryfast bframes=0 key-int-max=50 option-string=scenecut=0 ! h264parse"
        }
        Codec::H265 => {
            "x265enc bitrate=4000 speed-preset=ultrafast key-int-max=50 \
             option-string=bframes=0:open-gop=0:keyint=50:min-keyint=50:scenecut=0:log-level=0 ! h265parse"
        }
    };
    let launch = format!(
        "filesrc location={} ! decodebin ! videoconvert ! videoscale ! videorate ! \
         video/x-raw,format=I420,width=1920,height=1080,framerate=25/1 ! identity eos-after=501 ! {encoder} ! \
         matroskamux ! filesink location={}",
        from.display(),
        part.display()
    );
    let status = Command::new("gst-launch-1.0")
        .arg("-q")
        .args(launch.split_whitespace())
        .status()
        .context("starting gst-launch-1.0; install gstreamer1.0-tools")?;
    if !status.success() {
        bail!("gst-launch-1.0 could not encode {}: {status}", from.display());
    }
    std::fs::rename(&part, &into).context("renaming the clip")?;
    Ok(into)
}

/// A simulator that plays one clip to as many as ask; ends with this value.
pub struct Street {
    child: Child,
    pub url: String,
}

impl Street {
    /// # Errors
    /// When the simulator does not start.
    pub fn play(clip: &Path, codec: Codec) -> anyhow::Result<Self> {
        let mut child = Command::new(beside("camera-simulator")?)
            .args(["--fault", "none", "--as-is", "--port", "0", "--codec", codec.name(), "--clip"])
            .arg(clip)
            .stdout(Stdio::piped())
            .spawn()
            .context("starting camera-simulator")?;
        let mut line = String::new();
        let out = child.stdout.take().context("camera-simulator has no output")?;
        BufReader::new(out).read_line(&mut line).context("reading from camera-simulator")?;
        let told: serde_json::Value =
            serde_json::from_str(&line).context("camera-simulator did not start")?;
        let url = told["url"].as_str().context("camera-simulator told no address")?.to_owned();
        Ok(Self { child, url })
    }
}

impl Drop for Street {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What this process has used so far, by /proc.
#[derive(Debug, Clone, Copy)]
pub struct Own {
    /// All threads, user and system.
    pub cpu_s: f64,
    pub rss_mb: f64,
    pub threads: u64,
}

/// Clock ticks a second of /proc (USER_HZ is 100 on every Linux).
const TICKS: f64 = 100.0;

/// # Errors
/// Where there is no /proc.
pub fn own() -> anyhow::Result<Own> {
    let stat = fields()?;
    let status = std::fs::read_to_string("/proc/self/status").context("reading /proc/self/status")?;
    let number = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name))?;
        line.split_whitespace().nth(1)?.parse::<u64>().ok()
    };
    let rss_kb = number("VmRSS:").context("no VmRSS in /proc/self/status")?;
    let threads = number("Threads:").context("no Threads in /proc/self/status")?;
    Ok(Own { cpu_s: (stat[0] + stat[1]) / TICKS, rss_mb: rss_kb as f64 / 1024.0, threads })
}

/// CPU seconds of the children that have ended.
///
/// # Errors
/// Where there is no /proc.
pub fn children() -> anyhow::Result<f64> {
    let stat = fields()?;
    Ok((stat[2] + stat[3]) / TICKS)
}

/// utime, stime, cutime, cstime of proc(5).
fn fields() -> anyhow::Result<[f64; 4]> {
    let stat = std::fs::read_to_string("/proc/self/stat").context("reading /proc/self/stat")?;
    let after = stat.rsplit(')').next().unwrap_or_default();
    let all: Vec<f64> = after.split_whitespace().skip(11).take(4).filter_map(|n| n.parse().ok()).collect();
    <[f64; 4]>::try_from(all).map_err(|_| anyhow::anyhow!("/proc/self/stat is not as expected"))
}
