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
/// From this correlation on a place looks as before. Measured on two streets: who had come had 0.83 at most when told of, what had
/// not 0.92 at least.
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

/// What one camera's picture looked like, and where its tracks were at a look.
#[derive(Debug, Clone)]
pub struct Scenery {
    /// Pixels of the scene for one of the small picture.
    scale: (f64, f64),
    kept: VecDeque<(UtcMillis, Vec<u8>)>,
    /// The median of those, by pixel; `None` while they are too few.
    usual: Option<Arc<Vec<u8>>>,
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
        let stand = if off { Self { place: *bbox, ..self } } else { self };
        if alike && at.since(stand.looked) <= SETTLES {
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
        Self { scale, kept: VecDeque::new(), usual: None, stands: BTreeMap::new(), looked: None }
    }

    /// Says of each track what is known of it; true when a look at this picture would tell more.
    pub fn step(&mut self, at: UtcMillis, tracks: &mut [Track]) -> bool {
        self.stands.retain(|id, stand| stand.looked <= at && tracks.iter().any(|t| t.id == *id));
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
            let bbox = track.bbox;
            let old = self.stands.remove(&track.id);
            let off = old.as_ref().is_some_and(|old| !old.is_at(&bbox));
            let stand = match old {
                Some(old) if !off || (!old.as_before && old.place.overlaps(&bbox)) => old,
                // Who has left a place is held against what the picture looks like by now.
                old => {
                    let Some(before) = self.usual.clone() else { continue };
                    let (as_before, doubt) = old.map_or((false, None), |old| (old.as_before, old.doubt));
                    Stand { place: bbox, looked: at, before, as_before, doubt }
                }
            };
            let alike = self.is_alike(thumb, &stand.before, &bbox);
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
        }
        let soon = self.kept.back().is_some_and(|(last, _)| at.since(*last) < KEPT_EVERY);
        if soon || !thumb.is_sound() {
            return;
        }
        if self.kept.len() == KEPT {
            self.kept.pop_front();
        }
        self.kept.push_back((at, thumb.luma.clone()));
        self.usual = (self.kept.len() >= ENOUGH).then(|| Arc::new(self.median()));
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
    fn pixels(&self, bbox: &BBox) -> Option<(std::ops::Range<usize>, std::ops::Range<usize>)> {
        let span = |from: f64, len: f64, scale: f64, most: usize| {
            let (from, until) = ((from / scale).floor(), ((from + len) / scale).ceil());
            from.clamp(0.0, most as f64) as usize..until.clamp(0.0, most as f64) as usize
        };
        let columns = span(bbox.x, bbox.w, self.scale.0, SIZE.0);
        let rows = span(bbox.y, bbox.h, self.scale.1, SIZE.1);
        (columns.len() >= SIDE_MIN && rows.len() >= SIDE_MIN).then_some((columns, rows))
    }

    fn is_alike(&self, thumb: &Thumb, before: &[u8], bbox: &BBox) -> bool {
        let Some((columns, rows)) = self.pixels(bbox) else { return false };
        let places = rows.flat_map(|row| columns.clone().map(move |column| row * SIZE.0 + column));
        let levels = |i: usize| Some((f64::from(*thumb.luma.get(i)?), f64::from(*before.get(i)?)));
        let (now, before): (Vec<f64>, Vec<f64>) = places.filter_map(levels).unzip();
        correlation(&now, &before).is_some_and(|alike| alike >= ALIKE)
    }
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
mod tests {
    use super::*;
    use crate::detection::Class;
    use crate::health::Texture;
    use crate::track::Trail;

    /// Scene and small picture are alike here: a pixel is a pixel.
    const SCENE: (u32, u32) = (160, 90);
    const PLACE: BBox = BBox::new(40.0, 30.0, 20.0, 14.0);

    fn seconds(s: i64) -> UtcMillis {
        UtcMillis(s * 1_000)
    }

    /// A street of stones, as bright as `light` says, with things of these levels on it.
    fn street(light: f64, things: &[(BBox, u8)]) -> Thumb {
        let level = |i: usize| {
            let (x, y) = (i % SIZE.0, i / SIZE.0);
            let on = |(b, _): &&(BBox, u8)| {
                (b.x..b.x + b.w).contains(&(x as f64)) && (b.y..b.y + b.h).contains(&(y as f64))
            };
            let stone = 40.0 + ((x / 3 * 7 + y / 2 * 5) % 11) as f64 * 12.0;
            let sheet = ((x * 3 + y * 5) % 7 * 8) as u8;
            things.iter().find(on).map_or((light * stone) as u8, |(_, level)| *level + sheet)
        };
        let cells = vec![Texture::default(); crate::health::CELLS.0 * crate::health::CELLS.1];
        Thumb { luma: (0..SIZE.0 * SIZE.1).map(level).collect(), cells }
    }

    fn car(id: u64, at: UtcMillis, bbox: BBox, speed: f64) -> Track {
        Track {
            id: TrackId(id),
            class: Class::Car,
            bbox,
            velocity: (speed, 0.0),
            trail: Trail::default(),
            score: 0.5,
            began: at,
            began_bbox: bbox,
            seen: at,
            witnessed: true,
            faint: false,
            clear: true,
            as_before: false,
        }
    }

