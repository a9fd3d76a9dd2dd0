//! A hall and a pole, on one core, and what they use.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};

use crate::programs;
use crate::usage::{Used, used};

pub const DATABASE: &str = "hall/city.db";
const GATEWAY: &str = "buses";
const STOPS: Duration = Duration::from_secs(30);

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
    hall: Child,
    agent: Child,
    pub trackers: SocketAddr,
}

impl Place {
    /// # Errors
    /// When a program is missing or does not start.
    pub async fn start(folder: &Path, devices: usize, cores: Option<&str>) -> anyhow::Result<Self> {
        let write = |name: &str, text: String| {
            std::fs::write(folder.join(name), text).with_context(|| format!("writing {name}"))
        };
        write(
            "hall.toml",
            "[hall]\ndata_dir = \"hall\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n"
                .to_owned(),
        )?;
        let mut hall = program("control-center", cores)?;
        hall.current_dir(folder).args(["serve", "--insecure-http", "--config", "hall.toml"]);
        let mut hall = spawn(hall, folder, "hall")?;
        let bus = line_with(&mut hall, "\"ready\":true")?;
        let bus: serde_json::Value = serde_json::from_str(&bus).context("reading the hall's line")?;
        let bus = bus["bus"].as_str().context("the hall names no bus")?;
        let address = bus.trim_start_matches("tls/").to_owned();
        let mut certificate = Command::new(programs::beside("control-center")?);
        certificate.current_dir(folder).args([
            "gateway-certificate",
            "--config",
            "hall.toml",
            "--gateway",
            GATEWAY,
            "--out",
            "pole",
        ]);
        crate::usage::run(&mut certificate)?;
        let trackers = free_port()?;
        write(
            "pole.toml",
            format!(
                "[gateway]\nid = \"{GATEWAY}\"\ndata_dir = \"data\"\n\
             [hall]\nconnect = \"{address}\"\nca = \"pole/ca.pem\"\ncertificate = \"pole/cert.pem\"\nkey = \"pole/key.pem\"\n\
             [buses]\nconnections_max = {}\n[[buses.listen]]\nprotocol = \"jt808\"\naddress = \"{trackers}\"\n",
                devices + 100
            ),
        )?;
        let mut agent = program("edge-agent", cores)?;
        agent.current_dir(folder).args(["run", "--config", "pole.toml"]);
        let mut agent = spawn(agent, folder, "agent")?;
        if let Err(err) = line_with(&mut agent, "is ready") {
            drop(hall.kill());
            return Err(err);
        }
        Ok(Self { folder: folder.to_owned(), hall, agent, trackers })
    }

    pub fn database(&self) -> PathBuf {
        self.folder.join(DATABASE)
    }

    /// What both used so far.
    pub fn used(&self) -> anyhow::Result<Both> {
        let (agent, hall) = (used(self.agent.id())?, used(self.hall.id())?);
        Ok(Both { agent_peak_mb: agent.peak_mb, hall_peak_mb: hall.peak_mb, agent, hall })
    }

    /// # Errors
    /// When one of them has ended.
    pub fn alive(&self) -> anyhow::Result<()> {
        for (name, child) in [("control-center", &self.hall), ("edge-agent", &self.agent)] {
            // A process that has ended and was not waited for has no memory left.
            if used(child.id()).map_or(true, |used| used.peak_mb == 0.0) {
                bail!("{name} has ended: {}", self.said());
            }
        }
        Ok(())
    }

    /// The ends of both logs.
    pub fn said(&self) -> String {
        let end = |name: &str| {
            let text = std::fs::read_to_string(self.folder.join(format!("{name}.log"))).unwrap_or_default();
            let end: Vec<&str> = text.lines().rev().take(3).collect();
            end.into_iter().rev().collect::<Vec<_>>().join(" / ")
        };
        format!("agent: {}; hall: {}", end("agent"), end("hall"))
    }

    /// Ends both in order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for child in [&mut self.agent, &mut self.hall] {
            let asked = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
            ensure!(asked.context("starting kill")?.success(), "a program could not be ended");
            let ended = tokio::time::timeout(STOPS, async {
                while child.try_wait()?.is_none() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                anyhow::Ok(())
            });
            ended.await.context("a program does not end")??;
        }
        Ok(())
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for child in [&mut self.agent, &mut self.hall] {
            // Whoever has ended already cannot be ended.
            drop(child.kill());
            drop(child.wait());
        }
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

fn spawn(mut command: Command, folder: &Path, name: &str) -> anyhow::Result<Child> {
    let log = File::create(folder.join(format!("{name}.log"))).context("making a log")?;
    command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting the {name}"))
}

fn line_with(child: &mut Child, wanted: &str) -> anyhow::Result<String> {
    let out = child.stdout.take().context("its output")?;
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    let Some(found) = lines.by_ref().find(|line| line.contains(wanted)) else {
        drop(child.kill());
        bail!("it ended without saying {wanted}");
    };
    // Whatever it says later must find somebody who reads.
    std::thread::spawn(move || lines.for_each(drop));
    Ok(found)
}

fn free_port() -> anyhow::Result<SocketAddr> {
    let free = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(free.local_addr()?)
}
