//! `abandoned_object`: something was put down and nobody took it away, from the time it has stood long enough until it is gone.
//!
//! Works on the small grey picture: an object must be some hundredth of the picture wide. What counts as one: pixels that
//! differ from the learned background, in the same way for the whole time; where a road user was when they began to; that no
//! road user stands on; and that have an edge the background has not, which what was taken away lacks.

use serde::Deserialize;

use super::common::{duration, read, within, zone};
use super::{Kind, Rule, RuleEvent};
use crate::detection::BBox;
use crate::event::Phase;
use crate::geo::{Point, inside};
use crate::health::{SIZE, Thumb};
use crate::ids::ZoneId;
use crate::scene::{Scene, Zone};
use crate::track::Track;
use crate::units::{DurationMs, UtcMillis};

const RULE: &str = "abandoned_object";

pub const KIND: Kind = Kind {
    name: RULE,
    about: "something was put down and left; begins, and ends when it is gone. zone; for_ms (60000); \
            largest (0.02): most of the picture it may take; smallest (0.0004)",
    make,
};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Params {
    zone: ZoneId,
    #[serde(default = "a_minute")]
    for_ms: i64,
    #[serde(default = "largest")]
    largest: f64,
    #[serde(default = "smallest")]
    smallest: f64,
}

fn a_minute() -> i64 {
    60_000
}

fn largest() -> f64 {
    0.02
}

fn smallest() -> f64 {
    0.000_4
}

/// Levels by which a pixel must differ ...
const DIFFERS: f32 = 14.0;
/// ... and this part of its brightness more.
const DIFFERS_PART: f32 = 0.06;
/// The background follows in this time, seconds.
const FOLLOW: f32 = 40.0;
/// Looks until there is a background.
const LEARNED: u32 = 10;
/// When more of the zone than this differs, light has changed and nothing is judged.
const ALL_DIFFERENT: f64 = 0.4;
/// The background may show through for this long, seconds: pixels flicker.
const FLICKER: f32 = 3.0;
/// Somebody must have been there within this time before it appeared, seconds.
const BROUGHT: f32 = 15.0;
/// An object has this much more edge than the background at its outline.
const OUTLINE: f32 = 1.3;
/// An object is gone when this part of its pixels no longer shows it.
const GONE: f64 = 0.6;
/// Longest time between two looks that still join, seconds.
const GAP: f64 = 15.0;

fn make(scene: &Scene, params: toml::Table) -> Result<Box<dyn Rule>, String> {
    let params: Params = read(params)?;
    let zone = zone(scene, &params.zone)?;
    let area = (SIZE.0 * SIZE.1) as f64;
    let largest = within("largest", params.largest, 0.000_1..=0.5)? * area;
    let smallest = within("smallest", params.smallest, 0.000_1..=0.5)? * area;
    if smallest >= largest {
        return Err("smallest: is not smaller than largest".to_owned());
    }
    let scale = (f64::from(scene.size.0) / SIZE.0 as f64, f64::from(scene.size.1) / SIZE.1 as f64);
    let watched = |i: &usize| {
        let (x, y) = (i % SIZE.0, i / SIZE.0);
        let border = x == 0 || y == 0 || x + 1 == SIZE.0 || y + 1 == SIZE.1;
        !border && inside(&zone.polygon, Point::new((x as f64 + 0.5) * scale.0, (y as f64 + 0.5) * scale.1))
    };
    let places: Vec<usize> = (0..SIZE.0 * SIZE.1).filter(watched).collect();
    if (places.len() as f64) < smallest {
        return Err("zone: is too small a part of the picture to see an object in".to_owned());
    }
    let lasting = duration("for_ms", params.for_ms)?;
    let pixels = vec![Pixel::default(); SIZE.0 * SIZE.1];
    let sizes = smallest..=largest;
    Ok(Box::new(AbandonedObject {
        zone,
        lasting,
        sizes,
        scale,
        places,
        pixels,
        looks: 0,
        last: None,
        objects: Vec::new(),
    }))
}

struct AbandonedObject {
    zone: Zone,
    lasting: DurationMs,
    /// Pixels of the thumb.
    sizes: std::ops::RangeInclusive<f64>,
    /// Pixels of the scene for one of the thumb.
    scale: (f64, f64),
    /// Pixels of the thumb that lie in the zone.
    places: Vec<usize>,
    pixels: Vec<Pixel>,
    looks: u32,
    last: Option<UtcMillis>,
    objects: Vec<Object>,
}

