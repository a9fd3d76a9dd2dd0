//! A network's manifest: where it comes from, what goes in, what comes out, how good it was measured to be.

mod parts;

use std::collections::BTreeMap;

use models_domain::Class;
use serde::Deserialize;

use crate::layouts::{self, Layout};

pub use parts::{Channels, Fit, Input, Measured, Quantized, Registry, Source, Thresholds, Tiles};

/// Shipped manifests by name. A new network: its .toml in `models/manifests/` and one line here.
pub const SHIPPED: &[(&str, &str)] = &[
    ("nanodet-g-640x384", include_str!("../../../manifests/nanodet-g-640x384.toml")),
    ("nanodet-g-640x384-int8", include_str!("../../../manifests/nanodet-g-640x384-int8.toml")),
    ("nanodet-g-512x288", include_str!("../../../manifests/nanodet-g-512x288.toml")),
    ("nanodet-g-512x288-int8", include_str!("../../../manifests/nanodet-g-512x288-int8.toml")),
    ("centernet-mobilenetv3-640x384", include_str!("../../../manifests/centernet-mobilenetv3-640x384.toml")),
];

/// The network that is used when nobody names one.
pub const DEFAULT: &str = "nanodet-g-640x384";

/// A network that can be run as its manifest says.
#[derive(Debug, Clone)]
pub struct Manifest {
    pub name: String,
    /// File name of the ONNX model, without a folder.
    pub file: String,
    /// Of the ONNX model, lower-case hexadecimal.
    pub sha256: String,
    pub licence: String,
    /// `None` for a network that somebody brought as a file.
    pub source: Option<Source>,
    /// `None` for a float network.
    pub quantized: Option<Quantized>,
    pub input: Input,
    /// `None` looks at the whole picture only.
    pub tiles: Option<Tiles>,
    /// Output tensors in the order that `layout` expects.
    pub tensors: Vec<String>,
    pub layout: &'static Layout,
    /// The network's own class numbers, for those classes that are ours.
    pub classes: Vec<(usize, Class)>,
    pub thresholds: Thresholds,
    pub measured: Vec<Measured>,
}

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("the manifest is not what a manifest should be")]
    Parse(#[source] toml::de::Error),
    #[error("the manifest: {}", .0.join("; "))]
    Invalid(Vec<String>),
    #[error(
        "no shipped model is called {name:?}; shipped are {known}; or give the path of a manifest ending in .toml"
    )]
    Unknown { name: String, known: String },
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawManifest {
    name: String,
    file: String,
    sha256: String,
    licence: String,
    source: Option<Source>,
    quantized: Option<Quantized>,
    input: Input,
    tiles: Option<Tiles>,
    output: RawOutput,
    classes: BTreeMap<String, Class>,
    thresholds: Thresholds,
    #[serde(default)]
    measured: Vec<Measured>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawOutput {
    layout: String,
    tensors: Vec<String>,
}

impl Manifest {
    /// # Errors
    /// [`ManifestError::Unknown`] when no shipped manifest has that name.
    pub fn shipped(name: &str) -> Result<Self, ManifestError> {
        match SHIPPED.iter().find(|(n, _)| *n == name) {
            Some((_, text)) => Self::parse(text),
            None => {
                let known = SHIPPED.iter().map(|(n, _)| *n).collect::<Vec<_>>().join(", ");
                Err(ManifestError::Unknown { name: name.to_owned(), known })
            }
        }
    }

    /// Reads a manifest's text.
    ///
    /// # Errors
    /// [`ManifestError`] with every problem at once.
    pub fn parse(text: &str) -> Result<Self, ManifestError> {
        let raw: RawManifest = toml::from_str(text).map_err(ManifestError::Parse)?;
        raw.check().map_err(ManifestError::Invalid)
    }
}

impl RawManifest {
    fn check(self) -> Result<Manifest, Vec<String>> {
        let mut problems = Vec::new();
        if self.file.is_empty() || self.file.contains(['/', '\\']) || self.file.starts_with('.') {
            problems.push(format!("file {:?} must be a plain file name", self.file));
        }
        let weights = self.source.as_ref().map(|source| ("source.weights_sha256", &source.weights_sha256));
        for (key, sum) in [("sha256", &self.sha256)].into_iter().chain(weights) {
            if !is_sha256(sum) {
                problems.push(format!("{key} {sum:?} is not 64 lower-case hexadecimal digits"));
            }
        }
        problems.extend(self.input.problems());
        problems.extend(self.thresholds.problems());
        problems.extend(self.tiles.iter().flat_map(Tiles::problems));
        problems.extend(self.quantized.iter().flat_map(Quantized::problems));
        let layout = layouts::by_name(&self.output.layout);
        match layout {
            None => problems.push(format!(
                "output.layout {:?} is not known; known are {}",
                self.output.layout,
                layouts::names()
            )),
            Some(l) if self.output.tensors.len() != l.tensors => problems.push(format!(
                "output.tensors: layout {} has {} of them, not {}",
                l.name,
                l.tensors,
                self.output.tensors.len()
            )),
            Some(_) => {}
        }
        let classes = self.classes.iter().map(|(number, &class)| (number.parse::<usize>(), number, class));
        let mut read: Vec<(usize, Class)> = Vec::new();
        for (parsed, number, class) in classes {
            match parsed {
                // "3" and "03" are two keys and one number: each of its boxes would come twice.
                Ok(id) if read.iter().any(|(known, _)| *known == id) => {
                    problems.push(format!("classes: {id} is named twice"));
                }
                Ok(id) if id < 10_000 => read.push((id, class)),
                Ok(_) | Err(_) => problems.push(format!("classes: {number:?} is not a class number")),
            }
        }
        if self.classes.is_empty() {
            problems.push("classes: none is named".to_owned());
        }
        read.sort_unstable();
        match layout {
            Some(layout) if problems.is_empty() => Ok(Manifest {
                name: self.name,
                file: self.file,
                sha256: self.sha256,
                licence: self.licence,
                source: self.source,
                quantized: self.quantized,
                input: self.input,
                tiles: self.tiles,
                tensors: self.output.tensors,
                layout,
                classes: read,
                thresholds: self.thresholds,
                measured: self.measured,
            }),
            Some(_) | None => Err(problems),
        }
    }
}

fn is_sha256(text: &str) -> bool {
    text.len() == 64 && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_shipped_manifest_reads_and_has_its_own_name() {
        for (name, _) in SHIPPED {
            let manifest = Manifest::shipped(name).unwrap();
            assert_eq!(manifest.name, *name);
            assert!(!manifest.measured.is_empty(), "{name}: measured accuracy is missing");
            assert!(manifest.source.is_some(), "{name}: nothing says what it is made of");
        }
        assert!(Manifest::shipped(DEFAULT).is_ok());
    }

    #[test]
    fn an_unknown_name_says_what_is_known() {
        let err = Manifest::shipped("yolo").unwrap_err().to_string();
        assert!(err.contains("\"yolo\"") && err.contains(DEFAULT), "{err}");
    }

    /// The default manifest with `from` replaced, and what is said about it.
    #[track_caller]
    fn check(from: &str, to: &str, want: &str) {
        let text = SHIPPED[0].1;
        assert!(text.contains(from), "{from:?} is not in the manifest");
        let err = Manifest::parse(&text.replacen(from, to, 1)).unwrap_err();
        let said = match &err {
            ManifestError::Parse(source) => source.to_string(),
            ManifestError::Invalid(_) | ManifestError::Unknown { .. } => err.to_string(),
        };
        assert!(said.contains(want), "{said}");
    }

    #[test]
    fn a_network_that_somebody_brought_comes_from_no_registry() {
        let text = SHIPPED[0].1;
        let (before, rest) = text.split_once("[source]").unwrap();
        let (_, after) = rest.split_once("[input]").unwrap();
        let own = Manifest::parse(&format!("{before}[input]{after}")).unwrap();
        assert_eq!((own.source, own.tensors), (None, Manifest::shipped(DEFAULT).unwrap().tensors));
    }

    #[test]
    fn bad_manifests_are_refused() {
        check("5 = \"bus\"", "5 = \"bus\"\n03 = \"car\"", "classes: 3 is named twice");
        check("weights_sha256 = \"", "weights_sha256 = \"E", "source.weights_sha256");
        check("min_score", "min_scorr", "unknown field `min_scorr`");
        check("file = \"nano", "file = \"../nano", "must be a plain file name");
        check("sha256 = \"", "sha256 = \"E", "is not 64 lower-case hexadecimal digits");
        check("width = 640", "width = 650", "input.width 650 is not a multiple of 32");
        check("layout = \"nanodet\"", "layout = \"nonodet\"", "\"nonodet\" is not known; known are nanodet");
        check("\"scores_8\", ", "", "layout nanodet has 6 of them, not 5");
        check("5 = \"bus\"", "5 = \"tram\"", "unknown variant `tram`");
        check("5 = \"bus\"", "x = \"bus\"", "\"x\" is not a class number");
        check("min_score = 0.12", "min_score = 3", "thresholds.min_score 3 is outside 0..=1");
        check("57.375", "0.0", "std above 0");
        check(
            "[thresholds]",
            "[tiles]\ncolumns = 9\ntop = 0.6\nbottom = 0.5\noverlap = 2.0\n[thresholds]",
            "tiles.columns 9",
        );
        check(
            "[thresholds]",
            "[tiles]\ncolumns = 2\ntop = 0.6\nbottom = 0.5\noverlap = 0.1\n[thresholds]",
            "tiles from 0.6 to 0.5",
        );
        check(
            "[thresholds]",
            "[quantized]\nof = \"a\"\nranges = \"../b\"\n[thresholds]",
            "quantized.ranges \"../b\"",
        );
        check("fit = \"letterbox\"", "fit = \"letterbox\"\npad = 300.0", "input.pad 300 is outside");
    }
}
