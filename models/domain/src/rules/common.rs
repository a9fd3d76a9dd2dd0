//! What rules share: reading their keys, and who stands in a zone.

use serde::de::DeserializeOwned;

use crate::detection::Class;
use crate::geo::{Point, inside};
use crate::ids::{LineId, ZoneId};
use crate::scene::{Line, Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, UtcMillis};

/// A rule's own keys; the error names the key that is unknown, missing or of the wrong kind.
pub fn read<T: DeserializeOwned>(params: toml::Table) -> Result<T, String> {
    params.try_into().map_err(|err: toml::de::Error| err.to_string().trim().replace('\n', " "))
}

pub fn zone(scene: &Scene, id: &ZoneId) -> Result<Zone, String> {
    let known = || names(scene.zones.iter().map(|z| z.id.as_str()));
    scene
        .zone(id)
        .cloned()
        .ok_or_else(|| format!("zone: the scene has no zone {:?}; it has {}", id.as_str(), known()))
}

pub fn line(scene: &Scene, id: &LineId) -> Result<Line, String> {
    let known = || names(scene.lines.iter().map(|l| l.id.as_str()));
    let found = scene.lines.iter().find(|l| l.id == *id).cloned();
    found.ok_or_else(|| format!("line: the scene has no line {:?}; it has {}", id.as_str(), known()))
}

fn names<'a>(ids: impl Iterator<Item = &'a str>) -> String {
    let ids: Vec<&str> = ids.collect();
    if ids.is_empty() { "none".to_owned() } else { ids.join(", ") }
}

/// A length of time from the scene file.
pub fn duration(key: &str, ms: i64) -> Result<DurationMs, String> {
    if (0..=86_400_000).contains(&ms) {
        Ok(DurationMs(ms))
    } else {
        Err(format!("{key}: {ms} is not within 0 and a day of milliseconds"))
    }
}

/// A number from the scene file that must lie in a range.
pub fn within(key: &str, value: f64, range: std::ops::RangeInclusive<f64>) -> Result<f64, String> {
    if range.contains(&value) {
        Ok(value)
    } else {
        Err(format!("{key}: {value} is not within {} and {}", range.start(), range.end()))
    }
}

/// Whether the road user touches the ground within the zone; everywhere when there is none.
pub fn stands_in(zone: Option<&Zone>, track: &Track) -> bool {
    zone.is_none_or(|zone| inside(&zone.polygon, track.bbox.foot()))
}

/// Whether a road user, followed over several tracks, is sure enough to be told of: a car, bus or truck must have been seen
/// clearly once. People and two-wheelers need not, a street has faint ones that are real.
#[derive(Debug, Clone, Copy, Default)]
pub struct Trust {
    clear: bool,
    /// It is taken for one of those who need not, for now.
    exempt: bool,
}

impl Trust {
    /// Of somebody who is there since `since`: from when on that counts, should this track be the first that is sure enough.
    /// What was there before it may have been a sign or a branch, and this one somebody else who came before it.
    pub fn learn(&mut self, track: &Track, since: &mut UtcMillis) {
        let before = self.is_enough();
        self.clear |= track.clear;
        self.exempt = !track.class.is_vehicle() || track.class.is_two_wheeler();
        if self.is_enough() && !before {
            *since = track.began.max(*since);
        }
    }

    pub fn is_enough(self) -> bool {
        self.clear || self.exempt
    }
}

pub fn distance(a: Point, b: Point) -> f64 {
    (a.x - b.x).hypot(a.y - b.y)
}

/// Who a rule looks at; the list of the scene file, or what holds without one.
pub fn classes(asked: Option<Vec<Class>>, otherwise: &[Class]) -> Result<Vec<Class>, String> {
    match asked {
        Some(classes) if classes.is_empty() => {
            Err("classes: the list is empty, the rule would never fire; leave it out or name one".to_owned())
        }
        Some(classes) => Ok(classes),
        None => Ok(otherwise.to_vec()),
    }
}

/// The same for rules about vehicles: all of them, two-wheelers too.
pub fn vehicles(asked: Option<Vec<Class>>) -> Result<Vec<Class>, String> {
    let all: Vec<Class> = Class::ALL.into_iter().filter(|c| c.is_vehicle()).collect();
    classes(asked, &all)
}
