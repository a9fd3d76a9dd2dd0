//! Whether somebody has come to where a track stands: what looks as it did before has not. A network takes posts, branches and corners
//! for road users now and then, and a track that loses who drives by goes over to a parked car: both stand where nothing has changed.
//!
//! Works on the small grey picture that is looked at about once a second. What a place looked like before is the median of pictures of
//! the last minute and more, so that who drives by does not count; how alike two are is their correlation, which light that changes
//! for all of a place leaves as it is.
//!
//! Who has stood there for half a minute before anybody followed it looks as before, too. Rules that tell of who comes ask; those that
//! tell of who stays for long (`loitering`, `illegal_parking`) do not.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::sync::Arc;

use crate::detection::BBox;
use crate::health::{SIZE, Thumb};
use crate::ids::TrackId;
use crate::track::Track;
use crate::units::{DurationMs, UtcMillis};

/// Pictures that tell what it looks like, and the least time between two.
const KEPT: usize = 7;
const KEPT_EVERY: DurationMs = DurationMs(10_000);
/// Fewer tell nothing: who came a moment ago would be in half of them.
const ENOUGH: usize = 5;
/// From this correlation on a place looks as before. Measured on two streets: nearly all who had come had 0.85 at most when told of,
/// what had not 0.92 at least.
const ALIKE: f64 = 0.9;
/// A place of fewer pixels of the small picture a side is too small to tell.
const SIDE_MIN: usize = 4;
/// Spread of the brightness below which a place has nothing to tell it by, in levels.
const FLAT: f64 = 3.0;
/// It is on the same place while its box overlaps so much with the one of the first look there.
const SAME_PLACE: f64 = 0.5;
/// Looks until so long after the first one of a place count: somebody may drive by before it in the first.
const SETTLES: DurationMs = DurationMs(20_000);
/// Who drives by a place is past it after so long ...
const PASSES: DurationMs = DurationMs(2_000);
/// ... and whatever is still there after this has come, though its track was there before.
const REPLACED: DurationMs = DurationMs(10_000);

/// So long ago that no look counts.
const NEVER: UtcMillis = UtcMillis(0);

/// What one camera's picture looked like, and where its tracks were at a look.
#[derive(Debug, Clone)]
pub struct Scenery {
    /// Pixels of the scene for one of the small picture.
    scale: (f64, f64),
    kept: VecDeque<(UtcMillis, Vec<u8>)>,
    /// The median of those, by pixel; `None` while they are too few.
    usual: Option<Arc<Vec<u8>>>,
    /// Since when there is one: whom the first one shows may have come just before.
    usual_since: UtcMillis,
    stands: BTreeMap<TrackId, Stand>,
    looked: Option<UtcMillis>,
}

/// Where a track was at a look, the first of those at which it was there.
#[derive(Debug, Clone)]
struct Stand {
    place: BBox,
    looked: UtcMillis,
    /// What the picture looked like by then.
    before: Arc<Vec<u8>>,
    as_before: bool,
    /// At the last look on this place.
    alike: bool,
    doubt: Option<Doubt>,
}

/// It does not look as before any more where a track is that was there before: somebody may drive by.
#[derive(Debug, Clone, Copy)]
struct Doubt {
    since: UtcMillis,
    /// From then on it has come.
    until: UtcMillis,
}

impl Stand {
    fn is_at(&self, bbox: &BBox) -> bool {
        self.place.iou(bbox) >= SAME_PLACE
    }

    /// A look would tell more.
    fn asks(&self, at: UtcMillis, track: &Track) -> bool {
        if self.as_before {
            !self.is_at(&track.bbox) && self.doubt.is_none_or(|doubt| at >= doubt.since + PASSES)
        } else {
            !self.is_at(&track.bbox) && !track.is_on_the_move()
        }
    }

    /// The next look at its track; `off`: it is on another place than before; `alike`: where it is the picture looks as before.
    fn next(self, at: UtcMillis, bbox: &BBox, off: bool, alike: bool) -> Self {
        let was = self.as_before;
        // Once may be chance: who was seen to come is believed until the second time.
        let twice = alike && self.alike && !off;
        let stand = Self { place: if off { *bbox } else { self.place }, alike, ..self };
        if (was && alike) || (twice && at.since(stand.looked) <= SETTLES) {
            return Self { as_before: true, doubt: None, ..stand };
        }
        if !was || alike {
            return Self { doubt: None, ..stand };
        }
        let Doubt { since, until } = stand.doubt.unwrap_or(Doubt { since: at, until: at + REPLACED });
        let until = if off { since + PASSES } else { until };
        Self { as_before: at < until, doubt: Some(Doubt { since, until }), ..stand }
    }
}

impl Scenery {
    /// `size`: width, height of the scene in pixels.
    pub fn new(size: (u32, u32)) -> Self {
        let scale = (f64::from(size.0) / SIZE.0 as f64, f64::from(size.1) / SIZE.1 as f64);
        Self {
            scale,
            kept: VecDeque::new(),
            usual: None,
            usual_since: UtcMillis(0),
            stands: BTreeMap::new(),
            looked: None,
        }
    }

