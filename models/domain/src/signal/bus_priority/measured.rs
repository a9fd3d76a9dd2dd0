//! What green for a bus gave it and cost others, from what the lamps showed before, meanwhile and after: against the cycles before.

use serde::{Deserialize, Serialize};

use crate::signal::corridor::{Shown, Window};
use crate::units::{DurationMs, UtcMillis};

/// What was shown is looked at from so long before a bus asked, and until so long after its order ended.
pub const BEFORE: DurationMs = DurationMs(15 * 60_000);
pub const AFTER: DurationMs = DurationMs(180_000);
/// Of fewer cycles nothing is concluded.
const CYCLES_MIN: usize = 3;
/// Cycles that differ by more from their middle one, as a share of it, are no plan to compare with.
const SPREAD: f64 = 0.15;
/// Less than this is within what a controller does by itself.
const NOTHING: DurationMs = DurationMs(1_000);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Gain {
    /// Green lasted longer than usual.
    Extended,
    /// It came sooner than its turn.
    Early,
    /// The bus would have had it all the same.
    None,
    /// What was shown is not known, or follows no plan.
    Unknown,
}

impl Gain {
    /// Short stable name for tables and the wire.
    pub fn name(self) -> &'static str {
        match self {
            Gain::Extended => "extended",
            Gain::Early => "early",
            Gain::None => "none",
            Gain::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    pub gain: Gain,
    pub gained: DurationMs,
    /// Of the groups that were kept at red longest beyond their usual: how long, and what is usual.
    pub red: DurationMs,
    pub usual: DurationMs,
    pub group: Option<u8>,
}

/// `own`: what the bus's group showed; `others`: what each that conflicts with it did, all over the same time, which begins [`BEFORE`] the
/// bus asked. Its order stood from `asked` to `ended`.
pub fn measure(own: &Shown, others: &[(u8, Shown)], (asked, ended): (UtcMillis, UtcMillis)) -> Measured {
    let unknown = |shown: &Shown| shown.unknown.iter().any(|window| window.to > asked && window.from < ended);
    let (gain, gained) = if unknown(own) { (Gain::Unknown, DurationMs(0)) } else { gain(own, asked, ended) };
    let mut worst: Option<(DurationMs, DurationMs, u8)> = None;
    for (group, shown) in others.iter().filter(|(_, shown)| !unknown(shown)) {
        let Some((red, usual)) = red(shown, asked, ended) else { continue };
        if worst.is_none_or(|(most, least, _)| red - usual > most - least) {
            worst = Some((red, usual, *group));
        }
    }
    let (red, usual, group) = worst.map_or((DurationMs(0), DurationMs(0), None), |(r, u, g)| (r, u, Some(g)));
    Measured { gain, gained, red, usual, group }
}

fn gain(own: &Shown, asked: UtcMillis, ended: UtcMillis) -> (Gain, DurationMs) {
    let unknown = (Gain::Unknown, DurationMs(0));
    let whole: Vec<Window> = whole(own).into_iter().filter(|green| green.to <= asked).collect();
    let begins = own.greens.iter().map(|green| green.from).filter(|from| *from <= asked).collect::<Vec<_>>();
    let cycles = begins.windows(2).map(|pair| pair[1].since(pair[0])).collect();
    let lengths = whole.iter().map(|green| green.length()).collect();
    let (Some(cycle), Some(length)) = (usual(cycles), usual(lengths)) else { return unknown };
    let Some(last) = begins.last() else { return unknown };
    let Some(green) = own.greens.iter().find(|green| green.to > asked && green.from < ended) else {
        return (Gain::None, DurationMs(0));
    };
    let longer = green.length() - length;
    if green.from <= asked {
        return if longer > NOTHING { (Gain::Extended, longer) } else { (Gain::None, DurationMs(0)) };
    }
    // Its turns go on as before.
    let turns = (asked.since(*last).0 + cycle.0 - 1).max(1) / cycle.0;
    let due = *last + DurationMs(turns.max(1) * cycle.0);
    let sooner = due.since(green.from);
    if sooner > NOTHING {
        (Gain::Early, sooner)
    } else if longer > NOTHING {
        (Gain::Extended, longer)
    } else {
        (Gain::None, DurationMs(0))
    }
}

/// The longest red that the order fell into, and the usual one.
fn red(shown: &Shown, asked: UtcMillis, ended: UtcMillis) -> Option<(DurationMs, DurationMs)> {
    let reds = |windows: &[Window]| -> Vec<Window> {
        let between = |pair: &[Window]| Window { from: pair[0].to, to: pair[1].from };
        windows.windows(2).map(between).collect()
    };
    let reds = reds(&shown.greens);
    let before = reds.iter().filter(|red| red.to <= asked).map(|red| red.length()).collect();
    let fell = reds.iter().filter(|red| red.to > asked && red.from < ended).map(|red| red.length()).max();
    Some((fell?, usual(before)?))
}

/// Greens of which both ends were seen.
fn whole(own: &Shown) -> Vec<Window> {
    let touches =
        |green: &Window| own.unknown.iter().any(|window| window.to == green.from || window.from == green.to);
    own.greens.iter().skip(1).copied().filter(|green| !touches(green)).collect()
}

/// The middle one, where they are enough and alike.
fn usual(mut lengths: Vec<DurationMs>) -> Option<DurationMs> {
    if lengths.len() < CYCLES_MIN {
        return None;
    }
    lengths.sort();
    let middle = lengths[lengths.len() / 2];
    let near =
        |length: &&DurationMs| (length.0 - middle.0).abs() as f64 <= SPREAD * middle.0 as f64 + 2_000.0;
    // One of four may be out of the way: another bus, a person's order.
    (lengths.iter().filter(near).count() * 4 >= lengths.len() * 3).then_some(middle)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Greens in seconds, `from..to`.
    fn shown(greens: &[(i64, i64)]) -> Shown {
        let window =
            |(from, to): &(i64, i64)| Window { from: UtcMillis(from * 1_000), to: UtcMillis(to * 1_000) };
        Shown { greens: greens.iter().map(window).collect(), unknown: Vec::new() }
    }

    /// Cycles of 60 s before: own green for 20 s from second 0 of each on, the other's for 30 s from 25.
    #[track_caller]
    fn check(
        own: &[(i64, i64)],
        other: &[(i64, i64)],
        (asked, ended): (i64, i64),
        want: (Gain, i64, i64, i64),
    ) {
        let cycles = |from: i64, length: i64| (0..5).map(move |n| (n * 60 + from, n * 60 + from + length));
        let own: Vec<_> = cycles(0, 20).chain(own.iter().copied()).collect();
        let other: Vec<_> = cycles(25, 30).chain(other.iter().copied()).collect();
        let at = |s: i64| UtcMillis(s * 1_000);
        let got = measure(&shown(&own), &[(3, shown(&other))], (at(asked), at(ended)));
        let seconds = |length: DurationMs| length.0 / 1_000;
        assert_eq!((got.gain, seconds(got.gained), seconds(got.red), seconds(got.usual)), want);
    }

    #[test]
    fn green_that_lasts_longer_or_comes_sooner() {
        // It was green, and stayed so for 12 s more; the other waited for 42 s instead of 30.
        check(&[(300, 332)], &[(337, 355), (385, 415)], (315, 332), (Gain::Extended, 12, 42, 30));
        // Asked at 330: its turn would have been at 360, it came at 340; the other's green was cut, and its red was no longer.
        check(&[(300, 320), (340, 362)], &[(325, 335), (365, 395)], (330, 362), (Gain::Early, 20, 30, 30));
        // It came when it always does, and for as long.
        check(&[(300, 320), (360, 380)], &[(325, 355), (385, 415)], (355, 375), (Gain::None, 0, 30, 30));
        // No green came while it stood.
        check(&[(300, 320), (360, 380)], &[(325, 355), (385, 415)], (322, 340), (Gain::None, 0, 30, 30));
    }

    #[test]
    fn what_cannot_be_known_is_not_told() {
        let at = |s: i64| UtcMillis(s * 1_000);
        let few = shown(&[(0, 20), (60, 80), (120, 150)]);
        let none = Measured {
            gain: Gain::Unknown,
            gained: DurationMs(0),
            red: DurationMs(0),
            usual: DurationMs(0),
            group: None,
        };
        assert_eq!(measure(&few, &[], (at(130), at(150))), none);
        // Greens of all lengths: nobody knows what would have been.
        let any = shown(&[(0, 10), (60, 90), (100, 160), (200, 210), (300, 380), (400, 450)]);
        assert_eq!(measure(&any, &[], (at(410), at(450))).gain, Gain::Unknown);
        let mut dark = shown(&[(0, 20), (60, 80), (120, 140), (180, 200), (240, 260), (300, 340)]);
        assert_eq!(measure(&dark, &[], (at(310), at(340))).gain, Gain::Extended);
        dark.unknown.push(Window { from: at(312), to: at(315) });
        assert_eq!(measure(&dark, &[], (at(310), at(340))), none);
    }
}
