//! `stopped_vehicle`: a vehicle that stays where it is for a time, told once per stop.
//!
//! Told of is who was seen to come, or is large and seen well: a few pixels that the network takes for a car now and then did not
//! stop, nor did what it first takes for one in a picture in which nothing moves. Masts, branches and signs far away are found again
//! and again, and the track of who drives by jumps to them: who is small must come from farther, and is told of once a place for
//! as long as that is remembered. And it must be seen for most of the time that it stands, and clearly once, which [`Trust`] holds,
//! and where it stands the picture must not look as it did before ([`Track::as_before`]).
//!
//! Without a ground plane "stays" is measured in sizes of its box. A stop goes on under a new track when the old one was
//! lost on the same place: a parked car that the network sees now and then is one stop, not one each time.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::common::{Trust, distance, duration, read, stands_in, within, zone};
use super::{Kind, Rule, RuleEvent};
use crate::detection::BBox;
use crate::event::Phase;
use crate::geo::Point;
use crate::ids::{TrackId, ZoneId};
use crate::scene::{Scene, Zone};
use crate::track::{Track, size_of};
use crate::units::{DurationMs, UtcMillis};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    /// Only here; everywhere when left out.
    zone: Option<ZoneId>,
    /// How long it must stand, in ms.
    #[serde(default = "ten_seconds")]
    for_ms: i64,
    /// How far its middle may stray and still stand, in sizes of its box.
    #[serde(default = "a_quarter")]
    tolerance: f64,
}

fn ten_seconds() -> i64 {
    10_000
}

fn a_quarter() -> f64 {
    0.25
}

/// A stop is over when the vehicle is this many tolerances away: a shaking box does not stop twice.
const GONE: f64 = 3.0;
/// How long a place is remembered after the track on it was lost ...
const PLACE_MEMORY: DurationMs = DurationMs(60_000);
/// ... and after it was told of. Who is not small and drives up later on the same place is told of all the same: its track began
/// elsewhere.
const TOLD_MEMORY: DurationMs = DurationMs(1_800_000);
/// Who came at least so many sizes of its box was seen to come ...
const CAME: f64 = 1.0;
/// ... and so many when it is small: when its longer side is less than this share of the picture's height.
const SMALL_CAME: f64 = 3.0;
const SMALL: f64 = 0.12;
/// From this score on a vehicle is seen well, when it is not small.
const SEEN_WELL: f32 = 0.5;
/// Share of the pictures since it stands in which it must be seen: what flickers is not known to stand.
const SEEN_SHARE: f64 = 0.5;
/// A new track on a remembered place is the same vehicle from this overlap on.
const SAME_PLACE: f64 = 0.4;

pub const KIND: Kind = Kind {
    name: "stopped_vehicle",
    about: "a vehicle stands, once a stop; a car, bus or truck once the network was sure of it (score 0.4), \
            and not where the picture looks as it did before. \
            zone (everywhere); for_ms (10000): how long; tolerance (0.25): how far its middle may stray, in sizes of its box",
    make,
};

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let zone = params.zone.map(|id| zone(scene, &id)).transpose()?;
    let stand = duration("for_ms", params.for_ms)?;
    let tolerance = within("tolerance", params.tolerance, 0.01..=5.0)?;
    Ok(Box::new(StoppedVehicle {
        zone,
        stand,
        tolerance,
        small: SMALL * f64::from(scene.size.1),
        stops_by_track: BTreeMap::new(),
        places: Vec::new(),
    }))
}

struct StoppedVehicle {
    zone: Option<Zone>,
    stand: DurationMs,
    tolerance: f64,
    /// A box with both sides below this is small, in pixels.
    small: f64,
    stops_by_track: BTreeMap<TrackId, Stop>,
    /// Stops whose track was lost.
    places: Vec<Stop>,
}

#[derive(Debug, Clone)]
struct Stop {
    /// Where it stands, and since when.
    place: Point,
    since: UtcMillis,
    told: bool,
    /// It was seen to come, or was once seen well.
    is_sure: bool,
    /// Of its track: [`Track::as_before`].
    as_before: bool,
    /// A track before that one had come: by now the picture may have grown used to it.
    came: bool,
    trust: Trust,
    bbox: BBox,
    /// When it was told of; later its track may be drawn away by a passer-by.
    told_bbox: BBox,
    seen: UtcMillis,
    /// Pictures since it stands, and those of them that show it.
    pictures: u32,
    hits: u32,
}

