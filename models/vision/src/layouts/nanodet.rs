//! NanoDet (2021, "g" and "m"): per stride 8, 16, 32 one score a class, and each side of the box as a distribution over
//! 0..=10 strides ("generalized focal loss", Li et al. 2020, arXiv:2006.04388).

use models_domain::BBox;

use super::{Candidate, Layout, LayoutError, Tensor, class_numbers, no_scores, wrong};
use crate::manifest::Manifest;

pub const LAYOUT: Layout = Layout {
    name: "nanodet",
    tensors: 6,
    reads: "scores [1, cells, classes] of strides 8, 16, 32, then sides [1, cells, 44] of the same",
    taught: "channels = \"bgr\"\nfit = \"letterbox\"\npad = 0.0\nmean = [103.53, 116.28, 123.675]\nstd = [57.375, 57.12, 58.395]",
    decode,
    doubt,
};

const STRIDES: [u32; 3] = [8, 16, 32];
const BINS: usize = 11;

/// Tensors: scores `[1, cells, classes]` per stride, then sides `[1, cells, 4 * BINS]` per stride (left, top, right, bottom).
fn decode(
    manifest: &Manifest,
    tensors: &[Tensor<'_>],
    min_score: f32,
    out: &mut Vec<Candidate>,
) -> Result<(), LayoutError> {
    let most = class_numbers(manifest);
    let plane = |i: usize| tensors.get(i).and_then(|t| Some((t, t.plane()?)));
    for (i, stride) in STRIDES.into_iter().enumerate() {
        let columns = (manifest.input.width / stride) as usize;
        let cells = columns * (manifest.input.height / stride) as usize;
        let (scores, (_, classes)) = plane(i)
            .filter(|(_, (c, n))| *c == cells && *n >= most)
            .ok_or_else(|| wrong(&LAYOUT, manifest, tensors, i, format!("[1, {cells}, {most} or more]")))?;
        let (sides, _) =
            plane(i + STRIDES.len()).filter(|(_, shape)| *shape == (cells, 4 * BINS)).ok_or_else(|| {
                let expected = format!("[1, {cells}, {}]", 4 * BINS);
                wrong(&LAYOUT, manifest, tensors, i + STRIDES.len(), expected)
            })?;
        let each = scores.data.chunks_exact(classes).zip(sides.data.chunks_exact(4 * BINS));
        for (cell, (scores, sides)) in each.enumerate() {
            for &(id, class) in &manifest.classes {
                let score = scores[id];
                // A NaN is not at least anything.
                if score >= min_score
                    && let Some(bbox) = bbox(cell % columns, cell / columns, stride, sides)
                {
                    out.push(Candidate { class, bbox, score });
                }
            }
        }
    }
    Ok(())
}

fn bbox(column: usize, row: usize, stride: u32, sides: &[f32]) -> Option<BBox> {
    let stride = f64::from(stride);
    let (x, y) = ((column as f64 + 0.5) * stride, (row as f64 + 0.5) * stride);
    let mut far = [0.0; 4];
    for (far, bins) in far.iter_mut().zip(sides.chunks_exact(BINS)) {
        *far = expected(bins) * stride;
    }
    let [left, top, right, bottom] = far;
    let made = BBox::new(x - left, y - top, left + right, top + bottom);
    (made.area().is_finite() && made.area() > 0.0).then_some(made)
}

/// The mean of 0, 1, 2 … under the softmax of `bins`.
fn expected(bins: &[f32]) -> f64 {
    let highest = bins.iter().copied().fold(f32::NEG_INFINITY, f32::max);
    let (mut sum, mut mean) = (0.0, 0.0);
    for (i, bin) in bins.iter().enumerate() {
        let weight = f64::from(bin - highest).exp();
        sum += weight;
        mean += weight * i as f64;
    }
    mean / sum
}

fn doubt(manifest: &Manifest, tensors: &[Tensor<'_>]) -> Option<String> {
    let scores = tensors.iter().take(STRIDES.len()).enumerate();
    scores.filter_map(|(i, t)| no_scores(manifest, i, t.data.iter().copied())).next()
}

#[cfg(test)]
mod tests {
    use models_domain::Class;

    use super::*;
    use crate::manifest::{DEFAULT, Manifest};

    /// Tensors of the default manifest, all zero.
    fn zeros() -> Vec<(Vec<usize>, Vec<f32>)> {
        let of = |n: usize| [3840, 960, 240].map(|cells| (vec![1, cells, n], vec![0.0; cells * n]));
        [of(80), of(44)].concat()
    }

    fn run(tensors: &[(Vec<usize>, Vec<f32>)]) -> Result<Vec<Candidate>, LayoutError> {
        let manifest = Manifest::shipped(DEFAULT).unwrap();
        let views: Vec<_> =
            tensors.iter().map(|(shape, data)| Tensor { shape: shape.clone(), data }).collect();
        let mut out = Vec::new();
        decode(&manifest, &views, 0.3, &mut out)?;
        Ok(out)
    }

    #[test]
    fn one_cell_is_one_box() {
        let mut tensors = zeros();
        // Stride 16: 40 columns; cell (column 3, row 2) has its middle at (56, 40).
        let cell = 2 * 40 + 3;
        tensors[1].1[cell * 80 + 3] = 0.9;
        tensors[1].1[cell * 80 + 9] = 0.9; // a traffic light: not ours
        for (side, bin) in [(0, 1), (1, 2), (2, 3), (3, 10)] {
            tensors[4].1[cell * 44 + side * 11 + bin] = 100.0;
        }
        let found = run(&tensors).unwrap();
        let bbox = BBox::new(40.0, 8.0, 64.0, 192.0);
        assert_eq!(found, [Candidate { class: Class::Motorcycle, bbox, score: 0.9 }]);
    }

    #[test]
    fn nothing_in_nothing() {
        assert_eq!(run(&zeros()).unwrap(), []);
    }

    #[test]
    fn numbers_that_are_none_give_no_box() {
        let mut tensors = zeros();
        for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
            tensors[0].1[2] = 1.0;
            tensors[3].1[..44].fill(value);
            assert_eq!(run(&tensors).unwrap(), []);
        }
        tensors[0].1.fill(f32::NAN);
        assert_eq!(run(&tensors).unwrap(), []);
    }

    #[test]
    fn wrong_shapes_are_named() {
        let mut tensors = zeros();
        tensors[4].0 = vec![1, 960, 32];
        assert_eq!(
            run(&tensors).unwrap_err().to_string(),
            "output tensor \"sides_16\" has shape [1, 960, 32], layout nanodet expects [1, 960, 44]"
        );
        tensors = zeros();
        tensors[0].1.pop();
        assert!(run(&tensors).is_err());
        tensors = zeros();
        tensors[0].0 = vec![];
        assert!(run(&tensors).is_err());
        assert!(run(&[]).is_err());
    }
}