    /// Says of each track what is known of it; true when a look at this picture would tell more.
    pub fn step(&mut self, at: UtcMillis, tracks: &mut [Track]) -> bool {
        let is_past = |stand: &Stand| stand.looked <= at && stand.doubt.is_none_or(|doubt| doubt.since <= at);
        self.stands.retain(|id, stand| is_past(stand) && tracks.iter().any(|t| t.id == *id));
        let mut asks = false;
        for track in tracks {
            let stand = self.stands.get(&track.id);
            track.as_before = stand.is_some_and(|stand| stand.as_before);
            let unknown = stand.is_none_or(|stand| stand.asks(at, track));
            asks |=
                unknown && track.is_seen(at) && self.usual.is_some() && self.pixels(&track.bbox).is_some();
        }
        asks
    }

    /// A look at the picture, after the step with the same `at`; another one at the same picture tells nothing more.
    pub fn look(&mut self, at: UtcMillis, thumb: &Thumb, tracks: &mut [Track]) {
        if !thumb.is_sound() || self.looked.replace(at) == Some(at) {
            return;
        }
        for track in tracks.iter_mut().filter(|t| t.is_seen(at)) {
            let Some(usual) = &self.usual else { continue };
            let bbox = track.bbox;
            let old = self.stands.remove(&track.id);
            let off = old.as_ref().is_some_and(|old| !old.is_at(&bbox));
            let stand = match old {
                // Light changes over the day; who came stays held against what it looked like then.
                Some(old) if !off && old.as_before && old.alike => Stand { before: usual.clone(), ..old },
                Some(old) if !off || (!old.as_before && old.place.overlaps(&bbox)) => old,
                Some(old) => Stand { place: bbox, looked: at, before: usual.clone(), alike: false, ..old },
                None => {
                    let looked = if track.began < self.usual_since { NEVER } else { at };
                    let before = usual.clone();
                    Stand { place: bbox, looked, before, as_before: false, alike: true, doubt: None }
                }
            };
            let alike = is_alike(self.pixels(&bbox), thumb, &stand.before);
            let stand = stand.next(at, &bbox, off, alike);
            track.as_before = stand.as_before;
            self.stands.insert(track.id, stand);
        }
        self.keep(at, thumb);
    }

    /// Takes note of what the picture looks like, with a look or without tracks.
    pub fn keep(&mut self, at: UtcMillis, thumb: &Thumb) {
        if self.kept.back().is_some_and(|(last, _)| at < *last) {
            // The clock was set back.
            self.kept.clear();
            self.usual = None;
        }
        let soon = self.kept.back().is_some_and(|(last, _)| at.since(*last) < KEPT_EVERY);
        if soon || !thumb.is_sound() {
            return;
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((at, thumb.luma.clone()));
        if self.kept.len() >= ENOUGH {
            if self.usual.is_none() {
                self.usual_since = at;
            }
            self.usual = Some(Arc::new(self.median()));
        }
    }

    /// Of the pictures kept, by pixel.
    fn median(&self) -> Vec<u8> {
        let mut levels = [0_u8; KEPT];
        let median = |pixel: usize| {
            let kept = self.kept.iter().filter_map(|(_, luma)| luma.get(pixel));
            let n = levels.iter_mut().zip(kept).map(|(level, kept)| *level = *kept).count();
            levels[..n].sort_unstable();
            levels[..n].get(n / 2).copied().unwrap_or_default()
        };
        (0..SIZE.0 * SIZE.1).map(median).collect()
    }

    /// Columns and rows of the small picture that a box covers; `None` when they are too few.
    fn pixels(&self, bbox: &BBox) -> Option<(Range<usize>, Range<usize>)> {
        let span = |from: f64, len: f64, scale: f64, most: usize| {
            let (from, until) = ((from / scale).floor(), ((from + len) / scale).ceil());
            from.clamp(0.0, most as f64) as usize..until.clamp(0.0, most as f64) as usize
        };
        let columns = span(bbox.x, bbox.w, self.scale.0, SIZE.0);
        let rows = span(bbox.y, bbox.h, self.scale.1, SIZE.1);
        (columns.len() >= SIDE_MIN && rows.len() >= SIDE_MIN).then_some((columns, rows))
    }
}

/// The columns and rows that a box covers, in the picture and in what it looked like before.
fn is_alike(covered: Option<(Range<usize>, Range<usize>)>, thumb: &Thumb, before: &[u8]) -> bool {
    let Some((columns, rows)) = covered else { return false };
    let places = rows.flat_map(|row| columns.clone().map(move |column| row * SIZE.0 + column));
    let levels = |i: usize| Some((f64::from(*thumb.luma.get(i)?), f64::from(*before.get(i)?)));
    let (now, before): (Vec<f64>, Vec<f64>) = places.filter_map(levels).unzip();
    correlation(&now, &before).is_some_and(|alike| alike >= ALIKE)
}

/// -1..=1; `None` where one of them is flat.
fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    let n = a.len().max(1) as f64;
    let mean = |of: &[f64]| of.iter().sum::<f64>() / n;
    let (mean_a, mean_b) = (mean(a), mean(b));
    let spread = |of: &[f64], mean: f64| (of.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / n).sqrt();
    let (spread_a, spread_b) = (spread(a, mean_a), spread(b, mean_b));
    let both = a.iter().zip(b).map(|(a, b)| (a - mean_a) * (b - mean_b)).sum::<f64>() / n;
    (spread_a >= FLAT && spread_b >= FLAT).then(|| both / (spread_a * spread_b))
}

#[cfg(test)]
#[path = "scenery_tests.rs"]
mod tests;
