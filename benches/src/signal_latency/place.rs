//! A hall and some agents, each with its share of the junctions.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use serde_json::Value;

use super::site::component;
use crate::programs;
use crate::usage::{self, used};

const STOPS: Duration = Duration::from_secs(30);

/// All programs; they end when this is dropped.
pub struct Place {
    folder: PathBuf,
    hall: Child,
    agents: Vec<Child>,
    addresses: Vec<SocketAddr>,
    /// Where the page is, and who may see it.
    pub page: String,
    pub password: String,
}

/// CPU seconds used so far.
pub struct UsedSoFar {
    pub agents_s: f64,
    pub hall_s: f64,
    pub this_s: f64,
}

impl Place {
    /// # Errors
    /// When a program is missing or does not start.
    pub fn start(folder: &Path, junctions: usize, agents: usize) -> anyhow::Result<Self> {
        let text = "[hall]\ndata_dir = \"hall\"\nlisten = \"127.0.0.1:0\"\n[bus]\nlisten = \"127.0.0.1:0\"\n";
        std::fs::write(folder.join("hall.toml"), text).context("writing hall.toml")?;
        let mut hall = Command::new(programs::beside("control-center")?);
        hall.args(["serve", "--insecure-http", "--config", "hall.toml"]);
        let mut hall = spawn(hall, folder, "hall")?;
        let lines = lines_until(&mut hall, "\"ready\":true")?;
        let ready: Value =
            serde_json::from_str(lines.last().map_or("", String::as_str)).context("the hall's line")?;
        let password = lines.iter().find_map(|line| line.split_once("Password ")).context("no password")?.1;
        let text_of = |key: &str| ready[key].as_str().map(str::to_owned);
        let page = text_of("http").context("the hall names no page")?;
        let bus = text_of("bus").context("the hall names no bus")?.trim_start_matches("tls/").to_owned();
        let mut place = Self {
            folder: folder.to_owned(),
            hall,
            agents: Vec::new(),
            addresses: Vec::new(),
            page,
            password: password.trim().to_owned(),
        };
        for number in 0..agents {
            let own: Vec<usize> = (0..junctions).filter(|index| index % agents == number).collect();
            place.agent(number, &own, &bus)?;
        }
        Ok(place)
    }

    fn agent(&mut self, number: usize, own: &[usize], bus: &str) -> anyhow::Result<()> {
        let name = format!("pole-{number}");
        let mut certificate = Command::new(programs::beside("control-center")?);
        certificate.current_dir(&self.folder).args(["gateway-certificate", "--config", "hall.toml"]);
        usage::run(certificate.args(["--gateway", &name, "--out", &name]))?;
        let address = TcpListener::bind("127.0.0.1:0").context("looking for a free port")?.local_addr()?;
        let mut text = format!(
            "[gateway]\nid = \"{name}\"\ndata_dir = \"{name}/data\"\n\
             [hall]\nconnect = \"{bus}\"\nca = \"{name}/ca.pem\"\ncertificate = \"{name}/cert.pem\"\nkey = \"{name}/key.pem\"\n\
             [signals]\nlisten = \"{address}\"\n"
        );
        for index in own {
            let component = component(*index);
            writeln!(
                text,
                "[[signals.site]]\nsite_id = \"HN+{index}\"\ncomponent = \"{component}\"\njunction = \"j{index}\"\n\
                 name = \"Nút {index}\"\nposition = [21.02, 105.85]"
            )?;
        }
        let file = format!("{name}.toml");
        std::fs::write(self.folder.join(&file), text).context("writing an agent's file")?;
        let mut agent = Command::new(programs::beside("edge-agent")?);
        agent.args(["run", "--config", &file]);
        let mut agent = spawn(agent, &self.folder, &name)?;
        let ready = lines_until(&mut agent, "is ready");
        self.agents.push(agent);
        self.addresses.push(address);
        ready.map(drop).with_context(|| self.said())
    }

    /// Where a junction dials.
    pub fn address_of(&self, index: usize) -> SocketAddr {
        self.addresses[index % self.addresses.len()]
    }

    pub fn used(&self) -> anyhow::Result<UsedSoFar> {
        let of = |child: &Child| used(child.id()).map(|used| used.cpu_s);
        let agents: Vec<f64> = self.agents.iter().map(of).collect::<Result<_, _>>()?;
        let this_s = used(std::process::id())?.cpu_s;
        Ok(UsedSoFar { agents_s: agents.iter().sum(), hall_s: of(&self.hall)?, this_s })
    }

    /// # Errors
    /// When one of them has ended.
    pub fn alive(&mut self) -> anyhow::Result<()> {
        for child in self.agents.iter_mut().chain([&mut self.hall]) {
            let ended = child.try_wait().context("looking after a program")?;
            if let Some(status) = ended {
                let said = said(&self.folder);
                bail!("a program has ended: {status}: {said}");
            }
        }
        Ok(())
    }

    /// The ends of the logs.
    pub fn said(&self) -> String {
        said(&self.folder)
    }

    /// Ends all in order.
    pub async fn stop(mut self) -> anyhow::Result<()> {
        for child in self.agents.iter_mut().chain([&mut self.hall]) {
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
        for child in self.agents.iter_mut().chain([&mut self.hall]) {
            // Whoever has ended already cannot be ended.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

fn said(folder: &Path) -> String {
    let end = |name: &str| {
        let text = std::fs::read_to_string(folder.join(format!("{name}.log"))).unwrap_or_default();
        let end: Vec<&str> = text.lines().rev().take(3).collect();
        end.into_iter().rev().collect::<Vec<_>>().join(" / ")
    };
    format!("agent: {}; hall: {}", end("pole-0"), end("hall"))
}

fn spawn(mut command: Command, folder: &Path, name: &str) -> anyhow::Result<Child> {
    let log = File::create(folder.join(format!("{name}.log"))).context("making a log")?;
    command
        .current_dir(folder)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(log)
        .spawn()
        .with_context(|| format!("starting {name}"))
}

/// Its lines up to the first that has `wanted`.
fn lines_until(child: &mut Child, wanted: &str) -> anyhow::Result<Vec<String>> {
    let out = child.stdout.take().context("its output")?;
    let mut lines = BufReader::new(out).lines().map_while(Result::ok);
    let mut found = Vec::new();
    loop {
        let Some(line) = lines.next() else {
            drop(child.kill());
            bail!("it ended without saying {wanted}");
        };
        let last = line.contains(wanted);
        found.push(line);
        if last {
            // Whatever it says later must find somebody who reads.
            std::thread::spawn(move || lines.for_each(drop));
            return Ok(found);
        }
    }
}
