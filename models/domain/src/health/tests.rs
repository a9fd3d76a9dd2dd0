//! A made street through all that may happen to its camera. Real pictures are tested at the meter, in `hardware/infer`.

use super::*;

/// Chance that is the same at every run.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 11) as f64 / (1u64 << 53) as f64
    }
}

/// Houses, windows, a kerb: what stands at x, y of a picture of [`SIZE`], 0..=1.
fn street(x: i32, y: i32) -> f64 {
    let house = (x.div_euclid(13) * 7 + y.div_euclid(11) * 5).rem_euclid(9) as f64 / 9.0;
    let window = if x.rem_euclid(13) < 4 && y.rem_euclid(11) < 5 { 0.35 } else { 0.0 };
    (0.15 + 0.6 * house + window).min(1.0)
}

#[derive(Clone, Copy)]
struct Look {
    /// Brightness of all.
    gain: f64,
    shift: (i32, i32),
    /// Part of the picture from the left that something covers.
    covered: f64,
    /// Sharpness, 1 is sharp.
    sharp: f64,
    noise: f64,
    /// A lamp in the picture.
    lamp: bool,
    clock: bool,
}

const FINE: Look =
    Look { gain: 1.0, shift: (0, 0), covered: 0.0, sharp: 1.0, noise: 1.5, lamp: true, clock: false };

fn thumb(look: Look, n: i64, chance: &mut Chance) -> Thumb {
    let mut luma = Vec::new();
    for y in 0..SIZE.1 as i32 {
        for x in 0..SIZE.0 as i32 {
            let is_covered = f64::from(x) < look.covered * SIZE.0 as f64;
            let seen = if is_covered { 0.3 } else { street(x + look.shift.0, y + look.shift.1) };
            let mut level = 16.0 + 200.0 * look.gain * seen + look.noise * (2.0 * chance.next() - 1.0);
            // A bus that goes by now and then, and a lamp.
            if n % 11 < 2 && (40..75).contains(&x) && (50..80).contains(&y) {
                level = 16.0 + 180.0 * look.gain;
            }
            if look.lamp && (100..104).contains(&x) && (8..20).contains(&y) {
                level = 230.0;
            }
            if look.clock && x < 20 && y < 6 && (x + n as i32) % 3 == 0 {
                level = 200.0;
            }
            luma.push(level.clamp(0.0, 255.0) as u8);
        }
    }
    let mut thumb = Thumb { luma, cells: Vec::new() };
    let cells = (0..CELLS.0 * CELLS.1).map(|i| {
        let (mut low, mut high) = (255.0_f32, 0.0_f32);
        for p in thumb.cell(i) {
            (low, high) = (low.min(f32::from(p)), high.max(f32::from(p)));
        }
        let coarse = (high - low) / 4.0;
        let fine = coarse * 0.5 * look.sharp as f32;
        Texture { fine, coarse: if look.sharp < 0.3 { coarse * 0.8 } else { coarse } }
    });
    thumb.cells = cells.collect();
    thumb
}

/// Shows looks of (seconds, look), one a second; what was told as "second name phase".
fn told(settings: &str, spans: &[(i64, Look)]) -> Vec<String> {
    let raw: RawSettings = toml::from_str(settings).unwrap();
    let mut health = PictureHealth::new(raw.check().unwrap());
    let (mut chance, mut n, mut told) = (Chance(7), 0, Vec::new());
    for &(seconds, look) in spans {
        for _ in 0..seconds {
            let mut out = Vec::new();
            health.look(UtcMillis(n * 1_000), &thumb(look, n, &mut chance), &mut out);
            told.extend(out.iter().map(|e| format!("{n} {} {}", e.rule, e.phase.name())));
            n += 1;
        }
    }
    told
}

#[track_caller]
fn check(spans: &[(i64, Look)], want: &[&str]) {
    assert_eq!(told("", spans), want);
}

