//! Ten thousand messages that nobody has taken, and the power goes: the program is killed, its journal's last line is torn
//! or damaged, and what it tells when it runs again is what it had not told, in order, once.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::fs::{self, File};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

const SITE: &str = "HN+A=001TC000";

/// "The internal communication buffer of the device must at a minimum be sized to be able to store 10000 messages."
const BUFFER: usize = 10_000;

/// Messages on their way at once: the next comes when the first of them is acknowledged.
const WINDOW: usize = 32;

/// A read that lasts so long has failed.
const WAIT: Duration = Duration::from_secs(20);

/// Each second of the plan changes the cycle counter.
const STREET: &str = r#"
reconnect_s = 0.05
watchdog_s = 60.0
acknowledgement_s = 60.0
speed = SPEED
alarm_every_s = 0.0
alarm_lasts_s = 0.0

[[site]]
junction = "a"
site_id = "HN+A"
component = "HN+A=001TC000"
offset_s = 0
yellow_s = 3
all_red_s = 2
walk_clear_s = 2
groups = ["vehicle", "vehicle"]
stages = [{ green_s = 460, groups = [1] }, { green_s = 460, groups = [2] }]
"#;

const CYCLE_S: u64 = 930;

struct Street {
    folder: PathBuf,
    child: Child,
    supervisor: Supervisor,
}

impl Street {
    /// The program with this folder, and its link established; so many times as fast as a street.
    fn start(folder: &Path, speed: f64) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        fs::write(folder.join("street.toml"), STREET.replace("SPEED", &format!("{speed:?}"))).unwrap();
        let log = File::options().create(true).append(true).open(folder.join("log")).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_signal-simulator"))
            .arg("--config")
            .arg(folder.join("street.toml"))
            .arg("--keep")
            .arg(folder.join("keep"))
            .args(["--connect", &listener.local_addr().unwrap().to_string()])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .unwrap();
        let supervisor = Supervisor::greet(listener.accept().unwrap().0);
        Self { folder: folder.to_owned(), child, supervisor }
    }

    /// SIGKILL: nothing is closed, flushed or said.
    fn cut_power(mut self) -> PathBuf {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
        self.folder.join("keep/HN-A.journal")
    }
}

impl Drop for Street {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

struct Supervisor {
    stream: TcpStream,
    bytes: Vec<u8>,
    sent: u32,
}

impl Supervisor {
    fn greet(stream: TcpStream) -> Self {
        stream.set_read_timeout(Some(WAIT)).unwrap();
        let mut own = Self { stream, bytes: Vec::new(), sent: 0 };
        let version = own.next();
        assert_eq!(version["type"], "Version");
        own.acknowledge(&version);
        let core = json!([{ "vers": "3.2.2" }]);
        own.send(json!({ "type": "Version", "RSMP": core, "siteId": [{ "sId": "HN+A" }], "SXL": "1.2.1" }));
        let watchdog = own.next_but_acks();
        assert_eq!(watchdog["type"], "Watchdog");
        own.acknowledge(&watchdog);
        own.send(json!({ "type": "Watchdog", "wTs": "2026-01-01T00:00:00.000Z" }));
        own
    }

    fn send(&mut self, mut message: Value) {
        self.sent += 1;
        message["mType"] = "rSMsg".into();
        message["mId"] = format!("00000000-0000-4000-8000-{:012}", self.sent).into();
        self.write(&message);
    }

    fn acknowledge(&mut self, message: &Value) {
        self.write(&json!({ "mType": "rSMsg", "type": "MessageAck", "oMId": message["mId"] }));
    }

    fn write(&mut self, message: &Value) {
        self.stream.write_all(format!("{message}\x0c").as_bytes()).unwrap();
    }

    fn next(&mut self) -> Value {
        loop {
            if let Some(end) = self.bytes.iter().position(|byte| *byte == 0x0c) {
                let packet: Vec<u8> = self.bytes.drain(..=end).collect();
                return serde_json::from_slice(&packet[..end]).unwrap();
            }
            let mut more = [0; 16 * 1024];
            let length = self.stream.read(&mut more).unwrap();
            assert!(length > 0, "the site closed the connection");
            self.bytes.extend_from_slice(&more[..length]);
        }
    }

