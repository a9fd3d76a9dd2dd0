//! A street of simulated cameras, and the agent that watches it.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use models_domain::GatewayId;

use crate::{bus_hall, programs};

/// Both programs; they end when this is dropped.
pub struct Street {
    simulator: Child,
    agent: Option<Child>,
    log: PathBuf,
}

impl Street {
    /// `gateway`: its name, and the hall's address.
    ///
    /// # Errors
    /// When a program is missing or does not start.
    pub fn start(
        folder: &Path,
        clip: &Path,
        streams: usize,
        detector: &str,
        fps: f64,
        gateway: (&GatewayId, &str),
    ) -> anyhow::Result<Self> {
        let mut text = "port = 0\n".to_owned();
        for n in 0..streams {
            writeln!(text, "[[camera]]\nid = \"c{n}\"\nclips = [{:?}]", clip.display().to_string())?;
        }
        let (config, log) = (folder.join("street.toml"), folder.join("agent.log"));
        std::fs::write(&config, text).context("writing the street")?;
        let mut simulator = Command::new(programs::beside("camera-simulator")?);
        simulator.arg("--config").arg(&config).stdout(Stdio::piped());
        let simulator = simulator.spawn().context("starting camera-simulator")?;
        let mut street = Self { simulator, agent: None, log };
        let urls = street.urls(streams)?;
        let config = folder.join("agent.toml");
        std::fs::write(&config, agent(&urls, detector, fps, gateway)?).context("writing the agent's file")?;
        let said = File::create(&street.log).context("making the agent's log")?;
        let mut agent = Command::new(programs::beside("edge-agent")?);
        agent.arg("run").arg("--config").arg(&config).stdout(Stdio::null()).stderr(said);
        street.agent = Some(agent.spawn().context("starting edge-agent")?);
        Ok(street)
    }

    fn urls(&mut self, streams: usize) -> anyhow::Result<Vec<String>> {
        let out = self.simulator.stdout.take().context("the simulator's output")?;
        let mut urls = Vec::new();
        for line in BufReader::new(out).lines().take(streams) {
            let line: serde_json::Value = serde_json::from_str(&line?)?;
            let url = line.get("url").and_then(|url| url.as_str());
            urls.push(url.context("a camera without an address")?.to_owned());
        }
        if urls.len() < streams {
            bail!("camera-simulator ended after {} cameras", urls.len());
        }
        Ok(urls)
    }

    /// The end of what the agent wrote to its log.
    pub fn said(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let end: Vec<&str> = text.lines().rev().take(3).collect();
        end.into_iter().rev().collect::<Vec<_>>().join(" / ")
    }

    /// # Errors
    /// When the agent had ended before.
    pub fn stop(mut self) -> anyhow::Result<()> {
        match self.agent.as_mut().map(Child::try_wait) {
            Some(Ok(Some(status))) => bail!("edge-agent ended: {status}: {}", self.said()),
            Some(Ok(None) | Err(_)) | None => Ok(()),
        }
    }
}

impl Drop for Street {
    fn drop(&mut self) {
        for child in [self.agent.as_mut(), Some(&mut self.simulator)].into_iter().flatten() {
            // Whoever has ended already cannot be ended.
            drop(child.kill());
            drop(child.wait());
        }
    }
}

/// Everything is decoded, and whoever comes into a picture is told of.
fn agent(urls: &[String], detector: &str, fps: f64, gateway: (&GatewayId, &str)) -> anyhow::Result<String> {
    let mut text = bus_hall::gateway(gateway.0, gateway.1);
    writeln!(text, "{detector}[cameras]\nanalyze_fps = {fps:?}")?;
    for (n, url) in urls.iter().enumerate() {
        writeln!(
            text,
            "[[cameras.camera]]\nid = \"c{n}\"\nurl = \"{url}\"\nrung = \"full\"\npriority = \"counting\"\n\
             [cameras.camera.scene]\nsize = [640, 360]\n\
             zone = [{{ id = \"all\", polygon = [[0, 0], [640, 0], [640, 360], [0, 360]] }}]\n\
             rule = [{{ kind = \"intrusion\", zone = \"all\" }}]"
        )?;
    }
    Ok(text)
}
