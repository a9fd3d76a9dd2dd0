//! The ladder over streams made of numbers: sizes as encoders make them, a street that sees everything it looks at.

use super::chance::Chance;
use super::*;
use crate::units::DurationMs;

/// A camera and its encoder.
#[derive(Clone, Copy)]
struct Camera {
    fps: i64,
    gop: i64,
    /// Bytes of a quiet delta picture, and how much it varies (relative standard deviation).
    quiet: f64,
    varies: f64,
    /// A passing road user makes a picture so much larger, in bytes at the quiet quantiser.
    motion: f64,
    /// Constant bit rate: bytes stay, the quantiser tells.
    cbr: bool,
    /// Every n-th delta picture is that much larger (P among B).
    pattern: (i64, f64),
    /// Bytes of a clock that ticks every second.
    clock: f64,
}

const DAY: Camera = Camera {
    fps: 10,
    gop: 20,
    quiet: 300.0,
    varies: 0.1,
    motion: 900.0,
    cbr: false,
    pattern: (1, 1.0),
    clock: 0.0,
};

/// Share of the time on each rung, and who crossed: of how many, how many were seen.
#[derive(Debug, Default)]
struct Outcome {
    full: f64,
    keys: f64,
    crossed: usize,
    seen: usize,
    climbs: usize,
}

/// Plays `seconds`; something moves in the spans of `moving` (seconds) and crosses in their middle. `drift`: the quiet
/// size over time.
fn play(
    camera: Camera,
    ladder: &mut Ladder,
    seconds: i64,
    moving: &[(f64, f64)],
    drift: impl Fn(f64) -> f64,
) -> Outcome {
    let mut chance = Chance::new(11);
    let mut out = Outcome { crossed: moving.len(), ..Outcome::default() };
    let mut looked: Vec<i64> = Vec::new();
    let mut was = Rung::Full;
    let (count, step) = (seconds * camera.fps, 1_000 / camera.fps);
    for n in 0..count {
        let at = n * step;
        let t = at as f64 / 1e3;
        let is_moving = |at: i64| moving.iter().any(|(a, b)| (*a..*b).contains(&(at as f64 / 1e3)));
        let mut cost = drift(t) * camera.quiet * (1.0 + camera.varies * (chance.wait(1.0) - 1.0));
        cost += if is_moving(at) { camera.motion } else { 0.0 };
        cost *= if n % camera.pattern.0 == 0 { camera.pattern.1 } else { 1.0 };
        cost += if n % camera.fps == 0 { camera.clock } else { 0.0 };
        let kind = if n % camera.gop == 0 { UnitKind::Key } else { UnitKind::Delta };
        let facts = |bytes: f64, qp| UnitFacts { at: UtcMillis(at), bytes: bytes as u32, kind, qp };
        let unit = match (kind, camera.cbr) {
            (UnitKind::Key, _) => facts(20_000.0, Some(28.0)),
            (UnitKind::Delta, true) => {
                // The bytes are the same always; the quantiser follows the cost.
                let qp = 28.0 + 6.0 * (cost / camera.quiet).log2();
                facts(camera.quiet, Some(qp as f32))
            }
            (UnitKind::Delta, false) => facts(cost, Some(28.0)),
        };
        let rung = ladder.unit(&unit);
        out.climbs += usize::from(rung == Rung::Full && was != Rung::Full);
        let mut look = |at: i64, ladder: &mut Ladder| {
            if looked.last().is_none_or(|last| *last < at) {
                looked.push(at);
                let is_crossing = moving.iter().any(|(a, b)| {
                    let middle = (500.0 * (a + b)) as i64;
                    (middle..middle + step).contains(&at)
                });
                let moving = usize::from(is_moving(at));
                let shown = Shown { tracks: moving, moving, events: usize::from(is_crossing), still: false };
                out.seen += shown.events;
                ladder.shown(UtcMillis(at), &shown);
            }
        };
        match rung {
            Rung::Full => {
                let from = if was == Rung::Full { at } else { (at - LOOK_BACK.0).max(0) / step * step };
                (from..=at).step_by(step as usize).for_each(|at| look(at, ladder));
                out.full += 1.0 / count as f64;
            }
            Rung::KeyFrames => {
                if kind == UnitKind::Key {
                    look(at, ladder);
                }
                out.keys += 1.0 / count as f64;
            }
            Rung::Watch => {}
        }
        was = rung;
    }
    out
}

