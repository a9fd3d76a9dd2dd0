//! The server over real TCP: several sites, strangers, a second connection of one site, a sink that refuses, the end.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::SystemClock;
use hardware_ports::sink::{NotKept, SignalReport, Sink};
use hardware_signal::controllers::{Answer, Asked, Timing, Value as Typed};
use hardware_signal::{OrderDesk, ServeError, SignalServer, SignalServerSettings, Site};
use models_domain::JunctionId;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Nothing here takes long; a wait that lasts so long has failed.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// Keeps lines of text; refuses what contains `refused`.
struct Kept {
    lines: watch::Sender<Vec<String>>,
    refused: Mutex<Option<String>>,
}

#[async_trait]
impl Sink<SignalReport> for Kept {
    async fn accept(&self, report: SignalReport) -> Result<(), NotKept> {
        use SignalReport::{Aggregated, Alarm, Changes, Detectors, Groups, Link, Now, Stage};
        let line = match report {
            Groups { junction, groups, .. } => format!("{junction} {}", groups.groups),
            Alarm { junction, alarm, .. } => format!("{junction} {}", alarm.code),
            Link { junction, state: s, .. } => format!("{junction} {:?} {}", s.link, s.reason),
            Stage { .. } | Now { .. } | Aggregated { .. } | Changes { .. } | Detectors { .. } => {
                return Ok(());
            }
        };
        if self.refused.lock().unwrap().as_ref().is_some_and(|part| line.contains(part)) {
            return Err(NotKept("the disk is full".into()));
        }
        self.lines.send_modify(|lines| lines.push(line));
        Ok(())
    }
}

struct House {
    address: SocketAddr,
    kept: Arc<Kept>,
    desk: OrderDesk,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

fn settings(sites: &[&str]) -> SignalServerSettings {
    let site = |name: &&str| Site::new(format!("HN+{name}"), JunctionId::new(*name).unwrap(), "TC");
    SignalServerSettings {
        address: "127.0.0.1:0".parse().unwrap(),
        controller: "rsmp".into(),
        tls: None,
        supervisor_id: "hanoi".into(),
        sites: sites.iter().map(site).collect(),
        timing: Timing { pace: Duration::from_millis(5), ..Timing::default() },
    }
}

impl House {
    async fn open(settings: SignalServerSettings) -> Self {
        let kept = Arc::new(Kept { lines: watch::Sender::new(vec![]), refused: Mutex::new(None) });
        let sink: Arc<dyn Sink<SignalReport>> = kept.clone();
        let server = SignalServer::bind(settings, sink, Arc::new(SystemClock::new())).await.unwrap();
        let (address, desk, stop) = (server.address(), server.desk(), CancellationToken::new());
        let task = tokio::spawn(server.run(stop.clone()));
        Self { address, kept, desk, stop, task }
    }

    /// Waits until a line contains `part`.
    async fn wait(&self, part: &str) {
        let mut lines = self.kept.lines.subscribe();
        let found = lines.wait_for(|lines| lines.iter().any(|line| line.contains(part)));
        let result = tokio::time::timeout(WAIT_MAX, found).await;
        assert!(result.is_ok(), "no {part:?} in {:?}", self.kept.lines.borrow());
    }

    fn lines(&self, junction: &str) -> Vec<String> {
        self.kept.lines.borrow().iter().filter(|line| line.starts_with(junction)).cloned().collect()
    }

    async fn close(self) {
        self.stop.cancel();
        tokio::time::timeout(WAIT_MAX, self.task).await.unwrap().unwrap();
    }
}

/// A site written by hand.
struct Client {
    stream: TcpStream,
    bytes: Vec<u8>,
}

impl Client {
    async fn dial(address: SocketAddr) -> Self {
        Self { stream: TcpStream::connect(address).await.unwrap(), bytes: vec![] }
    }

