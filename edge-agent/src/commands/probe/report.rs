//! What came of it, for people and as JSON: from milliseconds of a core to cameras on this machine.

use std::fmt;

use hardware_camera::probe::{DecoderFound, FPS};
use hardware_ports::units::Codec;
use serde::Serialize;

use super::machine::Machine;
use super::measure::{Decoding, Inference, Watching};

/// Of the cores that are counted on; the rest is for the system, the outbox and bursts.
const USABLE: f64 = 0.8;
/// Share of a core that receiving one stream is said to take where it could not be measured: less than half as many streams as
/// `hardware/profiles/README.md` has.
const WATCH_UNMEASURED: f64 = 1.0 / 800.0;
/// Key frames a second of a camera as makers deliver it: one every two seconds.
const KEY_FRAMES_PER_S: f64 = 0.5;
/// Pictures a second that the service looks at when everything is decoded.
const LOOKS_PER_S: f64 = 6.0;

#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: Machine,
    pub decoders: Vec<Decoder>,
    /// Measured; CPU milliseconds of one core.
    pub watching: Vec<Watching>,
    pub decoding: Vec<Decoding>,
    pub inference: Option<Inference>,
    /// Cameras of one kind, when it carries no others.
    pub carries: Vec<Carries>,
    pub problems: Vec<String>,
}

#[derive(Debug, Serialize)]
pub struct Decoder {
    pub codec: &'static str,
    pub name: String,
    pub rank: i32,
    pub hardware: bool,
    pub fails: Option<String>,
}

impl From<DecoderFound> for Decoder {
    fn from(found: DecoderFound) -> Self {
        let DecoderFound { codec, name: element, rank, hardware, fails } = found;
        Self { codec: name(codec), name: element, rank, hardware, fails }
    }
}

#[derive(Debug, PartialEq, Eq, Serialize)]
pub struct Carries {
    pub codec: &'static str,
    /// Pixels.
    pub size: (u32, u32),
    /// Nothing decoded.
    pub watched: u64,
    /// Whether that was measured here, with this codec; otherwise a figure of other machines stands in for it.
    pub watched_measured: bool,
    /// One key frame every two seconds decoded and looked at.
    pub key_frames: u64,
    /// Every picture of 25 a second decoded, 6 a second looked at.
    pub full: u64,
}

/// As the field writes it.
pub fn name(codec: Codec) -> &'static str {
    match codec {
        Codec::H264 => "H.264",
        Codec::H265 => "H.265",
        Codec::Jpeg => "JPEG",
        Codec::Mpeg4 => "MPEG-4",
        Codec::Other => "other",
    }
}

impl Report {
    pub fn new(
        machine: Machine,
        decoders: Vec<Decoder>,
        watching: Vec<Watching>,
        decoding: Vec<Decoding>,
        inference: Option<Inference>,
        problems: Vec<String>,
    ) -> Self {
        let carries = match &inference {
            Some(inference) => {
                decoding.iter().map(|d| carries(machine.cores, &watching, d, inference)).collect()
            }
            None => Vec::new(),
        };
        Self { machine, decoders, watching, decoding, inference, carries, problems }
    }
}

fn carries(cores: usize, watching: &[Watching], decoding: &Decoding, inference: &Inference) -> Carries {
    let usable = cores as f64 * USABLE;
    // What it takes goes with the bits, which are as many at every size.
    let measured = watching.iter().find(|w| w.codec == decoding.codec && w.picture_ms > 0.0);
    let watch = measured.map_or(WATCH_UNMEASURED, |w| f64::from(FPS) * w.picture_ms / 1_000.0);
    // Seconds of a core that one camera takes of each second.
    let with =
        |decoded_ms: f64, looks: f64| watch + decoded_ms / 1_000.0 + looks * inference.picture_ms / 1_000.0;
    let count = |cost: f64| (usable / cost) as u64;
    Carries {
        codec: decoding.codec,
        size: decoding.size,
        watched: count(watch),
        watched_measured: measured.is_some(),
        key_frames: count(with(KEY_FRAMES_PER_S * decoding.key_frame_ms, KEY_FRAMES_PER_S)),
        full: count(with(f64::from(FPS) * decoding.full_ms, LOOKS_PER_S)),
    }
}

