//! One worker on a scripted camera, with a clock that moves with the script.

use std::sync::Mutex;

use hardware_ports::FakeClock;
use hardware_ports::camera::{CameraError, Picture};
use hardware_ports::fake::{Decoded, ScriptedCamera, ScriptedDetector, Step, number_of};
use hardware_ports::infer::InferError;
use hardware_ports::sink::NotKept;
use models_domain::archive::{Colour, ColourVotes, TrackRecord};
use models_domain::{BBox, CameraId, Class, Detection, EventBody, EventId, Seq, UtcMillis};

use hardware_ports::camera::CameraSource;
use hardware_ports::colour::ColourReader;
use hardware_ports::infer::{Detector, Priority};
use hardware_ports::units::UnitDriver;
use models_domain::ladder::Rung;
use models_domain::scene::Scene;

use super::eye::Decoders;
mod identities;
mod misbehave;

use super::*;
use crate::board::Board;
use crate::keep::{KeepEvents, KeepStills, KeepTracks};
use crate::lanes::Lanes;

/// An outbox and a shelf of stills; ends the run when the script is over.
struct Shelf {
    stop: CancellationToken,
    /// So many calls are refused first.
    refuse: Mutex<u32>,
    kept: Mutex<Vec<(UtcMillis, EventBody)>>,
    stills: Mutex<Vec<EventId>>,
    tracks: Mutex<Vec<TrackRecord>>,
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

    fn keep_evidence(&self, _: &[u8]) -> Result<(), NotKept> {
        Ok(())
    }
}

impl KeepTracks for Shelf {
    fn keep_track(&self, record: TrackRecord) {
        self.tracks.lock().unwrap().push(record);
    }
}

/// Every box is blue.
struct Blue;

impl ColourReader for Blue {
    fn colours(&self, picture: &Picture, bbox: &BBox, _: Class) -> Result<Option<ColourVotes>, InferError> {
        assert!(bbox.x <= f64::from(picture.width), "{bbox:?} is in pixels of the picture");
        let mut votes = ColourVotes::default();
        votes.vote(Colour::Blue);
        Ok(Some(votes))
    }
}

