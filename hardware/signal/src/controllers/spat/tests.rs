//! A cabinet's broadcasts and what comes of them, as tables in simulated time.

use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::{DurationMs, JunctionId, UtcMillis};
use rasn::types::FixedBitString;

use super::{CONTROLLER, time};
use crate::controllers::{Access, Action, Asked, At, DialSettings, Order, Reach, Session, Synchrony};
use crate::j2735::states::{
    IntersectionState, IntersectionStates, MovementEvent, MovementEvents, MovementState, Movements,
    PhaseState, Spat, Timing,
};
use crate::j2735::{self, Reference};

/// 2026-01-01T00:10:00Z.
const START: UtcMillis = UtcMillis(1_767_226_200_000);

fn at(ms: u64) -> At {
    At {
        utc: START + DurationMs(ms.cast_signed()),
        elapsed: Duration::from_millis(ms),
        synchrony: Synchrony::Synchronised,
    }
}

fn session(region: Option<u16>) -> Box<dyn Session> {
    let Reach::ItBroadcasts { open, .. } = CONTROLLER.reach else { panic!("it broadcasts") };
    let settings = DialSettings {
        junction: JunctionId::new("kim-ma").unwrap(),
        access: Access::Broadcast { region, intersection: 7, from: Vec::new() },
        poll: Duration::from_millis(100),
        groups: ["group 2", "ped 10"].map(str::to_owned).into(),
        backup: None,
        clock_off_max: None,
        all_red_preempt: None,
        layout: None,
        blocks: false,
        first_number: 1,
    };
    open(at(0), settings)
}

/// `2=6@3.0 10=3`: group 2 may go until 3 s from now, group 10 stands. `!8` sets a bit of the status, `+5` puts the clock
/// 5 s ahead, `#9` is another intersection.
fn datagram(text: &str, ms: u64) -> Vec<u8> {
    let (mut id, mut ahead_s, mut status) = (7, 0, FixedBitString::<16>::default());
    let mut states = Vec::new();
    let number = |text: &str| text.parse::<i64>().unwrap();
    for word in text.split(' ') {
        match (&word[..1], &word[1..]) {
            ("!", bit) => status.set(usize::try_from(number(bit)).unwrap(), true),
            ("+", seconds) => ahead_s = number(seconds),
            ("#", other) => id = u16::try_from(number(other)).unwrap(),
            _ => {
                let (group, state) = word.split_once('=').unwrap();
                let (state, left) = state.split_once('@').map_or((state, None), |(s, left)| (s, Some(left)));
                states.push((group.to_owned(), state.to_owned(), left.map(str::to_owned)));
            }
        }
    }
    let now = at(ms).utc + DurationMs(ahead_s * 1_000);
    let movement = |(group, state, left): (String, String, Option<String>)| {
        let timing = left.map(|left| {
            let tenths = (left.parse::<f64>().unwrap() * 10.0) as i64;
            let mark = time::mark_of(now + DurationMs(tenths * 100));
            Timing {
                start: None,
                earliest_end: mark,
                latest_end: Some(mark),
                likely_end: None,
                confidence: None,
                next: None,
            }
        });
        let state = match number(&state) {
            0 => PhaseState::Unavailable,
            1 => PhaseState::Dark,
            3 => PhaseState::StopAndRemain,
            6 => PhaseState::ProtectedMovementAllowed,
            8 => PhaseState::ProtectedClearance,
            9 => PhaseState::CautionConflictingTraffic,
            other => panic!("{other}"),
        };
        let event = MovementEvent { state, timing, speeds: None, regional: None };
        MovementState {
            name: None,
            signal_group: u8::try_from(number(&group)).unwrap(),
            events: MovementEvents(vec![event]),
            maneuver_assist: None,
            regional: None,
        }
    };
    let (minute, millisecond) = time::minute_and_millisecond(now);
    let state = IntersectionState {
        name: None,
        id: Reference { region: Some(84), id },
        revision: 1,
        status,
        minute: Some(minute),
        millisecond: Some(millisecond),
        enabled_lanes: None,
        states: Movements(states.into_iter().map(movement).collect()),
        maneuver_assist: None,
        regional: None,
    };
    let spat =
        Spat { minute: None, name: None, intersections: IntersectionStates(vec![state]), regional: None };
    j2735::encode_spat(&spat).unwrap()
}

fn told(action: Action) -> String {
    match action {
        Action::Up { remark } => format!("up {remark}"),
        Action::Down { reason } => format!("down {reason}"),
        Action::Keep(SignalReport::Groups { at, groups, .. }) => {
            format!("{} at {}", groups.groups, at.since(START).0)
        }
        Action::Keep(SignalReport::Now { now, .. }) => {
            format!("{:?} ahead {:?}", now.mode.unwrap(), now.clock_ahead.map(|ahead| ahead.0))
        }
        Action::Keep(SignalReport::Alarm { alarm, .. }) => format!("{} {}", alarm.code, alarm.active),
        Action::Keep(SignalReport::Changes { changes, .. }) => {
            let one = |change: Option<models_domain::signal::Change>| {
                change.map_or("?".to_owned(), |change| change.earliest.since(START).0.to_string())
            };
            format!("changes {}", changes.into_iter().map(one).collect::<Vec<_>>().join(" "))
        }
        Action::Answered { answer, .. } => format!("{answer:?}"),
        Action::Warn(text) => format!("warn {}", text.split(':').next().unwrap()),
        other @ (Action::Identified { .. } | Action::Send(_) | Action::Close { .. } | Action::Keep(_)) => {
            panic!("{other:?}")
        }
    }
}

