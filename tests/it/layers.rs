//! The room plan as a test: which crate of ours may depend on which, and where each foreign library lives.
//!
//! To add a dependency between crates, change this table in the same commit and say why.

use toml::Table;

use crate::source::text;

/// `(crate folder, crates of ours it may name)`. Order: inner rooms first.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("models/domain", &[]),
    ("models/vision", &["models-domain"]),
    ("models/wire", &["models-domain"]),
    ("hardware/ports", &["models-domain"]),
    ("hardware/camera", &["hardware-ports", "models-domain"]),
    ("hardware/infer", &["hardware-ports", "models-domain", "models-vision"]),
    ("hardware/gps", &["hardware-ports", "models-domain"]),
    ("hardware/signal", &["hardware-ports", "models-domain"]),
    ("hardware/bus", &["hardware-ports", "models-domain"]),
    ("edge-agent/core", &["hardware-ports", "models-domain", "models-wire"]),
    (
        "edge-agent",
        &[
            "edge-agent-core",
            "hardware-bus",
            "hardware-camera",
            "hardware-gps",
            "hardware-infer",
            "hardware-ports",
            "hardware-signal",
            "models-domain",
            "models-vision",
            "models-wire",
        ],
    ),
    ("control-center/core", &["models-domain"]),
    ("control-center/gtfs", &["models-domain"]),
    ("control-center/store", &["models-domain"]),
    (
        "control-center",
        &[
            "control-center-core",
            "control-center-gtfs",
            "control-center-store",
            "hardware-bus",
            "hardware-ports",
            "models-domain",
            "models-wire",
        ],
    ),
    ("deploy/xtask", &[]),
    (
        "benches",
        &[
            // What trackers say.
            "bus-simulator",
            "control-center-gtfs",
            // What is measured is when a position can be read from the database.
            "control-center-store",
            // What is measured of a watched stream is what the agent does with it.
            "edge-agent-core",
            "hardware-bus",
            "hardware-camera",
            "hardware-ports",
            "models-domain",
            "models-vision",
            "models-wire",
        ],
    ),
    ("tests", &[]),
    // The street: outside clients of the public protocols, they share no code with what reads them.
    ("tests/simulators/camera", &[]),
    ("tests/simulators/bus", &[]),
    ("tests/simulators/ntcip", &[]),
    ("tests/simulators/signal", &[]),
];

/// `(foreign crate, by its name or the key it has in a manifest; the only folders that may name it)`.
const HOMES: &[(&str, &[&str])] = &[
    ("gst", &["hardware/camera", "tests/simulators/camera"]),
    ("gst-app", &["hardware/camera", "tests/simulators/camera"]),
    ("gst-video", &["hardware/camera", "tests/simulators/camera"]),
    ("gst-pbutils", &["hardware/camera", "tests/simulators/camera"]),
    ("gst-rtsp-server", &["tests/simulators/camera"]),
    ("retina", &["hardware/camera"]),
    ("opencv", &["hardware/infer"]),
    ("ort", &["hardware/infer"]),
    ("image", &["models/vision", "hardware/infer"]),
    ("zenoh", &["hardware/bus"]),
    ("sqlx", &["control-center/store"]),
    ("rasn", &["hardware/signal"]),
    ("snmp2", &["hardware/signal"]),
    ("zip", &["control-center/gtfs", "benches"]),
    ("jiff", &["control-center/gtfs"]),
    ("tonic", &["models/wire", "control-center", "benches"]),
    ("tonic-web", &["control-center"]),
    ("tonic-health", &["control-center"]),
    ("tonic-reflection", &["control-center"]),
];

fn manifest(folder: &str) -> Table {
    text(&format!("{folder}/Cargo.toml")).parse().unwrap_or_else(|e| panic!("{folder}/Cargo.toml: {e}"))
}

fn dependencies(manifest: &Table) -> Vec<String> {
    let table = manifest.get("dependencies").and_then(|d| d.as_table());
    table.map(|t| t.keys().cloned().collect()).unwrap_or_default()
}

#[test]
fn the_table_names_every_crate() {
    let workspace = text("Cargo.toml").parse::<Table>().expect("valid TOML");
    let members = workspace["workspace"]["members"].as_array().expect("members");
    let mut members: Vec<&str> = members.iter().filter_map(|m| m.as_str()).collect();
    let mut known: Vec<&str> = MAY_IMPORT.iter().map(|(folder, _)| *folder).collect();
    members.sort_unstable();
    known.sort_unstable();
    assert_eq!(known, members);
}

#[test]
fn crates_keep_to_their_rooms() {
    let own: Vec<String> = MAY_IMPORT
        .iter()
        .map(|(folder, _)| manifest(folder)["package"]["name"].as_str().expect("a name").to_owned())
        .collect();
    let mut wrong = Vec::new();
    for (folder, allowed) in MAY_IMPORT {
        for dep in dependencies(&manifest(folder)).into_iter().filter(|d| own.contains(d)) {
            if !allowed.contains(&dep.as_str()) {
                wrong.push(format!("{folder} may not import {dep}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn foreign_libraries_have_one_home() {
    let mut wrong = Vec::new();
    for (folder, _) in MAY_IMPORT {
        let deps = dependencies(&manifest(folder));
        for (library, homes) in HOMES {
            if deps.iter().any(|d| d == library) && !homes.contains(folder) {
                wrong.push(format!("{folder} may not import {library}; its home is {}", homes.join(", ")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn models_are_pure() {
    for folder in ["models/domain", "models/vision", "models/wire"] {
        let deps = dependencies(&manifest(folder));
        assert!(!deps.iter().any(|d| d == "tokio"), "{folder} names tokio");
    }
}
