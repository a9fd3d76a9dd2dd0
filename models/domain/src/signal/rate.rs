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
        for then in self.taken.iter_mut().chain(&mut self.stops) {
            *then = at.min(*then);
        }
    }
}

/// An order that was sent, as it is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sent {
    pub number: u64,
    pub at: UtcMillis,
    /// It was for flash, dark or all red.
    pub stops_service: bool,
}

/// Of one junction, where the moments at which orders were sent are written down as the clock had them.
#[derive(Debug, Clone, Default)]
pub struct Rate {
    /// Orders that lay ahead of the clock, and since when they count.
    found_by_number: BTreeMap<u64, UtcMillis>,
}

impl Rate {
    /// A book of those that count within [`ORDERS_WINDOW`], oldest first, each by when it counts from. `sent`: what was sent since that long
    /// ago, and what lies ahead of `at` too.
    pub fn count(&mut self, at: UtcMillis, sent: &[Sent]) -> Book {
        let found_by_number = std::mem::take(&mut self.found_by_number);
        let mut counted = Vec::new();
        for Sent { number, at: then, stops_service } in sent {
            let found = found_by_number.get(number).or((*then > at).then_some(&at));
            if let Some(found) = found {
                self.found_by_number.insert(*number, at.min(*found));
            }
            counted.push((at.min(*found.unwrap_or(then)), *stops_service));
        }
        counted.retain(|(then, _)| at.since(*then) < ORDERS_WINDOW);
        counted.sort_unstable();
        let taken = counted.iter().map(|(then, _)| *then).collect();
        let stops = counted.iter().filter(|(_, stops)| *stops).map(|(then, _)| *then).collect();
        Book { taken, stops, ..Book::default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signal::GroupSet;
    use crate::signal::order::{ORDERS_MAX, Order, STOPS_MAX, Seen, Wanted};
    use crate::signal::plan::{Layout, Limits};
    use crate::signal::safety::{Known, Refusal, check_order};
    use crate::units::DurationMs;

    #[test]
    fn what_lies_ahead_counts_from_when_it_was_found_and_once() {
        let mut rate = Rate::default();
        let mut check = |at: i64, sent: &[(u64, i64)], want: &[i64]| {
            let one = |(number, then): &(u64, i64)| {
                let stops_service = number.is_multiple_of(2);
                Sent { number: *number, at: UtcMillis(*then), stops_service }
            };
            let book = rate.count(UtcMillis(at), &sent.iter().map(one).collect::<Vec<_>>());
            let counted: Vec<i64> = book.taken.iter().map(|then| then.0).collect();
            assert_eq!(counted, want, "at {at}");
            // By the same moments; all that count were sent within the last minute.
            let stops = sent.iter().filter(|(number, _)| number.is_multiple_of(2)).count();
            assert!(book.stops.len() <= stops && book.stops.iter().all(|then| book.taken.contains(then)));
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
            book.take(UtcMillis(100_000 + number.cast_signed()), number, &Wanted::OwnPlan, &GroupSet::EMPTY);
        }
        book.look(UtcMillis(4_000_000));
        book.look(UtcMillis(110_000));
        let newest: Vec<i64> = book.taken.iter().map(|then| then.0).collect();
        assert_eq!(newest, [100_003, 100_004, 100_005, 100_006, 100_007, 100_008]);
        // One that was taken meanwhile takes the place of the oldest alone.
        book.take(UtcMillis(4_000_000), 9, &Wanted::Flash, &GroupSet::EMPTY);
        book.look(UtcMillis(110_000));
        assert_eq!((book.taken.len(), book.taken.back()), (ORDERS_MAX, Some(&UtcMillis(110_000))));
        assert_eq!(book.stops, [UtcMillis(110_000)]);
    }

    /// A number that looks random, from a seed (Vigna's splitmix64).
    fn random(state: &mut u64, below: u64) -> i64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) % below) as i64
    }

    /// Whether safety says that it is too much.
    fn too_many(book: &Book, at: UtcMillis, wanted: &Wanted) -> bool {
        let layout = Layout::new(Vec::new(), Limits::default());
        let expires_at = at + DurationMs(1_000);
        let (wanted, patience) = (wanted.clone(), DurationMs(0));
        let order = Order { number: u64::MAX, wanted, made_at: at, expires_at, patience };
        let known = Known { layout: &layout, plans: &[1], seen: &Seen::default(), book };
        check_order(known, at, &order).iter().any(|one| matches!(one, Refusal::TooManyChanges { .. }))
    }

    /// Orders whatever `many` lets pass, which takes it at that moment where a number is given, and says whether it would be too much. How
    /// many looks found too many plans, and too many that stop service.
    fn street(seed: u64, mut many: impl FnMut(UtcMillis, &Wanted, Option<u64>) -> bool) -> [u32; 2] {
        let mut dice = seed;
        let (mut clock, mut passed, mut quiet_since, mut refused) =
            (UtcMillis(100_000_000), 0, [0; 2], [0; 2]);
        let mut taken: Vec<(i64, bool)> = Vec::new();
        for number in 0..500 {
            let step = 1_000 + random(&mut dice, 8_000);
            (clock, passed) = (clock + DurationMs(step), passed + step);
            if random(&mut dice, 60) == 0 {
                clock = clock - DurationMs(random(&mut dice, 4_000_000));
                quiet_since = [passed; 2];
            }
            let stops = random(&mut dice, 3) == 0;
            let (wanted, kind) = if stops { (Wanted::Flash, 1) } else { (Wanted::Plan(1), 0) };
            if many(clock, &wanted, None) {
                assert!(passed - quiet_since[kind] < ORDERS_WINDOW.0, "seed {seed}: refused for longer");
                refused[kind] += 1;
                continue;
            }
            many(clock, &wanted, Some(number));
            taken.retain(|(then, _)| passed - then < ORDERS_WINDOW.0);
            taken.push((passed, stops));
            quiet_since[0] = passed;
            if stops {
                // Plans keep nobody from it: its own bound is all that counts.
                quiet_since[1] = passed;
                let all = taken.iter().filter(|(_, stops)| *stops).count();
                assert!(all <= STOPS_MAX, "seed {seed}: {taken:?}");
            } else {
                assert!(taken.len() <= ORDERS_MAX, "seed {seed}: {taken:?}");
            }
            assert!(taken.len() <= ORDERS_MAX + STOPS_MAX, "seed {seed}: {taken:?}");
        }
        refused
    }

    #[test]
    fn a_clock_that_is_set_back_lets_no_more_pass_and_refuses_for_no_longer() {
        let (mut by_book, mut by_rows) = ([0; 2], [0; 2]);
        let add =
            |all: &mut [u32; 2], some: [u32; 2]| all.iter_mut().zip(some).for_each(|(all, n)| *all += n);
        for seed in 0..100 {
            let mut book = Book::default();
            let refused = street(seed, |at, wanted, number| {
                book.look(at);
                if let Some(number) = number {
                    book.take(at, number, wanted, &GroupSet::EMPTY);
                }
                too_many(&book, at, wanted)
            });
            add(&mut by_book, refused);
            let (mut rate, mut rows) = (Rate::default(), Vec::<Sent>::new());
            let refused = street(seed, |at, wanted, number| {
                let stops_service = wanted.stops_service();
                rows.extend(number.map(|number| Sent { number, at, stops_service }));
                let lately = rows.iter().filter(|sent| sent.at >= at - ORDERS_WINDOW);
                too_many(&rate.count(at, &lately.copied().collect::<Vec<_>>()), at, wanted)
            });
            add(&mut by_rows, refused);
        }
        println!("50,000 looks each; plans and modes refused: {by_book:?} by books, {by_rows:?} by rows");
        assert!(
            [by_book, by_rows].iter().flatten().all(|refused| *refused > 1_000),
            "{by_book:?} {by_rows:?}"
        );
    }

    /// The clock runs on; what is ordered by machine comes every two seconds, and two people want flash now and then.
    #[test]
    fn what_is_ordered_by_machine_keeps_nobody_from_flash() {
        let (mut dice, mut book, mut flashes, mut kept_out) = (7, Book::default(), Vec::<i64>::new(), 0);
        for number in 0..20_000_u64 {
            let at = UtcMillis(number.cast_signed() * 2_000);
            if !too_many(&book, at, &Wanted::Plan(1)) {
                book.take(at, number, &Wanted::Plan(1), &GroupSet::EMPTY);
            }
            if random(&mut dice, 10) != 0 {
                continue;
            }
            let lately = flashes.iter().filter(|then| at.0 - **then < ORDERS_WINDOW.0).count();
            let refused = too_many(&book, at, &Wanted::Flash);
            assert_eq!(refused, lately >= STOPS_MAX, "at {at:?}, after {lately}");
            kept_out += u64::from(refused);
            if !refused {
                book.take(at, number, &Wanted::Flash, &GroupSet::EMPTY);
                flashes.push(at.0);
            }
        }
        assert!(flashes.len() > 1_000 && kept_out > 50, "{} flashes, {kept_out} kept out", flashes.len());
    }
}
