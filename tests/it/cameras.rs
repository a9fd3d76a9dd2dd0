//! The simulated camera: how tests start it, and what they may rely on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use hardware_ports::camera::Transport;
use ngatu_tests::programs::{Running, program};

use crate::streams::{open, unit, wait};

/// Long enough for a busy machine that encodes the clip first; reached only by a test that fails.
pub const LONG: Duration = Duration::from_secs(120);

/// The clip that `deploy/clips` fetched, or none, said aloud.
pub fn bikes() -> Option<PathBuf> {
    let var = |name| std::env::var_os(name).map(PathBuf::from);
    let cache = var("NGATU_CACHE").or_else(|| Some(var("HOME")?.join(".cache/ngatu")))?;
    let clip = cache.join("clips/bikes.mp4");
    if clip.is_file() {
        return Some(clip);
    }
    eprintln!("skipped: {} is not there; deploy/clips fetches it", clip.display());
    None
}

/// A simulated camera and its address.
pub fn camera(options: &[&str]) -> Option<(Running, String)> {
    camera_of(&bikes()?, options)
}

/// The same that plays this clip.
pub fn camera_of(clip: &Path, options: &[&str]) -> Option<(Running, String)> {
    start(clip, "0", options)
}

/// The camera of this address, switched on again; `None` while somebody else has its port.
pub fn camera_again(url: &str) -> Option<(Running, String)> {
    let port = url.trim_end_matches("/x").rsplit(':').next().unwrap();
    std::net::TcpListener::bind(format!("127.0.0.1:{port}")).ok()?;
    start(&bikes()?, port, &[])
}

fn start(clip: &Path, port: &str, options: &[&str]) -> Option<(Running, String)> {
    let mut command = Command::new(program("camera-simulator"));
    command.arg("--clip").arg(clip).args(["--port", port, "--path", "/x"]).args(options);
    let mut running = Running::start(&mut command);
    let line: serde_json::Value = serde_json::from_str(&running.line(LONG)).unwrap();
    assert_eq!(line["camera"], "x");
    let url = line["url"].as_str().unwrap().to_owned();
    Some((running, url))
}

/// The clip lasts 10 s: time goes on where it begins anew.
#[test]
fn time_goes_on_for_ever() {
    let Some((_camera, url)) = camera(&[]) else { return };
    wait(async {
        let mut stream = open(&url, Transport::Tcp).await.unwrap();
        let first = unit(&mut *stream).await.pts;
        let mut last = first;
        while last.0 - first.0 < 11_000 {
            let next = unit(&mut *stream).await.pts;
            assert!((1..2_000).contains(&(next.0 - last.0)), "{next:?} after {last:?}");
            last = next;
        }
    });
}

#[test]
fn the_simulator_ends_in_order() {
    let Some((mut camera, url)) = camera(&[]) else { return };
    wait(async {
        let mut stream = open(&url, Transport::Tcp).await.unwrap();
        unit(&mut *stream).await;
        camera.signal("INT");
        assert!(camera.wait(Duration::from_secs(5)).success());
    });
}
