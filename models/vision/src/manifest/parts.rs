//! The tables of a manifest, and what can be wrong with each.

use std::collections::BTreeMap;

use serde::Deserialize;

/// The registry package that the model is made of; read by `models/convert/fetch-model`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    pub registry: Registry,
    pub package: String,
    pub version: String,
    /// Path of the graph inside the package.
    pub graph: String,
    pub weights: String,
    pub weights_sha256: String,
    /// Not made at set-up, only when its name is given.
    #[serde(default)]
    pub on_request: bool,
    /// Name in the ONNX model to name in the source.
    #[serde(default)]
    pub outputs: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Registry {
    Npm,
    Pypi,
}

/// An int8 network is made of another one; read by `models/convert/fetch-model`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quantized {
    /// Name of the manifest of the float network.
    pub of: String,
    /// File in `models/convert` with the range of each tensor.
    pub ranges: String,
}

/// One float tensor `[batch, 3, height, width]` of `(channel - mean) / std`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    pub tensor: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    pub channels: Channels,
    pub fit: Fit,
    /// What the picture leaves free, on 0..=255 before mean and std.
    #[serde(default)]
    pub pad: f32,
    /// In the order of `channels`, on 0..=255.
    pub mean: [f32; 3],
    /// In the order of `channels`, on 0..=255.
    pub std: [f32; 3],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Channels {
    Bgr,
    Rgb,
}

/// How a picture of another shape is brought to the input's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fit {
    /// Shape kept, in the middle.
    Letterbox,
    /// Shape kept, in the upper left corner: how YOLOX was taught.
    UpperLeft,
    /// Shape not kept, the whole input filled: how DETR's kin were taught.
    Stretch,
}

/// Besides the whole picture, its far part is looked at in larger pieces side by side: small road users are found that the
/// whole picture is too coarse for. Each tile costs as much as a picture.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Tiles {
    /// How many, side by side.
    pub columns: u32,
    /// Where they begin, as a share of the picture's height from its upper edge.
    pub top: f64,
    /// Where they end, likewise.
    pub bottom: f64,
    /// What neighbours share, as a share of a tile's width: as wide as what is looked for.
    pub overlap: f64,
}

#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Thresholds {
    /// Weaker boxes never reach the tracker.
    pub min_score: f32,
    pub same_class_iou: f64,
    pub any_vehicle_iou: f64,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measured {
    pub data: String,
    pub metric: String,
    pub value: f64,
    pub how: String,
}

impl Input {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        for (key, side) in [("width", self.width), ("height", self.height)] {
            if !(32..=4096).contains(&side) || side % 32 != 0 {
                problems.push(format!("input.{key} {side} is not a multiple of 32 up to 4096"));
            }
        }
        if self.std.iter().any(|s| !s.is_finite() || *s <= 0.0) || self.mean.iter().any(|m| !m.is_finite()) {
            problems.push("input.mean and input.std must be numbers, std above 0".to_owned());
        }
        if !(0.0..=255.0).contains(&self.pad) {
            problems.push(format!("input.pad {} is outside 0..=255", self.pad));
        }
        problems
    }
}

impl Tiles {
    pub(super) fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        if !(1..=8).contains(&self.columns) {
            problems.push(format!("tiles.columns {} is outside 1..=8", self.columns));
        }
        let fits = self.top >= 0.0 && self.bottom <= 1.0 && self.bottom - self.top >= 0.1;
        if !fits {
            let (top, bottom) = (self.top, self.bottom);
            problems.push(format!(
                "tiles from {top} to {bottom}: both are shares of the picture's height, bottom at least 0.1 below top"
            ));
        }
        if !(0.0..=0.5).contains(&self.overlap) {
            problems.push(format!("tiles.overlap {} is outside 0..=0.5", self.overlap));
        }
        problems
    }
}

impl Quantized {
    pub(super) fn problems(&self) -> Vec<String> {
        let plain = !self.ranges.is_empty() && !self.ranges.contains(['/', '\\']);
        if plain {
            Vec::new()
        } else {
            vec![format!("quantized.ranges {:?} must be the name of a file in models/convert", self.ranges)]
        }
    }
}

impl Thresholds {
    pub(super) fn problems(&self) -> Vec<String> {
        let of = [
            ("min_score", f64::from(self.min_score)),
            ("same_class_iou", self.same_class_iou),
            ("any_vehicle_iou", self.any_vehicle_iou),
        ];
        let bad = of.into_iter().filter(|(_, value)| !(*value > 0.0 && *value <= 1.0));
        bad.map(|(key, value)| format!("thresholds.{key} {value} is outside 0..=1")).collect()
    }
}
