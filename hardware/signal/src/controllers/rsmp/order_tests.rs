//! Orders from the desk to the wire and back, as tables.

use std::sync::Arc;
use std::time::Duration;

use models_domain::{JunctionId, UtcMillis};
use serde_json::{Value as Json, json};

use super::CONTROLLER;
use crate::controllers::{
    Action, Answer, Asked, At, KnownSite, Order, Session, SessionSettings, Synchrony, Timing,
};
use crate::order::{AlarmStep, Value};
use crate::security::{SecurityCode, SecurityCodes};

const ID: &str = "00000000-0000-4000-8000-000000000000";

fn at(second: u64) -> At {
    At {
        utc: UtcMillis(1_800_000_000_000 + second as i64 * 1000),
        elapsed: Duration::from_secs(second),
        synchrony: Synchrony::Synchronised,
    }
}

/// A session that is up, of a site with this version of the list; its own requests are sent and acknowledged.
fn session(sxl: &str) -> Box<dyn Session> {
    let two = Some(SecurityCode::new("1111"));
    session_with(sxl, SecurityCodes { two, ..SecurityCodes::default() })
}

fn session_with(sxl: &str, codes: SecurityCodes) -> Box<dyn Session> {
    session_of("3.2.2", sxl, codes)
}

fn session_of(core: &str, sxl: &str, codes: SecurityCodes) -> Box<dyn Session> {
    let known = KnownSite { codes, ..KnownSite::new(JunctionId::new("kim-ma").unwrap(), "TC") };
    let settings = SessionSettings {
        sites: Arc::new([("HN".to_owned(), known)].into()),
        supervisor_id: "hanoi".into(),
        timing: Timing { pace: Duration::ZERO, ..Timing::default() },
        new_message_id: || ID.to_owned(),
    };
    let mut session = (CONTROLLER.opener().unwrap())(at(0), settings);
    let version = json!({ "type": "Version", "mId": ID, "RSMP": [{ "vers": core }], "siteId": [{ "sId": "HN" }], "SXL": sxl });
    let watchdog = json!({ "type": "Watchdog", "mId": ID, "wTs": "2027-01-15T08:00:00.000Z" });
    for message in [version, ack(), watchdog] {
        hear(session.as_mut(), 0, message);
    }
    for _ in 0..6 {
        session.handle_timeout(at(1));
        hear(session.as_mut(), 1, ack());
    }
    session
}

fn ack() -> Json {
    json!({ "type": "MessageAck", "oMId": ID })
}

/// What the session does when the site says this.
fn hear(session: &mut dyn Session, second: u64, mut message: Json) -> Vec<String> {
    message["mType"] = json!("rSMsg");
    session.receive(at(second), format!("{message}\u{c}").as_bytes());
    drain(session)
}

fn order(session: &mut dyn Session, second: u64, what: Asked) -> Vec<String> {
    session.order(Order { number: 7, what });
    let told = drain(session);
    if !told.is_empty() {
        return told;
    }
    assert!(session.poll_timeout() <= at(second).elapsed, "an order goes at once");
    session.handle_timeout(at(second));
    drain(session)
}

/// Orders and answers; acknowledgements of ours are left out.
fn drain(session: &mut dyn Session) -> Vec<String> {
    let told = |action| match action {
        Action::Answered { number, answer } => Some(format!("{number} {answer:?}")),
        Action::Send(bytes) => {
            let message: Json = serde_json::from_slice(&bytes[..bytes.len() - 1]).unwrap();
            let kind = message["type"].as_str().unwrap().to_owned();
            let told = match kind.as_str() {
                "CommandRequest" => message["arg"].to_string(),
                "Alarm" => format!("{} {} {}", message["aSp"], message["aCId"], message["cId"]),
                "AggregatedStatusRequest" => message["cId"].to_string(),
                "StatusRequest" => message["sS"].to_string(),
                _ => return None,
            };
            Some(format!("{kind} {told}"))
        }
        Action::Warn(text) => Some(format!("warn {text}")),
        Action::Close { reason } => Some(format!("close {reason}")),
        Action::Identified { .. } | Action::Up { .. } | Action::Down { .. } | Action::Keep(_) => None,
    };
    std::iter::from_fn(|| session.poll()).filter_map(told).collect()
}

