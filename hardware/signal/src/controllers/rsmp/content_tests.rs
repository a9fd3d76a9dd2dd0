//! Tables over what an introduced site tells: values, alarms, nonsense.

use std::sync::Arc;
use std::time::Duration;

use hardware_ports::sink::SignalReport;
use models_domain::JunctionId;
use models_domain::signal::order::Mode;

use super::CONTROLLER;
use super::supervisor_tests::{GROUPS_NOW, INTRODUCED, START, SUBSCRIBE, VERSION, WATCHDOG, check, settings};
use crate::controllers::{Action, At, KnownSite, SessionSettings, Synchrony};

fn status(id: &str, at: &str, groups: &str, quality: &str) -> String {
    format!(
        r#"{{"type":"StatusUpdate","mId":"{id}","cId":"TC","sTs":"2026-01-01T00:00:{at}.000Z","sS":[
        {{"sCI":"S0001","n":"signalgroupstatus","s":"{groups}","q":"{quality}"}},
        {{"sCI":"S0001","n":"cyclecounter","s":"20","q":"{quality}"}},
        {{"sCI":"S0001","n":"stage","s":"2","q":"{quality}"}}]}}"#
    )
}

#[test]
fn live_values_are_kept_then_acknowledged() {
    let subscribed = [VERSION, "ack", WATCHDOG, "+1", "ack", "+1", "ack", "+1"];
    let live = status("s", "03", "11BB", "recent");
    let other = live.replace(r#""cId":"TC""#, r#""cId":"DL1""#);
    let broken = live.replace("11BB", r"11\u0007BB");
    check(
        &[&subscribed[..], &[&live, &other, &broken]].concat(),
        &[
            INTRODUCED,
            &format!("1 {GROUPS_NOW}"),
            &format!("2 {SUBSCRIBE}"),
            "3 keep 11BB of 3 s now stage 2 cycle 20 | ack s | ack s | warn message refused: S0001 signalgroupstatus must be \
             at most 255 of a-h A-G 0-9 N-P | not ack s: S0001 signalgroupstatus must be at most 255 of a-h A-G 0-9 N-P",
        ],
    );
}

/// On change each value comes by itself, and the stage may change while the lamps stay.
#[test]
fn a_stage_without_groups_is_told_with_those_that_were_told_last() {
    let alone = |id: &str, stage: &str, quality: &str| {
        format!(
            r#"{{"type":"StatusUpdate","mId":"{id}","cId":"TC","sTs":"2026-01-01T00:00:04.000Z","sS":[
            {{"sCI":"S0001","n":"stage","s":"{stage}","q":"{quality}"}}]}}"#
        )
    };
    let groups = status("s", "03", "11BB", "recent");
    let told = [
        // Of lamps of which nothing is known yet.
        alone("a", "1", "recent"),
        groups,
        alone("b", "3", "recent"),
        alone("c", "4", "old"),
        alone("d", "5", "unknown"),
    ];
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    let subscribed = [VERSION, "ack", WATCHDOG, "+1", "ack", "+1", "ack", "+1"];
    check(
        &[&subscribed[..], &told[..]].concat(),
        &[
            INTRODUCED,
            &format!("1 {GROUPS_NOW}"),
            &format!("2 {SUBSCRIBE}"),
            "3 ack a | keep 11BB of 3 s now stage 2 cycle 20 | ack s | keep stage Some(3) with 11BB | ack b | ack c | ack d",
        ],
    );
}

#[test]
fn buffered_values_go_before_our_requests_and_keep_their_time() {
    let old = |id: &str, at: &str, groups: &str| status(id, at, groups, "old");
    check(
        &[
            VERSION,
            "ack",
            WATCHDOG,
            "ack",
            "+1",
            &old("a", "00", "BB11"),
            "+1",
            &old("b", "01", "BBNN"),
            "+1",
            // A controller whose clock runs ahead: not later than now.
            &old("c", "59", "BBBB"),
            "+1",
            "ack",
            "+1",
        ],
        &[
            INTRODUCED,
            "1 keep BB11 of 0 s old stage 2 cycle 20 | ack a",
            "2 keep BBNN of 1 s old stage 2 cycle 20 | ack b",
            "3 keep BBBB of 3 s old stage 2 cycle 20 | ack c",
            &format!("4 {GROUPS_NOW}"),
        ],
    );
}

