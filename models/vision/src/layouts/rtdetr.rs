//! RT-DETR, Deformable DETR and their kin (Zhu et al. 2020, arXiv:2010.04159): DETR's tensors, but each class is judged by
//! itself, so there is no number for "nothing".

use super::{Candidate, Layout, LayoutError, Tensor, guesses, sigmoid};
use crate::manifest::Manifest;

pub const LAYOUT: Layout = Layout {
    name: "rtdetr",
    tensors: 2,
    reads: "logits [1, guesses, classes], each class by itself, then boxes [1, guesses, 4]: x, y, width, height as 0..=1",
    taught: "channels = \"rgb\"\nfit = \"stretch\"\npad = 0.0\nmean = [0.0, 0.0, 0.0]\nstd = [255.0, 255.0, 255.0]",
    decode,
    doubt,
};

fn decode(
    manifest: &Manifest,
    tensors: &[Tensor<'_>],
    min_score: f32,
    out: &mut Vec<Candidate>,
) -> Result<(), LayoutError> {
    for (logits, sides) in guesses::read(&LAYOUT, manifest, tensors, 0)? {
        guesses::add(manifest, |id| sigmoid(logits[id]), sides, min_score, out);
    }
    Ok(())
}

fn doubt(manifest: &Manifest, tensors: &[Tensor<'_>]) -> Option<String> {
    let logits = tensors.first()?;
    if logits.data.iter().all(|v| (0.0..=1.0).contains(v)) {
        return guesses::scores_already(manifest, "sigmoid");
    }
    guesses::doubt(manifest, tensors)
}

#[cfg(test)]
mod tests {
    use models_domain::{BBox, Class};

    use super::*;
    use crate::manifest::DEFAULT;

    #[test]
    fn each_class_is_judged_by_itself() {
        let mut manifest = Manifest::shipped(DEFAULT).unwrap();
        manifest.tensors = vec!["logits".into(), "boxes".into()];
        let mut logits = vec![-100.0; 80];
        (logits[3], logits[2], logits[9]) = (100.0, 0.0, 100.0);
        let boxes = [0.25, 0.5, 0.125, 0.25];
        let tensors =
            [Tensor { shape: vec![1, 1, 80], data: &logits }, Tensor { shape: vec![1, 1, 4], data: &boxes }];
        let mut out = Vec::new();
        decode(&manifest, &tensors, 0.3, &mut out).unwrap();
        let bbox = BBox::new(120.0, 144.0, 80.0, 96.0);
        let of = |class, score| Candidate { class, bbox, score };
        assert_eq!(out, [of(Class::Car, 0.5), of(Class::Motorcycle, 1.0)]);
        let err = decode(&manifest, &tensors[1..], 0.3, &mut Vec::new()).unwrap_err().to_string();
        assert!(err.contains("[1, 1, 4], layout rtdetr expects [1, guesses, 8 or more]"), "{err}");
    }
}
