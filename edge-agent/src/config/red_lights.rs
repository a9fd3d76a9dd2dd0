//! `[[cameras.camera.red_light]]`: which lines of a camera's scene are stop lines, and whose lamp stands at them.

use std::collections::BTreeSet;
use std::ops::Range;

use edge_agent_core::red_lights::StopLineSpec;
use models_domain::count::Direction;
use models_domain::ladder::Rung;
use models_domain::scene::Scene;
use models_domain::{DurationMs, JunctionId, LineId};
use toml::Spanned;

use super::reader::Section;
use super::signals::Signals;
use super::{Cameras, one_of};

/// How late a usual controller notices a change, and a usual network's shortest way.
const SIGNAL_ERROR_MS: f64 = 200.0;
/// With fewer pictures a second nobody is seen before and after a line.
const FPS_MIN: f64 = 4.0;

/// A stop line, and where the file says so.
#[derive(Debug)]
pub struct RedLight {
    pub spec: StopLineSpec,
    junction_at: Range<usize>,
    group_at: Range<usize>,
}

/// What is drawn and how often is looked are the camera's.
pub fn read(
    camera: &mut Section<'_, '_>,
    scene: &Scene,
    pinned: Option<Rung>,
    analyze_fps: f64,
) -> Vec<RedLight> {
    let mut found = camera.sections("red_light");
    let mut seen = BTreeSet::new();
    let lights: Vec<RedLight> = found.iter_mut().filter_map(|one| read_one(one, scene, &mut seen)).collect();
    if let Some(first) = found.first() {
        if pinned != Some(Rung::Full) {
            let why = "needs rung = \"full\": who is not looked at all the time has not been seen to pass";
            camera.problem(&first.span(), "red_light", why);
        }
        if analyze_fps < FPS_MIN {
            let why = format!("needs analyze_fps of at least {FPS_MIN}, and this camera has {analyze_fps}");
            camera.problem(&first.span(), "red_light", why);
        }
    }
    lights
}

fn read_one(
    one: &mut Section<'_, '_>,
    scene: &Scene,
    seen: &mut BTreeSet<(LineId, Direction)>,
) -> Option<RedLight> {
    let line = one.required::<LineId>("line");
    let direction = one.required_with("direction", |text| one_of(text, &["to_left", "to_right"]));
    let junction = one.required::<JunctionId>("junction");
    let group = one.required_with("group", |text| match text.parse::<u16>() {
        Ok(number) if (1..=255).contains(&number) => Ok(number),
        Ok(_) | Err(_) => Err(format!("{text} is no number of a signal group, which count from 1")),
    });
    let error = one.number("signal_error_ms", 0.0..=5_000.0, SIGNAL_ERROR_MS);
    let off = one.optional_with("clock_off_max_ms", |text| match text.parse::<i64>() {
        Ok(number) if (1..=3_600_000).contains(&number) => Ok(DurationMs(number)),
        Ok(_) | Err(_) => Err(format!("{text} is not within 1 to 3600000")),
    });
    let (line, direction, junction, group) = (line?, direction?, junction?, group?);
    let way = if direction.get_ref() == "to_left" { Direction::ToLeft } else { Direction::ToRight };
    if !scene.lines.iter().any(|drawn| drawn.id == *line.get_ref()) {
        let lines: Vec<&str> = scene.lines.iter().map(|line| line.id.as_str()).collect();
        let lines = if lines.is_empty() { "none".to_owned() } else { lines.join(", ") };
        one.problem(
            &line.span(),
            "line",
            format!("the scene has no line {}; it has {lines}", line.get_ref()),
        );
    }
    if !seen.insert((line.get_ref().clone(), way)) {
        one.problem(&line.span(), "line", "has a lamp in this direction already: one line, one lamp");
    }
    let (junction_at, group_at) = (junction.span(), group.span());
    let spec = StopLineSpec {
        line: line.into_inner(),
        direction: way,
        junction: junction.into_inner(),
        group: Spanned::into_inner(group),
        signal_error: DurationMs(error as i64),
        clock_off_max: off.map(Spanned::into_inner),
    };
    Some(RedLight { spec, junction_at, group_at })
}

/// Whether the lamps that are named are reported to this gateway.
pub fn check(root: &Section<'_, '_>, cameras: &Cameras, signals: Option<&Signals>) {
    for light in cameras.cameras.iter().flat_map(|camera| &camera.red_lights) {
        let StopLineSpec { junction, group, .. } = &light.spec;
        let known = signals.is_some_and(|signals| signals.junctions().any(|site| site.id == *junction));
        if !known {
            let why = format!(
                "no controller of [signals] is junction {junction}: a stop line's lamp must be reported to this gateway"
            );
            root.problem(&light.junction_at, "cameras.camera.red_light.junction", why);
        }
        if let Some(groups) = signals.and_then(|signals| signals.groups_of(junction))
            && usize::from(*group) > groups
        {
            let why = format!("junction {junction} has {groups} signal groups");
            root.problem(&light.group_at, "cameras.camera.red_light.group", why);
        }
    }
}
