//! A controller's fault from the street to the technician, with real programs: RSMP over TCP, pole, zenoh, hall, gRPC. Who may open a
//! work order and take it on, what two people at once get, what a killed hall still knows, and what is heard after "done".

use std::time::Duration;

use models_wire::v1;
use ngatu_tests::ports::free_address;
use tonic::{Code, Status};
use v1::maintenance_service_client::MaintenanceServiceClient;
use v1::{FaultKind, WorkOrderFault, WorkOrderState as State, WorkOrderStep as Step};

use super::alarms::{AREAS, start_street};
use super::hall::{Hall, Person};
use super::street::{WAIT, start_pole};

async fn health(person: &Person<'_>) -> Vec<v1::JunctionHealth> {
    let mut calls = MaintenanceServiceClient::new(person.channel());
    let asked = person.with(v1::ListHealthRequest::default());
    calls.list_health(asked).await.unwrap().into_inner().junctions
}

/// The first of the junction's faults that is one of these, once it is told.
async fn fault(person: &Person<'_>, is: impl Fn(&v1::ControllerFault) -> bool) -> v1::ControllerFault {
    let until = tokio::time::Instant::now() + WAIT;
    loop {
        let told = health(person).await;
        let mut faults = told.iter().filter(|one| one.junction == "a").flat_map(|one| &one.faults);
        if let Some(fault) = faults.find(|fault| is(fault)) {
            return fault.clone();
        }
        assert!(tokio::time::Instant::now() < until, "{told:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}

/// What the street complains of all day: a broken or a detector, by the hour at which it starts.
fn alarm(fault: &v1::ControllerFault) -> bool {
    fault.kind() != FaultKind::Link
}

async fn open(
    person: &Person<'_>,
    fault: &v1::ControllerFault,
    assignee: &str,
) -> Result<v1::WorkOrder, Status> {
    let asked = v1::OpenWorkOrderRequest {
        junction: "a".into(),
        kind: fault.kind,
        part: fault.part.clone(),
        note: "thay bóng đỏ".into(),
        due_ms: 0,
        assignee: assignee.into(),
    };
    let mut calls = MaintenanceServiceClient::new(person.channel());
    calls.open_work_order(person.with(asked)).await.map(tonic::Response::into_inner)
}

async fn step(person: &Person<'_>, order: &v1::WorkOrder, step: Step) -> Result<v1::WorkOrder, Status> {
    let (id, version, note) = (order.id, order.version, "đã thay bóng".to_owned());
    let asked = v1::MoveWorkOrderRequest { id, step: step.into(), assignee: String::new(), note, version };
    let mut calls = MaintenanceServiceClient::new(person.channel());
    calls.move_work_order(person.with(asked)).await.map(tonic::Response::into_inner)
}

async fn get(person: &Person<'_>, id: u64) -> v1::WorkOrder {
    let mut calls = MaintenanceServiceClient::new(person.channel());
    calls.get_work_order(person.with(v1::GetWorkOrderRequest { id })).await.unwrap().into_inner()
}

#[track_caller]
fn refused(answer: Result<v1::WorkOrder, Status>, code: Code, want: &str) {
    let err = answer.unwrap_err();
    assert!(err.code() == code && err.message().contains(want), "{err:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_is_broken_and_somebody_is_sent() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start_with(dir, "127.0.0.1:0", "127.0.0.1:0", AREAS).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "certificates"]);
    let elsewhere = hall.add_user_with("lan", &["--role", "viewer", "--areas", "hoan-kiem"]);
    let technician = hall.add_user_with("hoa", &["--role", "viewer"]);
    hall.run(&["users", "give", "--user", "hoa", "--maintenance", "ba-dinh"]);
    let rsmp = free_address();
    let _pole = start_pole(dir, &hall.bus, &rsmp, "certificates");
    let street = start_street(dir, &rsmp, "");
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let lan = hall.sign_in("lan", &elsewhere).await;
    let hoa = hall.sign_in("hoa", &technician).await;
    let broken = fault(&admin, alarm).await;
    let known =
        [(FaultKind::Lamp, "A0202", "HN+A=001SG001"), (FaultKind::Detector, "A0302", "HN+A=001DL001")];
    assert!(
        known.contains(&(broken.kind(), broken.codes.join(" ").as_str(), broken.part.as_str())),
        "{broken:?}"
    );

    // Who may, and to whom it can be given.
    refused(open(&lan, &broken, "").await, Code::PermissionDenied, "lan may not maintain the signals of a");
    refused(open(&admin, &broken, "lan").await, Code::InvalidArgument, "assignee: lan may not maintain");
    let order = open(&admin, &broken, "").await.unwrap();
    assert_eq!((order.state(), order.fault()), (State::Open, WorkOrderFault::There));
    refused(open(&hoa, &broken, "").await, Code::AlreadyExists, &format!("work order {} is open", order.id));
    assert_eq!(fault(&lan, alarm).await.work_order, order.id);
    assert_eq!(get(&lan, order.id).await.steps, Vec::<i32>::new());

    // Two at once: one has it, the other is told.
    let taken = step(&hoa, &order, Step::Take).await.unwrap();
    assert_eq!((taken.state(), taken.assignee.as_str()), (State::Taken, "hoa"));
    refused(step(&admin, &order, Step::Take).await, Code::Aborted, "somebody else changed this work order");
    refused(step(&lan, &taken, Step::Done).await, Code::PermissionDenied, "lan may not maintain");
    refused(step(&hoa, &taken, Step::Reopen).await, Code::FailedPrecondition, "reopen is not possible");

    // A hall that is killed knows both, and the fault began when it began.
    let tokens = [admin.token.clone(), hoa.token.clone()];
    let hall = hall.kill_and_start(Duration::from_millis(500)).await;
    let [admin, hoa] = tokens.map(|token| hall.person(token));
    let still = fault(&admin, alarm).await;
    assert_eq!((still.began_ms, still.work_order), (broken.began_ms, order.id));
    assert_eq!(get(&hoa, order.id).await, taken);

    // Said to be mended, and it is there; a controller that goes away has a fault of its own.
    let done = step(&hoa, &taken, Step::Done).await.unwrap();
    assert_eq!((done.state(), done.fault()), (State::Done, WorkOrderFault::There));
    drop(street);
    let link = fault(&admin, |fault| !alarm(fault)).await;
    assert_eq!(link.codes, ["controller"]);
    let told = health(&admin).await;
    assert!(told[0].heard_share < 1.0 && told[0].losses == 1, "{told:?}");
    // What it complained of is as it was: nobody knows better.
    assert_eq!(fault(&admin, alarm).await.began_ms, broken.began_ms);

    let steps: Vec<(String, Step)> = done.moves.iter().map(|m| (m.user.clone(), m.step())).collect();
    let want = [("admin", Step::Open), ("hoa", Step::Take), ("hoa", Step::Done)];
    assert_eq!(steps, want.map(|(user, step)| (user.to_owned(), step)));
    audit_tells(&hall, &format!("work_order={} junction=a", order.id));
}

fn audit_tells(hall: &Hall, of: &str) {
    let audit = hall.run(&["audit"]);
    let lines: Vec<serde_json::Value> =
        audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |user: &str, action: &str, what: &str| {
        let is = |line: &serde_json::Value| {
            line["user"] == user && line["action"] == action && line["what"].as_str().unwrap().contains(what)
        };
        assert!(lines.iter().any(is), "{user} {action} {what}: {lines:#?}");
    };
    has("lan", "work_order_refused", "lan may not maintain the signals of a");
    has("admin", "work_order_opened", of);
    has("hoa", "work_order_take", of);
    has("hoa", "work_order_done", of);
}
