//! DETR (Carion et al. 2020, arXiv:2005.12872): a set of guesses, each with a number a class and a last one for "nothing", and
//! a box as shares of the input.

use super::{ABOUT, Candidate, Layout, LayoutError, Tensor, guesses};
use crate::manifest::Manifest;

pub const LAYOUT: Layout = Layout {
    name: "detr",
    tensors: 2,
    reads: "logits [1, guesses, classes + 1], the last for nothing, then boxes [1, guesses, 4]: x, y, width, height as 0..=1",
    taught: "channels = \"rgb\"\nfit = \"stretch\"\npad = 0.0\nmean = [123.675, 116.28, 103.53]\nstd = [58.395, 57.12, 57.375]",
    decode,
    doubt,
};

fn decode(
    manifest: &Manifest,
    tensors: &[Tensor<'_>],
    min_score: f32,
    out: &mut Vec<Candidate>,
) -> Result<(), LayoutError> {
    for (logits, sides) in guesses::read(&LAYOUT, manifest, tensors, 1)? {
        let highest = logits.iter().copied().fold(f32::NEG_INFINITY, f32::max);
        let sum: f32 = logits.iter().map(|v| (v - highest).exp()).sum();
        let score = |id: usize| (logits[id] - highest).exp() / sum;
        guesses::add(manifest, score, sides, min_score, out);
    }
    Ok(())
}

fn doubt(manifest: &Manifest, tensors: &[Tensor<'_>]) -> Option<String> {
    let logits = tensors.first()?;
    let row = logits.plane()?.1;
    let is_sure = |row: &[f32]| {
        row.iter().all(|v| (0.0..=1.0).contains(v)) && (row.iter().sum::<f32>() - 1.0).abs() < ABOUT
    };
    if logits.data.chunks_exact(row).all(is_sure) {
        return guesses::scores_already(manifest, "softmax");
    }
    if !guesses::is_last_nothing(logits) {
        let name = manifest.tensors.first()?;
        return Some(format!(
            "tensor {name:?}: its last number, which layout detr takes for nothing, is seldom the highest for a grey picture: is it \
             layout rtdetr?"
        ));
    }
    guesses::doubt(manifest, tensors)
}

#[cfg(test)]
mod tests {
    use models_domain::{BBox, Class};

    use super::*;
    use crate::manifest::DEFAULT;

    fn run(logits: (&[f32], usize), boxes: &[f32]) -> Result<Vec<Candidate>, LayoutError> {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        manifest.tensors = vec!["logits".into(), "boxes".into()];
        let (data, row) = logits;
        let tensors = [
            Tensor { shape: vec![1, data.len() / row, row], data },
            Tensor { shape: vec![1, boxes.len() / 4, 4], data: boxes },
        ];
        let mut out = Vec::new();
        decode(&manifest, &tensors, 0.3, &mut out)?;
        Ok(out)
    }

    #[test]
    fn a_sure_guess_is_a_box() {
        let mut logits = vec![0.0; 2 * 92];
        logits[91] = 100.0; // the first guess: nothing
        logits[92 + 3] = 100.0; // the second: a motorcycle
        let boxes = [0.5, 0.5, 0.1, 0.1, 0.25, 0.5, 0.125, 0.25];
        let found = run((&logits, 92), &boxes).unwrap();
        let bbox = BBox::new(120.0, 144.0, 80.0, 96.0);
        assert_eq!(found, [Candidate { class: Class::Motorcycle, bbox, score: 1.0 }]);
        // Between two classes it is half sure of each.
        logits[92 + 2] = 100.0;
        let found = run((&logits, 92), &boxes).unwrap();
        assert_eq!(found.iter().map(|c| c.score).collect::<Vec<_>>(), [0.5, 0.5]);
    }

    #[test]
    fn wrong_shapes_are_named() {
        let err = run((&[0.0; 8], 8), &[0.0; 4]).unwrap_err().to_string();
        assert!(
            err.contains("\"logits\" has shape [1, 1, 8], layout detr expects [1, guesses, 9 or more]"),
            "{err}"
        );
        let err = run((&[0.0; 20], 10), &[0.0; 4]).unwrap_err().to_string();
        assert!(err.contains("\"boxes\" has shape [1, 1, 4], layout detr expects [1, 2, 4]"), "{err}");
    }
}
