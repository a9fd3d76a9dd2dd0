//! What controllers report becomes events once.

use models_domain::{EventId, Seq};

use super::*;

/// Lines of what was kept; refuses while `full`.
#[derive(Default)]
struct Lines {
    kept: Mutex<Vec<String>>,
    full: Mutex<bool>,
}

impl KeepEvents for Lines {
    fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
        if *self.full.lock().unwrap() {
            return Err(NotKept("the disk is full".into()));
        }
        let text = match body {
            EventBody::Signal { groups, .. } => {
                format!("{}{}", groups.groups, if groups.old { " old" } else { "" })
            }
            EventBody::SignalAlarm { alarm, .. } => format!("{} {}", alarm.code, alarm.active),
            EventBody::SignalState { state, .. } => format!("{:?}", state.link),
            EventBody::Detectors { readings, .. } => {
                let told =
                    |(number, r): &(u16, Reading)| format!("{number}={}@{}", r.vehicles.unwrap_or(0), r.at.0);
                readings.iter().map(told).collect::<Vec<_>>().join(" ")
            }
            other @ (EventBody::LineCrossing { .. }
            | EventBody::Counts { .. }
            | EventBody::Rule { .. }
            | EventBody::RedLight { .. }
            | EventBody::CameraStats { .. }
            | EventBody::CameraState { .. }
            | EventBody::SignalOrder { .. }
            | EventBody::Fix(_)) => other.kind().to_owned(),
        };
        let mut kept = self.kept.lock().unwrap();
        kept.push(format!("{} {text}", at.0));
        Ok(EventId { boot: 1, seq: Seq(kept.len() as u64) })
    }
}

fn junction() -> JunctionId {
    JunctionId::new("kim-ma").unwrap()
}

/// `AABB@5` is a live value by the controller's clock, `AABB@5 old` a buffered one; it arrives at 100, 101, …
fn report(arrived: i64, text: &str) -> SignalReport {
    let (groups, rest) = text.split_once('@').unwrap();
    let (time, old) = rest.split_once(' ').map_or((rest, false), |(time, _)| (time, true));
    let controller_at = UtcMillis(time.parse().unwrap());
    let (groups, late) = (groups.into(), models_domain::DurationMs(0));
    let groups = GroupStates { groups, cycle_s: None, stage: None, controller_at, late, old };
    let at = if old { controller_at } else { UtcMillis(arrived) };
    SignalReport::Groups { junction: junction(), at, groups }
}

#[track_caller]
fn check(reports: &[&str], want: &[&str], board_want: &str) {
    let (lines, board) = (Arc::new(Lines::default()), Arc::new(Board::default()));
    let worker = SignalWorker::new(lines.clone(), board.clone());
    for (arrived, text) in (100..).zip(reports) {
        futures_ready(worker.accept(report(arrived, text))).unwrap();
    }
    assert_eq!(*lines.kept.lock().unwrap(), want);
    assert_eq!(board.junction(&junction()).unwrap().groups, board_want);
}

/// The worker never waits: its answer is there at once.
fn futures_ready<T>(future: impl Future<Output = T>) -> T {
    let mut future = std::pin::pin!(future);
    match future.as_mut().poll(&mut std::task::Context::from_waker(std::task::Waker::noop())) {
        std::task::Poll::Ready(value) => value,
        std::task::Poll::Pending => panic!("the worker waited"),
    }
}

#[test]
fn only_changes_become_events() {
    check(&["1B@1", "1B@2", "NB@3", "NB@3", "BB@4"], &["100 1B", "102 NB", "104 BB"], "BB");
}

#[test]
fn buffered_values_are_events_and_leave_the_board() {
    check(&["1B@1", "NB@2 old", "BB@3 old", "B1@9"], &["100 1B", "2 NB old", "3 BB old", "103 B1"], "B1");
    // The last buffered value is still shown: no second event for it.
    check(&["1B@1", "NB@2 old", "NB@9"], &["100 1B", "2 NB old"], "NB");
    // Buffered values that come after the present one do not replace it.
    check(&["1B@9", "NB@2 old", "1B@10"], &["100 1B", "2 NB old"], "1B");
}

