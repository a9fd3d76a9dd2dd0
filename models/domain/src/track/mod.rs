//! Following road users from picture to picture, by time and not by the number of the picture.
//!
//! Two passes as in ByteTrack (Zhang et al. 2022): boxes with a high score first, then the doubtful ones for the tracks
//! that found none. Pairs are the cheapest assignment over predicted boxes, gated by distance in sizes of the box, so
//! that a motorcycle at six pictures a second is followed though its boxes do not overlap.

mod affinity;
mod assign;
mod flow;
mod life;
mod looks;
mod motion;
mod shake;
mod trail;

#[cfg(test)]
mod tests;

pub use motion::{JITTER, size_of};
pub use trail::{Step, Trail};

use crate::detection::{BBox, Class, Detection};
use crate::ids::TrackId;
use crate::units::{DurationMs, UtcMillis};
use affinity::{Gate, Search, Seen};
use assign::{Costs, FORBIDDEN, cheapest_pairs};
use flow::Flow;
use life::Life;
use looks::Looks;
use shake::Shake;

/// One road user as the tracker believes it to be at the time of a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Track {
    pub id: TrackId,
    /// The class most of its detections voted for, weighted by score.
    pub class: Class,
    /// Filtered box in pixels of the scene.
    pub bbox: BBox,
    /// Filtered speed of the box's centre in pixels a second: x, y.
    pub velocity: (f64, f64),
    /// Where it touched the ground of late; [`crate::ground::Ground::speed`] makes meters a second of it.
    pub trail: Trail,
    /// Score of the last detection that fed it.
    pub score: f32,
    /// First detection.
    pub began: UtcMillis,
    /// Box of the first detection.
    pub began_bbox: BBox,
    /// Last detection; earlier than the step's time while the track is coasting.
    pub seen: UtcMillis,
    /// It began in a picture in which something moves by its brightness, or has gone its own size in one since. Whom the network
    /// only ever saw in a still picture, nobody saw come or do anything; it still stands where it stands, so occupancy, queues, crowds
    /// and left objects do not ask.
    pub witnessed: bool,
    /// A vehicle that of late was seen far worse than others of its size here: as a rule a piece of one, or what it leaves behind. It
    /// crosses no line and comes through no gate of a junction.
    pub faint: bool,
    /// Some box that fed it had the score [`Settings::sure`]. A vehicle that never had is as a rule a sign, a branch or a piece of
    /// another: it stands, and is dragged along by who drives past.
    pub clear: bool,
    /// Where it is the picture looks as it did before it came ([`crate::scenery`]): a post, a branch, or a vehicle that stood there all
    /// the time. The tracker itself does not ask.
    pub as_before: bool,
}

const ON_THE_MOVE: f64 = 0.25;

impl Track {
    /// From a quarter of its own size a second on.
    pub fn is_on_the_move(&self) -> bool {
        let (vx, vy) = self.velocity;
        vx.hypot(vy) >= ON_THE_MOVE * size_of(&self.bbox)
    }

    /// Whether a detection of the step at `at` fed it; otherwise it is coasting on its prediction.
    pub fn is_seen(&self, at: UtcMillis) -> bool {
        self.seen == at
    }
}

/// How the tracker trusts and forgets. The defaults suit street cameras from 6 to 25 pictures a second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Settings {
    /// Boxes from this score on are taken first.
    pub high: f32,
    /// Boxes from this score on may go on with a track, never begin one.
    pub low: f32,
    /// Boxes from this score on begin a track.
    pub birth: f32,
    /// A track that had a box of this score is believed; others only when they move on steadily.
    pub sure: f32,
    /// How far such a weak one must have moved, in sizes of its box ...
    pub confirm_moved: f64,
    /// ... and what the scores of its boxes must sum up to: the weaker they are, the more of them it takes. Those of boxes that follow
    /// each other fast count less.
    pub confirm_votes: f32,
    /// A track counts from so many detections on ...
    pub confirm_hits: u32,
    /// ... and not before this age.
    pub confirm_after: DurationMs,
    /// How long a track that is not confirmed yet may go without a detection.
    pub tentative_memory: DurationMs,
    /// How long a moving road user may be hidden.
    pub moving_memory: DurationMs,
    /// How long a standing road user may be hidden.
    pub standing_memory: DurationMs,
    /// That the camera shakes is believed when so many tracks say it; fewer prove nothing.
    pub shake_witnesses: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            high: 0.3,
            low: 0.12,
            birth: 0.18,
            sure: 0.4,
            confirm_moved: 0.6,
            confirm_votes: 1.0,
            confirm_hits: 3,
            confirm_after: DurationMs(200),
            tentative_memory: DurationMs(450),
            moving_memory: DurationMs(1_500),
            standing_memory: DurationMs(10_000),
            shake_witnesses: 5,
        }
    }
}

