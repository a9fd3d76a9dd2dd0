//! Cameras that go and come back, streams without key frames, decoders that another camera spoilt.

use std::ops::Range;

use async_trait::async_trait;
use hardware_ports::Clock as _;
use hardware_ports::camera::Frame;
use hardware_ports::units::{AccessUnit, PictureDecoder, StreamFormat, UnitDriver, UnitStream};

use super::*;

/// What the driver of real cameras takes to give up one that does not answer.
const GIVES_UP: Duration = Duration::from_secs(10);
/// What a slow camera takes from the connection to its first picture.
const OPENS: Duration = Duration::from_millis(2_500);

/// A camera that plays its first stream, is off until `back`, and then plays the second. While it is off nothing answers.
struct Switched {
    camera: Arc<ScriptedCamera>,
    back: Duration,
}

impl Switched {
    fn wait_until(&self, until: Duration) {
        let clock = self.camera.clock();
        clock.advance(DurationMs(until.saturating_sub(clock.elapsed()).as_millis() as i64));
    }
}

#[async_trait]
impl UnitDriver for Switched {
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        if self.camera.left() == 2 {
            return self.camera.open(source).await;
        }
        let began = self.camera.clock().elapsed();
        // Linux asks for a connection that nobody answers again after 1, 3 and 7 s.
        let asks = [0, 1, 3, 7].map(|after| began + Duration::from_secs(after));
        match asks.into_iter().find(|at| *at >= self.back) {
            Some(at) => {
                self.wait_until(at + OPENS);
                self.camera.open(source).await
            }
            None => {
                self.wait_until(began + GIVES_UP);
                let (camera, why) = (source.to_string(), "no answer within 10 s".to_owned());
                Err(CameraError::Unreachable { camera, why })
            }
        }
    }

    fn decoder(
        &self,
        source: &CameraSource,
        format: &Arc<StreamFormat>,
    ) -> Result<Box<dyn PictureDecoder>, CameraError> {
        self.camera.decoder(source, format)
    }
}

/// Seconds since the start at which each `what` was told.
fn told_at(ran: &Ran, what: &str) -> Vec<f64> {
    let told = ran.told.iter().filter_map(|t| t.split_once(' ')).filter(|(_, told)| *told == what);
    told.map(|(at, _)| at.parse().unwrap()).collect()
}

/// However long it was away, and wherever in a try and a pause it comes back.
#[tokio::test]
async fn a_camera_is_found_within_ten_seconds_of_its_return() {
    for away_ms in (0..120_000).step_by(370) {
        // The first stream lasts 0.3 s.
        let back = Duration::from_millis(300 + away_ms);
        let driver = |camera| -> Arc<dyn UnitDriver> { Arc::new(Switched { camera, back }) };
        let nobody = Arc::new(ScriptedDetector::new(Vec::new()));
        let opens = vec![Ok(pictures(3)), Ok(pictures(3))];
        let ran = run_through(driver, Crossings::Each, Some(Rung::Full), opens, nobody, 0).await;
        let ups = told_at(&ran, "Up");
        let [_, up] = ups[..] else { panic!("{away_ms} ms away: {:#?}", ran.told) };
        let after = up - back.as_secs_f64();
        assert!(after < 10.0, "{away_ms} ms away, found after {after} s: {:#?}", ran.told);
    }
}

/// Of who stands in a yard when the camera comes back after a minute nobody knows whether it stayed; after some seconds it did.
#[tokio::test]
async fn who_is_there_after_an_outage_came_in_anew() {
    for (away_s, want) in [(1, 1), (60, 2)] {
        let back = Duration::from_secs(3 + away_s);
        let driver = |camera| -> Arc<dyn UnitDriver> { Arc::new(Switched { camera, back }) };
        let there = Detection { class: Class::Person, bbox: BBox::new(6.0, 0.5, 2.0, 3.0), score: 0.8 };
        let detector = Arc::new(ScriptedDetector::new(vec![Ok(vec![there]); 60]));
        let opens = vec![Ok(pictures(30)), Ok(pictures(30))];
        let ran = run_through(driver, Crossings::Each, Some(Rung::Full), opens, detector, 0).await;
        let came = ran.told.iter().filter(|t| t.ends_with(" rule")).count();
        assert_eq!(came, want, "{away_s} s away: {:#?}", ran.told);
    }
}

/// A stream that nothing can be seen of is not a street without traffic.
#[tokio::test]
async fn a_stream_without_key_frames_says_so_and_its_time_is_not_counted_as_watched() {
    let mut steps = vec![Step::Delta(DurationMs(100)); 1_200];
    steps.extend(pictures(100));
    let ran = run(vec![Ok(steps)], Vec::new(), 0).await;
    let told = without_stats(&ran.told);
    assert_eq!(told[..2], ["0.0 Connecting", "0.1 Up"]);
    assert!(told[2].starts_with("30.1 Up no key frame comes"), "{told:#?}");
    assert_eq!(told[3], "120.1 Up");
    let watched = |t: &String| t.split_once(" counts ")?.1.split_once('/')?.0.parse::<f64>().ok();
    let watched: f64 = ran.told.iter().filter_map(watched).sum();
    assert!((9.0..=10.1).contains(&watched), "{watched} s: {:#?}", ran.told);
}

