//! Makes a [`TrackRecord`] of every track that is over. Fed with what one camera's tracker says, picture by picture.

use std::collections::BTreeMap;

use super::colour::ColourVotes;
use super::record::{LineTouch, PATH_MAX, PathPoint, TOUCHED_MAX, TrackRecord, ZoneTouch, simplified};
use crate::count::LineCrossing;
use crate::detection::{BBox, Class};
use crate::geo::{Point, inside};
use crate::ground::Ground;
use crate::ids::{CameraId, TrackId};
use crate::scene::Zone;
use crate::track::{Track, size_of};
use crate::units::{DurationMs, MetersPerSecond, UtcMillis};

/// Who stays longer is kept in parts, so that a parked car can be found before it leaves.
pub const SPAN_MAX: DurationMs = DurationMs(600_000);
/// Looks at the pixels of one record.
const LOOKS_MAX: u32 = 6;
/// A further look must be this much better than the last one, and counts twice as much.
const BETTER: f64 = 1.5;
/// A path gets a point whenever the road user has gone this part of its size ...
const SPACING: f64 = 0.25;
/// ... and is thinned when it has so many.
const POINTS_MAX: usize = 64;
/// How far the kept path may be from the true one, in sizes of the box.
const OFF: f64 = 0.12;
/// Time that jumps back farther ends every track.
const BACK_MAX: DurationMs = DurationMs(1_000);

/// One camera's tracks that are not over yet.
pub struct Gatherer {
    camera: CameraId,
    zones: Vec<Zone>,
    ground: Option<Ground>,
    live_by_track: BTreeMap<TrackId, Live>,
    last: Option<UtcMillis>,
}

struct Live {
    class: Class,
    began: UtcMillis,
    /// Last detection, and where it touched the ground then.
    seen: PathPoint,
    size: f64,
    path: Vec<PathPoint>,
    /// Pixels between two points.
    spacing: f64,
    lines: Vec<LineTouch>,
    zones: Vec<ZoneTouch>,
    best: Best,
    looks: u32,
    /// Worth of the last look.
    looked: f64,
    votes: ColourVotes,
}

struct Best {
    at: UtcMillis,
    bbox: BBox,
    score: f32,
    worth: f64,
}

impl Gatherer {
    /// `ground`: the camera's geometry, when it is known.
    pub fn new(camera: CameraId, zones: Vec<Zone>, ground: Option<Ground>) -> Self {
        Self { camera, zones, ground, live_by_track: BTreeMap::new(), last: None }
    }

    /// Takes one picture: all its confirmed tracks and the crossings that became certain with it. Appends the records of
    /// tracks that are over. `look` reads the colours inside a box of the scene; it is called for a few boxes a track.
    pub fn step(
        &mut self,
        at: UtcMillis,
        tracks: &[Track],
        crossings: &[LineCrossingAt],
        look: &mut dyn FnMut(&BBox, Class) -> Option<ColourVotes>,
        out: &mut Vec<TrackRecord>,
    ) {
        if self.last.replace(at).is_some_and(|last| last.since(at).0 > BACK_MAX.0) {
            self.finish(out);
        }
        for track in tracks.iter().filter(|t| t.is_seen(at)) {
            let live = self.live_by_track.entry(track.id).or_insert_with(|| Live::new(track));
            live.see(at, track, &self.zones, look);
        }
        for (when, crossing) in crossings {
            if let Some(live) = self.live_by_track.get_mut(&crossing.track) {
                live.crossed(*when, crossing);
            }
        }
        let over = |id: &TrackId, live: &Live| {
            tracks.iter().all(|t| t.id != *id) || at.since(live.began).0 >= SPAN_MAX.0
        };
        let over: Vec<TrackId> =
            self.live_by_track.iter().filter(|(id, live)| over(id, live)).map(|(id, _)| *id).collect();
        for id in over {
            out.extend(self.end(id));
        }
    }

    /// The stream is over: appends the records of everybody who was there.
    pub fn finish(&mut self, out: &mut Vec<TrackRecord>) {
        let ids: Vec<TrackId> = self.live_by_track.keys().copied().collect();
        out.extend(ids.into_iter().filter_map(|id| self.end(id)));
    }

