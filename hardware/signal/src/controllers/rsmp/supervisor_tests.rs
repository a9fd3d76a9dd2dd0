//! Tables over the conversation, in simulated time: what the site says, and what comes of it.

use std::sync::Arc;
use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::signal::detector::Reading;
use models_domain::{DurationMs, JunctionId, UtcMillis};
use serde_json::Value;

use super::CONTROLLER;
use crate::controllers::{Action, At, KnownSite, Session, SessionSettings, Synchrony, Timing};

/// 2026-01-01T00:00:00Z.
pub const START: UtcMillis = UtcMillis(1_767_225_600_000);

pub fn settings() -> SessionSettings {
    let known = KnownSite::new(JunctionId::new("kim-ma").unwrap(), "TC");
    SessionSettings {
        sites: Arc::new([("HN+AG1".to_owned(), known)].into()),
        supervisor_id: "hanoi".into(),
        timing: Timing {
            introduction: Duration::from_secs(10),
            acknowledgement: Duration::from_secs(30),
            watchdog_interval: Duration::from_secs(60),
            watchdog_timeout: Duration::from_secs(150),
            pace: Duration::from_secs(1),
            counts_interval: Duration::from_secs(60),
        },
        new_message_id: || "00000000-0000-4000-8000-000000000000".into(),
    }
}

/// The line for one action; acknowledgements name the number they answer.
fn told(action: Action) -> String {
    match action {
        Action::Send(packet) => {
            let message: Value = serde_json::from_slice(packet.strip_suffix(b"\x0c").unwrap()).unwrap();
            assert_eq!(message["mType"], "rSMsg");
            let text = |field: &str| message[field].as_str().unwrap_or_default().to_owned();
            match message["type"].as_str().unwrap() {
                "MessageAck" => format!("ack {}", text("oMId")),
                "MessageNotAck" => format!("not ack {}: {}", text("oMId"), text("rea")),
                "Version" => {
                    format!("version {} {}", message["RSMP"][0]["vers"].as_str().unwrap(), text("step"))
                }
                "Watchdog" => format!("watchdog {}", text("wTs")),
                kind => {
                    let first = &message["sS"][0];
                    format!("{kind} {} {} {} {}", text("cId"), first["n"], first["uRt"], first["sOc"])
                }
            }
        }
        Action::Identified { site } => format!("identified {site}"),
        Action::Up { remark } => format!("up {remark}"),
        Action::Keep(SignalReport::Groups { at, groups, .. }) => format!(
            "keep {} of {} s {}{}{}{}",
            groups.groups,
            at.since(START).0 / 1000,
            if groups.old { "old" } else { "now" },
            groups.stage.map(|stage| format!(" stage {stage}")).unwrap_or_default(),
            groups.cycle_s.map(|cycle| format!(" cycle {cycle}")).unwrap_or_default(),
            if groups.late.0 > 0 { format!(" late {} s", groups.late.0 / 1000) } else { String::new() },
        ),
        Action::Keep(SignalReport::Stage { groups, .. }) => {
            format!("keep stage {:?} with {}", groups.stage, groups.groups)
        }
        Action::Keep(SignalReport::Alarm { at, alarm, .. }) => format!(
            "keep alarm {} {} of {} s{}{}{} p{} {:?}",
            alarm.code,
            alarm.component,
            at.since(START).0 / 1000,
            if alarm.active { " active" } else { "" },
            if alarm.acknowledged { " acknowledged" } else { "" },
            if alarm.suspended { " suspended" } else { "" },
            alarm.priority,
            alarm.description,
        ),
        Action::Keep(SignalReport::Link { .. }) => "keep link".into(),
        Action::Keep(SignalReport::Aggregated { status, .. }) => {
            format!("keep aggregated in use: {}", status.in_use)
        }
        Action::Keep(SignalReport::Changes { .. }) => "keep changes".into(),
        Action::Keep(SignalReport::Detectors { readings, .. }) => {
            let told = |(number, r): &(u16, Reading)| {
                format!(
                    "{number}: {} of {} s to {} s",
                    r.vehicles.unwrap_or(0),
                    r.interval.0 / 1000,
                    r.at.since(START).0 / 1000
                )
            };
            format!("keep detectors {}", readings.iter().map(told).collect::<Vec<_>>().join(", "))
        }
        Action::Keep(SignalReport::Now { now, .. }) => format!("keep {:?} plan {:?}", now.mode, now.plan),
        Action::Answered { number, answer } => format!("answered {number}: {answer:?}"),
        Action::Warn(text) => format!("warn {text}"),
        Action::Down { reason } | Action::Close { reason } => format!("close: {reason}"),
    }
}

