//! One worker on a scripted camera, with a clock that moves with the script.

use std::sync::Mutex;

use hardware_ports::FakeClock;
use hardware_ports::camera::{CameraError, Picture, Transport};
use hardware_ports::fake::{ScriptedCamera, ScriptedDetector, Step};
use hardware_ports::infer::InferError;
use hardware_ports::sink::NotKept;
use models_domain::{BBox, Class, Detection, EventId, Seq};

use super::*;

/// An outbox and a shelf of stills; ends the run when the script is over.
struct Shelf {
    stop: CancellationToken,
    /// So many calls are refused first.
    refuse: Mutex<u32>,
    kept: Mutex<Vec<(UtcMillis, EventBody)>>,
    stills: Mutex<Vec<EventId>>,
}

impl KeepEvents for Shelf {
    fn keep(&self, at: UtcMillis, body: EventBody) -> Result<EventId, NotKept> {
        let mut refuse = self.refuse.lock().unwrap();
        if *refuse > 0 {
            *refuse -= 1;
            return Err(NotKept("the disk is full".to_owned()));
        }
        if text(&body).contains("the script is over") {
            self.stop.cancel();
        }
        let mut kept = self.kept.lock().unwrap();
        kept.push((at, body));
        Ok(EventId { boot: 1, seq: Seq(kept.len() as u64) })
    }
}

impl KeepStills for Shelf {
    fn keep_still(&self, id: EventId, _picture: &Picture) {
        self.stills.lock().unwrap().push(id);
    }
}

fn text(body: &EventBody) -> String {
    if let EventBody::CameraState { state, .. } = body {
        return format!("{:?} {}", state.link, state.reason).trim_end().to_owned();
    }
    if let EventBody::CameraStats { stats: s, .. } = body {
        return format!("stats {} ms: {} frames, {} inferred", s.span.0, s.frames, s.inferred);
    }
    if let EventBody::LineCrossing { crossing, .. } = body {
        return format!("{} {} {}", crossing.line, crossing.class, crossing.direction);
    }
    body.kind().to_owned()
}

struct Ran {
    /// Seconds since the start, and what was told.
    told: Vec<String>,
    stills: Vec<u64>,
    now: crate::board::CameraNow,
}

fn run(
    opens: Vec<Result<Vec<Step>, CameraError>>,
    pictures: Vec<Result<Vec<Detection>, InferError>>,
    refuse: u32,
) -> Ran {
    let start = UtcMillis(1_700_000_000_000);
    let clock = Arc::new(FakeClock::at(start));
    let stop = CancellationToken::new();
    let shelf = Arc::new(Shelf {
        stop: stop.clone(),
        refuse: Mutex::new(refuse),
        kept: Mutex::default(),
        stills: Mutex::default(),
    });
    let board = Arc::new(Board::default());
    let scene = "size = [640, 360]\n[[line]]\nid = \"n\"\na = [320, 360]\nb = [320, 0]\n";
    let task = CameraTask {
        id: CameraId::new("c").unwrap(),
        source: CameraSource { url: "rtsp://u:secret@cam/x".to_owned(), transport: Transport::Tcp },
        scene: Scene::parse(scene).unwrap(),
        analyze_fps: 10.0,
        seed: 7,
    };
    let doors = Doors {
        driver: Arc::new(ScriptedCamera::new(Arc::clone(&clock), opens)),
        detector: Arc::new(ScriptedDetector::new(pictures)),
        meter: None,
        events: shelf.clone(),
        stills: shelf.clone(),
        board: Arc::clone(&board),
        clock: clock.clone(),
    };
    let mut worker = CameraWorker::new(task, doors).unwrap();
    let moved = Arc::clone(&clock);
    worker.sleep = Box::new(move |pause| moved.advance(DurationMs(pause.as_millis() as i64 + 1)));
    worker.run(&stop);
    let kept = shelf.kept.lock().unwrap();
    let told = kept.iter().map(|(at, b)| format!("{:.1} {}", at.since(start).seconds(), text(b))).collect();
    let stills = shelf.stills.lock().unwrap().iter().map(|id| id.seq.0).collect();
    Ran { told, stills, now: board.camera(&CameraId::new("c").unwrap()).unwrap() }
}

