//! CenterNet ("objects as points", Zhou et al. 2019, arXiv:1904.07850): a heat map of middles for each class at a quarter of
//! the input's size, and at each place how far the box reaches from there.

use models_domain::BBox;

use super::{Candidate, Layout, LayoutError, Tensor, class_numbers, no_scores, wrong};
use crate::manifest::Manifest;

pub const LAYOUT: Layout = Layout {
    name: "centernet",
    tensors: 2,
    reads: "heat [1, classes, height / 4, width / 4] as 0..=1, then sides [1, 4, height / 4, width / 4] in pixels",
    taught: "channels = \"rgb\"\nfit = \"letterbox\"\npad = 0.0\nmean = [0.0, 0.0, 0.0]\nstd = [1.0, 1.0, 1.0]",
    decode,
    doubt,
};

const STRIDE: u32 = 4;

/// Tensors: heat, 0..=1, then left, top, right, bottom in pixels of the input, counted from (4 * column, 4 * row). A box is
/// where the heat is no lower than at its eight neighbours.
fn decode(
    manifest: &Manifest,
    tensors: &[Tensor<'_>],
    min_score: f32,
    out: &mut Vec<Candidate>,
) -> Result<(), LayoutError> {
    let most = class_numbers(manifest);
    let columns = (manifest.input.width / STRIDE) as usize;
    let rows = (manifest.input.height / STRIDE) as usize;
    let cells = columns * rows;
    let planes = |i: usize| tensors.get(i).and_then(|t| Some((t.data, channels(t, rows, columns)?)));
    let expected = |channels: String| format!("[1, {channels}, {rows}, {columns}]");
    let (heat, _) = planes(0)
        .filter(|(_, n)| *n >= most)
        .ok_or_else(|| wrong(&LAYOUT, manifest, tensors, 0, expected(format!("{most} or more"))))?;
    let (sides, _) = planes(1)
        .filter(|(_, n)| *n == 4)
        .ok_or_else(|| wrong(&LAYOUT, manifest, tensors, 1, expected("4".to_owned())))?;
    for &(id, class) in &manifest.classes {
        let heat = &heat[id * cells..(id + 1) * cells];
        for (cell, &score) in heat.iter().enumerate() {
            // A NaN is not at least anything.
            if score >= min_score && is_peak(heat, columns, cell) {
                let (x, y) = (cell % columns * STRIDE as usize, cell / columns * STRIDE as usize);
                let side = |i: usize| f64::from(sides[i * cells + cell]);
                let (width, height) = (side(0) + side(2), side(1) + side(3));
                let bbox = BBox::new(x as f64 - side(0), y as f64 - side(1), width, height);
                let known = bbox.x.is_finite() && bbox.y.is_finite() && bbox.area().is_finite();
                if known && bbox.area() > 0.0 {
                    out.push(Candidate { class, bbox, score });
                }
            }
        }
    }
    Ok(())
}

/// Channels of a complete `[1, channels, rows, columns]` tensor.
fn channels(tensor: &Tensor<'_>, rows: usize, columns: usize) -> Option<usize> {
    match tensor.shape[..] {
        [1, n, h, w] if (h, w) == (rows, columns) && n > 0 => {
            (tensor.data.len() == n.checked_mul(rows * columns)?).then_some(n)
        }
        _ => None,
    }
}

/// Of equal neighbours the first is the peak, so that a plateau is one box.
fn is_peak(heat: &[f32], columns: usize, cell: usize) -> bool {
    let (row, column) = (cell / columns, cell % columns);
    let rows = row.saturating_sub(1)..(row + 2).min(heat.len() / columns);
    rows.flat_map(|r| (column.saturating_sub(1)..(column + 2).min(columns)).map(move |c| r * columns + c))
        .all(|other| other == cell || heat[other] < heat[cell] || (heat[other] == heat[cell] && cell < other))
}

fn doubt(manifest: &Manifest, tensors: &[Tensor<'_>]) -> Option<String> {
    no_scores(manifest, 0, tensors.first()?.data.iter().copied())
}

#[cfg(test)]
mod tests {
    use models_domain::Class;

    use super::*;
    use crate::manifest::DEFAULT;

    /// Heat planted as (class number, column, row, score); everywhere the box reaches 8, 12, 16, 20.
    #[track_caller]
    fn check(planted: &[(usize, usize, usize, f32)], want: &[(Class, [f64; 4], f32)]) {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        manifest.tensors = vec!["heat".into(), "sides".into()];
        let cells = 160 * 96;
        let mut heat = vec![0.0; 80 * cells];
        for &(class, column, row, score) in planted {
            heat[class * cells + row * 160 + column] = score;
        }
        let sides: Vec<f32> = [8.0, 12.0, 16.0, 20.0].iter().flat_map(|v| vec![*v; cells]).collect();
        let tensors = [
            Tensor { shape: vec![1, 80, 96, 160], data: &heat },
            Tensor { shape: vec![1, 4, 96, 160], data: &sides },
        ];
        let mut out = Vec::new();
        decode(&manifest, &tensors, 0.3, &mut out).unwrap();
        let want: Vec<_> = want
            .iter()
            .map(|&(class, [x, y, w, h], score)| Candidate { class, bbox: BBox::new(x, y, w, h), score })
            .collect();
        assert_eq!(out, want);
    }

    #[test]
    fn peaks_are_boxes() {
        check(&[], &[]);
        let motorcycle = (Class::Motorcycle, [32.0, 8.0, 24.0, 32.0], 0.9);
        // A lower neighbour is the same road user, a class of its own is not; 9 is a traffic light.
        check(
            &[(3, 10, 5, 0.9), (3, 11, 6, 0.8), (0, 10, 5, 0.4), (9, 10, 5, 0.9)],
            &[(Class::Person, [32.0, 8.0, 24.0, 32.0], 0.4), motorcycle],
        );
        // A plateau is one, two cells apart are two.
        check(&[(3, 10, 5, 0.9), (3, 11, 5, 0.9)], &[motorcycle]);
        check(
            &[(3, 10, 5, 0.9), (3, 12, 5, 0.5)],
            &[motorcycle, (Class::Motorcycle, [40.0, 8.0, 24.0, 32.0], 0.5)],
        );
        check(&[(3, 10, 5, 0.29), (2, 0, 0, f32::NAN)], &[]);
        // At the corners.
        check(
            &[(2, 0, 0, 0.5), (2, 159, 95, 0.5)],
            &[(Class::Car, [-8.0, -12.0, 24.0, 32.0], 0.5), (Class::Car, [628.0, 368.0, 24.0, 32.0], 0.5)],
        );
    }

    #[test]
    fn wrong_shapes_are_named() {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        manifest.tensors = vec!["heat".into(), "sides".into()];
        let heat = vec![0.0; 80 * 96 * 160];
        let tensors = [
            Tensor { shape: vec![1, 80, 96, 160], data: &heat },
            Tensor { shape: vec![1, 2, 96, 160], data: &heat[..2 * 96 * 160] },
        ];
        let err = decode(&manifest, &tensors, 0.3, &mut Vec::new()).unwrap_err().to_string();
        assert_eq!(
            err,
            "output tensor \"sides\" has shape [1, 2, 96, 160], layout centernet expects [1, 4, 96, 160]"
        );
        let err = decode(&manifest, &tensors[1..], 0.3, &mut Vec::new()).unwrap_err().to_string();
        assert!(err.contains("\"heat\"") && err.contains("[1, 8 or more, 96, 160]"), "{err}");
    }
}
