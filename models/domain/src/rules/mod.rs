//! Analytics rules: tracks in, events out. Pure; time comes with the tracks.
//!
//! To add one: a file beside this one, its `mod` line, and its line in [`ALL`].

mod common;
mod held;
mod stays;

mod abandoned_object;
mod crowd;
mod illegal_parking;
mod intrusion;
mod level_of_service;
mod loitering;
mod motorcycle_on_pavement;
mod pedestrian_on_carriageway;
mod queue;
mod speed;
mod stopped_vehicle;
mod turning_movement;
mod wrong_way;
mod zone_occupancy;

#[cfg(test)]
mod tests;

pub use held::{Held, Turn};

use crate::event::RuleEvent;
use crate::health::Thumb;
use crate::scene::Scene;
use crate::track::Track;
use crate::units::UtcMillis;

/// One rule on one camera. Called once for every analysed picture, in time order.
pub trait Rule: Send {
    /// Appends what became true at `at`. `tracks` are all confirmed tracks, boxes in pixels of the scene.
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>);

    /// The same for a picture in which nothing moves by its brightness: nobody crosses a line in it, whatever the boxes do.
    fn still(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        self.step(at, tracks, out);
    }

    /// The same with a look at the picture itself, about once a second, after the step with the same `at`.
    fn look(&mut self, at: UtcMillis, thumb: &Thumb, tracks: &[Track], out: &mut Vec<RuleEvent>) {
        let _ = (at, thumb, tracks, out);
    }

    /// Between these moments nobody watched the stream: who is in the next picture may have come and gone meanwhile. Told
    /// before that picture. Any other span without pictures is one in which nothing moved.
    fn unwatched(&mut self, from: UtcMillis, until: UtcMillis) {
        let _ = (from, until);
    }

    /// Nothing more will come: tells the figures of the minute under way. What has begun is not over for that.
    fn finish(&mut self, out: &mut Vec<RuleEvent>) {
        let _ = out;
    }
}

/// One kind of rule.
pub struct Kind {
    /// As in the scene file and in events.
    pub name: &'static str,
    /// For people: what it tells, then every key with what holds when it is left out.
    pub about: &'static str,
    pub make: Make,
}

/// Reads a rule's own keys; the error says which key is wrong and why.
pub type Make = fn(&Scene, toml::Table) -> Result<Box<dyn Rule>, String>;

/// Every kind of rule, by name.
pub static ALL: &[Kind] = &[
    abandoned_object::KIND,
    crowd::KIND,
    illegal_parking::KIND,
    intrusion::KIND,
    level_of_service::KIND,
    loitering::KIND,
    motorcycle_on_pavement::KIND,
    pedestrian_on_carriageway::KIND,
    queue::KIND,
    speed::KIND,
    stopped_vehicle::KIND,
    turning_movement::KIND,
    wrong_way::KIND,
    zone_occupancy::KIND,
];

/// The rules of a scene, ready to run.
///
/// # Errors
/// Every rule that is unknown or has a wrong key, each with its number and kind.
pub fn make_all(scene: &Scene) -> Result<Vec<Box<dyn Rule>>, Vec<String>> {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    for (i, spec) in scene.rules.iter().enumerate() {
        let Some(kind) = ALL.iter().find(|kind| kind.name == spec.kind) else {
            let known = ALL.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
            problems.push(format!("rule {}: kind {:?} is not known; known are {known}", i + 1, spec.kind));
            continue;
        };
        match (kind.make)(scene, spec.params.clone()) {
            Ok(rule) => rules.push(rule),
            Err(why) => problems.push(format!("rule {} ({}): {why}", i + 1, spec.kind)),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}
