//! The whole city by the demo's own script: every kind of fact reaches the store, and an operator can work with the page.

use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::time::Duration;

use ngatu_tests::programs::{Running, program, until};

use crate::source::root;

/// Debug builds on two cores: the clips are encoded first.
const READY_MAX: Duration = Duration::from_secs(360);
const RUNS_S: u32 = 420;

/// Start of nine ports in a row that nobody has right now.
fn ports() -> u16 {
    let free = |port: u16| TcpListener::bind(("127.0.0.1", port)).is_ok();
    let offset = u16::try_from(std::process::id() % 500).expect("below 500") * 20;
    (0..500)
        .map(|i| 20_000 + (offset + i * 20) % 10_000)
        .find(|&base| (base..base + 9).all(free))
        .expect("nine free ports in a row")
}

#[test]
fn the_city_works_and_its_page_too() {
    let folder = tempfile::tempdir().expect("a folder for the demo");
    let base = ports();
    let hall = program("control-center");
    let mut demo = Running::start(
        // Who starts the tests in the background has them ignore Ctrl-C, and a script cannot take that back.
        Command::new("env")
            .arg("--default-signal=INT")
            .arg(root().join("deploy/demo"))
            .args(["--no-setup", "--check", "--seconds", &RUNS_S.to_string()])
            .env("NGATU_DEMO_PORTS", base.to_string())
            .env("NGATU_DEMO_DIR", folder.path().join("demo"))
            .env("NGATU_DEMO_BIN", hall.parent().expect("a target folder")),
    );
    let word = |line: &str| line.split_whitespace().last().unwrap_or_default().to_owned();
    let password = word(&demo.line_with(READY_MAX, |l| l.trim_start().starts_with("Password")));
    demo.line_with(READY_MAX, |l| l.contains("Ctrl-C stops everything"));
    let first = demo.line_with(READY_MAX, |l| l.contains("\"frames\""));
    assert!(first.contains("\"fixes\""), "a line of figures: {first}");

    let picture = std::env::var("NGATU_LOOK").unwrap_or_default();
    let page = Command::new("node")
        .arg(root().join("tests/end_to_end/page.mjs"))
        .args([&format!("https://127.0.0.1:{base}"), &password, &picture])
        .stdin(Stdio::null())
        .output()
        .expect("node can be started");
    let said = String::from_utf8_lossy(&page.stdout).into_owned() + &String::from_utf8_lossy(&page.stderr);
    assert!(page.status.success(), "{said}");

    // Every figure above zero, as the store tells it; then Ctrl-C stops all within five seconds.
    demo.line_with(Duration::from_secs(120), |line| {
        ["frames", "detections", "crossings", "events", "fixes", "signal_changes"].iter().all(|figure| {
            line.contains(&format!("\"{figure}\":")) && !line.contains(&format!("\"{figure}\":0"))
        })
    });
    let pids = fs::read_to_string(folder.path().join("demo/pids")).expect("the demo lists its programs");
    demo.signal("INT");
    assert_eq!(demo.wait(Duration::from_secs(5)).code(), Some(130), "the demo says that it was interrupted");
    let alive = |pid: &str| fs::metadata(format!("/proc/{pid}")).is_ok();
    until(Duration::from_secs(1), "every program of the demo has ended", || {
        !pids.split_whitespace().any(alive)
    });
}
