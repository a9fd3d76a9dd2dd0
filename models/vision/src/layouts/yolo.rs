//! What YOLOX and YOLOv8 have in common: one tensor with the numbers of each cell of strides 8, 16, 32.

use super::{Layout, LayoutError, Tensor, cells, class_numbers, wrong};
use crate::manifest::Manifest;

pub const STRIDES: [u32; 3] = [8, 16, 32];

/// How the numbers of one cell lie in the tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lie {
    /// `[1, cells, numbers]`
    Rows,
    /// `[1, numbers, cells]`
    Columns,
}

/// The tensor's data when it is complete: of each cell `before` numbers, then one a class.
///
/// # Errors
/// [`LayoutError`] when it has another shape.
pub fn one_tensor<'a>(
    layout: &Layout,
    manifest: &Manifest,
    tensors: &[Tensor<'a>],
    lie: Lie,
    before: usize,
) -> Result<&'a [f32], LayoutError> {
    let least = before + class_numbers(manifest);
    let count = cells(manifest, &STRIDES).count();
    let fits = |t: &&Tensor<'_>| {
        let plane = t.plane().map(|(a, b)| if lie == Lie::Rows { (a, b) } else { (b, a) });
        plane.is_some_and(|(cells, numbers)| cells == count && numbers >= least)
    };
    let expected = || match lie {
        Lie::Rows => format!("[1, {count}, {least} or more]"),
        Lie::Columns => format!("[1, {least} or more, {count}]"),
    };
    let tensor = tensors.first().filter(fits);
    tensor.map(|t| t.data).ok_or_else(|| wrong(layout, manifest, tensors, 0, expected()))
}