fn text(body: &EventBody) -> String {
    if let EventBody::CameraState { state, .. } = body {
        return format!("{:?} {}", state.link, state.reason).trim_end().to_owned();
    }
    if let EventBody::CameraStats { stats: s, .. } = body {
        return format!("stats {} ms: {} frames, {} inferred", s.span.0, s.frames, s.inferred);
    }
    if let EventBody::Counts { counts: m, .. } = body {
        let crossings: Vec<String> =
            m.crossings.iter().map(|c| format!("{} {} {}", c.crossings, c.class, c.direction)).collect();
        let (watched, analysed) = (m.watched.seconds(), m.analysed.seconds());
        return format!("counts {watched}/{analysed} s {}", crossings.join(", "));
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
    tracks: Vec<TrackRecord>,
    now: crate::board::CameraNow,
    decoded: Decoded,
}

type Opens = Vec<Result<Vec<Step>, CameraError>>;
type Pictures = Vec<Result<Vec<Detection>, InferError>>;

async fn run(opens: Opens, pictures: Pictures, refuse: u32) -> Ran {
    run_on(Some(Rung::Full), opens, pictures, refuse).await
}

/// With a clock that moves with the script, and while the worker sleeps.
async fn run_on(pinned: Option<Rung>, opens: Opens, pictures: Pictures, refuse: u32) -> Ran {
    run_with(pinned, opens, Arc::new(ScriptedDetector::new(pictures)), refuse).await
}

async fn run_with(pinned: Option<Rung>, opens: Opens, detector: Arc<dyn Detector>, refuse: u32) -> Ran {
    run_telling(Crossings::Each, pinned, opens, detector, refuse).await
}

async fn run_telling(
    crossings: Crossings,
    pinned: Option<Rung>,
    opens: Opens,
    detector: Arc<dyn Detector>,
    refuse: u32,
) -> Ran {
    run_through(|camera| camera, crossings, pinned, opens, detector, refuse).await
}

/// With what stands between the worker and the scripted camera.
async fn run_through(
    driver: impl FnOnce(Arc<ScriptedCamera>) -> Arc<dyn UnitDriver>,
    crossings: Crossings,
    pinned: Option<Rung>,
    opens: Opens,
    detector: Arc<dyn Detector>,
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
        tracks: Mutex::default(),
    });
    let board = Arc::new(Board::default());
    let scene = "size = [640, 360]\n[[line]]\nid = \"n\"\na = [320, 360]\nb = [320, 0]\n\
        [[zone]]\nid = \"yard\"\npolygon = [[0, 0], [640, 0], [640, 90], [0, 90]]\n\
        [[rule]]\nkind = \"intrusion\"\nzone = \"yard\"\n";
    let task = CameraTask {
        id: CameraId::new("c").unwrap(),
        source: CameraSource { url: "rtsp://u:secret@cam/x".to_owned(), ..CameraSource::default() },
        scene: Scene::parse(scene).unwrap(),
        analyze_fps: 10.0,
        pinned,
        priority: Priority::Counting,
        crossings,
        seed: 7,
        red_lights: Vec::new(),
    };
    let camera = Arc::new(ScriptedCamera::new(Arc::clone(&clock), opens));
    let doors = Doors {
        driver: driver(camera.clone()),
        lanes: Lanes::here(clock.clone()),
        decoders: Arc::new(Decoders::new(1)),
        detector,
        meter: None,
        events: shelf.clone(),
        stills: shelf.clone(),
        tracks: shelf.clone(),
        colours: Arc::new(Blue),
        board: Arc::clone(&board),
        clock: clock.clone(),
        red_lights: None,
    };
    let mut worker = CameraWorker::new(task, doors).unwrap();
    let moved = Arc::clone(&clock);
    worker.sleep = Box::new(move |pause| {
        let moved = Arc::clone(&moved);
        Box::pin(async move {
            // Whatever else can go on goes first.
            tokio::task::yield_now().await;
            moved.advance(DurationMs(pause.as_millis() as i64 + 1));
        })
    });
    worker.run(&stop).await;
    let kept = shelf.kept.lock().unwrap();
    let told = kept.iter().map(|(at, b)| format!("{:.1} {}", at.since(start).seconds(), text(b))).collect();
    let stills = shelf.stills.lock().unwrap().iter().map(|id| id.seq.0).collect();
    let now = board.camera(&CameraId::new("c").unwrap()).unwrap();
    let tracks = shelf.tracks.lock().unwrap().clone();
    Ran { told, stills, tracks, now, decoded: camera.decoded() }
}

/// A car from left to right through 640x360, one step each 100 ms; boxes in pixels of the 16 x 16 test picture.
fn car(steps: usize) -> Vec<Result<Vec<Detection>, InferError>> {
    let at = |i: usize| BBox::new(i as f64 * 16.0 / steps as f64 - 1.5, 8.0, 3.0, 3.0);
    (0..steps).map(|i| Ok(vec![Detection { class: Class::Car, bbox: at(i), score: 0.8 }])).collect()
}

/// A key frame and what follows it, one each `every_ms`.
fn group(every_ms: i64, n: usize) -> Vec<Step> {
    let mut steps = vec![Step::Delta(DurationMs(every_ms)); n];
    steps[0] = Step::Key(DurationMs(every_ms));
    steps
}

fn pictures(n: usize) -> Vec<Step> {
    group(100, n)
}

fn without_stats(told: &[String]) -> Vec<&str> {
    told.iter().map(String::as_str).filter(|t| !t.contains("stats") && !t.contains("counts")).collect()
}

const GONE: &str = "Down rtsp://u:***@cam/x: cannot be reached: the script is over; \
                    check that it is on and that the address and port are right";

