//! One hour of one network under one controller: starts SUMO, steers it, reads what the trips lost.

use std::collections::BTreeSet;
use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, bail, ensure};
use models_domain::UtcMillis;

use super::junction::{Chooser, Steered, Street};
use super::network;
use super::traci::Traci;

/// A network's folder as SUMO knows them.
#[derive(Debug, Clone)]
pub struct Network {
    pub name: String,
    /// How SUMO is told: `-c FILE`, or network and routes.
    arguments: Vec<String>,
    begin_s: f64,
    end_s: f64,
}

/// What an episode came to.
#[derive(Debug, Clone, Copy, Default)]
pub struct Outcome {
    /// Time loss and departure delay of a vehicle, over all that wanted to drive.
    pub delay_s: f64,
    pub bus_delay_s: f64,
    pub other_delay_s: f64,
    pub vehicles: usize,
    pub buses: usize,
    /// Of those buses that went over a stop line with a light: what they lost, and how many they were.
    pub lit_bus_delay_s: f64,
    pub lit_buses: usize,
    /// Longest stand of one vehicle before a stop line, until it moved.
    pub longest_wait_s: f64,
    /// Longest red of a group before which somebody stood, from when he was seen to: what `safety` bounds.
    pub longest_red_wait_s: f64,
    /// The longest red while somebody waits, of the light that has the longest.
    pub bound_s: f64,
    /// How much longer than its own light's bound a vehicle stood; below 0: none did.
    pub over_bound_s: f64,
    /// Times that a lamp was where the layout forbids it.
    pub violations: u64,
    pub rescues: u64,
    /// Vehicles that had not arrived at the end.
    pub unfinished: usize,
}

impl Network {
    pub fn find(folder: &Path) -> anyhow::Result<Self> {
        let mut files: Vec<PathBuf> = std::fs::read_dir(folder)
            .with_context(|| format!("reading the folder {}", folder.display()))?
            .filter_map(|entry| Some(entry.ok()?.path()))
            .collect();
        files.sort();
        let ending = |end: &str| {
            let mut found = files.iter().filter(|file| file.to_string_lossy().ends_with(end));
            found.next().map(|file| file.to_string_lossy().into_owned())
        };
        let name = folder
            .file_name()
            .map_or_else(|| "network".to_owned(), |name| name.to_string_lossy().into_owned());
        if let Some(config) = ending(".sumocfg") {
            let text = std::fs::read_to_string(&config).with_context(|| format!("reading {config}"))?;
            let begin_s = value_of(&text, "begin").unwrap_or(0.0);
            let end_s = value_of(&text, "end").filter(|end| *end > begin_s).unwrap_or(begin_s + 3600.0);
            return Ok(Self { name, arguments: vec!["-c".to_owned(), config], begin_s, end_s });
        }
        let (Some(net), Some(routes)) = (ending(".net.xml"), ending(".rou.xml")) else {
            bail!("{} has neither a .sumocfg nor a .net.xml with a .rou.xml", folder.display());
        };
        let arguments = vec!["-n".to_owned(), net, "-r".to_owned(), routes];
        Ok(Self { name, arguments, begin_s: 0.0, end_s: 3600.0 })
    }

