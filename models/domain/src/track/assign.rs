//! The cheapest pairing of rows and columns (Hungarian method with potentials, Kuhn 1955, Jonker and Volgenant 1987).

/// Cost of a pair that must not be; every allowed pair costs less.
pub const FORBIDDEN: f64 = 1.0;

/// Costs of the pairs of `rows` and `cols` that are allowed; all others are forbidden.
#[derive(Debug, Clone)]
pub struct Costs {
    rows: usize,
    cols: usize,
    /// (row, column, cost), each pair once.
    pairs: Vec<(usize, usize, f64)>,
}

impl Costs {
    /// All pairs forbidden.
    pub fn new(rows: usize, cols: usize) -> Self {
        Self { rows, cols, pairs: Vec::new() }
    }

    /// Allows a pair, once.
    pub fn allow(&mut self, row: usize, col: usize, cost: f64) {
        debug_assert!(row < self.rows && col < self.cols && (0.0..FORBIDDEN).contains(&cost));
        self.pairs.push((row, col, cost));
    }
}

/// Pairs (row, column) with the least sum of costs, an unpaired row or column costing [`FORBIDDEN`]; sorted by row.
///
/// Rows and columns that no chain of allowed pairs joins are solved apart: a street of a hundred road users falls into
/// many small knots.
pub fn cheapest_pairs(costs: &Costs) -> Vec<(usize, usize)> {
    let mut found = Vec::new();
    for knot in knots(costs) {
        match knot.as_slice() {
            [(row, col, _)] => found.push((*row, *col)),
            _ => solve(&knot, &mut found),
        }
    }
    found.sort_unstable();
    found
}

/// The allowed pairs, those that share rows or columns together.
fn knots(costs: &Costs) -> Vec<Vec<(usize, usize, f64)>> {
    // Columns are numbered after the rows; every number points towards the head of its knot.
    let mut head: Vec<usize> = (0..costs.rows + costs.cols).collect();
    fn find(head: &mut [usize], mut i: usize) -> usize {
        while head[i] != i {
            head[i] = head[head[i]];
            i = head[i];
        }
        i
    }
    for &(row, col, _) in &costs.pairs {
        let (a, b) = (find(&mut head, row), find(&mut head, costs.rows + col));
        head[a.max(b)] = a.min(b);
    }
    let mut place = vec![usize::MAX; costs.rows + costs.cols];
    let mut knots: Vec<Vec<(usize, usize, f64)>> = Vec::new();
    for &pair in &costs.pairs {
        let of = find(&mut head, pair.0);
        if place[of] == usize::MAX {
            place[of] = knots.len();
            knots.push(Vec::new());
        }
        knots[place[of]].push(pair);
    }
    knots
}

fn solve(knot: &[(usize, usize, f64)], found: &mut Vec<(usize, usize)>) {
    let numbers = |of: fn(&(usize, usize, f64)) -> usize| {
        let mut all: Vec<usize> = knot.iter().map(of).collect();
        all.sort_unstable();
        all.dedup();
        all
    };
    let (rows, cols) = (numbers(|p| p.0), numbers(|p| p.1));
    let flip = rows.len() > cols.len();
    let (short, long) = if flip { (&cols, &rows) } else { (&rows, &cols) };
    let mut cells = vec![FORBIDDEN; short.len() * long.len()];
    for &(row, col, cost) in knot {
        let (s, l) = if flip { (col, row) } else { (row, col) };
        if let (Ok(i), Ok(j)) = (short.binary_search(&s), long.binary_search(&l)) {
            cells[i * long.len() + j] = cost;
        }
    }
    let cost = |i: usize, j: usize| cells[i * long.len() + j];
    for (j, i) in row_of_columns(short.len(), long.len(), cost).into_iter().enumerate() {
        if let Some(i) = i.filter(|i| cost(*i, j) < FORBIDDEN) {
            found.push(if flip { (long[j], short[i]) } else { (short[i], long[j]) });
        }
    }
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

    fn made(rows: &[Vec<f64>], turned: bool) -> Costs {
        let cols = rows.first().map_or(0, Vec::len);
        let (n, m) = if turned { (cols, rows.len()) } else { (rows.len(), cols) };
        let mut costs = Costs::new(n, m);
        for (i, row) in rows.iter().enumerate() {
            for (j, &cost) in row.iter().enumerate().filter(|(_, c)| **c < FORBIDDEN) {
                let (r, c) = if turned { (j, i) } else { (i, j) };
                costs.allow(r, c, cost);
            }
        }
        costs
    }

    #[track_caller]
    fn check(rows: &[&[f64]], want: &[(usize, usize)]) {
        let rows: Vec<Vec<f64>> = rows.iter().map(|r| r.to_vec()).collect();
        assert_eq!(cheapest_pairs(&made(&rows, false)), want);
        let mut back: Vec<_> = cheapest_pairs(&made(&rows, true)).into_iter().map(|(j, i)| (i, j)).collect();
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
            let rows: Vec<Vec<f64>> =
                (0..4).map(|_| (0..5).map(|_| (random() * 1.8).min(FORBIDDEN)).collect()).collect();
            let pairs = cheapest_pairs(&made(&rows, false));
            let total: f64 = pairs.iter().map(|&(i, j)| rows[i][j] - FORBIDDEN).sum();
            let best = try_all(&rows, 0, &mut [false; 5]);
            assert!((total - best).abs() < 1e-9, "{total} {best}");
        }
    }

    fn try_all(rows: &[Vec<f64>], row: usize, used: &mut [bool; 5]) -> f64 {
        if row == rows.len() {
            return 0.0;
        }
        let mut best = try_all(rows, row + 1, used);
        for j in 0..5 {
            if !used[j] {
                used[j] = true;
                best = best.min(rows[row][j] - FORBIDDEN + try_all(rows, row + 1, used));
                used[j] = false;
            }
        }
        best
    }
}
