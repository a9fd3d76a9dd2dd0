//! Signal controllers end to end: the simulator dials the server over TCP; the server is away for a while; every change
//! of the groups that the street made in between becomes an event, once.

#![allow(clippy::unwrap_used, reason = "a test that panics has failed")]

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use edge_agent_core::board::Board;
use edge_agent_core::keep::KeepEvents;
use edge_agent_core::signal_worker::SignalWorker;
use hardware_ports::SystemClock;
use hardware_ports::sink::{NotKept, SignalReport, Sink};
use hardware_signal::controllers::Timing;
use hardware_signal::{SignalServer, SignalServerSettings, Site};
use models_domain::signal::GroupStates;
use models_domain::{EventBody, EventId, JunctionId, Seq, UtcMillis};
use ngatu_tests::programs::program;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::net::TcpListener;
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

const WAIT_MAX: Duration = Duration::from_secs(60);

/// Two crossings, fifty times as fast as a street: a cycle of 20 s lasts 0.4 s.
const STREET: &str = r#"
reconnect_s = 0.05
watchdog_s = 1.0
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

/// What one cycle shows, in order.
const CYCLE: [&str; 8] = ["1B", "4B", "NB", "BB", "B1", "B4", "BN", "BB"];

#[derive(Default)]
struct Seen {
    groups_by_junction: BTreeMap<JunctionId, Vec<(UtcMillis, String, bool)>>,
    alarms: usize,
}

impl Seen {
    fn count(&self, junction: &str, old: bool) -> usize {
        let groups = self.groups_by_junction.get(&JunctionId::new(junction).unwrap());
        groups.map_or(0, |groups| groups.iter().filter(|(_, _, is)| *is == old).count())
    }
}

struct Kept(watch::Sender<Seen>);

impl KeepEvents for Kept {
    fn keep(&self, _at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
        self.0.send_modify(|seen| {
            if let EventBody::Signal { junction, groups } = body {
                let GroupStates { controller_at, groups, old, .. } = groups;
                seen.groups_by_junction.entry(junction).or_default().push((controller_at, groups, old));
            } else if let EventBody::SignalAlarm { .. } = body {
                seen.alarms += 1;
            }
        });
        Ok(EventId { boot: 1, seq: Seq(1) })
    }
}

impl Kept {
    async fn wait(&self, what: &str, reached: impl FnMut(&Seen) -> bool) {
        let mut seen = self.0.subscribe();
        let result = tokio::time::timeout(WAIT_MAX, seen.wait_for(reached)).await;
        assert!(result.is_ok(), "{what}: did not come");
    }
}

async fn serve(
    address: SocketAddr,
    worker: &Arc<SignalWorker>,
) -> (SocketAddr, CancellationToken, JoinHandle<()>) {
    let site = |name: &str| {
        let site_id = format!("HN+{}", name.to_uppercase());
        let component = format!("{site_id}=001TC000");
        Site::new(site_id, JunctionId::new(name).unwrap(), component)
    };
    let settings = SignalServerSettings {
        address,
        controller: "rsmp".into(),
        tls: None,
        supervisor_id: "hanoi".into(),
        sites: vec![site("a"), site("b")],
        timing: Timing {
            watchdog_interval: Duration::from_secs(1),
            pace: Duration::from_millis(50),
            ..Timing::default()
        },
    };
    let sink: Arc<dyn Sink<SignalReport>> = worker.clone();
    let server = SignalServer::bind(settings, sink, Arc::new(SystemClock::new())).await.unwrap();
    let (address, stop) = (server.address(), CancellationToken::new());
    (address, stop.clone(), tokio::spawn(server.run(stop)))
}

async fn simulator(address: SocketAddr, config: &std::path::Path) -> Child {
    let mut command = Command::new(program("signal-simulator"));
    command.arg("--config").arg(config).arg("--connect").arg(address.to_string());
    command.stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
    command.spawn().unwrap()
}

async fn line(child: &mut Child) -> Value {
    let mut text = String::new();
    let mut out = BufReader::new(child.stdout.as_mut().unwrap());
    tokio::time::timeout(WAIT_MAX, out.read_line(&mut text)).await.unwrap().unwrap();
    serde_json::from_str(&text).unwrap_or_else(|err| panic!("{text:?}: {err}"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_the_street_showed_is_lost_while_the_server_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let config = folder.path().join("street.toml");
    std::fs::write(&config, STREET).unwrap();
    let kept = Arc::new(Kept(watch::Sender::new(Seen::default())));

    let worker = Arc::new(SignalWorker::new(kept.clone(), Arc::new(Board::default())));

    let (address, stop, task) = serve("127.0.0.1:0".parse().unwrap(), &worker).await;
    let mut street = simulator(address, &config).await;
    assert_eq!(line(&mut street).await["sites"], 2);
    kept.wait("live groups and alarms", |seen| {
        ["a", "b"].iter().all(|junction| seen.count(junction, false) >= 20) && seen.alarms >= 8
    })
    .await;
    stop.cancel();
    task.await.unwrap();

    // Away until the sites have dialled in vain for a while.
    let nobody = TcpListener::bind(address).await.unwrap();
    for _ in 0..80 {
        drop(tokio::time::timeout(WAIT_MAX, nobody.accept()).await.unwrap().unwrap());
    }
    drop(nobody);
    let live: Vec<usize> = ["a", "b"].iter().map(|junction| kept.0.borrow().count(junction, false)).collect();

    let (_, stop, task) = serve(address, &worker).await;
    kept.wait("buffered groups, then live ones", |seen| {
        ["a", "b"].iter().zip(&live).all(|(junction, before)| {
            seen.count(junction, true) >= 8 && seen.count(junction, false) >= before + 20
        })
    })
    .await;
    let ended = end(&mut street).await;
    stop.cancel();
    task.await.unwrap();

    assert_eq!(ended["lost"], 0, "{ended}");
    let seen = kept.0.borrow();
    for groups in seen.groups_by_junction.values() {
        assert_eq!(gaps(groups), Vec::<String>::new());
    }
}

/// Asks the simulator to stop and returns its counts.
async fn end(street: &mut Child) -> Value {
    let pid = street.id().unwrap().to_string();
    assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
    let counts = line(street).await;
    assert!(tokio::time::timeout(WAIT_MAX, street.wait()).await.unwrap().unwrap().success());
    counts
}

/// Places where the events, by the controller's time, do not follow each other as in [`CYCLE`]. The first cycle is left
/// out: in it, the site was not subscribed to yet.
fn gaps(groups: &[(UtcMillis, String, bool)]) -> Vec<String> {
    let mut in_order: Vec<(UtcMillis, &str)> =
        groups.iter().map(|(at, text, _)| (*at, text.as_str())).collect();
    in_order.sort_by_key(|(at, _)| *at);
    let mut states: Vec<&str> = in_order.iter().map(|(_, text)| *text).collect();
    // What is shown when a site dials again is told again.
    states.dedup();
    let cycles = states.iter().enumerate().filter(|(_, text)| **text == "1B");
    let start = cycles.map(|(index, _)| index).nth(1).expect("two whole cycles");
    let gap = |(index, (got, want)): (usize, (&&str, &&str))| {
        (got != want).then(|| format!("{got} instead of {want}, {index} after the second 1B of {states:?}"))
    };
    states[start..].iter().zip(CYCLE.iter().cycle()).enumerate().filter_map(gap).take(1).collect()
}
