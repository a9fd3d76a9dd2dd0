//! A gateway's certificate opens its own keys and no others; enrolling and revoking while the hall works.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;

use hardware_bus::ZenohBus;
use hardware_ports::bus::{Bus, Delivery, Message, Presence};
use tokio::sync::mpsc::Receiver;

use crate::city::{City, PATIENCE, granted, next, publish_until_heard};

/// A question that must get no answer is given up after so long.
const NO_ANSWER: Duration = Duration::from_secs(2);

/// Answers everything on its keys with its own name; a question to many on a key of its own.
async fn answer_all(bus: &ZenohBus, key: &str, name: &'static str) {
    let mut questions = bus.answer(key, 8).await.unwrap();
    tokio::spawn(async move {
        while let Some(question) = questions.recv().await {
            let answer = Message { key: question.key.replace('*', name), payload: name.into() };
            // The asker may be gone.
            drop(question.reply.send(answer));
        }
    });
}

/// Asks until there is an answer: the pole's key may not be known yet.
async fn ask_until_answered(hall: &ZenohBus, key: &str) -> Vec<Message> {
    let asked = async {
        loop {
            let answers = hall.ask(key, Vec::new(), NO_ANSWER).await.unwrap();
            if !answers.is_empty() {
                return answers;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.expect("somebody answers")
}

async fn drain<T>(receiver: &mut Receiver<T>) -> Vec<T> {
    let mut all = Vec::new();
    while let Ok(one) = receiver.try_recv() {
        all.push(one);
    }
    all
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_has_its_own_keys_and_no_others() {
    let city = City::new(&["hall", "a", "b"]);
    let hall = city.guarded_hall("127.0.0.1:0", granted(&["a", "b"])).await;
    let address = hall.listening().await.unwrap().to_string();
    let mut events = hall.subscribe("city/v1/*/events", 1_024).await.unwrap();
    let mut presence = hall.watch("city/v1/*/alive", 16).await.unwrap();

    // The honest one does all that gateways do.
    let a = city.pole_as("a", &address).await;
    let mut a_stored = a.subscribe("city/v1/a/stored", 64).await.unwrap();
    answer_all(&a, "city/v1/a/picture/*", "a").await;
    answer_all(&a, "city/v1/a/still/*", "a").await;
    answer_all(&a, "city/v1/a/tracks", "a").await;
    a.announce("city/v1/a/alive").await.unwrap();
    assert_eq!(next(&mut presence).await, Presence { key: "city/v1/a/alive".into(), alive: true });
    publish_until_heard(&a, &mut events, "city/v1/a/events", b"up").await;
    publish_until_heard(&hall, &mut a_stored, "city/v1/a/stored", b"down").await;
    for what in ["picture/north", "still/1-1", "tracks"] {
        let key = format!("city/v1/a/{what}");
        assert_eq!(ask_until_answered(&hall, &key).await, [Message { key, payload: b"a".to_vec() }]);
    }
    // One question to all gateways.
    let answers = ask_until_answered(&hall, "city/v1/*/tracks").await;
    assert_eq!(answers, [Message { key: "city/v1/a/tracks".into(), payload: b"a".to_vec() }]);

    // The thief has a good certificate, of another gateway.
    let b = city.pole_as("b", &address).await;
    let mut overheard = Vec::new();
    for key in ["city/v1/a/stored", "city/v1/a/**", "city/v1/*/stored", "**", "city/v1/a/events"] {
        overheard.push(b.subscribe(key, 64).await.unwrap());
    }
    let mut others = b.watch("city/v1/*/alive", 16).await.unwrap();
    for key in ["city/v1/a/picture/*", "city/v1/*/picture/*", "city/v1/**", "city/v1/c/tracks"] {
        answer_all(&b, key, "b").await;
    }
    for key in ["city/v1/a/alive", "city/v1/c/alive", "city/v1/*/alive"] {
        b.announce(key).await.unwrap();
    }
    // Its own keys work, and what it sent before on the same link has been through by then.
    let mut strange = publish_until_heard(&b, &mut events, "city/v1/b/events", b"own").await;
    for round in 0..50_u8 {
        for key in ["city/v1/a/events", "city/v1/c/events", "city/v1/*/events", "city/v1/**", "**"] {
            b.publish(key, vec![round], Delivery::Wait).await.unwrap();
        }
    }
    strange.extend(publish_until_heard(&b, &mut events, "city/v1/b/events", b"fence").await);
    strange.extend(drain(&mut events).await);
    strange.retain(|m| m.key != "city/v1/b/events");
    assert_eq!(strange, [], "delivered under another's name");
    let (picture, every, own) = tokio::join!(
        b.ask("city/v1/a/picture/north", Vec::new(), NO_ANSWER),
        b.ask("city/v1/**", Vec::new(), NO_ANSWER),
        b.ask("city/v1/*/tracks", Vec::new(), NO_ANSWER),
    );
    // What it answers itself does not pass the hall.
    let answers = [picture.unwrap(), every.unwrap(), own.unwrap()].concat();
    assert!(answers.iter().all(|m| m.payload == b"b"), "{answers:?}");
    for key in ["city/v1/a/picture/north", "city/v1/*/picture/north"] {
        let answers = hall.ask(key, Vec::new(), NO_ANSWER).await.unwrap();
        assert_eq!(answers.len(), 1, "{answers:?}");
        assert_eq!(answers[0].payload, b"a", "the thief answers nothing");
    }
    assert_eq!(hall.ask("city/v1/c/tracks", Vec::new(), NO_ANSWER).await.unwrap(), []);

    // Traffic of the honest one that there was to overhear.
    publish_until_heard(&hall, &mut a_stored, "city/v1/a/stored", b"secret").await;
    publish_until_heard(&a, &mut events, "city/v1/a/events", b"secret").await;
    for receiver in &mut overheard {
        let heard = drain(receiver).await;
        // A session hears itself.
        assert!(heard.iter().all(|m| m.payload != b"secret" && m.payload != b"down"), "{heard:?}");
    }
    let announced = ["city/v1/a/alive", "city/v1/c/alive", "city/v1/*/alive"];
    let of_others = drain(&mut others).await.into_iter().filter(|p| !announced.contains(&p.key.as_str()));
    assert_eq!(of_others.count(), 0);
    assert_eq!(drain(&mut presence).await, [], "no token of the thief is seen");
    for bus in [&a, &b, &hall] {
        bus.close().await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn enrolled_and_revoked_while_the_hall_works() {
    let city = City::new(&["hall", "a", "b"]);
    let hall = city.guarded_hall("127.0.0.1:0", granted(&["a"])).await;
    let address = hall.listening().await.unwrap().to_string();
    let mut events = hall.subscribe("city/v1/*/events", 1_024).await.unwrap();
    let mut presence = hall.watch("city/v1/*/alive", 16).await.unwrap();
    let (a, b) = (city.pole_as("a", &address).await, city.pole_as("b", &address).await);
    let mut a_stored = a.subscribe("city/v1/a/stored", 64).await.unwrap();
    answer_all(&a, "city/v1/a/picture/*", "a").await;
    for (bus, key) in [(&a, "city/v1/a/alive"), (&b, "city/v1/b/alive")] {
        bus.announce(key).await.unwrap();
    }
    assert_eq!(next(&mut presence).await.key, "city/v1/a/alive");
    // b is connected, and nobody hears it.
    for round in 0..20_u8 {
        b.publish("city/v1/b/events", vec![round], Delivery::Wait).await.unwrap();
        let heard = publish_until_heard(&a, &mut events, "city/v1/a/events", &[round]).await;
        assert!(heard.iter().all(|m| m.key == "city/v1/a/events"), "{heard:?}");
    }

    hall.regrant(granted(&["a", "b"])).await.unwrap();
    assert_eq!(hall.listening().await.unwrap().to_string(), address);
    publish_until_heard(&b, &mut events, "city/v1/b/events", b"enrolled").await;
    publish_until_heard(&a, &mut events, "city/v1/a/events", b"goes on").await;
    publish_until_heard(&hall, &mut a_stored, "city/v1/a/stored", b"goes on").await;
    assert_eq!(ask_until_answered(&hall, "city/v1/a/picture/x").await[0].payload, b"a");
    let mut present = BTreeSet::from(["city/v1/a/alive".to_owned()]);
    until_present(&mut presence, &mut present, &["city/v1/a/alive", "city/v1/b/alive"]).await;

    hall.regrant(granted(&["b"])).await.unwrap();
    drain(&mut events).await;
    until_present(&mut presence, &mut present, &["city/v1/b/alive"]).await;
    for round in 0..20_u8 {
        a.publish("city/v1/a/events", vec![round], Delivery::Wait).await.unwrap();
        let heard = publish_until_heard(&b, &mut events, "city/v1/b/events", &[round]).await;
        assert!(heard.iter().all(|m| m.key == "city/v1/b/events"), "{heard:?}");
    }
    assert_eq!(hall.ask("city/v1/a/picture/x", Vec::new(), NO_ANSWER).await.unwrap(), []);
    assert!(!drain(&mut presence).await.iter().any(|p| p.key == "city/v1/a/alive" && p.alive));

    let mistake = hall.regrant(granted(&["b", "*"])).await.unwrap_err().to_string();
    assert!(mistake.contains("city/v1/*"), "{mistake}");
    publish_until_heard(&b, &mut events, "city/v1/b/events", b"nothing changed").await;
    for bus in [&a, &b, &hall] {
        bus.close().await.unwrap();
    }
}

/// Reads who comes and goes until just these are there. On a busy machine others, too, may be seen to be away while rules are
/// loaded anew.
async fn until_present(presence: &mut Receiver<Presence>, present: &mut BTreeSet<String>, wanted: &[&str]) {
    while !present.iter().map(String::as_str).eq(wanted.iter().copied()) {
        let news = next(presence).await;
        if news.alive {
            present.insert(news.key);
        } else {
            present.remove(&news.key);
        }
    }
}

/// Everything logged by this program.
fn log() -> &'static Arc<Mutex<Vec<u8>>> {
    static LOG: OnceLock<Arc<Mutex<Vec<u8>>>> = OnceLock::new();
    LOG.get_or_init(|| {
        let log = Arc::new(Mutex::new(Vec::new()));
        let filter = tracing_subscriber::EnvFilter::new("warn,zenoh=error,zenoh_transport=error");
        let writer = tracing_subscriber::fmt().with_ansi(false).with_env_filter(filter);
        writer.with_writer(Log(log.clone())).init();
        log
    })
}

#[derive(Clone)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl std::io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl tracing_subscriber::fmt::MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn both_sides_say_that_a_certificate_may_do_nothing() {
    let log = log();
    let city = City::new(&["hall", "mute"]);
    let hall = city.guarded_hall("127.0.0.1:0", granted(&["other"])).await;
    let address = hall.listening().await.unwrap().to_string();
    let _events = hall.subscribe("city/v1/*/events", 64).await.unwrap();
    let pole = city.pole_as("mute", &address).await;
    pole.publish("city/v1/mute/events", b"hello".to_vec(), Delivery::Wait).await.unwrap();
    let told = async {
        let wanted = ["certificate=\"mute\"", "takes nothing from here"];
        loop {
            let text = String::from_utf8(log.lock().unwrap().clone()).unwrap();
            if wanted.iter().all(|part| text.contains(part)) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(PATIENCE, told).await.expect("both sides say so");
    let refused = hall.subscribe("city/v1/*/counts", 4).await.err().unwrap().to_string();
    assert!(refused.contains("list of what the hall hears"), "{refused}");
}
