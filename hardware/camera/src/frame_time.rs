//! When a picture was taken: from its RTP timestamp, the camera's own clock (RTCP sender reports) and its arrival, none of
//! which can be trusted alone. Pure: all times are arguments.

use std::time::Duration;

use models_domain::{DurationMs, UtcMillis};

/// Microseconds.
type Us = i64;

const SECOND: Us = 1_000_000;
/// Timestamps that step back less than this are pictures in decoding order.
const REORDERED: Us = 2 * SECOND;
/// Timestamps that step on further than this did not, unless as much time went by.
const LEAP: Us = 10 * SECOND;
/// No picture comes this much sooner than those before it: its timestamp leapt.
const TOO_SOON: Us = 3 * SECOND;
/// A picture this much later than others was not that long under way: its timestamp stood still.
const TOO_LATE: Us = 10 * SECOND;
/// After so many leaps, or pictures in a row with one timestamp, timestamps are not looked at any more.
const LEAPS_MAX: u32 = 3;
const SAME_MAX: u32 = 3;
/// So long after the last of them they are forgotten, and timestamps are looked at again: many cameras leap when their clock
/// is set. Twice as long each time that it was in vain.
const CALM: Us = 600 * SECOND;
const DOUBLED_MAX: u32 = 8;
/// The shortest way of a picture is looked for in two spans of this length, since clocks drift apart.
const SPAN: Us = 60 * SECOND;
/// A camera's clock is believed when it is no more than this before or after the arrival of its pictures.
const CAMERA_BEFORE: Us = 2 * SECOND;
const CAMERA_AFTER: Us = SECOND / 5;
/// What cameras take to encode and networks to carry a picture, where nothing tells.
const USUAL_WAY: Us = SECOND / 2;
/// RTCP and RTP clocks of one camera agree to this.
const CAMERA_EXACT: Us = SECOND / 100;
/// Steps back of the time of day beyond this are followed at once, smaller ones slowly and without turning back.
const CLOCK_STEP: Us = 10 * SECOND;

/// Time of one stream's pictures.
#[derive(Debug, Default)]
pub struct FrameTime {
    last: Option<Last>,
    /// Ticks of the stream minus its presentation time.
    base: Us,
    leaps: u32,
    same: u32,
    /// When the last leap came, or the last of too many with one timestamp.
    wrong: Us,
    /// How often timestamps were given up.
    given_up: u32,
    ways: Ways,
    /// The camera's time of day minus its ticks.
    camera: Option<Us>,
    /// The two pictures shown last of those that came so far, the later one last.
    shown: Option<[Shown; 2]>,
}

#[derive(Debug, Clone, Copy)]
struct Shown {
    pts: Us,
    /// Time of day minus presentation time.
    offset: Us,
}

#[derive(Debug, Clone, Copy)]
struct Last {
    ticks: Us,
    pts: Us,
    came: Us,
}

/// When a unit came.
#[derive(Debug, Clone, Copy)]
pub struct Came {
    pub now: UtcMillis,
    pub elapsed: Duration,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Taken {
    pub at: UtcMillis,
    /// How far `at` may be off, either way.
    pub uncertainty: DurationMs,
    /// On the stream's own clock from its first unit on; leaps are taken out.
    pub pts: DurationMs,
}

/// `ticks` of a clock of `rate` a second in microseconds.
pub fn micros(ticks: i64, rate: u32) -> i64 {
    let us = i128::from(ticks) * i128::from(SECOND) / i128::from(rate.max(1));
    i64::try_from(us)
        .unwrap_or(if us < 0 { i64::MIN / 4 } else { i64::MAX / 4 })
        .clamp(i64::MIN / 4, i64::MAX / 4)
}

/// Microseconds since 1970 of an NTP timestamp (RFC 3550 §4); `None` for 0, which cameras without a clock send.
pub fn from_ntp(ntp: u64) -> Option<i64> {
    const EPOCH: u64 = 2_208_988_800;
    let seconds = (ntp >> 32).checked_sub(EPOCH)?;
    let micros = ((ntp & 0xffff_ffff) * 1_000_000) >> 32;
    i64::try_from(seconds * 1_000_000 + micros).ok()
}

impl FrameTime {
    /// A sender report: at these microseconds of its timestamps the camera's clock showed `camera`, microseconds since 1970.
    pub fn report(&mut self, ticks: i64, camera: i64) {
        self.camera = camera.checked_sub(ticks);
    }