    /// Introduced and up; our Watchdog is acknowledged.
    async fn site(house: &House, name: &str) -> Self {
        let mut client = Self::dial(house.address).await;
        client.introduce(name).await;
        let mut watchdog = client.next().await.unwrap();
        while watchdog["type"] != "Watchdog" {
            watchdog = client.next().await.unwrap();
        }
        client.acknowledge(&watchdog).await;
        client
    }

    async fn introduce(&mut self, name: &str) {
        self.send(json!({
            "type": "Version", "mId": "v", "RSMP": [{ "vers": "3.2.2" }], "SXL": "1.2.1",
            "siteId": [{ "sId": format!("HN+{name}") }],
        }))
        .await;
        let mut version = self.next().await.unwrap();
        while version["type"] != "Version" {
            version = self.next().await.unwrap();
        }
        self.acknowledge(&version).await;
        self.send(json!({ "type": "Watchdog", "mId": "w", "wTs": "2026-01-01T00:00:00.000Z" })).await;
    }

    async fn send(&mut self, mut message: Value) {
        message["mType"] = "rSMsg".into();
        let text = format!("{message}\u{c}");
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    async fn acknowledge(&mut self, message: &Value) {
        self.send(json!({ "type": "MessageAck", "oMId": message["mId"] })).await;
    }

    async fn groups(&mut self, id: &str, groups: &str) {
        self.send(json!({
            "type": "StatusUpdate", "mId": id, "cId": "TC", "sTs": "2026-01-01T00:00:00.000Z",
            "sS": [{ "sCI": "S0001", "n": "signalgroupstatus", "s": groups, "q": "recent" }],
        }))
        .await;
    }

    /// `None` at the end of the connection.
    async fn next(&mut self) -> Option<Value> {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == 0x0c) {
                let packet: Vec<u8> = self.bytes.drain(..=end).collect();
                return Some(serde_json::from_slice(&packet[..end]).unwrap());
            }
            let mut buffer = [0; 4096];
            let read = tokio::time::timeout(WAIT_MAX, self.stream.read(&mut buffer)).await.unwrap();
            match read {
                Ok(0) | Err(_) => return None,
                Ok(length) => self.bytes.extend_from_slice(&buffer[..length]),
            }
        }
    }

    /// Whether `id` is acknowledged before the connection ends.
    async fn acknowledged(&mut self, id: &str) -> bool {
        while let Some(message) = self.next().await {
            if message["type"] == "MessageAck" && message["oMId"] == id {
                return true;
            }
        }
        false
    }
}

#[tokio::test]
async fn sites_report_side_by_side_and_strangers_harm_nobody() {
    let house = House::open(settings(&["kim-ma", "hang-dau"])).await;
    let mut strangers = Vec::new();
    for text in ["GET / HTTP/1.1\r\n\r\n\u{c}", "\u{c}\u{c}{\"mType\":", "\u{0}\u{1}\u{c}"] {
        let mut stranger = Client::dial(house.address).await;
        stranger.stream.write_all(text.as_bytes()).await.unwrap();
        strangers.push(stranger);
    }
    // Far more than one packet may have, without an end: cut off.
    let mut endless = Client::dial(house.address).await;
    let flood = vec![b'['; 1 << 20];
    let _cut_in_between = endless.stream.write_all(&flood).await;
    assert_eq!(endless.next().await, None);

    let mut kim_ma = Client::site(&house, "kim-ma").await;
    let mut hang_dau = Client::site(&house, "hang-dau").await;
    kim_ma.groups("a", "11BB").await;
    hang_dau.groups("b", "NNBB").await;
    assert!(kim_ma.acknowledged("a").await && hang_dau.acknowledged("b").await);
    let address = house.address;
    assert_eq!(
        house.lines("kim-ma"),
        [
            &format!("kim-ma Connecting waiting for site HN+kim-ma to dial {address}"),
            "kim-ma Up ",
            "kim-ma 11BB"
        ]
    );
    drop(hang_dau);
    house.wait("hang-dau Down the site closed the connection").await;
    let lines = house.kept.lines.subscribe();
    house.close().await;
    assert_eq!(lines.borrow().last().unwrap(), "kim-ma Down the adapter was stopped");
}

