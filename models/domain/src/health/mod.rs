//! Whether a camera still shows what it should: covered, turned, blurred, frozen, dark. Pure, over small grey pictures.
//!
//! What the camera usually shows is learned from the stream: within ten looks at first, then over minutes, so that dusk,
//! rain and exposure are followed and a hand before the lens is not. Only one trouble is told at a time, the one that
//! explains the others: a dark picture has no detail, a covered one no edges, and a turned one other edges.

mod frozen;
mod texture;
mod thumb;
mod view;

#[cfg(test)]
mod tests;

pub use thumb::{CELLS, SIZE, Texture, Thumb};

use serde::Deserialize;

use crate::event::{Phase, RuleEvent};
use crate::measure::{Measure, MeasureKind};
use crate::rules::{Held, Turn};
use crate::units::{DurationMs, UtcMillis};
use frozen::Frozen;
use texture::Textures;
use view::View;

/// Name of each trouble in events, with what it means for people.
pub static ALL: &[(&str, &str)] = &[
    ("camera_dark", "nothing bright is left in the picture; a street at night has lamps"),
    ("camera_frozen", "the picture stands still to the last bit, but for a clock at its edge"),
    ("camera_covered", "most of the picture has lost its detail (detail_percent)"),
    ("camera_turned", "the view has moved (shift_percent) or is another"),
    ("camera_blurred", "the view is the same and no longer sharp (detail_percent)"),
];

/// Names of all troubles.
pub fn names() -> Vec<&'static str> {
    ALL.iter().map(|(name, _)| *name).collect()
}

/// How the health of one camera's picture is watched: `[health]` of a scene.
#[derive(Debug, Clone, PartialEq)]
pub struct Settings {
    /// By trouble, in the order of [`ALL`].
    on: [bool; 5],
    /// How long a trouble must last before it is told; a picture frozen or dark takes three times as long.
    lasting: DurationMs,
}

impl Default for Settings {
    fn default() -> Self {
        Self { on: [true; 5], lasting: DurationMs(20_000) }
    }
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawSettings {
    /// Troubles that are not watched for: names of [`ALL`], or `all`.
    #[serde(default)]
    off: Vec<String>,
    for_ms: Option<i64>,
}

impl RawSettings {
    /// # Errors
    /// Every name that is no trouble, and a time that is none.
    pub(crate) fn check(&self) -> Result<Settings, Vec<String>> {
        let mut settings = Settings::default();
        let mut problems = Vec::new();
        for name in &self.off {
            match ALL.iter().position(|(known, _)| known == name) {
                Some(i) => settings.on[i] = false,
                None if name == "all" => settings.on = [false; 5],
                None => {
                    let known = names().join(", ");
                    problems.push(format!("health: off: {name:?} is not known; known are all, {known}"));
                }
            }
        }
        match self.for_ms {
            Some(ms @ 1_000..=3_600_000) => settings.lasting = DurationMs(ms),
            Some(ms) => problems.push(format!("health: for_ms: {ms} is not within a second and an hour")),
            None => {}
        }
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }
}

/// After so many looks it is known what the camera usually shows.
const LEARNED: u32 = 10;

const DARK: usize = 0;
const FROZEN: usize = 1;
const COVERED: usize = 2;
const TURNED: usize = 3;
const BLURRED: usize = 4;

/// Brighter than this is light: a lamp, a headlight, the sky at dusk. Coded black is 16.
const LIGHT: u8 = 50;
/// A picture is dark when less of it than this is brighter.
const LIT: f64 = 0.002;
/// A trouble is over when it was gone for this long.
const OVER: DurationMs = DurationMs(8_000);
/// A view that has been another for this long is the new one.
const NEW_VIEW: DurationMs = DurationMs(1_800_000);

/// What one camera's pictures should look like, and what is wrong with them.
#[derive(Debug, Clone)]
pub struct PictureHealth {
    settings: Settings,
    held: [Held; 5],
    frozen: Frozen,
    textures: Textures,
    view: View,
    last: Option<UtcMillis>,
    looks: u32,
}

/// What one look says of each trouble; `None` where another trouble hides it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Signs {
    pub is: [Option<bool>; 5],
    pub luma: f64,
    /// Part of the cells that once had detail and have it still, 0..=100.
    pub detail_percent: f64,
    /// Sharpness against what was learned, 0..=100 and beyond.
    pub sharp_percent: f64,
    /// Percent of the picture's width.
    pub shift_percent: f64,
    /// How well the edges lie where they did, 1 is as ever.
    pub alike: f64,
}