/// A car every half a minute, in view for six seconds.
fn cars(seconds: i64) -> Vec<(f64, f64)> {
    (1..seconds / 30).map(|n| (n as f64 * 30.0, n as f64 * 30.0 + 6.0)).collect()
}

#[track_caller]
fn check(camera: Camera, full_most: f64, drift: impl Fn(f64) -> f64) {
    let mut ladder = Ladder::new(None, 3);
    let out = play(camera, &mut ladder, 1_800, &cars(1_800), drift);
    assert!(out.seen >= out.crossed * 97 / 100, "{out:?}");
    assert!(out.full <= full_most, "{out:?}");
}

#[test]
fn variable_bit_rate() {
    check(DAY, 0.36, |_| 1.0);
}

#[test]
fn constant_bit_rate_is_told_by_the_quantiser() {
    check(Camera { cbr: true, ..DAY }, 0.36, |_| 1.0);
}

#[test]
fn noise_by_night_hides_little() {
    check(Camera { quiet: 12_000.0, varies: 0.05, motion: 2_500.0, fps: 6, gop: 12, ..DAY }, 0.38, |_| 1.0);
}

#[test]
fn a_clock_that_ticks_is_no_motion() {
    check(Camera { quiet: 30.0, clock: 400.0, fps: 6, gop: 12, ..DAY }, 0.38, |_| 1.0);
}

#[test]
fn pictures_of_a_pattern_and_rare_key_frames() {
    check(Camera { pattern: (4, 5.0), gop: 250, fps: 25, ..DAY }, 0.38, |_| 1.0);
}

#[test]
fn dusk_is_followed() {
    check(DAY, 0.40, |t| 1.0 + t / 300.0);
}

#[test]
fn a_jump_of_the_exposure_is_looked_at_once() {
    check(DAY, 0.40, |t| if t > 600.0 { 3.0 } else { 1.0 });
}

/// A lamp goes on at ten minutes and takes four fifths of the bytes away: what moves then is still less than the noise was before.
#[test]
fn noise_that_goes_away_is_unlearned_before_it_hides_who_comes() {
    let mut ladder = Ladder::new(None, 3);
    let moving = [(620.0, 626.0), (640.0, 646.0)];
    let out = play(DAY, &mut ladder, 700, &moving, |t| if t < 600.0 { 5.0 } else { 1.0 });
    assert_eq!((out.seen, out.crossed), (2, 2), "{out:?}");
}

/// A stream of equal pictures, ten a second and a key frame every two seconds, looked at until the ladder knows its noise, half a minute
/// at most.
fn learned(ladder: &mut Ladder) -> i64 {
    for n in 0..300 {
        let kind = if n % 20 == 0 { UnitKind::Key } else { UnitKind::Delta };
        let at = UtcMillis(n * 100);
        if ladder.unit(&UnitFacts { at, bytes: 300, kind, qp: Some(28.0) }) != Rung::Full {
            return n + 1;
        }
        ladder.shown(at, &Shown::default());
    }
    panic!("{:?}", ladder.why());
}

/// An encoder that puts key frames off while nothing moves: they came every two seconds, then none comes.
#[test]
fn who_is_looked_at_by_key_frames_is_not_left_unseen_while_none_come() {
    let pinned = Some(Rung::KeyFrames);
    let mut ladder = Ladder::with(Settings { pinned, audit_share: 0.0, ..Settings::default() }, 3);
    let next = learned(&mut ladder);
    let key = (next + 19) / 20 * 20;
    let mut unit =
        |n: i64, kind| ladder.unit(&UnitFacts { at: UtcMillis(n * 100), bytes: 300, kind, qp: Some(28.0) });
    for n in next..key {
        unit(n, UnitKind::Delta);
    }
    let mut rungs: Vec<Rung> = vec![unit(key, UnitKind::Key)];
    rungs.extend((1..60).map(|n| unit(key + n, UnitKind::Delta)));
    assert!(rungs[..26].iter().all(|rung| *rung == Rung::KeyFrames), "{rungs:?}");
    assert!(rungs[26..].iter().all(|rung| *rung == Rung::Full), "{rungs:?}");
}

