//! The life of one track: tentative, confirmed, coasting, over.

use super::looks::Looks;
use super::motion::Motion;
use super::{Settings, Track, Trail};
use crate::detection::{BBox, Class, Detection};
use crate::geo::Point;
use crate::ids::TrackId;
use crate::units::{DurationMs, UtcMillis};

/// Part of the votes from which a road user that mostly looks like a person is a rider.
const RIDER_VOTES: f32 = 0.3;
/// Below this speed, in sizes of the box a second, a road user stands.
const STANDING: f64 = 0.25;
/// How far off its straight course a weak track's boxes may lie, as a share of the course's length.
const OFF_COURSE: f64 = 0.2;
/// Of the time between two pictures no more than this counts as not having been seen: while nothing is decoded nobody looks.
const BLIND: DurationMs = DurationMs(400);
/// A moving road user that was not seen for so long is over, however few pictures there were.
const MEMORY_MAX: DurationMs = DurationMs(6_000);
/// A speed is a road user's own when its sigma is below this, in sizes a second.
const KNOWN_SPEED: f64 = 0.8;
/// Seen in one of the last pictures.
const OF_LATE: DurationMs = DurationMs(600);
/// Share of the newest score in the usual one, and what a box counts for when it is asked whether there is somebody: both of boxes
/// this far apart or farther. More pictures a second show no more than that.
const USUAL_SHARE: f32 = 0.2;
const USUAL_STEP: DurationMs = DurationMs(160);
/// A track must be this old before it can be said to stand.
const STANDING_AGE: DurationMs = DurationMs(1_000);

/// A straight line through all boxes of a track, over time: sums for least squares.
#[derive(Debug, Clone, Copy, Default)]
struct Course {
    from: Point,
    n: f64,
    t: f64,
    tt: f64,
    x: f64,
    y: f64,
    xt: f64,
    yt: f64,
    squares: f64,
    end: f64,
}

impl Course {
    fn new(first: &BBox) -> Self {
        let mut course = Self { from: first.center(), ..Self::default() };
        course.push(0.0, first);
        course
    }

    fn push(&mut self, t: f64, bbox: &BBox) {
        let (x, y) = (bbox.center().x - self.from.x, bbox.center().y - self.from.y);
        self.n += 1.0;
        self.t += t;
        self.tt += t * t;
        self.x += x;
        self.y += y;
        self.xt += x * t;
        self.yt += y * t;
        self.squares += x * x + y * y;
        self.end = t;
    }

    /// Length of the line, and how far the boxes lie off it (root mean square), in pixels.
    fn steady(&self) -> (f64, f64) {
        let n = self.n;
        let spread = self.tt - self.t * self.t / n;
        if spread <= 0.0 {
            return (0.0, f64::INFINITY);
        }
        let (cx, cy) = (self.xt - self.x * self.t / n, self.yt - self.y * self.t / n);
        let (vx, vy) = (cx / spread, cy / spread);
        let all = self.squares - (self.x * self.x + self.y * self.y) / n;
        let off = (all - (cx * cx + cy * cy) / spread).max(0.0);
        (vx.hypot(vy) * self.end, (off / n).sqrt())
    }
}

/// What the tracker keeps of one road user.
#[derive(Debug, Clone)]
pub struct Life {
    pub id: TrackId,
    pub motion: Motion,
    /// Time since the last detection, by the tracker's own clock that never runs backwards.
    pub unseen: DurationMs,
    /// Scores it had of late, smoothed.
    pub usual: f32,
    /// The same without the time in which no picture was looked at.
    missed: DurationMs,
    age: DurationMs,
    hits: u32,
    /// Scores of its boxes, each by the time since the one before.
    evidence: f32,
    confirmed: bool,
    votes: [f32; Class::ALL.len()],
    score: f32,
    /// Whether it goes steadily on.
    course: Course,
    /// Best score of all its detections.
    best: f32,
    began: UtcMillis,
    began_bbox: BBox,
    seen: UtcMillis,
    trail: Trail,
    witnessed: bool,
    faint: bool,
}

impl Life {
    pub fn new(id: TrackId, at: UtcMillis, first: &Detection) -> Self {
        let mut votes = [0.0; Class::ALL.len()];
        votes[index(first.class)] = first.score;
        let mut trail = Trail::default();
        trail.push(at, &first.bbox);
        Self {
            id,
            motion: Motion::new(&first.bbox),
            unseen: DurationMs(0),
            missed: DurationMs(0),
            age: DurationMs(0),
            hits: 1,
            evidence: first.score,
            confirmed: false,
            votes,
            score: first.score,
            usual: first.score,
            best: first.score,
            course: Course::new(&first.bbox),
            began: at,
            began_bbox: first.bbox,
            seen: at,
            trail,
            witnessed: false,
            faint: false,
        }
    }

    pub fn predict(&mut self, step: DurationMs) {
        self.motion.predict(step.seconds());
        self.unseen.0 += step.0;
        self.missed.0 += step.0.min(BLIND.0);
        self.age.0 += step.0;
    }

