//! A camera's worker on a real stream: it has a state with a reason at every moment, and is back soon after its camera.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use edge_agent_core::board::Board;
use edge_agent_core::camera_worker::eye::Decoders;
use edge_agent_core::camera_worker::{CameraTask, CameraWorker, Crossings, Doors};
use edge_agent_core::keep::{KeepEvents, KeepStills, KeepTracks};
use edge_agent_core::lanes::Lanes;
use hardware_camera::Cameras;
use hardware_infer::BoxColours;
use hardware_ports::camera::{CameraError, CameraSource, Picture};
use hardware_ports::infer::{Detector, InferError, Priority};
use hardware_ports::sink::NotKept;
use hardware_ports::units::{PictureDecoder, StreamFormat, UnitDriver, UnitStream};
use hardware_ports::{Clock, SystemClock};
use models_domain::archive::TrackRecord;
use models_domain::event::{Link, LinkState};
use models_domain::ladder::Rung;
use models_domain::scene::Scene;
use models_domain::{CameraId, Detection, EventBody, EventId, Seq, UtcMillis};
use tokio_util::sync::CancellationToken;

use crate::cameras::{LONG, camera, camera_again};

/// What the worker told, and when by the same clock as the worker's.
#[derive(Default)]
struct Told {
    states: Mutex<Vec<(UtcMillis, LinkState)>>,
}

impl KeepEvents for Told {
    fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
        if let EventBody::CameraState { state, .. } = body {
            self.states.lock().unwrap().push((at, state));
        }
        Ok(EventId { boot: 1, seq: Seq(1) })
    }
}

impl KeepStills for Told {
    fn keep_still(&self, _: EventId, _: &Picture) {}

    fn keep_evidence(&self, _: &[u8]) -> Result<(), NotKept> {
        Ok(())
    }
}

impl KeepTracks for Told {
    fn keep_track(&self, _: TrackRecord) {}
}

/// Sees nobody, and counts the pictures.
#[derive(Default)]
struct Counting(AtomicU64);

impl Detector for Counting {
    fn detect(&self, _: &Picture) -> Result<Vec<Detection>, InferError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        Ok(Vec::new())
    }
}

/// Counts how often the camera is tried.
struct Tries {
    cameras: Cameras,
    opens: AtomicU64,
}

#[async_trait]
impl UnitDriver for Tries {
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        self.opens.fetch_add(1, Ordering::Relaxed);
        self.cameras.open(source).await
    }

    fn decoder(
        &self,
        source: &CameraSource,
        format: &Arc<StreamFormat>,
    ) -> Result<Box<dyn PictureDecoder>, CameraError> {
        self.cameras.decoder(source, format)
    }
}

struct Street {
    told: Arc<Told>,
    pictures: Arc<Counting>,
    board: Arc<Board>,
    tries: Arc<Tries>,
}

impl Street {
    fn ups(&self) -> usize {
        self.told.states.lock().unwrap().iter().filter(|(_, state)| state.link == Link::Up).count()
    }
}

/// A worker on `url` until `enough`.
fn work(url: &str, rung: Rung, enough: impl Fn(&Street) -> bool) -> Street {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock::new());
    let tries = Tries { cameras: Cameras::new(clock.clone(), &[]).unwrap(), opens: AtomicU64::new(0) };
    let tries = Arc::new(tries);
    let street = Street { told: Arc::default(), pictures: Arc::default(), board: Arc::default(), tries };
    let doors = Doors {
        driver: street.tries.clone(),
        detector: street.pictures.clone(),
        meter: None,
        lanes: Lanes::new(2, clock.clone()),
        decoders: Arc::new(Decoders::new(2)),
        events: street.told.clone(),
        stills: street.told.clone(),
        tracks: street.told.clone(),
        colours: Arc::new(BoxColours),
        board: street.board.clone(),
        clock,
        red_lights: None,
    };
    let task = CameraTask {
        id: id(),
        source: CameraSource { url: url.to_owned(), ..CameraSource::default() },
        scene: Scene::empty((640, 272)),
        analyze_fps: 25.0,
        pinned: Some(rung),
        priority: Priority::Counting,
        crossings: Crossings::Each,
        seed: 3,
        red_lights: Vec::new(),
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    runtime.block_on(async {
        let stop = CancellationToken::new();
        let (worker, stopped) = (CameraWorker::new(task, doors).unwrap(), stop.clone());
        let running = tokio::spawn(async move { worker.run(&stopped).await });
        let waiting = async {
            while !enough(&street) {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(LONG, waiting).await.expect("the camera does what it is to do");
        stop.cancel();
        tokio::time::timeout(LONG, running).await.expect("it ends").expect("without a panic");
    });
    street
}

fn id() -> CameraId {
    CameraId::new("x").unwrap()
}

#[test]
fn a_camera_that_comes_back_is_worked_again_and_each_gap_has_its_reason() {
    let Some((_camera, url)) = camera(&["--restart-every", "3s"]) else { return };
    let street = work(&url, Rung::Full, |street| street.ups() >= 3);
    let states = street.told.states.lock().unwrap();
    let without_reason = states.iter().filter(|(_, s)| s.link == Link::Down && s.reason.is_empty()).count();
    assert_eq!(without_reason, 0, "{states:#?}");
    assert!(states.iter().all(|(_, s)| !s.reason.contains("cannot be decoded")), "{states:#?}");
    // It is away for 3 s, and must be found within 10 s of its return.
    let mut down = None;
    for (at, state) in states.iter() {
        match state.link {
            Link::Down => _ = down.get_or_insert(*at),
            Link::Up => {
                let gap = down.take().map_or(0, |since| at.since(since).0);
                assert!(gap < 13_000, "{gap} ms: {states:#?}");
            }
            Link::Connecting => {}
        }
    }
}

/// It stays away until the pauses between two tries grow no more, as they would not in an hour either.
#[test]
fn after_a_long_time_too_a_camera_is_worked_again_within_ten_seconds_of_its_return() {
    const TRIES: u64 = 8;
    let Some((first, url)) = camera(&[]) else { return };
    let (camera, returned) = (Mutex::new(Some(first)), Mutex::new(None));
    let street = work(&url, Rung::Full, |street| {
        let mut returned = returned.lock().unwrap();
        if street.ups() > 0 && returned.is_none() {
            // Killed where it is dropped, once.
            drop(camera.lock().unwrap().take());
        }
        if returned.is_none() && street.tries.opens.load(Ordering::Relaxed) >= TRIES {
            // Another program may have its port for a moment: it comes back as soon as it can.
            if let Some((again, _)) = camera_again(&url) {
                *camera.lock().unwrap() = Some(again);
                *returned = Some(SystemClock::new().now());
            }
        }
        returned.is_some_and(|back| {
            let states = street.told.states.lock().unwrap();
            states.iter().any(|(at, state)| state.link == Link::Up && *at >= back)
        })
    });
    let states = street.told.states.lock().unwrap();
    let up = states.iter().rfind(|(_, state)| state.link == Link::Up).unwrap().0;
    let after = up.since(returned.lock().unwrap().unwrap()).0;
    assert!((0..10_000).contains(&after), "{after} ms: {states:#?}");
}

#[test]
fn every_picture_of_a_camera_is_decoded_and_the_newest_is_on_the_board() {
    let Some((_camera, url)) = camera(&[]) else { return };
    let street = work(&url, Rung::Full, |street| street.pictures.0.load(Ordering::Relaxed) >= 30);
    let now = street.board.camera(&id()).unwrap();
    assert_eq!((now.state.link, now.state.reason.as_str()), (Link::Up, ""));
    assert!(now.seen.is_some());
}
