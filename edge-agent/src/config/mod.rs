//! The agent's configuration file: one typed tree, read whole and refused whole, every problem at once with its line.
#![allow(
    clippy::wildcard_enum_match_arm,
    reason = "TOML's kinds of values, of which each place wants one or two"
)]

pub mod buses;
mod cameras;
pub mod reader;
pub mod red_lights;
pub mod signals;

use std::path::{Path, PathBuf};

use self::buses::Buses;
use self::red_lights::RedLight;
use self::signals::Signals;
use crate::profile::Inference;
use edge_agent_core::camera_worker::Crossings;
use edge_agent_core::site::CameraSite;
use hardware_camera::DecoderKind;
use hardware_ports::camera::CameraSource;
use hardware_ports::infer::Priority;
use models_domain::GatewayId;
use models_domain::geo::LatLon;
use models_domain::ladder::Rung;

use reader::Section;

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("reading the configuration {path}; pass another with --config")]
    Read {
        path: PathBuf,
        #[source]
        source: std::io::Error,
    },
    #[error("the configuration {path} has {} problems:\n  {}", problems.len(), problems.join("\n  "))]
    Invalid { path: PathBuf, problems: Vec<String> },
}

/// A configuration that can be run as it is. A section that is `None` is switched off.
#[derive(Debug)]
pub struct Config {
    pub gateway: Gateway,
    pub hall: Hall,
    pub cameras: Option<Cameras>,
    pub buses: Option<Buses>,
    pub signals: Option<Signals>,
}

#[derive(Debug)]
pub struct Gateway {
    pub id: GatewayId,
    /// Spool, stills and tracks.
    pub data_dir: PathBuf,
    pub spool_max_bytes: u64,
    pub stills_max_bytes: u64,
    pub tracks_max_bytes: u64,
}

/// Where the hall is, and the certificate this gateway was enrolled with.
#[derive(Debug)]
pub struct Hall {
    /// HOST:PORT
    pub connect: Vec<String>,
    pub ca: PathBuf,
    pub certificate: PathBuf,
    pub key: PathBuf,
}

#[derive(Debug)]
pub struct Cameras {
    /// Kinds of decoders by preference.
    pub decoders: Vec<DecoderKind>,
    /// Name or path of a manifest; `None` is the profile's own.
    pub model: Option<String>,
    /// How networks are run here: the board's profile, with what the file says otherwise.
    pub inference: Inference,
    pub cameras: Vec<Camera>,
}

#[derive(Debug)]
pub struct Camera {
    pub site: CameraSite,
    pub source: CameraSource,
    /// Pictures a second that go through the network.
    pub analyze_fps: f64,
    /// Never less than this is decoded; `None` leaves it to the stream.
    pub pinned: Option<Rung>,
    pub priority: Priority,
    pub crossings: Crossings,
    pub red_lights: Vec<RedLight>,
}

/// What the doors can do: the configuration is checked against it, so that a wrong name is told with its line.
pub struct Known {
    pub gps_protocols: Vec<&'static str>,
    /// Those of operators' servers.
    pub feed_protocols: Vec<&'static str>,
    /// Kinds of signal controllers that dial, and those that are dialled.
    pub controllers: Vec<&'static str>,
    pub dialled: Vec<&'static str>,
    /// Kinds that broadcast.
    pub heard: Vec<&'static str>,
    /// Whether a text is a zone, such as `+07:00`.
    pub zone: fn(&str) -> Result<(), String>,
}

impl Config {
    /// Relative paths count from the folder of the file.
    ///
    /// # Errors
    /// [`ConfigError`] with every problem of the file at once.
    pub fn load(path: &Path, known: &Known) -> Result<Self, ConfigError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| ConfigError::Read { path: path.to_owned(), source })?;
        let folder = path.parent().unwrap_or(Path::new("."));
        Self::parse(&text, folder, known)
            .map_err(|problems| ConfigError::Invalid { path: path.to_owned(), problems })
    }

    fn parse(text: &str, folder: &Path, known: &Known) -> Result<Self, Vec<String>> {
        reader::read(text, |root| read(root, folder, known))
    }
}

/// `None` only where a problem was told.
fn read(mut root: Section<'_, '_>, folder: &Path, known: &Known) -> Option<Config> {
    let start = root.span();
    let gateway = match root.section("gateway") {
        Some(section) => gateway(section, folder),
        None => {
            root.problem(&start, "gateway", "the section is missing");
            None
        }
    };
    let hall = match root.section("hall") {
        Some(section) => hall(section, folder),
        None => {
            root.problem(&start, "hall", "the section is missing");
            None
        }
    };
    let cameras = cameras::read(&mut root, folder);
    let buses = root.section("buses").map(|s| buses::read(s, known));
    let id = gateway.as_ref().map(|g: &Gateway| g.id.to_string()).unwrap_or_default();
    let signals = root.section("signals").map(|s| signals::read(s, &id, folder, known));
    let read = signals.as_ref().map(Option::as_ref);
    // Where [signals] itself is wrong, that is told and not what follows from it.
    if let (Some(cameras), None | Some(Some(_))) = (&cameras, read) {
        red_lights::check(&root, cameras, read.flatten());
    }
    if cameras.is_none() && buses.is_none() && signals.is_none() {
        root.problem(&start, "cameras, buses, signals", "at least one of these sections must be there");
    }
    Some(Config {
        gateway: gateway?,
        hall: hall?,
        cameras,
        buses,
        signals: match signals {
            Some(read) => Some(read?),
            None => None,
        },
    })
}

fn gateway(mut section: Section<'_, '_>, folder: &Path) -> Option<Gateway> {
    let id = section.required("id");
    let data_dir = section.required::<PathBuf>("data_dir");
    let spool = section.number("spool_max_mib", 1.0..=1_048_576.0, 1_024.0);
    let stills = section.number("stills_max_mib", 1.0..=1_048_576.0, 1_024.0);
    let tracks = section.number("tracks_max_mib", 1.0..=1_048_576.0, 1_024.0);
    Some(Gateway {
        id: id?.into_inner(),
        data_dir: folder.join(data_dir?.into_inner()),
        spool_max_bytes: spool as u64 * (1 << 20),
        stills_max_bytes: stills as u64 * (1 << 20),
        tracks_max_bytes: tracks as u64 * (1 << 20),
    })
}

fn hall(mut section: Section<'_, '_>, folder: &Path) -> Option<Hall> {
    let connect = section.required_with("connect", |text| match text.rsplit_once(':') {
        Some((host, port)) if !host.is_empty() && port.parse::<u16>().is_ok() => Ok(text.to_owned()),
        Some(_) | None => Err(format!("{text:?} is not HOST:PORT, such as \"hall.example.org:7447\"")),
    });
    let mut file = |key| section.required::<PathBuf>(key).map(|p| folder.join(p.into_inner()));
    let (ca, certificate, key) = (file("ca"), file("certificate"), file("key"));
    Some(Hall { connect: vec![connect?.into_inner()], ca: ca?, certificate: certificate?, key: key? })
}

fn position(section: &mut Section<'_, '_>) -> Option<LatLon> {
    let (at, (lat, lon)) = section.pair("position").map(|p| (p.span(), p.into_inner()))?;
    let position = LatLon::new(lat, lon);
    if position.is_sane() {
        return Some(position);
    }
    section.problem(&at, "position", format!("{lat}, {lon} is not on the earth; latitude comes first"));
    None
}

fn one_of(text: &str, known: &[&str]) -> Result<String, String> {
    if known.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("{text:?} is not known; known are {}", known.join(", ")))
}

#[cfg(test)]
#[path = "config_tests.rs"]
mod tests;
