//! Tests of corridors: greens out of changes, waves by hand, advice that never makes it worse.

use super::*;

fn window(from_s: i64, to_s: i64) -> Window {
    Window { from: UtcMillis(from_s * 1_000), to: UtcMillis(to_s * 1_000) }
}

/// `30+20/90x6 ?100-150`: from second 30 a green of 20 s every 90 s, six times; from 100 to 150 nobody knows.
fn shown(text: &str) -> Shown {
    let mut shown = Shown::default();
    let number = |text: &str| text.parse::<i64>().unwrap();
    for word in text.split(' ') {
        if let Some((from, to)) = word.strip_prefix('?').and_then(|word| word.split_once('-')) {
            shown.unknown.push(window(number(from), number(to)));
            continue;
        }
        let (begins, rest) = word.split_once('+').unwrap();
        let (lasts, rest) = rest.split_once('/').unwrap();
        let (every, times) = rest.split_once('x').unwrap();
        for n in 0..number(times) {
            let from = number(begins) + n * number(every);
            shown.greens.push(window(from, from + number(lasts)));
        }
    }
    shown
}

/// Junctions j0, j1, … at so many metres; 10 m/s.
fn corridor(at_m: &[f64]) -> Corridor {
    let place = |(i, at): (usize, &f64)| Place {
        junction: format!("j{i}").parse().unwrap(),
        at: Meters(*at),
        out: 0,
        back: 0,
    };
    Corridor {
        id: "c".into(),
        name: "C".into(),
        speed: MetersPerSecond(10.0),
        places: at_m.iter().enumerate().map(place).collect(),
    }
}

#[track_caller]
fn check(at_m: &[f64], texts: &[&str], want: &str) {
    let corridor = corridor(at_m);
    let all: Vec<Shown> = texts.iter().map(|text| shown(text)).collect();
    let got: Vec<String> = [Way::Out, Way::Back]
        .map(|way| {
            let wave = wave(&corridor.crossings(way, all.clone()), corridor.speed);
            format!(
                "band {:.1} share {:.2} stops {:.2} waits {:.2} of {}",
                wave.band_s, wave.share, wave.stops, wave.waits_s, wave.departures
            )
        })
        .into();
    assert_eq!(got.join("; "), want);
}

#[test]
fn greens_are_what_lets_drive_and_what_nobody_knows_is_kept_apart() {
    use Aspect as A;
    let changes = [
        (5, A::Green),
        (20, A::FlashingGreen),
        (25, A::Yellow),
        (28, A::Red),
        (40, A::Dark),
        (50, A::Unknown),
        (60, A::Red),
        (70, A::Green),
    ];
    let changes = changes.map(|(s, aspect)| (UtcMillis(s * 1_000), aspect));
    let got = Shown::of(&changes, window(0, 80));
    assert_eq!(got.greens, [window(5, 25), window(70, 80)]);
    assert_eq!(got.unknown, [window(0, 5), window(40, 60)]);
    let got = Shown::of(&changes, window(10, 22));
    assert_eq!((got.greens, got.unknown), (vec![window(10, 22)], vec![]));
    let got = Shown::of(&[], window(0, 9));
    assert_eq!((got.greens, got.unknown), (vec![], vec![window(0, 9)]));
}

#[test]
fn a_green_that_comes_with_the_traffic_stops_nobody() {
    // 500 m are 50 s: out everybody passes. Back, who leaves from 50 to 69 comes from 100 to 119 and passes, the others
    // stand until 180; what comes later than the last green is not known.
    check(
        &[0.0, 500.0],
        &["0+30/90x3", "50+30/90x3"],
        "band 30.0 share 1.00 stops 0.00 waits 0.00 of 90; band 20.0 share 0.80 stops 0.20 waits 11.10 of 50",
    );
    // 20 s too late: those of the first 20 s stand for 20 to 1 s.
    check(
        &[0.0, 500.0],
        &["0+30/90x3", "70+30/90x3"],
        "band 10.0 share 0.33 stops 0.67 waits 7.00 of 90; band 0.0 share 0.00 stops 1.00 waits 45.50 of 30",
    );
}

