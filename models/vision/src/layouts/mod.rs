//! What networks' output tensors mean: one file per layout, one list.

mod centernet;
mod detr;
mod guesses;
mod nanodet;
mod rtdetr;
mod yolo;
mod yolov8;
mod yolox;

use models_domain::{BBox, Class};

use crate::manifest::Manifest;

/// Every known layout; a manifest names one.
pub const ALL: &[Layout] =
    &[nanodet::LAYOUT, centernet::LAYOUT, yolox::LAYOUT, yolov8::LAYOUT, detr::LAYOUT, rtdetr::LAYOUT];

/// One way in which detectors write boxes and scores.
#[derive(Debug)]
pub struct Layout {
    pub name: &'static str,
    /// How many output tensors it reads.
    pub tensors: usize,
    /// What they are, for people.
    pub reads: &'static str,
    /// What a manifest's `[input]` says of colours as a rule, since such networks are mostly taught so: TOML.
    pub taught: &'static str,
    pub decode: Decode,
    pub doubt: Doubt,
}

/// Adds every box whose score reaches `min_score`, in pixels of the input. Never panics, whatever the tensors hold.
pub type Decode =
    fn(&Manifest, &[Tensor<'_>], min_score: f32, &mut Vec<Candidate>) -> Result<(), LayoutError>;

/// What in a network's own numbers says that it writes something else than the layout reads, though the shapes fit; for people.
/// `None` when nothing does. The tensors are such as [`Decode`] has read; never panics.
pub type Doubt = fn(&Manifest, &[Tensor<'_>]) -> Option<String>;

/// An output tensor, row-major.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    pub shape: Vec<usize>,
    pub data: &'a [f32],
}

/// A box before doubles are removed, in pixels of the network's input.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Candidate {
    pub class: Class,
    pub bbox: BBox,
    pub score: f32,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("output tensor {tensor:?} has shape {found:?}, layout {layout} expects {expected}")]
pub struct LayoutError {
    pub layout: &'static str,
    pub tensor: String,
    pub found: Vec<usize>,
    pub expected: String,
}

pub fn by_name(name: &str) -> Option<&'static Layout> {
    ALL.iter().find(|l| l.name == name)
}

pub fn names() -> String {
    ALL.iter().map(|l| l.name).collect::<Vec<_>>().join(", ")
}

/// Everything that the numbers of a network say against its manifest; the tensors are such as its layout's `decode` has read.
pub fn doubts(manifest: &Manifest, tensors: &[Tensor<'_>]) -> Vec<String> {
    let named = manifest.tensors.iter().zip(tensors);
    let none: Vec<_> = named
        .filter(|(_, tensor)| tensor.data.iter().any(|v| v.is_nan()))
        .map(|(name, _)| {
            format!(
                "tensor {name:?} holds what is no number (NaN): nothing is ever seen there; was the network made with \
                 16-bit floats?"
            )
        })
        .collect();
    if none.is_empty() { (manifest.layout.doubt)(manifest, tensors).into_iter().collect() } else { none }
}

/// Sums made with few bits end a little beyond what they should be.
const ABOUT: f32 = 0.01;

/// Scores that are none: numbers before the sigmoid.
fn no_scores(manifest: &Manifest, index: usize, mut scores: impl Iterator<Item = f32>) -> Option<String> {
    let name = manifest.tensors.get(index)?;
    let outside = scores.find(|score| !(-ABOUT..=1.0 + ABOUT).contains(score))?;
    Some(format!(
        "tensor {name:?} has {outside} for a score, layout {} expects 0..=1: the sigmoid is missing at the network's end",
        manifest.layout.name
    ))
}

/// Numbers of tensor `index` that are shares of the input's sides where pixels should be, or the other way around.
fn other_unit(manifest: &Manifest, index: usize, found: &str, expects: &str) -> Option<String> {
    let (name, layout) = (manifest.tensors.get(index)?, manifest.layout.name);
    Some(format!("tensor {name:?} has boxes {found}, layout {layout} expects them {expects}"))
}

/// What is wrong with output tensor `index`.
fn wrong(
    layout: &Layout,
    manifest: &Manifest,
    tensors: &[Tensor<'_>],
    index: usize,
    expected: String,
) -> LayoutError {
    LayoutError {
        layout: layout.name,
        tensor: manifest.tensors.get(index).cloned().unwrap_or_default(),
        found: tensors.get(index).map(|t| t.shape.clone()).unwrap_or_default(),
        expected,
    }
}

/// So many class numbers a network must know for the manifest's table.
fn class_numbers(manifest: &Manifest) -> usize {
    manifest.classes.iter().map(|(id, _)| id + 1).max().unwrap_or(0)
}

impl<'a> Tensor<'a> {
    /// The two sizes of a `[1, a, b]` tensor whose data is complete.
    fn plane(&self) -> Option<(usize, usize)> {
        match self.shape[..] {
            [1, a, b] if a > 0 && b > 0 && self.data.len() == a.checked_mul(b)? => Some((a, b)),
            _ => None,
        }
    }
}

/// A box around its middle; `None` when it has no area, or one of the numbers is none.
fn around(cx: f32, cy: f32, w: f32, h: f32) -> Option<BBox> {
    let [cx, cy, w, h] = [cx, cy, w, h].map(f64::from);
    let made = BBox::new(cx - w / 2.0, cy - h / 2.0, w, h);
    let known = [made.x, made.y, made.area()].iter().all(|v| v.is_finite());
    (known && w > 0.0 && h > 0.0).then_some(made)
}

/// The cells of all strides, as (stride, column, row), in the order in which anchor-free networks write them.
fn cells(manifest: &Manifest, strides: &'static [u32]) -> impl Iterator<Item = (u32, u32, u32)> + use<> {
    let (width, height) = (manifest.input.width, manifest.input.height);
    let of = move |stride: u32| {
        let columns = width / stride;
        (0..height / stride).flat_map(move |row| (0..columns).map(move |column| (stride, column, row)))
    };
    strides.iter().copied().flat_map(of)
}

fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + (-x).exp())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::{DEFAULT, Fit};

    /// Whatever the tensors are, no layout panics, and what comes out is a box.
    #[test]
    fn no_tensor_makes_a_layout_panic() {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        (manifest.input.width, manifest.input.height) = (64, 64);
        assert_eq!(manifest.input.fit, Fit::Letterbox);
        let values = [f32::NAN, f32::INFINITY, f32::NEG_INFINITY, f32::MAX, f32::MIN, -0.0, 0.5, 1e30, 100.0];
        let mut state = 1_u32;
        let mut chance = move |n: usize| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 8) as usize % n
        };
        for layout in ALL {
            manifest.tensors = vec!["t".to_owned(); layout.tensors];
            let mut read = 0;
            for _ in 0..600 {
                let mut shapes = fitting(layout.name);
                let broken = chance(3) == 0;
                if broken {
                    let shape = &mut shapes[chance(layout.tensors)];
                    match chance(4) {
                        0 => shape.clear(),
                        1 => shape.push(1),
                        2 => shape[0] = 0,
                        _ => shape[1] = usize::MAX,
                    }
                }
                let data: Vec<Vec<f32>> = shapes
                    .iter()
                    .map(|shape| {
                        let n = shape.iter().try_fold(1_usize, |n, side| n.checked_mul(*side)).unwrap_or(7);
                        (0..n.min(20_000)).map(|_| values[chance(values.len())]).collect()
                    })
                    .collect();
                let tensors: Vec<_> =
                    shapes.into_iter().zip(&data).map(|(shape, data)| Tensor { shape, data }).collect();
                let few = if chance(20) == 0 { chance(layout.tensors) } else { layout.tensors };
                let mut out = Vec::new();
                if (layout.decode)(&manifest, &tensors[..few], 0.3, &mut out).is_ok() {
                    read += 1;
                }
                manifest.layout = layout;
                doubts(&manifest, &tensors[..few]);
                assert!(out.iter().all(|c| c.bbox.area() > 0.0 && c.score >= 0.3), "{}", layout.name);
            }
            assert!(read > 200, "{}: only {read} of 600 were read", layout.name);
        }
    }

    /// What is said of tensors filled by number of the tensor and place in it.
    fn said(layout: &str, fill: impl Fn(usize, usize) -> f32) -> String {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        (manifest.input.width, manifest.input.height) = (64, 64);
        manifest.layout = by_name(layout).unwrap();
        let shapes = fitting(layout);
        manifest.tensors = (0..shapes.len()).map(|i| format!("t{i}")).collect();
        let filled = |(t, shape): (usize, &Vec<usize>)| -> Vec<f32> {
            (0..shape.iter().product::<usize>()).map(|i| fill(t, i)).collect()
        };
        let data: Vec<Vec<f32>> = shapes.iter().enumerate().map(filled).collect();
        let tensors: Vec<_> =
            shapes.into_iter().zip(&data).map(|(shape, data)| Tensor { shape, data }).collect();
        (manifest.layout.decode)(&manifest, &tensors, 0.3, &mut Vec::new()).unwrap();
        doubts(&manifest, &tensors).join("; ")
    }

    #[track_caller]
    fn check(layout: &str, fill: impl Fn(usize, usize) -> f32, want: &str) {
        let said = said(layout, fill);
        assert!(said.contains(want) && said.is_empty() == want.is_empty(), "{layout}: {said:?}");
    }

    #[test]
    fn numbers_that_mean_something_else_are_told() {
        let good = |layout: &'static str| {
            move |t: usize, i: usize| match layout {
                // Lines of 84 cells: the first four are boxes.
                "yolov8" if i < 4 * 84 => 30.0,
                "detr" | "rtdetr" if t == 0 => -4.0,
                _ => 0.5,
            }
        };
        for layout in ALL {
            check(layout.name, good(layout.name), "");
            check(
                layout.name,
                |t, i| if (t, i) == (0, 7) { f32::NAN } else { good(layout.name)(t, i) },
                "tensor \"t0\" holds what is no number",
            );
        }
        for (layout, place) in
            [("nanodet", (1, 3)), ("centernet", (0, 3)), ("yolox", (0, 15 + 4)), ("yolov8", (0, 84 * 6))]
        {
            check(
                layout,
                |t, i| if (t, i) == place { -3.5 } else { good(layout)(t, i) },
                "has -3.5 for a score",
            );
        }
        let but = |layout: &'static str, which: fn(usize, usize) -> bool, value: f32, want: &str| {
            check(layout, |t, i| if which(t, i) { value } else { good(layout)(t, i) }, want);
        };
        but("yolox", |_, i| i % 15 == 2, 40.0, "boxes in pixels, layout yolox expects them not yet decoded");
        but(
            "yolov8",
            |_, i| i < 4 * 84,
            0.5,
            "boxes as shares of the input (0..=1), layout yolov8 expects them in pixels",
        );
        // Masks' numbers behind the classes are no scores.
        but("yolov8", |_, i| i >= 84 * 12, -9.0, "");
        but(
            "detr",
            |t, _| t == 0,
            1.0 / 11.0,
            "\"t0\" holds scores (0..=1) already, layout detr expects numbers before the softmax",
        );
        but(
            "rtdetr",
            |t, _| t == 0,
            0.1,
            "\"t0\" holds scores (0..=1) already, layout rtdetr expects numbers before the sigmoid",
        );
        but(
            "detr",
            |t, i| (t, i) == (1, 5),
            40.0,
            "\"t1\" has boxes in pixels, layout detr expects them as shares",
        );
        but("rtdetr", |t, i| (t, i) == (1, 5), 40.0, "\"t1\" has boxes in pixels");
    }

    /// Shapes of a 64 x 64 input and 10 classes.
    fn fitting(layout: &str) -> Vec<Vec<usize>> {
        match layout {
            "nanodet" => [64, 16, 4]
                .iter()
                .map(|c| vec![1, *c, 10])
                .chain([64, 16, 4].iter().map(|c| vec![1, *c, 44]))
                .collect(),
            "centernet" => vec![vec![1, 10, 16, 16], vec![1, 4, 16, 16]],
            "yolox" => vec![vec![1, 84, 15]],
            "yolov8" => vec![vec![1, 14, 84]],
            "detr" => vec![vec![1, 20, 11], vec![1, 20, 4]],
            "rtdetr" => vec![vec![1, 20, 10], vec![1, 20, 4]],
            other => panic!("no shapes for {other}: add them here"),
        }
    }
}