/// Most boxes taken from one picture, best first, and most tracks kept: a bound on time, far above any street.
const MOST: usize = 400;
/// A box that covers a track this much does not begin another track.
const SAME_IOU: f64 = 0.5;
/// Two tracks that agree this much are one road user.
const DOUBLE_IOU: f64 = 0.8;

const SURE: Gate = Gate { near: 0.35, sigmas: 2.0, far: 1.4, iou: 0.0 };
const NEW: Gate = Gate { near: 0.35, sigmas: 2.0, far: 2.2, iou: 0.0 };
const DOUBTFUL: Gate = Gate { near: 0.3, sigmas: 1.5, far: 0.8, iou: 0.15 };
/// A road user that is seen well as a rule goes on by a doubtful box only when it was lost no longer than this ...
const LOST: DurationMs = DurationMs(300);
/// ... and by one of less than this share of its usual score only where it overlaps this much: what hides it or what it
/// leaves behind would lead it astray.
const MUCH_WEAKER: f32 = 0.5;
const MUCH_WEAKER_IOU: f64 = 0.5;
/// Boxes of one picture that overlap more are one road user, whatever their classes ...
const TWICE_IOU: f64 = 0.7;
/// ... and this much when one is doubtful and clearly weaker than the other.
const TWICE_WEAK_IOU: f64 = 0.5;
const CLEARLY_WEAKER: f32 = 0.8;
/// Of the time between two pictures no more than this counts as time in which a vehicle was seen.
const NOTED: DurationMs = DurationMs(400);
/// Cost of each second that a track was not seen: who was seen just now goes first.
const UNSEEN_COST: f64 = 0.1;

/// Follows the road users of one camera.
pub struct Tracker {
    settings: Settings,
    lives: Vec<Life>,
    tracks: Vec<Track>,
    flow: Flow,
    looks: Looks,
    shake: Shake,
    last: Option<UtcMillis>,
    next_id: u64,
}

impl Tracker {
    pub fn new(settings: Settings) -> Self {
        Self {
            settings,
            lives: Vec::new(),
            tracks: Vec::new(),
            flow: Flow::default(),
            looks: Looks::default(),
            shake: Shake::default(),
            last: None,
            next_id: 1,
        }
    }

    /// Takes in what was seen at `at` in a picture in which something moves, and returns all confirmed tracks, the coasting
    /// ones too.
    ///
    /// Time that stands still or runs backwards moves nobody; ids are never used again.
    pub fn step(&mut self, at: UtcMillis, detections: &[Detection]) -> &[Track] {
        self.take_in(at, detections, false)
    }

    /// The same for a picture in which nothing moves: who begins in it is not [`Track::witnessed`].
    pub fn step_still(&mut self, at: UtcMillis, detections: &[Detection]) -> &[Track] {
        self.take_in(at, detections, true)
    }

    fn take_in(&mut self, at: UtcMillis, detections: &[Detection], still: bool) -> &[Track] {
        let step = DurationMs(self.last.map_or(0, |last| at.since(last).0.max(0)));
        self.last = Some(at);
        for life in &mut self.lives {
            life.predict(step);
        }
        self.lives.retain(|life| !life.is_over(&self.settings));

        let mut seen = self.usable(detections);
        seen = self.shake.rest(step, &mut self.lives, seen, self.settings.shake_witnesses);
        let split = seen.partition_point(|s| s.detection.score >= self.settings.high);
        let mut free: Vec<Option<&Seen>> = seen.iter().map(Some).collect();
        let mut fed = vec![false; self.lives.len()];
        let high = self.settings.high;
        self.pair(at, &mut free[..split], &mut fed, &SURE, |life| life.is_confirmed());
        self.pair(at, &mut free[..split], &mut fed, &NEW, |life| !life.is_confirmed());
        self.pair(at, &mut free, &mut fed, &DOUBTFUL, |life| life.usual < high || life.unseen <= LOST);
        for life in self.lives.iter().filter(|l| l.is_confirmed() && l.unseen.0 == 0 && l.is_well_known()) {
            let (bbox, class) = (life.motion.bbox(), life.class());
            self.flow.learn(&bbox, class, life.motion.velocity());
            if !life.is_standing() && !life.is_weak(&self.settings) {
                self.looks.learn(at, &bbox, class, life.usual, step.min(NOTED));
            }
        }
        self.begin(at, free.iter().flatten().map(|s| &s.detection));
        if !still {
            self.lives.iter_mut().for_each(Life::witness);
        }
        self.drop_doubles();
        self.lives.iter_mut().for_each(|life| life.compare(at, &self.looks));
        self.tracks.clear();
        self.tracks.extend(self.lives.iter().filter(|l| l.is_confirmed()).map(|l| l.track(&self.settings)));
        &self.tracks
    }

    /// All confirmed tracks as of the last step.
    pub fn tracks(&self) -> &[Track] {
        &self.tracks
    }

