//! A street of one kind of controllers, their simulator as a process of its own, and the adapter that speaks with them.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::sink::{NotKept, SignalReport, Sink};
use hardware_ports::{Clock, SystemClock};
use hardware_signal::{OrderDesk, SignalDialler, SignalServer};
use models_domain::event::Link;
use models_domain::signal::detector::Reading;
use models_domain::signal::order::{ControllerNow, Seen};
use models_domain::signal::{Aggregated, Change, GroupSet};
use models_domain::{JunctionId, UtcMillis};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::older::OldSite;
use super::streets::{free_addresses, ntcip, ntcip_street, ntcip_unit, rsmp_settings, rsmp_street, spat};

/// A wait that lasts so long has failed.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// How long the simulated units wait for a refresh.
pub const BACKUP_S: u64 = 3;

/// Detectors of each simulated junction.
pub const DETECTORS: u16 = 8;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Rsmp,
    /// As the credentials are, and how it numbers its phases.
    Ntcip(Snmp),
    /// The NTCIP unit's broadcasts.
    Spat,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Snmp {
    V1,
    V2c,
    V3,
    /// v2c with phases as some units of NTCIP 1202 v4 have them.
    V2cOctets,
}

/// What the adapter has reported of one junction.
#[derive(Debug, Clone, Default)]
pub struct Junction {
    pub links: Vec<(Link, String)>,
    /// With our time of each.
    pub states: Vec<(UtcMillis, String)>,
    pub alarms: Vec<(String, bool)>,
    /// Whether each is acknowledged and suspended, by its code.
    pub marks: BTreeMap<String, (bool, bool)>,
    pub now: ControllerNow,
    pub detectors: Vec<(u16, Reading)>,
    pub changes: Vec<Option<Change>>,
    pub aggregated: Option<Aggregated>,
    seen: Seen,
}

impl Junction {
    pub fn is_up(&self) -> bool {
        self.links.last().is_some_and(|(link, _)| *link == Link::Up)
    }

    pub fn greens(&self) -> GroupSet {
        self.seen.greens()
    }

    fn learn(&mut self, report: SignalReport) {
        match report {
            SignalReport::Groups { at, groups, .. } => {
                self.seen.report(at, &groups.groups);
                self.states.push((at, groups.groups));
            }
            SignalReport::Alarm { alarm, .. } => {
                self.marks.insert(alarm.code.clone(), (alarm.acknowledged, alarm.suspended));
                self.alarms.push((alarm.code, alarm.active));
            }
            SignalReport::Link { state, .. } => self.links.push((state.link, state.reason)),
            SignalReport::Now { now, .. } => self.now.learn(&now),
            SignalReport::Detectors { readings, .. } => self.detectors.extend(readings),
            SignalReport::Aggregated { status, .. } => self.aggregated = Some(status),
            SignalReport::Changes { changes, .. } => self.changes = changes,
            SignalReport::Stage { .. } => {}
        }
    }
}

struct Kept(watch::Sender<BTreeMap<JunctionId, Junction>>);

#[async_trait]
impl Sink<SignalReport> for Kept {
    async fn accept(&self, report: SignalReport) -> Result<(), NotKept> {
        let junction = match &report {
            SignalReport::Groups { junction, .. }
            | SignalReport::Alarm { junction, .. }
            | SignalReport::Link { junction, .. }
            | SignalReport::Stage { junction, .. }
            | SignalReport::Now { junction, .. }
            | SignalReport::Aggregated { junction, .. }
            | SignalReport::Changes { junction, .. }
            | SignalReport::Detectors { junction, .. } => junction.clone(),
        };
        self.0.send_modify(|all| all.entry(junction).or_default().learn(report));
        Ok(())
    }
}

/// The simulator of a street.
pub struct Street {
    child: Child,
    input: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Street {
    async fn start(program: &str, args: &[&str]) -> (Self, serde_json::Value) {
        let mut command = Command::new(built(program));
        command
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut street = Self { child, input, lines: BufReader::new(output).lines() };
        let ready = street.line().await;
        (street, ready)
    }

    pub async fn line(&mut self) -> serde_json::Value {
        let line = tokio::time::timeout(WAIT_MAX, self.lines.next_line()).await.unwrap().unwrap().unwrap();
        serde_json::from_str(&line).unwrap()
    }

    /// Asks it to end; what it says last.
    pub async fn end(mut self) -> serde_json::Value {
        let pid = self.child.id().unwrap().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().await.unwrap().success());
        let mut last = serde_json::Value::Null;
        while let Some(line) = self.lines.next_line().await.unwrap() {
            last = serde_json::from_str(&line).unwrap();
        }
        last
    }

    /// A fault of `ntcip-simulator`.
    pub async fn fault(&mut self, text: &str) {
        self.input.write_all(format!("{text}\n").as_bytes()).await.unwrap();
    }
}

/// A program of this workspace, in the target folder that the test itself was built into.
fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let path = test.ancestors().nth(2).unwrap().join(name);
    assert!(path.is_file(), "{} is not there; run cargo build --workspace first", path.display());
    path
}

pub struct House {
    pub kind: Kind,
    pub desk: OrderDesk,
    pub street: Street,
    pub addresses: Vec<String>,
    /// What stands between the two, where the site is of an older core.
    pub older: Option<OldSite>,
    kept: Arc<Kept>,
    stop: CancellationToken,
    task: JoinHandle<()>,
    folder: tempfile::TempDir,
}