fn plan(number: i64) -> Asked {
    command("M0002", &[("status", Value::Boolean(true)), ("timeplan", Value::Integer(number))])
}

fn command(code: &str, values: &[(&str, Value)]) -> Asked {
    let values = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    Asked::Command { code: code.into(), component: None, values }
}

/// The site's answer to `plan`, with this plan and this age.
fn answer(number: &str, age: &str) -> Json {
    let value = |name: &str, value: &str| json!({ "cCI": "M0002", "n": name, "v": value, "age": age });
    let values = [value("status", "true"), value("securityCode", ""), value("timeplan", number)];
    json!({ "type": "CommandResponse", "mId": ID, "cId": "TC", "cTS": "2027-01-15T08:00:02.000Z", "rvs": values })
}

#[test]
fn a_command_is_sent_and_read_back() {
    let mut session = session("1.2.1");
    assert_eq!(
        order(session.as_mut(), 2, plan(3)),
        [
            r#"CommandRequest [{"cCI":"M0002","cO":"setPlan","n":"status","v":"True"},{"cCI":"M0002","cO":"setPlan","n":"securityCode","v":"1111"},{"cCI":"M0002","cO":"setPlan","n":"timeplan","v":"3"}]"#
        ]
    );
    assert_eq!(hear(session.as_mut(), 2, ack()), Vec::<String>::new());
    assert_eq!(hear(session.as_mut(), 3, answer("3", "recent")), ["7 Done"]);
    assert_eq!(hear(session.as_mut(), 3, answer("3", "recent")), Vec::<String>::new());
}