#[test]
fn what_is_not_known_counts_for_nothing() {
    // The second green of j1 is not known: out, the middle departures are left out.
    check(
        &[0.0, 500.0],
        &["0+30/90x3", "50+30/90x1 230+30/90x1 ?120-200"],
        "band 30.0 share 1.00 stops 0.00 waits 0.00 of 60; band 20.0 share 0.67 stops 0.33 waits 18.50 of 30",
    );
}

#[track_caller]
fn advice(at_m: &[f64], out: &[&str], back: &[&str], want: &str) {
    let corridor = corridor(at_m);
    let [out, back] = [out, back].map(|texts| texts.iter().map(|text| shown(text)).collect::<Vec<_>>());
    let got = match advise(&corridor, &out, &back) {
        Err(why) => why.to_string(),
        Ok(Advice { cycle, shifts, now, then }) => {
            let waves =
                |waves: [Wave; 2]| waves.map(|w| format!("{:.1} s {:.2}", w.waits_s, w.stops)).join(", ");
            let shifts: Vec<i64> = shifts.iter().map(|shift| shift.0 / 1_000).collect();
            format!("cycle {} shifts {shifts:?} now {} then {}", cycle.0 / 1_000, waves(now), waves(then))
        }
    };
    assert_eq!(got, want);
}

#[test]
fn half_a_cycle_away_half_a_cycle_later_serves_both_ways() {
    // 450 m are 45 s, half of 90.
    let same = ["0+40/90x8", "0+40/90x8"];
    advice(
        &[0.0, 450.0],
        &same,
        &same,
        "cycle 90 shifts [0, -45] now 25.5 s 1.00, 25.5 s 1.00 then 0.0 s 0.00, 0.0 s 0.00",
    );
}

#[test]
fn what_cannot_be_advised_says_why() {
    let at = [0.0, 450.0];
    advice(
        &at,
        &["0+40/90x8", "0+40/80x8"],
        &["0+40/90x8", "0+40/80x8"],
        "junctions j0 and j1 have cycles of 90 and 80 s: greens cannot follow one another",
    );
    advice(
        &at,
        &["0+40/90x8", "0+40/90x3"],
        &["0+40/90x8", "0+40/90x8"],
        "junction j1: fewer than 4 greens on both ways are known whole",
    );
    advice(
        &at,
        &["0+40/90x8", "0+40/90x2 200+30/110x3 500+9/50x4"],
        &["0+40/90x8", "0+40/90x8"],
        "junction j1: its cycle changes, from 50 to 110 s",
    );
}

/// Whatever the junctions: never worse than now, the first one stays, and shifts are within half a cycle.
#[test]
fn advice_never_makes_it_worse() {
    let mut seed = 7_u64;
    let mut next = |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        i64::try_from((seed >> 33) % below).unwrap()
    };
    let mut better = 0;
    for _ in 0..40 {
        let cycle = 50 + next(60);
        let mut at_m = vec![0.0];
        for _ in 0..2 + next(3) {
            at_m.push(at_m[at_m.len() - 1] + 100.0 + next(500) as f64);
        }
        let corridor = corridor(&at_m);
        let mut shown = || -> Vec<Shown> {
            at_m.iter().map(|_| shown(&format!("{}+{}/{cycle}x8", next(200), 10 + next(30)))).collect()
        };
        let (out, back) = (shown(), shown());
        let advice = advise(&corridor, &out, &back).unwrap();
        assert_eq!(advice.cycle.0, cycle * 1_000);
        assert_eq!(advice.shifts[0].0, 0);
        assert!(advice.shifts.iter().all(|shift| shift.0.abs() <= cycle * 500), "{:?}", advice.shifts);
        assert!(advice.now.iter().chain(&advice.then).all(|wave| wave.departures > 0));
        assert!(cost(&advice.then) <= cost(&advice.now), "{advice:?}");
        better += usize::from(cost(&advice.then) < 0.7 * cost(&advice.now));
    }
    assert!(better > 10, "only {better} of 40 got better by a third");
}
