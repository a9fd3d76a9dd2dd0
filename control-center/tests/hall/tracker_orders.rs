//! Orders for trackers over gRPC: who may give them, what is kept of them, and that they wait for a gateway that is away.

use models_wire::v1;
use models_wire::v1::give_tracker_order_request::Order;
use models_wire::v1::transit_service_client::TransitServiceClient;
use serde_json::json;
use tonic::Code;
use tonic::transport::Channel;

use crate::harness::{Hall, with};
use crate::street::{Pole, streets};
use crate::supervise::until;

#[tokio::test(flavor = "multi_thread")]
async fn supervisors_give_trackers_orders_and_see_how_far_they_got() {
    let hall = Hall::start();
    let mut pole = Pole::join(&hall).await;
    assert_eq!(pole.send(1, &streets(1..=2)).await, 2);
    let (transit, token) = (TransitServiceClient::new(hall.channel().await), hall.token().await);
    let give = async |vehicle: &str, order: Option<Order>, purpose: &str| {
        let (vehicle, purpose) = (vehicle.to_owned(), purpose.to_owned());
        let asked = v1::GiveTrackerOrderRequest { vehicle, order, purpose, expires_hours: 0 };
        transit.clone().give_tracker_order(with(&token, asked)).await
    };
    let list = async |vehicle: &str| {
        let asked = v1::ListTrackerOrdersRequest { vehicle: vehicle.to_owned() };
        transit.clone().list_tracker_orders(with(&token, asked)).await.unwrap().into_inner()
    };
    let text = Some(Order::Text("STATUS#".to_owned()));
    let given = give("bus-1", text.clone(), "battery is low").await.unwrap().into_inner();
    assert_eq!(given.gateway, "pole-1");
    let told = list("bus-1").await;
    let order = told.orders[0].order.as_ref().unwrap();
    assert_eq!((order.id, order.vehicle.as_str()), (given.order.unwrap().id, "bus-1"));
    assert_eq!(order.progress(), v1::TrackerOrderProgress::Waiting, "that gateway answers nothing");
    assert!(told.may_order && list("bus-2").await.orders.is_empty());

    let refusals = [
        (give("bus-1", text.clone(), "").await, Code::InvalidArgument, "purpose"),
        (give("bus-1", None, "driver is silent").await, Code::InvalidArgument, "order"),
        (give("bus-1", Some(Order::ReportEveryS(0)), "too seldom").await, Code::InvalidArgument, "86400 s"),
        (give("bus-9", text.clone(), "driver is silent").await, Code::NotFound, "bus-9 was never heard"),
    ];
    for (refused, code, why) in refusals {
        let refused = refused.unwrap_err();
        assert!(refused.code() == code && refused.message().contains(why), "{refused}");
    }
    let audit = hall.run(&["audit"]);
    assert!(audit.contains("give_tracker_order") && audit.contains("battery is low"), "{audit}");
    assert!(hall.run(&["orders", "list"]).contains("STATUS#"));

    // Who may only look sees them but for their text, and gives none; that it was tried is written down.
    hall.run(&["users", "set-role", "--user", "admin", "--role", "viewer"]);
    let token = hall.token().await;
    let asked = v1::ListTrackerOrdersRequest::default();
    let told = transit.clone().list_tracker_orders(with(&token, asked)).await.unwrap().into_inner();
    assert!(!told.may_order && told.orders.len() == 1);
    let order = told.orders[0].order.clone().unwrap().order;
    assert_eq!(order, Some(v1::tracker_order::Order::Text(String::new())));
    let asked = || v1::GiveTrackerOrderRequest {
        vehicle: "bus-1".into(),
        order: text.clone(),
        purpose: "curious about it".into(),
        expires_hours: 1,
    };
    let code =
        async || transit.clone().give_tracker_order(with(&token, asked())).await.map_err(|s| s.code()).err();
    assert_eq!(code().await, Some(Code::PermissionDenied));
    // The right to command signals is another one.
    hall.run(&["users", "give", "--user", "admin", "--areas", "all"]);
    assert_eq!(code().await, Some(Code::PermissionDenied));
    hall.run(&["users", "give", "--user", "admin", "--trackers"]);
    assert_eq!(code().await, None);
    hall.run(&["users", "take", "--user", "admin", "--areas", "all"]);
    assert_eq!(code().await, None);
    let users = hall.run(&["users", "list"]);
    let user: serde_json::Value = serde_json::from_str(users.trim()).unwrap();
    assert_eq!((&user["command_signals"], &user["command_trackers"]), (&json!([]), &json!(true)), "{users}");
    hall.run(&["users", "take", "--user", "admin", "--trackers"]);
    assert_eq!(code().await, Some(Code::PermissionDenied));
    no_order_waits(&hall, &transit, &token).await;
    let audit = hall.run(&["audit"]);
    let line = audit.lines().find(|line| line.contains("curious about it")).unwrap_or_default();
    assert!(line.contains("tracker_order_refused") && line.contains("vehicle=bus-1"), "{audit}");
    assert!(audit.contains("user=admin command_signals= command_trackers=all"), "{audit}");
}

/// Two were given with the right: they are not sent any more, and that is written down as well.
async fn no_order_waits(hall: &Hall, transit: &TransitServiceClient<Channel>, token: &str) {
    let orders = async || {
        let asked = v1::ListTrackerOrdersRequest::default();
        transit.clone().list_tracker_orders(with(token, asked)).await.unwrap().into_inner().orders
    };
    let failed = |orders: &Vec<v1::GivenTrackerOrder>| {
        let progress = |given: &v1::GivenTrackerOrder| given.order.clone().unwrap().progress();
        orders.iter().all(|given| progress(given) == v1::TrackerOrderProgress::Failed)
    };
    let orders = until("no order waits", orders, failed).await;
    let said = &orders[0].order.as_ref().unwrap().said;
    assert!(orders.len() >= 2 && said.contains("admin may not"), "{orders:?}");
    let audit = hall.run(&["audit"]);
    assert!(audit.contains("is taken back: admin may not give trackers orders any more"), "{audit}");
}