/// Datagrams by the millisecond in which they come; an empty one is time that passes.
#[track_caller]
fn check(datagrams: &[(u64, &str)], want: &[&str]) {
    let mut session = session(None);
    let mut got = Vec::new();
    for (ms, text) in datagrams {
        while session.poll_timeout() <= at(*ms).elapsed {
            let due = u64::try_from(session.poll_timeout().as_millis()).unwrap();
            session.handle_timeout(at(due));
            got.extend(std::iter::from_fn(|| session.poll()).map(|action| format!("{due} {}", told(action))));
        }
        match *text {
            "" => {}
            "garbage" => session.receive(at(*ms), &[0, 19, 200, 1]),
            text => session.receive(at(*ms), &datagram(text, *ms)),
        }
        got.extend(std::iter::from_fn(|| session.poll()).map(|action| format!("{ms} {}", told(action))));
    }
    assert_eq!(got, want);
}

#[test]
fn groups_change_and_say_when_they_will() {
    check(
        &[
            (0, "2=6@3.0 10=3@20.0"),
            (100, "2=6@2.9 10=3@19.9"),
            (200, "#9 2=3 10=3"),
            (3_000, "2=8@3.0 10=3@17.0"),
            (6_000, "2=3 10=6"),
            (6_500, "2=3 10=8"),
        ],
        &[
            "0 up ",
            "0 4B at 0",
            "0 changes 3000 20000",
            "0 Normal ahead Some(0)",
            "3000 NB at 3000",
            "3000 changes 6000 20000",
            "3000 Normal ahead Some(0)",
            "6000 B4 at 6000",
            "6000 changes ? ?",
            "6000 Normal ahead Some(0)",
            "6500 B9 at 6500",
        ],
    );
}

#[test]
fn a_clock_that_is_off_moves_nothing() {
    check(
        &[(0, "+40 2=6@3.0 10=3"), (500, "+40 2=6@2.5 10=3")],
        &["0 up ", "0 4B at 0", "0 changes 3000 ?", "0 Normal ahead Some(40000)"],
    );
}

#[test]
fn status_bits_are_mode_and_alarms() {
    check(
        &[
            (0, "!2 2=9 10=9"),
            (100, "!8 2=3 10=3"),
            (200, "!9 2=1 10=1"),
            (300, "!13 2=3 10=3"),
            (400, "!0 2=3 10=3"),
        ],
        &[
            "0 up ",
            "0 failureFlash true",
            "0 cc at 0",
            "0 changes ? ?",
            "0 Flash ahead Some(0)",
            "100 failureFlash false",
            "100 failureMode true",
            "100 BB at 100",
            "100 Normal ahead Some(0)",
            "200 failureMode false",
            "200 bb at 200",
            "200 Dark ahead Some(0)",
            "300 up the cabinet says that it has no valid SPaT now",
            "300 -- at 300",
            "300 Normal ahead Some(0)",
            "400 up ",
            "400 manualControl true",
            "400 BB at 400",
            "400 Manual ahead Some(0)",
        ],
    );
}

#[test]
fn silence_is_a_lost_link_and_the_next_spat_brings_it_back() {
    check(
        &[(0, "2=6 10=3"), (4_000, "2=6 10=3"), (9_500, ""), (10_000, "2=6 4=3")],
        &[
            "0 up ",
            "0 4B at 0",
            "0 changes ? ?",
            "0 Normal ahead Some(0)",
            "4000 Normal ahead Some(0)",
            "9000 down no SPaT of the junction for 5 s; does the cabinet still send here?",
            "10000 up the SPaT does not tell of ped 10",
            "10000 4- at 10000",
            "10000 changes ? ?",
            "10000 Normal ahead Some(0)",
        ],
    );
}

#[test]
fn garbage_and_others_are_left_out() {
    check(&[(0, "garbage"), (10, "#8 2=6 10=3")], &["0 warn no J2735 message frame"]);
    let mut other = session(Some(85));
    other.receive(at(0), &datagram("2=6 10=3", 0));
    assert_eq!(other.poll(), None, "another region's intersection of the same number");
}

#[test]
fn nothing_can_be_ordered() {
    let mut session = session(Some(84));
    let ask = |session: &mut Box<dyn Session>, what: Asked| {
        session.order(Order { number: 1, what });
        std::iter::from_fn(|| session.poll()).map(told).collect::<Vec<_>>()
    };
    assert_eq!(ask(&mut session, Asked::Now), ["None"]);
    assert_eq!(
        ask(&mut session, Asked::AggregatedStatus),
        ["Refused(\"SPaT is a broadcast: nothing can be asked of it\")"]
    );
    session.receive(at(0), &datagram("2=6 10=3", 0));
    let now = ask(&mut session, Asked::Now).pop().unwrap();
    assert!(now.contains("mode: Some(Normal)"), "{now}");
}