impl Rule for StoppedVehicle {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.remember_lost(at, tracks);
        let places = self.places.iter_mut().filter(|stop| !stop.told);
        self.stops_by_track.values_mut().chain(places).for_each(|stop| stop.pictures += 1);
        for track in tracks.iter().filter(|t| t.is_seen(at) && t.class.is_vehicle()) {
            if !stands_in(self.zone.as_ref(), track) {
                self.stops_by_track.remove(&track.id);
                continue;
            }
            let mut stop = match self.stops_by_track.remove(&track.id) {
                Some(stop) => stop,
                None => self.taken_over(track).unwrap_or_else(|| Stop::new(track.began, &track.began_bbox)),
            };
            let was_told = stop.told.then(|| stop.clone());
            stop.follow(at, track, self.tolerance);
            stop.is_sure |= is_sure(track, self.small);
            stop.as_before = track.as_before;
            let since = stop.since;
            if !stop.told && !stop.can_have_come() {
                stop.since = at;
            }
            stop.trust.learn(track, &mut stop.since);
            if stop.since != since {
                (stop.pictures, stop.hits) = (1, 1);
            }
            // Its track may have gone over to a passer-by: what then begins anew on the place was told of.
            self.places.extend(was_told.filter(|_| !stop.told));
            let is_known = stop.is_sure && stop.can_have_come() && stop.trust.is_enough() && stop.is_steady();
            if !stop.told && is_known && at.since(stop.since) >= self.stand {
                (stop.told, stop.told_bbox) = (true, stop.bbox);
                if !self.small_was_told(&stop) {
                    let zone = self.zone.as_ref().map(|z| z.id.clone());
                    let event = RuleEvent::new("stopped_vehicle", Phase::Moment, stop.since).about(track);
                    out.push(RuleEvent { zone, ..event });
                }
            }
            self.stops_by_track.insert(track.id, stop);
        }
    }
}

impl StoppedVehicle {
    fn remember_lost(&mut self, at: UtcMillis, tracks: &[Track]) {
        let gone: Vec<TrackId> =
            self.stops_by_track.keys().filter(|id| tracks.iter().all(|t| t.id != **id)).copied().collect();
        for id in gone {
            self.places.extend(self.stops_by_track.remove(&id));
        }
        self.places.retain(|p| at.since(p.seen) <= p.memory() && at >= p.since);
    }

    /// Whether it is small and something small was told of on its place, as is remembered.
    fn small_was_told(&mut self, stop: &Stop) -> bool {
        let same = |p: &Stop| p.told && p.told_bbox.iou(&stop.bbox) >= SAME_PLACE;
        let known = self.places.iter().position(same).filter(|_| is_small(&stop.bbox, self.small));
        known.map(|i| self.places.swap_remove(i)).is_some()
    }

    fn taken_over(&mut self, track: &Track) -> Option<Stop> {
        let same = |p: &Stop| p.seen <= track.began && p.bbox.iou(&track.began_bbox) >= SAME_PLACE;
        let i = self.places.iter().position(same)?;
        let stop = self.places.swap_remove(i);
        Some(Stop { came: stop.can_have_come(), ..stop })
    }
}

impl Stop {
    fn new(at: UtcMillis, bbox: &BBox) -> Self {
        Self {
            place: bbox.center(),
            since: at,
            told: false,
            is_sure: false,
            as_before: false,
            came: false,
            trust: Trust::default(),
            bbox: *bbox,
            told_bbox: *bbox,
            seen: at,
            pictures: 1,
            hits: 0,
        }
    }

    fn can_have_come(&self) -> bool {
        self.came || !self.as_before
    }

    fn is_steady(&self) -> bool {
        f64::from(self.hits) >= SEEN_SHARE * f64::from(self.pictures)
    }

    fn memory(&self) -> DurationMs {
        if self.told { TOLD_MEMORY } else { PLACE_MEMORY }
    }

    fn follow(&mut self, at: UtcMillis, track: &Track, tolerance: f64) {
        let away = distance(track.bbox.center(), self.place) / size_of(&track.bbox);
        let still = if self.told { GONE * tolerance } else { tolerance };
        if away > still {
            *self = Stop {
                is_sure: self.is_sure,
                came: self.came,
                trust: self.trust,
                ..Stop::new(at, &track.bbox)
            };
        }
        self.bbox = track.bbox;
        self.seen = at;
        self.hits += 1;
    }
}

/// Whether it is a vehicle that came here, by what is seen of it now.
fn is_sure(track: &Track, small: f64) -> bool {
    let came = distance(track.bbox.center(), track.began_bbox.center()) / size_of(&track.bbox);
    let (far, well) =
        if is_small(&track.bbox, small) { (SMALL_CAME, false) } else { (CAME, track.score >= SEEN_WELL) };
    track.witnessed && (came >= far || well)
}

fn is_small(bbox: &BBox, small: f64) -> bool {
    bbox.w.max(bbox.h) < small
}
