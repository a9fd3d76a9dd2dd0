//! One made-up stop line: a plan, vehicles, a camera and a controller whose clocks are off, and a link that takes its time.

use models_domain::count::Direction;
use models_domain::geo::Point;
use models_domain::scene::Line;
use models_domain::signal::GroupStates;
use models_domain::signal::red_light::lamp::Lamp;
use models_domain::signal::red_light::stop_line::{Found, StopLine};
use models_domain::signal::red_light::{ClockErrors, Verdict, judge};
use models_domain::track::{Track, Trail};
use models_domain::{BBox, Class, DurationMs, LineId, TrackId, UtcMillis};

/// A cycle, by the true time: green, then yellow, then red.
const GREEN_MS: i64 = 27_000;
const YELLOW_MS: i64 = 3_000;
const CYCLE_MS: i64 = 60_000;
/// Pictures a second that are analysed, and how far boxes shake, pixels.
const PICTURE_MS: i64 = 125;
const SHAKE: f64 = 1.0;
/// Pixels a metre at the line. The camera looks at the vehicles' fronts.
const PX_A_METRE: f64 = 15.0;
/// The shortest way of a message, and the mean of what comes on top.
const WAY_MS: f64 = 20.0;
const WAITS_MS: f64 = 25.0;
/// One in so many messages is sent again by TCP.
const RESENT: f64 = 0.01;
const RESENT_MS: f64 = 400.0;
/// What the stated error of a lamp has beside the clock's: that a controller looks at its lamps ten times a second, and
/// the shortest way.
const NOTICED_MS: i64 = 100 + WAY_MS as i64;

/// How far both clocks are off at most, and are said to be.
pub struct Case {
    pub error_ms: i64,
    pub stated_ms: i64,
    pub passages: usize,
    pub line: LineId,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct Score {
    pub passages: usize,
    pub ran: usize,
    /// Those of them that ran it a second and more after it had become red.
    ran_late: usize,
    pub told: usize,
    told_late: usize,
    /// Told of, and passed at another light.
    pub wrong: usize,
    pub within_error: usize,
}

impl Score {
    pub fn plus(self, more: &Self) -> Self {
        Self {
            passages: self.passages + more.passages,
            ran: self.ran + more.ran,
            ran_late: self.ran_late + more.ran_late,
            told: self.told + more.told,
            told_late: self.told_late + more.told_late,
            wrong: self.wrong + more.wrong,
            within_error: self.within_error + more.within_error,
        }
    }

    /// Part of those told of who did run a red light.
    pub fn precision(&self) -> f64 {
        if self.told == 0 { 1.0 } else { 1.0 - self.wrong as f64 / self.told as f64 }
    }

    /// Part of those who ran a red light who are told of.
    pub fn recall(&self) -> f64 {
        (self.told - self.wrong) as f64 / self.ran.max(1) as f64
    }

