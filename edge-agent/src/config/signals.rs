//! The section `[signals]`: controllers, and what safety holds their junctions to.

mod codes;
mod dial;
mod hear;
mod send;

use std::collections::BTreeSet;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use edge_agent_core::site::JunctionSite;
use hardware_signal::announce::Announced;
use hardware_signal::controllers::Controller;
use hardware_signal::{Dialled, SecurityCodes, Steering, TlsFiles};
use models_domain::signal::order::Orderable;
use models_domain::signal::plan::{Group, GroupKind, Layout, Limits};
use models_domain::{DurationMs, JunctionId};
use toml::Spanned;

use super::reader::Section;
use super::{Known, one_of, position};

#[derive(Debug)]
pub struct Signals {
    /// `None`: no site dials this pole.
    pub listen: Option<SocketAddr>,
    pub controller: String,
    pub supervisor_id: String,
    /// Between two counts of the detectors of those that dial.
    pub counts_interval: Duration,
    /// Those that dial.
    pub sites: Vec<SignalSite>,
    /// Those that are dialled, and those whose broadcasts are heard.
    pub dialled: Vec<DialledSite>,
    /// Those whose signals vehicles are told.
    pub sent: Vec<Announced>,
    /// `None`: plain TCP.
    pub tls: Option<TlsFiles>,
}

impl Signals {
    /// What stands there, however it is reached.
    pub fn junctions(&self) -> impl Iterator<Item = &JunctionSite> {
        self.sites.iter().map(|site| &site.site).chain(self.dialled.iter().map(|one| &one.site))
    }

    /// How many signal groups a junction has, where the file says so.
    pub fn groups_of(&self, junction: &JunctionId) -> Option<usize> {
        let dialled = self.dialled.iter().find(|one| one.site.id == *junction);
        let told = self.junctions().find(|site| site.id == *junction)?.can.as_ref();
        dialled.map(|one| one.dialled.groups.len()).or_else(|| told.map(|can| can.layout.groups.len()))
    }

    /// What somebody should see, though nothing is refused for it.
    pub fn warnings(&self) -> Vec<String> {
        let named = names_sites(self.listen, self.tls.as_ref());
        let warning = |site: &SignalSite| codes::warning(site, named || !site.allow_from.is_empty());
        self.sites.iter().filter_map(warning).collect()
    }
}

/// Whether nobody can dial as one of the sites but itself: from elsewhere nobody reaches a loopback address, and with certificates
/// each site shows that it is itself.
fn names_sites(listen: Option<SocketAddr>, tls: Option<&TlsFiles>) -> bool {
    listen.is_some_and(|listen| listen.ip().is_loopback()) || tls.is_some_and(|tls| tls.sites_ca.is_some())
}

/// Whether controllers of a kind can be told that an alarm is acknowledged, suspended or resumed.
fn handles_alarms(kind: &str) -> bool {
    Controller::by_name(kind).is_some_and(|kind| kind.handles_alarms)
}

#[derive(Debug)]
pub struct DialledSite {
    pub site: JunctionSite,
    pub dialled: Dialled,
}

#[derive(Debug)]
pub struct SignalSite {
    pub site: JunctionSite,
    pub site_id: String,
    /// The component that reports the signal groups.
    pub component: String,
    /// Components of its detectors, where each is asked by itself.
    pub detectors: Vec<String>,
    pub allow_from: Vec<IpAddr>,
    /// What it wants to hear with commands.
    pub codes: SecurityCodes,
    /// `None`: its clock is never set.
    pub clock_off_max: Option<Duration>,
    /// `None`: it is listened to and never commanded.
    pub steering: Option<Steering>,
}

