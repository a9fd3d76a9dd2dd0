//! `pedestrian_on_carriageway`: somebody walks or stands where vehicles drive, told once a stay.
//!
//! A rider whose two-wheeler the network did not see looks like a person: whoever is faster than one can walk, or stands on
//! a two-wheeler's box, is taken as one. Who was told of, stands there and is out of sight for a while is still on the same stay,
//! as is who stands where nothing moves and is looked at now and then: so is a post that the network takes for somebody.
//! Who is where the picture looks as it did before has not come ([`Track::as_before`]).

use std::collections::BTreeMap;

use serde::Deserialize;

use super::common::{duration, read, stands_in, within, zone};
use super::stays::{Hidden, Memory, QUIET, Stays};
use super::{Kind, Rule, RuleEvent};
use crate::detection::{BBox, Class};
use crate::event::Phase;
use crate::ids::{TrackId, ZoneId};
use crate::scene::{Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, UtcMillis};

const RULE: &str = "pedestrian_on_carriageway";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "somebody on foot where vehicles drive, once a stay, and not where the picture looks as it did before. zone; except (none): \
            zones within it where walking is right, such as crossings; for_ms (1500); walk_max (2.0): faster is no walking, in heights of the box a second",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    #[serde(default)]
    except: Vec<ZoneId>,
    #[serde(default = "a_moment")]
    for_ms: i64,
    #[serde(default = "two")]
    walk_max: f64,
}

fn a_moment() -> i64 {
    1_500
}

fn two() -> f64 {
    2.0
}

/// A stay goes on after this long out of sight, and one that was told also outside: who walks along the kerb, now with one
/// foot on the road, is not on it for long. Of who was told of, what it is hidden for does not count ([`Hidden::IsThere`]).
const AWAY: DurationMs = DurationMs(3_000);
/// This part of a person inside a two-wheeler's box is its rider.
const RIDING: f64 = 0.35;
/// Whoever rode within this time still does.
const RODE: DurationMs = DurationMs(3_000);

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let except: Result<Vec<Zone>, String> =
        params.except.iter().map(|id| zone(scene, id).map_err(|why| format!("except: {why}"))).collect();
    Ok(Box::new(PedestrianOnCarriageway {
        zone: zone(scene, &params.zone)?,
        except: except?,
        stay: duration("for_ms", params.for_ms)?,
        walk_max: within("walk_max", params.walk_max, 0.1..=20.0)?,
        stays: Stays::new(Memory {
            away: AWAY,
            near: 0.7,
            walks: 0.5,
            quiet: QUIET,
            hidden: Hidden::IsThere,
        }),
        rode_by_track: BTreeMap::new(),
    }))
}

struct PedestrianOnCarriageway {
    zone: Zone,
    except: Vec<Zone>,
    stay: DurationMs,
    walk_max: f64,
    stays: Stays,
    /// When a track last was riding, or no person.
    rode_by_track: BTreeMap<TrackId, UtcMillis>,
}

impl Rule for PedestrianOnCarriageway {
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.stays.begin(at, tracks);
        self.rode_by_track.retain(|id, when| tracks.iter().any(|t| t.id == *id) && *when <= at);
        for track in tracks.iter().filter(|t| t.is_seen(at)) {
            if track.class != Class::Person || self.rides(track, tracks) {
                self.rode_by_track.insert(track.id, at);
                continue;
            }
            let rode = self.rode_by_track.get(&track.id).is_some_and(|when| at.since(*when) < RODE);
            let allowed = self.except.iter().any(|zone| stands_in(Some(zone), track));
            if rode {
                continue;
            }
            if allowed || !stands_in(Some(&self.zone), track) {
                self.stays.left(track.id, |stay| !stay.told);
                continue;
            }
            let stay = self.stays.inside(at, track);
            let begun = stay.has_begun(at);
            if stay.is_new() && begun && at.since(stay.since) >= self.stay {
                stay.told = true;
                let zone = Some(self.zone.id.clone());
                out.push(RuleEvent { zone, ..RuleEvent::new(RULE, Phase::Moment, stay.since).about(track) });
            }
        }
    }

    fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        self.stays.unwatched(from, until);
    }
}

impl PedestrianOnCarriageway {
    fn rides(&self, person: &Track, tracks: &[Track]) -> bool {
        let (vx, vy) = person.velocity;
        let on = |bbox: &BBox| person.bbox.intersection(bbox) >= RIDING * person.bbox.area();
        vx.hypot(vy) > self.walk_max * person.bbox.h.max(1.0)
            || tracks.iter().any(|t| t.class.is_two_wheeler() && on(&t.bbox))
    }
}
