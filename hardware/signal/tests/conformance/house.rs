//! A street of one kind of controllers, their simulator as a process of its own, and the adapter that speaks with them.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use hardware_ports::sink::{NotKept, SignalReport, Sink};
use hardware_ports::{Clock, SystemClock};
use hardware_signal::controllers::{Access, Digest, Timing};
use hardware_signal::{
    Dialled, OrderDesk, SignalDialler, SignalServer, SignalServerSettings, Site, Steering,
};
use models_domain::event::Link;
use models_domain::signal::GroupSet;
use models_domain::signal::detector::Reading;
use models_domain::signal::order::{ControllerNow, Seen};
use models_domain::{JunctionId, UtcMillis};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

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
    pub now: ControllerNow,
    pub detectors: Vec<(u16, Reading)>,
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
            SignalReport::Alarm { alarm, .. } => self.alarms.push((alarm.code, alarm.active)),
            SignalReport::Link { state, .. } => self.links.push((state.link, state.reason)),
            SignalReport::Now { now, .. } => self.now.learn(&now),
            SignalReport::Detectors { readings, .. } => self.detectors.extend(readings),
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
            | SignalReport::Now { junction, .. }
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
}

impl Default for Wish {
    fn default() -> Self {
        Self {
            junctions: 1,
            speed: 5.0,
            wrong_secret: false,
            poll: Duration::from_millis(100),
            changes: false,
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
                let args = ["--config", path, "--connect", &address];
                let (street, _) = Street::start("signal-simulator", &args).await;
                Self { kind, desk, street, addresses: vec![address], kept, stop, task, folder }
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
                Self { kind, desk, street, addresses, kept, stop, task, folder }
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
            Kind::Ntcip(_) => self.street.fault("* silent on").await,
        }
    }

    pub async fn mend(&mut self) {
        match self.kind {
            Kind::Rsmp => {
                let path = self.folder.path().join("street.toml");
                let args = ["--config", path.to_str().unwrap(), "--connect", &self.addresses[0]];
                self.street = Street::start("signal-simulator", &args).await.0;
            }
            Kind::Ntcip(_) => self.street.fault("* silent off").await,
        }
    }

    /// Ends the adapter and leaves the street as it is.
    pub async fn close(self) -> Street {
        self.stop.cancel();
        tokio::time::timeout(WAIT_MAX, self.task).await.unwrap().unwrap();
        self.street
    }
}

fn rsmp_street(wish: &Wish) -> String {
    let mut text = format!(
        "reconnect_s = 0.5\nwatchdog_s = 1.0\nacknowledgement_s = 20.0\nspeed = {:?}\nalarm_every_s = 1.0\nalarm_lasts_s = 0.4\n",
        wish.speed
    );
    for index in 0..wish.junctions {
        write!(
            text,
            "[[site]]\njunction = \"{index}\"\nsite_id = \"HN+{index}\"\ncomponent = \"HN+{index}=001TC000\"\noffset_s = 0\n\
             yellow_s = 3\nall_red_s = 2\nwalk_clear_s = 6\ngroups = [\"vehicle\", \"vehicle\", \"walk\", \"walk\"]\n\
             stages = [{{ green_s = 20, groups = [1, 3] }}, {{ green_s = 15, groups = [2, 4] }}]\nplans = {{ 2 = [30, 12] }}\n\
             all_red_input = 3\ndetectors = {DETECTORS}\n"
        )
        .unwrap();
    }
    text
}

fn rsmp_settings(wish: &Wish) -> SignalServerSettings {
    let site = |index: usize| Site {
        site_id: format!("HN+{index}"),
        junction: junction(index),
        main_component: format!("HN+{index}=001TC000"),
        detectors: vec![],
        allow_from: vec![],
        steering: Some(Steering {
            groups: (1..=4).map(|group| format!("HN+{index}=001SG00{group}")).collect(),
            security_code: if wish.wrong_secret { "1" } else { "2222" }.to_owned(),
            all_red_input: Some(3),
        }),
    };
    SignalServerSettings {
        address: "127.0.0.1:0".parse().unwrap(),
        controller: "rsmp".into(),
        tls: None,
        supervisor_id: "hanoi".into(),
        sites: (0..wish.junctions).map(site).collect(),
        timing: Timing {
            pace: Duration::from_millis(20),
            watchdog_interval: Duration::from_secs(1),
            counts_interval: Duration::from_secs(1),
            ..Timing::default()
        },
    }
}

fn ntcip_street(snmp: Snmp, wish: &Wish) -> String {
    let secret = match snmp {
        Snmp::V3 => {
            "user = { name = \"hanoi\", auth_password = \"long enough\", privacy_password = \"long enough too\" }"
        }
        Snmp::V1 | Snmp::V2c | Snmp::V2cOctets => "community = \"secret\"",
    };
    let unit = format!(
        "[[unit]]\nlisten = \"127.0.0.1:0\"\n{secret}\nv4 = {}\nspeed = {:?}\nyellow_s = 3\nall_red_s = 2\nped_clear_s = 6\n\
         stages = [{{ green_s = 20, phases = [2], peds = [2] }}, {{ green_s = 15, phases = [4], peds = [4] }}]\n\
         patterns = {{ 2 = [30, 12] }}\nred_preempt = 3\nbackup_s = {BACKUP_S}\nzone_s = 25200\n",
        snmp == Snmp::V2cOctets,
        wish.speed
    );
    unit.repeat(wish.junctions)
}

pub fn access(snmp: Snmp, wrong: bool) -> Access {
    match snmp {
        Snmp::V3 => Access::User {
            name: "hanoi".into(),
            auth: Some((Digest::Sha1, if wrong { "another one" } else { "long enough" }.into())),
            privacy: Some("long enough too".into()),
        },
        Snmp::V1 | Snmp::V2c | Snmp::V2cOctets => Access::Community {
            v1: snmp == Snmp::V1,
            community: if wrong { "another" } else { "secret" }.into(),
        },
    }
}

fn ntcip(snmp: Snmp, wish: &Wish, index: usize, address: &str) -> Dialled {
    let groups: Vec<String> = ["phase 2", "phase 4", "ped 2", "ped 4"].map(str::to_owned).into();
    Dialled {
        controller: "ntcip".into(),
        address: address.to_owned(),
        junction: junction(index),
        access: access(snmp, wish.wrong_secret),
        groups: groups.clone(),
        poll: wish.poll,
        backup: None,
        clock_off_max: None,
        steering: Some(Steering { groups, security_code: String::new(), all_red_input: Some(3) }),
    }
}
