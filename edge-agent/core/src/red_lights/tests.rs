//! A stop line and its lamp, second by second: who is told of, who is counted, and who is left alone.

use hardware_ports::camera::{Frame, Picture};
use hardware_ports::infer::InferError;
use models_domain::event::LinkState;
use models_domain::scene::Scene;
use models_domain::signal::GroupStates;
use models_domain::signal::order::{ControllerNow, Mode};
use models_domain::track::{Track, Trail};
use models_domain::{BBox, Class, TrackId};

use super::*;

/// "Encodes" to the picture's first byte.
struct Plain;

impl PictureEncoder for Plain {
    fn jpeg(&self, picture: &Picture, _: u32, _: u8) -> Result<Vec<u8>, InferError> {
        Ok(vec![picture.planes.plane(0).data[0]])
    }
}

/// The controller's clock is a minute ahead; its messages take 30 ms.
const AHEAD: DurationMs = DurationMs(60_000);
const WAY: DurationMs = DurationMs(30);
/// An hour in, so that no minute begins below.
const T0: i64 = 3_600_000;

struct Street {
    lights: Arc<RedLights>,
    eyes: Eyes,
    told: Vec<Proven>,
}

fn junction() -> JunctionId {
    "a".parse().unwrap()
}

fn camera() -> CameraId {
    "c".parse().unwrap()
}

fn at(ms: i64) -> UtcMillis {
    UtcMillis(T0 + ms)
}

impl Street {
    fn new() -> Self {
        Self::with_clock(None)
    }

    fn with_clock(clock_off_max: Option<DurationMs>) -> Self {
        let lights = Arc::new(RedLights::new(Arc::new(Plain)));
        let scene =
            Scene::parse("size = [200, 200]\n[[line]]\nid = \"stop\"\na = [0, 100]\nb = [200, 100]\n");
        let spec = StopLineSpec {
            line: "stop".parse().unwrap(),
            direction: Direction::ToLeft,
            junction: junction(),
            group: 1,
            signal_error: DurationMs(200),
            clock_off_max,
        };
        let eyes = Eyes::new(camera(), &scene.unwrap(), &[spec], &lights).unwrap();
        Self { lights, eyes, told: Vec::new() }
    }

    /// What the street does, word by word: `clock@0`, `1@2000` (the group shows it from then on), `ride@9000` (its foot is on
    /// the line then), `down@5000`, `flash@5000`, `ask@20000`.
    fn run(mut self, words: &str) -> Self {
        for word in words.split_whitespace() {
            let (what, ms) = word.split_once('@').unwrap();
            // How long a message is under way beside the shortest.
            let (ms, late) = ms.split_once('/').unwrap_or((ms, "0"));
            let (ms, late): (i64, i64) = (ms.parse().unwrap(), late.parse().unwrap());
            match what {
                "clock" => (0..3).for_each(|i| self.now(ms + i * 100, None)),
                "flash" => self.now(ms, Some(Mode::Flash)),
                "normal" => self.now(ms, Some(Mode::Normal)),
                "down" => {
                    let state = LinkState { link: Link::Down, reason: "x".into() };
                    self.lights.hear(&SignalReport::Link { junction: junction(), at: at(ms), state });
                }
                "ride" => self.ride(ms),
                "ask" => self.told.extend(self.lights.decide(&camera(), at(ms))),
                groups => {
                    // Since when it may have been so before it was told.
                    let (groups, before) = groups.split_once('~').unwrap_or((groups, "0"));
                    let groups = GroupStates {
                        groups: groups.to_owned(),
                        cycle_s: None,
                        stage: None,
                        controller_at: at(ms) + AHEAD,
                        late: DurationMs(before.parse().unwrap()),
                        old: false,
                    };
                    let at = at(ms + late) + WAY;
                    self.lights.hear(&SignalReport::Groups { junction: junction(), at, groups });
                }
            }
        }
        self
    }

    fn now(&self, ms: i64, mode: Option<Mode>) {
        let clock_ahead = Some(AHEAD - WAY);
        let now = ControllerNow { mode, clock_ahead, ..ControllerNow::default() };
        self.lights.hear(&SignalReport::Now { junction: junction(), at: at(ms) + WAY, now });
    }

