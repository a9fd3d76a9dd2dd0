//! How many orders lie within the window, by a clock that may be set. What lies ahead of it was ordered before it was set back, nobody
//! knows how long: it counts as ordered at the first look that finds it there. So of a clock that is set back nothing counts for too short
//! a time, and nothing for longer than a window after that look. While a clock runs ahead by a window, what was ordered before does not
//! count; once it is right again, that counts as before.

use std::collections::BTreeMap;

use super::order::{Book, ORDERS_WINDOW};
use crate::units::UtcMillis;

impl Book {
    /// One look at the clock: orders that lie ahead of it count as taken now. None is forgotten for its age: the clock may be ahead for
    /// this one look.
    pub fn look(&mut self, at: UtcMillis) {
        for then in &mut self.taken {
            *then = at.min(*then);
        }
    }
}

/// Of one junction, where the moments at which orders were sent are written down as the clock had them.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    /// Orders that lay ahead of the clock, and since when they count.
    found_by_number: BTreeMap<u64, UtcMillis>,
}

impl Rate {
    /// Since when orders count, oldest first, those within [`ORDERS_WINDOW`]. `sent`: number and moment of each order that was sent since
    /// that long ago, those that lie ahead of `at` too.
    pub fn count(&mut self, at: UtcMillis, sent: &[(u64, UtcMillis)]) -> Vec<UtcMillis> {
        let found_by_number = std::mem::take(&mut self.found_by_number);
        let mut counted = Vec::new();
        for (number, then) in sent {
            let found = found_by_number.get(number).or((*then > at).then_some(&at));
            if let Some(found) = found {
                self.found_by_number.insert(*number, at.min(*found));
            }
            counted.push(at.min(*found.unwrap_or(then)));
        }
        counted.retain(|then| at.since(*then) < ORDERS_WINDOW);
        counted.sort_unstable();
        counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::order::ORDERS_MAX;
    use crate::units::DurationMs;

    #[test]
    fn what_lies_ahead_counts_from_when_it_was_found_and_once() {
        let mut rate = Rate::default();
        let mut check = |at: i64, sent: &[(u64, i64)], want: &[i64]| {
            let sent: Vec<_> = sent.iter().map(|(number, then)| (*number, UtcMillis(*then))).collect();
            let counted: Vec<i64> = rate.count(UtcMillis(at), &sent).iter().map(|then| then.0).collect();
            assert_eq!(counted, want, "at {at}");
        };
        check(900_000, &[(1, 890_000), (2, 895_000)], &[890_000, 895_000]);
        // Set back by ten minutes.
        check(300_000, &[(1, 890_000), (2, 895_000)], &[300_000, 300_000]);
        check(310_000, &[(3, 305_000), (1, 890_000), (2, 895_000)], &[300_000, 300_000, 305_000]);
        // And by some more.
        check(290_000, &[(3, 305_000), (1, 890_000), (2, 895_000)], &[290_000, 290_000, 290_000]);
        check(349_999, &[(3, 305_000), (1, 890_000), (2, 895_000)], &[290_000, 290_000, 290_000]);
        check(350_000, &[(3, 305_000), (1, 890_000), (2, 895_000)], &[]);
        // The clock comes to when they were sent: they are long over.
        check(896_000, &[(1, 890_000), (2, 895_000), (4, 896_000)], &[896_000]);
    }

    #[test]
    fn what_was_taken_counts_again_once_a_clock_that_ran_ahead_is_right() {
        let mut book = Book::default();
        for number in 1..=8_u64 {
            book.take(UtcMillis(100_000 + number.cast_signed()), number);
        }
        book.look(UtcMillis(4_000_000));
        book.look(UtcMillis(110_000));
        let newest: Vec<i64> = book.taken.iter().map(|then| then.0).collect();
        assert_eq!(newest, [100_003, 100_004, 100_005, 100_006, 100_007, 100_008]);
        // One that was taken meanwhile takes the place of the oldest alone.
        book.take(UtcMillis(4_000_000), 9);
        book.look(UtcMillis(110_000));
        assert_eq!((book.taken.len(), book.taken.back()), (ORDERS_MAX, Some(&UtcMillis(110_000))));
    }

    /// A number that looks random, from a seed (Vigna's splitmix64).
    fn random(state: &mut u64, below: u64) -> i64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % below) as i64
    }

    /// Orders whatever `counted` lets pass: a number is taken at that moment where one is given, and it says how many count then. How many
    /// looks found too many.
    fn street(seed: u64, mut counted: impl FnMut(UtcMillis, Option<u64>) -> usize) -> u32 {
        let mut dice = seed;
        let (mut clock, mut passed, mut quiet_since, mut refused) = (UtcMillis(100_000_000), 0, 0, 0);
        let mut taken: Vec<i64> = Vec::new();
        for number in 0..500 {
            let step = 1_000 + random(&mut dice, 8_000);
            (clock, passed) = (clock + DurationMs(step), passed + step);
            if random(&mut dice, 60) == 0 {
                clock = clock - DurationMs(random(&mut dice, 4_000_000));
                quiet_since = passed;
            }
            if counted(clock, None) >= ORDERS_MAX {
                assert!(passed - quiet_since < ORDERS_WINDOW.0, "seed {seed}: refused for longer");
                refused += 1;
                continue;
            }
            counted(clock, Some(number));
            quiet_since = passed;
            taken.retain(|then| passed - then < ORDERS_WINDOW.0);
            taken.push(passed);
            assert!(taken.len() <= ORDERS_MAX, "seed {seed}: {taken:?}");
        }
        refused
    }

    #[test]
    fn a_clock_that_is_set_back_lets_no_more_pass_and_refuses_for_no_longer() {
        let (mut by_book, mut by_rows) = (0, 0);
        for seed in 0..100 {
            let mut book = Book::default();
            by_book += street(seed, |at, number| {
                book.look(at);
                if let Some(number) = number {
                    book.take(at, number);
                }
                book.taken.iter().filter(|then| at.since(**then) < ORDERS_WINDOW).count()
            });
            let (mut rate, mut rows) = (Rate::default(), Vec::<(u64, UtcMillis)>::new());
            by_rows += street(seed, |at, number| {
                rows.extend(number.map(|number| (number, at)));
                let lately = rows.iter().filter(|(_, then)| *then >= at - ORDERS_WINDOW);
                rate.count(at, &lately.copied().collect::<Vec<_>>()).len()
            });
        }
        assert!(by_book > 1_000 && by_rows > 1_000, "{by_book} {by_rows}");
    }
}
