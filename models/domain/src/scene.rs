//! What is drawn over a camera's picture: counting lines, zones, the rules that watch them, and the ground they lie on.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;

use crate::geo::lens::RawLens;
use crate::geo::{Point, side};
use crate::ground::{Ground, RawMark};
use crate::health;
use crate::ids::{LineId, ZoneId};
use crate::pcu::PcuTable;

/// A scene in pixels of a picture of `size`; pictures of another size are scaled to it.
#[derive(Debug, Clone, PartialEq)]
pub struct Scene {
    /// Width, height.
    pub size: (u32, u32),
    pub lines: Vec<Line>,
    pub zones: Vec<Zone>,
    pub rules: Vec<RuleSpec>,
    /// What each class weighs; `[pcu]` weighs single classes anew.
    pub pcu: PcuTable,
    /// How the picture's own health is watched; `[health]`.
    pub health: health::Settings,
    /// Pixels to meters, where the scene has `[[ground]]` marks.
    pub ground: Option<Ground>,
}

/// A counting line from `a` to `b`; "right" is right of somebody who stands on `a` and looks to `b`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Line {
    pub id: LineId,
    pub a: Point,
    pub b: Point,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    pub id: ZoneId,
    pub polygon: Vec<Point>,
}

/// One `[[rule]]` table: `kind` names the rule, everything else is for the rule to read.
#[derive(Debug, Clone, PartialEq)]
pub struct RuleSpec {
    pub kind: String,
    pub params: toml::Table,
}