#[tokio::test]
async fn what_is_wrong_with_a_stream_is_not_taken_back_when_it_ends() {
    let steps = vec![Step::Delta(DurationMs(100)); 400];
    let ran = run(vec![Ok(steps.clone()), Ok(steps)], Vec::new(), 0).await;
    let begin = |t: &&str| t.split(' ').skip(1).take(3).collect::<Vec<_>>().join(" ");
    let told: Vec<String> = without_stats(&ran.told).iter().map(begin).collect();
    let once = ["Up", "Up no key", "Down rtsp://u:***@cam/x: the"];
    let gone = "Down rtsp://u:***@cam/x: cannot";
    assert_eq!(told, [&["Connecting"][..], &once[..], &once[..], &[gone][..]].concat());
}

/// The pictures of these units come out damaged, and its decoders leave them out.
struct Damaged {
    camera: Arc<ScriptedCamera>,
    units: Range<u64>,
}

struct Leaving {
    decoder: Box<dyn PictureDecoder>,
    units: Range<u64>,
}

#[async_trait]
impl UnitDriver for Damaged {
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        self.camera.open(source).await
    }

    fn decoder(
        &self,
        source: &CameraSource,
        format: &Arc<StreamFormat>,
    ) -> Result<Box<dyn PictureDecoder>, CameraError> {
        Ok(Box::new(Leaving { decoder: self.camera.decoder(source, format)?, units: self.units.clone() }))
    }
}

impl PictureDecoder for Leaving {
    fn decode(&mut self, unit: &AccessUnit, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        let (before, is_left) = (out.len(), self.units.contains(&unit.number));
        self.decoder.decode(unit, out)?;
        out.truncate(if is_left { before } else { out.len() });
        Ok(())
    }

    fn drain(&mut self, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        self.decoder.drain(out)
    }
}

#[tokio::test]
async fn a_stream_whose_pictures_all_come_out_damaged_says_so() {
    // Key frames alone only once the noise is learned.
    for (rung, since) in [(Rung::Full, 50.0..53.0), (Rung::KeyFrames, 42.0..44.0)] {
        let driver = |camera| -> Arc<dyn UnitDriver> { Arc::new(Damaged { camera, units: 400..600 }) };
        let steps: Vec<Step> = (0..70).flat_map(|_| group(100, 10)).collect();
        let nobody = Arc::new(ScriptedDetector::new(Vec::new()));
        let ran = run_through(driver, Crossings::Each, Some(rung), vec![Ok(steps)], nobody, 0).await;
        let told = without_stats(&ran.told);
        let (at, what) = told[2].split_once(' ').unwrap();
        assert!(what.starts_with("Up its pictures come out damaged"), "{rung:?}: {told:#?}");
        assert!(since.contains(&at.parse::<f64>().unwrap()), "{rung:?}: {told:#?}");
        let (at, what) = told[3].split_once(' ').unwrap();
        assert!(what == "Up" && (60.0..61.5).contains(&at.parse::<f64>().unwrap()), "{rung:?}: {told:#?}");
    }
}

/// From unit 400 on its decoders take one key frame; then they fail, and speak of another camera.
struct Spoiling(Arc<ScriptedCamera>);

struct Spoilt {
    decoder: Box<dyn PictureDecoder>,
    is_spoilt: bool,
}

#[async_trait]
impl UnitDriver for Spoiling {
    async fn open(&self, source: &CameraSource) -> Result<Box<dyn UnitStream>, CameraError> {
        self.0.open(source).await
    }

    fn decoder(
        &self,
        source: &CameraSource,
        format: &Arc<StreamFormat>,
    ) -> Result<Box<dyn PictureDecoder>, CameraError> {
        Ok(Box::new(Spoilt { decoder: self.0.decoder(source, format)?, is_spoilt: false }))
    }
}

impl PictureDecoder for Spoilt {
    fn decode(&mut self, unit: &AccessUnit, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        let late = unit.number >= 400;
        if std::mem::replace(&mut self.is_spoilt, late) {
            let (camera, why) = ("rtsp://another/x".to_owned(), "it is spoilt".to_owned());
            return Err(CameraError::Undecodable { camera, why });
        }
        self.decoder.decode(unit, out)
    }

    fn drain(&mut self, out: &mut Vec<Frame>) -> Result<(), CameraError> {
        self.decoder.drain(out)
    }
}

#[tokio::test]
async fn a_borrowed_decoder_that_fails_costs_no_picture_and_no_other_camera_is_named() {
    let driver = |camera| -> Arc<dyn UnitDriver> { Arc::new(Spoiling(camera)) };
    let steps: Vec<Step> = (0..84).flat_map(|_| group(100, 5)).collect();
    let nobody = Arc::new(ScriptedDetector::new(Vec::new()));
    let opens = vec![Ok(steps)];
    let ran = run_through(driver, Crossings::Each, Some(Rung::KeyFrames), opens, nobody, 0).await;
    let late: Vec<u64> = ran.decoded.units.into_iter().filter(|unit| *unit >= 400).collect();
    assert_eq!(late, [400, 405, 410, 415]);
    assert!(
        !ran.told.iter().any(|t| t.contains("another") || t.contains("cannot be decoded")),
        "{:#?}",
        ran.told
    );
}
