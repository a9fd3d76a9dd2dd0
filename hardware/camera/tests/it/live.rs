//! Cameras that are off, mute, or something else than a camera.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::time::Duration;

use hardware_ports::camera::CameraError;
use hardware_ports::units::UnitDriver;

use crate::clips::{cameras, source, wait};

#[track_caller]
fn refused(url: &str) -> CameraError {
    let cameras = cameras();
    let Err(err) = wait(cameras.open(&source(Path::new(url)))) else { panic!("{url} opened") };
    let said = format!("{err} {err:?}");
    assert!(!said.contains("s3cret"), "{said}");
    assert!(said.starts_with("rtsp://admin:***@127.0.0.1"), "{said}");
    err
}

#[test]
fn a_camera_that_is_off_cannot_be_reached() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let err = refused(&format!("rtsp://admin:s3cret@127.0.0.1:{port}/x"));
    assert!(matches!(err, CameraError::Unreachable { .. }), "{err}");
    assert!(err.to_string().contains("check that it is on"), "{err}");
}

#[test]
fn a_camera_that_accepts_and_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        let kept: Vec<_> = listener.incoming().collect();
        drop(kept);
    });
    let err = refused(&format!("rtsp://admin:s3cret@127.0.0.1:{port}/x"));
    assert!(matches!(err, CameraError::Unreachable { .. }), "{err}");
}

#[test]
fn a_web_server_is_no_camera() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let Ok(mut client) = client else { return };
            client.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
            let mut asked = [0; 4096];
            if client.read(&mut asked).is_ok() {
                // The client may have gone already.
                let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n");
            }
        }
    });
    refused(&format!("rtsp://admin:s3cret@127.0.0.1:{port}/x"));
}

/// By hand: `CAMERA_URL=rtsp://… cargo test -p hardware-camera by_hand -- --ignored`.
#[test]
#[ignore = "needs a camera"]
fn by_hand() {
    let (url, cameras) = (std::env::var("CAMERA_URL").unwrap(), cameras());
    wait(async {
        let mut stream = cameras.open(&source(Path::new(&url))).await.unwrap();
        for _ in 0..10 {
            eprintln!("{:?}", stream.next().await.unwrap());
        }
    });
}
