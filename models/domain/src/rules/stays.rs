//! Who has been somewhere for how long, through occlusion and changes of the track's id.

use std::collections::BTreeMap;

use super::common::{Trust, distance, duration};
use crate::detection::BBox;
use crate::ids::TrackId;
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

/// How a stay survives what the tracker loses.
#[derive(Debug, Clone, Copy)]
pub struct Memory {
    /// A stay goes on when the road user is outside, or unseen, for no longer than this; but see `hidden`.
    pub away: DurationMs,
    /// A new track is the lost one when it begins within this many sizes of the box ...
    pub near: f64,
    /// ... and this much more for each second since.
    pub walks: f64,
    /// A quiet span without pictures up to this long counts as a glimpse for who stood when last seen: of a watched stream nothing
    /// is decoded while nothing moves. A longer one counts in full, as all do where this is 0, as does what nobody watched
    /// ([`Stays::unwatched`]), and as all do for who was on the move: where nothing moves it has left.
    pub quiet: DurationMs,
    pub hidden: Hidden,
}

/// What becomes of a stay while its road user is out of sight and the tracker still follows it: ten seconds who stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hidden {
    /// It may have left.
    Counts,
    /// Who was told of and is then seen again where it was had not left.
    IsThere,
}

/// From this overlap on who was hidden for long is back where it was.
const SAME_PLACE: f64 = 0.5;

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
    /// For rules that ask for it; they tell it of each track.
    pub trust: Trust,
    /// Of its track: [`Track::as_before`].
    as_before: bool,
    /// A track before that one had come: by now the picture may have grown used to it.
    came: bool,
    /// On the move when it was last seen inside.
    moves: bool,
    /// Time since it was last seen inside, as it counts; and that for which it was out of sight and followed.
    away: DurationMs,
    hidden: DurationMs,
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
            trust: Trust::default(),
            as_before: track.as_before,
            came: false,
            moves: track.is_on_the_move(),
            away: DurationMs(0),
            hidden: DurationMs(0),
        }
    }

    /// Nobody follows it any more.
    fn end_hiding(&mut self) {
        self.away = self.away + std::mem::replace(&mut self.hidden, DurationMs(0));
    }

    fn can_have_come(&self) -> bool {
        self.came || !self.as_before
    }

    /// Whether by the picture somebody can have come; until then nobody's stay has begun. For rules that tell of who comes.
    pub fn has_begun(&mut self, at: UtcMillis) -> bool {
        let begun = self.can_have_come();
        if !begun && !self.told {
            self.since = at;
        }
        begun
    }

    /// It was seen to come, and was not told of yet.
    pub fn is_new(&self) -> bool {
        self.witnessed && !self.told
    }
}

/// The time from one picture to the next.
#[derive(Debug, Clone, Copy)]
struct Passed {
    span: DurationMs,
    /// As much of it counts as time away of who stands.
    standing: DurationMs,
    unwatched: DurationMs,
}

