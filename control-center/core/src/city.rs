//! The city as it is now, in memory: what viewers see first, and every change after.
//!
//! "Now" is chosen by sane time: a clock far in the future never freezes what is shown, older facts never overwrite newer.

use std::collections::BTreeMap;

use models_domain::effort::Effort;
use models_domain::event::{Link, LinkState};
use models_domain::fix::{Limits, Recent};
use models_domain::geo::LatLon;
use models_domain::scene::{Line, Zone};
use models_domain::transit::Fix;
use models_domain::{CameraId, Event, EventBody, GatewayId, JunctionId, UtcMillis, VehicleId};

pub use crate::junction::{Junction, JunctionInfo};

/// Vehicles on the map at once: several times a large city's fleet.
const VEHICLES_MAX: usize = 20_000;

#[derive(Debug, Clone, PartialEq)]
pub struct Gateway {
    pub id: GatewayId,
    pub alive: bool,
    pub last_heard: UtcMillis,
    /// Events kept at the pole that are not confirmed yet.
    pub waiting: u64,
    /// Nothing more is kept at the pole until there is room.
    pub keeps_nothing: bool,
    /// Cameras and junctions that it tells though another gateway has them: it is not believed.
    pub claims: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Camera {
    pub gateway: GatewayId,
    pub info: CameraInfo,
    /// When the link was told, by the gateway's clock, at most the hall's.
    pub link_at: UtcMillis,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CameraInfo {
    pub id: CameraId,
    pub name: String,
    pub position: Option<LatLon>,
    /// Width and height of the scene in pixels.
    pub size: (u32, u32),
    pub lines: Vec<Line>,
    pub zones: Vec<Zone>,
    pub state: LinkState,
    pub fps: f32,
    pub effort: Option<Effort>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Vehicle {
    pub gateway: GatewayId,
    pub fix: Fix,
}

/// What a gateway says of itself.
#[derive(Debug, Clone, PartialEq)]
pub struct GatewayState {
    pub at: UtcMillis,
    pub waiting: u64,
    pub keeps_nothing: bool,
    pub cameras: Vec<CameraInfo>,
    pub junctions: Vec<JunctionInfo>,
}

/// One thing that changed.
#[allow(
    clippy::large_enum_variant,
    reason = "made and taken one by one; a box would be one more allocation for each"
)]
#[derive(Debug, Clone, PartialEq)]
pub enum Change {
    Gateway(Gateway),
    Camera(Camera),
    Junction(Junction),
    Vehicle(Vehicle),
    /// A gateway brought or dropped something: look at everything anew.
    Everything,
}

#[derive(Debug, Default)]
pub struct City {
    pub gateways: BTreeMap<GatewayId, Gateway>,
    pub cameras: BTreeMap<CameraId, Camera>,
    pub junctions: BTreeMap<JunctionId, Junction>,
    pub vehicles: BTreeMap<VehicleId, Vehicle>,
    recent_by_vehicle: BTreeMap<VehicleId, Recent>,
}

impl City {
    /// A gateway appeared on the bus or went away.
    pub fn presence(&mut self, id: &GatewayId, alive: bool, now: UtcMillis) -> Vec<Change> {
        let known = self.gateways.contains_key(id);
        let gateway = self.gateway(id);
        if known && gateway.alive == alive {
            return Vec::new();
        }
        gateway.alive = alive;
        if alive {
            gateway.last_heard = now;
        }
        vec![Change::Gateway(gateway.clone())]
    }

    /// A gateway told its state; `now` is when the hall heard it. What another gateway has stays with that one, whether it is
    /// there or not, until it tells it no more or is cut off: nobody takes over a junction by naming it.
    pub fn state(&mut self, id: &GatewayId, mut state: GatewayState, now: UtcMillis) -> Vec<Change> {
        let told = state.at.min(now);
        let mut changes = Vec::new();
        let claims = self.take_claims(id, &mut state);
        let gateway = self.gateway(id);
        gateway.claims = claims;
        (gateway.waiting, gateway.keeps_nothing) = (state.waiting, state.keeps_nothing);
        gateway.last_heard = gateway.last_heard.max(now);
        changes.push(Change::Gateway(gateway.clone()));
        if self.brings_or_drops(id, &state) {
            changes.push(Change::Everything);
        }
        self.cameras.retain(|c, now| now.gateway != *id || state.cameras.iter().any(|i| i.id == *c));
        self.junctions.retain(|j, now| now.gateway != *id || state.junctions.iter().any(|i| i.id == *j));
        for info in state.cameras {
            changes.extend(self.camera_told(id, info, told));
        }
        for info in state.junctions {
            changes.extend(self.junction_told(id, info, told));
        }
        if changes.contains(&Change::Everything) {
            return vec![Change::Everything];
        }
        changes
    }

