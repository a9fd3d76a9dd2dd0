//! `[[signals.hear]]`: a cabinet that broadcasts SPaT to this pole. It can be ordered nothing.

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use edge_agent_core::site::JunctionSite;
use hardware_signal::Dialled;
use hardware_signal::controllers::Access;
use models_domain::JunctionId;
use toml::Spanned;

use super::{DialledSite, one_of, position};
use crate::config::Known;
use crate::config::reader::Section;

/// `None` only where a problem was told.
pub(super) fn read(
    one: &mut Section<'_, '_>,
    known: &Known,
    junctions: &mut BTreeSet<JunctionId>,
    listens: &mut BTreeSet<SocketAddr>,
) -> Option<DialledSite> {
    let here = one.span();
    let controller = one.optional_with("controller", |text| one_of(text, &known.heard));
    let listen = one.required::<SocketAddr>("listen");
    let intersection = one.required::<u16>("intersection");
    let region = one.optional::<u16>("region").map(Spanned::into_inner);
    let junction = one.required::<JunctionId>("junction");
    let name = one.required::<String>("name");
    let position = position(one);
    let from: Vec<IpAddr> = one.list("allow_from");
    let groups: Vec<String> = one.list("groups");
    let (junction, listen) = (junction?, listen?);
    if !junctions.insert(junction.get_ref().clone()) {
        one.problem(&junction.span(), "junction", "has a controller already");
    }
    if !listens.insert(*listen.get_ref()) {
        one.problem(&listen.span(), "listen", "is used twice: each cabinet sends to a port of its own");
    }
    if groups.is_empty() {
        one.problem(&here, "groups", "is missing: which signal groups of the SPaT are the junction's?");
        return None;
    }
    let id = junction.into_inner();
    let dialled = Dialled {
        controller: controller.map_or_else(|| "spat".to_owned(), Spanned::into_inner),
        address: listen.into_inner().to_string(),
        junction: id.clone(),
        access: Access::Broadcast { region, intersection: intersection?.into_inner(), from },
        groups,
        // Nobody asks.
        poll: Duration::from_millis(100),
        backup: None,
        clock_off_max: None,
        steering: None,
        layout: None,
        blocks: false,
    };
    for problem in dialled.problems() {
        one.problem(&here, "hear", problem);
    }
    let handles_alarms = super::handles_alarms(&dialled.controller);
    let site = JunctionSite { id, name: name?.into_inner(), position, can: None, handles_alarms };
    Some(DialledSite { site, dialled })
}
