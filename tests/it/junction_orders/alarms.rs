//! An alarm of a controller acknowledged, suspended and resumed, with real programs: hall, zenoh, pole, RSMP over TCP, and
//! the controller's own word back on the page; who may, what is refused, and what the record says.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};
use serde_json::Value;
use tonic::Code;
use v1::city_service_client::CityServiceClient;
use v1::city_update::Update;
use v1::{SignalAlarmOutcome as Outcome, SignalAlarmStep as Step};

use super::hall::{Hall, Person};
use super::street::{WAIT, start_pole};

pub const AREAS: &str = "[[area]]\nid = \"ba-dinh\"\nname = \"Ba Đình\"\njunctions = [\"a\"]\n\
                     [[area]]\nid = \"hoan-kiem\"\nname = \"Hoàn Kiếm\"\njunctions = [\"b\"]\n";

/// One fault is there all day. `more`: of the site.
pub fn start_street(dir: &Path, rsmp: &str, more: &str) -> Running {
    let text = format!(
        "reconnect_s = 0.3\nwatchdog_s = 60.0\nacknowledgement_s = 20.0\nspeed = 1.0\nalarm_every_s = 86400.0\n\
         alarm_lasts_s = 86400.0\n[[site]]\njunction = \"a\"\nsite_id = \"HN+A\"\ncomponent = \"HN+A=001TC000\"\n\
         offset_s = 0\nyellow_s = 3\nall_red_s = 2\nwalk_clear_s = 4\ngroups = [\"vehicle\", \"vehicle\", \"walk\"]\n\
         stages = [{{ green_s = 12, groups = [1, 3] }}, {{ green_s = 12, groups = [2] }}]\n{more}"
    );
    fs::write(dir.join("street.toml"), text).unwrap();
    let mut command = Command::new(program("signal-simulator"));
    command.args(["--config", "street.toml", "--connect", rsmp]).current_dir(dir);
    let mut street = Running::start(&mut command);
    street.line_with(WAIT, |line| line.contains("ready"));
    street
}

/// The junction's alarms as a page that opens now sees them.
async fn seen(person: &Person<'_>) -> Vec<v1::SignalAlarm> {
    let mut city = CityServiceClient::new(person.channel());
    let mut updates = city.watch_city(person.with(v1::WatchCityRequest {})).await.unwrap().into_inner();
    let first = tokio::time::timeout(WAIT, updates.message()).await.unwrap().unwrap().unwrap();
    let Some(Update::Snapshot(snapshot)) = first.update else { panic!("{first:?}") };
    snapshot.junctions.into_iter().next().map(|junction| junction.active_alarms).unwrap_or_default()
}

