//! Keep, send, confirm, kill, over a real disk.

use std::path::Path;

use hardware_ports::FakeClock;
use models_domain::event::{CameraStats, Link, LinkState};
use models_domain::{CameraId, DurationMs};
use models_wire::v1::EventBatch;

use super::*;

fn camera() -> CameraId {
    "cam".parse().unwrap()
}

fn keeper(dir: &Path, clock: &Arc<FakeClock>) -> EventKeeper {
    EventKeeper::open(SpoolSettings::new(dir.to_owned()), Limits::default(), clock.clone()).unwrap()
}

fn keep(keeper: &EventKeeper, frames: u64) -> EventId {
    let stats = CameraStats { frames, ..CameraStats::default() };
    keeper.keep(UtcMillis(5), EventBody::CameraStats { camera: camera(), stats }).unwrap()
}

fn next(keeper: &EventKeeper) -> Option<(u64, u64, Vec<u64>)> {
    let bytes = keeper.next_message().unwrap()?;
    let batch = EventBatch::decode(&bytes[..]).unwrap();
    Some((batch.boot, batch.oldest_kept, batch.events.iter().map(|e| e.seq).collect()))
}

#[test]
fn sent_until_confirmed_over_two_starts() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let first = keeper(dir.path(), &clock);
    assert_eq!(keep(&first, 1), EventId { boot: 100, seq: Seq(1) });
    keep(&first, 2);
    assert_eq!(next(&first), Some((100, 1, vec![1, 2])));
    assert_eq!(next(&first), None);
    clock.advance(DurationMs(5_000));
    assert_eq!(next(&first), Some((100, 1, vec![1, 2])));
    first.confirm(100, 1);
    first.note_confirmed();
    drop(first);

    let second = keeper(dir.path(), &clock);
    assert_eq!(second.waiting(), 1);
    assert_eq!(keep(&second, 3), EventId { boot: 5_100, seq: Seq(1) });
    assert_eq!(next(&second), Some((100, 2, vec![2])));
    assert_eq!(next(&second), None);
    second.confirm(100, 2);
    assert_eq!(next(&second), Some((5_100, 1, vec![1])));
    second.confirm(5_100, 1);
    second.close();
    drop(second);
    assert_eq!(keeper(dir.path(), &clock).waiting(), 0);
}

#[test]
fn a_start_on_a_full_disk_sends_what_waits_and_keeps_more_once_there_is_room() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let first = keeper(dir.path(), &clock);
    keep(&first, 1);
    drop(first);
    let fresh = dir.path().join("boot.new");
    std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();
    let second = keeper(dir.path(), &clock);
    assert_eq!((second.is_numbered(), next(&second)), (false, Some((100, 1, vec![1]))));
    let body = EventBody::CameraStats { camera: camera(), stats: CameraStats::default() };
    second.keep(UtcMillis(5), body).unwrap_err();
    second.number();
    assert_eq!((second.waiting(), second.numbered(), second.keeps_nothing()), (1, 0, true));
    std::fs::remove_file(&fresh).unwrap();
    assert_eq!(keep(&second, 2), EventId { boot: 101, seq: Seq(1) });
    second.confirm(100, 1);
    assert_eq!((second.is_numbered(), next(&second)), (true, Some((101, 1, vec![1]))));
    assert!(!second.keeps_nothing());
}

