//! Red-light running: a passage over a stop line joined with what the signal group showed, and with the errors of both
//! clocks. It is a violation only when no clock error can explain it.

use super::Aspect;
use crate::units::{DurationMs, Meters, UtcMillis};

/// What one signal group showed, by the controller's clock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    /// In order; each lasts until the next.
    changes: Vec<(UtcMillis, Aspect)>,
    /// Nothing is known from here on.
    until: UtcMillis,
}

/// How far each clock may be off, as its synchronisation tells. The controller's includes how late it notices a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClockErrors {
    pub camera: DurationMs,
    pub controller: DurationMs,
}

/// One road user over one stop line, by the camera's clock. The three moments are those of the evidence's pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Passage {
    /// The last moment seen before the line.
    pub before: UtcMillis,
    pub at: UtcMillis,
    /// The first moment seen so far beyond the line that it has gone through.
    pub after: UtcMillis,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Red throughout, whatever the clocks' errors; for at least so long when it crossed.
    Violation { red_for: DurationMs },
    /// Something else than red can have been shown.
    Allowed,
    /// The trace does not say what was shown, or says that nobody knows.
    Undecided,
}

impl Trace {
    /// `changes` in any order.
    pub fn new(mut changes: Vec<(UtcMillis, Aspect)>, until: UtcMillis) -> Self {
        changes.sort_by_key(|(at, _)| *at);
        Self { changes, until }
    }

    /// Everything shown from `from` to `to`, each with its beginning; `None` when part of it is not known.
    pub fn within(&self, from: UtcMillis, to: UtcMillis) -> Option<&[(UtcMillis, Aspect)]> {
        let first = self.changes.partition_point(|(at, _)| *at <= from).checked_sub(1)?;
        let last = self.changes.partition_point(|(at, _)| *at <= to);
        (to < self.until).then(|| &self.changes[first..last])
    }
}

impl Passage {
    /// `way`: when the foremost point was how far beyond the line (before it is negative), in order of time. Whoever
    /// stops within `through` beyond the line has not gone through.
    pub fn of(way: &[(UtcMillis, Meters)], through: Meters) -> Option<Self> {
        let crossing = way.windows(2).find(|pair| pair[0].1.0 < 0.0 && pair[1].1.0 >= 0.0)?;
        let [(before, behind), (next, beyond)] = crossing else { return None };
        let share = -behind.0 / (beyond.0 - behind.0);
        let at = *before + DurationMs((next.since(*before).0 as f64 * share).round() as i64);
        let after = way.iter().find(|(at, beyond)| at >= next && beyond.0 >= through.0)?.0;
        Some(Self { before: *before, at, after })
    }
}

impl ClockErrors {
    fn sum(self) -> DurationMs {
        DurationMs(self.camera.0.abs().saturating_add(self.controller.0.abs()))
    }
}

