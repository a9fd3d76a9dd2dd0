//! How a link begins with a supervisor of core 3.3.0, and which of its messages are refused afterwards.

use std::collections::VecDeque;

use serde_json::json;
use tokio::io::DuplexStream;

use super::*;
use crate::buffer::Buffer;
use crate::config::Config;

struct Supervisor {
    stream: DuplexStream,
    incoming: rsmp::Incoming,
    heard: VecDeque<Value>,
    sent: u32,
}

impl Supervisor {
    async fn hear(&mut self) -> Value {
        loop {
            if let Some(message) = self.heard.pop_front() {
                return message;
            }
            let mut bytes = [0; 4_096];
            let length = self.stream.read(&mut bytes).await.unwrap();
            assert!(length > 0, "the site closed the connection");
            self.heard.extend(self.incoming.push(&bytes[..length]).unwrap());
        }
    }

    /// The next message, which is of this kind.
    async fn expect(&mut self, kind: &str) -> Value {
        let message = self.hear().await;
        assert_eq!(message["type"], kind, "{message}");
        message
    }

    async fn say(&mut self, mut message: Value) {
        self.sent += 1;
        message["mId"] = self.sent.to_string().into();
        self.stream.write_all(&rsmp::packet(&message)).await.unwrap();
    }

    async fn acknowledge(&mut self, message: &Value) {
        let id = message["mId"].as_str().unwrap();
        self.stream.write_all(&rsmp::packet(&rsmp::ack(id))).await.unwrap();
    }

    /// Up to the list of components, which is not acknowledged yet.
    async fn greet(&mut self, receive_alarms: bool) -> Value {
        let version = self.expect("Version").await;
        assert_eq!(version["step"], "Request");
        self.acknowledge(&version).await;
        let lists = json!([{ "name": "tlc", "version": "1.3.0" }]);
        self.say(json!({
            "type": "Version", "step": "Response", "RSMP": [{ "vers": "3.3.0" }], "supervisorId": "hanoi", "SXLS": lists,
            "receiveAlarms": receive_alarms,
        }))
        .await;
        self.expect("MessageAck").await;
        let watchdog = self.expect("Watchdog").await;
        self.acknowledge(&watchdog).await;
        self.say(json!({ "type": "Watchdog", "wTs": "2026-01-01T00:00:00.000Z" })).await;
        self.expect("MessageAck").await;
        let list = self.expect("ComponentList").await;
        assert_eq!(list["components"].as_array().unwrap().len(), 11, "{list}");
        assert_eq!(list["components"][0]["id"], "HN+AG0101=001TC000");
        list
    }
}

fn site() -> (Arc<Controller>, DuplexStream, Supervisor) {
    let config = Config::parse(include_str!("../one-site.toml")).unwrap();
    // Nothing of the link's own is due while a test runs.
    let (sxl, later) = (list::V1_3, 600.0);
    let config = Config { sxl, watchdog_s: later, acknowledgement_s: later, ..config };
    let site = config.sites[0].clone();
    let controller = Controller::new(config, site, Buffer::default());
    let (ours, stream) = tokio::io::duplex(64 * 1024);
    let supervisor =
        Supervisor { stream, incoming: rsmp::Incoming::default(), heard: VecDeque::new(), sent: 0 };
    (controller, ours, supervisor)
}

/// What goes on between the two until the supervisor is done.
async fn play(controller: &Controller, stream: DuplexStream, script: impl Future<Output = ()>) {
    let mut link = Link::new(controller, stream);
    tokio::select! {
        ended = link.talk() => panic!("{ended:?}"),
        () = script => {}
    }
}

#[tokio::test]
async fn the_list_of_components_goes_before_all_that_there_is_to_tell() {
    let (controller, stream, mut supervisor) = site();
    play(&controller, stream, async {
        let list = supervisor.greet(true).await;
        // Another Watchdog before the answer changes nothing.
        supervisor.say(json!({ "type": "Watchdog", "wTs": "2026-01-01T00:00:00.000Z" })).await;
        supervisor.expect("MessageAck").await;
        assert!(!controller.state().link_up);
        supervisor.acknowledge(&list).await;
        for kind in ["AggregatedStatus", "Alarm", "Alarm"] {
            supervisor.expect(kind).await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_list_of_components_that_is_refused_ends_the_link() {
    let (controller, stream, mut supervisor) = site();
    let script = async {
        let list = supervisor.greet(true).await;
        let refusal = rsmp::not_ack(list["mId"].as_str().unwrap(), "HN+AG0101=001DL004 is unknown");
        supervisor.stream.write_all(&rsmp::packet(&refusal)).await.unwrap();
    };
    let mut link = Link::new(&controller, stream);
    let (ended, ()) = tokio::join!(link.talk(), script);
    let why = "the list of components was refused: HN+AG0101=001DL004 is unknown";
    assert_eq!(ended.unwrap_err().to_string(), why);
    assert!(!controller.state().link_up);
}

#[tokio::test]
async fn who_wants_no_alarms_is_sent_none() {
    let (controller, stream, mut supervisor) = site();
    controller.state().buffer.push(json!({ "type": "Alarm", "aCId": "A0302" }), false);
    let asked = json!({ "type": "AggregatedStatusRequest", "cId": controller.site.component });
    play(&controller, stream, async {
        let list = supervisor.greet(false).await;
        supervisor.acknowledge(&list).await;
        supervisor.expect("AggregatedStatus").await;
        supervisor.say(asked).await;
        supervisor.expect("MessageAck").await;
        supervisor.expect("AggregatedStatus").await;
    })
    .await;
    assert_eq!(controller.state().buffer.len(), 0);
}

#[tokio::test]
async fn a_message_with_two_commands_is_refused() {
    let (controller, stream, mut supervisor) = site();
    let argument = |(code, order, name, value): (&str, &str, &str, &str)| json!({ "cCI": code, "cO": order, "n": name, "v": value });
    let arguments = [
        ("M0007", "setFixedTime", "status", "True"),
        ("M0007", "setFixedTime", "securityCode", "2222"),
        ("M0004", "setRestart", "status", "True"),
        ("M0004", "setRestart", "securityCode", "2222"),
    ];
    let both = json!({
        "type": "CommandRequest", "cId": controller.site.component, "arg": arguments.map(argument),
    });
    let mut one = both.clone();
    one["arg"].as_array_mut().unwrap().truncate(2);
    play(&controller, stream, async {
        let list = supervisor.greet(false).await;
        supervisor.acknowledge(&list).await;
        supervisor.expect("AggregatedStatus").await;
        supervisor.say(both).await;
        let refused = supervisor.expect("MessageNotAck").await;
        assert_eq!(refused["rea"], "more than one command in a message");
        supervisor.say(one).await;
        supervisor.expect("MessageAck").await;
        supervisor.expect("CommandResponse").await;
    })
    .await;
    let ordered = controller.state().ordered.clone();
    assert_eq!((ordered.fixed_time, ordered.restart), (true, false));
}
