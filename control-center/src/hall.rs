//! What every task and every call of the running hall shares.

use std::sync::Arc;

use control_center_store::Store;
use hardware_bus::ZenohBus;
use hardware_ports::Clock;
use hardware_ports::bus::Bus;
use models_domain::JunctionId;
use models_domain::pcu::PcuTable;
use models_domain::signal::corridor::{Corridor, Way};
use models_domain::signal::route::{Pass, Route};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

use crate::areas::{Area, Place};
use crate::auth::passwords::Passwords;
use crate::auth::sessions::Sessions;
use crate::city_view::CityView;
use crate::gateways::Gateways;
use crate::metrics::{Noted, ScraperToken};
use crate::pictures::Pictures;
use crate::signals::Rates;
use crate::signals::adaptive::Adaptives;
use crate::signals::advice::Advices;
use crate::signals::bus_priority::Priorities;
use crate::signals::calendar::Calendars;
use crate::signals::emergency::Emergencies;
use crate::signals::health::Healths;
use crate::transit::Transit;

pub struct Hall {
    pub clock: Arc<dyn Clock>,
    pub store: Arc<Store>,
    pub bus: Arc<dyn Bus>,
    /// The same bus, to change who may speak on it.
    pub router: Arc<ZenohBus>,
    pub gateways: Gateways,
    pub view: CityView,
    pub pictures: Pictures,
    /// The buses: who does what, and what passengers are told.
    pub transit: Transit,
    pub sessions: Sessions,
    pub passwords: Passwords,
    /// Turns for searching tracks.
    pub searches: Semaphore,
    /// Who may read the metrics besides those who signed in.
    pub scraper: Option<ScraperToken>,
    /// What is noted for the metrics.
    pub noted: Noted,
    /// Whether anybody may read what passengers are told of buses without signing in.
    pub public_buses: bool,
    pub keep_events_days: u32,
    pub evidence_gib: u32,
    /// Streets whose junctions are to work as one.
    pub corridors: Vec<Corridor>,
    /// Ways of vehicles that must not wait, besides those along corridors; no id is of a corridor too.
    pub emergency_routes: Vec<Route>,
    /// Vehicles under way with greens ahead of them.
    pub emergencies: Emergencies,
    /// Which plan runs when.
    pub calendars: Calendars,
    /// Green for late buses.
    pub priorities: Priorities,
    /// What adaptive control would do.
    pub advices: Advices,
    /// Where it does it.
    pub adaptives: Adaptives,
    /// How often something was ordered of junctions of late.
    pub rates: Rates,
    /// What is wrong with controllers.
    pub healths: Healths,
    /// What classes weigh in what is counted before a junction.
    pub pcu: PcuTable,
    /// What rights are given for.
    pub areas: Vec<Area>,
    /// Whether callers come over TLS; else cookies must travel without.
    pub tls: bool,
    pub stop: CancellationToken,
}

impl Hall {
    /// A junction with its areas; one that was never heard of is only where it is listed.
    pub fn place<'a>(&'a self, junction: &'a JunctionId) -> Place<'a> {
        let position =
            self.view.read(|city| city.junctions.get(junction).and_then(|known| known.info.position));
        Place::of(&self.areas, junction, position)
    }

    /// The stop lines of a corridor's way, or of an emergency route, which has one way, out; `None`: there is no such way.
    pub fn passes(&self, id: &str, way: Way) -> Option<Vec<Pass>> {
        let corridor = self.corridors.iter().find(|corridor| corridor.id == id);
        let route = || self.emergency_routes.iter().find(|route| route.id == id && way == Way::Out);
        corridor.map(|corridor| corridor.passes(way)).or_else(|| route().map(|route| route.passes.clone()))
    }
}
