//! The five-minute table of the README as a test: one file per plug-in, one list per kind, one place for each chore.

use crate::source::{files, text, without_tests};

/// Every file beside `list` is named on exactly two lines there, its `mod` and its entry, and nowhere else in the crate.
#[track_caller]
fn one_file_two_lines(list: &str, at_least: usize) {
    let folder = list.rsplit_once('/').expect("a folder").0;
    let crate_folder = list.split("/src/").next().expect("a crate");
    let index = text(list);
    let plugins = modules(&index);
    assert!(plugins.len() >= at_least, "{list}: only {plugins:?}");
    for plugin in &plugins {
        let uses = without_tests(&index).lines().filter(|l| names(l, plugin)).count();
        assert_eq!(uses, 2, "{list}: {plugin} should stand on two lines, its mod and its entry");
        let outside: Vec<String> = files(&[".rs"])
            .into_iter()
            .filter(|f| f.starts_with(crate_folder) && f != list)
            .filter(|f| {
                !f.starts_with(&format!("{folder}/{plugin}"))
                    && !f.contains("/tests/")
                    && !f.ends_with("_tests.rs")
            })
            .filter(|f| without_tests(&text(f)).contains(&format!("{plugin}::")))
            .collect();
        assert!(outside.is_empty(), "{plugin} is named outside its file and {list}: {outside:?}");
    }
}

/// Modules with an entry `x::…` in the list `ALL`.
fn modules(index: &str) -> Vec<String> {
    let list = index.split(" ALL: ").nth(1).and_then(|l| l.split("];").next()).expect("a list called ALL");
    let declared = index.lines().filter_map(|l| {
        let name = l.trim().trim_start_matches("pub ").strip_prefix("mod ")?.strip_suffix(';')?;
        Some(name.to_owned())
    });
    declared.filter(|name| list.contains(&format!("{name}::"))).collect()
}

fn names(line: &str, plugin: &str) -> bool {
    let line = line.trim();
    let code = !line.starts_with("//");
    code && (line.ends_with(&format!("mod {plugin};")) || line.contains(&format!("{plugin}::")))
}

#[test]
fn gps_protocols_are_one_file_each() {
    one_file_two_lines("hardware/gps/src/protocols/mod.rs", 3);
}

#[test]
fn signal_controllers_are_one_file_each() {
    one_file_two_lines("hardware/signal/src/controllers/mod.rs", 1);
}

#[test]
fn rules_are_one_file_each() {
    one_file_two_lines("models/domain/src/rules/mod.rs", 3);
}

#[test]
fn panels_are_one_folder_and_one_line() {
    let list = text("control-center/web/src/panels/list.ts");
    let mut panels: Vec<String> = files(&[".ts"])
        .into_iter()
        .filter_map(|f| Some(f.strip_prefix("control-center/web/src/panels/")?.split_once('/')?.0.to_owned()))
        .collect();
    panels.dedup();
    assert!(panels.len() >= 4, "{panels:?}");
    for panel in panels {
        let lines = list.lines().filter(|l| l.contains(&format!("./{panel}/"))).count();
        assert_eq!(lines, 1, "panel {panel} should stand on one line of the list");
    }
}

/// Files whose code (tests aside) has one of `words`.
fn homes(words: &[&str]) -> Vec<String> {
    let code = |f: &String| {
        let text = text(f);
        let code = without_tests(&text).lines().filter(|l| !l.trim_start().starts_with("//"));
        code.clone().any(|l| words.iter().any(|w| l.contains(w)))
    };
    let ours = |f: &String| !f.starts_with("tests/") && !f.starts_with("benches/") && !f.contains("/tests/");
    files(&[".rs"]).into_iter().filter(ours).filter(|f| !f.ends_with("_tests.rs")).filter(code).collect()
}

#[test]
fn each_chore_has_one_place() {
    // tokio's Instant is a timer's, not a clock's.
    let reads_time = ["SystemTime::now", " Instant::now", "(Instant::now", "std::time::Instant::now"];
    assert_eq!(homes(&reads_time), ["hardware/ports/src/clock.rs"]);
    assert_eq!(homes(&["\"city/v1"]), ["models/wire/src/keys.rs"]);
    assert_eq!(homes(&["struct Backoff"]), ["edge-agent/core/src/supervise.rs"]);
    let sql = homes(&["SELECT ", "INSERT INTO", "DELETE FROM", "sqlx::"]);
    assert!(!sql.is_empty() && sql.iter().all(|f| f.starts_with("control-center/store/")), "{sql:?}");
}

/// From the first file a reader finds the way to an event in three: each names what the next one holds.
#[test]
fn a_frame_becomes_an_event_in_three_files() {
    let way = [
        ("edge-agent/core/src/camera_worker.rs", "START READING HERE"),
        ("edge-agent/core/src/camera_worker.rs", "use crate::analysis::Analysis;"),
        ("edge-agent/core/src/analysis.rs", "use models_domain::watch::Watch;"),
        ("models/domain/src/watch.rs", "EventBody::Rule"),
        ("models/domain/src/watch.rs", "EventBody::LineCrossing"),
    ];
    for (file, step) in way {
        assert!(text(file).contains(step), "{file} does not say {step:?}");
    }
}