/// Plays the site's lines: JSON is sent (with `mType`), `+N` lets N seconds pass; `ack` acknowledges all our messages.
/// Each line of `want` begins with the second it happened in; lines of one second are joined by " | ".
#[track_caller]
pub fn check(lines: &[&str], want: &[&str]) {
    let mut second = 0;
    let at = |second: u64| At {
        utc: START + DurationMs(i64::try_from(second).unwrap() * 1000),
        elapsed: Duration::from_secs(second),
        synchrony: Synchrony::Synchronised,
    };
    let mut session = (CONTROLLER.opener().unwrap())(at(0), settings());
    let mut got: Vec<(u64, String)> = Vec::new();
    fn drain(session: &mut dyn Session, second: u64, got: &mut Vec<(u64, String)>) {
        // Each watchdog tells the site's clock, and each report of the groups its cycle: tests of their own.
        let clock = |action: &Action| matches!(action, Action::Keep(SignalReport::Now { now, .. }) if now.clock_ahead.or(now.cycle.map(|_| DurationMs(0))).is_some());
        let actions = std::iter::from_fn(|| session.poll()).filter(|action| !clock(action));
        got.extend(actions.map(|action| (second, told(action))));
    }
    for line in lines {
        if let Some(seconds) = line.strip_prefix('+') {
            for _ in 0..seconds.parse::<u64>().unwrap() {
                while session.poll_timeout() <= Duration::from_secs(second)
                    && !got.iter().any(|(_, line)| line.starts_with("close"))
                {
                    session.handle_timeout(at(second));
                    drain(session.as_mut(), second, &mut got);
                }
                second += 1;
            }
        } else {
            let text = match *line {
                "ack" => r#"{"type":"MessageAck","oMId":"00000000-0000-4000-8000-000000000000"}"#,
                text => text,
            };
            let packet = match text.strip_prefix('{') {
                Some(rest) => format!("{{\"mType\":\"rSMsg\",{rest}\u{c}"),
                None => format!("{text}\u{c}"),
            };
            session.receive(at(second), packet.as_bytes());
        }
        drain(session.as_mut(), second, &mut got);
    }
    let mut joined: Vec<(u64, String)> = Vec::new();
    for (second, line) in got {
        match joined.last_mut() {
            Some((last, text)) if *last == second => {
                text.push_str(" | ");
                text.push_str(&line);
            }
            _ => joined.push((second, line)),
        }
    }
    let joined: Vec<String> = joined.into_iter().map(|(second, text)| format!("{second} {text}")).collect();
    assert_eq!(joined, want);
}

pub const VERSION: &str = r#"{"type":"Version","mId":"v","RSMP":[{"vers":"3.1.5"},{"vers":"3.2.2"}],"siteId":[{"sId":"HN+AG1"}],"SXL":"1.2.1"}"#;
pub const WATCHDOG: &str = r#"{"type":"Watchdog","mId":"w","wTs":"2026-01-01T00:00:00.000Z"}"#;
pub const INTRODUCED: &str =
    "0 identified HN+AG1 | ack v | version 3.2.2  | up  | ack w | watchdog 2026-01-01T00:00:00.000Z";