    fn end(&mut self, id: TrackId) -> Option<TrackRecord> {
        let mut live = self.live_by_track.remove(&id)?;
        if live.path.last().is_none_or(|last| last.at != live.seen.at) {
            live.path.push(live.seen);
        }
        let path = simplified(&live.path, OFF * live.size, PATH_MAX);
        Some(TrackRecord {
            camera: self.camera.clone(),
            track: id,
            class: live.class,
            began: live.began,
            ended: live.seen.at.max(live.began),
            mean_speed: self.ground.as_ref().and_then(|ground| mean_speed(&live.path, ground)),
            path,
            lines: live.lines,
            zones: live.zones,
            best_at: live.best.at,
            best_box: live.best.bbox,
            best_score: live.best.score,
            colour: live.votes.winner().map(|(colour, _)| colour),
        })
    }
}

/// A crossing and when it happened.
pub type LineCrossingAt = (UtcMillis, LineCrossing);

impl Live {
    fn new(track: &Track) -> Self {
        let size = size_of(&track.bbox);
        let first = PathPoint { at: track.began, p: track.began_bbox.foot() };
        // A record of a track that went on after SPAN_MAX begins where the one before ended.
        let began = if track.seen.since(track.began).0 >= SPAN_MAX.0 { track.seen } else { track.began };
        let path = if began == track.began { vec![first] } else { Vec::new() };
        Self {
            class: track.class,
            began,
            seen: first,
            size,
            path,
            spacing: (SPACING * size).max(1.0),
            lines: Vec::new(),
            zones: Vec::new(),
            best: Best { at: began, bbox: track.bbox, score: track.score, worth: 0.0 },
            looks: 0,
            looked: 0.0,
            votes: ColourVotes::default(),
        }
    }

    fn see(
        &mut self,
        at: UtcMillis,
        track: &Track,
        zones: &[Zone],
        look: &mut dyn FnMut(&BBox, Class) -> Option<ColourVotes>,
    ) {
        let foot = track.bbox.foot();
        self.class = track.class;
        self.seen = PathPoint { at, p: foot };
        self.size = size_of(&track.bbox);
        self.walk(at, foot);
        for zone in zones.iter().filter(|z| inside(&z.polygon, foot)) {
            if let Some(touch) = self.zones.iter_mut().find(|z| z.zone == zone.id) {
                touch.to = at;
            } else if self.zones.len() < TOUCHED_MAX {
                self.zones.push(ZoneTouch { zone: zone.id.clone(), from: at, to: at });
            }
        }
        let worth = f64::from(track.score) * self.size;
        if worth > self.best.worth {
            self.best = Best { at, bbox: track.bbox, score: track.score, worth };
        }
        if self.looks < LOOKS_MAX && worth > self.looked * BETTER {
            self.looks += 1;
            self.looked = worth;
            if let Some(votes) = look(&track.bbox, track.class) {
                self.votes.halve();
                self.votes.add(&votes);
            }
        }
    }

    fn walk(&mut self, at: UtcMillis, foot: Point) {
        let far =
            |last: &PathPoint| (foot.x - last.p.x).hypot(foot.y - last.p.y) >= self.spacing && at > last.at;
        if !self.path.last().is_none_or(far) {
            return;
        }
        self.path.push(PathPoint { at, p: foot });
        if self.path.len() >= POINTS_MAX {
            let mut n = 0_usize;
            self.path.retain(|_| {
                n += 1;
                n % 2 == 1
            });
            self.spacing *= 2.0;
        }
    }

    fn crossed(&mut self, at: UtcMillis, crossing: &LineCrossing) {
        if self.lines.len() < TOUCHED_MAX {
            let (line, direction) = (crossing.line.clone(), crossing.direction);
            self.lines.push(LineTouch { line, direction, at });
        }
    }
}

/// Way over the ground by the time it took. A path that shakes in its place adds no way: its points are a part of the
/// road user's size apart.
fn mean_speed(path: &[PathPoint], ground: &Ground) -> Option<MetersPerSecond> {
    let (first, last) = (path.first()?, path.last()?);
    let seconds = last.at.since(first.at).seconds();
    if seconds < 0.5 {
        return None;
    }
    let points: Vec<_> = path.iter().map(|p| ground.at(p.p)).collect::<Option<_>>()?;
    let way: f64 = points.windows(2).map(|w| (w[1].x - w[0].x).hypot(w[1].y - w[0].y)).sum();
    way.is_finite().then_some(MetersPerSecond(way / seconds))
}

#[cfg(test)]
#[path = "gather_tests.rs"]
mod tests;