#[derive(Debug, thiserror::Error)]
pub enum SceneError {
    #[error("the scene is not what a scene file should be")]
    Parse(#[source] toml::de::Error),
    #[error("the scene: {}", .0.join("; "))]
    Invalid(Vec<String>),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawScene {
    size: (u32, u32),
    #[serde(default, rename = "line")]
    lines: Vec<Line>,
    #[serde(default, rename = "zone")]
    zones: Vec<Zone>,
    #[serde(default, rename = "rule")]
    rules: Vec<toml::Table>,
    #[serde(default)]
    pcu: BTreeMap<String, f64>,
    #[serde(default)]
    health: health::RawSettings,
    lens: Option<RawLens>,
    #[serde(default, rename = "ground")]
    marks: Vec<RawMark>,
}

impl Scene {
    /// A scene without lines, zones, rules or ground.
    pub fn empty(size: (u32, u32)) -> Self {
        let (pcu, health) = (PcuTable::default(), health::Settings::default());
        Self { size, lines: Vec::new(), zones: Vec::new(), rules: Vec::new(), pcu, health, ground: None }
    }

    /// Reads a scene file.
    ///
    /// # Errors
    /// [`SceneError`] with every problem at once. The rules' own keys are checked by [`crate::rules::make_all`].
    pub fn parse(text: &str) -> Result<Self, SceneError> {
        Self::parse_with(text, PcuTable::default())
    }

    /// The same where classes weigh as in `pcu`, but for those that the scene itself weighs.
    ///
    /// # Errors
    /// As [`Scene::parse`].
    pub fn parse_with(text: &str, pcu: PcuTable) -> Result<Self, SceneError> {
        let raw: RawScene = toml::from_str(text).map_err(SceneError::Parse)?;
        raw.check(pcu).map_err(SceneError::Invalid)
    }

    pub fn zone(&self, id: &ZoneId) -> Option<&Zone> {
        self.zones.iter().find(|z| z.id == *id)
    }
}

impl RawScene {
    fn check(self, weights: PcuTable) -> Result<Scene, Vec<String>> {
        let mut problems = Vec::new();
        let (w, h) = self.size;
        if !(16..=16_384).contains(&w) || !(16..=16_384).contains(&h) {
            problems.push(format!("size {w} x {h} is not a picture's size"));
        }
        let mut seen = BTreeSet::new();
        for line in &self.lines {
            if !seen.insert(line.id.as_str()) {
                problems.push(format!("line {:?} is there twice", line.id.as_str()));
            }
            if line.a == line.b {
                problems.push(format!("line {:?} has no length", line.id.as_str()));
            }
            if let Some(why) = misplaced(&[line.a, line.b], self.size) {
                problems.push(format!("line {:?} {why}", line.id.as_str()));
            }
        }
        for zone in &self.zones {
            if !seen.insert(zone.id.as_str()) {
                problems.push(format!("zone {:?}: the id is used twice", zone.id.as_str()));
            }
            if zone.polygon.len() < 3 {
                problems.push(format!("zone {:?} needs three corners or more", zone.id.as_str()));
            } else if let Some(why) = misplaced(&zone.polygon, self.size).or_else(|| misshapen(&zone.polygon))
            {
                problems.push(format!("zone {:?} {why}", zone.id.as_str()));
            }
        }
        let mut rules = Vec::new();
        for (i, mut params) in self.rules.into_iter().enumerate() {
            match params.remove("kind") {
                Some(toml::Value::String(kind)) => rules.push(RuleSpec { kind, params }),
                Some(other) => problems.push(format!("rule {}: kind {other} is not a text", i + 1)),
                None => problems.push(format!("rule {}: kind is missing", i + 1)),
            }
        }
        let pcu = weights.with(&self.pcu).unwrap_or_else(|wrong| {
            problems.extend(wrong);
            weights
        });
        let health = self.health.check().unwrap_or_else(|wrong| {
            problems.extend(wrong);
            health::Settings::default()
        });
        let ground = ground(self.size, self.lens.as_ref(), &self.marks).unwrap_or_else(|problem| {
            problems.push(problem);
            None
        });
        if problems.is_empty() {
            Ok(Scene { size: self.size, lines: self.lines, zones: self.zones, rules, pcu, health, ground })
        } else {
            Err(problems)
        }
    }
}

/// Why a line or zone with these corners is never met by anybody in a picture of `size`.
fn misplaced(corners: &[Point], size: (u32, u32)) -> Option<String> {
    if let Some(i) = corners.iter().position(|p| !p.x.is_finite() || !p.y.is_finite()) {
        return Some(format!("has no number at its point {}", i + 1));
    }
    let (w, h) = (f64::from(size.0), f64::from(size.1));
    let all = |is_out: &dyn Fn(&Point) -> bool| corners.iter().all(is_out);
    let outside = all(&|p| p.x < 0.0) || all(&|p| p.x > w) || all(&|p| p.y < 0.0) || all(&|p| p.y > h);
    outside.then(|| format!("lies outside the picture of {w} x {h}"))
}

/// Why a polygon is not the area that somebody meant: it has none, or its corners are not in order.
fn misshapen(polygon: &[Point]) -> Option<String> {
    let edge = |i: usize| (polygon[i], polygon[(i + 1) % polygon.len()]);
    let apart = |(a, b): (Point, Point), (p, q): (Point, Point)| side(a, b, p) * side(a, b, q) < 0.0;
    for i in 0..polygon.len() {
        for j in i + 1..polygon.len() {
            if apart(edge(i), edge(j)) && apart(edge(j), edge(i)) {
                return Some(format!(
                    "crosses itself between its corners {} and {}: give them in order around it",
                    i + 1,
                    j + 1
                ));
            }
        }
    }
    let twice: f64 = (0..polygon.len()).map(|i| side(Point::default(), edge(i).0, edge(i).1)).sum();
    (twice.abs() < 2.0).then(|| "has no area".to_owned())
}

/// The ground of a scene, if it has marks. A lens without marks is checked all the same.
fn ground(size: (u32, u32), lens: Option<&RawLens>, marks: &[RawMark]) -> Result<Option<Ground>, String> {
    let lens = lens.map(|lens| lens.check(size)).transpose()?;
    if marks.is_empty() {
        return Ok(None);
    }
    Ground::new(size, lens, marks).map(Some).map_err(|err| err.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scene_reads() {
        let scene = Scene::parse(
            "size = [1280, 720]\n\
             [[line]]\nid = \"north\"\na = [1, 2.5]\nb = [3, 4]\n\
             [[zone]]\nid = \"box\"\npolygon = [[0,0],[9,0],[9,9]]\n\
             [[rule]]\nkind = \"stopped_vehicle\"\nzone = \"box\"\n",
        )
        .unwrap();
        assert_eq!(scene.size, (1280, 720));
        assert_eq!(scene.lines[0].a, Point::new(1.0, 2.5));
        assert_eq!(scene.rules[0].kind, "stopped_vehicle");
        assert!(scene.rules[0].params.contains_key("zone"));
    }

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(Scene::parse(text).unwrap_err().to_string(), want);
    }

    #[test]
    fn every_problem_at_once() {
        check(
            "size = [1, 720]\n[[line]]\nid = \"n\"\na = [1, 2]\nb = [1, 2]\n\
             [[zone]]\nid = \"n\"\npolygon = [[0,0]]\n[[rule]]\nzone = 3\n",
            "the scene: size 1 x 720 is not a picture's size; line \"n\" has no length; \
             zone \"n\": the id is used twice; zone \"n\" needs three corners or more; rule 1: kind is missing",
        );
    }

    #[test]
    fn what_nobody_can_meet_is_refused() {
        let zone = |polygon: &str| format!("size = [640, 360]\n[[zone]]\nid = \"z\"\npolygon = {polygon}\n");
        let line = |ends: &str| format!("size = [640, 360]\n[[line]]\nid = \"n\"\n{ends}\n");
        check(
            &zone("[[100, 100], [300, 100], [100, 200], [300, 200]]"),
            "the scene: zone \"z\" crosses itself between its corners 2 and 4: give them in order around it",
        );
        check(&zone("[[100, 100], [200, 200], [300, 300]]"), "the scene: zone \"z\" has no area");
        check(
            &zone("[[700, 10], [900, 10], [900, 90]]"),
            "the scene: zone \"z\" lies outside the picture of 640 x 360",
        );
        check(&zone("[[0, 0], [nan, 10], [90, 90]]"), "the scene: zone \"z\" has no number at its point 2");
        check(
            &line("a = [10, 400]\nb = [90, 500]"),
            "the scene: line \"n\" lies outside the picture of 640 x 360",
        );
        // A polygon may be closed by its first corner, be drawn either way round, have a bay, and lie partly outside.
        for fine in [
            "[[0, 0], [90, 0], [90, 90], [0, 0]]",
            "[[0, 0], [0, 90], [90, 90], [90, 0]]",
            "[[0, 0], [90, 0], [90, 90], [50, 20], [0, 90]]",
            "[[-50, -50], [700, -50], [700, 400], [-50, 400]]",
        ] {
            assert!(Scene::parse(&zone(fine)).is_ok(), "{fine}");
        }
    }

    #[test]
    fn a_lens_and_a_ground_read() {
        let text = |last: &str| {
            format!(
                "size = [1280, 720]\n[lens]\nfx = 900\nk1 = -0.2\n\
                 [[ground]]\npicture = [400, 600]\nmeters = [-4, 10]\n\
                 [[ground]]\npicture = [880, 600]\nmeters = [4, 10]\nwithin_m = 0.2\n\
                 [[ground]]\npicture = [740, 300]\nmeters = [4, 40]\n\
                 [[ground]]\npicture = [540, 300]\nmeters = {last}\n"
            )
        };
        let ground = Scene::parse(&text("[-4, 40]")).unwrap().ground.unwrap();
        let middle = ground.at(Point::new(640.0, 600.0)).unwrap();
        assert!(middle.x.abs() < 0.1 && (middle.y - 10.0).abs() < 0.5, "{middle:?}");
        check(&text("[4, 40]"), "the scene: ground: points 3 and 4 are the same place");
    }

    #[test]
    fn unknown_keys_are_refused() {
        assert!(matches!(Scene::parse("size = [640, 360]\nlines = []\n"), Err(SceneError::Parse(_))));
    }
}
