//! What a gateway's board is good at: one file a board in `hardware/profiles`.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use hardware_infer::{Provider, Sharing};
use serde::Deserialize;

/// Shipped profiles by name. A new board: its .toml in `hardware/profiles/` and one line here.
pub const SHIPPED: &[(&str, &str)] = &[
    ("x86-64", include_str!("../../hardware/profiles/x86-64.toml")),
    ("arm64", include_str!("../../hardware/profiles/arm64.toml")),
    ("intel-openvino", include_str!("../../hardware/profiles/intel-openvino.toml")),
    ("nvidia-server", include_str!("../../hardware/profiles/nvidia-server.toml")),
    ("nvidia-jetson", include_str!("../../hardware/profiles/nvidia-jetson.toml")),
];

/// The profile of a machine of which nothing more is known.
pub const DEFAULT: &str = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86-64" };

/// One board.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pub name: String,
    /// For people.
    pub board: String,
    /// Decoders by preference.
    pub decoders: Vec<Decoder>,
    pub inference: Inference,
}

/// Where pictures are decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Decoder {
    Software,
    /// VA-API: Intel's and AMD's graphics.
    Va,
    /// Video4Linux memory-to-memory: Arm boards.
    V4l2,
    /// NVIDIA.
    Nvdec,
}

/// How networks are run on it.
#[derive(Debug, Clone, PartialEq)]
pub struct Inference {
    pub provider: Provider,
    /// Name of a shipped manifest.
    pub model: String,
    pub lanes: Lanes,
    /// Threads that work on one picture.
    pub threads: usize,
    pub sharing: Sharing,
}

/// How many pictures, or batches, are looked at side by side.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Lanes {
    Fixed(usize),
    /// As many as this share of the machine's cores has threads for, at least one.
    ShareOfCores(f64),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    board: String,
    decoder: RawDecoder,
    inference: RawInference,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawDecoder {
    prefer: Vec<Decoder>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawInference {
    provider: String,
    model: String,
    cores: Option<f64>,
    lanes: Option<usize>,
    threads: usize,
    batch: usize,
    wait_ms: u64,
}

impl Profile {
    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let of = |why: String| format!("profile {name}: {why}");
        let raw: Raw = toml::from_str(text).map_err(|err| of(err.to_string()))?;
        let inference = raw.inference.read().map_err(of)?;
        if raw.decoder.prefer.last() != Some(&Decoder::Software) {
            return Err(of("decoder.prefer must end with \"software\", which is always there".into()));
        }
        Ok(Self { name: name.to_owned(), board: raw.board, decoders: raw.decoder.prefer, inference })
    }
}

impl FromStr for Profile {
    type Err = String;

    /// A shipped profile by its name.
    fn from_str(name: &str) -> Result<Self, String> {
        match SHIPPED.iter().find(|(n, _)| *n == name) {
            Some((name, text)) => Self::parse(name, text),
            None => {
                let known: Vec<_> = SHIPPED.iter().map(|(n, _)| *n).collect();
                Err(format!("{name:?} is no profile; known are {}", known.join(", ")))
            }
        }
    }
}

impl RawInference {
    fn read(self) -> Result<Inference, String> {
        let provider = self.provider.parse().map_err(|err| format!("inference.provider {err}"))?;
        let lanes = match (self.lanes, self.cores) {
            (Some(lanes), None) if (1..=64).contains(&lanes) => Lanes::Fixed(lanes),
            (None, Some(share)) if share > 0.0 && share <= 1.0 => Lanes::ShareOfCores(share),
            (Some(_), Some(_)) | (None, None) => {
                return Err("inference must have either cores or lanes".into());
            }
            (Some(lanes), None) => return Err(format!("inference.lanes {lanes} is outside 1..=64")),
            (None, Some(share)) => return Err(format!("inference.cores {share} is no share, such as 0.75")),
        };
        for (key, value, most) in [("threads", self.threads, 64), ("batch", self.batch, 256)] {
            if !(1..=most).contains(&value) {
                return Err(format!("inference.{key} {value} is outside 1..={most}"));
            }
        }
        if self.wait_ms > 1_000 {
            return Err(format!("inference.wait_ms {} is longer than a second", self.wait_ms));
        }
        let sharing = Sharing { batch: self.batch, wait: Duration::from_millis(self.wait_ms) };
        Ok(Inference { provider, model: self.model, lanes, threads: self.threads, sharing })
    }
}

impl Inference {
    /// How many networks work side by side on a machine with so many cores.
    pub fn lanes_on(&self, cores: NonZeroUsize) -> usize {
        match self.lanes {
            Lanes::Fixed(lanes) => lanes,
            Lanes::ShareOfCores(share) => {
                let threads = (cores.get() as f64 * share).floor() as usize;
                (threads / self.threads).max(1)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use models_vision::manifest::Manifest;

    use super::*;

    #[test]
    fn every_file_is_shipped_and_every_shipped_profile_reads() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../hardware/profiles");
        let mut files: Vec<String> = std::fs::read_dir(folder)
            .unwrap()
            .filter_map(|f| Some(f.unwrap().file_name().to_str()?.strip_suffix(".toml")?.to_owned()))
            .collect();
        let mut names: Vec<&str> = SHIPPED.iter().map(|(n, _)| *n).collect();
        files.sort();
        names.sort();
        assert_eq!(files, names);
        for name in names {
            let profile: Profile = name.parse().unwrap();
            assert!(Manifest::shipped(&profile.inference.model).is_ok(), "{name} names no shipped model");
        }
        assert_eq!(DEFAULT.parse::<Profile>().unwrap().inference.provider, Provider::Cpu);
    }

    #[test]
    fn decoding_keeps_cores() {
        let profile: Profile = "x86-64".parse().unwrap();
        let lanes = |cores| profile.inference.lanes_on(NonZeroUsize::new(cores).unwrap());
        assert_eq!([1, 2, 4, 8, 16].map(lanes), [1, 1, 3, 6, 12]);
        let two = Inference { threads: 2, ..profile.inference.clone() };
        assert_eq!(two.lanes_on(NonZeroUsize::new(8).unwrap()), 3);
    }

    #[track_caller]
    fn check(from: &str, to: &str, want: &str) {
        let text = SHIPPED[0].1;
        assert!(text.contains(from), "{from:?} is not in it");
        let err = Profile::parse("x", &text.replacen(from, to, 1)).unwrap_err();
        assert!(err.contains(want), "{err}");
    }

    #[test]
    fn bad_profiles_are_refused() {
        check("provider = \"cpu\"", "provider = \"npu\"", "profile x: inference.provider \"npu\" is no");
        check("cores = 0.75", "cores = 75", "inference.cores 75 is no share");
        check("cores = 0.75", "cores = 0.5\nlanes = 2", "either cores or lanes");
        check("cores = 0.75", "lanes = 0", "inference.lanes 0 is outside");
        check("batch = 1", "batch = 0", "inference.batch 0 is outside 1..=256");
        check("wait_ms = 0", "wait_ms = 5000", "longer than a second");
        check("\"software\"", "\"nvdec\"", "must end with \"software\"");
        check("board", "borad", "unknown field `borad`");
        let err = "pi".parse::<Profile>().unwrap_err();
        assert!(err.contains("\"pi\" is no profile; known are x86-64, arm64"), "{err}");
    }
}
