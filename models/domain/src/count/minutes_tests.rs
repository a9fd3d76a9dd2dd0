//! Minutes as text: what is told, when, and that nothing is told twice or lost.

use super::*;
use crate::ids::TrackId;

const T0: i64 = 1_700_000_040_000; // begin of a minute

#[derive(Default)]
struct Street {
    tally: Tally,
    told: Vec<String>,
}

impl Street {
    /// Signs of life and pictures every 200 ms from `from` to `to` seconds; the gateway's clock is `ahead` ms ahead.
    fn goes_on(&mut self, from: i64, to: i64, ahead: i64) {
        for ms in (from * 1_000..=to * 1_000).step_by(200) {
            self.tally.watched(UtcMillis(T0 + ms));
            self.tally.analysed(UtcMillis(T0 + ms));
            self.tick(T0 + ms + ahead);
        }
    }

    fn tick(&mut self, now: i64) {
        let mut out = Vec::new();
        self.tally.tick(UtcMillis(now), &mut out);
        self.told.extend(out.iter().map(|m| text(m, now)));
    }

    fn crosses(&mut self, s: i64, class: Class, direction: Direction) {
        let crossing = LineCrossing { line: "n".parse().unwrap(), class, direction, track: TrackId(1) };
        self.tally.crossing(UtcMillis(T0 + s * 1_000), &crossing);
    }

    #[track_caller]
    fn check(mut self, want: &[&str]) {
        let mut out = Vec::new();
        self.tally.finish(&mut out);
        self.told.extend(out.iter().map(|m| text(m, T0 - 1_000)));
        assert_eq!(self.told, want);
    }
}

/// `<told at second>: minute <number> <watched>/<analysed> s, what crossed`; told at -1 at the end.
fn text(m: &MinuteCounts, now: i64) -> String {
    assert_eq!(m.minute.0 % 60_000, 0);
    let crossings: String = m
        .crossings
        .iter()
        .map(|c| format!(", {} {} {} {}", c.crossings, c.class, c.line, c.direction))
        .collect();
    let minute = (m.minute.0 - T0) / 60_000;
    let (watched, analysed) = (m.watched.seconds(), m.analysed.seconds());
    format!("{}: minute {minute} {watched}/{analysed} s{crossings}", (now - T0) / 1_000)
}

#[test]
fn a_minute_is_told_once_and_a_little_after_its_end() {
    let mut street = Street::default();
    street.goes_on(0, 60, 0);
    street.crosses(59, Class::Car, Direction::ToLeft);
    street.crosses(58, Class::Car, Direction::ToLeft);
    street.crosses(58, Class::Bus, Direction::ToRight);
    street.goes_on(60, 75, 0);
    street.check(&["70: minute 0 60/60 s, 2 car n to_left, 1 bus n to_right", "-1: minute 1 15/15 s"]);
}

#[test]
fn crossings_do_not_wait_for_the_end_of_their_minute() {
    let mut street = Street::default();
    street.goes_on(0, 10, 0);
    street.crosses(9, Class::Car, Direction::ToLeft);
    street.goes_on(10, 20, 0);
    street.crosses(19, Class::Car, Direction::ToLeft);
    street.crosses(20, Class::Bus, Direction::ToLeft);
    street.goes_on(20, 40, 0);
    street.crosses(40, Class::Bus, Direction::ToLeft);
    street.goes_on(40, 75, 0);
    street.check(&[
        "25: minute 0 25/25 s, 2 car n to_left, 1 bus n to_left",
        "55: minute 0 30/30 s, 1 bus n to_left",
        "70: minute 0 5/5 s",
        "-1: minute 1 15/15 s",
    ]);
}

#[test]
fn a_quiet_minute_and_one_that_nobody_watched_differ() {
    let mut street = Street::default();
    street.goes_on(0, 130, 0);
    // Two minutes without the camera: nothing is told of them.
    street.tick(T0 + 250_000);
    street.goes_on(300, 375, 0);
    street.check(&[
        "70: minute 0 60/60 s",
        "130: minute 1 60/60 s",
        "250: minute 2 10/10 s",
        "370: minute 5 60/60 s",
        "-1: minute 6 15/15 s",
    ]);
}

#[test]
fn watched_without_decoding_is_not_analysed() {
    let mut street = Street::default();
    for ms in (0..=60_000).step_by(40) {
        street.tally.watched(UtcMillis(T0 + ms));
    }
    // Audits of a second now and then.
    for ms in (60_000..=61_000).step_by(40) {
        street.tally.watched(UtcMillis(T0 + ms));
        street.tally.analysed(UtcMillis(T0 + ms));
    }
    street.check(&["-1: minute 0 60/0 s", "-1: minute 1 1/1 s"]);
}

#[test]
fn a_late_crossing_is_told_as_more_of_its_minute() {
    let mut street = Street::default();
    street.goes_on(0, 80, 0);
    street.crosses(59, Class::Truck, Direction::ToLeft);
    street.goes_on(80, 81, 0);
    street.check(&["70: minute 0 60/60 s", "80: minute 0 0/0 s, 1 truck n to_left", "-1: minute 1 21/21 s"]);
}

#[test]
fn the_street_may_be_behind_the_gateway() {
    let mut street = Street::default();
    street.goes_on(0, 75, 7_200_000);
    // The camera goes away: its time goes on by the gateway's.
    street.tick(T0 + 7_200_000 + 131_000);
    street.check(&["7270: minute 0 60/60 s", "7331: minute 1 15/15 s"]);
}

#[test]
fn a_clock_set_back_loses_nothing_and_counts_no_time_twice() {
    let mut street = Street::default();
    street.goes_on(0, 100, 0);
    street.crosses(99, Class::Car, Direction::ToLeft);
    street.goes_on(20, 75, 0);
    street.check(&[
        "70: minute 0 60/60 s",
        "20: minute 1 40/40 s, 1 car n to_left",
        "70: minute 0 40/40 s",
        "-1: minute 1 15/15 s",
    ]);
}

#[test]
fn a_clock_set_ahead_by_a_year_is_one_gap() {
    let mut street = Street::default();
    street.goes_on(0, 10, 0);
    street.goes_on(31_536_000, 31_536_010, 0);
    street.check(&["31536000: minute 0 10/10 s", "-1: minute 525600 10/10 s"]);
}

#[test]
fn what_is_kept_open_is_bounded() {
    let mut tally = Tally::default();
    let crossing = LineCrossing {
        line: "n".parse().unwrap(),
        class: Class::Car,
        direction: Direction::ToLeft,
        track: TrackId(1),
    };
    let mut told = Vec::new();
    for minute in 0..1_000 {
        tally.crossing(UtcMillis(T0 + minute), &crossing);
        tally.crossing(UtcMillis(i64::MAX - minute * 60_000), &crossing);
        tally.crossing(UtcMillis(i64::MIN + minute * 60_000), &crossing);
        tally.tick(UtcMillis(T0), &mut told);
        assert!(tally.open_by_minute.len() <= OPEN_MAX);
    }
    tally.finish(&mut told);
    let all: u32 = told.iter().flat_map(|m| &m.crossings).map(|c| c.crossings).sum();
    assert_eq!(all, 3_000);
}