#[test]
fn groups_that_are_not_to_be_had_are_remarked() {
    let unknown = |quality: &str| {
        format!(
            r#"{{"type":"StatusResponse","mId":"r","cId":"TC","sTs":"2026-01-01T00:00:00.000Z","sS":[
            {{"sCI":"S0001","n":"signalgroupstatus","s":null,"q":"{quality}"}}]}}"#
        )
    };
    let refused =
        r#"{"type":"MessageNotAck","oMId":"00000000-0000-4000-8000-000000000000","rea":"no S0001\u0007"}"#;
    check(
        &[
            VERSION,
            "ack",
            WATCHDOG,
            "+1",
            "ack",
            &unknown("undefined"),
            &unknown("undefined"),
            &unknown("unknown"),
            "+1",
            refused,
        ],
        &[
            INTRODUCED,
            &format!(
                "1 up no signal groups: component \"TC\" has no such component | ack r | ack r | \
                 up no signal groups: component \"TC\" does not know them now | ack r | {GROUPS_NOW}"
            ),
            "2 up the site refused our StatusRequest: no S0001",
        ],
    );
}

/// Watchdogs go on and the lamps as they were told last with them, unless it is said that nobody knows them.
#[test]
fn groups_that_the_site_does_not_know_any_more_are_told_as_unknown() {
    let unknown = |quality: &str| {
        format!(
            r#"{{"type":"StatusUpdate","mId":"u","cId":"TC","sTs":"2026-01-01T00:00:04.000Z","sS":[
            {{"sCI":"S0001","n":"signalgroupstatus","s":null,"q":"{quality}"}}]}}"#
        )
    };
    let (live, again) = (status("s", "03", "11BB", "recent"), status("t", "07", "BB11", "recent"));
    let up = "up no signal groups: component \"TC\"";
    check(
        &[
            VERSION,
            "ack",
            WATCHDOG,
            "+1",
            "ack",
            "+1",
            "ack",
            "+1",
            &live,
            "+2",
            &unknown("unknown"),
            "+1",
            &unknown("undefined"),
            "+1",
            &again,
        ],
        &[
            INTRODUCED,
            &format!("1 {GROUPS_NOW}"),
            &format!("2 {SUBSCRIBE}"),
            "3 keep 11BB of 3 s now stage 2 cycle 20 | ack s",
            // Since when it has not known them it does not say: maybe since its last word of them.
            &format!("5 keep ---- of 5 s now late 2 s | {up} does not know them now | ack u"),
            &format!("6 keep ---- of 6 s now late 1 s | {up} has no such component | ack u"),
            "7 up  | keep BB11 of 7 s now stage 2 cycle 20 | ack t",
        ],
    );
}

/// What comes of a link of its own, over which the site says so.
fn link(settings: &SessionSettings, messages: &[&str]) -> Vec<Action> {
    let at = At { utc: START, elapsed: Duration::ZERO, synchrony: Synchrony::Synchronised };
    let mut session = (CONTROLLER.opener().unwrap())(at, settings.clone());
    for message in messages {
        session.receive(at, format!("{{\"mType\":\"rSMsg\",{}\u{c}", &message[1..]).as_bytes());
    }
    std::iter::from_fn(|| session.poll()).collect()
}

/// The last lamps of a link that was lost, and those that a configuration names, stand elsewhere until they are told anew.
#[test]
fn groups_of_the_link_before_are_unknown_too() {
    let unknown = r#"{"type":"StatusResponse","mId":"u","cId":"TC","sTs":"2026-01-01T00:00:04.000Z","sS":[
        {"sCI":"S0001","n":"signalgroupstatus","s":null,"q":"unknown"}]}"#;
    let told = |settings: &SessionSettings, messages: &[&str]| -> Vec<String> {
        let groups = |action: Action| match action {
            Action::Keep(SignalReport::Groups { groups, .. }) => Some(groups.groups),
            Action::Keep(_)
            | Action::Identified { .. }
            | Action::Up { .. }
            | Action::Send(_)
            | Action::Answered { .. }
            | Action::Down { .. }
            | Action::Warn(_)
            | Action::Close { .. } => None,
        };
        link(settings, messages).into_iter().filter_map(groups).collect()
    };
    let site = settings();
    let live = status("s", "03", "11BB", "recent");
    assert_eq!(told(&site, &[VERSION, WATCHDOG, unknown]), Vec::<String>::new(), "nothing of it stands");
    assert_eq!(told(&site, &[VERSION, WATCHDOG, &live]), ["11BB"]);
    assert_eq!(told(&site, &[VERSION, WATCHDOG, unknown]), ["----"]);
    let mut known = KnownSite::new(JunctionId::new("kim-ma").unwrap(), "TC");
    known.groups = vec!["SG1".into(), "SG2".into()];
    let named = SessionSettings { sites: Arc::new([("HN+AG1".to_owned(), known)].into()), ..settings() };
    assert_eq!(told(&named, &[VERSION, WATCHDOG, unknown]), ["--"]);
}