#[tokio::test]
async fn a_car_over_the_line_is_kept_with_its_still_and_boxes_are_of_the_scene() {
    let ran = run(vec![Ok(pictures(40))], car(40), 0).await;
    let want = ["0.0 Connecting", "0.1 Up", "2.1 n car to_right"];
    assert_eq!(without_stats(&ran.told)[..3], want);
    assert_eq!(ran.stills.len(), 1);
    let counted = |t: &String| t.contains("40 frames, 40 inferred");
    assert!(ran.told.iter().any(counted), "{:#?}", ran.told);
    let seen = ran.now.seen.unwrap();
    assert_eq!(seen.size, (640, 360));
    assert!(seen.tracks[0].bbox.x > 500.0, "{:?}", seen.tracks);
}

#[tokio::test]
async fn a_stream_that_ends_is_opened_anew_and_each_change_told_once() {
    let refused = CameraError::Unauthorized { camera: "rtsp://u:***@cam/x".to_owned() };
    let opens = vec![Ok(pictures(3)), Err(refused.clone()), Err(refused), Ok(pictures(3))];
    let ran = run(opens, Vec::new(), 0).await;
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

#[tokio::test]
async fn a_silent_stream_is_broken_off_and_found_again_within_ten_seconds() {
    let silent = vec![Step::Key(DurationMs(100)), Step::Silence];
    let ran = run(vec![Ok(silent), Ok(pictures(1))], Vec::new(), 0).await;
    let told = without_stats(&ran.told);
    assert!(told[2].starts_with("10.1 Down rtsp://u:***@cam/x: sent no picture for 10 s"), "{told:#?}");
    let (at, what) = told[3].split_once(' ').unwrap();
    assert_eq!(what, "Up");
    assert!(at.parse::<f64>().unwrap() < 20.0, "{told:#?}");
}

#[tokio::test]
async fn what_the_outbox_refuses_is_tried_again_and_its_state_seen() {
    let ran = run(vec![Ok(pictures(60))], car(40), 3).await;
    let told = without_stats(&ran.told);
    let want = [
        "0.0 Connecting",
        "0.1 Up its events cannot be kept and wait: the report could not be kept: the disk is full",
    ];
    assert_eq!(told[..2], want, "{told:#?}");
    assert!(told.contains(&"2.1 n car to_right"), "{told:#?}");
    assert!(told.iter().any(|t| t.ends_with(" Up")), "{told:#?}");
}

#[tokio::test]
async fn a_network_that_fails_is_said_and_the_camera_stays_up() {
    let broken = InferError::Picture("too small".to_owned());
    let ran = run(vec![Ok(pictures(6))], vec![Ok(Vec::new()), Err(broken.clone()), Err(broken)], 0).await;
    let want = [
        "0.0 Connecting",
        "0.1 Up",
        "0.2 Up its pictures cannot be analysed: the picture cannot be used: too small",
        "0.4 Up",
    ];
    assert_eq!(without_stats(&ran.told)[..4], want);
}

#[tokio::test]
async fn pictures_beyond_the_pace_are_counted_and_left() {
    let ran = run(vec![Ok(group(20, 100))], Vec::new(), 0).await;
    let stats: Vec<&String> = ran.told.iter().filter(|t| t.contains("stats")).collect();
    assert!(stats[0].contains("100 frames, 20 inferred"), "{stats:#?}");
}

#[tokio::test]
async fn a_decoder_is_closed_when_its_stream_is_over() {
    let ran = run_on(Some(Rung::Full), vec![Ok(pictures(3))], Vec::new(), 0).await;
    assert_eq!((ran.decoded.made, ran.decoded.open), (1, 0), "closed when the stream is over");
    assert_eq!(ran.decoded.units, [0, 1, 2]);
}

/// What was lost on the way is not guessed: on from the next key frame.
#[tokio::test]
async fn after_lost_packets_nothing_is_analysed_before_the_next_key_frame() {
    let mut steps = pictures(3);
    steps.push(Step::Lost);
    steps.extend(vec![Step::Delta(DurationMs(100)); 4]);
    steps.extend(pictures(2));
    let ran = run(vec![Ok(steps)], Vec::new(), 0).await;
    assert_eq!(ran.decoded.units, [0, 1, 2, 8, 9]);
    assert!(ran.decoded.damaged.is_empty());
    assert!(ran.told.iter().any(|t| t.contains("5 frames, 5 inferred")), "{:#?}", ran.told);
}

/// Sees a car from left to right in the pictures `from..from + steps`, and notes what it was shown.
struct Passing {
    from: u64,
    steps: u64,
    shown: Mutex<Vec<u64>>,
}

impl Detector for Passing {
    fn detect(&self, picture: &Picture) -> Result<Vec<Detection>, InferError> {
        let number = number_of(picture);
        self.shown.lock().unwrap().push(number);
        let there = (self.from..self.from + self.steps).contains(&number);
        let x = (number as f64 - self.from as f64) * 16.0 / self.steps as f64 - 1.5;
        let seen = Detection { class: Class::Car, bbox: BBox::new(x, 8.0, 3.0, 3.0), score: 0.8 };
        Ok(if there { vec![seen] } else { Vec::new() })
    }
}

/// Ten pictures a second, a key frame every two seconds: ten minutes in which nothing moves, then a car passes.
#[tokio::test]
async fn the_ladder_saves_decoding_and_loses_no_car() {
    const QUIET: u64 = 6_000;
    let mut steps: Vec<Step> = (0..QUIET / 20).flat_map(|_| group(100, 20)).collect();
    // It comes in the middle of a group of pictures, and the stream grows with it.
    let (came, passes) = (QUIET + 10, 40);
    for number in QUIET..QUIET + 200 {
        let moves = (came..came + passes).contains(&number);
        let step = match (number % 20, moves) {
            (0, _) => Step::Key(DurationMs(100)),
            (_, true) => Step::Large(DurationMs(100), 6_000),
            (_, false) => Step::Delta(DurationMs(100)),
        };
        steps.push(step);
    }
    let passing = Arc::new(Passing { from: came, steps: passes, shown: Mutex::default() });
    let ran = run_with(None, vec![Ok(steps)], passing.clone(), 0).await;
    assert!(ran.told.iter().any(|t| t.ends_with(" n car to_right")), "{:#?}", without_stats(&ran.told));
    assert!(ran.decoded.damaged.is_empty());
    let shown = passing.shown.lock().unwrap();
    assert!(shown.is_sorted() && shown.windows(2).all(|two| two[0] != two[1]), "none twice, none back");
    let lost: Vec<u64> = (came..came + passes).filter(|number| !shown.contains(number)).collect();
    assert!(lost.is_empty(), "the car was not looked at in {lost:?}");
    let quiet = ran.decoded.units.iter().filter(|number| **number < QUIET).count() as u64;
    assert!(quiet < QUIET / 3, "{quiet} of {QUIET} quiet pictures were decoded");
    assert_eq!(ran.decoded.open, 0);
}

#[tokio::test]
async fn minutes_are_told_with_what_crossed_and_the_track_is_kept() {
    // The script begins 20 s into a minute; the car crosses at its second 22.
    let detector = Arc::new(ScriptedDetector::new(car(40)));
    let opens = vec![Ok(pictures(550))];
    let ran = run_telling(Crossings::Counted, Some(Rung::Full), opens, detector, 0).await;
    let counts: Vec<&String> = ran.told.iter().filter(|t| t.contains("counts")).collect();
    // The crossing is told within a quarter of a minute, the rest of its minute later.
    let want = ["18.0 counts 17.9/17.8 s 1 car to_right", "40.0 counts 22/22 s ", "55.8 counts 15/15 s "];
    assert_eq!(counts, want);
    assert!(!ran.told.iter().any(|t| t.contains(" n car")), "not told one by one: {:#?}", ran.told);
    assert!(ran.stills.is_empty());
    let [track] = &ran.tracks[..] else { panic!("{:#?}", ran.tracks) };
    assert_eq!((track.class, track.colour), (Class::Car, Some(Colour::Blue)));
    assert_eq!(track.lines.iter().map(|l| l.line.as_str()).collect::<Vec<_>>(), ["n"]);
    assert!(track.path[0].p.x < 100.0 && track.path.last().unwrap().p.x > 500.0, "{:?}", track.path);
}
