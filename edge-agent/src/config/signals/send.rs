//! `[[signals.send]]`: a junction whose signals vehicles are told, by way of a roadside unit.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use hardware_signal::announce::Announced;
use models_domain::JunctionId;
use toml::Spanned;

use crate::config::reader::Section;

/// `None` only where a problem was told.
pub(super) fn read(one: &mut Section<'_, '_>, folder: &Path, junctions: &[JunctionId]) -> Option<Announced> {
    let here = one.span();
    let junction = one.required::<JunctionId>("junction");
    let to = one.required::<SocketAddr>("to");
    let intersection = one.required::<u16>("intersection");
    let region = one.optional::<u16>("region").map(Spanned::into_inner);
    let groups: Vec<String> = one.list("groups");
    let map = one.optional::<PathBuf>("map");
    let junction = junction?;
    if !junctions.contains(junction.get_ref()) {
        one.problem(
            &junction.span(),
            "junction",
            "has no [[signals.site]], [[signals.dial]] or [[signals.hear]] here",
        );
        return None;
    }
    let map = match map {
        Some(path) => {
            let file = folder.join(path.get_ref());
            match std::fs::read_to_string(&file) {
                Ok(text) => Some(text),
                Err(err) => {
                    one.problem(&path.span(), "map", format!("reading {}: {err}", file.display()));
                    return None;
                }
            }
        }
        None => None,
    };
    let (to, intersection) = (to?.into_inner(), intersection?.into_inner());
    match Announced::new((junction.into_inner(), to), (region, intersection), &groups, map.as_deref()) {
        Ok(announced) => Some(announced),
        Err(problems) => {
            for problem in problems {
                one.problem(&here, "groups, map", problem);
            }
            None
        }
    }
}