impl Report {
    /// The cameras that it carries; nothing where that is not known.
    fn table(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.carries.is_empty() {
            return Ok(());
        }
        writeln!(f, "\nCameras of one kind on {:.0} % of {} cores:", USABLE * 100.0, self.machine.cores)?;
        writeln!(f, "  {:<18}{:>10}{:>12}{:>8}", "", "watched*", "key frames", "full")?;
        for Carries { codec, size: (w, h), watched, watched_measured, key_frames, full } in &self.carries {
            let mark = if *watched_measured { "" } else { "  (watched: not measured)" };
            writeln!(f, "  {:<18}{watched:>10}{key_frames:>12}{full:>8}{mark}", format!("{codec} {w}x{h}"))?;
        }
        writeln!(
            f,
            "  key frames: one every 2 s decoded and looked at; full: {FPS} a second decoded, {LOOKS_PER_S} looked at\n  \
             * received over TCP from this machine itself; what the network card and the kernel take comes on top"
        )?;
        if self.carries.iter().any(|c| !c.watched_measured) {
            writeln!(
                f,
                "  where receiving was not measured: {:.0} streams a core, see hardware/profiles/README.md",
                1.0 / WATCH_UNMEASURED
            )?;
        }
        Ok(())
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Machine { processor, cores, architecture, instructions, memory_mib, memory_free_mib, network } =
            &self.machine;
        writeln!(f, "Machine    {processor}, {cores} cores, {architecture}: {}", instructions.join(" "))?;
        writeln!(f, "Memory     {memory_mib} MiB, {memory_free_mib} MiB free")?;
        for card in network {
            let speed = card.mbit_per_s.map_or("speed not told".to_owned(), |s| format!("{s} Mbit/s"));
            writeln!(f, "Network    {}: {}, {speed}", card.name, card.state)?;
        }
        for decoder in &self.decoders {
            let kind = if decoder.hardware { "hardware" } else { "software" };
            let state = match (&decoder.fails, decoder.hardware) {
                (Some(why), _) => format!(", does not work: {why}"),
                (None, true) => ", works".to_owned(),
                (None, false) => String::new(),
            };
            writeln!(
                f,
                "Decoder    {} {} (rank {}, {kind}{state})",
                decoder.codec, decoder.name, decoder.rank
            )?;
        }
        writeln!(f, "\nCPU milliseconds of one core:")?;
        for Watching { codec, size: (w, h), mbit_per_s, streams, picture_ms } in &self.watching {
            writeln!(
                f,
                "  {codec} {w}x{h} at {mbit_per_s:.1} Mbit/s, {streams} streams received: {picture_ms:.4} a picture"
            )?;
        }
        for Decoding { codec, size: (w, h), decoder, mbit_per_s, full_ms, key_frame_ms } in &self.decoding {
            writeln!(
                f,
                "  {codec} {w}x{h} at {mbit_per_s:.1} Mbit/s by {decoder}: {full_ms:.2} a picture, {key_frame_ms:.1} a key frame"
            )?;
        }
        if let Some(Inference { model, picture: (w, h), picture_ms, latency_ms }) = &self.inference {
            writeln!(
                f,
                "  {model}: {picture_ms:.1} a picture of {w}x{h}, answered after {latency_ms:.1} ms"
            )?;
        }
        self.table(f)?;
        for problem in &self.problems {
            writeln!(f, "\nNot measured: {problem}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cameras_are_what_the_milliseconds_allow() {
        let decoding = Decoding {
            codec: "H.264",
            size: (1920, 1080),
            decoder: "avdec_h264".into(),
            mbit_per_s: 4.0,
            full_ms: 6.0,
            key_frame_ms: 30.0,
        };
        let inference =
            Inference { model: "m".into(), picture: (1920, 1080), picture_ms: 20.0, latency_ms: 20.0 };
        let carried = |watching: &[Watching]| carries(2, watching, &decoding, &inference);
        // 1.6 cores; 0.00125, 0.00125 + 0.015 + 0.010 and 0.00125 + 0.150 + 0.120 of one for each camera.
        let mut want = Carries {
            codec: "H.264",
            size: (1920, 1080),
            watched: 1_280,
            watched_measured: false,
            key_frames: 60,
            full: 5,
        };
        assert_eq!(carried(&[]), want);
        // Measured: 0.025 ms of each of 25 pictures a second, 0.000625 of a core; of another codec it says nothing.
        let watching = |codec, picture_ms| Watching {
            codec,
            size: (1920, 1080),
            mbit_per_s: 4.0,
            streams: 32,
            picture_ms,
        };
        (want.watched, want.watched_measured, want.key_frames) = (2_560, true, 62);
        assert_eq!(carried(&[watching("H.265", 1.0), watching("H.264", 0.025)]), want);
    }

    #[test]
    fn what_was_not_measured_is_told() {
        let machine = crate::commands::probe::machine::look();
        let decoding = Decoding {
            codec: "H.265",
            size: (1280, 720),
            decoder: "avdec_h265".into(),
            mbit_per_s: 4.0,
            full_ms: 6.0,
            key_frame_ms: 30.0,
        };
        let inference =
            Inference { model: "m".into(), picture: (1280, 720), picture_ms: 20.0, latency_ms: 20.0 };
        let report =
            Report::new(machine, Vec::new(), Vec::new(), vec![decoding], Some(inference), Vec::new());
        let text = report.to_string();
        assert!(text.contains("(watched: not measured)") && text.contains("800 streams a core"), "{text}");
    }
}