    fn command(&self, sumo: &Path, seed: u32, trips: &Path) -> Command {
        let mut command = Command::new(sumo);
        command.args(&self.arguments);
        command.args(["--seed", &seed.to_string(), "--end", &self.end_s.to_string()]);
        command.args(["--begin", &self.begin_s.to_string(), "--step-length", "1"]);
        command.args([
            "--no-step-log",
            "--no-warnings",
            "--duration-log.disable",
            "--time-to-teleport",
            "-1",
        ]);
        command.arg("--tripinfo-output").arg(trips);
        command.args(["--tripinfo-output.write-unfinished", "--tripinfo-output.write-undeparted"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
        command
    }
}

/// The network's own program, untouched.
pub fn fixed(sumo: &Path, network: &Network, seed: u32) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir().context("making a folder for SUMO's output")?;
    let trips = folder.path().join("trips.xml");
    let ended = network
        .command(sumo, seed, &trips)
        .output()
        .with_context(|| format!("starting {}", sumo.display()))?;
    ensure!(ended.status.success(), "SUMO: {}", String::from_utf8_lossy(&ended.stderr).trim());
    read_trips(&trips, &BTreeSet::new())
}

pub fn steered(
    sumo: &Path,
    network: &Network,
    seed: u32,
    chooser: Chooser,
    street: Street,
) -> anyhow::Result<Outcome> {
    let folder = tempfile::tempdir().context("making a folder for SUMO's output")?;
    let trips = folder.path().join("trips.xml");
    let port = Port::free()?;
    let mut command = network.command(sumo, seed, &trips);
    command.args(["--remote-port", &port.0.to_string(), "--num-clients", "1"]);
    let child = command.spawn().with_context(|| format!("starting {}", sumo.display()))?;
    let mut running = Running(child);
    let (mut outcome, lit) = drive(&mut running, network, port.0, chooser, street)?;
    running.0.wait().context("waiting for SUMO")?;
    let (steered, told) = (outcome, read_trips(&trips, &lit)?);
    outcome = told;
    outcome.longest_wait_s = steered.longest_wait_s;
    outcome.longest_red_wait_s = steered.longest_red_wait_s;
    outcome.bound_s = steered.bound_s;
    outcome.over_bound_s = steered.over_bound_s;
    outcome.violations = steered.violations;
    outcome.rescues = steered.rescues;
    Ok(outcome)
}

/// What was seen on the way, and the buses that went over a stop line with a light.
fn drive(
    running: &mut Running,
    network: &Network,
    port: u16,
    chooser: Chooser,
    street: Street,
) -> anyhow::Result<(Outcome, BTreeSet<String>)> {
    let mut traci = Traci::new(connect(running, port)?)?;
    let time = |step: u64| UtcMillis(((network.begin_s + step as f64) * 1000.0) as i64);
    let junctions = network::junctions(&mut traci)?;
    ensure!(!junctions.is_empty(), "no traffic light of {} has two stages", network.name);
    let mut outcome = Outcome { over_bound_s: f64::NEG_INFINITY, ..Outcome::default() };
    outcome.bound_s = junctions.iter().map(network::Junction::bound_s).fold(0.0, f64::max);
    let mut steered = junctions
        .into_iter()
        .map(|junction| Steered::new(junction, chooser, time(0)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    traci.watch_vehicles_everywhere()?;
    let steps = (network.end_s - network.begin_s) as u64;
    let mut shown: Vec<String> = vec![String::new(); steered.len()];
    let mut vehicles = Vec::new();
    let mut lit = BTreeSet::new();
    for step in 0..steps {
        for (steered, shown) in steered.iter_mut().zip(&mut shown) {
            let state = steered.step(time(step), &vehicles, street);
            if *shown != state {
                traci.show(&steered.junction.id, &state)?;
                *shown = state;
            }
        }
        vehicles = traci.step()?;
        for junction in steered.iter().map(|steered| &steered.junction) {
            let standing = vehicles.iter().filter(|vehicle| junction.reach.contains_key(&vehicle.lane));
            let longest_s = standing.map(|vehicle| vehicle.waiting_s).fold(0.0, f64::max);
            outcome.longest_wait_s = outcome.longest_wait_s.max(longest_s);
            outcome.over_bound_s = outcome.over_bound_s.max(longest_s - junction.bound_s());
        }
        let buses = vehicles.iter().filter(|vehicle| vehicle.class == "bus");
        let leaving = buses.filter(|bus| steered.iter().any(|steered| steered.leaves_a_line(bus)));
        lit.extend(leaving.map(|bus| bus.id.clone()));
    }
    traci.close()?;
    outcome.violations = steered.iter().map(|steered| steered.watch.violations).sum();
    outcome.rescues = steered.iter().map(|steered| steered.rescues).sum();
    let reds = steered.iter().map(|steered| steered.longest_red.seconds());
    outcome.longest_red_wait_s = reds.fold(0.0, f64::max);
    Ok((outcome, lit))
}

/// SUMO ends with this.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It has ended by itself when all went well.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Ports that episodes of this run have: SUMO takes its own only a while after it was found free, and another episode may find the
/// same one meanwhile.
static TAKEN: Mutex<BTreeSet<u16>> = Mutex::new(BTreeSet::new());

/// Below what Linux gives out by itself: from there a connection that is tried before SUMO listens may be given the very port that it
/// is tried to, and then reaches itself.
const PORTS: std::ops::Range<u16> = 20_000..32_000;

/// A port that no other episode has, until this is dropped.
struct Port(u16);

impl Port {
    fn free() -> anyhow::Result<Self> {
        let mut taken = TAKEN.lock().unwrap_or_else(PoisonError::into_inner);
        let is_free =
            |port: &u16| !taken.contains(port) && TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok();
        // Two programs at once begin at other places.
        let begin = usize::try_from(std::process::id()).unwrap_or(0) % PORTS.len();
        let found = PORTS.cycle().skip(begin).take(PORTS.len()).find(is_free);
        let port = found.with_context(|| format!("finding a free port: none of {PORTS:?} is"))?;
        taken.insert(port);
        Ok(Self(port))
    }
}

impl Drop for Port {
    fn drop(&mut self) {
        TAKEN.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.0);
    }
}

/// SUMO listens once it has read the network.
fn connect(running: &mut Running, port: u16) -> anyhow::Result<TcpStream> {
    for _ in 0..1200 {
        if let Ok(stream) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) {
            return Ok(stream);
        }
        if let Some(status) = running.0.try_wait().context("looking after SUMO")? {
            let said = running.0.stderr.take().map(|stderr| {
                BufReader::new(stderr).lines().map_while(Result::ok).collect::<Vec<_>>().join(" ")
            });
            bail!("SUMO ended with {status}: {}", said.unwrap_or_default());
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    bail!("SUMO does not listen on port {port}")
}

fn read_trips(file: &Path, lit: &BTreeSet<String>) -> anyhow::Result<Outcome> {
    let text = std::fs::read_to_string(file).with_context(|| format!("reading SUMO's {}", file.display()))?;
    let mut outcome = Outcome::default();
    for line in text.lines().filter(|line| line.trim_start().starts_with("<tripinfo ")) {
        let number = |name| attribute(line, name).and_then(|text| text.parse::<f64>().ok());
        let (Some(lost), Some(late)) = (number("timeLoss"), number("departDelay")) else {
            bail!("a trip without timeLoss or departDelay: {line}");
        };
        let delay_s = lost.max(0.0) + late.max(0.0);
        let bus = attribute(line, "vType").is_some_and(|kind| kind.starts_with("bus"));
        outcome.vehicles += 1;
        outcome.delay_s += delay_s;
        outcome.unfinished += usize::from(number("arrival").is_none_or(|arrival| arrival < 0.0));
        if bus {
            outcome.buses += 1;
            outcome.bus_delay_s += delay_s;
            if attribute(line, "id").is_some_and(|id| lit.contains(id)) {
                outcome.lit_buses += 1;
                outcome.lit_bus_delay_s += delay_s;
            }
        }
    }
    ensure!(outcome.vehicles > 0, "no vehicle drove");
    let others = outcome.vehicles - outcome.buses;
    outcome.other_delay_s = (outcome.delay_s - outcome.bus_delay_s) / others.max(1) as f64;
    outcome.delay_s /= outcome.vehicles as f64;
    outcome.bus_delay_s /= outcome.buses.max(1) as f64;
    outcome.lit_bus_delay_s /= outcome.lit_buses.max(1) as f64;
    Ok(outcome)
}

fn attribute<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!(" {name}=\""))?;
    rest.split_once('"').map(|(value, _)| value)
}

fn value_of(text: &str, element: &str) -> Option<f64> {
    let (_, rest) = text.split_once(&format!("<{element} "))?;
    attribute(&format!(" {}", rest.split_once('>')?.0), "value")?.parse().ok()
}