#[tokio::test]
async fn strangers_who_wait_are_few() {
    let house = House::open(settings(&["kim-ma"])).await;
    let mut idle = Vec::new();
    for _ in 0..16 {
        idle.push(Client::dial(house.address).await);
    }
    let mut one_more = Client::dial(house.address).await;
    assert_eq!(one_more.next().await, None);
    // Those who leave make room.
    idle.clear();
    let mut tries = 0;
    loop {
        let mut client = Client::dial(house.address).await;
        client.send(json!({ "type": "Version", "mId": "v", "RSMP": [], "SXL": "1", "siteId": [] })).await;
        if client.next().await.is_some() {
            break;
        }
        tries += 1;
        assert!(tries < 1000);
    }
    house.close().await;
}

#[tokio::test]
async fn the_newest_connection_of_a_site_wins() {
    let house = House::open(settings(&["kim-ma"])).await;
    let mut first = Client::site(&house, "kim-ma").await;
    let mut second = Client::site(&house, "kim-ma").await;
    while first.next().await.is_some() {}
    second.groups("a", "BB11").await;
    assert!(second.acknowledged("a").await);
    let lines = house.lines("kim-ma");
    assert_eq!(lines[1..], ["kim-ma Up ", "kim-ma Up ", "kim-ma BB11"], "no Down in between");
    house.close().await;
}

#[tokio::test]
async fn what_is_not_kept_is_not_acknowledged() {
    let house = House::open(settings(&["kim-ma"])).await;
    *house.kept.refused.lock().unwrap() = Some("BB11".into());
    let mut site = Client::site(&house, "kim-ma").await;
    site.groups("a", "11BB").await;
    site.groups("b", "BB11").await;
    site.groups("c", "BBNN").await;
    let mut acknowledged = Vec::new();
    while let Some(message) = site.next().await {
        if message["type"] == "MessageAck" && message["oMId"] != "w" {
            acknowledged.push(message["oMId"].clone());
        }
    }
    assert_eq!(acknowledged, ["a"]);
    house.wait("Down the report could not be kept: the disk is full; the site will send it again").await;
    *house.kept.refused.lock().unwrap() = None;
    let mut site = Client::site(&house, "kim-ma").await;
    site.groups("b", "BB11").await;
    assert!(site.acknowledged("b").await);
    house.close().await;
}

/// "The internal communication buffer … at a minimum … 10000 messages": sent without waiting, kept in order.
#[tokio::test]
async fn a_full_buffer_flows_in() {
    const MESSAGES: usize = 10_000;
    let house = House::open(settings(&["kim-ma"])).await;
    let mut site = Client::site(&house, "kim-ma").await;
    for number in 0..MESSAGES {
        site.groups(&format!("m{number}"), &format!("B{number}")).await;
    }
    for number in 0..MESSAGES {
        assert!(site.acknowledged(&format!("m{number}")).await, "{number}");
    }
    let lines = house.lines("kim-ma B");
    let want: Vec<String> = (0..MESSAGES).map(|number| format!("kim-ma B{number}")).collect();
    assert_eq!(lines, want);
    house.close().await;
}

#[tokio::test]
async fn a_site_may_be_bound_to_its_address() {
    let mut settings = settings(&["kim-ma"]);
    settings.sites[0].allow_from = vec![IpAddr::from([192, 0, 2, 7])];
    let house = House::open(settings).await;
    let mut site = Client::dial(house.address).await;
    site.send(json!({
        "type": "Version", "mId": "v", "RSMP": [{ "vers": "3.2.2" }], "SXL": "1.2.1",
        "siteId": [{ "sId": "HN+kim-ma" }],
    }))
    .await;
    assert_eq!(site.next().await, None);
    assert_eq!(house.lines("kim-ma").len(), 1);
    house.close().await;
}