pub(super) fn read(
    mut section: Section<'_, '_>,
    gateway: &str,
    folder: &Path,
    known: &Known,
) -> Option<Signals> {
    let found = section.sections("site");
    let mut dialled = section.sections("dial");
    let mut heard = section.sections("hear");
    let mut sent = section.sections("send");
    let listen = if found.is_empty() {
        section.optional::<SocketAddr>("listen")
    } else {
        section.required::<SocketAddr>("listen")
    };
    let controller = section.optional_with("controller", |text| one_of(text, &known.controllers));
    let supervisor_id = section.optional::<String>("supervisor_id").map(Spanned::into_inner);
    let counts_s = section.number("counts_s", 1.0..=3_600.0, 60.0);
    let tls = section.section("tls").map(|s| tls(s, folder));
    let (mut sites, mut site_ids, mut junctions) = (Vec::new(), BTreeSet::new(), BTreeSet::new());
    if found.is_empty() && dialled.is_empty() && heard.is_empty() {
        section.problem(&section.span(), "site, dial, hear", "is missing: at least one is needed");
    }
    let kind = controller.as_ref().map_or("rsmp", |name| name.get_ref().as_str());
    let handles_alarms = handles_alarms(kind);
    let address = listen.as_ref().map(|listen| *listen.get_ref());
    let names_sites = names_sites(address, tls.as_ref().and_then(Option::as_ref));
    let kind = Kind { handles_alarms, names_sites };
    for mut one in found {
        sites.extend(site(&mut one, kind, &mut site_ids, &mut junctions));
    }
    let no_listen = listen.is_none() && !sites.is_empty();
    let mut dialled: Vec<DialledSite> =
        dialled.iter_mut().filter_map(|one| dial::read(one, folder, known, &mut junctions)).collect();
    let mut listens = BTreeSet::new();
    dialled.extend(heard.iter_mut().filter_map(|one| hear::read(one, known, &mut junctions, &mut listens)));
    let junctions: Vec<JunctionId> = junctions.into_iter().collect();
    let sent = sent.iter_mut().filter_map(|one| send::read(one, folder, &junctions)).collect();
    Some(Signals {
        listen: if no_listen { return None } else { listen.map(Spanned::into_inner) },
        controller: controller.map_or_else(|| "rsmp".to_owned(), Spanned::into_inner),
        supervisor_id: supervisor_id.unwrap_or_else(|| gateway.to_owned()),
        counts_interval: Duration::from_secs_f64(counts_s.round()),
        sites,
        dialled,
        sent,
        tls: match tls {
            Some(read) => Some(read?),
            None => None,
        },
    })
}

/// What all that dial have in common.
#[derive(Clone, Copy)]
struct Kind {
    handles_alarms: bool,
    /// Nobody else can dial as one of them.
    names_sites: bool,
}

/// One that dials; `None` only where a problem was told.
fn site(
    one: &mut Section<'_, '_>,
    kind: Kind,
    site_ids: &mut BTreeSet<String>,
    junctions: &mut BTreeSet<JunctionId>,
) -> Option<SignalSite> {
    let site_id = one.required::<String>("site_id");
    let component = one.required::<String>("component");
    let junction = one.required::<JunctionId>("junction");
    let name = one.required::<String>("name");
    let position = position(one);
    let detectors = one.list("detectors");
    let allow_from: Vec<IpAddr> = one.list("allow_from");
    let is_known = kind.names_sites || !allow_from.is_empty();
    let codes = codes::read(one, is_known);
    let clock_off_max = codes::clock(one, &codes, is_known);
    let (can, steering) = steered(one, &codes).unzip();
    let (site_id, component, junction, name) = (site_id?, component?, junction?, name?);
    if !site_ids.insert(site_id.get_ref().clone()) {
        one.problem(&site_id.span(), "site_id", "is used twice");
    }
    if !junctions.insert(junction.get_ref().clone()) {
        one.problem(&junction.span(), "junction", "has a site already");
    }
    let (id, name) = (junction.into_inner(), name.into_inner());
    Some(SignalSite {
        site: JunctionSite { id, name, position, can, handles_alarms: kind.handles_alarms },
        site_id: site_id.into_inner(),
        component: component.into_inner(),
        detectors,
        allow_from,
        codes,
        clock_off_max,
        steering,
    })
}

