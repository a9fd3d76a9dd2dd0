//! RSMP sites that change once a second, as light as they can be; and when each change was made and seen.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail};
use hardware_ports::Clock;
use models_domain::UtcMillis;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

const EVERY: Duration = Duration::from_secs(1);
/// Watchdogs and half a minute are far apart from what the supervisor waits for.
const WATCHDOG: Duration = Duration::from_secs(50);
const AGAIN: Duration = Duration::from_millis(500);
/// Changes of one junction that may be on their way.
const ON_THEIR_WAY: usize = 256;

/// Six signal groups count the changes: each is a digit. What a lamp shows means nothing here.
const DIGITS: [u8; 4] = *b"B4N0";
const GROUPS: u32 = 6;

pub fn component(index: usize) -> String {
    format!("HN+{index}=001TC000")
}

/// Of the name of a junction.
pub fn index_of(junction: &str) -> Option<usize> {
    junction.strip_prefix('j')?.parse().ok()
}

/// What every junction made, and what was seen of it.
pub struct Street {
    clock: Arc<dyn Clock>,
    junctions: Vec<Mutex<Junction>>,
    measures: Mutex<bool>,
}

#[derive(Default)]
struct Junction {
    number: u32,
    /// Number, when it was made, and whether it is measured.
    on_their_way: VecDeque<(u32, Duration, bool)>,
    seen: Option<u32>,
    delays_ms: Vec<f64>,
    measured: usize,
}

/// Milliseconds from a change until it was seen, in order.
pub struct Figures {
    delays_ms: Vec<f64>,
    pub changes: usize,
}

impl Figures {
    /// `share` from 0 to 1.
    pub fn at(&self, share: f64) -> Option<f64> {
        let index = (self.delays_ms.len().checked_sub(1)? as f64 * share).round();
        self.delays_ms.get(index as usize).map(|ms| (ms * 10.0).round() / 10.0)
    }

    pub fn seen(&self) -> usize {
        self.delays_ms.len()
    }
}

