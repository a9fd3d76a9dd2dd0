//! Programs that a measurement runs beside itself: a hall and its agents. Each writes a log, and all end when this is dropped.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use crate::programs;
use crate::usage::{self, Used};

/// How a program begins to say so: a panic, a stack that is too small, memory that it does not get.
const DIES: [&str; 4] =
    ["panicked at", "has overflowed its stack", "memory allocation of", "fatal runtime error"];
const STOPS: Duration = Duration::from_secs(30);

pub struct Started {
    folder: PathBuf,
    running: Vec<(String, Child)>,
}

/// Where a hall listens, and how to sign in.
pub struct Hall {
    /// HOST:PORT of the bus.
    pub bus: String,
    pub page: String,
    pub password: String,
}

impl Started {
    /// Programs run in `folder`, and their logs are there.
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), running: Vec::new() }
    }

    /// A new hall that listens where there is room; `command`: `control-center`, or what becomes it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn hall(&mut self, mut command: Command) -> anyhow::Result<Hall> {
        let text = "[hall]\ndata_dir = \"hall\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n";
        std::fs::write(self.folder.join("hall.toml"), text).context("writing hall.toml")?;
        command.args(["serve", "--insecure-http", "--config", "hall.toml"]);
        let lines = self.start("hall", command, |line| line.contains("\"ready\":true"))?;
        let ready = lines.last().map_or("", String::as_str);
        let ready: Value = serde_json::from_str(ready).context("reading the hall's line")?;
        let text_of = |key: &str| ready[key].as_str().with_context(|| format!("the hall names no {key}"));
        let password = lines.iter().find_map(|line| line.split_once("Password ")).context("no password")?.1;
        Ok(Hall {
            bus: text_of("bus")?.trim_start_matches("tls/").to_owned(),
            page: text_of("http")?.to_owned(),
            password: password.trim().to_owned(),
        })
    }

    /// Lets a gateway into that hall; its sections of a configuration, the certificate beside it.
    ///
    /// # Errors
    /// When the hall makes it no certificate.
    pub fn gateway(&self, name: &str, hall: &Hall) -> anyhow::Result<String> {
        let mut certificate = Command::new(programs::beside("control-center")?);
        certificate.current_dir(&self.folder).args(["gateway-certificate", "--config", "hall.toml"]);
        usage::run(certificate.args(["--gateway", name, "--out", name]))?;
        Ok(format!(
            "[gateway]\nid = \"{name}\"\ndata_dir = \"{name}/data\"\n[hall]\nconnect = \"{}\"\n\
             ca = \"{name}/ca.pem\"\ncertificate = \"{name}/cert.pem\"\nkey = \"{name}/key.pem\"\n",
            hall.bus
        ))
    }

    /// Starts an agent with this configuration; `command`: `edge-agent`, or what becomes it.
    ///
    /// # Errors
    /// When it does not start.
    pub fn agent(&mut self, name: &str, mut command: Command, text: &str) -> anyhow::Result<()> {
        let file = format!("{name}.toml");
        std::fs::write(self.folder.join(&file), text).with_context(|| format!("writing {file}"))?;
        command.args(["run", "--config", &file]);
        self.start(name, command, |line| line.contains("is ready")).map(drop)
    }

    /// Starts one simulated camera; `command`: `camera-simulator` with all that it is told.
    ///
    /// # Errors
    /// When it does not start.
    pub fn camera(&mut self, name: &str, command: Command) -> anyhow::Result<()> {
        self.start(name, command, |line| line.contains("\"url\"")).map(drop)
    }

    /// Ends one at once, as when its power is cut.
    ///
    /// # Errors
    /// When none of that name runs, or it does not end.
    pub fn end(&mut self, name: &str) -> anyhow::Result<()> {
        let at = self.running.iter().position(|(known, _)| known == name);
        let (_, mut child) = self.running.remove(at.with_context(|| format!("no {name} runs"))?);
        child.kill().with_context(|| format!("ending {name}"))?;
        child.wait().with_context(|| format!("waiting for the end of {name}"))?;
        Ok(())
    }

    /// Waits until it says what is wanted; its lines up to that one.
    fn start(
        &mut self,
        name: &str,
        mut command: Command,
        mut wanted: impl FnMut(&str) -> bool,
    ) -> anyhow::Result<Vec<String>> {
        let log = File::create(self.log(name)).context("making a log")?;
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().with_context(|| format!("starting {name}"))?;
        let out = child.stdout.take().context("its output")?;
        self.running.push((name.to_owned(), child));
        let mut lines = BufReader::new(out).lines().map_while(Result::ok);
        let mut found = Vec::new();
        loop {
            let Some(line) = lines.next() else {
                bail!("{name} ended before it was ready: {}", self.said());
            };
            let last = wanted(&line);
            found.push(line);
            if last {
                // Whatever it says later must find somebody who reads.
                std::thread::spawn(move || lines.for_each(drop));
                return Ok(found);
            }
        }
    }

    /// What each has used so far, by its name.
    ///
    /// # Errors
    /// When one cannot be looked at.
    pub fn used(&self) -> anyhow::Result<Vec<(&str, Used)>> {
        self.running.iter().map(|(name, child)| Ok((name.as_str(), usage::used(child.id())?))).collect()
    }

    /// # Errors
    /// When one of them has ended.
    pub fn alive(&mut self) -> anyhow::Result<()> {
        for n in 0..self.running.len() {
            let (name, child) = &mut self.running[n];
            let ended = child.try_wait().with_context(|| format!("looking after {name}"))?;
            if let Some(status) = ended {
                bail!("{} has ended, {status}: {}", self.running[n].0, self.said());
            }
        }
        Ok(())
    }

    /// The ends of the logs, from where a program says why it dies on.
    pub fn said(&self) -> String {
        let end = |(name, _): &(String, Child)| {
            let text = std::fs::read_to_string(self.log(name)).unwrap_or_default();
            let lines: Vec<&str> = text.lines().collect();
            let dies = lines.iter().position(|line| DIES.iter().any(|words| line.contains(words)));
            let from = dies.unwrap_or(lines.len().saturating_sub(3));
            format!("{name}: {}", lines[from..].join(" / "))
        };
        self.running.iter().map(end).collect::<Vec<_>>().join("; ")
    }

    fn log(&self, name: &str) -> PathBuf {
        self.folder.join(format!("{name}.log"))
    }

    /// Ends all in order, the last that was started first.
    ///
    /// # Errors
    /// When one does not end.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for (name, child) in self.running.iter_mut().rev() {
            let asked = Command::new("kill").args(["-s", "TERM", &child.id().to_string()]).status();
            ensure!(asked.context("starting kill")?.success(), "{name} could not be ended");
            let ended = tokio::time::timeout(STOPS, async {
                while child.try_wait()?.is_none() {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                }
                anyhow::Ok(())
            });
            ended.await.with_context(|| format!("{name} does not end"))??;
        }
        Ok(())
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        for (_, child) in self.running.iter_mut().rev() {
            // Whoever has ended already cannot be ended.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// # Errors
/// When this machine has no port left.
pub fn free_port() -> anyhow::Result<SocketAddr> {
    let free = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?;
    Ok(free.local_addr()?)
}
