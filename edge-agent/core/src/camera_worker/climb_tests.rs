//! Streams as text: what is decoded, and what of it is looked at.

use std::sync::Arc;

use hardware_ports::units::{Codec, StreamFormat};
use models_domain::ladder::UnitFacts;

use super::*;

/// One unit every 100 ms: a letter for the rung (w, k, f; r for others' turn, g for a glance), upper case for a key frame;
/// `!` for lost packets. What comes out: numbers that are looked at, in brackets when only decoded, `*` for a key frame by
/// itself, `?` for a glance, `|` for a decoder that is closed.
#[track_caller]
fn check(stream: &str, want: &str) {
    check_sized(stream, 100, 100, want);
}

#[track_caller]
fn check_sized(stream: &str, every_ms: i64, bytes: usize, want: &str) {
    let mut climb = Climb::new();
    let format = Arc::new(StreamFormat { codec: Codec::H264, size: (0, 0), parameter_sets: Vec::new() });
    let mut found = Vec::new();
    for (i, letter) in stream.chars().filter(|c| *c != '!').enumerate() {
        let lost = stream.split('!').scan(0, |at, part| {
            *at += part.len();
            Some(*at)
        });
        if lost.take(stream.matches('!').count()).any(|at| at == i) {
            climb.lost();
        }
        let kind = if letter.is_uppercase() { UnitKind::Key } else { UnitKind::Delta };
        let at = UtcMillis(i as i64 * every_ms);
        let rung = match letter.to_ascii_lowercase() {
            'w' | 'r' | 'g' => Rung::Watch,
            'k' => Rung::KeyFrames,
            _ => Rung::Full,
        };
        let unit = AccessUnit {
            facts: UnitFacts { at, bytes: bytes as u32, kind, qp: None },
            number: i as u64,
            uncertainty: DurationMs(0),
            pts: DurationMs(i as i64),
            format: Arc::clone(&format),
            data: vec![0; bytes].into(),
        };
        climb.unit(unit.clone(), rung, Duration::ZERO);
        match letter.to_ascii_lowercase() {
            'r' => climb.leave_behind(),
            'g' => climb.glance(unit, Duration::ZERO),
            _ => {}
        }
        found.extend(std::iter::from_fn(|| climb.take(Duration::ZERO)).map(|(work, _)| text(&work)));
        assert!(climb.bytes <= KEPT_BYTES + bytes, "{} bytes kept", climb.bytes);
        assert_eq!(climb.bytes, climb.kept.iter().map(|k| k.unit.data.len()).sum::<usize>());
    }
    assert_eq!(found.join(" "), want);
}

fn text(work: &Work) -> String {
    match work {
        Work::Alone(unit) => format!("{}*", unit.pts.0),
        Work::Glance(unit) => format!("{}?", unit.pts.0),
        Work::Look(unit) => unit.pts.0.to_string(),
        Work::Pass(unit) => format!("({})", unit.pts.0),
        Work::Close => "|".to_owned(),
    }
}

#[test]
fn a_watched_stream_is_not_decoded() {
    check("WwwwWwww", "");
}

#[test]
fn key_frames_are_decoded_by_themselves() {
    check("KkkkKkkkK", "0* 4* 8*");
}

#[test]
fn a_glance_is_a_key_frame_by_itself() {
    check("GwwwGwww!gWG", "0? 4? 10?");
}

/// When its turn comes again, only the pictures from then on are looked at.
#[test]
fn what_was_others_turn_is_left_behind() {
    check("RrrrrffF", "(0) (1) (2) (3) (4) 5 6 7");
    check("FfrrRrff", "0 1 | (4) (5) 6 7");
}

#[test]
fn the_way_up_begins_with_the_kept_key_frame() {
    check("Wwwwff", "0 1 2 3 4 5");
    check("WwwwF", "0 1 2 3 4");
}

