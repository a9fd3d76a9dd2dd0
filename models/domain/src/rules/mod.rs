//! Analytics rules: tracks in, events out. Pure; time comes with the tracks.
//!
//! To add one: a file beside this one, its `mod` line, and its line in [`ALL`].

mod common;
mod intrusion;
mod stopped_vehicle;
mod wrong_way;

#[cfg(test)]
mod tests;

use crate::event::RuleEvent;
use crate::scene::Scene;
use crate::track::Track;
use crate::units::UtcMillis;

/// One rule on one camera. Called once for every analysed picture, in time order.
pub trait Rule: Send {
    /// Appends what became true at `at`. `tracks` are all confirmed tracks, boxes in pixels of the scene.
    fn step(&mut self, at: UtcMillis, tracks: &[Track], out: &mut Vec<RuleEvent>);
}

/// Reads a rule's own keys; the error says which key is wrong and why.
pub type Make = fn(&Scene, toml::Table) -> Result<Box<dyn Rule>, String>;

/// Rule name in the scene file -> constructor.
pub static ALL: &[(&str, Make)] = &[
    ("intrusion", intrusion::make),
    ("stopped_vehicle", stopped_vehicle::make),
    ("wrong_way", wrong_way::make),
];

/// The rules of a scene, ready to run.
///
/// # Errors
/// Every rule that is unknown or has a wrong key, each with its number and kind.
pub fn make_all(scene: &Scene) -> Result<Vec<Box<dyn Rule>>, Vec<String>> {
    let mut rules = Vec::new();
    let mut problems = Vec::new();
    for (i, spec) in scene.rules.iter().enumerate() {
        let Some((_, make)) = ALL.iter().find(|(name, _)| *name == spec.kind) else {
            let known = ALL.iter().map(|(name, _)| *name).collect::<Vec<_>>().join(", ");
            problems.push(format!("rule {}: kind {:?} is not known; known are {known}", i + 1, spec.kind));
            continue;
        };
        match make(scene, spec.params.clone()) {
            Ok(rule) => rules.push(rule),
            Err(why) => problems.push(format!("rule {} ({}): {why}", i + 1, spec.kind)),
        }
    }
    if problems.is_empty() { Ok(rules) } else { Err(problems) }
}