#[tokio::test]
async fn settings_and_ports_are_refused_with_a_reason() {
    let house = House::open(settings(&["kim-ma"])).await;
    let mut taken = settings(&["kim-ma"]);
    taken.address = house.address;
    let err = bind(taken).await;
    assert_eq!(
        err,
        format!("listening for signal controllers on {}; is another program using that port?", house.address)
    );
    house.close().await;

    let mut wrong = settings(&["kim-ma", "kim-ma"]);
    wrong.controller = "smoke".into();
    wrong.sites[1].main_component.clear();
    assert_eq!(
        bind(wrong).await,
        "signal settings: controller \"smoke\" is not one of the known kinds that dial; \
         main_component \"\" must have 1 to 128 printable characters; site_id \"HN+kim-ma\" is used twice; \
         junction kim-ma has two sites"
    );
}

async fn bind(settings: SignalServerSettings) -> String {
    let kept: Arc<dyn Sink<SignalReport>> =
        Arc::new(Kept { lines: watch::Sender::new(vec![]), refused: Mutex::new(None) });
    let bound: Result<SignalServer, ServeError> =
        SignalServer::bind(settings, kept, Arc::new(SystemClock::new())).await;
    match bound {
        Ok(_) => panic!("accepted"),
        Err(err) => err.to_string(),
    }
}

/// What an operator's plan change comes to, with the site's answer to it.
async fn order_plan(answered: Option<&str>) -> Answer {
    let house = House::open(settings(&["kim-ma"])).await;
    let mut site = Client::site(&house, "kim-ma").await;
    let (desk, junction) = (house.desk.clone(), JunctionId::new("kim-ma").unwrap());
    let values = [
        ("status".to_owned(), Typed::Boolean(true)),
        ("securityCode".to_owned(), Typed::Text("2222".into())),
        ("timeplan".to_owned(), Typed::Integer(4)),
    ];
    let asked = Asked::Command { code: "M0002".into(), component: None, values: values.into() };
    let asking = tokio::spawn(async move { desk.ask(&junction, asked).await });
    let mut request = site.next().await.unwrap();
    while request["type"] != "CommandRequest" {
        if request["mId"].is_string() {
            site.acknowledge(&request).await;
        }
        request = site.next().await.unwrap();
    }
    site.acknowledge(&request).await;
    match answered {
        None => drop(site),
        Some(plan) => {
            let value =
                |name: &str, value: &str| json!({ "cCI": "M0002", "n": name, "v": value, "age": "recent" });
            let values = [value("status", "True"), value("securityCode", "2222"), value("timeplan", plan)];
            let response = json!({
                "type": "CommandResponse", "mId": "r", "cId": "TC", "cTS": "2026-01-01T00:00:00.000Z", "rvs": values,
            });
            site.send(response).await;
        }
    }
    let answer = tokio::time::timeout(WAIT_MAX, asking).await.unwrap().unwrap();
    house.close().await;
    answer
}

#[tokio::test]
async fn an_order_is_answered_by_what_the_controller_shows() {
    assert_eq!(order_plan(Some("4")).await, Answer::Done);
    assert_eq!(order_plan(Some("1")).await, Answer::Otherwise(r#"timeplan is "1", not "4""#.into()));
    assert_eq!(order_plan(None).await, Answer::None);
    let house = House::open(settings(&["kim-ma"])).await;
    let ask = |name: &str| {
        let (desk, junction) = (house.desk.clone(), JunctionId::new(name).unwrap());
        async move { desk.ask(&junction, Asked::AggregatedStatus).await }
    };
    assert_eq!(ask("kim-ma").await, Answer::Refused("the link to the controller is not up".into()));
    assert_eq!(ask("elsewhere").await, Answer::Refused("junction elsewhere has no controller here".into()));
    house.close().await;
}
