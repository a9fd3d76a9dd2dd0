//! SIGKILL of the hall while the street goes on: every event that the pole numbered is stored, none twice.
//!
//! The hall is killed twice for a moment while it works, then for a minute. `NGATU_KILL_SECONDS` says how long it is away the
//! last time (60 unless told otherwise).

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, SqliteConnection};

const WAIT_MAX: Duration = Duration::from_secs(60);
/// Events that must come in before the hall is killed again: it dies while it works.
const BETWEEN: i64 = 150;

/// Two crossings, fifty times as fast as a street.
const STREET: &str = r#"
reconnect_s = 0.2
watchdog_s = 60.0
acknowledgement_s = 20.0
speed = 50.0
alarm_every_s = 0.5
alarm_lasts_s = 0.2

[[site]]
junction = "a"
site_id = "HN+A"
component = "HN+A=001TC000"
offset_s = 0
yellow_s = 3
all_red_s = 2
walk_clear_s = 2
groups = ["vehicle", "vehicle"]
stages = [{ green_s = 6, groups = [1] }, { green_s = 4, groups = [2] }]

[[site]]
junction = "b"
site_id = "HN+B"
component = "HN+B=001TC000"
offset_s = 3
yellow_s = 3
all_red_s = 2
walk_clear_s = 2
groups = ["vehicle", "vehicle"]
stages = [{ green_s = 6, groups = [1] }, { green_s = 4, groups = [2] }]
"#;

fn pole(hall: &str, [rsmp, gt06, jt808]: &[String; 3]) -> String {
    format!(
        r#"
[gateway]
id = "edge-street"
data_dir = "pole"

[hall]
connect = "{hall}"
ca = "certificates/ca.pem"
certificate = "certificates/cert.pem"
key = "certificates/key.pem"

[buses]

[[buses.listen]]
protocol = "gt06"
address = "{gt06}"

[[buses.listen]]
protocol = "jt808"
address = "{jt808}"
zone = "+07:00"

[signals]
listen = "{rsmp}"

[[signals.site]]
site_id = "HN+A"
component = "HN+A=001TC000"
junction = "a"
name = "A"
position = [21.02, 105.85]
allow_from = ["127.0.0.1"]

[[signals.site]]
site_id = "HN+B"
component = "HN+B=001TC000"
junction = "b"
name = "B"
position = [21.03, 105.85]
allow_from = ["127.0.0.1"]
"#
    )
}

/// Starts the hall; where its page and its bus are.
fn start_hall(dir: &Path, http: &str, bus: &str) -> (Running, String, String) {
    let text = format!("[hall]\ndata_dir = \"hall\"\nlisten = \"{http}\"\n[bus]\nlisten = \"{bus}\"\n");
    fs::write(dir.join("hall.toml"), text).unwrap();
    let mut hall = Running::start(
        Command::new(program("control-center")).args(["serve", "--config", "hall.toml"]).current_dir(dir),
    );
    let ready: Value = serde_json::from_str(&hall.line_with(WAIT_MAX, |line| line.starts_with('{'))).unwrap();
    let address =
        |key: &str, before: &str| ready[key].as_str().unwrap().strip_prefix(before).unwrap().to_owned();
    (hall, address("https", "https://"), address("bus", "tls/"))
}

async fn open(dir: &Path) -> SqliteConnection {
    let file = SqliteConnectOptions::new().filename(dir.join("hall/city.db"));
    file.read_only(true).busy_timeout(WAIT_MAX).connect().await.unwrap()
}

async fn stored(database: &mut SqliteConnection) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM event").fetch_one(database).await.unwrap()
}