    /// A unit with this timestamp, in microseconds, in decoding order.
    pub fn unit(&mut self, ticks: i64, came: Came) -> Taken {
        let came_us = i64::try_from(came.elapsed.as_micros()).unwrap_or(i64::MAX / 4);
        let pts = self.pts(ticks, came_us);
        self.ways.note(came_us, came_us - pts);
        self.last = Some(Last { ticks, pts, came: came_us });
        // The time of day when this clock's elapsed time was 0.
        let epoch = came.now.0.saturating_mul(1000).saturating_sub(came_us);
        let (wanted, uncertainty) = self.wanted(epoch);
        let offset = self.offset(pts, wanted);
        let off = uncertainty + (offset - wanted).abs();
        Taken {
            at: UtcMillis((pts + offset).div_euclid(1000)),
            uncertainty: DurationMs(off / 1000 + 1),
            pts: DurationMs((pts + 500).div_euclid(1000)),
        }
    }

    /// What is added to a presentation time: follows what is wanted, but so that later pictures stay later. Pictures that
    /// are shown before one that has come already get what lies between.
    fn offset(&mut self, pts: Us, wanted: Us) -> Us {
        let Some([before, now]) = self.shown else {
            self.shown = Some([Shown { pts, offset: wanted }; 2]);
            return wanted;
        };
        if pts > now.pts {
            let back = now.offset - wanted;
            let steps = back > 0 && back < CLOCK_STEP;
            let offset = if steps { wanted.max(now.offset - (pts - now.pts) / 2) } else { wanted };
            self.shown = Some([now, Shown { pts, offset }]);
            return offset;
        }
        let (span, part) = (now.pts - before.pts, pts - before.pts);
        if span <= 0 || part <= 0 {
            return before.offset;
        }
        before.offset
            + i64::try_from(i128::from(now.offset - before.offset) * i128::from(part) / i128::from(span))
                .unwrap_or(0)
    }

    /// Time of day minus presentation time as the sources tell it now, and how far it may be off.
    fn wanted(&self, epoch: Us) -> (Us, Us) {
        let by_arrival = epoch.saturating_add(self.ways.shortest().unwrap_or(0));
        if let Some(camera) = self.camera.filter(|_| self.trusts_ticks()) {
            let by_camera = camera.saturating_add(self.base);
            let way = by_arrival.saturating_sub(by_camera);
            if (-CAMERA_AFTER..=CAMERA_BEFORE).contains(&way) {
                return (by_camera, CAMERA_EXACT + way.abs());
            }
        }
        (by_arrival, if self.trusts_ticks() { USUAL_WAY } else { 2 * USUAL_WAY })
    }

    fn trusts_ticks(&self) -> bool {
        self.leaps < LEAPS_MAX && self.same < SAME_MAX
    }

    fn pts(&mut self, ticks: Us, came: Us) -> Us {
        let Some(last) = self.last else {
            self.base = ticks;
            return 0;
        };
        let gone = came - last.came;
        let calm = CALM << self.given_up.saturating_sub(1).min(DOUBLED_MAX);
        if (self.leaps > 0 || !self.trusts_ticks()) && came - self.wrong > calm {
            if !self.trusts_ticks() {
                self.begin_anew(ticks, last, gone);
            }
            (self.leaps, self.same) = (0, 0);
        }
        if !self.trusts_ticks() {
            return last.pts + gone.max(1000);
        }
        let step = ticks - last.ticks;
        if step == 0 {
            self.same += 1;
            if self.same == SAME_MAX {
                (self.wrong, self.given_up) = (came, self.given_up + 1);
            }
            return last.pts + 1000;
        }
        self.same = 0;
        let pts = ticks - self.base;
        let leapt = step < -REORDERED || (step > LEAP && step - gone > REORDERED);
        let way = came - pts;
        let off = self.ways.shortest().is_some_and(|usual| way < usual - TOO_SOON || way > usual + TOO_LATE);
        if leapt || off {
            self.leap(ticks, last, gone);
            return ticks - self.base;
        }
        pts
    }

