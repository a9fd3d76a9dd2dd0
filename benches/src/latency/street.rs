//! A street of simulated cameras, the agent that watches it, and a hall's place on the bus.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use hardware_bus::{Access, BusSettings, Role, TlsFiles, ZenohBus};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DistinguishedName, DnType, IsCa, KeyPair};

use crate::programs;

pub const GATEWAY: &str = "latency";

/// The bus as the hall opens it, and the address to dial.
///
/// # Errors
/// When certificates cannot be made or no port can be listened on.
pub async fn hall(folder: &Path) -> anyhow::Result<(ZenohBus, String)> {
    // The first one wins; that another part of the process has chosen the same is no error.
    drop(rustls::crypto::ring::default_provider().install_default());
    certificates(folder)?;
    let at = |file: &str| folder.join(file);
    let tls = TlsFiles { ca: at("ca.pem"), certificate: at("hall.pem"), key: at("hall.key") };
    let role = Role::Hall { listen: "127.0.0.1:0".to_owned(), access: Access::Everybody };
    let hall = ZenohBus::open(BusSettings { role, tls }).await?;
    let address = hall.listening().await.context("the bus listens nowhere")?.to_string();
    Ok((hall, address))
}

fn certificates(folder: &Path) -> anyhow::Result<()> {
    let mut params = CertificateParams::new(Vec::new())?;
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate()?)?;
    let write = |name: String, text: String| {
        std::fs::write(folder.join(&name), text).with_context(|| format!("writing {name}"))
    };
    write("ca.pem".to_owned(), ca.pem())?;
    for (name, common_name) in [("hall", "hall"), ("pole", GATEWAY)] {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()])?;
        params.distinguished_name = DistinguishedName::new();
        params.distinguished_name.push(DnType::CommonName, common_name);
        let certificate = params.signed_by(&key, &ca)?;
        write(format!("{name}.pem"), certificate.pem())?;
        write(format!("{name}.key"), key.serialize_pem())?;
    }
    Ok(())
}

/// Both programs; they end when this is dropped.
pub struct Street {
    simulator: Child,
    agent: Option<Child>,
    log: PathBuf,
}

impl Street {
    /// # Errors
    /// When a program is missing or does not start.
    pub fn start(
        folder: &Path,
        clip: &Path,
        streams: usize,
        detector: &str,
        fps: f64,
        hall: &str,
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
        std::fs::write(&config, agent(&urls, detector, fps, hall)?).context("writing the agent's file")?;
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
fn agent(urls: &[String], detector: &str, fps: f64, hall: &str) -> anyhow::Result<String> {
    let mut text = format!(
        "[gateway]\nid = \"{GATEWAY}\"\ndata_dir = \"data\"\n\
         [hall]\nconnect = \"{hall}\"\nca = \"ca.pem\"\ncertificate = \"pole.pem\"\nkey = \"pole.key\"\n"
    );
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