impl PictureHealth {
    pub fn new(settings: Settings) -> Self {
        let held = std::array::from_fn(|i| {
            let times = if i == DARK || i == FROZEN { 3 } else { 1 };
            Held::new(DurationMs(times * settings.lasting.0), OVER)
        });
        let (frozen, textures, view) = (Frozen::default(), Textures::default(), View::default());
        Self { settings, held, frozen, textures, view, last: None, looks: 0 }
    }

    /// Looks at one picture; feed it about one a second, in time order. Appends the troubles that began or ended.
    pub fn look(&mut self, at: UtcMillis, thumb: &Thumb, out: &mut Vec<RuleEvent>) {
        if !thumb.is_sound() {
            return;
        }
        self.looks = self.looks.saturating_add(1);
        let signs = self.signs(at, thumb);
        for (i, name) in names().into_iter().enumerate() {
            if !self.settings.on[i] {
                continue;
            }
            let (phase, began) = match self.held[i].step(at, signs.is[i]) {
                Some(Turn::Began(since)) => (Phase::Begun, since),
                Some(Turn::Ended(since)) => (Phase::Ended, since),
                None => continue,
            };
            out.push(RuleEvent { measures: signs.measures(i), ..RuleEvent::new(name, phase, began) });
        }
    }

    /// Whether the next look must come soon: what should be seen is not learned yet, or something else begins to be seen.
    pub fn is_unsure(&self) -> bool {
        self.looks < LEARNED || self.frozen.is_unsure() || self.held.iter().any(Held::is_turning)
    }

    /// What this picture says, and what is learned from it.
    pub fn signs(&mut self, at: UtcMillis, thumb: &Thumb) -> Signs {
        let seconds = self.last.replace(at).map_or(0.0, |last| at.since(last).seconds()).clamp(0.0, 60.0);
        let mut is = [Some(false); 5];
        let dark = thumb.brighter_than(LIGHT) < LIT;
        let frozen = self.frozen.step(at, thumb);
        let texture = self.textures.compare(thumb);
        let view = self.view.compare(thumb);
        let covered = texture.detail_percent < texture::COVERED_PERCENT;
        let blurred = texture.sharp_percent < texture::BLURRED_PERCENT;
        // Another view is told only of a picture in which there is something to see.
        let turned = view.moved() || (view.is_another() && !blurred && texture.detail_percent > 50.0);
        is[DARK] = Some(dark);
        is[FROZEN] = if dark { None } else { frozen };
        is[COVERED] = if dark { None } else { Some(covered) };
        is[TURNED] = if dark || covered { None } else { Some(turned) };
        is[BLURRED] = if dark || covered || turned { None } else { Some(blurred && !view.is_another()) };
        if !(dark || covered || turned || blurred) {
            self.textures.learn(thumb, seconds);
            self.view.learn(thumb, seconds);
        } else if turned && self.view.has_been_another(at) >= NEW_VIEW {
            // Somebody turned it on purpose: from now on this is what it should show.
            (self.textures, self.view) = (Textures::default(), View::default());
        }
        Signs {
            is,
            luma: thumb.mean(),
            detail_percent: texture.detail_percent,
            sharp_percent: texture.sharp_percent,
            shift_percent: view.shift_percent(),
            alike: view.alike,
        }
    }
}

impl Signs {
    fn measures(&self, trouble: usize) -> Vec<Measure> {
        match trouble {
            DARK => vec![MeasureKind::Luma.of(self.luma)],
            COVERED => vec![MeasureKind::DetailPercent.of(self.detail_percent)],
            TURNED if self.shift_percent > 0.0 => vec![MeasureKind::ShiftPercent.of(self.shift_percent)],
            BLURRED => vec![MeasureKind::DetailPercent.of(self.sharp_percent)],
            _ => Vec::new(),
        }
    }
}
