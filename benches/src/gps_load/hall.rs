//! A hall and a pole, on one core, and what they use.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context, ensure};

use crate::programs;
use crate::started::{Started, free_port};
use crate::usage::Used;

pub const DATABASE: &str = "hall/city.db";
const GATEWAY: &str = "buses";

/// # Errors
/// When this machine gives a process fewer sockets than devices need.
pub fn room_for(devices: usize) -> anyhow::Result<()> {
    let limits = std::fs::read_to_string("/proc/self/limits").context("reading /proc/self/limits")?;
    let line = limits.lines().find(|line| line.starts_with("Max open files")).context("no limit of files")?;
    let hard = line.split_whitespace().nth(4).unwrap_or_default();
    let enough = hard == "unlimited" || hard.parse::<usize>().is_ok_and(|hard| hard >= devices + 200);
    ensure!(enough, "{devices} devices need more open files than {hard}: ulimit -Hn, or fewer --devices");
    Ok(())
}

/// This process, and the threads that it begins, stay on these cores.
///
/// # Errors
/// Where taskset (util-linux) is missing.
pub fn pin_this(cores: &str) -> anyhow::Result<()> {
    let done = Command::new("taskset")
        .args(["-cp", cores, &std::process::id().to_string()])
        .stdout(Stdio::null())
        .status();
    ensure!(
        done.context("starting taskset")?.success(),
        "taskset -cp {cores} failed; --unpinned does without"
    );
    Ok(())
}

/// Both programs; they end when this is dropped.
pub struct Place {
    folder: PathBuf,
    started: Started,
    pub trackers: SocketAddr,
}

impl Place {
    /// # Errors
    /// When a program is missing or does not start.
    pub fn start(folder: &Path, devices: usize, cores: Option<&str>) -> anyhow::Result<Self> {
        let mut started = Started::new(folder);
        let hall = started.hall(program("control-center", cores)?)?;
        let trackers = free_port()?;
        let text = format!(
            "{}[buses]\nconnections_max = {}\n[[buses.listen]]\nprotocol = \"jt808\"\naddress = \"{trackers}\"\n",
            started.gateway(GATEWAY, &hall)?,
            devices + 100
        );
        started.agent(GATEWAY, program("edge-agent", cores)?, &text)?;
        Ok(Self { folder: folder.to_owned(), started, trackers })
    }

    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// What both used so far.
    pub fn used(&self) -> anyhow::Result<Both> {
        let used = self.started.used()?;
        let of = |wanted: &str| used.iter().find(|(name, _)| *name == wanted).map(|(_, used)| *used);
        let (agent, hall) = of(GATEWAY).zip(of("hall")).context("a program was not started")?;
        Ok(Both { agent_peak_mb: agent.peak_mb, hall_peak_mb: hall.peak_mb, agent, hall })
    }

    /// # Errors
    /// When one of them has ended.
    pub fn alive(&mut self) -> anyhow::Result<()> {
        self.started.alive()
    }

    /// The ends of both logs.
    pub fn said(&self) -> String {
        self.started.said()
    }

    /// Ends both in order.
    pub async fn stop(self) -> anyhow::Result<()> {
        self.started.stop().await
    }
}

/// CPU and memory of agent and hall.
pub struct Both {
    pub agent_peak_mb: f64,
    pub hall_peak_mb: f64,
    agent: Used,
    hall: Used,
}

/// Parts of one core over a time.
pub struct Cores {
    pub agent: f64,
    pub hall: f64,
    seconds: f64,
}

impl Both {
    pub fn since(&self, before: &Self, time: Duration) -> Cores {
        let seconds = time.as_secs_f64();
        let part = |now: &Used, then: &Used| ((now.cpu_s - then.cpu_s) / seconds * 1_000.0).round() / 1_000.0;
        Cores { agent: part(&self.agent, &before.agent), hall: part(&self.hall, &before.hall), seconds }
    }
}

impl Cores {
    /// Microseconds of CPU, agent and hall together.
    pub fn us_per(&self, fixes: usize) -> f64 {
        ((self.agent + self.hall) * self.seconds * 1e6 / fixes.max(1) as f64).round()
    }
}

fn program(name: &str, cores: Option<&str>) -> anyhow::Result<Command> {
    let program = programs::beside(name)?;
    Ok(match cores {
        // It becomes the program: the process is the same.
        Some(cores) => {
            let mut taskset = Command::new("taskset");
            taskset.args(["-c", cores]).arg(program);
            taskset
        }
        None => Command::new(program),
    })
}
