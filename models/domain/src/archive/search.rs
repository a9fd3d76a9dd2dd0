//! A question about finished tracks, checked once, and the newest of those that answer it.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::colour::Colour;
use super::record::TrackRecord;
use crate::count::Direction;
use crate::detection::Class;
use crate::ids::{CameraId, LineId, ZoneId};
use crate::units::UtcMillis;

/// Most tracks in one answer.
pub const LIMIT_MAX: usize = 500;
/// Most cameras that one question can name; none means all.
pub const CAMERAS_MAX: usize = 1_000;

/// What is looked for. Everything that is given must hold; an empty list asks nothing.
#[derive(Debug, Clone, PartialEq)]
pub struct TrackQuery {
    /// The track was there at some moment from `from` on ...
    pub from: UtcMillis,
    /// ... and before `to`.
    pub to: UtcMillis,
    pub cameras: Vec<CameraId>,
    pub classes: Vec<Class>,
    pub colours: Vec<Colour>,
    pub line: Option<LineId>,
    /// Over the line, or over any line when none is named.
    pub direction: Option<Direction>,
    pub zone: Option<ZoneId>,
    /// Height of its box when it was seen best, in pixels of the scene; both included.
    pub height_min: Option<u32>,
    pub height_max: Option<u32>,
    /// Only what comes after this place in the list, newest first.
    pub after: Option<Cursor>,
    /// 1..=[`LIMIT_MAX`]
    pub limit: usize,
}

/// A place in the list of one gateway: by the end of the track, then by the number of its record, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cursor {
    pub ended: UtcMillis,
    pub number: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {why}")]
pub struct BadQuery {
    pub field: &'static str,
    pub why: String,
}

impl TrackQuery {
    /// Everything between two moments.
    pub fn new(from: UtcMillis, to: UtcMillis) -> Self {
        Self {
            from,
            to,
            cameras: Vec::new(),
            classes: Vec::new(),
            colours: Vec::new(),
            line: None,
            direction: None,
            zone: None,
            height_min: None,
            height_max: None,
            after: None,
            limit: 100,
        }
    }

    /// # Errors
    /// [`BadQuery`] naming the first field that cannot be meant so.
    pub fn check(&self) -> Result<(), BadQuery> {
        let bad = |field, why: String| Err(BadQuery { field, why });
        if self.from >= self.to {
            return bad("to", "must be after from".into());
        }
        if !(1..=LIMIT_MAX).contains(&self.limit) {
            return bad("limit", format!("{} is outside 1..={LIMIT_MAX}", self.limit));
        }
        if self.cameras.len() > CAMERAS_MAX {
            return bad(
                "cameras",
                format!("{} are too many; name at most {CAMERAS_MAX}", self.cameras.len()),
            );
        }
        for (field, named, all) in [
            ("road_users", self.classes.len(), Class::ALL.len()),
            ("colours", self.colours.len(), Colour::ALL.len()),
        ] {
            if named > all {
                return bad(field, format!("{named} are too many; there are {all}"));
            }
        }
        match (self.height_min, self.height_max) {
            (Some(min), Some(max)) if min > max => bad("height_max", format!("{max} is less than {min}")),
            (Some(_) | None, Some(_) | None) => Ok(()),
        }
    }

    /// What can be told without the whole record. `camera` tells whether the record's is one of the wanted.
    pub fn may_match(
        &self,
        began: UtcMillis,
        ended: UtcMillis,
        class: Class,
        colour: Option<Colour>,
    ) -> bool {
        began < self.to
            && ended >= self.from
            && (self.classes.is_empty() || self.classes.contains(&class))
            && (self.colours.is_empty() || colour.is_some_and(|c| self.colours.contains(&c)))
    }

    pub fn matches(&self, track: &TrackRecord) -> bool {
        let height = track.best_box.h;
        self.may_match(track.began, track.ended, track.class, track.colour)
            && (self.cameras.is_empty() || self.cameras.contains(&track.camera))
            && self.crossed(track)
            && self.zone.as_ref().is_none_or(|zone| track.zones.iter().any(|z| z.zone == *zone))
            && self.height_min.is_none_or(|min| height >= f64::from(min))
            && self.height_max.is_none_or(|max| height <= f64::from(max))
    }

    fn crossed(&self, track: &TrackRecord) -> bool {
        if self.line.is_none() && self.direction.is_none() {
            return true;
        }
        track.lines.iter().any(|l| {
            self.line.as_ref().is_none_or(|line| l.line == *line)
                && self.direction.is_none_or(|direction| l.direction == direction)
        })
    }

    /// Whether a record at `place` comes after [`TrackQuery::after`].
    pub fn is_after(&self, place: Cursor) -> bool {
        self.after.is_none_or(|after| place < after)
    }
}

/// The newest of what was offered, at most `limit`. Order of offering does not matter.
#[derive(Debug)]
pub struct Found<T> {
    limit: usize,
    /// The oldest on top.
    heap: BinaryHeap<Entry<T>>,
    more: bool,
}

#[derive(Debug)]
struct Entry<T> {
    place: Cursor,
    what: T,
}

impl<T> Found<T> {
    pub fn new(limit: usize) -> Self {
        Self { limit, heap: BinaryHeap::new(), more: false }
    }

    /// Whether something at `place` would be taken.
    pub fn has_room_for(&self, place: Cursor) -> bool {
        self.heap.len() < self.limit || self.heap.peek().is_some_and(|oldest| place > oldest.place)
    }

    pub fn offer(&mut self, place: Cursor, what: T) {
        self.heap.push(Entry { place, what });
        if self.heap.len() > self.limit {
            self.heap.pop();
            self.more = true;
        }
    }

    /// Something was left out because it was older than all that is here.
    pub fn left_out(&mut self) {
        self.more = true;
    }

    /// Newest first, and whether there are more.
    pub fn into_newest_first(self) -> (Vec<(Cursor, T)>, bool) {
        // The heap's order is turned round: its sorted vector begins with the newest.
        let sorted = self.heap.into_sorted_vec();
        (sorted.into_iter().map(|e| (e.place, e.what)).collect(), self.more)
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.place == other.place
    }
}

impl<T> Eq for Entry<T> {}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        other.place.cmp(&self.place)
    }
}

#[cfg(test)]
#[path = "search_tests.rs"]
mod tests;