#[test]
fn on_the_way_up_no_picture_is_looked_at_twice_but_key_frames_that_were_seen_alone() {
    check("Kkkff", "0* 0 1 2 3 4");
    check("Ffwwff", "0 1 | (0) (1) 2 3 4 5");
    check("FfffKkkkf", "0 1 2 3 | 4* 4 5 6 7 8");
}

#[test]
fn a_gap_on_the_way_up_goes_back_two_seconds_and_a_half_and_not_more() {
    check_sized("WwwwwwwwwF", 1_000, 100, "(0) (1) (2) (3) (4) (5) (6) 7 8 9");
    check_sized("WwwwwwWwwf", 500, 100, "(0) (1) (2) (3) 4 5 6 7 8 9");
    check_sized("WwwwWwwwwwwf", 500, 100, "(4) (5) 6 7 8 9 10 11");
}

#[test]
fn after_lost_packets_it_goes_on_at_the_next_key_frame() {
    check("Fff!ffFff", "0 1 2 5 6 7");
    check("Www!wwff", "");
    check("Kkk!kkKk", "0* 5*");
}

#[test]
fn before_the_first_key_frame_there_is_nothing() {
    check("ffffFff", "4 5 6");
}

#[test]
fn a_group_too_large_to_be_kept_is_seen_from_the_next_key_frame_on() {
    check_sized("WwwwwwwwffFf", 100, 1 << 20, "10 11");
    check_sized("FfffffffffFf", 100, 1 << 20, "0 1 2 3 4 5 6 7 8 9 10 11");
    check_sized("WwwwWwwwf", 100, 1 << 20, "4 5 6 7 8");
}

fn unit(number: i64, kind: UnitKind) -> AccessUnit {
    let format = Arc::new(StreamFormat { codec: Codec::H264, size: (0, 0), parameter_sets: Vec::new() });
    let facts = UnitFacts { at: UtcMillis(number * 100), bytes: 1, kind, qp: None };
    let (number, pts) = (number as u64, DurationMs(number));
    AccessUnit { facts, number, uncertainty: DurationMs(0), pts, format, data: vec![0].into() }
}

/// Ten units a second, one key frame a second; nothing is taken out for `stall` units.
#[track_caller]
fn stalled(stall: i64, want: &str, want_dropped: u64) {
    let mut climb = Climb::new();
    for number in 0..stall {
        let kind = if number % 10 == 0 { UnitKind::Key } else { UnitKind::Delta };
        climb.unit(unit(number, kind), Rung::Full, Duration::from_millis(number as u64 * 100));
    }
    let all = std::iter::from_fn(|| climb.take(Duration::ZERO)).map(|(work, _)| text(&work));
    let all: Vec<String> = all.collect();
    let ends = [all.first(), all.last()].map(|t| t.map_or("", String::as_str));
    assert_eq!(ends.join(" to "), want);
    assert_eq!(climb.take_dropped(), want_dropped);
}

#[test]
fn when_it_is_overtaken_the_newest_group_of_pictures_wins_and_drops_are_counted() {
    stalled(30, "0 to 29", 0);
    // At 3.1 s the oldest has waited too long: on from the key frame at 3.0 s.
    stalled(32, "30 to 31", 30);
    stalled(65, "60 to 64", 60);
}

#[test]
fn overtaken_within_one_group_it_waits_for_the_next_key_frame() {
    let mut climb = Climb::new();
    let at = |number: i64, kind, climb: &mut Climb| {
        climb.unit(unit(number, kind), Rung::Full, Duration::from_millis(number as u64 * 100));
    };
    at(0, UnitKind::Key, &mut climb);
    (1..=35).for_each(|n| at(n, UnitKind::Delta, &mut climb));
    assert_eq!(climb.take_dropped(), 36);
    at(36, UnitKind::Key, &mut climb);
    at(37, UnitKind::Delta, &mut climb);
    let all: Vec<String> = std::iter::from_fn(|| climb.take(Duration::ZERO)).map(|(w, _)| text(&w)).collect();
    assert_eq!(all.join(" "), "| 36 37");
}