impl Passed {
    fn of(self, stay: &Stay) -> DurationMs {
        if stay.moves { self.span } else { self.standing }
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
    /// Spans after it that nobody watched, from when until when.
    unwatched: Vec<(UtcMillis, UtcMillis)>,
}

/// Most lost stays remembered: the newest.
const LOST_MAX: usize = 200;
/// Pictures no farther apart than this come regularly: key frames do.
pub const REGULAR: DurationMs = DurationMs(2_500);
/// As much of a quiet span counts as time away.
const GLIMPSE: DurationMs = DurationMs(400);
/// A street in which nothing moves is looked at by chance every few minutes: so long without is hardly that.
pub const QUIET: DurationMs = DurationMs(3_600_000);
/// Spans that nobody watched remembered, at most, from one picture to the next: the newest.
const UNWATCHED_MAX: usize = 100;

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
        Self {
            memory,
            by_track: BTreeMap::new(),
            unseen: Vec::new(),
            lost: Vec::new(),
            last: None,
            unwatched: Vec::new(),
        }
    }

    /// Between these moments nobody watched the stream, so that the next picture cannot tell who stayed. Told before that
    /// picture.
    pub fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        if self.unwatched.len() == UNWATCHED_MAX {
            self.unwatched.remove(0);
        }
        self.unwatched.push((from, until));
    }

    fn passes(&mut self, at: UtcMillis) -> Passed {
        let last = self.last.replace(at).unwrap_or(at);
        let span = at.since(last).max(DurationMs(0));
        let within =
            |(from, until): &(UtcMillis, UtcMillis)| (*until).min(at).since((*from).max(last)).0.max(0);
        let unwatched = DurationMs(self.unwatched.iter().map(within).sum::<i64>().min(span.0));
        self.unwatched.retain(|(_, until)| *until > at);
        let quiet = span - unwatched;
        let standing = match span > REGULAR && quiet <= self.memory.quiet {
            true => unwatched + quiet.min(GLIMPSE),
            false => span,
        };
        Passed { span, standing, unwatched }
    }

    /// Call once a picture, before [`Stays::inside`]; gives back the stays that are over.
    pub fn begin(&mut self, at: UtcMillis, tracks: &[Track]) -> Vec<Stay> {
        self.unseen = tracks.iter().filter(|t| !t.is_seen(at)).map(|t| t.id).collect();
        let passed = self.passes(at);
        for (id, stay) in &mut self.by_track {
            let is_hidden = self.memory.hidden == Hidden::IsThere && stay.told && self.unseen.contains(id);
            let counts = passed.of(stay);
            let hidden = if is_hidden { counts - passed.unwatched } else { DurationMs(0) };
            (stay.hidden, stay.away) = (stay.hidden + hidden, stay.away + (counts - hidden));
        }
        self.lost.iter_mut().for_each(|stay| stay.away = stay.away + passed.of(stay));
        let away = self.memory.away;
        let is_over = |s: &Stay| s.away > away || at < s.inside;
        let gone = |id: &TrackId| tracks.iter().all(|t| t.id != *id);
        let mut over: Vec<Stay> = Vec::new();
        let mut kept = BTreeMap::new();
        for (id, mut stay) in std::mem::take(&mut self.by_track) {
            if gone(&id) {
                stay.end_hiding();
            }
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
        let away = self.memory.away;
        let elsewhere = |s: &Stay| s.hidden > away && s.bbox.iou(&track.bbox) < SAME_PLACE;
        if self.by_track.get(&track.id).is_some_and(elsewhere) {
            // The tracker may have taken somebody else for it.
            self.by_track.remove(&track.id);
        }
        let taken_over = match self.by_track.contains_key(&track.id) {
            true => None,
            false => self.lost_near(track),
        };
        let goes_on = |stay: Stay| Stay { came: stay.can_have_come(), ..stay };
        let new = || taken_over.map_or_else(|| Stay::new(at, track), goes_on);
        let stay = self.by_track.entry(track.id).or_insert_with(new);
        (stay.inside, stay.bbox, stay.moves) = (at, track.bbox, track.is_on_the_move());
        stay.as_before = track.as_before;
        (stay.away, stay.hidden) = (DurationMs(0), DurationMs(0));
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
        // In a quiet span nobody went far.
        let gone = |s: &Stay| track.began.since(s.inside).min(s.away + s.hidden).seconds().max(0.0);
        let reach = |s: &Stay| self.memory.near + self.memory.walks * gone(s);
        let alike = |s: &Stay| (0.4..=2.5).contains(&(size_of(&s.bbox) / size));
        // Who comes later where somebody else is hidden is somebody else.
        let late = |s: &Stay| s.away + s.hidden > self.memory.away;
        let same = |s: &Stay| s.inside <= track.began && alike(s) && far(s) <= reach(s) && !late(s);
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

#[cfg(test)]
#[path = "stays_tests.rs"]
mod tests;