#[test]
fn a_street_by_day_dusk_and_night_is_no_trouble() {
    check(&[(300, FINE)], &[]);
    let dusk: Vec<(i64, Look)> = (0..100)
        .map(|i| (6, Look { gain: 1.0 - 0.0085 * f64::from(i), noise: 1.5 + 0.02 * f64::from(i), ..FINE }))
        .collect();
    check(&dusk, &[]);
    // Exposure that jumps, and back.
    check(
        &[(60, FINE), (30, Look { gain: 0.45, ..FINE }), (30, Look { gain: 1.15, ..FINE }), (60, FINE)],
        &[],
    );
}

#[test]
fn covered_and_uncovered() {
    let most = Look { covered: 0.85, ..FINE };
    check(&[(60, FINE), (60, most), (60, FINE)], &["80 camera_covered begun", "128 camera_covered ended"]);
    // Half of it, or all of it for a moment, is a lorry.
    check(&[(60, FINE), (60, Look { covered: 0.45, ..FINE }), (30, FINE), (10, most), (30, FINE)], &[]);
}

#[test]
fn turned_and_turned_back() {
    let turned = Look { shift: (12, 4), ..FINE };
    check(&[(60, FINE), (60, turned), (60, FINE)], &["80 camera_turned begun", "128 camera_turned ended"]);
    // A mast in the wind.
    let wind: Vec<(i64, Look)> = (0..120).map(|i| (1, Look { shift: (i % 3 - 1, i % 2), ..FINE })).collect();
    check(&wind, &[]);
}

#[test]
fn blurred() {
    let soft = Look { sharp: 0.45, ..FINE };
    check(&[(60, FINE), (60, soft), (60, FINE)], &["80 camera_blurred begun", "128 camera_blurred ended"]);
    check(&[(60, FINE), (60, Look { sharp: 0.8, ..FINE })], &[]);
}

#[test]
fn dark_is_where_no_lamp_is() {
    let night = Look { gain: 0.08, noise: 3.0, ..FINE };
    let none = Look { gain: 0.02, lamp: false, ..FINE };
    let dusk = (0..40).map(|i| (6, Look { gain: 1.0 - 0.023 * f64::from(i), noise: 3.0, ..FINE }));
    let spans: Vec<(i64, Look)> = dusk.chain([(120, night), (100, none)]).collect();
    check(&spans, &["420 camera_dark begun"]);
}

#[test]
fn frozen_but_for_its_clock() {
    let still = Look { noise: 0.0, clock: true, ..FINE };
    // The bus goes by at every eleventh second: only what stands still for a minute has frozen.
    check(&[(120, still)], &[]);
    let mut health = PictureHealth::new(Settings::default());
    let (mut chance, mut told) = (Chance(1), Vec::new());
    for n in 0..200 {
        let (look, moves) = if n < 100 { (FINE, n) } else { (still, 100) };
        let mut seen = thumb(Look { clock: false, ..look }, moves, &mut chance);
        if n >= 100 {
            seen.luma[5] = (n % 10 * 20) as u8;
        }
        let mut out = Vec::new();
        health.look(UtcMillis(n * 1_000), &seen, &mut out);
        told.extend(out.iter().map(|e| format!("{n} {} {}", e.rule, e.phase.name())));
    }
    assert_eq!(told, ["165 camera_frozen begun"]);
}

#[test]
fn switched_off_and_wrong_keys() {
    let most = Look { covered: 0.85, ..FINE };
    assert!(told("off = [\"all\"]", &[(60, FINE), (60, most)]).is_empty());
    assert!(told("off = [\"camera_covered\"]", &[(60, FINE), (60, most)]).is_empty());
    assert_eq!(told("for_ms = 5000", &[(60, FINE), (60, most)]), ["65 camera_covered begun"]);
    let raw: RawSettings = toml::from_str("off = [\"camera_hot\"]\nfor_ms = 5").unwrap();
    assert_eq!(
        raw.check().unwrap_err().join("; "),
        "health: off: \"camera_hot\" is not known; known are all, camera_dark, camera_frozen, camera_covered, \
         camera_turned, camera_blurred; health: for_ms: 5 is not within a second and an hour"
    );
}