#[test]
fn what_was_kept_and_not_acknowledged_comes_again_without_a_second_event() {
    check(
        &["1B@1", "NB@2", "1B@1 old", "NB@2 old", "BB@3 old", "BB@3 old"],
        &["100 1B", "101 NB", "3 BB old"],
        "NB",
    );
    // The same groups at another time are another fact.
    check(&["1B@1", "NB@2 old", "1B@3 old"], &["100 1B", "2 NB old", "3 1B old"], "1B");
}

#[test]
fn a_controllers_clock_may_be_set_back() {
    check(&["1B@1000", "NB@10", "1B@11"], &["100 1B", "101 NB", "102 1B"], "1B");
}

#[test]
fn a_stage_that_changes_while_the_lamps_stay_is_an_event_once() {
    let (lines, board) = (Arc::new(Lines::default()), Arc::new(Board::default()));
    let worker = SignalWorker::new(lines.clone(), board.clone());
    let told = |at: i64, stage: Option<u32>| {
        let (controller_at, late) = (UtcMillis(at), models_domain::DurationMs(0));
        GroupStates { groups: "1B".into(), cycle_s: None, stage, controller_at, late, old: false }
    };
    let whole =
        |at, stage| SignalReport::Groups { junction: junction(), at: UtcMillis(at), groups: told(at, stage) };
    let alone =
        |at, stage| SignalReport::Stage { junction: junction(), at: UtcMillis(at), groups: told(at, stage) };
    for report in [
        whole(1, Some(1)),
        whole(2, None),
        whole(3, Some(1)),
        alone(4, Some(2)),
        alone(5, Some(2)),
        whole(6, Some(2)),
        whole(7, Some(3)),
    ] {
        futures_ready(worker.accept(report)).unwrap();
    }
    assert_eq!(*lines.kept.lock().unwrap(), ["1 1B", "4 1B", "7 1B"]);
    let seen = board.junction(&junction()).unwrap().seen;
    assert!(seen.groups().iter().all(|group| group.since == UtcMillis(1)), "the lamps stay as they are");
}

fn alarm(at: i64, active: bool) -> SignalReport {
    let alarm = SignalAlarm {
        code: "A0302".into(),
        component: "DL1".into(),
        active,
        acknowledged: false,
        suspended: false,
        priority: 2,
        description: String::new(),
    };
    SignalReport::Alarm { junction: junction(), at: UtcMillis(at), alarm }
}

fn link(at: i64, link: Link) -> SignalReport {
    let state = LinkState { link, reason: String::new() };
    SignalReport::Link { junction: junction(), at: UtcMillis(at), state }
}

/// What becomes an event, and whether the alarm stands on the board in the end.
#[track_caller]
fn check_alarms(reports: impl IntoIterator<Item = SignalReport>, want: &[&str], stands: bool) {
    let (lines, board) = (Arc::new(Lines::default()), Arc::new(Board::default()));
    let worker = SignalWorker::new(lines.clone(), board.clone());
    for report in reports {
        futures_ready(worker.accept(report)).unwrap();
    }
    assert_eq!(*lines.kept.lock().unwrap(), want);
    assert_eq!(board.junction(&junction()).unwrap().alarms.iter().any(|alarm| alarm.active), stands);
}

#[test]
fn alarms_and_links_are_told_once() {
    let reports = [
        link(1, Link::Up),
        alarm(2, true),
        alarm(2, true),
        link(3, Link::Up),
        alarm(4, false),
        link(5, Link::Down),
    ];
    check_alarms(reports, &["1 Up", "2 A0302 true", "4 A0302 false", "5 Down"], false);
}

