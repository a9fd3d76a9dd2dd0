//! How much a camera's ladder misses, estimated from the spans that were decoded in full by chance.
//!
//! Crossings missed while nothing is decoded are a Poisson count: `found` of them in `audited` time give a rate, and that
//! rate over all the time that was only watched gives the missed ones. The interval is Garwood's (1936) exact one for a
//! Poisson mean, written with gamma quantiles. Crossings come in groups, and a group found in one span is less news than as
//! many found apart: the count is first shrunk to its effective number (Kish 1965) by the spans it was found in.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::units::DurationMs;

/// Probability that the interval contains the truth.
pub const CONFIDENCE: f64 = 0.95;

/// What the estimate is made of; times in ms. Sums: those of several cameras, or of several days, may be added up.
#[derive(Debug, Clone, Copy, PartialEq, Default, Serialize, Deserialize)]
pub struct Tally {
    /// Crossings and events that were found, those left out that only an audit found.
    pub caught: u64,
    /// Time in which the ladder had not climbed, audits left out.
    pub watched: DurationMs,
    /// Time of the audits in which the ladder had not climbed.
    pub audited: DurationMs,
    pub audits: u64,
    /// Crossings and events in that time: without the audit they would have been missed.
    pub found: u64,
    /// Sum of the squares of `found` over the audits.
    pub found_squared: u64,
}

/// Share of the crossings and events that were missed, all of them being 1.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MissEstimate {
    pub share: f64,
    /// Ends of the interval that contains the true share with [`CONFIDENCE`].
    pub low: f64,
    pub high: f64,
    pub audited: DurationMs,
    pub found: u64,
}

impl Tally {
    pub fn add(&mut self, other: &Tally) {
        self.caught += other.caught;
        self.watched = DurationMs(self.watched.0 + other.watched.0);
        self.audited = DurationMs(self.audited.0 + other.audited.0);
        self.audits += other.audits;
        self.found += other.found;
        self.found_squared += other.found_squared;
    }

    /// Half of everything: what was is forgotten little by little.
    pub(super) fn halve(&mut self) {
        // What is odd goes up as often as down: always up, and a single miss would be held against the camera for ever.
        let up = self.audits % 2;
        self.caught /= 2;
        self.watched.0 /= 2;
        self.audited.0 /= 2;
        self.audits /= 2;
        self.found = (self.found + up) / 2;
        self.found_squared = (self.found_squared + up) / 2;
    }

    /// `None` before the first audit is over, and while nothing at all was found: of no crossings nobody can say which share is missed.
    pub fn estimate(&self) -> Option<MissEstimate> {
        if self.audited.0 <= 0 || self.watched.0 < 0 || self.caught + self.found == 0 {
            return None;
        }
        let found = self.found as f64;
        let grouped = if self.found == 0 { 1.0 } else { self.found_squared.max(self.found) as f64 / found };
        let effective = found / grouped;
        let tail = (1.0 - CONFIDENCE) / 2.0;
        let low = if self.found == 0 { 0.0 } else { gamma_quantile(effective, tail) * grouped };
        let high = gamma_quantile(effective + 1.0, 1.0 - tail) * grouped;
        let per_found = self.watched.0 as f64 / self.audited.0 as f64;
        let seen = self.caught as f64 + found;
        let share = |count: f64| {
            let missed = count * per_found;
            missed / (missed + seen)
        };
        Some(MissEstimate {
            share: share(found),
            low: share(low),
            high: share(high),
            audited: self.audited,
            found: self.found,
        })
    }
}

/// `missed 0.8 % ± 0.5 of crossings`; the interval itself where it is not even nearly symmetric.
impl fmt::Display for MissEstimate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (share, low, high) = (self.share * 100.0, self.low * 100.0, self.high * 100.0);
        let (below, above) = (share - low, high - share);
        if below > above * 0.5 {
            write!(f, "missed {share:.1} % ± {:.1} of crossings", below.max(above))
        } else {
            write!(f, "missed {share:.1} % ({low:.1} to {high:.1}) of crossings")
        }
    }
}

/// The value that a gamma variable of `shape` and scale 1 stays below with `probability`.
fn gamma_quantile(shape: f64, probability: f64) -> f64 {
    let (mut low, mut high) = (0.0, shape + 1.0);
    while gamma_below(shape, high) < probability && high < 1e12 {
        high *= 2.0;
    }
    for _ in 0..80 {
        let middle = 0.5 * (low + high);
        if gamma_below(shape, middle) < probability {
            low = middle;
        } else {
            high = middle;
        }
    }
    0.5 * (low + high)
}

