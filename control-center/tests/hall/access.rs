//! Enrolled gateways are let in while the hall runs, speak for nobody else, and are cut off when they are revoked.

use std::time::Duration;

use hardware_ports::bus::{Bus, Delivery};
use models_wire::v1;
use models_wire::v1::city_update::Update;
use prost::Message;

use crate::harness::{Hall, with};
use crate::street::{BOOT, Pole, SOON, client, streets};

/// What must not happen is waited for so long.
const NOTHING: Duration = Duration::from_secs(3);

/// Events of rules, fixes and signal changes in the store; crossings are counted by the minute, from other events.
async fn figures(hall: &Hall) -> u64 {
    let (mut city, token) = client(hall).await;
    let request = v1::GetFiguresRequest::default();
    let figures = city.get_figures(with(&token, request)).await.unwrap().into_inner();
    figures.events + figures.fixes + figures.signal_changes
}

/// Whether the hall says anything to events that it must not take.
async fn is_answered(pole: &mut Pole, batch: &v1::EventBatch) -> bool {
    while pole.stored.try_recv().is_ok() {}
    for _ in 0..10 {
        pole.put("events", batch).await;
        if let Ok(Some(_)) = tokio::time::timeout(NOTHING / 10, pole.stored.recv()).await {
            return true;
        }
    }
    false
}

async fn until_logged(hall: &Hall, text: &str) {
    let logged = async {
        while !hall.log().contains(text) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(SOON, logged)
        .await
        .unwrap_or_else(|_| panic!("{text:?} is not logged: {}", hall.log()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_speaks_for_itself_until_it_is_revoked() {
    let hall = Hall::start();
    let mut honest = Pole::join_as(&hall, "pole-1").await;
    assert_eq!(honest.send(1, &streets(1..=2)).await, 2);
    // Another one is enrolled meanwhile; the first goes on by itself.
    let mut other = Pole::join_as(&hall, "pole-2").await;
    assert_eq!(other.send(1, &streets(1..=1)).await, 1);
    assert_eq!(honest.send(1, &streets(1..=3)).await, 3);
    assert_eq!(figures(&hall).await, 4);

    // In the other's name, with a good certificate of one's own.
    let forged = v1::EventBatch { boot: BOOT, oldest_kept: 1, events: streets(4..=9) };
    for key in ["city/v1/pole-1/events", "city/v1/pole-3/events"] {
        other.bus.publish(key, forged.encode_to_vec(), Delivery::Wait).await.unwrap();
    }
    // What it sent before on the same link has been through by then.
    assert_eq!(other.send(1, &streets(1..=2)).await, 2);
    assert_eq!(figures(&hall).await, 5);
    let mut asked = honest.bus.answer("city/v1/pole-1/picture/*", 4).await.unwrap();
    let answers = other.bus.ask("city/v1/pole-1/picture/c-1", Vec::new(), NOTHING).await.unwrap();
    assert_eq!(answers, []);
    assert!(asked.try_recv().is_err(), "the question did not even arrive");

    // Revoked: nothing is taken any more, and people see that it is gone.
    let (mut city, token) = client(&hall).await;
    let mut updates = city.watch_city(with(&token, v1::WatchCityRequest {})).await.unwrap().into_inner();
    hall.run(&["revoke-gateway", "--gateway", "pole-1"]);
    let gone = async {
        loop {
            let Some(Update::Gateway(now)) = updates.message().await.unwrap().unwrap().update else {
                continue;
            };
            if now.gateway == "pole-1" && !now.alive {
                return;
            }
        }
    };
    tokio::time::timeout(SOON, gone).await.expect("the page shows that it is gone");
    let more = v1::EventBatch { boot: BOOT, oldest_kept: 1, events: streets(4..=5) };
    assert!(!is_answered(&mut honest, &more).await, "a revoked gateway is answered");
    until_logged(&hall, "a gateway is connected that may do nothing").await;
    assert_eq!(other.send(1, &streets(1..=3)).await, 3, "the others go on");
    assert_eq!(figures(&hall).await, 6);

    // Enrolled anew: the old certificate stays out, with the new one nothing is lost.
    let mut again = Pole::join_as(&hall, "pole-1").await;
    assert_eq!(again.send(1, &streets(1..=5)).await, 5);
    assert!(!is_answered(&mut honest, &more).await, "the old certificate is answered");
    assert_eq!(figures(&hall).await, 7);
}

#[test]
fn revoking_says_what_it_did() {
    let hall = Hall::start();
    let out = hall.dir.path().join("p").display().to_string();
    let refused = hall.fail(&["revoke-gateway", "--gateway", "pole-9"]);
    assert!(refused.contains("pole-9 is not enrolled; no gateway is"), "{refused}");
    hall.run(&["gateway-certificate", "--gateway", "pole-1", "--out", &out]);
    let refused = hall.fail(&["revoke-gateway", "--gateway", "pole-9"]);
    assert!(refused.contains("pole-9 is not enrolled; enrolled are pole-1"), "{refused}");
    for bad in ["*", "a/b", "po$*", "**", "Pole"] {
        let refused = hall.fail(&["gateway-certificate", "--gateway", bad, "--out", &out]);
        assert!(refused.contains("is not an id"), "{refused}");
    }
    hall.run(&["revoke-gateway", "--gateway", "pole-1"]);
    hall.run(&["revoke-gateway", "--gateway", "pole-1"]);
}
