//! The bus over real TCP and TLS: messages, questions, presence, a hall that goes and comes back, errors.

use std::path::Path;
use std::time::Duration;

use hardware_bus::{Access, BusSettings, Role, TlsFiles, ZenohBus};
use hardware_ports::bus::{Bus, Delivery, Message, Presence};

use crate::city::{City, PATIENCE, next, publish_until_heard};

#[tokio::test(flavor = "multi_thread")]
async fn messages_questions_and_presence() {
    let city = City::new(&["hall", "pole"]);
    let hall = city.hall("127.0.0.1:0").await;
    let address = hall.listening().await.unwrap().to_string();
    let mut events = hall.subscribe("city/v1/*/events", 64).await.unwrap();
    let mut presence = hall.watch("city/v1/*/alive", 4).await.unwrap();

    let pole = city.pole(&address).await;
    let mut stored = pole.subscribe("city/v1/p/stored", 64).await.unwrap();
    let mut questions = pole.answer("city/v1/p/picture/*", 4).await.unwrap();
    pole.announce("city/v1/p/alive").await.unwrap();
    assert_eq!(next(&mut presence).await, Presence { key: "city/v1/p/alive".into(), alive: true });
    publish_until_heard(&pole, &mut events, "city/v1/p/events", b"up").await;
    publish_until_heard(&hall, &mut stored, "city/v1/p/stored", b"down").await;

    let answering = tokio::spawn(async move {
        let question = next(&mut questions).await;
        assert_eq!((question.key.as_str(), &question.payload[..]), ("city/v1/p/picture/north", &b"q"[..]));
        let answer = Message { key: question.key, payload: vec![7; 300_000] };
        question.reply.send(answer).unwrap();
        // The next question gets no answer: the asker is told so at once.
        drop(next(&mut questions).await);
    });
    let answers = hall.ask("city/v1/p/picture/north", b"q".to_vec(), PATIENCE).await.unwrap();
    assert_eq!(answers, [Message { key: "city/v1/p/picture/north".into(), payload: vec![7; 300_000] }]);
    assert_eq!(hall.ask("city/v1/p/picture/north", Vec::new(), PATIENCE).await.unwrap(), []);
    answering.await.unwrap();
    assert_eq!(hall.ask("city/v1/nobody/picture/x", Vec::new(), PATIENCE).await.unwrap(), []);

    pole.close().await.unwrap();
    assert_eq!(next(&mut presence).await, Presence { key: "city/v1/p/alive".into(), alive: false });
    assert_eq!(stored.recv().await, None);
    hall.close().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pole_starts_without_a_hall_and_survives_its_restart() {
    let city = City::new(&["hall", "pole"]);
    let hall = city.hall("127.0.0.1:0").await;
    let address = hall.listening().await.unwrap().to_string();
    hall.close().await.unwrap();
    drop(hall);

    let pole = city.pole(&address).await;
    assert!(!pole.connected().await);
    let mut stored = pole.subscribe("city/v1/p/stored", 64).await.unwrap();
    pole.announce("city/v1/p/alive").await.unwrap();
    pole.publish("city/v1/p/events", b"nobody hears".to_vec(), Delivery::Wait).await.unwrap();

    for round in [b"1", b"2"] {
        let hall = city.hall(&address).await;
        let mut events = hall.subscribe("city/v1/*/events", 64).await.unwrap();
        let mut presence = hall.watch("city/v1/*/alive", 4).await.unwrap();
        publish_until_heard(&pole, &mut events, "city/v1/p/events", round).await;
        publish_until_heard(&hall, &mut stored, "city/v1/p/stored", round).await;
        assert!(next(&mut presence).await.alive);
        hall.close().await.unwrap();
    }
    pole.close().await.unwrap();
}

/// Waits for an honest pole's message while a stranger publishes: the honest one comes, the stranger's never.
async fn refused(hall_city: &City, stranger: ZenohBus, address: &str, hall: &ZenohBus) {
    let mut events = hall.subscribe("city/v1/*/events", 64).await.unwrap();
    let honest = hall_city.pole(address).await;
    for round in 0..20_u8 {
        stranger.publish("city/v1/evil/events", vec![round], Delivery::Wait).await.unwrap();
        let heard = async {
            loop {
                honest.publish("city/v1/p/events", vec![round], Delivery::Wait).await.unwrap();
                let wait = Duration::from_millis(50);
                if let Ok(Some(message)) = tokio::time::timeout(wait, events.recv()).await {
                    assert_eq!(message.key, "city/v1/p/events");
                    return;
                }
            }
        };
        tokio::time::timeout(PATIENCE, heard).await.expect("the honest pole is heard");
    }
    assert!(!stranger.connected().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_session_without_a_certificate_of_this_city() {
    let city = City::new(&["hall", "pole"]);
    let hall = city.hall("127.0.0.1:0").await;
    let address = hall.listening().await.unwrap().to_string();

    // Trusts this hall, but its own certificate is another city's.
    let other = City::new(&["pole"]);
    let tls = TlsFiles { ca: city.files("pole").ca, ..other.files("pole") };
    let role = Role::Pole { connect: vec![address.clone()] };
    let stranger = ZenohBus::open(BusSettings { role, tls }).await.unwrap();
    refused(&city, stranger, &address, &hall).await;

    // Trusts another city: it is the pole that refuses the hall.
    let stranger = other.pole(&address).await;
    refused(&city, stranger, &address, &hall).await;
}

#[track_caller]
fn check_open_error(result: Result<ZenohBus, hardware_ports::bus::BusError>, want: &[&str]) {
    let err = result.err().expect("it does not open").to_string();
    for part in want {
        assert!(err.contains(part), "{err:?} does not say {part:?}");
    }
}

async fn open(listen: &str, tls: TlsFiles) -> Result<ZenohBus, hardware_ports::bus::BusError> {
    ZenohBus::open(BusSettings { role: Role::Hall { listen: listen.into(), access: Access::Everybody }, tls })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn errors_name_the_file_or_the_address() {
    let city = City::new(&["hall", "pole"]);
    let hall = city.hall("127.0.0.1:0").await;
    let taken = hall.listening().await.unwrap().to_string();
    check_open_error(open(&taken, city.files("hall")).await, &[&taken, "in use", "choose another port"]);
    check_open_error(open("nonsense", city.files("hall")).await, &["nonsense", "HOST:PORT"]);

    let missing = TlsFiles { ca: Path::new("/nowhere/ca.pem").into(), ..city.files("hall") };
    check_open_error(open("127.0.0.1:0", missing).await, &["CA certificate /nowhere/ca.pem", "No such file"]);
    let swapped = TlsFiles { certificate: city.files("hall").key, ..city.files("hall") };
    check_open_error(open("127.0.0.1:0", swapped).await, &["hall.key", "PEM"]);
    let mixed = TlsFiles { key: city.files("pole").key, ..city.files("hall") };
    check_open_error(open("127.0.0.1:0", mixed).await, &["pole.key", "does not belong to", "hall.pem"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_too_large_does_not_come_and_the_link_is_there_again() {
    let city = City::new(&["hall", "pole"]);
    let hall = city.hall("127.0.0.1:0").await;
    let address = hall.listening().await.unwrap().to_string();
    let mut events = hall.subscribe("city/v1/*/events", 64).await.unwrap();
    let pole = city.pole(&address).await;
    publish_until_heard(&pole, &mut events, "city/v1/p/events", b"up").await;

    // A still may have so much.
    let still = vec![7; 16 << 20];
    let others = publish_until_heard(&pole, &mut events, "city/v1/p/events", &still).await;
    assert!(others.iter().all(|message| message.payload == b"up"));
    pole.publish("city/v1/p/events", vec![8; (64 << 20) + 1], Delivery::Wait).await.unwrap();
    let others = publish_until_heard(&pole, &mut events, "city/v1/p/events", b"again").await;
    assert!(others.iter().all(|message| message.payload == still), "what is too large came");
    pole.close().await.unwrap();
    hall.close().await.unwrap();
}
