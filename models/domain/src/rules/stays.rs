//! Who has been somewhere for how long, through occlusion and changes of the track's id.

use std::collections::BTreeMap;

use super::common::{distance, duration};
use crate::detection::BBox;
use crate::ids::TrackId;
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

/// How a stay survives what the tracker loses.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// A stay goes on when the road user is outside, or unseen, for no longer than this.
    pub away: DurationMs,
    /// A new track is the lost one when it begins within this many sizes of the box ...
    pub near: f64,
    /// ... and this much more for each second since.
    pub walks: f64,
    /// A span without pictures up to this long counts as a glimpse: while nothing is decoded nobody looks, and who had moved
    /// would have been seen to. A longer one counts in full, as all do where this is 0.
    pub blind: DurationMs,
}

/// One road user's stay.
#[derive(Debug, Clone)]
pub struct Stay {
    pub since: UtcMillis,
    /// Where it was when the stay began.
    pub from: BBox,
    /// Last seen inside, and where.
    pub inside: UtcMillis,
    pub bbox: BBox,
    pub told: bool,
    /// Of somebody who was seen to come ([`Track::witnessed`]).
    pub witnessed: bool,
    /// Time since it was last seen inside, as it counts.
    away: DurationMs,
}

impl Stay {
    fn new(at: UtcMillis, track: &Track) -> Self {
        let bbox = track.bbox;
        Self {
            since: at,
            from: bbox,
            inside: at,
            bbox,
            told: false,
            witnessed: track.witnessed,
            away: DurationMs(0),
        }
    }

    /// It can be told of, and was not yet.
    pub fn is_new(&self) -> bool {
        self.witnessed && !self.told
    }
}

/// The stays of all road users in one place.
#[derive(Debug, Clone)]
pub struct Stays {
    memory: Memory,
    by_track: BTreeMap<TrackId, Stay>,
    /// Tracks that this picture did not show: one of them may go on under a new id.
    unseen: Vec<TrackId>,
    /// Stays whose track is gone.
    lost: Vec<Stay>,
    /// Time of the last picture.
    last: Option<UtcMillis>,
}

/// Most lost stays remembered: the newest.
const LOST_MAX: usize = 200;
/// Pictures no farther apart than this come regularly: key frames do.
const REGULAR: DurationMs = DurationMs(2_500);
/// As much of a span without pictures counts as time away.
const GLIMPSE: DurationMs = DurationMs(400);

/// How long one may be away, from the scene file. Shorter than from one key frame to the next, nobody would stay.
pub fn away(key: &str, ms: i64) -> Result<DurationMs, String> {
    let away = duration(key, ms)?;
    if away >= REGULAR {
        Ok(away)
    } else {
        Err(format!(
            "{key}: {ms} is less than {}: who is looked at in key frames would be gone each time",
            REGULAR.0
        ))
    }
}

impl Stays {
    pub fn new(memory: Memory) -> Self {
        Self { memory, by_track: BTreeMap::new(), unseen: Vec::new(), lost: Vec::new(), last: None }
    }

    /// Call once a picture, before [`Stays::inside`]; gives back the stays that are over.
    pub fn begin(&mut self, at: UtcMillis, tracks: &[Track]) -> Vec<Stay> {
        self.unseen = tracks.iter().filter(|t| !t.is_seen(at)).map(|t| t.id).collect();
        let span = self.last.replace(at).map_or(DurationMs(0), |last| at.since(last)).max(DurationMs(0));
        let counts = if span > REGULAR && span <= self.memory.blind { GLIMPSE } else { span };
        self.by_track.values_mut().chain(&mut self.lost).for_each(|stay| stay.away = stay.away + counts);
        let away = self.memory.away;
        let is_over = |s: &Stay| s.away > away || at < s.inside;
        let gone = |id: &TrackId| tracks.iter().all(|t| t.id != *id);
        let mut over: Vec<Stay> = Vec::new();
        let mut kept = BTreeMap::new();
        for (id, stay) in std::mem::take(&mut self.by_track) {
            if is_over(&stay) {
                over.push(stay);
            } else if gone(&id) {
                self.lost.push(stay);
            } else {
                kept.insert(id, stay);
            }
        }
        self.by_track = kept;
        let lost = std::mem::take(&mut self.lost);
        let (ended, lost): (Vec<Stay>, Vec<Stay>) = lost.into_iter().partition(is_over);
        self.lost = lost;
        let surplus = self.lost.len().saturating_sub(LOST_MAX);
        over.extend(self.lost.drain(..surplus));
        over.extend(ended);
        over
    }

    /// The road user is seen inside: its stay.
    pub fn inside(&mut self, at: UtcMillis, track: &Track) -> &mut Stay {
        let taken_over = match self.by_track.contains_key(&track.id) {
            true => None,
            false => self.lost_near(track),
        };
        let new = || taken_over.unwrap_or_else(|| Stay::new(at, track));
        let stay = self.by_track.entry(track.id).or_insert_with(new);
        (stay.inside, stay.bbox, stay.away) = (at, track.bbox, DurationMs(0));
        stay.witnessed |= track.witnessed;
        stay
    }

    /// Begins the stay anew: it did something that ends it, and is still there.
    pub fn restart(&mut self, at: UtcMillis, track: &Track) -> Option<Stay> {
        self.by_track.insert(track.id, Stay::new(at, track))
    }

    /// The road user is seen outside: its stay, when it `is_over` for that and not only when it was away for long.
    pub fn left(&mut self, track: TrackId, is_over: impl Fn(&Stay) -> bool) -> Option<Stay> {
        self.by_track.get(&track).is_some_and(is_over).then(|| self.by_track.remove(&track)).flatten()
    }

    /// The nearest lost stay that this new track can be the rest of.
    fn lost_near(&mut self, track: &Track) -> Option<Stay> {
        let size = size_of(&track.began_bbox);
        let far = |s: &Stay| distance(s.bbox.foot(), track.began_bbox.foot()) / size;
        // In a span without pictures nobody went far.
        let gone = |s: &Stay| track.began.since(s.inside).min(s.away).seconds().max(0.0);
        let reach = |s: &Stay| self.memory.near + self.memory.walks * gone(s);
        let alike = |s: &Stay| (0.4..=2.5).contains(&(size_of(&s.bbox) / size));
        let same = |s: &Stay| s.inside <= track.began && alike(s) && far(s) <= reach(s);
        let unseen = self.unseen.iter().filter_map(|id| Some((*id, self.by_track.get(id)?)));
        let unseen = unseen.filter(|(_, s)| same(s)).min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
        let lost = self.lost.iter().enumerate().filter(|(_, s)| same(s));
        let lost = lost.min_by(|a, b| far(a.1).total_cmp(&far(b.1)));
        match (unseen, lost) {
            (Some((id, a)), other) if other.is_none_or(|(_, b)| far(a) <= far(b)) => {
                self.by_track.remove(&id)
            }
            (_, Some((i, _))) => Some(self.lost.swap_remove(i)),
            (_, None) => None,
        }
    }
}