/// While others have its turn no picture is analysed, whatever the ladder asks for.
#[test]
fn audits_that_nobody_could_look_at_say_nothing() {
    let mut ladder = Ladder::with(Settings { audit_share: 0.1, ..Settings::default() }, 9);
    let from = learned(&mut ladder);
    let mut audits = 0;
    for n in from..36_000 {
        let kind = if n % 20 == 0 { UnitKind::Key } else { UnitKind::Delta };
        ladder.unit(&UnitFacts { at: UtcMillis(n * 100), bytes: 300, kind, qp: Some(28.0) });
        audits += usize::from(ladder.why() == Why::Audit);
    }
    assert!(audits > 1_000 && ladder.tally().audited == DurationMs(0), "{audits} {:?}", ladder.tally());
}

#[test]
fn pinned_stays() {
    let mut ladder = Ladder::new(Some(Rung::Full), 3);
    // Long enough for audits, which would call missed what every picture that is analysed shows.
    let out = play(DAY, &mut ladder, 1_800, &cars(1_800), |_| 1.0);
    assert!(out.full > 0.999 && ladder.why() == Why::Pinned && ladder.miss().is_none(), "{out:?}");
    assert_eq!((ladder.tally().watched, ladder.tally().caught), (DurationMs(0), out.crossed as u64));
    let mut ladder = Ladder::new(Some(Rung::KeyFrames), 3);
    let out = play(DAY, &mut ladder, 120, &[], |_| 1.0);
    assert!(out.full + out.keys > 0.999 && out.keys > 0.8, "{out:?}");
    assert_eq!(ladder.why(), Why::Pinned);
}

#[test]
fn an_empty_street_costs_the_audits() {
    let mut ladder = Ladder::new(None, 5);
    let out = play(DAY, &mut ladder, 4 * 3_600, &[], |_| 1.0);
    assert!((0.01..0.10).contains(&out.full), "{out:?}");
    let tally = ladder.tally();
    assert!(tally.found == 0 && tally.audited > DurationMs(100_000), "{tally:?}");
    assert_eq!(ladder.miss(), None, "nobody came by who could have been missed");
}

/// Busy for nine seconds of fourteen from the first picture on: what lies between teaches the floor.
#[test]
fn a_street_that_is_hardly_ever_quiet_is_learned_from_its_gaps() {
    let mut ladder = Ladder::new(None, 5);
    let busy: Vec<(f64, f64)> = (0..20).map(|n| (n as f64 * 14.0, n as f64 * 14.0 + 9.0)).collect();
    let out = play(DAY, &mut ladder, 300, &busy, |_| 1.0);
    assert_eq!((out.seen, out.crossed, ladder.rung()), (20, 20, Rung::Watch), "{out:?}");
}

#[test]
fn a_street_that_is_never_quiet_is_decoded_and_what_moves_in_it_analysed() {
    let mut ladder = Ladder::new(None, 5);
    let out = play(DAY, &mut ladder, 3_600, &[(0.0, 3_600.0)], |_| 1.0);
    assert!(out.full > 0.999, "{out:?}");
    assert_eq!((ladder.why(), ladder.care()), (Why::Followed, Care::Moving));
}

/// A stream that never shows what moves: only the audits can know, and they do.
#[test]
fn what_cannot_be_seen_in_the_stream_is_estimated_by_the_audits() {
    let settings = Settings { audit_share: 0.1, ..Settings::default() };
    let mut ladder = Ladder::with(settings, 9);
    let blind = Camera { motion: 0.0, ..DAY };
    let seconds = 4 * 3_600;
    let out = play(blind, &mut ladder, seconds, &cars(seconds), |_| 1.0);
    let truth = (out.crossed - out.seen) as f64 / out.crossed as f64;
    let miss = ladder.miss().unwrap();
    assert!(truth > 0.3 && miss.low <= truth && truth <= miss.high, "{truth} {miss:?} {out:?}");
}

#[test]
fn a_stream_that_breaks_and_a_clock_that_is_set_do_no_harm() {
    let mut ladder = Ladder::new(None, 5);
    play(DAY, &mut ladder, 120, &[], |_| 1.0);
    assert_eq!(ladder.rung(), Rung::Watch);
    for at in [i64::MAX, i64::MIN, 0, 1_700_000_000_000] {
        let unit =
            UnitFacts { at: UtcMillis(at), bytes: u32::MAX, kind: UnitKind::Delta, qp: Some(f32::NAN) };
        ladder.unit(&unit);
        ladder.shown(UtcMillis(at), &Shown { tracks: 1, moving: 1, events: 1, still: false });
    }
    play(DAY, &mut ladder, 240, &[], |_| 1.0);
    assert_eq!(ladder.rung(), Rung::Watch, "{:?}", ladder.why());
}
