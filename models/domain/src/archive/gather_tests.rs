//! Tracks in, records out: each once, whole, and bounded.

use super::*;
use crate::archive::Colour;
use crate::count::Direction;
use crate::scene::Scene;
use crate::track::Trail;

fn zone() -> Zone {
    let corners = [(300.0, 0.0), (400.0, 0.0), (400.0, 400.0), (300.0, 400.0)];
    Zone { id: "box".parse().unwrap(), polygon: corners.map(Point::from).to_vec() }
}

struct Street {
    gatherer: Gatherer,
    looks: usize,
    out: Vec<TrackRecord>,
}

impl Street {
    fn new(ground: Option<Ground>) -> Self {
        let gatherer = Gatherer::new("cam".parse().unwrap(), vec![zone()], ground);
        Self { gatherer, looks: 0, out: Vec::new() }
    }

    fn step(&mut self, at: i64, tracks: &[Track], crossings: &[LineCrossingAt]) {
        let mut look = |_: &BBox, _: Class| {
            self.looks += 1;
            let mut votes = ColourVotes::default();
            votes.vote(Colour::Red);
            Some(votes)
        };
        self.gatherer.step(UtcMillis(at), tracks, crossings, &mut look, &mut self.out);
    }
}

/// Track `id` at `x`, first seen at `began` at x = 0; seen at `seen`.
fn track(id: u64, began: i64, seen: i64, x: f64) -> Track {
    Track {
        id: TrackId(id),
        class: Class::Car,
        bbox: BBox::new(x, 160.0, 40.0, 40.0),
        velocity: (0.0, 0.0),
        trail: Trail::default(),
        score: 0.5,
        began: UtcMillis(began),
        began_bbox: BBox::new(0.0, 160.0, 40.0, 40.0),
        seen: UtcMillis(seen),
        witnessed: true,
        faint: false,
        clear: true,
        as_before: false,
    }
}

fn crossing(id: u64, line: &str) -> LineCrossing {
    LineCrossing {
        line: line.parse().unwrap(),
        class: Class::Car,
        direction: Direction::ToLeft,
        track: TrackId(id),
    }
}

#[test]
fn a_drive_past_is_one_record() {
    // Seen from straight above: ten pixels a metre.
    let scene = "size = [1000, 1000]\n\
        [[ground]]\npicture = [0, 0]\nmeters = [0, 100]\n[[ground]]\npicture = [1000, 0]\nmeters = [100, 100]\n\
        [[ground]]\npicture = [1000, 1000]\nmeters = [100, 0]\n[[ground]]\npicture = [0, 1000]\nmeters = [0, 0]\n";
    let mut street = Street::new(Scene::parse(scene).unwrap().ground);
    for i in 0..=60_i64 {
        let crossings = if i == 30 { vec![(UtcMillis(2_900), crossing(1, "n"))] } else { Vec::new() };
        street.step(i * 100, &[track(1, 0, i * 100, i as f64 * 10.0)], &crossings);
    }
    assert!(street.out.is_empty());
    // Coasting, then gone; the line counter carries it over a second line with its last word.
    street.step(6_100, &[track(1, 0, 6_000, 600.0)], &[]);
    street.step(6_200, &[], &[(UtcMillis(6_100), crossing(1, "m"))]);
    let record = street.out.pop().unwrap();
    assert_eq!(
        (record.began.0, record.ended.0, record.track, record.class),
        (0, 6_000, TrackId(1), Class::Car)
    );
    assert_eq!(record.path.len(), 2, "{:?}", record.path);
    assert_eq!((record.path[0].p, record.path[1].p), (Point::new(20.0, 200.0), Point::new(620.0, 200.0)));
    let lines: Vec<_> = record.lines.iter().map(|l| (l.line.as_str(), l.at.0)).collect();
    assert_eq!(lines, [("n", 2_900), ("m", 6_100)]);
    let zones: Vec<_> = record.zones.iter().map(|z| (z.zone.as_str(), z.from.0, z.to.0)).collect();
    assert_eq!(zones, [("box", 2_800, 3_700)]);
    assert_eq!(record.colour, Some(Colour::Red));
    assert!((record.mean_speed.unwrap().0 - 10.0).abs() < 0.2, "{:?}", record.mean_speed);
    assert_eq!(street.looks, 1, "a look that is no better is not taken");
    street.gatherer.finish(&mut street.out);
    assert!(street.out.is_empty());
}

#[test]
fn the_best_moment_is_kept_and_looks_are_few() {
    let mut street = Street::new(None);
    for i in 0..100_i64 {
        let mut near = track(1, 0, i * 100, 0.0);
        let grown = if i <= 50 { i } else { 100 - i };
        let side = 10.0 + grown as f64 * 2.0;
        near.bbox = BBox::new(0.0, 0.0, side, side);
        street.step(i * 100, &[near], &[]);
    }
    street.gatherer.finish(&mut street.out);
    let record = &street.out[0];
    assert_eq!((record.best_at.0, record.best_box.w, record.best_score), (5_000, 110.0, 0.5));
    assert!((3..=LOOKS_MAX as usize).contains(&street.looks), "{}", street.looks);
    assert_eq!(record.mean_speed, None);
}

#[test]
fn who_stays_for_an_hour_is_found_before_he_leaves() {
    let mut street = Street::new(None);
    for s in 0..=3_600_i64 {
        street.step(s * 1_000, &[track(1, 0, s * 1_000, 0.0)], &[]);
    }
    assert_eq!(street.out.len(), 5);
    street.gatherer.finish(&mut street.out);
    assert_eq!(street.out.len(), 6);
    for pair in street.out.windows(2) {
        assert!(pair[1].began.since(pair[0].ended).0 <= 1_000, "{pair:?}");
    }
}

#[test]
fn a_wild_path_stays_small() {
    let mut street = Street::new(None);
    for i in 0..5_000_i64 {
        let mut wild = track(1, 0, i * 100, (i * 7919 % 1_000) as f64);
        wild.bbox.y = (i * 104_729 % 700) as f64;
        let lines: Vec<_> = (0..3).map(|l| (UtcMillis(i), crossing(1, &format!("l{l}")))).collect();
        street.step(i * 100, &[wild], &lines);
        let live = street.gatherer.live_by_track.values().next().unwrap();
        assert!(live.path.len() <= POINTS_MAX);
    }
    street.gatherer.finish(&mut street.out);
    assert!(street.out[0].path.len() <= PATH_MAX && street.out[0].lines.len() <= TOUCHED_MAX);
}

#[test]
fn a_clock_set_back_ends_every_track_and_time_stays_in_order() {
    let mut street = Street::new(None);
    street.step(10_000, &[track(1, 9_000, 10_000, 5.0)], &[]);
    street.step(3_000, &[track(1, 9_000, 3_000, 6.0)], &[]);
    street.step(3_100, &[], &[]);
    let spans: Vec<_> = street.out.iter().map(|r| (r.began.0, r.ended.0)).collect();
    assert_eq!(spans, [(9_000, 10_000), (9_000, 9_000)]);
}
