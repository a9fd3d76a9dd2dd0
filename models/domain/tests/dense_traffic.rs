//! Made streets of Hanoi: dense two-wheelers at six pictures a second, close, hiding each other, with boxes that miss,
//! shake and double; also through the gaps that the decode ladder leaves. Identity switches and count errors are measured
//! against what was made and must stay within what is written here. `-- --nocapture` prints them.

#![allow(clippy::print_stdout, reason = "helpers of tests are tests")]

mod street;

use models_domain::UtcMillis;
use street::{Score, Street, run};

/// What may go wrong at most.
struct Limit {
    /// Identity switches per hundred road users.
    switches: f64,
    /// Crossings missed or told too often, per hundred true ones.
    wrong_counts: f64,
}

#[track_caller]
fn check(name: &str, street: &Street, times: impl Fn() -> Vec<UtcMillis>, limit: &Limit) {
    let mut all = Score::default();
    for seed in 1..=6 {
        all.add(&run(street, &times(), seed));
    }
    println!("{name}: {all}");
    assert!(all.movers > 100, "{name}: {all}");
    assert!(all.switches_per_hundred() <= limit.switches, "{name}: {all}");
    assert!(all.wrong_counts_per_hundred() <= limit.wrong_counts, "{name}: {all}");
}

/// Every `step` ms for `seconds`.
fn steady(step: i64, seconds: i64) -> Vec<UtcMillis> {
    (0..seconds * 1000 / step).map(|i| UtcMillis(i * step)).collect()
}

/// Key frames only, one every 2 s, then everything for 8 s, and so on: what the ladder does when a street stirs.
fn ladder(step: i64, seconds: i64) -> Vec<UtcMillis> {
    steady(step, seconds).into_iter().filter(|at| at.0 % 12_000 >= 4_000 || at.0 % 2_000 < step).collect()
}

/// Every tenth picture is lost, and now and then three in a row.
fn lossy(step: i64, seconds: i64) -> Vec<UtcMillis> {
    let lost = |i: usize| i % 10 == 7 || (40..43).contains(&(i % 60));
    steady(step, seconds).into_iter().enumerate().filter(|(i, _)| !lost(*i)).map(|(_, at)| at).collect()
}

#[test]
fn a_calm_street_at_six_pictures_a_second() {
    check("calm 6 fps", &Street::calm(), || steady(167, 40), &Limit { switches: 12.0, wrong_counts: 5.0 });
}

#[test]
fn a_dense_street_at_six_pictures_a_second() {
    check("dense 6 fps", &Street::dense(), || steady(167, 30), &Limit { switches: 48.0, wrong_counts: 16.0 });
}

#[test]
fn a_dense_street_at_twelve_pictures_a_second() {
    check("dense 12 fps", &Street::dense(), || steady(80, 30), &Limit { switches: 45.0, wrong_counts: 11.0 });
}

#[test]
fn a_dense_street_with_lost_pictures() {
    check(
        "dense 6 fps, lossy",
        &Street::dense(),
        || lossy(167, 30),
        &Limit { switches: 50.0, wrong_counts: 23.0 },
    );
}

#[test]
fn a_street_through_the_ladder() {
    check("calm, ladder", &Street::calm(), || ladder(167, 48), &Limit { switches: 24.0, wrong_counts: 9.0 });
}

#[test]
fn a_street_under_a_camera_that_shakes() {
    let shaken = Street { shake: 0.5, ..Street::calm() };
    check("calm, shaken", &shaken, || steady(167, 40), &Limit { switches: 45.0, wrong_counts: 8.0 });
}