#[derive(Debug, Clone, Copy)]
struct Pixel {
    background: f32,
    /// What is there instead, and for how long, seconds.
    other: f32,
    age: f32,
    /// For how long the background has shown through, seconds.
    back: f32,
    /// Time since a road user's box lay here, seconds.
    visited: f32,
    /// Part of an object that was told.
    told: bool,
}

impl Default for Pixel {
    fn default() -> Self {
        Self { background: 0.0, other: 0.0, age: 0.0, back: 0.0, visited: f32::MAX, told: false }
    }
}

/// One that was told of.
struct Object {
    since: UtcMillis,
    pixels: Vec<usize>,
    bbox: BBox,
}

impl Rule for AbandonedObject {
    fn step(&mut self, _: UtcMillis, _: &[Track], _: &mut Vec<RuleEvent>) {}

    fn look(&mut self, at: UtcMillis, thumb: &Thumb, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        let seconds = self.last.replace(at).map_or(0.0, |last| at.since(last).seconds());
        if !thumb.is_sound() || !(0.0..=GAP).contains(&seconds) {
            return;
        }
        self.looks = self.looks.saturating_add(1);
        let gain = self.gain(thumb);
        if self.looks <= LEARNED {
            let part = 1.0 / self.looks as f32;
            for &i in &self.places {
                let pixel = &mut self.pixels[i];
                pixel.background += part * (f32::from(thumb.luma[i]) - pixel.background);
            }
            return;
        }
        let differs = |i: &&usize| self.pixels[**i].differs(f32::from(thumb.luma[**i]) / gain);
        let different = self.places.iter().filter(differs).count() as f64;
        if different > ALL_DIFFERENT * self.places.len() as f64 {
            // Light: learned quickly, and nothing that was under way is believed.
            self.places.iter().for_each(|&i| self.pixels[i].light(f32::from(thumb.luma[i])));
            return;
        }
        let boxes: Vec<BBox> = tracks.iter().map(|t| t.bbox).collect();
        for &i in &self.places {
            let here = self.middle(i);
            let visited = boxes
                .iter()
                .any(|b| (b.x..=b.x + b.w).contains(&here.x) && (b.y..=b.y + b.h).contains(&here.y));
            self.pixels[i].see(f32::from(thumb.luma[i]) / gain, seconds as f32, visited);
        }
        self.end_gone(out);
        self.find_new(at, thumb, gain, out);
    }
}

impl Pixel {
    fn differs(&self, value: f32) -> bool {
        (value - self.background).abs() > DIFFERS + DIFFERS_PART * self.background
    }

    fn light(&mut self, value: f32) {
        self.background += 0.1 * (value - self.background);
        (self.age, self.back) = (0.0, 0.0);
    }

    fn see(&mut self, value: f32, seconds: f32, visited: bool) {
        self.visited = if visited { 0.0 } else { self.visited + seconds };
        if visited && !self.told {
            // Whatever stands here is a road user; what it leaves is judged from when it has gone.
            (self.age, self.back) = (0.0, 0.0);
            return;
        }
        if !self.differs(value) {
            self.background += (seconds / FOLLOW).min(0.5) * (value - self.background);
            self.back += seconds;
            if self.back > FLICKER {
                self.age = 0.0;
            }
        } else if self.age > 0.0 && (value - self.other).abs() <= DIFFERS {
            self.age += seconds;
            self.other += 0.1 * (value - self.other);
            self.back = 0.0;
        } else if !self.told {
            (self.other, self.age, self.back) = (value, f32::MIN_POSITIVE, 0.0);
        }
    }
}

impl AbandonedObject {
    fn middle(&self, i: usize) -> Point {
        let (x, y) = ((i % SIZE.0) as f64 + 0.5, (i / SIZE.0) as f64 + 0.5);
        Point::new(x * self.scale.0, y * self.scale.1)
    }

    /// How much brighter the zone is than its background: the median, so that objects do not count.
    fn gain(&self, thumb: &Thumb) -> f32 {
        let ratio = |&i: &usize| (f32::from(thumb.luma[i]) + 4.0) / (self.pixels[i].background + 4.0);
        let mut ratios: Vec<f32> = self.places.iter().step_by(3).map(ratio).collect();
        ratios.sort_by(f32::total_cmp);
        let middle = ratios.get(ratios.len() / 2).copied().unwrap_or(1.0);
        if self.looks <= LEARNED { 1.0 } else { middle.clamp(0.3, 3.0) }
    }