fn held<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Street {
    pub fn new(junctions: usize, clock: Arc<dyn Clock>) -> Self {
        let junctions = (0..junctions).map(|_| Mutex::default()).collect();
        Self { clock, junctions, measures: Mutex::new(false) }
    }

    /// Whether what changes from now on is measured.
    pub fn measure(&self, on: bool) {
        *held(&self.measures) = on;
    }

    /// How many junctions were seen.
    pub fn shown(&self) -> usize {
        self.junctions.iter().filter(|junction| held(junction).seen.is_some()).count()
    }

    pub fn figures(&self) -> Figures {
        let mut figures = Figures { delays_ms: Vec::new(), changes: 0 };
        for junction in &self.junctions {
            let junction = held(junction);
            figures.delays_ms.extend_from_slice(&junction.delays_ms);
            figures.changes += junction.measured;
        }
        figures.delays_ms.sort_unstable_by(f64::total_cmp);
        figures
    }

    /// These groups are seen: the first time is the one that counts.
    pub fn seen(&self, index: usize, groups: &str) {
        let now = self.clock.elapsed();
        let Some((junction, number)) = self.junctions.get(index).zip(number_of(groups)) else { return };
        let mut junction = held(junction);
        if junction.seen == Some(number) {
            return;
        }
        junction.seen = Some(number);
        while let Some((made, at, measured)) = junction.on_their_way.pop_front() {
            if made == number {
                if measured {
                    junction.delays_ms.push(now.saturating_sub(at).as_secs_f64() * 1_000.0);
                }
                break;
            }
        }
    }

    fn change(&self, index: usize) -> Option<String> {
        let measured = *held(&self.measures);
        let mut junction = held(self.junctions.get(index)?);
        junction.number = (junction.number + 1) % 4_u32.pow(GROUPS);
        let number = junction.number;
        if junction.on_their_way.len() >= ON_THEIR_WAY {
            junction.on_their_way.pop_front();
        }
        junction.on_their_way.push_back((number, self.clock.elapsed(), measured));
        junction.measured += usize::from(measured);
        Some(groups_of(number))
    }

    /// One site, which dials again when its connection ends.
    pub async fn run(self: Arc<Self>, index: usize, address: SocketAddr, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                ended = self.once(index, address) => if let Err(err) = ended {
                    eprintln!("junction {index}: {err:#}");
                },
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    async fn once(&self, index: usize, address: SocketAddr) -> anyhow::Result<()> {
        let mut link = Link {
            stream: TcpStream::connect(address).await.context("dialling")?,
            component: component(index),
            sent: 0,
            subscribed: false,
        };
        link.stream.set_nodelay(true)?;
        let version = json!({
            "type": "Version", "RSMP": [{ "vers": "3.2.2" }], "siteId": [{ "sId": format!("HN+{index}") }], "SXL": "1.2.1",
        });
        link.send(version).await?;
        // Changes of all junctions are spread over the second.
        let phase = EVERY.mul_f64(index as f64 / self.junctions.len() as f64);
        let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + phase, EVERY);
        let mut watchdog = tokio::time::interval_at(tokio::time::Instant::now() + WATCHDOG, WATCHDOG);
        let (mut buffer, mut unread) = (vec![0; 8 * 1024], Vec::new());
        loop {
            tokio::select! {
                read = link.stream.read(&mut buffer) => {
                    let length = read.context("reading")?;
                    if length == 0 {
                        bail!("the agent closed the connection");
                    }
                    unread.extend_from_slice(&buffer[..length]);
                    while let Some(end) = unread.iter().position(|byte| *byte == 0x0c) {
                        let packet: Vec<u8> = unread.drain(..=end).collect();
                        self.hear(&mut link, &packet[..end]).await?;
                    }
                }
                _ = tick.tick(), if link.subscribed => {
                    if let Some(groups) = self.change(index) {
                        self.tell(&mut link, "StatusUpdate", &groups).await?;
                    }
                }
                _ = watchdog.tick() => {
                    let at = self.timestamp();
                    link.send(json!({ "type": "Watchdog", "wTs": at })).await?;
                }
            }
        }
    }

    async fn hear(&self, link: &mut Link, packet: &[u8]) -> anyhow::Result<()> {
        // Most of what comes, and nothing to do.
        if packet.windows(12).take(64).any(|part| part == b"\"MessageAck\"") {
            return Ok(());
        }
        let message: Value = serde_json::from_slice(packet).context("a message of the agent")?;
        let kind = message["type"].as_str().unwrap_or_default();
        if kind == "MessageNotAck" {
            bail!("refused: {message}");
        }
        link.reply(json!({ "type": "MessageAck", "oMId": message["mId"] })).await?;
        let about_groups = message["sS"][0]["sCI"] == "S0001";
        match kind {
            "Version" => {
                let at = self.timestamp();
                link.send(json!({ "type": "Watchdog", "wTs": at })).await
            }
            "StatusSubscribe" if about_groups => {
                link.subscribed = true;
                Ok(())
            }
            _ => Ok(()),
        }
    }

    async fn tell(&self, link: &mut Link, kind: &str, groups: &str) -> anyhow::Result<()> {
        let at = self.timestamp();
        let message = json!({
            "type": kind, "ntsOId": "", "xNId": "", "cId": link.component, "sTs": at,
            "sS": [{ "sCI": "S0001", "n": "signalgroupstatus", "s": groups, "q": "recent" }],
        });
        link.send(message).await
    }

    fn timestamp(&self) -> String {
        let UtcMillis(ms) = self.clock.now();
        let at = OffsetDateTime::from_unix_timestamp_nanos(i128::from(ms) * 1_000_000);
        at.ok().and_then(|at| at.format(&Rfc3339).ok()).unwrap_or_default()
    }
}

struct Link {
    stream: TcpStream,
    component: String,
    sent: u64,
    subscribed: bool,
}

impl Link {
    async fn send(&mut self, mut message: Value) -> anyhow::Result<()> {
        self.sent += 1;
        message["mId"] = self.sent.to_string().into();
        self.reply(message).await
    }

    async fn reply(&mut self, mut message: Value) -> anyhow::Result<()> {
        message["mType"] = "rSMsg".into();
        let mut bytes = message.to_string().into_bytes();
        bytes.push(0x0c);
        self.stream.write_all(&bytes).await.context("writing")
    }
}

fn groups_of(number: u32) -> String {
    let digit = |place: u32| DIGITS[(number / 4_u32.pow(place) % 4) as usize];
    (0..GROUPS).map(|place| char::from(digit(place))).collect()
}

fn number_of(groups: &str) -> Option<u32> {
    let digit = |byte: u8| DIGITS.iter().position(|digit| *digit == byte);
    let places = (0..GROUPS).zip(groups.bytes());
    let digits: Option<Vec<u32>> =
        places.map(|(place, byte)| Some(digit(byte)? as u32 * 4_u32.pow(place))).collect();
    digits.filter(|digits| digits.len() == GROUPS as usize).map(|digits| digits.iter().sum())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_change_shows_something_else() {
        for number in 0..4_u32.pow(GROUPS) {
            assert_eq!(number_of(&groups_of(number)), Some(number));
        }
        assert_eq!((number_of(""), number_of("BBBBBx")), (None, None));
    }
}
