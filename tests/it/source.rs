//! What tests about the code share: where the workspace is and which files of ours stand in it.

use std::fs;
use std::path::{Path, PathBuf};

/// Folder of the workspace.
pub fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace's folder")
}

/// Text of a file, named from the root.
pub fn text(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|e| panic!("{path}: {e}"))
}

/// Files with one of `endings`, named from the root; without what is built, fetched or generated.
pub fn files(endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    walk(&root(), &mut found);
    let base = root();
    let name = |p: PathBuf| p.strip_prefix(&base).unwrap_or(&p).display().to_string();
    let mut names: Vec<String> = found
        .into_iter()
        .map(name)
        .filter(|n| endings.iter().any(|e| n.ends_with(e)) && !n.contains("/gen/"))
        .collect();
    names.sort();
    names
}

/// The part of a Rust file before its unit tests, when these stand in the file itself.
pub fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text)
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("readable folder") {
        let path = entry.expect("readable entry").path();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            if !matches!(name.as_str(), "target" | "node_modules" | "dist") && !name.starts_with('.') {
                walk(&path, found);
            }
        } else {
            found.push(path);
        }
    }
}
