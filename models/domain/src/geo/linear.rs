//! Small dense linear algebra: as much of it as a ground plane needs.

/// Pivots below this share of the largest number mean that the equations do not fix the unknowns.
const SINGULAR: f64 = 1e-11;

pub type Matrix3 = [[f64; 3]; 3];

/// The inverse, by Gauss and Jordan with row pivots; `None` when there is none.
pub fn inverse<const N: usize>(mut a: [[f64; N]; N]) -> Option<[[f64; N]; N]> {
    let mut inverse = [[0.0; N]; N];
    for (i, row) in inverse.iter_mut().enumerate() {
        row[i] = 1.0;
    }
    let largest = a.iter().flatten().fold(0.0_f64, |m, v| m.max(v.abs()));
    for col in 0..N {
        let pivot = (col..N).max_by(|&i, &j| a[i][col].abs().total_cmp(&a[j][col].abs()))?;
        if !a[pivot][col].is_finite() || a[pivot][col].abs() <= SINGULAR * largest {
            return None;
        }
        a.swap(col, pivot);
        inverse.swap(col, pivot);
        let scale = a[col][col].recip();
        for v in a[col].iter_mut().chain(&mut inverse[col]) {
            *v *= scale;
        }
        let (row_a, row_inverse) = (a[col], inverse[col]);
        for row in (0..N).filter(|&r| r != col) {
            let factor = a[row][col];
            for k in 0..N {
                a[row][k] -= factor * row_a[k];
                inverse[row][k] -= factor * row_inverse[k];
            }
        }
    }
    Some(inverse)
}

pub fn times_vector<const N: usize>(a: &[[f64; N]; N], v: &[f64; N]) -> [f64; N] {
    std::array::from_fn(|i| a[i].iter().zip(v).map(|(a, v)| a * v).sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverses() {
        let a = [[0.0, 2.0, 1.0], [1.0, -1.0, 3.0], [4.0, 0.5, 2.0]];
        let inverse_of_a = inverse(a).unwrap();
        for j in 0..3 {
            let column = times_vector(&a, &inverse_of_a.map(|row| row[j]));
            for (i, v) in column.iter().enumerate() {
                assert!((v - f64::from(u8::from(i == j))).abs() < 1e-12);
            }
        }
        assert_eq!(inverse([[1.0, 2.0], [2.0, 4.0]]), None);
        assert_eq!(inverse([[f64::NAN, 2.0], [2.0, 4.0]]), None);
    }
}
