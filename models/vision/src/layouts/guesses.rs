//! What DETR and its kin have in common: a set of guesses, each with numbers for the classes and a box.

use super::{Candidate, Layout, LayoutError, Tensor, around, class_numbers, other_unit, wrong};
use crate::manifest::Manifest;

/// One guess: its logits, and its box as x, y, width, height.
pub type Guess<'a> = (&'a [f32], &'a [f32]);

/// The guesses of a network whose logits have `others` more numbers than there are classes.
///
/// # Errors
/// [`LayoutError`] when the tensors are not logits and boxes.
pub fn read<'a>(
    layout: &Layout,
    manifest: &Manifest,
    tensors: &[Tensor<'a>],
    others: usize,
) -> Result<impl Iterator<Item = Guess<'a>> + use<'a>, LayoutError> {
    let most = class_numbers(manifest) + others;
    let plane = |i: usize| tensors.get(i).and_then(|t| Some((t.data, t.plane()?)));
    let (logits, (count, row)) = plane(0)
        .filter(|(_, (_, n))| *n >= most)
        .ok_or_else(|| wrong(layout, manifest, tensors, 0, format!("[1, guesses, {most} or more]")))?;
    let (boxes, _) = plane(1)
        .filter(|(_, shape)| *shape == (count, 4))
        .ok_or_else(|| wrong(layout, manifest, tensors, 1, format!("[1, {count}, 4]")))?;
    Ok(logits.chunks_exact(row).zip(boxes.chunks_exact(4)))
}

/// Adds a guess for every class of ours that it is sure enough of.
pub fn add(
    manifest: &Manifest,
    score: impl Fn(usize) -> f32,
    sides: &[f32],
    min_score: f32,
    out: &mut Vec<Candidate>,
) {
    let (width, height) = (manifest.input.width as f32, manifest.input.height as f32);
    for &(id, class) in &manifest.classes {
        let score = score(id);
        if score >= min_score
            && let [x, y, w, h] = *sides
            && let Some(bbox) = around(x * width, y * height, w * width, h * height)
        {
            out.push(Candidate { class, bbox, score });
        }
    }
}

/// Whether the last number is the highest of most guesses, as the one for "nothing" is where nobody is.
pub fn is_last_nothing(logits: &Tensor<'_>) -> bool {
    let Some((count, row)) = logits.plane() else { return false };
    let is_nothing =
        |row: &&[f32]| row.split_last().is_some_and(|(last, rest)| rest.iter().all(|v| v <= last));
    logits.data.chunks_exact(row.max(1)).filter(is_nothing).count() * 2 > count
}

/// Boxes as shares of the input do not reach far beyond it.
const SHARE_MAX: f32 = 2.0;

/// Boxes that are no shares of the input.
pub fn doubt(manifest: &Manifest, tensors: &[Tensor<'_>]) -> Option<String> {
    let boxes = tensors.get(1)?;
    let beyond = boxes.data.iter().any(|v| v.abs() > SHARE_MAX);
    beyond.then(|| other_unit(manifest, 1, "in pixels", "as shares of the input (0..=1)")).flatten()
}

/// The network ends in scores, and reading them would make scores of them again.
pub fn scores_already(manifest: &Manifest, by: &str) -> Option<String> {
    let (name, layout) = (manifest.tensors.first()?, manifest.layout.name);
    Some(format!(
        "tensor {name:?} holds scores (0..=1) already, layout {layout} expects numbers before the {by}: export it without that \
         last step"
    ))
}