/// Waits until more than `than` events are stored.
async fn more_than(dir: &Path, than: i64) -> i64 {
    let mut database = open(dir).await;
    let more = async {
        loop {
            let now = stored(&mut database).await;
            if now > than {
                return now;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, more)
        .await
        .unwrap_or_else(|_| panic!("no more than {than} events are stored"))
}

fn parameter(name: &str, usual: u64) -> u64 {
    std::env::var(name).map_or(usual, |text| text.parse().unwrap_or_else(|_| panic!("{name} is no number")))
}

fn enrol(dir: &Path) {
    let enrolled = Command::new(program("control-center"))
        .args(["gateway-certificate", "--config", "hall.toml", "--gateway", "edge-street"])
        .args(["--out", "certificates"])
        .current_dir(dir)
        .status();
    assert!(enrolled.unwrap().success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_when_the_hall_is_killed() {
    let away = [1, 2, parameter("NGATU_KILL_SECONDS", 60)];
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (mut hall, http, bus) = start_hall(dir, "127.0.0.1:0", "127.0.0.1:0");
    enrol(dir);
    let [rsmp, gt06, jt808] = [(); 3].map(|()| free_address());
    fs::write(dir.join("pole.toml"), pole(&bus, &[rsmp.clone(), gt06.clone(), jt808.clone()])).unwrap();
    fs::write(dir.join("street.toml"), STREET).unwrap();
    let log = fs::File::create(dir.join("pole.log")).unwrap();
    let mut edge = Command::new(program("edge-agent"));
    let mut edge = Running::start(edge.args(["run", "--config", "pole.toml"]).current_dir(dir).stderr(log));
    let mut street = Running::start(
        Command::new(program("signal-simulator"))
            .args(["--config", "street.toml", "--connect", &rsmp])
            .current_dir(dir),
    );
    let routes = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/config/street-buses.toml");
    let mut buses = Running::start(
        Command::new(program("bus-simulator"))
            .args(["--speedup", "5", "--config", routes, "--gt06", &gt06, "--jt808", &jt808])
            .args(["--fixes", "fixes.jsonl"])
            .current_dir(dir),
    );

    let mut seen = 0;
    more_than(dir, seen).await;
    assert_one_thread_for_tls(&[&hall, &edge]);
    for seconds in away {
        seen = more_than(dir, seen + BETWEEN).await;
        hall.kill();
        // Not a wait for something: this is how long the hall is away.
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        hall = start_hall(dir, &http, &bus).0;
    }
    more_than(dir, seen + BETWEEN).await;

    // The street ends first, then the pole, once nothing waits at it any more.
    buses.signal("TERM");
    let driven = buses.line_with(WAIT_MAX, |line| line.contains("\"fixes_sent\""));
    buses.wait(WAIT_MAX);
    street.signal("TERM");
    let told = street.line_with(WAIT_MAX, |line| line.contains("\"changes\""));
    street.wait(WAIT_MAX);
    let mut database = open(dir).await;
    let mut last = -1;
    let quiet = async {
        while last != stored(&mut database).await {
            last = stored(&mut database).await;
            // The pole sends what it has within a second or two.
            tokio::time::sleep(Duration::from_secs(4)).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, quiet).await.expect("the pole has told everything");
    edge.signal("TERM");
    assert!(edge.wait(WAIT_MAX).success());
    let log = fs::read_to_string(dir.join("pole.log")).unwrap();
    let stopped = log.lines().rfind(|line| line.contains("stopped;")).expect("the pole says what waits");
    assert_eq!(number(stopped, "waiting"), 0, "{stopped}");
    // What the pole itself counted, not what the hall heard of.
    let produced = number(stopped, "numbered");
    hall.signal("TERM");
    assert!(hall.wait(Duration::from_secs(6)).success());

    let (events, fixes, changes, lost): (i64, i64, i64, i64) = sqlx::query_as(
        "SELECT (SELECT count(*) FROM event), (SELECT count(*) FROM fix), (SELECT count(*) FROM signal), \
         (SELECT count(*) FROM gap)",
    )
    .fetch_one(&mut database)
    .await
    .unwrap();
    println!(
        "hall killed for {away:?} s: produced {produced}, stored {events}; fixes {fixes}, signal changes {changes}"
    );
    println!("the street said {told} {driven}");
    assert_eq!((events, lost), (produced, 0));
    assert_fixes_are_stored(dir, &mut database, fixes).await;
}

/// zenoh's TLS is not safe where one thread reads while another writes (hardware/bus/src/threads.rs). Nothing is left to the readers'
/// own threads; more of the senders' are there for calls that block, and touch no connection.
fn assert_one_thread_for_tls(programs: &[&Running]) {
    for program in programs {
        let threads = program.threads();
        let any = |kind: &str| threads.iter().any(|name| name.starts_with(kind));
        assert!(any("tx-") && !any("rx-"), "{threads:?}");
    }
}

/// The number of a field in a log line, with or without colours.
fn number(line: &str, field: &str) -> i64 {
    let plain: String =
        line.split('\u{1b}').map(|part| part.split_once('m').map_or(part, |(_, text)| text)).collect();
    let value = plain.split(&format!("{field}=")).nth(1).unwrap_or_else(|| panic!("no {field} in {plain}"));
    let digits: String = value.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().unwrap_or_else(|_| panic!("{field} is no number in {plain}"))
}

/// The buses wrote down every position they took, by themselves: the hall has each of them.
async fn assert_fixes_are_stored(dir: &Path, database: &mut SqliteConnection, rows: i64) {
    let stored: BTreeSet<(String, i64)> = sqlx::query_as("SELECT DISTINCT vehicle, at_ms FROM fix")
        .fetch_all(database)
        .await
        .unwrap()
        .into_iter()
        .collect();
    let text = fs::read_to_string(dir.join("fixes.jsonl")).unwrap();
    let taken: BTreeSet<(String, i64)> = text
        .lines()
        .map(|line| serde_json::from_str::<Value>(line).unwrap())
        .map(|fix| (fix["device"].as_str().unwrap().to_owned(), fix["at_s"].as_i64().unwrap() * 1000))
        .collect();
    assert_eq!(rows, i64::try_from(stored.len()).unwrap(), "a position is stored twice under another number");
    assert!(taken.len() > 50, "the buses drove: {} positions", taken.len());
    assert_eq!(taken.difference(&stored).collect::<Vec<_>>(), Vec::<&(String, i64)>::new());
}
