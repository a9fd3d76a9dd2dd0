//! The camera door against the simulated street: transports, codecs, passwords, restarts.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use std::time::Duration;

use hardware_camera::Cameras;
use hardware_ports::SystemClock;
use hardware_ports::camera::{
    CameraDriver, CameraError, CameraSource, CameraStream, Frame, Next, Pace, Transport,
};
use ngatu_tests::programs::{Running, program, until};

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
    let mut command = Command::new(program("camera-simulator"));
    command.arg("--clip").arg(bikes()?).args(["--port", "0", "--path", "/x"]).args(options);
    let mut running = Running::start(&mut command);
    let line: serde_json::Value = serde_json::from_str(&running.line(LONG)).unwrap();
    assert_eq!(line["camera"], "x");
    let url = line["url"].as_str().unwrap().to_owned();
    Some((running, url))
}

fn open(url: &str, transport: Transport) -> Result<Box<dyn CameraStream>, CameraError> {
    let cameras = Cameras::new(Arc::new(SystemClock::new())).unwrap();
    CameraDriver::open(&cameras, &CameraSource { url: url.to_owned(), transport }, Pace::NewestWins)
}

#[track_caller]
fn frame(stream: &mut dyn CameraStream) -> Frame {
    match stream.next(LONG).unwrap() {
        Next::Frame(frame) => frame,
        other @ (Next::Idle | Next::End) => panic!("{other:?} instead of a picture"),
    }
}

/// Pictures come, at the clip's size, in order, at the speed of the street.
#[track_caller]
fn check_plays(url: &str, transport: Transport) {
    let mut stream = open(url, transport).unwrap();
    let first = frame(&mut *stream);
    assert_eq!((first.picture.width, first.picture.height), (640, 272));
    let mut last = first.clone();
    while (last.pts.0 - first.pts.0) < 1_000 {
        let next = frame(&mut *stream);
        assert!(next.pts > last.pts, "{:?} after {:?}", next.pts, last.pts);
        assert!(next.at >= last.at);
        last = next;
    }
    let took = last.at.since(first.at).0;
    assert!((500..10_000).contains(&took), "a second of street took {took} ms");
}

#[test]
fn plays_over_tcp_and_udp() {
    let Some((_camera, url)) = camera(&[]) else { return };
    check_plays(&url, Transport::Tcp);
    check_plays(&url, Transport::Udp);
}

#[test]
fn plays_h265() {
    let Some((_camera, url)) = camera(&["--codec", "h265"]) else { return };
    check_plays(&url, Transport::Tcp);
}

/// The clip lasts 10 s: time goes on where it begins anew.
#[test]
fn time_goes_on_for_ever() {
    let Some((_camera, url)) = camera(&[]) else { return };
    let mut stream = open(&url, Transport::Tcp).unwrap();
    let first = frame(&mut *stream).pts;
    let mut last = first;
    while last.0 - first.0 < 11_000 {
        let next = frame(&mut *stream).pts;
        assert!((1..2_000).contains(&(next.0 - last.0)), "{next:?} after {last:?}");
        last = next;
    }
}

#[test]
fn a_password_is_asked_for_and_never_shown() {
    let Some((_camera, url)) = camera(&["--user", "admin", "--password", "s3cret@/x"]) else { return };
    let with = |credentials: &str| url.replace("rtsp://", &format!("rtsp://{credentials}@"));
    check_plays(&with("admin:s3cret%40%2Fx"), Transport::Tcp);
    for wrong in [url.clone(), with("admin:wr0ng"), with("somebody:s3cret%40%2Fx")] {
        let err = open(&wrong, Transport::Tcp).err().unwrap();
        assert!(matches!(err, CameraError::Unauthorized { .. }), "{err}");
        let said = format!("{err} {err:?}");
        assert!(!said.contains("wr0ng") && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_wrong_path_is_not_found() {
    let Some((_camera, url)) = camera(&[]) else { return };
    let err = open(&format!("{url}/nothing"), Transport::Tcp).err().unwrap();
    assert!(matches!(err, CameraError::NotFound { .. }), "{err}");
    assert!(err.to_string().contains("check the path"), "{err}");
}

/// The stream ends or breaks when the camera goes; opened anew it is there again.
#[test]
fn a_camera_that_restarts_is_found_again() {
    let Some((_camera, url)) = camera(&["--restart-every", "2s"]) else { return };
    for transport in [Transport::Tcp, Transport::Tcp] {
        let mut stream = None;
        until(LONG, "the camera answers", || {
            stream = open(&url, transport).ok();
            stream.is_some()
        });
        let mut stream = stream.unwrap();
        until(LONG, "the camera goes away", || match stream.next(Duration::from_secs(1)) {
            Ok(Next::Frame(_) | Next::Idle) => false,
            Ok(Next::End) => true,
            Err(CameraError::Stream { .. } | CameraError::Unreachable { .. }) => true,
            Err(other) => panic!("{other}"),
        });
    }
}

#[test]
fn a_camera_that_is_killed_ends_its_stream() {
    let Some((mut camera, url)) = camera(&[]) else { return };
    let mut stream = open(&url, Transport::Tcp).unwrap();
    frame(&mut *stream);
    camera.kill();
    until(LONG, "the stream ends", || !matches!(stream.next(LONG), Ok(Next::Frame(_))));
    let err = open(&url, Transport::Tcp).err().unwrap();
    assert!(matches!(err, CameraError::Unreachable { .. }), "{err}");
}

#[test]
fn the_simulator_ends_in_order() {
    let Some((mut camera, url)) = camera(&[]) else { return };
    let mut stream = open(&url, Transport::Tcp).unwrap();
    frame(&mut *stream);
    camera.signal("INT");
    assert!(camera.wait(Duration::from_secs(5)).success());
}