    fn end_gone(&mut self, out: &mut Vec<RuleEvent>) {
        let (pixels, zone) = (&mut self.pixels, &self.zone);
        self.objects.retain(|object| {
            let gone = object.pixels.iter().filter(|&&i| pixels[i].age == 0.0).count() as f64;
            let over = gone >= GONE * object.pixels.len() as f64;
            if over {
                object.pixels.iter().for_each(|&i| (pixels[i].told, pixels[i].age) = (false, 0.0));
                let (zone, bbox) = (Some(zone.id.clone()), Some(object.bbox));
                out.push(RuleEvent { zone, bbox, ..RuleEvent::new(RULE, Phase::Ended, object.since) });
            }
            !over
        });
    }

    fn find_new(&mut self, at: UtcMillis, thumb: &Thumb, gain: f32, out: &mut Vec<RuleEvent>) {
        let long = self.lasting.seconds() as f32;
        let old = |i: &usize| self.pixels[*i].age >= long && !self.pixels[*i].told;
        let mut free: std::collections::BTreeSet<usize> = self.places.iter().copied().filter(old).collect();
        while let Some(first) = free.pop_first() {
            let mut blob = vec![first];
            let mut next = 0;
            while next < blob.len() {
                for i in around(blob[next]) {
                    if free.remove(&i) {
                        blob.push(i);
                    }
                }
                next += 1;
            }
            if !self.sizes.contains(&(blob.len() as f64)) || !self.was_brought(&blob) {
                continue;
            }
            if !self.has_outline(&blob, thumb, gain) {
                // Something was taken away: what is there now is the background.
                blob.iter().for_each(|&i| {
                    self.pixels[i].background = self.pixels[i].other;
                    self.pixels[i].age = 0.0;
                });
                continue;
            }
            let mut ages: Vec<f32> = blob.iter().map(|&i| self.pixels[i].age).collect();
            ages.sort_by(f32::total_cmp);
            let since = UtcMillis(at.0 - (f64::from(ages[ages.len() / 2]) * 1_000.0) as i64);
            let bbox = self.bbox_of(&blob);
            blob.iter().for_each(|&i| self.pixels[i].told = true);
            let zone = Some(self.zone.id.clone());
            out.push(RuleEvent { zone, bbox: Some(bbox), ..RuleEvent::new(RULE, Phase::Begun, since) });
            self.objects.push(Object { since, pixels: blob, bbox });
        }
    }

    /// Was a road user there shortly before it appeared?
    fn was_brought(&self, blob: &[usize]) -> bool {
        let brought = |i: usize| self.pixels[i].visited - self.pixels[i].age <= BROUGHT;
        blob.iter().any(|&i| around(i).into_iter().any(brought) || brought(i))
    }

    /// Along its outline an object has an edge that the background has not.
    fn has_outline(&self, blob: &[usize], thumb: &Thumb, gain: f32) -> bool {
        let (mut now, mut before) = (0.0, 0.0);
        for &i in blob {
            for j in around(i).into_iter().filter(|j| !blob.contains(j)) {
                now += (f32::from(thumb.luma[i]) - f32::from(thumb.luma[j])).abs() / gain;
                let known = |i: usize| match self.pixels[i].background {
                    // Outside the zone nothing is learned: taken as the picture shows it.
                    0.0 => f32::from(thumb.luma[i]) / gain,
                    background => background,
                };
                before += (known(i) - known(j)).abs();
            }
        }
        now >= OUTLINE * before
    }

    fn bbox_of(&self, blob: &[usize]) -> BBox {
        let one = |i: &usize| {
            let (x, y) = ((i % SIZE.0) as f64 * self.scale.0, (i / SIZE.0) as f64 * self.scale.1);
            BBox::new(x, y, self.scale.0, self.scale.1)
        };
        blob.iter().map(one).reduce(|a, b| a.union(&b)).unwrap_or_default()
    }
}

/// The four neighbours of a pixel that is not at the border.
fn around(i: usize) -> [usize; 4] {
    [i - 1, i + 1, i - SIZE.0, i + SIZE.0]
}

#[cfg(test)]
#[path = "abandoned_object_tests.rs"]
mod tests;