    /// A motorcycle of 20 by 40 pixels comes up the picture at 100 pixels a second, seen ten times a second, each picture
    /// with its own mark; its time may be off by 50 ms.
    fn ride(&mut self, on_line: i64) {
        for i in -8..8_i64 {
            let (ms, foot) = (on_line + i * 100, 100.0 - 10.0 * i as f64);
            self.lights.unit(&camera(), at(ms), DurationMs(50));
            let mark = u8::try_from(100 + i).unwrap();
            let picture = Picture::from_rgb(2, 2, vec![mark; 12]);
            let frame = Frame { at: at(ms), pts: DurationMs(ms), picture };
            let bbox = BBox::new(90.0, foot - 40.0, 20.0, 40.0);
            let track = Track {
                id: TrackId(u64::try_from(on_line).unwrap()),
                class: Class::Motorcycle,
                bbox,
                velocity: (0.0, -100.0),
                trail: Trail::default(),
                score: 0.9,
                began: at(ms),
                began_bbox: bbox,
                seen: at(ms),
                witnessed: true,
                faint: false,
                clear: true,
                as_before: false,
            };
            self.eyes.picture(&frame, &[track]);
        }
    }

    /// What was told, and the figures of the minute.
    fn lines(mut self) -> Vec<String> {
        self.told.extend(self.lights.decide(&camera(), at(60_000)));
        let line = |(_, body, jpegs): &Proven| {
            if let EventBody::Rule { event, .. } = body {
                let measures: Vec<String> = event.measures.iter().map(ToString::to_string).collect();
                return measures.join(" ");
            }
            let EventBody::RedLight { run, .. } = body else { return body.kind().to_owned() };
            let lamp: Vec<String> = run.lamp.iter().map(|l| format!("{}{}", l.state, l.at.0 - T0)).collect();
            let stills: Vec<u8> = jpegs.iter().map(|jpeg| jpeg[0]).collect();
            assert!(run.stills.iter().zip(jpegs).all(|(s, jpeg)| s.sha256 == *Sha256::digest(jpeg)));
            let (red_for, into, error) = (run.red_for.0, run.into_red.0, run.error().0);
            format!("red for {red_for}, into {into} ± {error}; {}; {stills:?}", lamp.join(" "))
        };
        self.told.iter().map(line).collect()
    }
}

#[track_caller]
fn check(words: &str, want: &[&str]) {
    assert_eq!(Street::new().run(words).lines(), want);
}

const FIGURES: &str = "ran_red=1.00 red_within_error=0.00 red_unproven=0.00";

#[test]
fn who_rides_at_red_is_told_of_with_the_trace_and_three_pictures() {
    // The front comes to the line up to half a second before the wheels: pictures 95, 100 and 103. The messages' shortest
    // way is not to be told from the clocks' difference: it is in the stated error.
    check(
        "clock@0 ask@500 1@1000 N@4000 B@7000 ride@9000 ask@10000 1@20000 ask@21000",
        &["red for 1220, into 1970 ± 250; 11030 N4030 B7030 120030; [100, 95, 103]", FIGURES],
    );
}

#[test]
fn nobody_is_judged_before_the_controller_has_spoken_of_a_later_time() {
    let street = Street::new().run("clock@0 ask@500 1@1000 N@4000 B@7000 ride@9000 ask@10000 ask@15000");
    assert!(street.told.is_empty(), "a green may be on its way still");
    // It was: the message took its time, its stamp tells when.
    let street = street.run("1@8500/7000 ask@21000 B@30000 ask@31000");
    assert_eq!(street.lines(), ["ran_red=0.00 red_within_error=1.00 red_unproven=0.00"]);
}

#[test]
fn green_yellow_and_what_the_errors_explain_accuse_nobody() {
    check("clock@0 ask@500 1@1000 ride@3000 N@4000 B@7000 ask@9000", &[]);
    check("clock@0 ask@500 1@1000 N@4000 ride@6000 B@7000 1@9000 ask@9100", &[]);
    // The wheels were over the line at red, the front may have been at yellow.
    let within = ["ran_red=0.00 red_within_error=1.00 red_unproven=0.00"];
    check("clock@0 ask@500 1@1000 N@4000 B@7000 ride@7400 1@20000 ask@21000", &within);
    // The last moment of red.
    check("clock@0 ask@500 1@1000 N@4000 B@7000 ride@8900 1@9100 B@20000 ask@21000", &within);
}