/// How a house differs from the usual.
#[derive(Debug, Clone)]
pub struct Wish {
    pub junctions: usize,
    /// Seconds of the plan a second.
    pub speed: f64,
    /// What the controllers are told is not what they want to hear.
    pub wrong_secret: bool,
    pub poll: Duration,
    pub changes: bool,
    /// An older core of RSMP that the sites speak.
    pub core: Option<&'static str>,
    /// RSMP sites have list 1.3.0, and with it core 3.3.0.
    pub newest: bool,
    /// What NTCIP units make of block objects, and seconds from the end of yellow to the next green.
    pub blocks: &'static str,
    pub all_red_s: u32,
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            junctions: 1,
            speed: 5.0,
            wrong_secret: false,
            poll: Duration::from_millis(100),
            changes: false,
            core: None,
            newest: false,
            blocks: "right",
            all_red_s: 2,
        }
    }
}

pub fn junction(index: usize) -> JunctionId {
    JunctionId::new(format!("j{index}")).unwrap()
}

impl House {
    pub async fn open(kind: Kind, wish: &Wish) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let kept = Arc::new(Kept(watch::Sender::new(BTreeMap::new())));
        let sink: Arc<dyn Sink<SignalReport>> = kept.clone();
        let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
        let stop = CancellationToken::new();
        let config = folder.path().join("street.toml");
        let path = config.to_str().unwrap();
        match kind {
            Kind::Rsmp => {
                std::fs::write(&config, rsmp_street(wish)).unwrap();
                let server = SignalServer::bind(rsmp_settings(wish), sink, clock).await.unwrap();
                let (desk, address) = (server.desk(), server.address().to_string());
                let task = tokio::spawn(server.run(stop.clone()));
                let older = match wish.core {
                    Some(core) => Some(OldSite::open(core, address.clone()).await),
                    None => None,
                };
                let address = older.as_ref().map_or(address, |older| older.address.clone());
                let args = ["--config", path, "--connect", &address];
                let (street, _) = Street::start("signal-simulator", &args).await;
                Self { kind, desk, street, addresses: vec![address], older, kept, stop, task, folder }
            }
            Kind::Spat => {
                let ports = free_addresses(wish.junctions);
                let unit = |address: &String| {
                    format!("{}spat_to = \"{address}\"\nintersection = 12111\n", ntcip_unit(Snmp::V2c, wish))
                };
                std::fs::write(&config, ports.iter().map(unit).collect::<String>()).unwrap();
                let heard = ports.iter().enumerate().map(|(index, address)| spat(wish, index, address));
                let dialler = SignalDialler::new(heard.collect(), &sink, &clock).unwrap();
                let desk = dialler.desk();
                let task = tokio::spawn(dialler.run(stop.clone()));
                let (street, _) = Street::start("ntcip-simulator", &["--config", path]).await;
                Self { kind, desk, street, addresses: ports, older: None, kept, stop, task, folder }
            }
            Kind::Ntcip(snmp) => {
                std::fs::write(&config, ntcip_street(snmp, wish)).unwrap();
                let changes = if wish.changes { &["--changes"][..] } else { &[] };
                let args = [&["--config", path], changes].concat();
                let (street, ready) = Street::start("ntcip-simulator", &args).await;
                let addresses: Vec<String> = serde_json::from_value(ready["addresses"].clone()).unwrap();
                let dialled =
                    addresses.iter().enumerate().map(|(index, address)| ntcip(snmp, wish, index, address));
                let dialler = SignalDialler::new(dialled.collect(), &sink, &clock).unwrap();
                let desk = dialler.desk();
                let task = tokio::spawn(dialler.run(stop.clone()));
                Self { kind, desk, street, addresses, older: None, kept, stop, task, folder }
            }
        }
    }

    pub fn of(&self, index: usize) -> Junction {
        self.kept.0.borrow().get(&junction(index)).cloned().unwrap_or_default()
    }

    /// Waits until what is known of the first junction is as wanted; how long it took.
    pub async fn wait(&self, what: &str, mut wanted: impl FnMut(&Junction) -> bool) -> Duration {
        self.wait_for(what, |all| all.get(&junction(0)).is_some_and(&mut wanted)).await
    }

    pub async fn wait_for(
        &self,
        what: &str,
        wanted: impl FnMut(&BTreeMap<JunctionId, Junction>) -> bool,
    ) -> Duration {
        let begun = tokio::time::Instant::now();
        let mut all = self.kept.0.subscribe();
        let found = tokio::time::timeout(WAIT_MAX, all.wait_for(wanted)).await.is_ok();
        assert!(found, "{:?}: not seen: {what}; the first junction: {:?}", self.kind, self.of(0));
        begun.elapsed()
    }

    /// The controllers are gone, as far as the adapter can tell.
    pub async fn cut(&mut self) {
        match self.kind {
            Kind::Rsmp => self.street.child.kill().await.unwrap(),
            Kind::Ntcip(_) | Kind::Spat => self.street.fault("* silent on").await,
        }
    }

    pub async fn mend(&mut self) {
        match self.kind {
            Kind::Rsmp => {
                let path = self.folder.path().join("street.toml");
                let args = ["--config", path.to_str().unwrap(), "--connect", &self.addresses[0]];
                self.street = Street::start("signal-simulator", &args).await.0;
            }
            Kind::Ntcip(_) | Kind::Spat => self.street.fault("* silent off").await,
        }
    }

    /// Ends the adapter and leaves the street as it is.
    pub async fn close(self) -> Street {
        self.stop.cancel();
        tokio::time::timeout(WAIT_MAX, self.task).await.unwrap().unwrap();
        self.street
    }
}
