//! YOLOv8 and what writes its output like it (YOLOv9, YOLO11): one tensor, middles and sizes in pixels of the input, one score
//! a class, one column a cell of strides 8, 16, 32.

use super::yolo::{Lie, STRIDES, one_tensor};
use super::{Candidate, Layout, LayoutError, Tensor, around, cells, no_scores, other_unit};
use crate::manifest::Manifest;

pub const LAYOUT: Layout = Layout {
    name: "yolov8",
    tensors: 1,
    reads: "[1, 4 + classes, cells of strides 8, 16, 32]: x, y, width, height in pixels, then scores as 0..=1",
    taught: "channels = \"rgb\"\nfit = \"letterbox\"\npad = 114.0\nmean = [0.0, 0.0, 0.0]\nstd = [255.0, 255.0, 255.0]",
    decode,
    doubt,
};

fn decode(
    manifest: &Manifest,
    tensors: &[Tensor<'_>],
    min_score: f32,
    out: &mut Vec<Candidate>,
) -> Result<(), LayoutError> {
    let data = one_tensor(&LAYOUT, manifest, tensors, Lie::Columns, 4)?;
    let count = cells(manifest, &STRIDES).count();
    let line = |i: usize| &data[i * count..(i + 1) * count];
    let [x, y, w, h] = [0, 1, 2, 3].map(line);
    for &(id, class) in &manifest.classes {
        for (cell, &score) in line(4 + id).iter().enumerate() {
            if score >= min_score
                && let Some(bbox) = around(x[cell], y[cell], w[cell], h[cell])
            {
                out.push(Candidate { class, bbox, score });
            }
        }
    }
    Ok(())
}

/// Middles lie all over the input; as shares none is farther from its corner than this.
const SHARE_MAX: f32 = 2.0;

fn doubt(manifest: &Manifest, tensors: &[Tensor<'_>]) -> Option<String> {
    let data = tensors.first()?.data;
    let count = cells(manifest, &STRIDES).count();
    let line = |i: usize| data.get(i * count..(i + 1) * count).unwrap_or_default();
    let middles = || line(0).iter().chain(line(1));
    if middles().all(|v| v.abs() <= SHARE_MAX) {
        return other_unit(manifest, 0, "as shares of the input (0..=1)", "in pixels of it");
    }
    // What comes behind the classes, masks' numbers and points, are no scores.
    let scores = manifest.classes.iter().flat_map(|(id, _)| line(4 + id).iter().copied());
    no_scores(manifest, 0, scores)
}

#[cfg(test)]
mod tests {
    use models_domain::{BBox, Class};

    use super::*;
    use crate::manifest::DEFAULT;

    const CELLS: usize = 5040;

    fn run(data: &[f32], shape: [usize; 3]) -> Result<Vec<Candidate>, LayoutError> {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        manifest.tensors = vec!["output0".into()];
        let mut out = Vec::new();
        decode(&manifest, &[Tensor { shape: shape.to_vec(), data }], 0.3, &mut out)?;
        Ok(out)
    }

    #[test]
    fn one_column_is_one_box() {
        let mut data = vec![0.0; CELLS * 84];
        assert_eq!(run(&data, [1, 84, CELLS]).unwrap(), []);
        for (line, value) in [(0, 100.0), (1, 50.0), (2, 20.0), (3, 40.0), (4 + 3, 0.75), (4 + 9, 1.0)] {
            data[line * CELLS + 4321] = value;
        }
        let found = run(&data, [1, 84, CELLS]).unwrap();
        let bbox = BBox::new(90.0, 30.0, 20.0, 40.0);
        assert_eq!(found, [Candidate { class: Class::Motorcycle, bbox, score: 0.75 }]);
        for nonsense in [-20.0, 0.0, f32::NAN] {
            data[2 * CELLS + 4321] = nonsense;
            assert_eq!(run(&data, [1, 84, CELLS]).unwrap(), []);
        }
    }

    #[test]
    fn wrong_shapes_are_named() {
        // Boxes and scores turned: rows where columns should be.
        let err = run(&vec![0.0; CELLS * 84], [1, CELLS, 84]).unwrap_err().to_string();
        assert_eq!(
            err,
            "output tensor \"output0\" has shape [1, 5040, 84], layout yolov8 expects [1, 12 or more, 5040]"
        );
    }
}
