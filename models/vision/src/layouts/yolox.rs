//! YOLOX (Ge et al. 2021, arXiv:2107.08430) as its export gives it: for each cell of strides 8, 16, 32 the middle and the size
//! of a box relative to the cell, how sure it is that something is there, and of what class.

use super::yolo::{Lie, STRIDES, one_tensor};
use super::{Candidate, Layout, LayoutError, Tensor, around, cells, no_scores, other_unit};
use crate::manifest::Manifest;

pub const LAYOUT: Layout = Layout {
    name: "yolox",
    tensors: 1,
    reads: "[1, cells of strides 8, 16, 32, 5 + classes]: x, y, width, height not yet decoded, then scores as 0..=1",
    taught: "channels = \"bgr\"\nfit = \"upper_left\"\npad = 114.0\nmean = [0.0, 0.0, 0.0]\nstd = [1.0, 1.0, 1.0]",
    decode,
    doubt,
};

/// Middle = (number + cell) * stride, size = exp(number) * stride, score = objectness * class.
fn decode(
    manifest: &Manifest,
    tensors: &[Tensor<'_>],
    min_score: f32,
    out: &mut Vec<Candidate>,
) -> Result<(), LayoutError> {
    let data = one_tensor(&LAYOUT, manifest, tensors, Lie::Rows, 5)?;
    let row = data.len() / cells(manifest, &STRIDES).count().max(1);
    for ((stride, column, line), row) in cells(manifest, &STRIDES).zip(data.chunks_exact(row)) {
        let (s, sure) = (stride as f32, row[4]);
        let (x, y) = ((row[0] + column as f32) * s, (row[1] + line as f32) * s);
        for &(id, class) in &manifest.classes {
            let score = sure * row[5 + id];
            if score >= min_score
                && let Some(bbox) = around(x, y, row[2].exp() * s, row[3].exp() * s)
            {
                out.push(Candidate { class, bbox, score });
            }
        }
    }
    Ok(())
}

/// e to the power of it times the stride is a box's side: beyond this no picture is so large.
const LOG_SIDE_MAX: f32 = 12.0;

fn doubt(manifest: &Manifest, tensors: &[Tensor<'_>]) -> Option<String> {
    let data = tensors.first()?.data;
    let width = data.len() / cells(manifest, &STRIDES).count().max(1);
    let rows = || data.chunks_exact(width.max(1)).filter(|row| row.len() >= 5);
    if rows().any(|row| row[2].max(row[3]) > LOG_SIDE_MAX) {
        let remedy = "not yet decoded; export it with decode_in_inference off";
        return other_unit(manifest, 0, "in pixels", remedy);
    }
    no_scores(manifest, 0, rows().flat_map(|row| row[4..].iter().copied()))
}

#[cfg(test)]
mod tests {
    use models_domain::{BBox, Class};

    use super::*;
    use crate::manifest::DEFAULT;

    const CELLS: usize = 80 * 48 + 40 * 24 + 20 * 12;

    fn run(data: &[f32], shape: [usize; 3]) -> Result<Vec<Candidate>, LayoutError> {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        manifest.tensors = vec!["output".into()];
        let mut out = Vec::new();
        decode(&manifest, &[Tensor { shape: shape.to_vec(), data }], 0.3, &mut out)?;
        Ok(out)
    }

    #[test]
    fn one_cell_is_one_box() {
        let mut data = vec![0.0; CELLS * 85];
        assert_eq!(run(&data, [1, CELLS, 85]).unwrap(), []);
        // Stride 16, column 3, row 2: (0.5 + 3) * 16, (0.25 + 2) * 16; e^ln2 * 16 by e^ln4 * 16.
        let cell = 80 * 48 + 2 * 40 + 3;
        let row = &mut data[cell * 85..(cell + 1) * 85];
        row[..5].copy_from_slice(&[0.5, 0.25, 2.0_f32.ln(), 4.0_f32.ln(), 0.8]);
        row[5 + 3] = 0.75;
        row[5 + 9] = 1.0; // a traffic light: not ours
        row[5 + 2] = 0.3; // 0.24 with the objectness: too little
        let found = run(&data, [1, CELLS, 85]).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].class, Class::Motorcycle);
        assert!((found[0].score - 0.6).abs() < 1e-6);
        assert!(found[0].bbox.iou(&BBox::new(40.0, 4.0, 32.0, 64.0)) > 0.9999, "{found:?}");
        data[cell * 85 + 2] = f32::INFINITY;
        assert_eq!(run(&data, [1, CELLS, 85]).unwrap(), []);
    }

    #[test]
    fn wrong_shapes_are_named() {
        let err = run(&[0.0; 12], [1, 1, 12]).unwrap_err().to_string();
        assert_eq!(
            err,
            "output tensor \"output\" has shape [1, 1, 12], layout yolox expects [1, 5040, 13 or more]"
        );
    }
}
