//! The sections `[detector]` and `[cameras]`: addresses, passwords that stand elsewhere, scenes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use edge_agent_core::camera_worker::Crossings;
use edge_agent_core::site::CameraSite;
use hardware_ports::camera::{CameraSource, Transport};
use hardware_ports::infer::Priority;
use models_domain::CameraId;
use models_domain::ladder::{Rung, usual_rung};
use models_domain::pcu::PcuTable;
use models_domain::rules::make_all;
use models_domain::scene::Scene;
use serde::Deserialize;
use toml::Spanned;
use toml::de::{DeValue, Deserializer};

use crate::profile::{self, Lanes, Profile};

use super::reader::Section;
use super::{Camera, Cameras, one_of, position, red_lights};

/// Pictures a second that go through the network when nobody says otherwise.
const ANALYZE_FPS: f64 = 6.0;
/// Size of a scene without lines and zones.
const EMPTY_SCENE: (u32, u32) = (1280, 720);

pub fn read(root: &mut Section<'_, '_>, folder: &Path) -> Option<Cameras> {
    let mut model = None;
    let mut profile: Option<Profile> = profile::DEFAULT.parse().ok();
    if let Some(mut detector) = root.section("detector") {
        model = detector.optional::<String>("model").map(|m| from_folder(folder, m.into_inner()));
        if let Some(named) = detector.optional::<Profile>("profile") {
            profile = Some(named.into_inner());
        }
        if let Some(profile) = &mut profile {
            // 0 leaves it to the profile.
            let mut own = |key| detector.number(key, 1.0..=64.0, 0.0) as usize;
            let (threads, lanes) = (own("threads"), own("lanes"));
            let inference = &mut profile.inference;
            inference.threads = if threads > 0 { threads } else { inference.threads };
            inference.lanes = if lanes > 0 { Lanes::Fixed(lanes) } else { inference.lanes };
        }
    }
    let mut section = root.section("cameras")?;
    let analyze_fps = section.number("analyze_fps", 0.1..=60.0, ANALYZE_FPS);
    let mut seen = BTreeSet::new();
    let mut cameras = Vec::new();
    let otherwise = Otherwise {
        analyze_fps,
        crossings: crossings(&mut section, Crossings::Each),
        pcu: pcu(&mut section),
    };
    let found = section.sections("camera");
    if found.is_empty() {
        section.problem(&section.span(), "camera", "is missing: at least one is needed");
    }
    for mut one in found {
        let id = one.required::<CameraId>("id");
        if let Some(id) = id.as_ref().filter(|id| !seen.insert(id.get_ref().clone())) {
            one.problem(&id.span(), "id", format!("{} is used twice", id.get_ref()));
        }
        cameras.extend(camera(&mut one, id, folder, &otherwise));
    }
    let Profile { decoders, inference, .. } = profile?;
    Some(Cameras { decoders, model, inference, cameras })
}

/// What holds for every camera that says nothing else.
struct Otherwise {
    analyze_fps: f64,
    crossings: Crossings,
    pcu: PcuTable,
}

/// `[cameras.pcu]`: the city's own weights of classes.
fn pcu(section: &mut Section<'_, '_>) -> PcuTable {
    let at = section.span();
    let Some(mut own) = section.section("pcu") else { return PcuTable::default() };
    let number =
        |text: &str| text.parse::<f64>().map_err(|_| format!("{text:?} is not a number, such as 0.3"));
    let weights: BTreeMap<String, f64> = own.pairs(number).into_iter().collect();
    drop(own);
    PcuTable::default().with(&weights).unwrap_or_else(|problems| {
        problems.iter().for_each(|problem| section.problem(&at, "pcu", problem));
        PcuTable::default()
    })
}

fn camera(
    one: &mut Section<'_, '_>,
    id: Option<Spanned<CameraId>>,
    folder: &Path,
    otherwise: &Otherwise,
) -> Option<Camera> {
    let name = one.optional::<String>("name").map(Spanned::into_inner);
    let url = url(one, folder);
    let transport = one.optional_with("transport", |t| one_of(t, &["tcp", "udp", "multicast"]));
    let transport = match transport.as_ref().map(|t| t.get_ref().as_str()) {
        Some("udp") => Transport::Udp,
        Some("multicast") => Transport::Multicast,
        Some(_) | None => Transport::Tcp,
    };
    let certificates = certificates(one, folder);
    let position = position(one);
    let analyze_fps = one.number("analyze_fps", 0.1..=60.0, otherwise.analyze_fps);
    let crossings = crossings(one, otherwise.crossings);
    let rung = one.optional_with("rung", |t| one_of(t, &["auto", "watch", "key_frames", "full"]));
    let priority = one.optional_with("priority", |t| one_of(t, &["counting", "incident", "health"]));
    let scene = scene(one, folder, otherwise.pcu).unwrap_or_else(|| Scene::empty(EMPTY_SCENE));
    let pinned = match rung.as_ref().map(|r| r.get_ref().as_str()) {
        Some("watch") => Some(Rung::Watch),
        Some("key_frames") => Some(Rung::KeyFrames),
        Some("full") => Some(Rung::Full),
        // Who counts sees everything unless the configuration trusts the ladder with it: it still misses some.
        None if !scene.lines.is_empty() => Some(Rung::Full),
        Some(_) | None => usual_rung(&scene),
    };
    let priority = match priority.as_ref().map(|p| p.get_ref().as_str()) {
        Some("counting") => Priority::Counting,
        Some("incident") => Priority::Incident,
        Some("health") => Priority::Health,
        Some(_) | None => usual_priority(&scene),
    };
    let red_lights = red_lights::read(one, &scene, pinned, analyze_fps);
    let id = id?.into_inner();
    let name = name.unwrap_or_else(|| id.to_string());
    let site = CameraSite { id, name, position, scene };
    Some(Camera {
        site,
        source: CameraSource { url: url?, transport, certificates },
        analyze_fps,
        pinned,
        priority,
        crossings,
        red_lights,
    })
}