fn tls(mut section: Section<'_, '_>, folder: &Path) -> Option<TlsFiles> {
    let certificate = section.required::<PathBuf>("certificate");
    let key = section.required::<PathBuf>("key");
    let sites_ca = section.optional::<PathBuf>("sites_ca").map(|path| folder.join(path.into_inner()));
    let at = |path: Spanned<PathBuf>| folder.join(path.into_inner());
    Some(TlsFiles { certificate: at(certificate?), key: at(key?), sites_ca })
}

/// What is needed to command a site; without groups it is listened to only.
fn steered(site: &mut Section<'_, '_>, codes: &SecurityCodes) -> Option<(Orderable, Steering)> {
    let here = site.span();
    let plans: Vec<u8> = site.list("plans");
    let all_red_input = site.optional::<u8>("all_red_input").map(Spanned::into_inner);
    let found = site.sections("group");
    let conflicts = site.sections("conflict");
    if found.is_empty() {
        if !plans.is_empty() || !conflicts.is_empty() || codes.two.is_some() || all_red_input.is_some() {
            site.problem(
                &here,
                "group",
                "is missing: without its groups nothing may be ordered of a junction",
            );
        }
        return None;
    }
    let (layout, components) = layout(site, found, conflicts);
    if codes.two.is_none() {
        site.problem(&here, "security_code", "is missing: the controller takes no command without it");
    }
    let can = Orderable { layout, plans, all_red: all_red_input.is_some() };
    Some((can, Steering { groups: components, all_red_input }))
}

/// What safety holds the junction to, and what the controller calls its groups.
fn layout(
    site: &Section<'_, '_>,
    found: Vec<Section<'_, '_>>,
    conflicts: Vec<Section<'_, '_>>,
) -> (Layout, Vec<String>) {
    let (mut groups, mut components) = (Vec::new(), Vec::new());
    for mut one in found {
        components.extend(one.required::<String>("component").map(Spanned::into_inner));
        groups.push(group(&mut one));
    }
    let mut layout = Layout::new(groups, Limits::default());
    let clearances: Vec<DurationMs> = layout.groups.iter().map(|group| group.clearance).collect();
    for mut one in conflicts {
        let (these, those): (Vec<u16>, Vec<u16>) = (one.list("groups"), one.list("with"));
        let intergreen = ms(one.number("intergreen_s", 0.0..=60.0, 5.0));
        if these.is_empty() || those.is_empty() {
            one.problem(&one.span(), "groups, with", "name no groups that conflict");
        }
        for (a, b) in these.iter().flat_map(|a| those.iter().map(move |b| (*a, *b))) {
            for (ending, beginning) in [(a, b), (b, a)] {
                let index = |number: u16| number.checked_sub(1).and_then(|index| u8::try_from(index).ok());
                let (Some(ending), Some(beginning)) = (index(ending), index(beginning)) else {
                    one.problem(&one.span(), "groups, with", "number groups from 1");
                    continue;
                };
                // Nobody starts before the others have left.
                let clearance = clearances.get(usize::from(ending)).copied().unwrap_or_default();
                layout.set_intergreen(ending, beginning, intergreen.max(clearance));
            }
        }
    }
    for problem in layout.problems() {
        site.problem(&site.span(), "group, conflict", problem);
    }
    (layout, components)
}

fn group(section: &mut Section<'_, '_>) -> Group {
    let kind = section.optional_with("kind", |text| one_of(text, &["vehicle", "pedestrian"]));
    let on_foot = kind.is_some_and(|kind| kind.get_ref() == "pedestrian");
    let (kind, usual) = if on_foot { (GroupKind::Pedestrian, 8.0) } else { (GroupKind::Vehicle, 3.0) };
    Group {
        kind,
        green_min: ms(section.number("green_min_s", 1.0..=60.0, 5.0)),
        clearance: ms(section.number("clearance_s", 0.0..=60.0, usual)),
        red_max: ms(section.number("red_max_s", 10.0..=600.0, 180.0)),
    }
}

fn ms(seconds: f64) -> DurationMs {
    DurationMs((seconds * 1000.0) as i64)
}