pub fn judge(trace: &Trace, passage: &Passage, errors: ClockErrors) -> Verdict {
    let error = errors.sum();
    let (from, to) = (passage.at - error, passage.at + error);
    let Some(shown) = trace.within(from, to) else { return Verdict::Undecided };
    if shown.iter().any(|(_, aspect)| *aspect == Aspect::Unknown) {
        return Verdict::Undecided;
    }
    if !shown.iter().all(|(_, aspect)| aspect.forbids_crossing()) {
        return Verdict::Allowed;
    }
    let began = shown.first().map_or(from, |(began, _)| *began);
    Verdict::Violation { red_for: from.since(began) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `G0 Y20000 R23000`: changes with their millisecond; known for two minutes.
    fn trace(text: &str) -> Trace {
        let change = |word: &str| {
            let aspect = match &word[..1] {
                "G" => Aspect::Green,
                "Y" => Aspect::Yellow,
                "R" => Aspect::Red,
                _ => Aspect::Unknown,
            };
            (UtcMillis(word[1..].parse().unwrap()), aspect)
        };
        Trace::new(text.split(' ').map(change).collect(), UtcMillis(120_000))
    }

    #[track_caller]
    fn check(text: &str, at: i64, errors: (i64, i64), want: Verdict) {
        let at = UtcMillis(at);
        let passage = Passage { before: at, at, after: at };
        let errors = ClockErrors { camera: DurationMs(errors.0), controller: DurationMs(errors.1) };
        assert_eq!(judge(&trace(text), &passage, errors), want);
    }

    #[test]
    fn only_what_no_error_explains() {
        let red = |ms| Verdict::Violation { red_for: DurationMs(ms) };
        let cycle = "G0 Y20000 R23000 G60000";
        check(cycle, 22_999, (0, 0), Verdict::Allowed);
        check(cycle, 23_000, (0, 0), red(0));
        check(cycle, 23_299, (200, 100), Verdict::Allowed);
        check(cycle, 23_300, (200, 100), red(0));
        check(cycle, 40_000, (200, 100), red(16_700));
        check(cycle, 59_699, (200, 100), red(36_399));
        check(cycle, 59_700, (200, 100), Verdict::Allowed);
        check(cycle, 119_800, (200, 100), Verdict::Undecided);
        check(cycle, 119_700, (200, 99), Verdict::Allowed);
        check("G1000 R2000", 1_100, (200, 0), Verdict::Undecided);
        check("R0 U30000 R40000", 29_900, (200, 0), Verdict::Undecided);
        check("R0 U30000 R40000", 29_700, (200, 0), red(29_500));
        // A controller that reports red twice has shown it throughout.
        check("G0 R10000 R20000", 20_000, (100, 0), red(9_900));
    }

    #[test]
    fn a_passage_needs_both_sides_of_the_line() {
        let way = |steps: &[(i64, f64)]| -> Vec<(UtcMillis, Meters)> {
            steps.iter().map(|(at, beyond)| (UtcMillis(*at), Meters(*beyond))).collect()
        };
        let through = way(&[(0, -6.0), (100, -2.0), (200, 2.0), (300, 6.0), (400, 10.0)]);
        let passage = Passage { before: UtcMillis(100), at: UtcMillis(150), after: UtcMillis(300) };
        assert_eq!(Passage::of(&through, Meters(5.0)), Some(passage));
        // Stopped with the wheels over the line.
        assert_eq!(Passage::of(&way(&[(0, -2.0), (100, 1.0), (200, 1.5), (900, 1.5)]), Meters(5.0)), None);
        // Came into sight beyond it; never reached it; nothing seen.
        assert_eq!(Passage::of(&way(&[(0, 1.0), (100, 9.0)]), Meters(5.0)), None);
        assert_eq!(Passage::of(&way(&[(0, -9.0), (100, -1.0)]), Meters(5.0)), None);
        assert_eq!(Passage::of(&[], Meters(5.0)), None);
    }

    /// A number from 0 to 1 that looks random (Vigna's splitmix64).
    fn chance(state: &mut u64) -> f64 {
        *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = *state;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Precision and recall over passages around the end of a green, with clocks that are off by up to `real_ms` each and
    /// are believed to be off by up to `said_ms`. Violations come as they do in streets: half of them within a second of red.
    fn score(real_ms: i64, said_ms: i64) -> (f64, f64) {
        let mut state = 7 + real_ms as u64;
        let (mut hits, mut false_alarms, mut missed) = (0.0, 0.0, 0.0);
        for _ in 0..20_000 {
            let off = |state: &mut u64| ((chance(state) * 2.0 - 1.0) * real_ms as f64) as i64;
            let truth = trace("G0 Y20000 R23000 G60000");
            let into_red_ms = if chance(&mut state) < 0.5 {
                -3_000.0 * chance(&mut state)
            } else {
                -(1.0 - chance(&mut state)).ln() * 1_440.0
            };
            let at = 23_000 + into_red_ms as i64;
            let violates = truth.within(UtcMillis(at), UtcMillis(at)).unwrap()[0].1.forbids_crossing();
            let (camera, controller) = (off(&mut state), off(&mut state));
            let shifted =
                truth.changes.iter().map(|(at, aspect)| (*at + DurationMs(controller), *aspect)).collect();
            let seen = UtcMillis(at + camera);
            let passage = Passage { before: seen, at: seen, after: seen };
            let errors = ClockErrors { camera: DurationMs(said_ms), controller: DurationMs(said_ms) };
            let told = judge(&Trace::new(shifted, UtcMillis(120_000)), &passage, errors);
            match (violates, matches!(told, Verdict::Violation { .. })) {
                (true, true) => hits += 1.0,
                (false, true) => false_alarms += 1.0,
                (true, false) => missed += 1.0,
                (false, false) => {}
            }
        }
        (hits / (hits + false_alarms), hits / (hits + missed))
    }

    #[test]
    fn precision_and_recall_over_clock_errors() {
        for (error_ms, recall_min) in
            [(0, 1.0), (50, 0.92), (100, 0.85), (200, 0.73), (300, 0.62), (500, 0.46)]
        {
            let (precision, recall) = score(error_ms, error_ms);
            println!("clocks off by up to ±{error_ms} ms each: precision {precision:.4}, recall {recall:.3}");
            assert!(
                (precision - 1.0).abs() < 1e-12,
                "nobody is accused wrongly at ±{error_ms} ms: {precision}"
            );
            assert!(recall >= recall_min, "±{error_ms} ms: {recall}");
        }
        let (precision, _) = score(500, 0);
        println!("the same ±500 ms, believed to be 0: precision {precision:.4}");
        assert!(precision < 0.95, "errors that are not told cost precision: {precision}");
    }
}