pub const GROUPS_NOW: &str = r#"StatusRequest TC "signalgroupstatus" null null"#;
pub const NOW: &str = r#"StatusRequest TC "status" null null"#;
pub const NOW_SUBSCRIBE: &str = r#"StatusSubscribe TC "status" "0" true"#;
pub const COUNTS: &str = r#"StatusSubscribe TC "start" "60" false"#;
pub const SUBSCRIBE: &str = r#"StatusSubscribe TC "signalgroupstatus" "0" true"#;

#[test]
fn the_introduction_and_the_subscription() {
    check(
        &[VERSION, "ack", WATCHDOG, "+1", "ack", "+1", "ack", "+1", "ack", "+1"],
        &[INTRODUCED, &format!("1 {GROUPS_NOW}"), &format!("2 {SUBSCRIBE}"), &format!("3 {NOW}")],
    );
}

#[test]
fn our_requests_wait_for_the_acknowledgement_of_the_one_before() {
    check(
        &[VERSION, "ack", WATCHDOG, "+1", "ack", "+8", "ack", "+2"],
        &[INTRODUCED, &format!("1 {GROUPS_NOW}"), &format!("9 {SUBSCRIBE}")],
    );
}

#[test]
fn a_stranger_or_a_version_not_in_common_is_told_why() {
    check(
        &[&VERSION.replace("HN+AG1", "HN+AG9")],
        &[
            "0 not ack v: site id [HN+AG9] is not configured here | close: site id [HN+AG9] is not configured here",
        ],
    );
    check(
        &[&VERSION.replace("3.1.5", "3.1.1").replace("3.2.2", "9.0")],
        &[
            "0 not ack v: RSMP versions [3.1.1,9.0] requested, but only [3.1.2,3.1.3,3.1.4,3.1.5,3.2.0,3.2.1,3.2.2,3.3.0] \
           supported | close: RSMP versions [3.1.1,9.0] requested, but only [3.1.2,3.1.3,3.1.4,3.1.5,3.2.0,3.2.1,3.2.2,\
           3.3.0] supported",
        ],
    );
    check(&["GET / HTTP/1.1"], &["0 close: no RSMP Version: not JSON: expected value at line 1 column 1"]);
    check(
        &[r#"{"type":"Version","mId":"v"}"#],
        &[
            "0 not ack v: Version: missing field `RSMP` | close: no RSMP Version: Version: missing field `RSMP`",
        ],
    );
}

#[test]
fn the_newest_core_answers_in_its_own_shape() {
    let version = VERSION
        .replace("3.2.2", "3.3.0")
        .replace(r#""SXL":"1.2.1""#, r#""SXLS":[{"name":"tlc","version":"1.3.0"}]"#);
    check(&[&version], &["0 identified HN+AG1 | ack v | version 3.3.0 Response"]);
    // Then the site lists what it consists of; a name of the configuration that is not there is told.
    let list = r#"{"type":"ComponentList","mId":"l","components":[{"id":"TC","type":"main","name":"a"}]}"#;
    let other = list.replace("TC", "TC1");
    check(
        &[&version, "ack", WATCHDOG, list, &other, r#"{"type":"ComponentList","mId":"m"}"#],
        &["0 identified HN+AG1 | ack v | version 3.3.0 Response | up  | ack w | ack l | \
           warn the site does not list \"TC\" of the configuration among its components | ack l | \
           warn message refused: ComponentList: missing field `components` | \
           not ack m: ComponentList: missing field `components`"],
    );
}

#[test]
fn silence_ends_the_link() {
    check(&["+11"], &["10 close: no RSMP Version came in time"]);
    check(
        &[WATCHDOG, "+11"],
        &["0 warn a message before Version is left unanswered", "10 close: no RSMP Version came in time"],
    );
    check(
        &[VERSION, "+31"],
        &[
            "0 identified HN+AG1 | ack v | version 3.2.2 ",
            "30 close: the site did not acknowledge our Version in time",
        ],
    );
    check(
        &[VERSION, "ack", "+31"],
        &["0 identified HN+AG1 | ack v | version 3.2.2 ", "30 close: no Watchdog came after the Version"],
    );
    check(
        &[VERSION, "ack", WATCHDOG, "+31"],
        &[INTRODUCED, "30 close: the site did not acknowledge our Watchdog in time"],
    );
}

#[test]
fn a_missing_watchdog_ends_the_link_and_a_present_one_keeps_it() {
    let start = [
        VERSION, "ack", WATCHDOG, "+1", "ack", "+1", "ack", "+1", "ack", "+1", "ack", "+1", "ack", "+1",
        "ack", "+55", "ack", "+60", "ack",
    ];
    let told = [
        INTRODUCED,
        "1 REQUEST",
        "2 SUBSCRIBE",
        "3 NOW",
        "4 LATER",
        "5 COUNTS",
        "60 watchdog 2026-01-01T00:01:00.000Z",
        "120 watchdog 2026-01-01T00:02:00.000Z",
    ]
    .map(|line| {
        let words = [
            ("REQUEST", GROUPS_NOW),
            ("SUBSCRIBE", SUBSCRIBE),
            ("NOW", NOW),
            ("LATER", NOW_SUBSCRIBE),
            ("COUNTS", COUNTS),
        ];
        words
            .into_iter()
            .find(|(word, _)| line.ends_with(word))
            .map_or(line.to_owned(), |(word, text)| line.replace(word, text))
    });
    let mut want: Vec<&str> = told.iter().map(String::as_str).collect();
    want.push("150 close: the site's Watchdog is missing");
    check(&[&start[..], &["+30"]].concat(), &want);

    want.pop();
    want.extend([
        "121 warn the site's clock is off by -121 s; check its time source | ack w",
        "180 watchdog 2026-01-01T00:03:00.000Z",
    ]);
    check(&[&start[..], &[WATCHDOG, "+60"]].concat(), &want);
}

#[test]
fn mode_and_plan_are_kept_and_merged() {
    let update =
        r#"{"type":"StatusUpdate","mId":"s","cId":"TC","sTs":"2026-01-01T00:00:00.000Z","sS":[VALUES]}"#;
    let told = |values: &str| update.replace("VALUES", values);
    let both = r#"{"sCI":"S0007","n":"status","s":"True","q":"recent"},{"sCI":"S0014","n":"status","s":"2","q":"recent"}"#;
    let manual = r#"{"sCI":"S0008","n":"status","s":"True","q":"recent"}"#;
    let flash = r#"{"sCI":"S0011","n":"status","s":"True","q":"recent"}"#;
    let unknown = r#"{"sCI":"S0007","n":"status","s":null,"q":"unknown"}"#;
    check(
        &[VERSION, "ack", WATCHDOG, &told(both), &told(manual), &told(flash), &told(unknown)],
        &[&format!(
            "{} | keep Some(Normal) plan Some(2) | ack s | keep Some(Manual) plan Some(2) | ack s | keep Some(Flash) plan \
             Some(2) | ack s | keep Some(Unknown) plan Some(2) | ack s",
            INTRODUCED.split(" | watchdog").next().unwrap()
        )],
    );
}

/// What is told of the controller besides, by groups and by the whole state.
#[track_caller]
fn tells(lines: &[&str], want: &[&str]) {
    let at = At { utc: START, elapsed: Duration::ZERO, synchrony: Synchrony::Synchronised };
    let known = KnownSite { groups: vec!["SG1".into(), "SG2".into()], ..settings().sites["HN+AG1"].clone() };
    let sites = Arc::new([("HN+AG1".to_owned(), known)].into());
    let mut session = (CONTROLLER.opener().unwrap())(at, SessionSettings { sites, ..settings() });
    let ack = r#"{"type":"MessageAck","oMId":"00000000-0000-4000-8000-000000000000"}"#;
    let mut got = Vec::new();
    for line in [VERSION, ack, WATCHDOG].iter().chain(lines) {
        let rest = line.strip_prefix('{').unwrap();
        session.receive(at, format!("{{\"mType\":\"rSMsg\",{rest}\u{c}").as_bytes());
        while let Some(action) = session.poll() {
            match action {
                Action::Keep(SignalReport::Now { now, .. }) if now.cycle.is_some() => {
                    got.push(format!("cycle {}", now.cycle.unwrap().second));
                }
                Action::Keep(SignalReport::Changes { changes, .. }) => {
                    let s = |change: &models_domain::signal::Change| change.earliest.since(START).0 / 1_000;
                    let one =
                        |change: &Option<_>| change.as_ref().map_or("-".to_owned(), |c| s(c).to_string());
                    got.push(format!("changes {}", changes.iter().map(one).collect::<Vec<_>>().join(" ")));
                }
                Action::Keep(SignalReport::Aggregated { status, .. }) => {
                    let bits =
                        [status.local_mode, status.low_priority_fault, status.in_use, status.not_connected];
                    got.push(format!("aggregated {bits:?} {} {}", status.position, status.state));
                }
                Action::Keep(_)
                | Action::Identified { .. }
                | Action::Up { .. }
                | Action::Answered { .. }
                | Action::Down { .. }
                | Action::Warn(_)
                | Action::Close { .. } => {}
                Action::Send(bytes) => {
                    let text = String::from_utf8(bytes).unwrap();
                    if let Some((_, reason)) = text.split_once("\"rea\":") {
                        got.push(format!("refused {}", reason.split('"').nth(1).unwrap()));
                    }
                }
            }
        }
    }
    assert_eq!(got, want);
}

#[test]
fn groups_with_their_cycle_and_when_they_change() {
    let groups = |groups: &str, cycle: u32| {
        format!(
            r#"{{"type":"StatusUpdate","mId":"g","cId":"TC","sTs":"2026-01-01T00:00:00.000Z","sS":[{{"sCI":"S0001","n":"signalgroupstatus","s":"{groups}","q":"recent"}},{{"sCI":"S0001","n":"cyclecounter","s":"{cycle}","q":"recent"}}]}}"#
        )
    };
    let counter = r#"{"type":"StatusUpdate","mId":"c","cId":"TC","sTs":"2026-01-01T00:00:00.000Z","sS":[{"sCI":"S0001","n":"cyclecounter","s":"58","q":"recent"}]}"#;
    let foretold = r#"{"type":"StatusUpdate","mId":"f","cId":"SG2","sTs":"2026-01-01T01:00:00.000Z","sS":[{"sCI":"S0025","n":"minToGEstimate","s":"2026-01-01T01:00:20.000Z","q":"recent"},{"sCI":"S0025","n":"minToREstimate","s":"2026-01-01T01:00:50.000Z","q":"recent"}]}"#;
    tells(
        &[&groups("1B", 3), foretold, counter, &groups("B1", 30)],
        // Its clock is an hour ahead.
        &["cycle 3", "changes - 20", "cycle 58", "cycle 30", "changes - 50"],
    );
}

#[test]
fn the_whole_state_has_eight_bits() {
    let told = |bits: &str, more: &str| {
        format!(
            r#"{{"type":"AggregatedStatus","mId":"a","cId":"TC","aSTS":"2026-01-01T00:00:00.000Z","se":[{bits}]{more}}}"#
        )
    };
    tells(
        &[
            &told("true,false,false,false,true,true,false,false", r#","fP":"start","fS":null"#),
            &told("false,false,false,false,false,false,false,true", ""),
            &told("true", ""),
            // Core 3.1.2.
            &told(r#""False","false","false","false","TRUE","true","false","False""#, ""),
            &told(r#""perhaps""#, ""),
        ],
        &[
            "aggregated [true, true, true, false] start ",
            "aggregated [false, false, false, true]  ",
            "refused AggregatedStatus: se must have 8 states, not 1",
            "aggregated [false, true, true, false]  ",
            "refused AggregatedStatus: se must be true or false",
        ],
    );
}
