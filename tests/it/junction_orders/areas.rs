//! The right to command signals by area: given and taken on the hall's command line while it runs, held to by preview, order
//! and second person, and written down.

use models_wire::v1;
use ngatu_tests::ports::free_address;
use serde_json::Value;
use tonic::Code;
use v1::SignalWish as W;

use super::hall::{Hall, Person, refused};
use super::street::{start_pole, start_street};

const AREAS: &str = "[[area]]\nid = \"ba-dinh\"\nname = \"Ba Đình\"\njunctions = [\"a\"]\n\
                     [[area]]\nid = \"hoan-kiem\"\nname = \"Hoàn Kiếm\"\njunctions = [\"b\"]\n";

#[tokio::test(flavor = "multi_thread")]
async fn a_right_holds_where_it_was_given() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start_with(dir, "127.0.0.1:0", "127.0.0.1:0", AREAS).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "certificates"]);
    let add = |name: &str, areas: &str| hall.add_user_with(name, &["--role", "viewer", "--areas", areas]);
    let (here, there) = (add("minh", "ba-dinh"), add("lan", "hoan-kiem"));
    let rsmp = free_address();
    let _pole = start_pole(dir, &hall.bus, &rsmp, "certificates");
    let _street = start_street(dir, &rsmp);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let minh = hall.sign_in("minh", &here).await;
    let lan = hall.sign_in("lan", &there).await;
    admin.on_its_own_plan().await;

    // The wrong area: neither a preview nor an order, and the page is told why.
    let seen = look(&lan).await;
    assert!(!seen.may_order && seen.areas == ["Ba Đình"] && seen.may_order_in == ["Hoàn Kiếm"], "{seen:?}");
    let asked = v1::PreviewOrderRequest { junction: "a".into(), hold_ms: 20_000, ..Default::default() };
    let preview = lan.calls().preview_order(lan.with(asked)).await.unwrap_err();
    assert_eq!(preview.code(), Code::PermissionDenied);
    refused(lan.ask(W::Plan, 60).await, Code::PermissionDenied, "it is in Ba Đình, where lan has no right");

    // The right one, and a second person who needs it too.
    assert!(look(&minh).await.may_order);
    let plan = minh.ask(W::Plan, 20).await.unwrap();
    minh.until(plan.id, "done").await;
    minh.until(plan.id, "ended").await;
    let flash = minh.ask(W::Flash, 12).await.unwrap();
    assert!(!waiting(&lan).await.may_decide && waiting(&admin).await.may_decide);
    refused(lan.approve(flash.id).await, Code::PermissionDenied, "it is in Ba Đình");
    hall.run(&["users", "give", "--user", "lan", "--areas", "ba-dinh"]);
    assert!(waiting(&lan).await.may_decide, "a right is there at once");
    assert_eq!(lan.approve(flash.id).await.unwrap().approved_by, "lan");
    lan.until(flash.id, "ended").await;

    // Taken from whoever asked, the second person's word is not enough any more.
    let dark = minh.ask(W::Dark, 12).await.unwrap();
    hall.run(&["users", "take", "--user", "minh", "--areas", "all"]);
    refused(minh.ask(W::Plan, 60).await, Code::PermissionDenied, "minh may not command signals");
    refused(lan.approve(dark.id).await, Code::FailedPrecondition, "minh may not command signals");
    hall.run(&["users", "remove", "--user", "minh"]);
    refused(minh.ask(W::Plan, 60).await, Code::Unauthenticated, "");
    hall.run(&["users", "set-role", "--user", "admin", "--role", "viewer"]);
    refused(admin.ask(W::Plan, 60).await, Code::PermissionDenied, "admin may not command signals");

    lists_and_audit(&hall);
}

async fn look(person: &Person<'_>) -> v1::GetJunctionResponse {
    let asked = person.with(v1::GetJunctionRequest { junction: "a".into() });
    person.calls().get_junction(asked).await.unwrap().into_inner()
}

async fn waiting(person: &Person<'_>) -> v1::SignalOrderRow {
    let asked = person.with(v1::ListOrdersRequest { waiting: true, ..Default::default() });
    let mut rows = person.calls().list_orders(asked).await.unwrap().into_inner().orders;
    assert_eq!(rows.len(), 1);
    rows.remove(0)
}

fn lists_and_audit(hall: &Hall) {
    let users = hall.run(&["users", "list"]);
    assert!(users.contains("\"user\":\"admin\",\"role\":\"viewer\"") && !users.contains("minh"), "{users}");
    assert!(users.contains("\"command_signals\":[\"ba-dinh\",\"hoan-kiem\"]"), "{users}");
    let refused = hall.fail(&["users", "give", "--user", "lan", "--areas", "ba-dinh,nowhere"]);
    assert!(
        refused.contains("no [[area]] [\"nowhere\"]") && refused.contains("ba-dinh, hoan-kiem"),
        "{refused}"
    );
    assert!(hall.fail(&["users", "remove", "--user", "minh"]).contains("there is no user \"minh\""));
    let audit = hall.run(&["audit"]);
    let lines: Vec<Value> = audit.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let has = |user: &str, action: &str, what: &str| {
        let is = |line: &Value| {
            line["user"] == user && line["action"] == action && line["what"].as_str().unwrap().contains(what)
        };
        assert!(lines.iter().any(is), "{user} {action} {what}: {lines:#?}");
    };
    let shell = "the command line";
    has(shell, "user_added", "user=minh role=viewer command_signals=ba-dinh");
    has(shell, "right_given", "user=lan command_signals=ba-dinh");
    has(shell, "right_taken", "user=minh command_signals=ba-dinh");
    has(shell, "user_removed", "user=minh");
    has(shell, "role_changed", "user=admin role=viewer command_signals=");
    has("lan", "signal_order_refused", "order: lan may not command the signals of a");
    has("lan", "signal_order_refused", "approve: lan may not command the signals of a");
    has("lan", "signal_order_refused", "approve: minh may not command signals");
}