    /// Sound boxes, best first.
    fn usable(&self, detections: &[Detection]) -> Vec<Seen> {
        let sound = |d: &&Detection| {
            let BBox { x, y, w, h } = d.bbox;
            [x, y, w, h].iter().all(|v| v.is_finite() && v.abs() < 1e6)
                && w > 0.0
                && h > 0.0
                && d.score.is_finite()
        };
        let low = self.settings.low;
        let mut seen: Vec<Detection> =
            detections.iter().filter(|d| d.score >= low).filter(sound).copied().collect();
        seen.sort_by(|a, b| b.score.total_cmp(&a.score));
        seen.truncate(MOST);
        let mut kept: Vec<Seen> = Vec::with_capacity(seen.len());
        for new in seen.into_iter().map(Seen::new) {
            if !kept.iter().any(|old| self.is_double(old, &new)) {
                kept.push(new);
            }
        }
        kept
    }

    /// Whether the weaker box shows what the stronger one shows.
    fn is_double(&self, old: &Seen, new: &Seen) -> bool {
        if !old.overlaps(new) {
            return false;
        }
        let (a, b) = (&old.detection, &new.detection);
        let iou = a.bbox.iou(&b.bbox);
        let weak = b.score < self.settings.high && b.score < CLEARLY_WEAKER * a.score;
        let part = || affinity::is_part(&a.bbox, a.class, &b.bbox, b.class);
        iou > TWICE_IOU || (weak && (iou > TWICE_WEAK_IOU || part()))
    }

    /// Feeds the tracks that `who` picks and nobody fed yet from the boxes that are still free.
    fn pair(
        &mut self,
        at: UtcMillis,
        free: &mut [Option<&Seen>],
        fed: &mut [bool],
        gate: &Gate,
        who: impl Fn(&Life) -> bool,
    ) {
        let rows: Vec<usize> = (0..self.lives.len()).filter(|&i| !fed[i] && who(&self.lives[i])).collect();
        let cols: Vec<(usize, Seen)> =
            free.iter().enumerate().filter_map(|(j, s)| s.map(|s| (j, *s))).collect();
        let mut costs = Costs::new(rows.len(), cols.len());
        for (r, &i) in rows.iter().enumerate() {
            let life = &self.lives[i];
            let search = Search::new(&life.motion, life.class(), gate);
            let unseen = UNSEEN_COST * life.unseen.seconds();
            for (c, (_, seen)) in cols.iter().enumerate() {
                let score = seen.detection.score;
                let much_weaker = score < self.settings.high && score < MUCH_WEAKER * life.usual;
                if much_weaker && search.iou(seen) < MUCH_WEAKER_IOU {
                    continue;
                }
                let cost = search.cost(seen);
                if cost < FORBIDDEN {
                    costs.allow(r, c, (cost + unseen).min(0.99));
                }
            }
        }
        for (r, c) in cheapest_pairs(&costs) {
            let (j, seen) = &cols[c];
            self.lives[rows[r]].update(at, &seen.detection, &self.settings);
            fed[rows[r]] = true;
            free[*j] = None;
        }
    }

    fn begin<'a>(&mut self, at: UtcMillis, seen: impl Iterator<Item = &'a Detection>) {
        for detection in seen.filter(|d| d.score >= self.settings.birth) {
            let weak = detection.score < self.settings.sure;
            let known = self.lives.iter().filter(|life| life.unseen.0 == 0).any(|life| {
                let bbox = life.motion.bbox();
                bbox.iou(&detection.bbox) > SAME_IOU
                    || (weak && affinity::is_part(&bbox, life.class(), &detection.bbox, detection.class))
            });
            if !known && self.lives.len() < MOST {
                let mut life = Life::new(TrackId(self.next_id), at, detection);
                if let Some(usual) = self.flow.usual(&detection.bbox, detection.class) {
                    life.motion.expect(usual.velocity, usual.spread);
                }
                self.lives.push(life);
                self.next_id += 1;
            }
        }
    }

    /// Of two tracks on one road user the one with less behind it goes.
    fn drop_doubles(&mut self) {
        let mut doubled = vec![false; self.lives.len()];
        let boxes: Vec<BBox> = self.lives.iter().map(|life| life.motion.bbox()).collect();
        for (i, (a, p)) in self.lives.iter().zip(&boxes).enumerate() {
            for (j, (b, q)) in self.lives.iter().zip(&boxes).enumerate().skip(i + 1) {
                if !p.overlaps(q) {
                    continue;
                }
                let weak = a.is_weak(&self.settings) || b.is_weak(&self.settings);
                let part = weak && affinity::is_part(p, a.class(), q, b.class());
                if part || p.iou(q) > DOUBLE_IOU {
                    doubled[if b.outranks(a, &self.settings) { i } else { j }] = true;
                }
            }
        }
        let mut doubled = doubled.into_iter();
        self.lives.retain(|_| !doubled.next().unwrap_or(false));
    }
}