#[test]
fn that_nothing_is_kept_is_over_once_there_is_room_though_nobody_has_anything_to_keep() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let fresh = dir.path().join("boot.new");
    std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();
    let keeper = two_lanes(dir.path(), &clock);
    assert!(keeper.keeps_nothing());
    std::fs::remove_file(&fresh).unwrap();
    keeper.number();
    assert!(!keeper.keeps_nothing());
    drop(keeper);
    let settings = SpoolSettings { max_bytes: 400, ..SpoolSettings::new(dir.path().to_owned()) };
    let small = EventKeeper::open_with_late(settings, Limits::default(), clock.clone()).unwrap();
    assert!(small.keeps_nothing(), "its spool has no room for an event");
    // Nor does trying again write anything there: the disk is not what is full.
    let body = EventBody::CameraStats { camera: camera(), stats: CameraStats::default() };
    while small.keep(UtcMillis(5), body.clone()).is_ok() {}
    std::fs::remove_file(dir.path().join("boot")).unwrap();
    small.number();
    assert!(!dir.path().join("boot").exists() && small.keeps_nothing());
}

#[test]
fn that_a_write_was_refused_is_said_until_one_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let keeper = keeper(dir.path(), &clock);
    // A folder in the place of its first file.
    let place = dir.path().join(format!("{:020}-{:020}.seg", 100, 1));
    std::fs::create_dir(&place).unwrap();
    let body = EventBody::CameraStats { camera: camera(), stats: CameraStats::default() };
    keeper.keep(UtcMillis(5), body).unwrap_err();
    assert!(keeper.keeps_nothing());
    std::fs::remove_dir(&place).unwrap();
    keep(&keeper, 1);
    assert!(!keeper.keeps_nothing());

    // Nor for ever where nobody has anything to keep: what was refused may have been too much, or there is room again.
    let long = LinkState { link: Link::Down, reason: "x".repeat(2 << 20) };
    keeper.keep(UtcMillis(5), EventBody::CameraState { camera: camera(), state: long }).unwrap_err();
    assert!(keeper.keeps_nothing());
    let fresh = dir.path().join("boot.new");
    std::os::unix::fs::symlink("/dev/full", &fresh).unwrap();
    keeper.number();
    assert!(keeper.keeps_nothing(), "still no room");
    std::fs::remove_file(&fresh).unwrap();
    keeper.number();
    assert!(!keeper.keeps_nothing());
}

#[test]
fn messages_are_bounded_in_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let keeper = keeper(dir.path(), &clock);
    let state = LinkState { link: Link::Down, reason: "x".repeat(40_000) };
    for _ in 0..5 {
        keeper.keep(UtcMillis(5), EventBody::CameraState { camera: camera(), state: state.clone() }).unwrap();
    }
    assert_eq!(next(&keeper), Some((100, 1, vec![1, 2, 3])));
    assert_eq!(next(&keeper), Some((100, 1, vec![4, 5])));
}

fn two_lanes(dir: &Path, clock: &Arc<FakeClock>) -> EventKeeper {
    EventKeeper::open_with_late(SpoolSettings::new(dir.to_owned()), Limits::default(), clock.clone()).unwrap()
}

fn keep_in(keeper: &EventKeeper, lane: Lane, count: u64) {
    let fact = |frames| {
        let stats = CameraStats { frames, ..CameraStats::default() };
        (UtcMillis(5), EventBody::CameraStats { camera: camera(), stats })
    };
    keeper.keep_all((0..count).map(fact).collect(), lane).unwrap();
}

#[test]
fn what_is_late_goes_after_what_is_live_and_has_boots_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let first = two_lanes(dir.path(), &clock);
    keep_in(&first, Lane::Late, 300);
    keep_in(&first, Lane::Live, 2);
    assert_eq!(next(&first), Some((100, 1, vec![1, 2])));
    assert_eq!(next(&first), Some((101, 1, (1..=250).collect())));
    keep_in(&first, Lane::Live, 1);
    assert_eq!(next(&first), Some((100, 1, vec![3])));
    assert_eq!((next(&first), next(&first)), (Some((101, 1, (251..=300).collect())), None));
    // An answer to one lane is none to the other: nothing is sent again for it.
    clock.advance(DurationMs(2_000));
    first.confirm(101, 250);
    first.confirm(100, 3);
    assert_eq!((next(&first), first.waiting(), first.numbered()), (None, 50, 303));
    first.note_confirmed();
    drop(first);

    // What was late is still known when no tracker is configured any more.
    let second = keeper(dir.path(), &clock);
    keep(&second, 1);
    assert_eq!(next(&second), Some((2_100, 1, vec![1])));
    assert_eq!((next(&second), next(&second)), (Some((101, 251, (251..=300).collect())), None));
    drop(second);
    // The clock stands still: even so no boot comes again.
    assert_eq!(two_lanes(dir.path(), &clock).boot(), 2_102);
}

