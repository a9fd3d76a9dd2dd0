//! Small promises about the source text itself.

use std::path::Path;

use crate::source::{files, root, text};

const MAX_LINES: usize = 400;

#[test]
fn files_are_short_and_say_what_they_are_for() {
    let mut wrong = Vec::new();
    for name in files(&[".rs", ".ts", ".py", ".mjs"]) {
        let text = text(&name);
        let lines = text.lines().count();
        if lines > MAX_LINES {
            wrong.push(format!("{name}: {lines} lines, at most {MAX_LINES}"));
        }
        if name.ends_with(".rs") && !text.starts_with("//!") {
            wrong.push(format!("{name}:1: say in one `//!` line what this file is for"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Paths in backticks in our documents exist; those with a placeholder or of other machines are left alone.
#[test]
fn paths_named_in_documents_exist() {
    let tops =
        ["models/", "hardware/", "edge-agent/", "control-center/", "deploy/", "benches/", "tests/", ".ci/"];
    let mut wrong = Vec::new();
    for name in files(&[".md"]) {
        let text = text(&name);
        let linked = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        for word in text.split('`').skip(1).step_by(2).chain(linked) {
            let path = word.trim_start_matches("./").split([' ', ':', '#']).next().unwrap_or("");
            let ours = tops.iter().any(|t| path.starts_with(t)) && !path.contains(['<', '*', '{', '$', '…']);
            if ours && !root().join(Path::new(path)).exists() {
                wrong.push(format!("{name}: `{path}` is not there"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn crates_share_the_lints() {
    for name in files(&["Cargo.toml"]).into_iter().filter(|n| n != "Cargo.toml") {
        // Fuzz targets are a workspace of their own, as cargo-fuzz wants it.
        let apart = text(&name).contains("\n[workspace]\n");
        assert!(
            apart || text(&name).contains("[lints]\nworkspace = true"),
            "{name} does not take the workspace's lints"
        );
    }
}