    pub fn recall_late(&self) -> f64 {
        self.told_late as f64 / self.ran_late.max(1) as f64
    }
}

/// Numbers that look random (Vigna's splitmix64).
struct Chance(u64);

impl Chance {
    /// From 0 to 1.
    fn next(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    fn within(&mut self, from: f64, to: f64) -> f64 {
        from + (to - from) * self.next()
    }

    /// Exponential.
    fn about(&mut self, mean: f64) -> f64 {
        -(1.0 - self.next()).ln() * mean
    }
}

/// One vehicle in each cycle, most of them when it matters: just after red has begun, in the last of yellow, around the begin of
/// green.
pub fn run(case: &Case, seed: u64) -> Score {
    let mut chance =
        Chance(seed.wrapping_mul(0x5851_F42D_4C95_7F2D).wrapping_add(case.error_ms.unsigned_abs()));
    let error = case.error_ms as f64;
    // The camera's clock is off by the same all the time. By how much the controller's is ahead is learned from its messages;
    // what is left wanders, as a clock does that is set again and again.
    let camera_off = chance.within(-error, error);
    let controller_ahead = chance.within(-3_600_000.0, 3_600_000.0);
    let (mut score, mut lamp) = (Score::default(), Lamp::default());
    let mut waiting = None;
    for cycle in 0..=case.passages as i64 {
        let begin = (cycle + 1) * CYCLE_MS;
        let red = begin + GREEN_MS + YELLOW_MS;
        let clock = Off { ahead: controller_ahead, wander: chance.within(-error, error) };
        for (at, state) in [(begin, '1'), (begin + GREEN_MS, 'N'), (red, 'B')] {
            tell(&mut lamp, &mut chance, clock, at, state);
        }
        // Now it is known what was shown around the last cycle's end.
        if let Some((came, ran)) = waiting.take() {
            pass(case, &mut chance, &lamp, came, camera_off, ran, &mut score);
        }
        let kind = chance.next();
        let (red, green) = (red as f64, (begin + CYCLE_MS) as f64);
        let came = match kind {
            just_red if just_red < 0.35 => red + chance.about(1_440.0),
            late_yellow if late_yellow < 0.55 => chance.within(red - 1_500.0, red),
            around_green if around_green < 0.7 => chance.within(green - 1_000.0, green + 1_000.0),
            _ => chance.within(begin as f64 + 1_000.0, green - 1_000.0),
        };
        waiting = Some((came, (came >= red && came < green).then_some(came - red)));
    }
    score
}

/// What a controller's clock shows beside the true time.
#[derive(Clone, Copy)]
struct Off {
    ahead: f64,
    wander: f64,
}

/// A controller says what it shows since `at`, once it has noticed.
fn tell(lamp: &mut Lamp, chance: &mut Chance, off: Off, at: i64, state: char) {
    let noticed = at as f64 + chance.within(0.0, 100.0);
    let resent = if chance.next() < RESENT { RESENT_MS } else { 0.0 };
    let arrived = noticed + WAY_MS + chance.about(WAITS_MS) + resent;
    let controller_at = UtcMillis((noticed + off.ahead + off.wander) as i64);
    let late = DurationMs(0);
    let groups = GroupStates {
        groups: state.to_string(),
        cycle_s: None,
        stage: None,
        controller_at,
        late,
        old: false,
    };
    lamp.groups(UtcMillis(arrived as i64), &groups);
}

/// A vehicle whose front is at the line at the true time `came`; `ran`: so long after it has become red.
fn pass(
    case: &Case,
    chance: &mut Chance,
    lamp: &Lamp,
    came: f64,
    camera_off: f64,
    ran: Option<f64>,
    score: &mut Score,
) {
    let errors = ClockErrors {
        camera: DurationMs(case.stated_ms),
        controller: DurationMs(case.stated_ms + NOTICED_MS),
    };
    let line = Line { id: case.line.clone(), a: Point::new(0.0, 300.0), b: Point::new(600.0, 300.0) };
    let mut line = StopLine::new(line, Direction::ToRight, None);
    let px_a_ms = chance.within(3.0, 14.0) * PX_A_METRE / 1_000.0;
    let phase = chance.within(0.0, PICTURE_MS as f64);
    let mut found = Vec::new();
    for picture in -40..40_i64 {
        let true_at = came + (picture * PICTURE_MS) as f64 + phase;
        let at = UtcMillis((true_at + camera_off) as i64);
        let shake = chance.within(-SHAKE, SHAKE);
        let foot = 300.0 + px_a_ms * (true_at - came) + shake;
        line.step(at, &[track(at, foot)], &mut found);
    }
    score.passages += 1;
    let late = ran.is_some_and(|into_red| into_red >= 1_000.0);
    let ran = ran.is_some();
    score.ran += usize::from(ran);
    score.ran_late += usize::from(late);
    let Some(Found::Passed(passed)) = found.first() else { return };
    let Some(trace) = lamp.trace(1) else { return };
    match judge(&trace, &passed.passage, errors) {
        Verdict::Violation { .. } => {
            score.told += 1;
            score.wrong += usize::from(!ran);
            score.told_late += usize::from(late);
        }
        Verdict::Doubtful => score.within_error += 1,
        Verdict::Allowed | Verdict::Undecided => {}
    }
}

/// A motorcycle of 30 by 45 pixels that comes down the picture.
fn track(at: UtcMillis, foot: f64) -> Track {
    let bbox = BBox::new(285.0, foot - 45.0, 30.0, 45.0);
    Track {
        id: TrackId(1),
        class: Class::Motorcycle,
        bbox,
        velocity: (0.0, 0.0),
        trail: Trail::default(),
        score: 0.9,
        began: at,
        began_bbox: bbox,
        seen: at,
        witnessed: true,
        faint: false,
        clear: true,
        as_before: false,
    }
}