#[test]
fn an_alarm_out_of_the_buffer_is_an_event_and_does_not_stand_for_what_was_told_before_it() {
    // It began and ended while the link was down: the end is told as it connects, the begin out of its buffer, twice.
    let (up, over, begun) = (link(10, Link::Up), alarm(5, false), alarm(4, true));
    let reports = [up, over.clone(), begun.clone(), over, begun];
    check_alarms(reports, &["10 Up", "5 A0302 false", "4 A0302 true"], false);
    // Begun again after that.
    let reports = [link(10, Link::Up), alarm(5, false), alarm(4, true), alarm(11, true)];
    check_alarms(reports, &["10 Up", "5 A0302 false", "4 A0302 true", "11 A0302 true"], true);
    // In the same moment the last word counts.
    let reports = [link(10, Link::Up), alarm(5, false), alarm(5, true)];
    check_alarms(reports, &["10 Up", "5 A0302 false", "5 A0302 true"], true);
}

#[test]
fn an_alarm_of_before_our_clock_was_set_back_gives_way_to_the_next() {
    let reports = [link(1_000, Link::Up), alarm(1_001, true), link(10, Link::Up), alarm(11, false)];
    check_alarms(reports, &["1000 Up", "1001 A0302 true", "11 A0302 false"], false);
}

#[test]
fn a_detector_that_is_not_to_be_believed_is_an_alarm_until_it_is() {
    let lines = Arc::new(Lines::default());
    let worker = SignalWorker::new(lines.clone(), Arc::new(Board::default()));
    for (minute, vehicles) in [(1, 10), (2, 90), (3, 90), (4, 10), (20, 10)] {
        let (at, interval) = (UtcMillis(minute * 60_000), models_domain::DurationMs(60_000));
        let occupancy = Some(0.1 + minute as f64 / 100.0);
        let reading = Reading { at, interval, vehicles: Some(vehicles), occupancy, ..Reading::default() };
        let report =
            SignalReport::Detectors { junction: junction(), told_at: at, readings: vec![(3, reading)] };
        futures_ready(worker.accept(report)).unwrap();
    }
    let kept = lines.kept.lock().unwrap();
    let alarms: Vec<&String> = kept.iter().filter(|line| line.contains("chatter")).collect();
    assert_eq!(alarms, ["120000 chatter true", "1200000 chatter false"]);
}

#[test]
fn counts_are_kept_once_however_often_they_come() {
    let lines = Arc::new(Lines::default());
    let worker = SignalWorker::new(lines.clone(), Arc::new(Board::default()));
    let counts = |told_s: i64, at_s: i64, vehicles: &[(u16, u32)]| {
        let reading = |(number, vehicles): &(u16, u32)| {
            let (at, interval) = (UtcMillis(at_s * 1_000), models_domain::DurationMs(60_000));
            (*number, Reading { at, interval, vehicles: Some(*vehicles), ..Reading::default() })
        };
        let readings = vehicles.iter().map(reading).collect();
        SignalReport::Detectors { junction: junction(), told_at: UtcMillis(told_s * 1_000), readings }
    };
    for report in [
        // The controller's clock is 1,000 s ahead: live counts have our time, buffered ones its own.
        counts(1_060, 60, &[(1, 5), (2, 0)]),
        counts(1_060, 1_060, &[(1, 5), (2, 0)]),
        counts(1_060, 1_060, &[(1, 5), (3, 7)]),
        counts(1_120, 120, &[(1, 5), (2, 0)]),
    ] {
        futures_ready(worker.accept(report)).unwrap();
    }
    let kept = lines.kept.lock().unwrap();
    let want = ["60000 1=5@60000 2=0@60000", "1060000 3=7@1060000", "120000 1=5@120000 2=0@120000"];
    assert_eq!(*kept, want);
}

#[test]
fn what_the_disk_refused_is_no_repetition() {
    let (lines, board) = (Arc::new(Lines::default()), Arc::new(Board::default()));
    let worker = SignalWorker::new(lines.clone(), board);
    *lines.full.lock().unwrap() = true;
    assert!(futures_ready(worker.accept(report(100, "1B@1"))).is_err());
    *lines.full.lock().unwrap() = false;
    futures_ready(worker.accept(report(101, "1B@1 old"))).unwrap();
    assert_eq!(*lines.kept.lock().unwrap(), ["1 1B old"]);
}
