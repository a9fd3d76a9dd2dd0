//! The life of one track: tentative, confirmed, coasting, over.

use super::motion::Motion;
use super::{Settings, Track, Trail};
use crate::detection::{BBox, Class, Detection};
use crate::ids::TrackId;
use crate::units::{DurationMs, UtcMillis};

/// Part of the votes from which a road user that mostly looks like a person is a rider.
const RIDER_VOTES: f32 = 0.3;
/// Below this speed, in sizes of the box a second, a road user stands.
const STANDING: f64 = 0.25;
/// Part of its way that a weak track must have made good.
const STRAIGHT: f64 = 0.4;
/// A track must be this old before it can be said to stand.
const STANDING_AGE: DurationMs = DurationMs(1_000);

/// What the tracker keeps of one road user.
#[derive(Debug, Clone)]
pub struct Life {
    pub id: TrackId,
    pub motion: Motion,
    /// Time since the last detection, by the tracker's own clock that never runs backwards.
    pub unseen: DurationMs,
    age: DurationMs,
    hits: u32,
    confirmed: bool,
    votes: [f32; Class::ALL.len()],
    score: f32,
    /// Length of its way with all its turns and shakes, in pixels.
    way: f64,
    /// Best score of all its detections.
    best: f32,
    began: UtcMillis,
    began_bbox: BBox,
    seen: UtcMillis,
    trail: Trail,
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
            age: DurationMs(0),
            hits: 1,
            confirmed: false,
            votes,
            score: first.score,
            best: first.score,
            way: 0.0,
            began: at,
            began_bbox: first.bbox,
            seen: at,
            trail,
        }
    }

    pub fn predict(&mut self, step: DurationMs) {
        let (vx, vy) = self.motion.velocity();
        self.way += vx.hypot(vy) * step.seconds();
        self.motion.predict(step.seconds());
        self.unseen.0 += step.0;
        self.age.0 += step.0;
    }

    pub fn update(&mut self, at: UtcMillis, seen: &Detection, settings: &Settings) {
        let before = self.motion.bbox().center();
        self.motion.update(&seen.bbox, seen.score);
        self.trail.push(at, &seen.bbox);
        let after = self.motion.bbox().center();
        self.way += (after.x - before.x).hypot(after.y - before.y);
        self.votes[index(seen.class)] += seen.score;
        self.score = seen.score;
        self.hits = self.hits.saturating_add(1);
        self.seen = at;
        self.unseen = DurationMs(0);
        self.best = self.best.max(seen.score);
        self.confirmed |= self.is_credible(settings);
    }

    /// Seen often and long enough, and either clearly or while it went steadily on: what a network takes for a road user by
    /// mistake stays where it is or jumps about.
    fn is_credible(&self, settings: &Settings) -> bool {
        if self.hits < settings.confirm_hits || self.age < settings.confirm_after {
            return false;
        }
        let (from, to) = (self.began_bbox.center(), self.motion.bbox().center());
        let gone = (to.x - from.x).hypot(to.y - from.y);
        let moved = gone / self.motion.size();
        self.best >= settings.sure
            || (self.hits >= 2 * settings.confirm_hits - 1
                && self.age.0 >= 2 * settings.confirm_after.0
                && moved >= settings.confirm_moved
                && gone >= STRAIGHT * self.way
                && self.motion.relative_speed() >= STANDING)
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
        self.unseen > memory
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

    pub fn track(&self) -> Track {
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