    /// A gateway is cut off for good: what it had is free for others.
    pub fn cut_off(&mut self, id: &GatewayId) -> Vec<Change> {
        self.cameras.retain(|_, camera| camera.gateway != *id);
        self.junctions.retain(|_, junction| junction.gateway != *id);
        let mut changes = Vec::new();
        if let Some(gateway) = self.gateways.get_mut(id) {
            gateway.alive = false;
            gateway.claims.clear();
            changes.push(Change::Gateway(gateway.clone()));
        }
        changes.push(Change::Everything);
        changes
    }

    /// One stored event; `now` is when the hall received it.
    pub fn event(&mut self, gateway: &GatewayId, event: &Event, now: UtcMillis) -> Option<Change> {
        let at = event.at.min(now);
        match &event.body {
            EventBody::Fix(fix) => self.fix(gateway, fix, now).map(Change::Vehicle),
            EventBody::Signal { junction, groups } => {
                let junction = self.junction_of(gateway, junction)?;
                if groups.old || at < junction.since {
                    return None;
                }
                junction.since = at;
                junction.info.groups.clone_from(&groups.groups);
                junction.seen.report(at, &groups.groups);
                // It is told when it changes, which not every change of groups is.
                junction.stage = groups.stage.or(junction.stage);
                Some(Change::Junction(junction.clone()))
            }
            EventBody::SignalAlarm { junction, alarm } => {
                let junction = self.junction_of(gateway, junction)?;
                junction.alarm_told(alarm, at).then(|| Change::Junction(junction.clone()))
            }
            EventBody::SignalState { junction, state } => {
                let junction = self.junction_of(gateway, junction)?;
                let told = link_told(&mut junction.link_at, &mut junction.info.state, state, at);
                if junction.info.state.link != Link::Up {
                    junction.lose();
                }
                told.then(|| Change::Junction(junction.clone()))
            }
            EventBody::CameraState { camera, state } => {
                let camera = self.cameras.get_mut(camera).filter(|known| known.gateway == *gateway)?;
                link_told(&mut camera.link_at, &mut camera.info.state, state, at)
                    .then(|| Change::Camera(camera.clone()))
            }
            EventBody::LineCrossing { .. }
            | EventBody::Counts { .. }
            | EventBody::Rule { .. }
            | EventBody::RedLight { .. }
            | EventBody::SignalOrder { .. }
            | EventBody::Detectors { .. }
            | EventBody::CameraStats { .. } => None,
        }
    }

    /// A fix as the present place of its vehicle, if it is.
    pub fn fix(&mut self, gateway: &GatewayId, fix: &Fix, now: UtcMillis) -> Option<Vehicle> {
        let limits = Limits::default();
        // What was stored by a tracker and comes late is most of what comes after an outage.
        if self.recent_by_vehicle.get(&fix.vehicle).is_some_and(|recent| recent.is_past(fix.at)) {
            return None;
        }
        // A gateway's clock may be ahead of ours.
        let told = Fix { received: fix.received.min(now), ..fix.clone() };
        // What cannot be believed whatever else is known needs no room.
        let recent = self.recent_by_vehicle.get_mut(&fix.vehicle);
        let believed = match recent {
            Some(recent) => recent.insert(&told, &limits)?,
            None => {
                let mut recent = Recent::default();
                let believed = recent.insert(&told, &limits)?;
                self.recent_by_vehicle.insert(fix.vehicle.clone(), recent);
                believed
            }
        };
        if self.vehicles.get(&fix.vehicle).is_some_and(|known| known.fix == believed) {
            return None;
        }
        let vehicle = Vehicle { gateway: gateway.clone(), fix: believed };
        // Trackers name themselves: a flood of made-up ones must not fill the memory. The longest silent goes first.
        if self.vehicles.len() >= VEHICLES_MAX && !self.vehicles.contains_key(&fix.vehicle) {
            let silent = self.vehicles.iter().min_by_key(|(_, v)| v.fix.received).map(|(id, _)| id.clone());
            if let Some(id) = silent {
                self.vehicles.remove(&id);
                self.recent_by_vehicle.remove(&id);
            }
        }
        self.vehicles.insert(fix.vehicle.clone(), vehicle.clone());
        Some(vehicle)
    }

    fn gateway(&mut self, id: &GatewayId) -> &mut Gateway {
        self.gateways.entry(id.clone()).or_insert_with(|| Gateway {
            id: id.clone(),
            alive: false,
            last_heard: UtcMillis(0),
            waiting: 0,
            keeps_nothing: false,
            claims: Vec::new(),
        })
    }