/// How it ran when the link was lost says nothing of now; that it ever said so does.
#[test]
fn a_mode_that_was_told_over_the_link_before_is_unknown_too() {
    let told = |settings: &SessionSettings, values: &[(&str, &str, &str)]| -> Vec<Mode> {
        let value = |(code, is, quality): &(&str, &str, &str)| {
            format!(r#"{{"sCI":"{code}","n":"status","s":{is},"q":"{quality}"}}"#)
        };
        let values: Vec<String> = values.iter().map(value).collect();
        let status = format!(
            r#"{{"type":"StatusUpdate","mId":"s","cId":"TC","sTs":"2026-01-01T00:00:00.000Z","sS":[{}]}}"#,
            values.join(",")
        );
        let mode = |action: Action| {
            if let Action::Keep(SignalReport::Now { now, .. }) = action { now.mode } else { None }
        };
        link(settings, &[VERSION, WATCHDOG, &status]).into_iter().filter_map(mode).collect()
    };
    let site = settings();
    let runs = [("S0007", "\"True\"", "recent"), ("S0008", "\"False\"", "recent")];
    assert_eq!(told(&site, &runs), [Mode::Normal]);
    for quality in ["unknown", "undefined"] {
        let lost = ("S0008", "null", quality);
        assert_eq!(told(&site, &[runs[0], lost]), [Mode::Unknown], "{quality}");
        assert_eq!(told(&site, &[runs[0], ("S0012", "null", quality)]), [Mode::Normal], "it never said so");
        // Another site, or the agent was started anew.
        assert_eq!(told(&settings(), &[runs[0], lost]), [Mode::Normal], "{quality}");
    }
}

#[test]
fn alarms_are_told_from_the_first_moment_in_every_state() {
    let alarm = |id: &str, how: &str, active: &str, ack: &str, suspended: &str| {
        format!(
            r#"{{"type":"Alarm","mId":"{id}","cId":"DL1","aCId":"A0302","xACId":"loop 4","xNACId":"","aSp":"{how}","ack":"{ack}",
            "aS":"{active}","sS":"{suspended}","aTs":"2026-01-01T00:00:00.500Z","cat":"D","pri":"2",
            "rvs":[{{"n":"detector","v":"1"}},{{"n":"manual","v":null}}]}}"#
        )
    };
    let text = |state: &str| format!("keep alarm A0302 DL1 of 0 s{state} p2 \"loop 4, detector=1\"");
    check(
        &[
            VERSION,
            "ack",
            &alarm("a", "Issue", "Active", "notAcknowledged", "notSuspended"),
            WATCHDOG,
            &alarm("b", "Acknowledge", "Active", "Acknowledged", "notSuspended"),
            &alarm("c", "Suspend", "inactive", "acknowledged", "suspended"),
            &alarm("d", "Issue", "perhaps", "Acknowledged", "notSuspended"),
            r#"{"type":"Alarm","mId":"e","cId":"DL1","aCId":"A0302","xACId":"","xNACId":"","aSp":"Request"}"#,
        ],
        &[&format!(
            "0 identified HN+AG1 | ack v | version 3.2.2  | {} | ack a | up  | ack w | {} | ack b | {} | ack c | \
             warn message refused: Alarm: aS must be one of inactive, active | \
             not ack d: Alarm: aS must be one of inactive, active | \
             warn message refused: Alarm: missing field `ack` | not ack e: Alarm: missing field `ack`",
            text(" active"),
            text(" active acknowledged"),
            text(" acknowledged suspended"),
        )],
    );
}