async fn until(
    person: &Person<'_>,
    what: &str,
    reached: impl Fn(&v1::SignalAlarm) -> bool,
) -> v1::SignalAlarm {
    let until = tokio::time::Instant::now() + WAIT;
    loop {
        let alarms = seen(person).await;
        if let Some(alarm) = alarms.iter().find(|alarm| reached(alarm)) {
            return alarm.clone();
        }
        assert!(tokio::time::Instant::now() < until, "{what}: {alarms:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn handle(
    person: &Person<'_>,
    alarm: &v1::SignalAlarm,
    step: Step,
    purpose: &str,
) -> Result<(Outcome, String), tonic::Status> {
    let asked = v1::HandleAlarmRequest {
        junction: "a".into(),
        code: alarm.code.clone(),
        component: alarm.component.clone(),
        step: step.into(),
        purpose: purpose.into(),
    };
    let answer = person.calls().handle_alarm(person.with(asked)).await?.into_inner();
    Ok((answer.outcome(), answer.detail))
}

#[track_caller]
fn refused(answer: Result<(Outcome, String), tonic::Status>, code: Code, want: &str) {
    let err = answer.unwrap_err();
    assert!(err.code() == code && err.message().contains(want), "{err:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn acknowledged_suspended_and_resumed_from_the_page() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start_with(dir, "127.0.0.1:0", "127.0.0.1:0", AREAS).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "certificates"]);
    let there = hall.add_user_with("lan", &["--role", "viewer", "--areas", "hoan-kiem"]);
    let rsmp = free_address();
    let _pole = start_pole(dir, &hall.bus, &rsmp, "certificates");
    let street = start_street(dir, &rsmp, "");
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let lan = hall.sign_in("lan", &there).await;
    let fresh = until(&admin, "an alarm", |alarm| alarm.active).await;
    assert!(!fresh.acknowledged && !fresh.suspended, "{fresh:?}");

    // The right by area, an alarm that nobody told, a reason that is none.
    let elsewhere = handle(&lan, &fresh, Step::Acknowledge, "đã gọi thợ").await;
    refused(elsewhere, Code::PermissionDenied, "it is in Ba Đình, where lan has no right");
    let nobody = v1::SignalAlarm { code: "A9999".into(), ..fresh.clone() };
    refused(handle(&admin, &nobody, Step::Acknowledge, "đã gọi thợ").await, Code::NotFound, "no alarm A9999");
    refused(handle(&admin, &fresh, Step::Acknowledge, " ").await, Code::InvalidArgument, "purpose");
    refused(handle(&admin, &fresh, Step::Unspecified, "đã gọi thợ").await, Code::InvalidArgument, "step");
    let get = |person: &Person<'_>| person.with(v1::GetJunctionRequest { junction: "a".into() });
    let may = admin.calls().get_junction(get(&admin)).await.unwrap().into_inner();
    assert!(may.alarms_can_be_handled && may.may_handle_alarms);
    let may = lan.calls().get_junction(get(&lan)).await.unwrap().into_inner();
    assert!(may.alarms_can_be_handled && !may.may_handle_alarms);

    // The controller's own word each time, and what a page shows of it.
    let done = (Outcome::Done, String::new());
    assert_eq!(handle(&admin, &fresh, Step::Acknowledge, "đã gọi thợ").await.unwrap(), done);
    until(&admin, "acknowledged", |alarm| alarm.active && alarm.acknowledged && !alarm.suspended).await;
    assert_eq!(handle(&admin, &fresh, Step::Suspend, "đang sửa").await.unwrap(), done);
    until(&admin, "suspended", |alarm| alarm.acknowledged && alarm.suspended).await;

    // A hall that is killed meanwhile still has it in its list, so that it can be resumed.
    let tokens = [admin.token.clone(), lan.token.clone()];
    let hall = hall.kill_and_start(Duration::from_millis(500)).await;
    let admin = hall.person(tokens[0].clone());
    until(&admin, "still suspended", |alarm| alarm.acknowledged && alarm.suspended).await;
    // The gateway comes back to it in its own time, and what was asked over the link of before gets no answer.
    let lost = (Outcome::Silent, "the gateway did not answer".to_owned());
    let resumed = loop {
        match handle(&admin, &fresh, Step::Resume, "đã sửa xong").await {
            Err(status) if status.code() == Code::Unavailable => {}
            Ok(answer) if answer == lost => {}
            answer => break answer,
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    assert_eq!(resumed.unwrap(), done);
    until(&admin, "resumed", |alarm| alarm.acknowledged && !alarm.suspended).await;

    // A controller that takes the message and does nothing: what is not known is said not to be known.
    drop(street);
    let _street = start_street(dir, &rsmp, "deaf = true\n");
    let anew = until(&admin, "the alarm anew", |alarm| alarm.active && !alarm.acknowledged).await;
    // It tells its alarms while its link is still being made.
    let (outcome, detail) = loop {
        let answer = handle(&admin, &anew, Step::Acknowledge, "đã gọi thợ").await.unwrap();
        if answer != (Outcome::Refused, "the link to the controller is not up".to_owned()) {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(outcome, Outcome::Silent, "{detail}");
    assert_eq!(detail, "the controller did not say in time whether it is so");
    audit_tells(&hall, &fresh);
}

fn audit_tells(hall: &Hall, alarm: &v1::SignalAlarm) {
    let audit = hall.run(&["audit"]);
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |user: &str, action: &str, purpose: &str, what: &str| {
        let is = |line: &Value| {
            line["user"] == user
                && line["action"] == action
                && line["purpose"] == purpose
                && line["what"].as_str().unwrap().contains(what)
        };
        assert!(lines.iter().any(is), "{user} {action} {purpose} {what}: {lines:#?}");
    };
    let name = |step: &str| format!("junction=a alarm={} component={} {step}", alarm.code, alarm.component);
    has("lan", "signal_alarm_refused", "đã gọi thợ", "lan has no right");
    has("admin", "signal_alarm_refused", "đã gọi thợ", "has no alarm A9999");
    for (step, purpose) in [("acknowledge", "đã gọi thợ"), ("suspend", "đang sửa"), ("resume", "đã sửa xong")]
    {
        has("admin", "signal_alarm_sent", purpose, &name(step));
        has("admin", "signal_alarm_done", purpose, &name(step));
    }
    has("admin", "signal_alarm_silent", "đã gọi thợ", "did not say in time");
}
