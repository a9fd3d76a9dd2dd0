//! Buses to the door: every fix that the simulator made arrives with the right coordinates, also over a restart of the adapter.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use hardware_gps::{GpsServer, GpsServerSettings, Limits, Listener, Transport};
use hardware_ports::SystemClock;
use hardware_ports::sink::{GpsReport, NotKept, Sink};
use models_domain::transit::Fix;
use ngatu_tests::programs::program;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{ChildStdout, Command};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

#[derive(Default)]
struct Recorder(Mutex<Vec<Fix>>);

impl Recorder {
    fn fixes(&self) -> Vec<Fix> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Sink<GpsReport> for Recorder {
    async fn accept(&self, GpsReport::Fix(fix): GpsReport) -> Result<(), NotKept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(fix);
        Ok(())
    }
}

struct Adapter {
    addresses: Vec<SocketAddr>,
    stop: CancellationToken,
    task: JoinHandle<()>,
}

impl Adapter {
    async fn start(addresses: [SocketAddr; 2], recorder: Arc<Recorder>) -> Self {
        let listener = |(protocol, address): (&str, SocketAddr)| Listener {
            protocol: protocol.to_owned(),
            address,
            transport: Transport::Tcp,
            zone: None,
        };
        let listeners = ["gt06", "jt808"].into_iter().zip(addresses).map(listener).collect();
        let settings = GpsServerSettings {
            listeners,
            zone_by_device: [].into(),
            devices: None,
            limits: Limits::default(),
        };
        let server = GpsServer::bind(settings).await.expect("free ports");
        let (addresses, stop) = (server.addresses().to_vec(), CancellationToken::new());
        let task = tokio::spawn(server.run(recorder, Arc::new(SystemClock::new()), stop.clone()));
        Self { addresses, stop, task }
    }

    async fn end(self) {
        self.stop.cancel();
        self.task.await.expect("no panic");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_fix_of_twenty_buses_arrives_over_a_restart() {
    let free: SocketAddr = "127.0.0.1:0".parse().expect("an address");
    let recorder = Arc::new(Recorder::default());
    let adapter = Adapter::start([free, free], recorder.clone()).await;
    let (gt06, jt808) = (adapter.addresses[0], adapter.addresses[1]);
    let folder = tempfile::tempdir().expect("a folder");
    let made = folder.path().join("fixes.jsonl");
    let config = concat!(env!("CARGO_MANIFEST_DIR"), "/../deploy/config/street-buses.toml");
    let mut simulator = Command::new(program("bus-simulator"));
    simulator.args(["--speedup", "20", "--seconds", "8", "--config", config]);
    simulator.args(["--gt06", &gt06.to_string(), "--jt808", &jt808.to_string()]).arg("--fixes").arg(&made);
    let mut simulator = simulator.stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("it starts");
    let mut lines = BufReader::new(simulator.stdout.take().expect("piped")).lines();
    let connected = line(&mut lines).await;
    assert_eq!(connected["connected"], 20);

    // Trackers keep what they cannot send, and send it again to the next adapter on the same ports.
    wait_for(&recorder, 60).await;
    adapter.end().await;
    let adapter = Adapter::start([gt06, jt808], recorder.clone()).await;

    let summary = line(&mut lines).await;
    adapter.end().await;
    assert!(summary["fixes_sent"].as_u64() > Some(200), "{summary}");
    assert_eq!(summary["fixes_acked"], summary["fixes_sent"], "{summary}");
    assert_eq!(summary["fixes_dropped"], 0, "{summary}");

    let mut arrived: BTreeMap<(String, i64), Fix> = BTreeMap::new();
    for fix in recorder.fixes() {
        arrived.insert((fix.vehicle.to_string(), fix.at.0), fix);
    }
    let text = std::fs::read_to_string(made).expect("the list of fixes");
    let mut count = 0;
    for line in text.lines() {
        let made: Value = serde_json::from_str(line).expect("JSON");
        let device = made["device"].as_str().expect("a name").to_owned();
        let at = made["at_s"].as_i64().expect("a time") * 1000;
        let fix = arrived.remove(&(device.clone(), at)).unwrap_or_else(|| panic!("{line} did not arrive"));
        let near = |want: &Value, got: f64, within: f64| {
            want.as_f64().is_some_and(|want| (want - got).abs() <= within)
        };
        assert!(near(&made["lat"], fix.position.lat.0, 1e-6), "{line} arrived as {fix:?}");
        assert!(near(&made["lon"], fix.position.lon.0, 1e-6), "{line} arrived as {fix:?}");
        assert!(near(&made["speed_kmh"], fix.speed.kmh(), 0.05), "{line} arrived as {fix:?}");
        assert!(near(&made["course_deg"], fix.course.expect("a course").0, 0.5), "{line} arrived as {fix:?}");
        assert!(fix.valid);
        count += 1;
    }
    assert_eq!(summary["fixes_sent"], count);
    assert!(arrived.is_empty(), "never made: {arrived:?}");
}

/// The simulator's next line.
async fn line(lines: &mut Lines<BufReader<ChildStdout>>) -> Value {
    let line =
        tokio::time::timeout(Duration::from_secs(60), lines.next_line()).await.expect("a line in time");
    serde_json::from_str(&line.expect("readable").expect("a line before the end")).expect("JSON")
}

async fn wait_for(recorder: &Recorder, fixes: usize) {
    let enough = async {
        while recorder.fixes().len() < fixes {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), enough).await.expect("fixes in time");
}
