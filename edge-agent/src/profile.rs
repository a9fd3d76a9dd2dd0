//! What a gateway's board is good at: one file a board in `hardware/profiles`.

use std::num::NonZeroUsize;
use std::str::FromStr;
use std::time::Duration;

use hardware_camera::DecoderKind;
use hardware_infer::{Provider, Sharing};
use toml::Spanned;

use crate::config::reader::{self, Section};

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
    /// Decoders by preference; software comes last.
    pub decoders: Vec<DecoderKind>,
    pub inference: Inference,
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

impl Profile {
    fn parse(name: &str, text: &str) -> Result<Self, String> {
        let of = |problems: Vec<String>| format!("profile {name}: {}", problems.join("; "));
        reader::read(text, |mut root| {
            let board = root.required::<String>("board");
            let decoders = required(&mut root, "decoder").and_then(decoders);
            let inference = required(&mut root, "inference").and_then(inference);
            let (board, name) = (board?.into_inner(), name.to_owned());
            Some(Self { name, board, decoders: decoders?, inference: inference? })
        })
        .map_err(of)
    }
}

fn required<'p, 't>(root: &mut Section<'p, 't>, key: &'static str) -> Option<Section<'p, 't>> {
    if !root.has(key) {
        root.problem(&root.span(), key, "the section is missing");
    }
    root.section(key)
}

fn decoders(mut section: Section<'_, '_>) -> Option<Vec<DecoderKind>> {
    let prefer = section.list::<DecoderKind>("prefer");
    if prefer.last() == Some(&DecoderKind::Software) {
        return Some(prefer);
    }
    section.problem(&section.span(), "prefer", "must end with \"software\", which is always there");
    None
}

fn inference(mut section: Section<'_, '_>) -> Option<Inference> {
    let provider = section.required::<Provider>("provider");
    let model = section.required::<String>("model");
    let lanes = lanes(&mut section);
    let mut whole = |key, most: usize| {
        section.required_with(key, |text| match text.parse::<usize>() {
            Ok(number) if (1..=most).contains(&number) => Ok(number),
            Ok(_) | Err(_) => Err(format!("{text} is outside 1..={most}")),
        })
    };
    let (threads, batch) = (whole("threads", 64), whole("batch", 256));
    let wait_ms = section.number("wait_ms", 0.0..=1_000.0, 0.0);
    let sharing = Sharing { batch: batch?.into_inner(), wait: Duration::from_millis(wait_ms as u64) };
    let (provider, model) = (provider?.into_inner(), model?.into_inner());
    Some(Inference { provider, model, lanes: lanes?, threads: threads?.into_inner(), sharing })
}

fn lanes(section: &mut Section<'_, '_>) -> Option<Lanes> {
    if section.has("lanes") == section.has("cores") {
        section.problem(&section.span(), "cores, lanes", "there must be one of both");
    }
    let lanes = section.optional_with("lanes", |text| match text.parse::<usize>() {
        Ok(lanes) if (1..=64).contains(&lanes) => Ok(Lanes::Fixed(lanes)),
        Ok(_) | Err(_) => Err(format!("{text} is outside 1..=64")),
    });
    let share = section.optional_with("cores", |text| match text.parse::<f64>() {
        Ok(share) if share > 0.0 && share <= 1.0 => Ok(Lanes::ShareOfCores(share)),
        Ok(_) | Err(_) => Err(format!("{text} is no share, such as 0.75")),
    });
    lanes.or(share).map(Spanned::into_inner)
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

    /// How many cameras are worked at side by side, each from its decoder to its events without a pause: one a core, and as
    /// many more as may wait for an accelerator, which takes no core meanwhile.
    pub fn cameras_at_once(&self, cores: NonZeroUsize) -> usize {
        match self.sharing.batch {
            0 | 1 => cores.get(),
            batch => cores.get() + self.lanes_on(cores) * batch,
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
    fn on_a_processor_nobody_waits_for_a_network() {
        let profile: Profile = "x86-64".parse().unwrap();
        let cores = |cores| NonZeroUsize::new(cores).unwrap();
        for count in [1, 2, 4, 16] {
            let (lanes, inference) = (cores(count), &profile.inference);
            assert_eq!((inference.lanes_on(lanes), inference.cameras_at_once(lanes)), (count, count));
        }
        let two = Inference { threads: 2, ..profile.inference.clone() };
        assert_eq!(two.lanes_on(cores(8)), 4);
        let card: Profile = "nvidia-server".parse().unwrap();
        assert_eq!(
            card.inference.cameras_at_once(cores(8)),
            8 + 2 * 8,
            "two batches of eight may wait for it"
        );
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
        check("provider = \"cpu\"", "provider = \"npu\"", "inference.provider: \"npu\" is no");
        check("cores = 1.0", "cores = 75", "inference.cores: 75 is no share");
        check("cores = 1.0", "cores = 0.5\nlanes = 2", "inference.cores, lanes: there must be one of both");
        check("cores = 1.0", "lanes = 0", "inference.lanes: 0 is outside");
        check("batch = 1", "batch = 0", "inference.batch: 0 is outside 1..=256");
        check("wait_ms = 0", "wait_ms = 5000", "inference.wait_ms: 5000 is not within 0 to 1000");
        check("\"software\"", "\"nvdec\"", "must end with \"software\"");
        check("\"va\"", "\"vaa\"", "decoder.prefer: \"vaa\" is no kind of decoder; known are nvdec, va");
        check("board", "borad", "borad: is not known here");
        let both =
            SHIPPED[0].1.replacen("batch = 1", "batch = 0", 1).replacen("threads = 1", "threads = 0", 1);
        let err = Profile::parse("x", &both).unwrap_err();
        assert!(
            err.starts_with("profile x: line ") && err.contains("threads") && err.contains("batch"),
            "{err}"
        );
        let err = "pi".parse::<Profile>().unwrap_err();
        assert!(err.contains("\"pi\" is no profile; known are x86-64, arm64"), "{err}");
    }
}