#[test]
fn nonsense_is_refused_and_the_link_lives() {
    check(
        &[
            VERSION,
            "ack",
            WATCHDOG,
            "ack",
            VERSION,
            r#"{"type":"Watchdddog","mId":"x"}"#,
            r#"{"type":"CommandRequest","mId":"y"}"#,
            r#"{"type":"CommandResponse","mId":"z","cId":"TC","cTS":"","rvs":[]}"#,
            r#"{"type":"MessageAck","oMId":"nobody's"}"#,
            "[1,2]",
        ],
        &[&format!(
            "{INTRODUCED} | warn message refused: Version was exchanged already | not ack v: Version was exchanged already \
             | warn message refused: Unknown packet type: Watchdddog | not ack x: Unknown packet type: Watchdddog \
             | warn message refused: CommandRequest is for sites; this is a supervisor \
             | not ack y: CommandRequest is for sites; this is a supervisor | ack z \
             | warn unreadable packet: mType must be \"rSMsg\""
        )
        .replace(" | watchdog 2026-01-01T00:00:00.000Z", "")],
    );
}

#[test]
fn endless_nonsense_ends_the_link() {
    let mut lines = vec![VERSION, "ack", WATCHDOG];
    lines.extend(["{"; 21]);
    let mut want = "0 identified HN+AG1 | ack v | version 3.2.2  | up  | ack w".to_owned();
    want += &" | warn unreadable packet: not JSON: EOF while parsing a value at line 1 column 17".repeat(21);
    want += " | close: too many unreadable packets";
    check(&lines, &[&want]);
}

/// Every prefix and every single flipped bit of real messages, in every phase: no panic, and the machine stays bounded.
#[test]
fn damaged_messages_never_panic() {
    let update = status("s", "03", "11BB", "recent");
    let messages = [VERSION, WATCHDOG, update.as_str()]
        .map(|text| format!("{{\"mType\":\"rSMsg\",{}\u{c}", &text[1..]).into_bytes());
    let at = At { utc: START, elapsed: Duration::ZERO, synchrony: Synchrony::Synchronised };
    let play = |bytes: &[u8]| {
        for introduced in 0..3 {
            let mut session = (CONTROLLER.opener().unwrap())(at, settings());
            for message in &messages[..introduced] {
                session.receive(at, message);
            }
            session.receive(at, bytes);
            session.handle_timeout(at);
            let actions = std::iter::from_fn(|| session.poll()).count();
            assert!(actions < 16, "{actions} actions from {bytes:?}");
        }
    };
    for message in &messages {
        for length in 0..message.len() {
            play(&message[..length]);
        }
        for bit in 0..message.len() * 8 {
            let mut damaged = message.clone();
            damaged[bit / 8] ^= 1 << (bit % 8);
            play(&damaged);
        }
    }
}

#[test]
fn counts_are_kept_and_buffered_ones_in_their_place() {
    let update = |id: &str, component: &str, at: &str, values: &str| {
        let value = |text: &str| {
            let (name, value) = text.split_once('=').unwrap();
            let (code, name) = name.split_once('.').unwrap();
            let quality = if id == "old" { "old" } else { "recent" };
            format!(r#"{{"sCI":"{code}","n":"{name}","s":"{value}","q":"{quality}"}}"#)
        };
        let values: Vec<String> = values.split(' ').map(value).collect();
        format!(
            r#"{{"type":"StatusUpdate","mId":"{id}","cId":"{component}","sTs":"2026-01-01T00:00:{at}.000Z","sS":[{}]}}"#,
            values.join(",")
        )
    };
    let old = update("old", "TC", "01", "S0205.start=2026-01-01T00:00:00.000Z S0205.vehicles=2,5");
    let live = update("s", "TC", "09", "S0205.start=2026-01-01T00:00:01.000Z S0205.vehicles=3,-1");
    let odd = update("o", "TC", "09", "S0205.start=yesterday S0205.vehicles=3");
    check(
        // The buffered one holds our requests back.
        &[VERSION, "ack", WATCHDOG, "ack", "+1", &old, "+1", &live, &odd],
        &[
            INTRODUCED,
            "1 keep detectors 1: 2 of 1 s to 1 s, 2: 5 of 1 s to 1 s | ack old",
            "2 keep detectors 1: 3 of 8 s to 2 s | ack s | \
             warn S0205: start must be a time such as 2015-06-08T11:49:03.293Z, not \"yesterday\" | ack o",
        ],
    );
}
