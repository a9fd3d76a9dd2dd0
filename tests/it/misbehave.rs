//! Cameras that misbehave: each ends in an error that says why, or in units that go on.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use hardware_ports::camera::{CameraError, CameraSource, Transport};
use hardware_ports::units::{AccessUnit, Codec, NextUnit, UnitDriver};
use hardware_ports::{Clock, SystemClock};
use models_domain::ladder::UnitKind;
use ngatu_tests::programs::Running;

use crate::cameras::{bikes, camera};
use crate::streams::{cameras, decoded, open, unit, wait};

fn faulty(fault: &str, more: &[&str]) -> Option<(Running, String)> {
    camera(&[&["--fault", fault][..], more].concat())
}

/// Units over so much of their own time, and how often a loss was told.
fn run(url: &str, transport: Transport, ms: i64) -> (Vec<AccessUnit>, usize) {
    let (mut units, mut losses): (Vec<AccessUnit>, usize) = (Vec::new(), 0);
    wait(async {
        let mut stream = open(url, transport).await.unwrap();
        while units.last().is_none_or(|last| last.pts.0 - units[0].pts.0 < ms) {
            match stream.next().await.unwrap() {
                NextUnit::Unit(unit) => units.push(unit),
                NextUnit::Lost => losses += 1,
                NextUnit::End => panic!("it ended after {} units", units.len()),
            }
        }
    });
    (units, losses)
}

/// 25 a second, their times growing evenly, near the time of day.
#[track_caller]
fn check_flows(fault: &str) {
    let Some((_camera, url)) = faulty(fault, &[]) else { return };
    let (units, losses) = run(&url, Transport::Tcp, 5_000);
    assert_eq!(losses, 0);
    assert!((100..=150).contains(&units.len()), "{fault}: {} units in 5 s", units.len());
    for pair in units.windows(2) {
        assert!(pair[1].pts > pair[0].pts && pair[1].facts.at >= pair[0].facts.at, "{fault}: {pair:?}");
    }
    let now = SystemClock::new().now();
    let last = units.last().unwrap();
    let off = now.since(last.facts.at).0;
    assert!(off.abs() < 5_000, "{fault}: {off} ms off");
    assert!((1..=5_000).contains(&last.uncertainty.0), "{fault}: {:?}", last.uncertainty);
    let from = units.iter().position(|u| u.facts.kind == UnitKind::Key).unwrap();
    assert_eq!(decoded(&units).len(), units.len() - from, "{fault}");
}

#[test]
fn times_are_sane_whatever_the_camera_says() {
    for fault in ["none", "no-reports", "wrong-clock", "leaps", "stuck"] {
        check_flows(fault);
    }
}

#[test]
fn a_reported_clock_makes_times_surer() {
    let Some((_camera, url)) = faulty("none", &[]) else { return };
    let (with, _) = run(&url, Transport::Tcp, 1_000);
    let Some((_camera, url)) = faulty("no-reports", &[]) else { return };
    let (without, _) = run(&url, Transport::Tcp, 1_000);
    let off = |units: &[AccessUnit]| units.last().unwrap().uncertainty.0;
    assert!(off(&with) < off(&without), "{} and {} ms", off(&with), off(&without));
}

#[test]
fn parameter_sets_may_be_told_beside_the_stream_alone() {
    for codec in ["h264", "h265"] {
        let Some((_camera, url)) = faulty("sdp-only", &["--codec", codec]) else { return };
        let (units, _) = run(&url, Transport::Tcp, 2_500);
        assert_eq!(units[0].format.size, (640, 272));
        assert_eq!(decoded(&units).len(), units.len(), "{codec}");
    }
}

#[test]
fn delimiters_by_themselves_are_neither_pictures_nor_losses() {
    check_flows("delimiters");
}

#[test]
fn a_camera_that_sends_elsewhere_is_followed() {
    let Some((_camera, url)) = faulty("moved", &[]) else { return };
    let (units, _) = run(&url, Transport::Tcp, 500);
    assert_eq!(units[0].format.size, (640, 272));
}

/// What the first stream ends with; then `ms` of the next one come without an error.
fn second_time(fault: &str, ms: i64) -> Option<String> {
    let (_camera, url) = faulty(fault, &[])?;
    let (cameras, source) = (cameras(), CameraSource { url, ..CameraSource::default() });
    Some(wait(async {
        let mut stream = UnitDriver::open(&cameras, &source).await.unwrap();
        let err = loop {
            if let Err(err) = stream.next().await {
                break err.to_string();
            }
        };
        drop(stream);
        let mut stream = UnitDriver::open(&cameras, &source).await.unwrap();
        let first = unit(&mut *stream).await;
        assert_eq!(first.format.size, (640, 272));
        while unit(&mut *stream).await.pts.0 - first.pts.0 < ms {}
        err
    }))
}

