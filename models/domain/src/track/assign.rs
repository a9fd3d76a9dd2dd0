//! The cheapest pairing of rows and columns (Hungarian method with potentials, Kuhn 1955, Jonker and Volgenant 1987).

/// Cost of a pair that must not be; every allowed pair costs less.
pub const FORBIDDEN: f64 = 1.0;

/// Costs of `rows` x `cols` pairs, row by row, each 0..=[`FORBIDDEN`].
#[derive(Debug, Clone)]
pub struct Costs {
    rows: usize,
    cols: usize,
    cells: Vec<f64>,
}

impl Costs {
    /// All pairs forbidden.
    pub fn new(rows: usize, cols: usize) -> Self {
        Self { rows, cols, cells: vec![FORBIDDEN; rows * cols] }
    }

    pub fn set(&mut self, row: usize, col: usize, cost: f64) {
        self.cells[row * self.cols + col] = cost;
    }

    fn get(&self, row: usize, col: usize) -> f64 {
        self.cells[row * self.cols + col]
    }
}

/// Pairs (row, column) with the least sum of costs, an unpaired row or column costing [`FORBIDDEN`]; sorted by row.
pub fn cheapest_pairs(costs: &Costs) -> Vec<(usize, usize)> {
    let flip = costs.rows > costs.cols;
    let (n, m) = if flip { (costs.cols, costs.rows) } else { (costs.rows, costs.cols) };
    if n == 0 {
        return Vec::new();
    }
    let cost = |i: usize, j: usize| if flip { costs.get(j, i) } else { costs.get(i, j) };
    let mut pairs: Vec<(usize, usize)> = row_of_columns(n, m, cost)
        .into_iter()
        .enumerate()
        .filter_map(|(j, i)| i.map(|i| (i, j)))
        .filter(|&(i, j)| cost(i, j) < FORBIDDEN)
        .map(|(i, j)| if flip { (j, i) } else { (i, j) })
        .collect();
    pairs.sort_unstable();
    pairs
}

/// For each of `m` columns the row it belongs to; `n` <= `m` rows all get one. Index 0 is the method's dummy column.
fn row_of_columns(n: usize, m: usize, cost: impl Fn(usize, usize) -> f64) -> Vec<Option<usize>> {
    let (mut row_potential, mut col_potential) = (vec![0.0; n + 1], vec![0.0; m + 1]);
    let (mut row_of, mut came_from) = (vec![0usize; m + 1], vec![0usize; m + 1]);
    let (mut least, mut used) = (vec![f64::INFINITY; m + 1], vec![false; m + 1]);
    for row in 1..=n {
        row_of[0] = row;
        least.fill(f64::INFINITY);
        used.fill(false);
        let mut col = 0;
        while row_of[col] != 0 {
            used[col] = true;
            let (i, mut delta, mut next) = (row_of[col], f64::INFINITY, 0);
            for j in 1..=m {
                if used[j] {
                    continue;
                }
                let reduced = cost(i - 1, j - 1) - row_potential[i] - col_potential[j];
                if reduced < least[j] {
                    (least[j], came_from[j]) = (reduced, col);
                }
                if least[j] < delta {
                    (delta, next) = (least[j], j);
                }
            }
            for j in 0..=m {
                if used[j] {
                    row_potential[row_of[j]] += delta;
                    col_potential[j] -= delta;
                } else {
                    least[j] -= delta;
                }
            }
            col = next;
        }
        while col != 0 {
            row_of[col] = row_of[came_from[col]];
            col = came_from[col];
        }
    }
    row_of[1..].iter().map(|&i| i.checked_sub(1)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(rows: &[&[f64]], want: &[(usize, usize)]) {
        let mut costs = Costs::new(rows.len(), rows.first().map_or(0, |r| r.len()));
        let mut turned = Costs::new(costs.cols, costs.rows);
        for (i, row) in rows.iter().enumerate() {
            for (j, &c) in row.iter().enumerate() {
                costs.set(i, j, c);
                turned.set(j, i, c);
            }
        }
        assert_eq!(cheapest_pairs(&costs), want);
        let mut back: Vec<_> = cheapest_pairs(&turned).into_iter().map(|(j, i)| (i, j)).collect();
        back.sort_unstable();
        assert_eq!(back, want, "turned");
    }

    #[test]
    fn the_best_sum_wins_over_the_best_pair() {
        check(&[&[0.1, 0.2], &[0.15, 0.9]], &[(0, 1), (1, 0)]);
    }

    #[test]
    fn forbidden_pairs_stay_apart() {
        check(&[&[1.0, 0.5], &[1.0, 0.4], &[1.0, 1.0]], &[(1, 1)]);
        check(&[&[1.0]], &[]);
        check(&[], &[]);
        check(&[&[], &[]], &[]);
    }

    #[test]
    fn as_good_as_trying_all() {
        let mut seed = 7u64;
        let mut random = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            (seed >> 33) as f64 / (1u64 << 31) as f64
        };
        for _ in 0..300 {
            let mut costs = Costs::new(4, 5);
            for cell in &mut costs.cells {
                *cell = (random() * 1.4).min(FORBIDDEN);
            }
            let total: f64 = cheapest_pairs(&costs).iter().map(|&(i, j)| costs.get(i, j) - FORBIDDEN).sum();
            let best = try_all(&costs, 0, &mut [false; 5]);
            assert!((total - best).abs() < 1e-9, "{total} {best}");
        }
    }

    fn try_all(costs: &Costs, row: usize, used: &mut [bool; 5]) -> f64 {
        if row == costs.rows {
            return 0.0;
        }
        let mut best = try_all(costs, row + 1, used);
        for j in 0..5 {
            if !used[j] {
                used[j] = true;
                best = best.min(costs.get(row, j) - FORBIDDEN + try_all(costs, row + 1, used));
                used[j] = false;
            }
        }
        best
    }
}