#[test]
fn what_else_may_become_of_a_command() {
    #[track_caller]
    fn check(said: Json, want: &str) {
        let mut session = session("1.2.1");
        order(session.as_mut(), 2, plan(3));
        assert_eq!(hear(session.as_mut(), 3, said), [want]);
    }
    check(answer("2", "recent"), r#"7 Otherwise("timeplan is \"2\", not \"3\"")"#);
    check(answer("3", "undefined"), r#"7 Refused("the controller has no such component or command")"#);
    let refusal = json!({ "type": "MessageNotAck", "oMId": ID, "rea": "wrong security code" });
    let right = "is security code 2 right (security_code of the site)?";
    check(refusal, &format!(r#"7 Refused("wrong security code: {right}")"#));
    let refusal = json!({ "type": "MessageNotAck", "oMId": ID, "rea": "felaktig kod 1111" });
    check(refusal, &format!(r#"7 Refused("felaktig kod ***: {right}")"#));
    let refusal = json!({ "type": "MessageNotAck", "oMId": ID });
    check(refusal, &format!(r#"7 Refused("the controller does not say why: {right}")"#));
    let refusal = json!({ "type": "MessageNotAck", "oMId": ID, "rea": "there is no plan 3" });
    check(refusal, r#"7 Refused("there is no plan 3")"#);
    let mut session = session("1.2.1");
    order(session.as_mut(), 2, plan(3));
    hear(session.as_mut(), 2, ack());
    session.handle_timeout(at(31));
    session.handle_timeout(at(32));
    assert_eq!(drain(session.as_mut()), ["7 None"]);
}

#[test]
fn what_the_sites_list_does_not_allow_is_never_sent() {
    #[track_caller]
    fn check(sxl: &str, asked: Asked, want: &str) {
        assert_eq!(order(session(sxl).as_mut(), 2, asked), [format!("7 Refused({want:?})")]);
    }
    check("1.2.1", plan(0), "M0002: timeplan must be a whole number from 1 to 255, not \"0\"");
    check("1.2.1", command("M0999", &[]), "there is no command \"M0999\"");
    check("1.0.15", command("M0023", &[]), "command M0023 is not in the site's signal exchange list");
    check(
        "1.1",
        command("M0004", &[("x", Value::Boolean(true))]),
        "M0004 has no argument \"x\" in the site's signal exchange list; M0004: status is missing",
    );
    let secret = [("status", Value::Boolean(true)), ("securityCode", Value::Integer(1234))];
    check("1.1", command("M0004", &secret), "M0004: securityCode cannot be sent");
}

/// Each command says which of the two it needs, before anything is sent.
#[test]
fn a_code_that_is_not_configured_is_told() {
    let told = |code: &str, values: &[(&str, Value)]| {
        order(session_with("1.2.1", SecurityCodes::default()).as_mut(), 2, command(code, values)).join("")
    };
    assert_eq!(
        told("M0004", &[("status", Value::Boolean(true))]),
        r#"7 Refused("M0004 needs security code 2, and the site has no security_code")"#
    );
    let numbers = ["year", "month", "day", "hour", "minute", "second"].map(|name| (name, Value::Integer(1)));
    assert_eq!(
        told("M0104", &numbers),
        r#"7 Refused("M0104 needs security code 1, and the site has no security_code_1")"#
    );
}

fn alarm(kind: &str, component: &str, acknowledged: &str, suspended: &str) -> serde_json::Value {
    json!({
        "type": "Alarm", "mId": ID, "cId": component, "aCId": "A0302", "xACId": "Lamp error #14", "aSp": kind,
        "ack": acknowledged, "aS": "Active", "sS": suspended, "aTs": "2027-01-15T08:00:00.000Z", "cat": "D", "pri": "3", "rvs": [],
    })
}

#[test]
fn the_sites_own_word_says_what_became_of_an_alarm() {
    let mut session = session("1.2.1");
    let said = |told: Vec<String>| told.into_iter().filter(|line| line.starts_with("7 ")).collect::<Vec<_>>();
    let ask =
        |step| Asked::Alarm { component: "DL1".into(), code: "A0302".into(), external: String::new(), step };
    hear(session.as_mut(), 2, alarm("Issue", "DL1", "notAcknowledged", "notSuspended"));
    let sent = order(session.as_mut(), 2, ask(AlarmStep::Acknowledge));
    assert_eq!(sent, ["Alarm \"Acknowledge\" \"A0302\" \"DL1\""]);
    hear(session.as_mut(), 2, ack());
    // The answer to one could be taken for an answer to the other.
    let second = order(session.as_mut(), 2, ask(AlarmStep::Suspend));
    assert_eq!(second, ["7 Refused(\"another step for this alarm is under way\")"]);
    // Another alarm, and the same told once more, are no answers.
    let other = alarm("Acknowledge", "DL2", "Acknowledged", "notSuspended");
    assert_eq!(said(hear(session.as_mut(), 2, other)), Vec::<String>::new());
    let again = alarm("Issue", "DL1", "notAcknowledged", "notSuspended");
    assert_eq!(said(hear(session.as_mut(), 2, again)), Vec::<String>::new());
    let not = alarm("Acknowledge", "DL1", "notAcknowledged", "notSuspended");
    let told = said(hear(session.as_mut(), 2, not));
    assert_eq!(told, ["7 Otherwise(\"the controller says that the alarm is not acknowledged\")"]);
    // Some sites answer to Resume with the word Suspend.
    order(session.as_mut(), 2, ask(AlarmStep::Resume));
    hear(session.as_mut(), 2, ack());
    let resumed = alarm("Suspend", "DL1", "notAcknowledged", "notSuspended");
    assert_eq!(said(hear(session.as_mut(), 2, resumed)), ["7 Done"]);
}

#[test]
fn alarms_and_the_aggregated_status() {
    let mut session = session("1.2.1");
    for (step, name) in [
        (AlarmStep::Acknowledge, "Acknowledge"),
        (AlarmStep::Suspend, "Suspend"),
        (AlarmStep::Resume, "Resume"),
        (AlarmStep::Request, "Request"),
    ] {
        let asked =
            Asked::Alarm { component: "DL1".into(), code: "A0302".into(), external: String::new(), step };
        assert_eq!(order(session.as_mut(), 2, asked), [format!("Alarm \"{name}\" \"A0302\" \"DL1\"")]);
        // The acknowledgement says only that the message came.
        assert_eq!(hear(session.as_mut(), 2, ack()), Vec::<String>::new());
        let suspended = if name == "Suspend" { "Suspended" } else { "notSuspended" };
        // A site answers a request as if it had just found the alarm.
        let kind = if name == "Request" { "Issue" } else { name };
        let told = hear(session.as_mut(), 2, alarm(kind, "DL1", "Acknowledged", suspended));
        assert_eq!(told.last().map(String::as_str), Some("7 Done"), "{told:?}");
    }
    assert_eq!(order(session.as_mut(), 3, Asked::AggregatedStatus), ["AggregatedStatusRequest \"TC\""]);
    assert_eq!(hear(session.as_mut(), 3, ack()), ["7 Done"]);
}

#[test]
fn an_older_core_is_not_asked_for_what_it_has_no_message_for() {
    let request = Asked::Alarm {
        component: "DL1".into(),
        code: "A0302".into(),
        external: String::new(),
        step: AlarmStep::Request,
    };
    for core in ["3.1.2", "3.1.3", "3.1.4"] {
        let mut session = session_of(core, "1.0.15", SecurityCodes::default());
        let why = format!("RSMP {core} has no request for this: the site tells it when it connects");
        for asked in [request.clone(), Asked::AggregatedStatus] {
            assert_eq!(order(session.as_mut(), 2, asked), [format!("7 Refused({why:?})")]);
        }
    }
    let mut session = session_of("3.1.5", "1.0.15", SecurityCodes::default());
    assert_eq!(order(session.as_mut(), 2, request), [r#"Alarm "Request" "A0302" "DL1""#]);
}

#[test]
fn nothing_is_sent_before_the_link_is_up_and_no_code_is_printed() {
    let settings = SessionSettings {
        sites: Arc::default(),
        supervisor_id: "hanoi".into(),
        timing: Timing::default(),
        new_message_id: || ID.to_owned(),
    };
    let mut session = (CONTROLLER.opener().unwrap())(at(0), settings);
    session.order(Order { number: 1, what: plan(1) });
    let refused = Answer::Refused("the link to the controller is not up".into());
    assert_eq!(session.poll(), Some(Action::Answered { number: 1, answer: refused }));
    let secret = command("M0002", &[("securityCode", Value::Text("1111".into()))]);
    assert!(!format!("{secret:?}").contains("1111"));
}

#[test]
fn a_code_that_a_site_repeats_is_in_no_text_and_none_is_long() {
    let unlike = |kind: &str, field: &str| {
        let mut message = json!({ "type": kind, "mId": ID, "cId": "TC", "se": [true, true, true, true, true, true, true, true],
            "sTs": "2027-01-15T08:00:00.000Z", "sS": [] });
        message[field] = json!("say 1111");
        message
    };
    let long = "1111 and more ".repeat(100);
    for message in [
        answer("1111", "recent"),
        answer(&long, "recent"),
        unlike("StatusUpdate", "sTs"),
        unlike("StatusUpdate", "sS"),
        unlike("AggregatedStatus", "cId"),
        unlike("AggregatedStatus", "se"),
        unlike("", "type"),
    ] {
        let mut session = session("1.2.1");
        order(session.as_mut(), 2, plan(3));
        hear(session.as_mut(), 2, ack());
        let told = hear(session.as_mut(), 2, message);
        assert!(!told.is_empty() && told.iter().all(|line| line.len() < 300), "{told:?}");
        assert!(!told.iter().any(|line| line.contains("1111")), "{told:?}");
    }
}

#[test]
fn mode_and_plan_are_read_and_answered() {
    let mut session = session("1.2.1");
    let sent = order(session.as_mut(), 2, Asked::Now);
    assert!(sent.len() == 1 && sent[0].contains("StatusRequest"), "{sent:?}");
    hear(session.as_mut(), 2, ack());
    let value =
        |code: &str, name: &str, value: &str| json!({ "sCI": code, "n": name, "s": value, "q": "recent" });
    let values =
        [value("S0007", "status", "True"), value("S0014", "status", "3"), value("S0014", "source", "forced")];
    let answer = json!({ "type": "StatusResponse", "mId": ID, "cId": "TC", "sTs": "2027-01-15T08:00:00.000Z", "sS": values });
    let told = hear(session.as_mut(), 3, answer).join("\n");
    assert!(told.contains("plan: Some(3), plan_forced: Some(true)"), "{told}");
}