/// Numbers of lanes (boots) of all messages that may be sent now, and events in them.
fn drain(keeper: &EventKeeper) -> Vec<(u64, usize)> {
    let mut sent: Vec<(u64, usize)> = Vec::new();
    while let Some((boot, _, seqs)) = next(keeper) {
        match sent.last_mut() {
            Some((last, events)) if *last == boot => *events += seqs.len(),
            Some(_) | None => sent.push((boot, seqs.len())),
        }
    }
    sent
}

#[test]
fn nothing_late_is_sent_while_live_ones_wait_for_the_hall() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let keeper = two_lanes(dir.path(), &clock);
    keep_in(&keeper, Lane::Late, 300);
    assert_eq!(drain(&keeper), [(101, 300)]);
    clock.advance(DurationMs(2_000));
    keep_in(&keeper, Lane::Late, 300);
    keep_in(&keeper, Lane::Live, 2_300);
    assert_eq!(drain(&keeper), [(100, 2_000)]);
    // Late ones that are on their way for too long are no reason to look again at once.
    clock.advance(DurationMs(3_500));
    assert_eq!((drain(&keeper), keeper.timeout()), (vec![], Some(Duration::from_millis(1_500))));
    keeper.confirm(100, 250);
    // Fewer than a message of live ones wait now.
    assert_eq!(drain(&keeper), [(100, 250), (101, 250)]);
}

#[test]
fn of_late_ones_half_as_many_are_on_their_way() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let keeper = two_lanes(dir.path(), &clock);
    keep_in(&keeper, Lane::Late, 3_000);
    assert_eq!(drain(&keeper), [(101, 1_000)]);
    keep_in(&keeper, Lane::Live, 2_100);
    assert_eq!(drain(&keeper), [(100, 2_000)]);
    keeper.confirm(101, 600);
    assert_eq!(drain(&keeper), [(101, 600)]);
}

#[test]
fn a_live_segment_that_cannot_be_read_does_not_stop_what_is_late() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let first = two_lanes(dir.path(), &clock);
    keep_in(&first, Lane::Live, 2);
    keep_in(&first, Lane::Late, 1);
    drop(first);

    let second = two_lanes(dir.path(), &clock);
    let files = std::fs::read_dir(dir.path()).unwrap().map(|e| e.unwrap().path());
    let segments: Vec<_> = files.filter(|f| f.extension().is_some_and(|e| e == "seg")).collect();
    assert_eq!(segments.len(), 1);
    std::fs::remove_file(&segments[0]).unwrap();
    assert_eq!(next(&second), Some((101, 1, vec![1])));
    let err = second.next_message().unwrap_err().to_string();
    assert!(err.contains(&segments[0].display().to_string()), "{err}");
}

#[test]
fn a_full_late_lane_leaves_room_for_live_facts() {
    let dir = tempfile::tempdir().unwrap();
    let clock = Arc::new(FakeClock::at(UtcMillis(100)));
    let settings = SpoolSettings { max_bytes: 40_000, ..SpoolSettings::new(dir.path().to_owned()) };
    let keeper = EventKeeper::open_with_late(settings, Limits::default(), clock).unwrap();
    while !keeper.is_full(Lane::Late, 10) {
        keep_in(&keeper, Lane::Late, 10);
    }
    assert!(!keeper.is_full(Lane::Live, 10));
    keep_in(&keeper, Lane::Live, 10);
}