fn crossings(section: &mut Section<'_, '_>, otherwise: Crossings) -> Crossings {
    match section.optional_with("crossings", |text| one_of(text, &["each", "counted"])) {
        Some(text) if text.get_ref() == "counted" => Crossings::Counted,
        Some(_) => Crossings::Each,
        None => otherwise,
    }
}

/// Whoever counts is served first, then whoever looks for incidents.
fn usual_priority(scene: &Scene) -> Priority {
    match (scene.lines.is_empty(), scene.rules.is_empty()) {
        (false, _) => Priority::Counting,
        (true, false) => Priority::Incident,
        (true, true) => Priority::Health,
    }
}

/// The address with the password that `password_file` or `password_env` holds.
/// Read here, so that a file which is missing or holds no certificate is told with its line.
fn certificates(one: &mut Section<'_, '_>, folder: &Path) -> Option<PathBuf> {
    let file = one.optional::<PathBuf>("certificates")?;
    let path = folder.join(file.get_ref());
    let problem = match std::fs::read_to_string(&path) {
        Ok(text) if text.contains("-----BEGIN CERTIFICATE-----") => return Some(path),
        Ok(_) => format!("{} holds no certificate in PEM", path.display()),
        Err(err) => format!("reading {}: {err}", path.display()),
    };
    one.problem(&file.span(), "certificates", problem);
    None
}

fn url(one: &mut Section<'_, '_>, folder: &Path) -> Option<String> {
    let url = one.required::<String>("url");
    let file = one.optional::<PathBuf>("password_file");
    let variable = one.optional::<String>("password_env");
    let url = url?;
    let password = match (file, variable) {
        (None, None) => {
            let text = url.get_ref();
            return Some(if text.contains("://") { text.clone() } else { from_folder(folder, text.clone()) });
        }
        (Some(file), _) => {
            let path = folder.join(file.get_ref());
            match std::fs::read_to_string(&path) {
                Ok(text) => text.trim_end_matches(['\r', '\n']).to_owned(),
                Err(err) => {
                    one.problem(&file.span(), "password_file", format!("reading {}: {err}", path.display()));
                    return None;
                }
            }
        }
        (None, Some(name)) => match std::env::var(name.get_ref()) {
            Ok(text) => text,
            Err(_) => {
                let why = format!("the environment has no {}", name.get_ref());
                one.problem(&name.span(), "password_env", why);
                return None;
            }
        },
    };
    let with_password = with_password(url.get_ref(), &password);
    if with_password.is_none() {
        one.problem(
            &url.span(),
            "url",
            "a password needs a user in the address, as in rtsp://user@host/path",
        );
    }
    with_password
}

fn with_password(url: &str, password: &str) -> Option<String> {
    let mut url = url::Url::parse(url).ok()?;
    if url.username().is_empty() {
        return None;
    }
    // `set_password` leaves a '%' as it is, and whoever reads the address would take it for an escape.
    url.set_password(Some(&password.replace('%', "%25"))).ok()?;
    Some(url.into())
}

/// A file's name, or the scene itself.
fn scene(one: &mut Section<'_, '_>, folder: &Path, pcu: PcuTable) -> Option<Scene> {
    let value = one.take("scene")?;
    let span = value.span();
    let read = match value.into_inner() {
        DeValue::String(file) => {
            let path = folder.join(file.as_ref());
            std::fs::read_to_string(&path).map_err(|e| format!("reading {}: {e}", path.display()))
        }
        DeValue::Table(table) => {
            let table = Deserializer::from(Spanned::new(span.clone(), table));
            toml::Table::deserialize(table).map(|t| t.to_string()).map_err(|e| e.message().to_owned())
        }
        other => Err(format!("must be a file's name or a table, not a {}", other.type_str())),
    };
    let parsed = read.and_then(|text| {
        let scene = Scene::parse_with(&text, pcu).map_err(|e| format!("{:#}", anyhow::Error::from(e)))?;
        make_all(&scene).map_err(|problems| problems.join("; "))?;
        Ok(scene)
    });
    match parsed {
        Ok(scene) => Some(scene),
        Err(why) => {
            one.problem(&span, "scene", why.trim_end());
            None
        }
    }
}

fn from_folder(folder: &Path, text: String) -> String {
    // A name without a folder is a shipped manifest's, or a plain word; a path counts from the file.
    if text.contains('/') && Path::new(&text).is_relative() {
        return folder.join(text).display().to_string();
    }
    text
}
