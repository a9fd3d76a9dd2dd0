//! RSMP of older cores: the simulated site behind a relay that gives its messages their older shape, and looks whether the
//! adapter sends what a site of that core can read.

use std::sync::{Arc, Mutex, PoisonError};

use hardware_signal::controllers::{Answer, Asked};
use models_domain::signal::order::Wanted;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

use super::house::{House, Kind, Wish, junction};
use super::{alarm, clock, compare, detectors, groups, handled, order, plan, seen};

/// The core that the simulated site itself speaks here.
const SIMULATED: &str = "3.1.5";

const FORM_FEED: u8 = 0x0c;

/// The cores side by side: each has a street of its own.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsmp_of_older_cores() {
    tokio::join!(check("3.1.2"), check("3.1.3"), check("3.1.4"), check("3.1.5"));
}

/// What differs from core to core; the rest is the same code for all.
async fn check(core: &'static str) {
    let wish = Wish { core: Some(core), speed: 10.0, ..Wish::default() };
    let mut house = House::open(Kind::Rsmp, &wish).await;
    let rows = [
        ("state seen within 1 s", seen(&house).await),
        ("signal groups as they are named", groups(&house).await),
        ("plan and mode read", plan(&house).await),
        ("own clock read, with its error", clock(&mut house).await),
        ("alarm told, and that it is over", alarm(&mut house).await),
        ("alarm acknowledged, suspended, resumed", handled(&house).await),
        ("volume and occupancy of detectors", detectors(&house).await),
        ("another plan", order(&house, &Wanted::Plan(2)).await),
        ("green for groups", order(&house, &Wanted::Groups([1].into_iter().collect())).await),
        ("flash", order(&house, &Wanted::Flash).await),
    ];
    for (row, outcome) in rows {
        compare(house.kind, row, outcome);
    }
    house
        .wait("the whole state", |junction| junction.aggregated.as_ref().is_some_and(|all| all.in_use))
        .await;
    let asked = house.desk.ask(&junction(0), Asked::AggregatedStatus).await;
    let refused = format!("RSMP {core} has no request for this: the site tells it when it connects");
    assert_eq!(
        asked,
        if is_before_requests(core) { Answer::Refused(refused) } else { Answer::Done },
        "{core}"
    );
    let heard = house.older.take().unwrap().heard();
    assert_eq!(heard.wrong, Vec::<String>::new(), "{core}");
    // Groups, mode and plan, four groups' times, counts.
    let all = |subscriptions: &usize| *subscriptions == 7;
    let subscriptions = &heard.subscriptions_by_link;
    assert!(heard.messages > 20 && subscriptions.iter().any(all), "{core}: {heard:?}");
    assert!(subscriptions.iter().all(|one| *one <= 7), "{core}: {heard:?}");
    house.close().await;
}

/// `sOc` and requests for alarms and the aggregated status came with 3.1.5.
fn is_before_requests(core: &str) -> bool {
    core < "3.1.5"
}

/// Where the simulated site dials in place of the adapter.
pub struct OldSite {
    pub address: String,
    heard: Arc<Mutex<Heard>>,
}

/// What the adapter has sent.
#[derive(Debug, Clone, Default)]
struct Heard {
    messages: usize,
    /// A site may have to dial again.
    subscriptions_by_link: Vec<usize>,
    /// What no site of this core could read.
    wrong: Vec<String>,
}

impl OldSite {
    /// `to`: the adapter.
    pub async fn open(core: &'static str, to: String) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let heard = Arc::new(Mutex::new(Heard::default()));
        let all = heard.clone();
        tokio::spawn(async move {
            while let Ok((site, _)) = listener.accept().await {
                let Ok(adapter) = TcpStream::connect(&to).await else { continue };
                tokio::spawn(relay(core, site, adapter, all.clone()));
            }
        });
        Self { address, heard }
    }

    fn heard(&self) -> Heard {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// Until one of the two ends.
async fn relay(core: &'static str, site: TcpStream, adapter: TcpStream, heard: Arc<Mutex<Heard>>) {
    site.set_nodelay(true).unwrap();
    adapter.set_nodelay(true).unwrap();
    let link = {
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.subscriptions_by_link.push(0);
        heard.subscriptions_by_link.len() - 1
    };
    let (from_site, to_site) = site.into_split();
    let (from_adapter, to_adapter) = adapter.into_split();
    tokio::select! {
        () = pass(from_site, to_adapter, |message| make_older(core, message)) => {}
        () = pass(from_adapter, to_site, |message| look((core, link), message, &heard)) => {}
    }
}

async fn pass(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, change: impl Fn(&mut Value)) {
    let (mut bytes, mut buffer) = (Vec::new(), vec![0; 16 * 1024]);
    loop {
        match from.read(&mut buffer).await {
            Ok(0) | Err(_) => return,
            Ok(length) => bytes.extend_from_slice(&buffer[..length]),
        }
        while let Some(end) = bytes.iter().position(|byte| *byte == FORM_FEED) {
            let packet: Vec<u8> = bytes.drain(..=end).collect();
            let mut message: Value = serde_json::from_slice(&packet[..end]).unwrap();
            change(&mut message);
            let mut packet = message.to_string().into_bytes();
            packet.push(FORM_FEED);
            if to.write_all(&packet).await.is_err() {
                return;
            }
        }
    }
}

/// What the simulated site says, as one of `core` says it.
fn make_older(core: &str, message: &mut Value) {
    let kind = message["type"].as_str().unwrap_or_default().to_owned();
    match kind.as_str() {
        "Version" => message["RSMP"] = json!([{ "vers": core }]),
        "AggregatedStatus" if core == "3.1.2" => {
            for bit in message["se"].as_array_mut().unwrap() {
                *bit = json!(bit.to_string());
            }
        }
        "StatusResponse" | "StatusUpdate" if core == "3.1.2" => {
            for value in message["sS"].as_array_mut().unwrap() {
                if value["q"] == "undefined" {
                    (value["q"], value["s"]) = (json!("unknown"), json!(""));
                }
            }
        }
        "Alarm" => {
            for (field, new, old) in [
                ("aSp", "Issue", "issue"),
                ("aSp", "Acknowledge", "acknowledge"),
                ("ack", "Acknowledged", "acknowledged"),
                ("ack", "notAcknowledged", "NotAcknowledged"),
                ("aS", "Active", "active"),
                ("aS", "inActive", "inactive"),
                ("sS", "Suspended", "suspended"),
                ("sS", "notSuspended", "NotSuspended"),
            ] {
                if message[field] == new {
                    message[field] = json!(old);
                }
            }
        }
        _ => {}
    }
}

/// What the adapter says to a site of `core`.
fn look((core, link): (&str, usize), message: &mut Value, heard: &Mutex<Heard>) {
    let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
    heard.messages += 1;
    let older = is_before_requests(core);
    let right = match message["type"].as_str().unwrap_or_default() {
        "Version" => message["RSMP"] == json!([{ "vers": core }]),
        "StatusSubscribe" => {
            heard.subscriptions_by_link[link] += 1;
            message["sS"].as_array().unwrap().iter().all(|value| value.get("sOc").is_none() == older)
        }
        "AggregatedStatusRequest" => !older,
        "Alarm" => !older || message["aSp"] != "Request",
        _ => true,
    };
    if !right {
        heard.wrong.push(message.to_string());
    }
    if message["type"] == "Version" {
        message["RSMP"] = json!([{ "vers": SIMULATED }]);
    }
}