    fn next_but_acks(&mut self) -> Value {
        loop {
            let message = self.next();
            assert_ne!(message["type"], "MessageNotAck", "{message}");
            if message["type"] != "MessageAck" {
                return message;
            }
        }
    }

    /// The next StatusUpdate, not acknowledged; all else is.
    fn update(&mut self) -> Value {
        loop {
            let message = self.next_but_acks();
            if message["type"] == "StatusUpdate" {
                return message;
            }
            self.acknowledge(&message);
        }
    }

    /// Takes `count` updates and acknowledges as many of them as `acknowledged`.
    fn take(&mut self, count: usize, acknowledged: usize) -> Vec<Value> {
        let take = |index: usize| {
            let update = self.update();
            if index < acknowledged {
                self.acknowledge(&update);
            }
            update
        };
        (0..count).map(take).collect()
    }

    /// The updates that come before the answer to a question: the site has read all that was written before.
    fn until_answered(&mut self) -> Vec<Value> {
        while self.next_but_acks()["type"] != "AggregatedStatus" {}
        self.send(json!({ "type": "AggregatedStatusRequest", "ntsOId": SITE, "xNId": "", "cId": SITE }));
        let mut updates = Vec::new();
        loop {
            let message = self.next_but_acks();
            match message["type"].as_str().unwrap() {
                "StatusUpdate" => updates.push(message),
                "AggregatedStatus" => return updates,
                _ => self.acknowledge(&message),
            }
        }
    }
}

/// A line of the journal that is whole.
#[derive(Debug, PartialEq)]
enum Line {
    Pushed(u64, Value),
    Done(u64),
}

/// Without what is not whole at its end: somebody may be writing.
fn journal(path: &Path) -> Vec<Line> {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let line = |line: &str| {
        let (_, content) = line.strip_suffix('\n')?.split_once(' ')?;
        if let Some(number) = content.strip_prefix('-') {
            return Some(Line::Done(number.parse().ok()?));
        }
        let (number, message) = content.strip_prefix('+')?.split_once(' ')?;
        Some(Line::Pushed(number.parse().ok()?, serde_json::from_str(message).ok()?))
    };
    text.split_inclusive('\n').map_while(line).collect()
}

fn pushed(lines: &[Line]) -> Vec<Value> {
    let message = |line: &Line| match line {
        Line::Pushed(_, message) => Some(message.clone()),
        Line::Done(_) => None,
    };
    lines.iter().filter_map(message).collect()
}

fn done(lines: &[Line]) -> Vec<u64> {
    let number = |line: &Line| match line {
        Line::Done(number) => Some(*number),
        Line::Pushed(_, _) => None,
    };
    lines.iter().filter_map(number).collect()
}

/// What a site tells of `kept` when the link is there again.
fn as_old(kept: &[Value]) -> Vec<Value> {
    let old = |message: &Value| {
        let mut message = message.clone();
        message["sS"][0]["q"] = "old".into();
        message
    };
    kept.iter().map(old).collect()
}

#[track_caller]
fn same(got: Vec<Value>, kept: &[Value]) {
    let unnumbered = |mut message: Value| {
        message.as_object_mut().unwrap().remove("mId").expect("a number");
        message
    };
    let got: Vec<Value> = got.into_iter().map(unnumbered).collect();
    let counter = |message: &Value| message["sS"][0]["s"].as_str().unwrap().parse::<u64>().unwrap();
    for pair in got.windows(2) {
        assert_eq!((counter(&pair[0]) + 1) % CYCLE_S, counter(&pair[1]), "{pair:?}");
    }
    let want = as_old(kept);
    assert_eq!(got.len(), want.len());
    for (index, (got, want)) in got.iter().zip(&want).enumerate() {
        assert_eq!(got, want, "message {index}");
    }
}

/// A street whose buffer has run over, without power; its journal.
fn filled(folder: &Path) -> PathBuf {
    let mut street = Street::start(folder, 5_000.0);
    let wanted = json!([{ "sCI": "S0001", "n": "cyclecounter", "uRt": "0", "sOc": true }]);
    let subscribe =
        json!({ "type": "StatusSubscribe", "ntsOId": SITE, "xNId": "", "cId": SITE, "sS": wanted });
    street.supervisor.send(subscribe);
    let first = street.supervisor.update();
    assert_eq!(first["sS"][0]["q"], "recent");
    // The supervisor goes for good, and has acknowledged no update.
    drop(street.supervisor.stream.shutdown(std::net::Shutdown::Both));
    let path = folder.join("keep/HN-A.journal");
    let is_done = |line: &&[u8]| line.get(8..10) == Some(b" -".as_slice());
    let lost = || fs::read(&path).unwrap().split(|byte| *byte == b'\n').filter(is_done).count();
    let mut polls = 0;
    while lost() < 3 {
        polls += 1;
        assert!(polls < 1_200, "{} messages after 60 s", journal(&path).len());
        std::thread::sleep(Duration::from_millis(50));
    }
    street.cut_power()
}

/// The folder of a street with a journal of these bytes.
fn folder_with(bytes: &[u8]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("keep")).unwrap();
    fs::write(folder.path().join("keep/HN-A.journal"), bytes).unwrap();
    folder
}