    /// One picture with a look: whose place looks as before.
    fn see(scenery: &mut Scenery, s: i64, thumb: &Thumb, tracks: &mut [Track]) -> Vec<bool> {
        tracks.iter_mut().for_each(|track| track.seen = seconds(s));
        scenery.step(seconds(s), tracks);
        scenery.look(seconds(s), thumb, tracks);
        tracks.iter().map(|track| track.as_before).collect()
    }

    /// Of whom an empty street was seen for a minute.
    fn known() -> Scenery {
        let mut scenery = Scenery::new(SCENE);
        (0..=60).for_each(|s| scenery.keep(seconds(s), &street(1.0, &[])));
        scenery
    }

    /// Of whom only the dark was seen.
    fn flat() -> Scenery {
        let mut scenery = Scenery::new(SCENE);
        (0..=60).for_each(|s| scenery.keep(seconds(s), &street(0.02, &[])));
        scenery
    }

    #[test]
    fn who_is_where_all_looks_as_before_has_not_come() {
        let mut scenery = known();
        let thing = [(PLACE, 90)];
        let mut tracks = [car(1, seconds(61), PLACE, 0.0)];
        assert!(scenery.step(seconds(61), &mut tracks), "nobody looked yet");
        assert_eq!(see(&mut scenery, 61, &street(0.7, &[]), &mut tracks), [true], "darker, and the same");
        assert!(!scenery.step(seconds(62), &mut tracks), "all is known");
        let mut came = [car(2, seconds(62), PLACE, 0.0)];
        assert_eq!(see(&mut scenery, 62, &street(1.0, &thing), &mut came), [false]);
        // It stays who came when the picture has grown used to it ...
        for s in 63..200 {
            assert_eq!(see(&mut scenery, s, &street(1.0, &thing), &mut came), [false], "{s}");
        }
        // ... and who is found there then has stood there.
        let mut new = [car(3, seconds(200), PLACE, 0.0)];
        assert_eq!(see(&mut scenery, 200, &street(1.0, &thing), &mut new), [true]);
    }

    #[test]
    fn who_drives_by_before_a_parked_car_makes_nobody_come() {
        let mut scenery = known();
        let passes = [(BBox::new(30.0, 28.0, 24.0, 16.0), 200)];
        let mut first = [car(1, seconds(61), PLACE, 0.0)];
        assert_eq!(see(&mut scenery, 61, &street(1.0, &passes), &mut first), [false]);
        assert_eq!(see(&mut scenery, 62, &street(1.0, &[]), &mut first), [true], "it is past");
        // What is known to have been there: one look at which it looks otherwise tells nothing, wherever its box goes.
        let mut moved = [car(1, seconds(63), BBox::new(30.0, 28.0, 24.0, 16.0), 30.0)];
        assert_eq!(see(&mut scenery, 63, &street(1.0, &passes), &mut moved), [true]);
        // Two seconds of that do.
        let on = [(BBox::new(60.0, 28.0, 24.0, 16.0), 200)];
        let mut gone = [car(1, seconds(64), BBox::new(60.0, 28.0, 24.0, 16.0), 30.0)];
        assert_eq!(see(&mut scenery, 64, &street(1.0, &on), &mut gone), [true]);
        assert_eq!(see(&mut scenery, 65, &street(1.0, &on), &mut gone), [false]);
    }

    #[test]
    fn who_has_come_has_though_its_box_is_narrow_for_a_while_when_the_picture_is_used_to_it() {
        let mut scenery = known();
        let lorry = BBox::new(40.0, 30.0, 48.0, 24.0);
        let half = BBox::new(40.0, 30.0, 20.0, 24.0);
        for s in 61..200 {
            let place = if s % 45 == 0 { half } else { lorry };
            let mut tracks = [car(1, seconds(61), place, 0.0)];
            assert_eq!(see(&mut scenery, s, &street(1.0, &[(lorry, 90)]), &mut tracks), [false], "{s}");
        }
    }

    #[test]
    fn who_stops_where_a_parked_car_was_under_its_name_has_come_after_a_while() {
        let mut scenery = known();
        let told: Vec<bool> = (61..90)
            .map(|s| {
                let thing = [(PLACE, 90)];
                let things = if s < 70 { &thing[..0] } else { &thing };
                see(&mut scenery, s, &street(1.0, things), &mut [car(1, seconds(61), PLACE, 0.0)])[0]
            })
            .collect();
        assert_eq!(told.iter().position(|as_before| !as_before), Some(19), "{told:?}");
    }

    #[test]
    fn where_nobody_can_tell_everybody_can_have_come() {
        let mut young = Scenery::new(SCENE);
        (0..30).for_each(|s| young.keep(seconds(s), &street(1.0, &[])));
        let cases = [
            (young, PLACE, street(1.0, &[])),
            (known(), BBox::new(40.0, 30.0, 2.0, 14.0), street(1.0, &[])),
            (known(), BBox::new(-90.0, 30.0, 20.0, 14.0), street(1.0, &[])),
            (flat(), PLACE, street(0.02, &[])),
        ];
        for (mut scenery, place, thumb) in cases {
            let mut tracks = [car(1, seconds(61), place, 0.0)];
            assert_eq!(see(&mut scenery, 61, &thumb, &mut tracks), [false], "{place:?}");
        }
        let mut back = known();
        back.keep(seconds(5), &street(1.0, &[]));
        assert_eq!(back.kept.len(), 1, "the clock was set back");
    }
}
