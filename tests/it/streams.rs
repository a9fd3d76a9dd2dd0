//! Access units of the simulated street, and pictures made of them: transports, codecs, passwords, times, ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::sync::Arc;
use std::time::Duration;

use hardware_camera::Cameras;
use hardware_ports::camera::{CameraError, CameraSource, Frame, Transport};
use hardware_ports::units::{AccessUnit, Codec, NextUnit, UnitDriver, UnitStream};
use hardware_ports::{Clock, SystemClock};
use models_domain::ladder::UnitKind;

use crate::cameras::{LONG, camera};

pub fn cameras() -> Cameras {
    Cameras::new(Arc::new(SystemClock::new()), &[]).unwrap()
}

/// Runs a future on a runtime of its own.
pub fn wait<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async { tokio::time::timeout(LONG, future).await }).unwrap()
}

pub async fn open(url: &str, transport: Transport) -> Result<Box<dyn UnitStream>, CameraError> {
    UnitDriver::open(&cameras(), &CameraSource { url: url.to_owned(), transport }).await
}

pub async fn unit(stream: &mut dyn UnitStream) -> AccessUnit {
    loop {
        match stream.next().await.unwrap() {
            NextUnit::Unit(unit) => return unit,
            NextUnit::Lost => {}
            NextUnit::End => panic!("the stream ended"),
        }
    }
}

/// The pictures of units from the first key frame on.
pub fn decoded(units: &[AccessUnit]) -> Vec<Frame> {
    let source = CameraSource { url: String::new(), transport: Transport::Tcp };
    let mut decoder = cameras().decoder(&source, &units[0].format).unwrap();
    let mut frames = Vec::new();
    units.iter().for_each(|unit| decoder.decode(unit, &mut frames).unwrap());
    decoder.drain(&mut frames).unwrap();
    frames
}

/// Units come in order at the speed of the street, with their time of day, and can be decoded.
#[track_caller]
fn check_plays(url: &str, transport: Transport, codec: Codec) {
    let (mut units, now) = (Vec::new(), SystemClock::new().now());
    wait(async {
        let mut stream = open(url, transport).await.unwrap();
        while units.iter().filter(|u: &&AccessUnit| u.facts.kind == UnitKind::Key).count() < 2
            || units.len() < 60
        {
            units.push(unit(&mut *stream).await);
        }
    });
    for pair in units.windows(2) {
        let step = pair[1].pts.0 - pair[0].pts.0;
        assert!((20..400).contains(&step), "{pair:?}: {step} ms");
        assert!(pair[1].facts.at > pair[0].facts.at, "{pair:?}");
    }
    let first = &units[0];
    assert_eq!(first.format.codec, codec);
    assert_eq!(first.format.size, (640, 272));
    let off = first.facts.at.since(now).0;
    assert!((-5_000..LONG.as_millis() as i64).contains(&off), "{off} ms");
    assert!((1..=2_200).contains(&first.uncertainty.0), "{:?}", first.uncertainty);
    assert!(units.iter().all(|u| u.facts.qp.is_some_and(|qp| (5.0..51.0).contains(&qp))), "{units:?}");
    let from = units.iter().position(|u| u.facts.kind == UnitKind::Key).unwrap();
    let frames = decoded(&units);
    assert_eq!(frames.len(), units.len() - from);
    for (frame, unit) in frames.iter().zip(&units[from..]) {
        assert_eq!((frame.at, frame.pts, frame.picture.width), (unit.facts.at, unit.pts, 640));
    }
}

#[test]
fn units_come_over_tcp_and_udp() {
    let Some((_camera, url)) = camera(&[]) else { return };
    check_plays(&url, Transport::Tcp, Codec::H264);
    check_plays(&url, Transport::Udp, Codec::H264);
}

#[test]
fn units_of_h265_come() {
    let Some((_camera, url)) = camera(&["--codec", "h265"]) else { return };
    check_plays(&url, Transport::Tcp, Codec::H265);
    check_plays(&url, Transport::Udp, Codec::H265);
}

#[test]
fn a_password_is_asked_for_and_never_shown() {
    let Some((_camera, url)) = camera(&["--user", "admin", "--password", "s3cret@/x"]) else { return };
    let with = |credentials: &str| url.replace("rtsp://", &format!("rtsp://{credentials}@"));
    check_plays(&with("admin:s3cret%40%2Fx"), Transport::Tcp, Codec::H264);
    for wrong in [url.clone(), with("admin:wr0ng"), with("somebody:s3cret%40%2Fx")] {
        let err = wait(open(&wrong, Transport::Tcp)).err().unwrap();
        assert!(matches!(err, CameraError::Unauthorized { .. }), "{err}");
        let said = format!("{err} {err:?}");
        assert!(!said.contains("wr0ng") && !said.contains("s3cret"), "{said}");
    }
}

#[test]
fn a_wrong_path_is_not_found() {
    let Some((_camera, url)) = camera(&[]) else { return };
    let err = wait(open(&format!("{url}/nothing"), Transport::Tcp)).err().unwrap();
    assert!(matches!(err, CameraError::NotFound { .. }), "{err}");
    assert!(err.to_string().contains("check the path"), "{err}");
}

#[test]
fn a_camera_that_is_killed_ends_its_units() {
    let Some((mut camera, url)) = camera(&[]) else { return };
    wait(async {
        let mut stream = open(&url, Transport::Tcp).await.unwrap();
        unit(&mut *stream).await;
        camera.kill();
        while let Ok(NextUnit::Unit(_) | NextUnit::Lost) = stream.next().await {}
        let err = open(&url, Transport::Tcp).await.err().unwrap();
        assert!(matches!(err, CameraError::Unreachable { .. }), "{err}");
    });
}

#[test]
fn a_camera_that_restarts_is_found_again() {
    let Some((_camera, url)) = camera(&["--restart-every", "2s"]) else { return };
    wait(async {
        for _ in 0..2 {
            let mut stream = loop {
                match open(&url, Transport::Tcp).await {
                    Ok(stream) => break stream,
                    Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
                }
            };
            while let Ok(NextUnit::Unit(_) | NextUnit::Lost) = stream.next().await {}
        }
    });
}