#[test]
fn a_camera_that_names_another_source_than_it_sends_is_read_the_second_time() {
    let Some(err) = second_time("wrong-source", 1_000) else { return };
    assert!(err.contains("something else than it said"), "{err}");
}

/// For longer than the first time.
#[test]
fn a_camera_that_answers_nothing_while_it_plays_is_read_on_the_second_time() {
    let Some(err) = second_time("mute", 8_000) else { return };
    assert!(err.contains("respond to keepalive"), "{err}");
}

/// What follows a loss is told, is not guessed, and the next key frame makes it whole again.
#[test]
fn lost_packets_cost_pictures_until_the_next_key_frame() {
    for transport in [Transport::Udp, Transport::Tcp] {
        let Some((_camera, url)) = faulty("loses", &[]) else { return };
        let (units, losses) = run(&url, transport, 6_500);
        assert!(losses > 0);
        let breaks = units.windows(2).filter(|pair| pair[1].number != pair[0].number + 1).count();
        assert!(breaks > 0 && breaks <= losses, "{breaks} of {losses}");
        let mut whole = 0;
        let mut next = None;
        for unit in &units {
            let follows = next == Some(unit.number) || unit.facts.kind == UnitKind::Key;
            next = follows.then_some(unit.number + 1);
            whole += usize::from(follows);
        }
        let pictures = decoded(&units).len();
        assert!(pictures > 0 && pictures <= whole, "{pictures} pictures of {whole} whole units");
    }
}

#[test]
fn a_camera_that_takes_udp_alone_is_read_by_udp() {
    let Some((_camera, url)) = faulty("udp-only", &[]) else { return };
    let (units, _) = run(&url, Transport::Tcp, 500);
    assert!(units.len() > 5);
}

#[test]
fn a_stream_that_begins_anew_within_its_connection_is_opened_anew() {
    let Some((_camera, url)) = faulty("restart", &[]) else { return };
    wait(async {
        let mut stream = open(&url, Transport::Tcp).await.unwrap();
        let err = loop {
            if let Err(err) = stream.next().await {
                break err;
            }
        };
        assert!(matches!(err, CameraError::Stream { .. }), "{err}");
        assert!(err.to_string().contains("began anew"), "{err}");
        unit(&mut *open(&url, Transport::Tcp).await.unwrap()).await;
    });
}

#[test]
fn a_camera_that_accepts_and_sends_nothing_is_called_silent() {
    let Some((_camera, url)) = faulty("silent", &[]) else { return };
    let err = wait(async { open(&url, Transport::Tcp).await.unwrap().next().await }).unwrap_err();
    assert!(err.to_string().contains("sent no picture for 10 s"), "{err}");
}

#[test]
fn another_size_midway_is_a_new_format() {
    let Some(other) = small_clip() else { return };
    let Some((_camera, url)) = faulty("other-size", &["--other", &other]) else { return };
    let (units, _) = run(&url, Transport::Tcp, 4_000);
    let sizes: Vec<(u32, u32)> = units.iter().map(|u| u.format.size).collect();
    assert_eq!((sizes.first(), sizes.last()), (Some(&(640, 272)), Some(&(768, 576))));
    let widths: Vec<u32> = decoded(&units).iter().map(|f| f.picture.width).collect();
    assert_eq!(widths.len(), units.len());
    assert_eq!((widths.first(), widths.last()), (Some(&640), Some(&768)));
}

#[test]
fn another_codec_midway_is_an_error_and_then_read() {
    let Some(other) = bikes().map(|path| path.display().to_string()) else { return };
    let Some((_camera, url)) = faulty("other-codec", &["--other", &other, "--other-codec", "h265"]) else {
        return;
    };
    wait(async {
        let mut stream = open(&url, Transport::Tcp).await.unwrap();
        assert_eq!(unit(&mut *stream).await.format.codec, Codec::H264);
        let err = loop {
            if let Err(err) = stream.next().await {
                break err;
            }
        };
        assert!(err.to_string().contains("something else than it said"), "{err}");
        let mut stream = open(&url, Transport::Tcp).await.unwrap();
        assert_eq!(unit(&mut *stream).await.format.codec, Codec::H265);
    });
}

/// A clip of 768 x 576 beside `bikes`.
fn small_clip() -> Option<String> {
    let path = bikes()?.with_file_name("vtest.avi");
    path.is_file().then(|| path.display().to_string())
}