    fn leap(&mut self, ticks: Us, last: Last, gone: Us) {
        self.leaps += 1;
        self.wrong = last.came + gone;
        self.given_up += u32::from(self.leaps == LEAPS_MAX);
        self.begin_anew(ticks, last, gone);
    }

    /// From here on these ticks follow the unit before by as much time as went by.
    fn begin_anew(&mut self, ticks: Us, last: Last, gone: Us) {
        self.base = ticks - (last.pts + gone.max(1000));
        self.camera = None;
        self.ways = Ways::default();
    }
}

/// Arrival minus presentation time: the shortest of late is that of a picture that waited nowhere.
#[derive(Debug, Default)]
struct Ways {
    began: Us,
    now: Option<Us>,
    before: Option<Us>,
}

impl Ways {
    fn note(&mut self, came: Us, way: Us) {
        if self.now.is_none() {
            self.began = came;
        } else if came - self.began > SPAN {
            self.before = self.now.take();
            self.began = came;
        }
        self.now = Some(self.now.map_or(way, |now| now.min(way)));
    }

    fn shortest(&self) -> Option<Us> {
        self.now.into_iter().chain(self.before).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: i64 = 1_700_000_000_000;

    /// (ticks ms, elapsed ms) of units; what comes out as (pts ms, at ms from `DAY`).
    fn run(time: &mut FrameTime, units: &[(i64, i64)]) -> Vec<(i64, i64)> {
        let unit = |&(ticks, came): &(i64, i64)| {
            let elapsed = Duration::from_millis(came as u64);
            let taken = time.unit(ticks * 1000, Came { now: UtcMillis(DAY + came), elapsed });
            (taken.pts.0, taken.at.0 - DAY)
        };
        units.iter().map(unit).collect()
    }

    #[track_caller]
    fn check(units: &[(i64, i64)], want: &[(i64, i64)]) {
        assert_eq!(run(&mut FrameTime::default(), units), want);
    }

    #[test]
    fn waiting_on_the_way_is_taken_out() {
        check(
            &[(500, 1000), (540, 1090), (580, 1100), (620, 1121)],
            &[(0, 1000), (40, 1040), (80, 1080), (120, 1120)],
        );
    }

    #[test]
    fn pictures_in_decoding_order_keep_their_times() {
        check(&[(0, 100), (120, 140), (40, 180), (80, 220)], &[(0, 100), (120, 160), (40, 120), (80, 140)]);
    }

    #[test]
    fn leaps_are_taken_out() {
        let far = 50_000_000;
        check(&[(0, 0), (40, 40), (far, 80), (far + 40, 120)], &[(0, 0), (40, 40), (80, 80), (120, 120)]);
        check(&[(far, 0), (far + 40, 40), (0, 80), (40, 120)], &[(0, 0), (40, 40), (80, 80), (120, 120)]);
        check(&[(0, 0), (40, 40), (5_000, 80), (5_040, 120)], &[(0, 0), (40, 40), (80, 80), (120, 120)]);
        // The camera really was silent.
        check(&[(0, 0), (30_000, 30_000)], &[(0, 0), (30_000, 30_000)]);
    }

    /// Stuck, too fast, too slow, back and forth: time goes on, never backwards, and not away from the arrival.
    #[test]
    fn nonsense_gives_sane_time() {
        let wrong: [fn(i64) -> i64; 5] = [
            |_| 7,
            |n| n * 3600,
            |n| n / 2,
            |n| if n % 2 == 0 { n * 40 } else { -n * 4000 },
            |n| n * n * 1000,
        ];
        for (which, ticks) in wrong.iter().enumerate() {
            let mut time = FrameTime::default();
            let units: Vec<(i64, i64)> = (0..3000).map(|n| (ticks(n), n * 40)).collect();
            let out = run(&mut time, &units);
            for (n, pair) in out.windows(2).enumerate() {
                assert!(pair[1].0 >= pair[0].0 && pair[1].1 >= pair[0].1, "{which}: {pair:?} at {n}");
            }
            let off = out.iter().zip(&units).map(|(out, unit)| (out.1 - unit.1).abs()).max().unwrap();
            assert!(off <= 10_100, "{which}: {off} ms off");
            let (out, unit) = (out.last().unwrap(), units.last().unwrap());
            assert!((out.1 - unit.1).abs() < 1_000, "{which}: {out:?} at the end, {unit:?}");
        }
    }

    /// Ten hours, and a clock that is set at the end of each.
    #[test]
    fn a_clock_that_is_set_now_and_then_is_believed_again() {
        let (mut time, mut last) = (FrameTime::default(), None);
        for second in 0..36_000_i64 {
            let ticks = (second + second / 3_600 * 3_600) * SECOND;
            time.report(ticks, (DAY + second * 1000 - 120) * 1000);
            let elapsed = Duration::from_secs(second as u64);
            let taken = time.unit(ticks, Came { now: UtcMillis(DAY + second * 1000), elapsed });
            assert!(last.is_none_or(|last| taken.at > last), "{taken:?} after {last:?}");
            last = Some(taken.at);
            assert!(taken.uncertainty <= DurationMs(1_001), "{taken:?}");
            if second % 3_600 > 600 {
                assert!(taken.uncertainty <= DurationMs(200), "{taken:?} at {second} s");
            }
        }
    }

    #[test]
    fn a_clock_that_stood_still_for_a_moment_is_believed_again() {
        let mut time = FrameTime::default();
        for second in 0..2_000_i64 {
            let ticks = if (100..110).contains(&second) { 100 } else { second } * SECOND;
            time.report(ticks, (DAY + second * 1000 - 120) * 1000);
            let elapsed = Duration::from_secs(second as u64);
            let taken = time.unit(ticks, Came { now: UtcMillis(DAY + second * 1000), elapsed });
            let sure = taken.uncertainty <= DurationMs(200);
            match second {
                ..100 | 710.. => assert!(sure, "{taken:?} at {second} s"),
                105..700 => assert!(!sure, "{taken:?} at {second} s"),
                _ => {}
            }
        }
    }

    /// A clock that is always wrong is tried again ever more seldom.
    #[test]
    fn a_clock_that_never_was_right_is_hardly_looked_at() {
        let mut time = FrameTime::default();
        let mut leaps = 0;
        for second in 0..86_400_i64 {
            let before = time.leaps;
            let elapsed = Duration::from_secs(second as u64);
            let ticks = second * second * 20 * SECOND;
            time.unit(ticks, Came { now: UtcMillis(DAY + second * 1000), elapsed });
            leaps += u32::from(time.leaps > before);
        }
        assert!((6..=30).contains(&leaps), "{leaps} leaps in a day");
    }

    #[test]
    fn the_cameras_clock_is_believed_within_bounds() {
        for (camera_before, believed) in [(300, true), (-100, true), (5_000, false), (-3_600_000, false)] {
            let mut time = FrameTime::default();
            run(&mut time, &[(0, 1000), (40, 1040)]);
            time.report(40_000, (DAY + 1040 - camera_before) * 1000);
            let units: Vec<(i64, i64)> = (2..100).map(|n| (n * 40, 1000 + n * 40)).collect();
            let out = run(&mut time, &units);
            assert!(out.is_sorted(), "{camera_before}: {out:?}");
            let want = if believed { camera_before } else { 0 };
            assert_eq!(units.last().unwrap().1 - out.last().unwrap().1, want, "{camera_before}");
        }
    }

    #[test]
    fn what_is_not_known_is_said() {
        let mut time = FrameTime::default();
        let came = |ms: u64| Came { now: UtcMillis(DAY + ms as i64), elapsed: Duration::from_millis(ms) };
        assert_eq!(time.unit(0, came(0)).uncertainty, DurationMs(501));
        time.report(0, (DAY - 120) * 1000);
        assert!(time.unit(40_000, came(40)).uncertainty.0 >= 130);
        assert_eq!(time.unit(10_000_000, came(10_000)).uncertainty, DurationMs(131));
    }

    #[test]
    fn ntp() {
        assert_eq!(from_ntp(0), None);
        assert_eq!(from_ntp((2_208_988_800 << 32) | (1 << 31)), Some(500_000));
        assert_eq!(micros(i64::MAX, 1), i64::MAX / 4);
    }
}