/// A car from left to right through 640x360, one step each 100 ms; boxes in pixels of the 16 x 16 test picture.
fn car(steps: usize) -> Vec<Result<Vec<Detection>, InferError>> {
    let at = |i: usize| BBox::new(i as f64 * 16.0 / steps as f64 - 1.5, 8.0, 3.0, 3.0);
    (0..steps).map(|i| Ok(vec![Detection { class: Class::Car, bbox: at(i), score: 0.8 }])).collect()
}

fn pictures(n: usize) -> Vec<Step> {
    vec![Step::Picture(DurationMs(100)); n]
}

fn without_stats(told: &[String]) -> Vec<&str> {
    told.iter().map(String::as_str).filter(|t| !t.contains("stats")).collect()
}

const GONE: &str = "Down rtsp://u:***@cam/x: cannot be reached: the script is over; \
                    check that it is on and that the address and port are right";

#[test]
fn a_car_over_the_line_is_kept_with_its_still_and_boxes_are_of_the_scene() {
    let ran = run(vec![Ok(pictures(40))], car(40), 0);
    let want = ["0.0 Connecting", "0.1 Up", "2.1 n car to_right"];
    assert_eq!(without_stats(&ran.told)[..3], want);
    assert_eq!(ran.stills.len(), 1);
    let counted = |t: &String| t.contains("40 frames, 40 inferred");
    assert!(ran.told.iter().any(counted), "{:#?}", ran.told);
    let seen = ran.now.seen.unwrap();
    assert_eq!(seen.size, (640, 360));
    assert!(seen.tracks[0].bbox.x > 500.0, "{:?}", seen.tracks);
}

#[test]
fn a_stream_that_ends_is_opened_anew_and_each_change_told_once() {
    let refused = CameraError::Unauthorized { camera: "rtsp://u:***@cam/x".to_owned() };
    let opens = vec![Ok(pictures(3)), Err(refused.clone()), Err(refused), Ok(pictures(3))];
    let ran = run(opens, Vec::new(), 0);
    let states: Vec<String> =
        without_stats(&ran.told).iter().map(|t| t.split_once(' ').unwrap().1.to_owned()).collect();
    assert_eq!(
        states,
        [
            "Connecting",
            "Up",
            "Down rtsp://u:***@cam/x: the stream ended",
            "Down rtsp://u:***@cam/x: refused the user name or password; check both in the configuration",
            "Up",
            "Down rtsp://u:***@cam/x: the stream ended",
            GONE,
        ]
    );
}

#[test]
fn a_silent_stream_is_broken_off_and_found_again_within_ten_seconds() {
    let silent = vec![Step::Picture(DurationMs(100)), Step::Silence(1_000)];
    let ran = run(vec![Ok(silent), Ok(pictures(1))], Vec::new(), 0);
    let told = without_stats(&ran.told);
    assert!(told[2].starts_with("10.1 Down rtsp://u:***@cam/x: sent no picture for 10 s"), "{told:#?}");
    let (at, what) = told[3].split_once(' ').unwrap();
    assert_eq!(what, "Up");
    assert!(at.parse::<f64>().unwrap() < 20.0, "{told:#?}");
}

#[test]
fn what_the_outbox_refuses_is_tried_again_and_its_state_seen() {
    let ran = run(vec![Ok(pictures(60))], car(40), 3);
    let told = without_stats(&ran.told);
    let want = [
        "0.0 Connecting",
        "0.1 Up its events cannot be kept and wait: the report could not be kept: the disk is full",
    ];
    assert_eq!(told[..2], want, "{told:#?}");
    assert!(told.contains(&"2.1 n car to_right"), "{told:#?}");
    assert!(told.iter().any(|t| t.ends_with(" Up")), "{told:#?}");
}

#[test]
fn a_network_that_fails_is_said_and_the_camera_stays_up() {
    let broken = InferError::Picture("too small".to_owned());
    let ran = run(vec![Ok(pictures(6))], vec![Ok(Vec::new()), Err(broken.clone()), Err(broken)], 0);
    let want = [
        "0.0 Connecting",
        "0.1 Up",
        "0.2 Up its pictures cannot be analysed: the picture cannot be used: too small",
        "0.4 Up",
    ];
    assert_eq!(without_stats(&ran.told)[..4], want);
}

#[test]
fn pictures_beyond_the_pace_are_counted_and_left() {
    let ran = run(vec![Ok(vec![Step::Picture(DurationMs(20)); 100])], Vec::new(), 0);
    let stats: Vec<&String> = ran.told.iter().filter(|t| t.contains("stats")).collect();
    assert!(stats[0].contains("100 frames, 20 inferred"), "{stats:#?}");
}