#[test]
fn ten_thousand_messages_outlive_a_power_cut_and_the_next_one_takes_the_place_of_the_oldest() {
    let folder = tempfile::tempdir().unwrap();
    let path = filled(folder.path());
    let lines = journal(&path);
    let all = pushed(&lines);

    // Nothing was lost before the 10,001st came, then the oldest each time, and the program says so once.
    let first_loss = lines.iter().position(|line| matches!(line, Line::Done(_))).unwrap();
    assert_eq!(first_loss, BUFFER + 1);
    assert_eq!(done(&lines), (0..done(&lines).len() as u64).collect::<Vec<_>>());
    let log = fs::read_to_string(folder.path().join("log")).unwrap();
    assert_eq!(log.matches("the buffer is full, its oldest messages are lost").count(), 1, "{log}");

    // A tail that was torn off, and one that is damaged so that it is no text any more: the last message alone is gone.
    let bytes = fs::read(&path).unwrap();
    let last = all.len() - 1;
    let needle = format!(" +{last} ");
    let at = bytes.windows(needle.len()).position(|window| window == needle.as_bytes()).unwrap();
    let torn = &bytes[..at + 40];
    let mut damaged = bytes[..=at + bytes[at..].iter().position(|byte| *byte == b'\n').unwrap()].to_vec();
    damaged[at + 40] ^= 0x80;
    for bytes in [torn, &damaged] {
        let folder = folder_with(bytes);
        let mut street = Street::start(folder.path(), 1.0);
        same(street.supervisor.take(BUFFER, BUFFER), &all[last - BUFFER..last]);
    }

    // Whole: the power goes again when four thousand are acknowledged, and those never come again.
    let kept = &all[all.len() - BUFFER..];
    let mut street = Street::start(folder.path(), 1.0);
    same(street.supervisor.take(4_000 + WINDOW, 4_000), &kept[..4_000 + WINDOW]);
    street.cut_power();
    let mut street = Street::start(folder.path(), 1.0);
    same(street.supervisor.take(BUFFER - 4_000, BUFFER - 4_000), &kept[4_000..]);
    street
        .supervisor
        .send(json!({ "type": "AggregatedStatusRequest", "ntsOId": SITE, "xNId": "", "cId": SITE }));
    while street.supervisor.next_but_acks()["type"] != "AggregatedStatus" {}
    street.cut_power();
    let mut street = Street::start(folder.path(), 1.0);
    assert_eq!(street.supervisor.until_answered(), Vec::<Value>::new());
}
