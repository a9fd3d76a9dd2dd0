//! Access units of the simulated street, and pictures made of them: transports, codecs, passwords, times, ends.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hardware_camera::Cameras;
use hardware_ports::camera::{CameraError, CameraSource, Frame, Transport};
use hardware_ports::units::{AccessUnit, Codec, NextUnit, UnitDriver, UnitStream};
use hardware_ports::{Clock, SystemClock};
use models_domain::ladder::UnitKind;
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};

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
    UnitDriver::open(&cameras(), &CameraSource { url: url.to_owned(), transport, ..CameraSource::default() })
        .await
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
    let source = CameraSource { url: String::new(), ..CameraSource::default() };
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

/// Units come in order and most of them can be decoded: datagrams may be lost on a busy machine.
#[track_caller]
fn check_comes(source: &CameraSource, codec: Codec) -> Vec<AccessUnit> {
    let mut units = Vec::new();
    wait(async {
        let mut stream = UnitDriver::open(&cameras(), source).await.unwrap();
        while units.len() < 100 {
            units.push(unit(&mut *stream).await);
        }
    });
    assert!(units.windows(2).all(|pair| pair[1].pts > pair[0].pts && pair[1].facts.at >= pair[0].facts.at));
    let last = units.last().unwrap();
    let off = last.facts.at.since(SystemClock::new().now()).0;
    assert!((-5_000..=5_000).contains(&off), "{off} ms");
    assert_eq!((last.format.codec, last.format.size), (codec, (640, 272)));
    let frames = decoded(&units);
    assert!(frames.len() > 25, "{} pictures", frames.len());
    assert!(frames.iter().all(|frame| (frame.picture.width, frame.picture.height) == (640, 272)));
    units
}

fn source(url: &str, transport: Transport) -> CameraSource {
    CameraSource { url: url.to_owned(), transport, ..CameraSource::default() }
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
fn motion_jpeg_comes_and_every_picture_is_a_key_frame() {
    let Some((_camera, url)) = camera(&["--codec", "mjpeg"]) else { return };
    for transport in [Transport::Tcp, Transport::Udp] {
        let units = check_comes(&source(&url, transport), Codec::Jpeg);
        assert!(units.iter().all(|unit| unit.facts.kind == UnitKind::Key));
    }
}

/// Asked for multicast, and asked for something else that the camera does not do.
#[test]
fn units_come_by_multicast() {
    let Some((_camera, url)) = camera(&["--fault", "multicast-only"]) else { return };
    for transport in [Transport::Multicast, Transport::Tcp] {
        check_comes(&source(&url, transport), Codec::H264);
    }
}

/// A certificate by an authority of its own, made out to no address.
fn certificates(dir: &Path) {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let ca = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    fs::write(dir.join("ca.pem"), ca.pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, "IPC-0042");
    fs::write(dir.join("camera.pem"), params.clone().signed_by(&key, &ca).unwrap().pem()).unwrap();
    fs::write(dir.join("camera.key"), key.serialize_pem()).unwrap();
    let own = params.self_signed(&key).unwrap();
    fs::write(dir.join("own.pem"), own.pem()).unwrap();
    let stranger = CertificateParams::new(Vec::new()).unwrap().self_signed(&KeyPair::generate().unwrap());
    fs::write(dir.join("stranger.pem"), stranger.unwrap().pem()).unwrap();
}

#[test]
fn a_camera_behind_tls_is_let_in_by_its_certificate_or_its_authoritys() {
    let dir = tempfile::tempdir().unwrap();
    certificates(dir.path());
    let file = |name: &str| dir.path().join(name).display().to_string();
    for (shown, trusted) in [("camera.pem", "ca.pem"), ("own.pem", "own.pem")] {
        let options = ["--certificate", &file(shown), "--key", &file("camera.key")];
        let Some((_camera, url)) = camera(&options) else { return };
        assert!(url.starts_with("rtsps://"), "{url}");
        let with = |name: Option<&str>| CameraSource {
            url: url.clone(),
            certificates: name.map(|name| dir.path().join(name)),
            ..CameraSource::default()
        };
        check_comes(&with(Some(trusted)), Codec::H264);
        for wrong in [with(None), with(Some("stranger.pem"))] {
            let err = wait(UnitDriver::open(&cameras(), &wrong)).err().unwrap();
            assert!(matches!(err, CameraError::Unreachable { .. }), "{err}");
            assert!(err.to_string().contains("its certificate is not trusted"), "{err}");
        }
    }
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