    fn junction_of(&mut self, gateway: &GatewayId, junction: &JunctionId) -> Option<&mut Junction> {
        self.junctions.get_mut(junction).filter(|known| known.gateway == *gateway)
    }

    /// Takes out of a state what another gateway has, and names it.
    fn take_claims(&self, id: &GatewayId, state: &mut GatewayState) -> Vec<String> {
        let camera = |c: &CameraInfo| self.cameras.get(&c.id).is_none_or(|known| known.gateway == *id);
        let junction = |j: &JunctionInfo| self.junctions.get(&j.id).is_none_or(|known| known.gateway == *id);
        let cameras = state.cameras.extract_if(.., |c| !camera(c)).map(|c| c.id.to_string());
        let mut claims: Vec<String> = cameras.collect();
        claims.extend(state.junctions.extract_if(.., |j| !junction(j)).map(|j| j.id.to_string()));
        claims
    }

    fn brings_or_drops(&self, id: &GatewayId, state: &GatewayState) -> bool {
        let cameras = self.cameras.values().filter(|c| c.gateway == *id).count();
        let junctions = self.junctions.values().filter(|j| j.gateway == *id).count();
        let knows_camera = |i: &CameraInfo| self.cameras.get(&i.id).is_some_and(|c| c.gateway == *id);
        let knows_junction = |i: &JunctionInfo| self.junctions.get(&i.id).is_some_and(|j| j.gateway == *id);
        cameras != state.cameras.len()
            || junctions != state.junctions.len()
            || !state.cameras.iter().all(knows_camera)
            || !state.junctions.iter().all(knows_junction)
    }

    fn camera_told(&mut self, id: &GatewayId, info: CameraInfo, told: UtcMillis) -> Option<Change> {
        let camera = Camera { gateway: id.clone(), info, link_at: told };
        let Some(known) = self.cameras.get_mut(&camera.info.id) else {
            self.cameras.insert(camera.info.id.clone(), camera.clone());
            return Some(Change::Camera(camera));
        };
        let before = known.clone();
        let (mut link_at, mut state) = (before.link_at, before.info.state.clone());
        link_told(&mut link_at, &mut state, &camera.info.state, told);
        *known = Camera { link_at, info: CameraInfo { state, ..camera.info }, ..camera };
        (known.info != before.info || known.gateway != before.gateway).then(|| Change::Camera(known.clone()))
    }

    fn junction_told(&mut self, id: &GatewayId, info: JunctionInfo, told: UtcMillis) -> Option<Change> {
        let Some(known) = self.junctions.get_mut(&info.id) else {
            let new = Junction::new(id.clone(), info, told);
            self.junctions.insert(new.info.id.clone(), new.clone());
            return Some(Change::Junction(new));
        };
        let before = known.clone();
        known.gateway = id.clone();
        let mut info = info;
        link_told(&mut known.link_at, &mut known.info.state, &info.state, told);
        known.alarms_are(info.alarms.take(), told);
        let up = known.info.state.link == Link::Up;
        if told >= known.since && !info.groups.is_empty() && info.groups != known.info.groups {
            known.since = told;
            known.info.groups.clone_from(&info.groups);
            // While the link is down they are those of before.
            if up {
                known.seen.report(told, &info.groups);
            }
            known.stage = None;
        }
        if !up {
            known.lose();
        } else if known.seen.groups().is_empty() {
            known.seen.report(told, &known.info.groups);
        }
        // A cycle that only goes on is no news.
        if let (Some(was), Some(is)) = (before.info.now.cycle, info.now.cycle)
            && was.leads_to(&is)
        {
            info.now.cycle = Some(was);
        }
        let (groups, state) = (known.info.groups.clone(), known.info.state.clone());
        known.info = JunctionInfo { groups, state, ..info };
        let same = known.info == before.info && known.gateway == before.gateway;
        (!same || !known.listed_alarms().eq(before.listed_alarms())).then(|| Change::Junction(known.clone()))
    }
}

/// Whether the link is now another one.
fn link_told(link_at: &mut UtcMillis, now: &mut LinkState, told: &LinkState, at: UtcMillis) -> bool {
    if at < *link_at {
        return false;
    }
    *link_at = at;
    let changed = now != told;
    now.clone_from(told);
    changed
}

/// Cameras and junctions whose link is up: what the figures count.
pub fn links_up(state: &GatewayState) -> (u64, u64) {
    let cameras = state.cameras.iter().filter(|c| c.state.link == Link::Up).count();
    let junctions = state.junctions.iter().filter(|j| j.state.link == Link::Up).count();
    (cameras as u64, junctions as u64)
}

#[cfg(test)]
#[path = "city_tests.rs"]
mod tests;