    pub fn update(&mut self, at: UtcMillis, seen: &Detection, settings: &Settings) {
        self.motion.update(&seen.bbox, seen.score);
        self.course.push(self.age.seconds(), &seen.bbox);
        self.trail.push(at, &seen.bbox);
        self.votes[index(seen.class)] += seen.score;
        self.score = seen.score;
        let weight = (self.unseen.0 as f32 / USUAL_STEP.0 as f32).clamp(0.0, 1.0);
        self.usual += (1.0 - (1.0 - USUAL_SHARE).powf(weight)) * (seen.score - self.usual);
        self.evidence += weight * seen.score;
        self.hits = self.hits.saturating_add(1);
        self.seen = at;
        self.unseen = DurationMs(0);
        self.missed = DurationMs(0);
        self.best = self.best.max(seen.score);
        self.confirmed |= self.is_credible(settings);
    }

    /// Something moves in the picture of this step: who begins in it, or has come so far, was seen to.
    pub fn witness(&mut self) {
        let (here, from) = (self.motion.bbox().center(), self.began_bbox.center());
        let gone = || (here.x - from.x).hypot(here.y - from.y);
        let is_seen = self.unseen.0 == 0;
        self.witnessed |= is_seen && (self.hits == 1 || gone() >= self.motion.size());
    }

    /// Of late it was seen far worse than others of its size here.
    pub fn compare(&mut self, at: UtcMillis, looks: &Looks) {
        self.faint = looks.is_faint(at, &self.motion.bbox(), self.class(), self.usual);
    }

    /// Seen often and long enough, and either clearly or while it went steadily on: what a network takes for a road user by
    /// mistake stays where it is or jumps about.
    fn is_credible(&self, settings: &Settings) -> bool {
        if self.hits < settings.confirm_hits || self.age < settings.confirm_after {
            return false;
        }
        let (moved, off) = self.course.steady();
        self.best >= settings.sure
            || (self.hits >= 2 * settings.confirm_hits - 1
                && self.age.0 >= 2 * settings.confirm_after.0
                && self.evidence >= settings.confirm_votes
                && moved >= settings.confirm_moved * self.motion.size()
                && off <= OFF_COURSE * moved
                && self.motion.relative_speed() >= STANDING)
    }

    /// Seen so often that its velocity is its own.
    pub fn is_well_known(&self) -> bool {
        self.hits >= 4 && self.motion.speed_spread() < KNOWN_SPEED
    }

    /// In one of the last pictures.
    pub fn was_seen_of_late(&self) -> bool {
        self.unseen <= OF_LATE
    }

    pub fn is_confirmed(&self) -> bool {
        self.confirmed
    }

    pub fn is_standing(&self) -> bool {
        self.age >= STANDING_AGE && self.motion.relative_speed() < STANDING
    }

    pub fn is_over(&self, settings: &Settings) -> bool {
        let memory = if !self.confirmed {
            settings.tentative_memory
        } else if self.is_standing() {
            settings.standing_memory
        } else {
            settings.moving_memory
        };
        self.missed > memory || self.unseen > memory.max(MEMORY_MAX)
    }

    /// Never seen clearly.
    pub fn is_weak(&self, settings: &Settings) -> bool {
        self.best < settings.sure
    }

    /// Which of two tracks on one road user stays.
    pub fn outranks(&self, other: &Life, settings: &Settings) -> bool {
        let sure = |l: &Life| (l.confirmed, !l.is_weak(settings));
        let votes = |l: &Life| l.votes.iter().sum::<f32>();
        sure(self).cmp(&sure(other)).then(votes(self).total_cmp(&votes(other))).is_gt()
    }

    pub fn class(&self) -> Class {
        let best = |classes: &[Class]| {
            classes.iter().copied().max_by(|a, b| self.votes[index(*a)].total_cmp(&self.votes[index(*b)]))
        };
        let two_wheelers = [Class::Bicycle, Class::Motorcycle];
        let votes: f32 = two_wheelers.iter().map(|c| self.votes[index(*c)]).sum();
        let all: f32 = self.votes.iter().sum();
        let most = best(&Class::ALL).unwrap_or(Class::Person);
        let rider = most == Class::Person && votes > RIDER_VOTES * all;
        if rider { best(&two_wheelers).unwrap_or(most) } else { most }
    }

    pub fn track(&self, settings: &Settings) -> Track {
        Track {
            id: self.id,
            class: self.class(),
            bbox: self.motion.bbox(),
            velocity: self.motion.velocity(),
            trail: self.trail,
            score: self.score,
            began: self.began,
            began_bbox: self.began_bbox,
            seen: self.seen,
            witnessed: self.witnessed,
            faint: self.faint,
            clear: !self.is_weak(settings),
            as_before: false,
        }
    }
}

fn index(class: Class) -> usize {
    match class {
        Class::Person => 0,
        Class::Bicycle => 1,
        Class::Motorcycle => 2,
        Class::Car => 3,
        Class::Bus => 4,
        Class::Truck => 5,
    }
}