#[test]
fn who_knows_nothing_accuses_nobody() {
    // The link breaks after the ride, and before the controller spoke again.
    check(
        "clock@0 ask@500 1@1000 N@4000 B@7000 ride@9000 down@12000 clock@13000 B@14000 ask@15000",
        &["ran_red=0.00 red_within_error=0.00 red_unproven=1.00"],
    );
    check("clock@0 ask@500 1@1000 N@4000 B@7000 down@8000 ride@9000 clock@13000 B@14000 ask@15000", &[]);
    check("clock@0 ask@500 1@1000 B@7000 flash@8000 ride@9000 1@20000 ask@21000", &[]);
    check("clock@0 ask@500 a@1000 ride@9000 1@20000 ask@21000", &[]);
    // Nothing was ever heard.
    check("ask@500 ride@9000 ask@10000", &[]);
}

#[test]
fn a_controller_that_does_not_know_its_lamps_accuses_nobody() {
    const RED: &str = "clock@0 ask@500 1@1000 N@4000 B@7000";
    // Its Watchdogs go on.
    let told =
        |more: &str| Street::new().run(&format!("{RED} {more} ride@9000 clock@20000 ask@21000")).told.len();
    assert_eq!((told(""), told("-@8000")), (1, 0));
    // Nobody knows since when it has not known them.
    check(
        &format!("{RED} ride@9000 -~5000@12000 clock@20000 ask@21000"),
        &["ran_red=0.00 red_within_error=0.00 red_unproven=1.00"],
    );
    // Once it knows them again, they count.
    let again = Street::new().run(&format!("{RED} -@8000 B@8200 ride@10000 clock@20000 ask@21000"));
    assert_eq!(again.told.len(), 1);
}

#[test]
fn a_controller_that_should_keep_utc_and_does_not_accuses_nobody() {
    const WORDS: &str = "clock@0 ask@500 1@1000 N@4000 B@7000 ride@9000 ask@10000 1@20000 ask@21000";
    let told = |most| Street::with_clock(Some(DurationMs(most))).run(WORDS).told.len();
    assert_eq!((told(59_000), told(61_000)), (0, 1));
}

#[test]
fn a_clock_that_is_not_known_any_more_accuses_nobody() {
    // Red beyond doubt, but the link broke before it was decided.
    check(
        "clock@0 ask@500 1@1000 N@4000 B@7000 ride@9000 clock@14000 down@15000 ask@16000",
        &["ran_red=0.00 red_within_error=0.00 red_unproven=1.00"],
    );
}

#[test]
fn a_gateway_whose_own_clock_is_set_back_accuses_nobody() {
    // Seen at red, or at green, by a clock that is another one when the lamp is heard of again.
    for after in
        ["clock@16500 B@9000 clock@10000 clock@22000", "ask@9500 clock@22000", "ask@14000 clock@22000"]
    {
        check(
            &format!("clock@0 ask@500 1@1000 N@4000 B@7000 ride@15000 ask@16000 {after} ask@24000"),
            &["ran_red=0.00 red_within_error=0.00 red_unproven=1.00"],
        );
    }
    // And soon after, nothing is known.
    check(
        "clock@0 ask@500 1@1000 B@7000 clock@20000 ask@20500 B@9000 clock@10000 ride@12000 clock@22000 ask@24000",
        &[],
    );
}

#[test]
fn a_mode_that_is_not_told_again_accuses_nobody() {
    const WORDS: &str = "normal@0 clock@100 down@500 clock@600 1@1000 N@4000 B@7000";
    let street =
        |more: &str| Street::new().run(&format!("{WORDS} {more} ride@9000 1@20000 ask@21000")).told.len();
    assert_eq!((street(""), street("normal@7500")), (0, 1));
}

#[test]
fn what_nobody_speaks_of_is_given_up() {
    let street = Street::new().run("clock@0 ask@500 1@1000 N@4000 B@7000 ride@9000 ask@259000");
    assert_eq!(street.lights.held().memories_by_camera[&camera()].waiting.len(), 0);
}

#[test]
fn pictures_of_a_camera_without_a_time_of_day_prove_nothing() {
    let mut street = Street::new().run("clock@0 ask@500 1@1000 N@4000 B@7000");
    street.lights.unit(&camera(), at(8_900), DurationMs(86_400_000));
    street.ride(9_000);
    let street = street.run("1@20000 ask@21000");
    assert!(street.told.is_empty());
}