/// Regularised lower incomplete gamma function P(shape, x): its series below the mean, its continued fraction above
/// (Abramowitz and Stegun 6.5.29, 6.5.31).
fn gamma_below(shape: f64, x: f64) -> f64 {
    if x <= 0.0 {
        return 0.0;
    }
    let front = (shape * x.ln() - x - ln_gamma(shape)).exp();
    if x < shape + 1.0 {
        let (mut term, mut sum, mut n) = (1.0 / shape, 1.0 / shape, shape);
        while term > sum * 1e-13 {
            n += 1.0;
            term *= x / n;
            sum += term;
        }
        front * sum
    } else {
        // Lentz's way of evaluating it.
        let mut b = x + 1.0 - shape;
        let mut c = 1e300;
        let mut d = 1.0 / b;
        let mut h = d;
        for i in 1..500 {
            let i = f64::from(i);
            let a = -i * (i - shape);
            b += 2.0;
            d = 1.0 / (a * d + b);
            c = b + a / c;
            h *= d * c;
            if (d * c - 1.0).abs() < 1e-13 {
                break;
            }
        }
        1.0 - front * h
    }
}

/// Stirling's series after shifting to where it is exact to 1e-12 (Abramowitz and Stegun 6.1.41).
fn ln_gamma(x: f64) -> f64 {
    let (mut x, mut shift) = (x, 0.0);
    while x < 10.0 {
        shift += x.ln();
        x += 1.0;
    }
    let inverse = 1.0 / (x * x);
    let series = (1.0 / 12.0 - inverse * (1.0 / 360.0 - inverse * (1.0 / 1260.0 - inverse / 1680.0))) / x;
    (x - 0.5) * x.ln() - x + 0.5 * std::f64::consts::TAU.ln() + series - shift
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(caught: u64, found: u64, found_squared: u64) -> Tally {
        let (watched, audited) = (DurationMs(970_000), DurationMs(10_000));
        Tally { caught, watched, audited, audits: 3, found, found_squared }
    }

    #[test]
    fn quantiles_of_the_tables() {
        // Half of the chi-square quantiles with 2, 4, 20 degrees of freedom.
        for (shape, p, want) in
            [(1.0, 0.975, 3.6889), (2.0, 0.975, 5.5716), (10.0, 0.025, 4.7954), (0.5, 0.5, 0.2275)]
        {
            let got = gamma_quantile(shape, p);
            assert!((got - want).abs() < 2e-4, "{shape} {p}: {got}, not {want}");
        }
    }

    #[test]
    fn nothing_found_says_how_much_it_may_be_all_the_same() {
        let e = tally(1_000, 0, 0).estimate().unwrap();
        assert_eq!((e.share, e.low), (0.0, 0.0));
        // At most 3.689 in the audits at 97.5 %, 97 times as long watched.
        let most = 3.6889 * 97.0;
        assert!((e.high - most / (most + 1_000.0)).abs() < 1e-4, "{e:?}");
        assert_eq!(e.to_string(), "missed 0.0 % (0.0 to 26.4) of crossings");
    }

    #[test]
    fn a_group_is_less_news_than_as_many_apart() {
        let apart = tally(10_000, 4, 4).estimate().unwrap();
        let group = tally(10_000, 4, 16).estimate().unwrap();
        assert_eq!(apart.share, group.share);
        assert!(group.high > apart.high && group.low < apart.low, "{group:?} {apart:?}");
    }

    #[test]
    fn halves_are_fair_to_few_misses() {
        let (mut sum, runs) = (0, 1_000);
        for audits in 0..runs {
            let mut one = Tally { audits, ..tally(100, 3, 5) };
            one.halve();
            assert!((1..=2).contains(&one.found) && one.found_squared >= one.found, "{one:?}");
            sum += one.found;
        }
        assert_eq!(sum, runs * 3 / 2);
        let mut single = tally(100, 1, 1);
        for audits in [7, 4] {
            single.audits = audits;
            single.halve();
        }
        assert_eq!((single.found, single.found_squared), (0, 0));
    }

    #[test]
    fn no_audit_no_estimate() {
        assert_eq!(Tally::default().estimate(), None);
        // Nor where nobody ever came by.
        assert_eq!(tally(0, 0, 0).estimate(), None);
    }

    /// Many cameras with a known rate: the interval must contain it as often as it says.
    #[test]
    fn the_interval_keeps_its_promise() {
        let mut chance = crate::ladder::chance::Chance::new(7);
        let (mut inside, runs) = (0, 2_000);
        for _ in 0..runs {
            // 20 audits of 10 s among 1,000 s watched each; a missed crossing every 100 s, 200 crossings caught.
            let mut tally = Tally { caught: 200, watched: DurationMs(20_000_000), ..Tally::default() };
            for _ in 0..20 {
                let (mut found, mut t) = (0_u64, chance.wait(100.0));
                while t < 10.0 {
                    found += 1;
                    t += chance.wait(100.0);
                }
                tally.add(&Tally {
                    audited: DurationMs(10_000),
                    audits: 1,
                    found,
                    found_squared: found * found,
                    ..Tally::default()
                });
            }
            let truth = 200.0 / (200.0 + 200.0 + tally.found as f64);
            inside += u32::from(tally.estimate().is_some_and(|e| e.low <= truth && truth <= e.high));
        }
        assert!(inside >= runs * 93 / 100, "{inside} of {runs}");
    }
}
