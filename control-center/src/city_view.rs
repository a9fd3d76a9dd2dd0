//! The city as viewers see it: one picture in memory, one bounded line of changes that every viewer reads at its own pace.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use control_center_core::city::{Change, City, Junction};
use models_domain::geo::LatLon;
use models_domain::{CameraId, GatewayId, JunctionId, UtcMillis, VehicleId};
use models_wire::v1;
use tokio::sync::broadcast;
use v1::city_update::Update;

use crate::convert;

/// Changes kept for slow viewers: latest value. One that falls further behind gets the whole city anew.
const KEPT: usize = 4_096;

pub struct CityView {
    inner: Mutex<Inner>,
    changes: broadcast::Sender<Arc<v1::CityUpdate>>,
}

#[derive(Default)]
struct Inner {
    city: City,
    problem: String,
}

pub type Changes = broadcast::Receiver<Arc<v1::CityUpdate>>;

impl CityView {
    pub fn new() -> Self {
        Self { inner: Mutex::default(), changes: broadcast::channel(KEPT).0 }
    }

    /// The whole city, and every change after it.
    pub fn watch(&self, now: UtcMillis) -> (v1::CityUpdate, Changes) {
        let inner = self.lock();
        (snapshot(&inner, now), self.changes.subscribe())
    }

    /// Changes the city and tells every viewer what changed.
    pub fn change(&self, now: UtcMillis, change: impl FnOnce(&mut City) -> Vec<Change>) {
        // Told under the lock: a viewer that joins meanwhile gets each change once.
        let mut inner = self.lock();
        for change in change(&mut inner.city) {
            let update = match change {
                Change::Gateway(gateway) => Update::Gateway(convert::gateway(&gateway)),
                Change::Camera(camera) => Update::Camera(convert::camera(&camera)),
                Change::Junction(junction) => Update::Junction(convert::junction(&junction)),
                Change::Vehicle(vehicle) => Update::Vehicle(convert::vehicle(&vehicle)),
                Change::Everything => {
                    self.tell(snapshot(&inner, now));
                    continue;
                }
            };
            self.tell(v1::CityUpdate { update: Some(update) });
        }
    }

    /// An event that viewers list.
    pub fn stored(&self, event: v1::StoredEvent) {
        self.tell(v1::CityUpdate { update: Some(Update::Event(event)) });
    }

    /// What is wrong with the hall itself; empty when all is well.
    pub fn problem(&self, problem: &str) {
        let mut inner = self.lock();
        if inner.problem != problem {
            problem.clone_into(&mut inner.problem);
            let now = v1::HallNow { problem: problem.to_owned() };
            self.tell(v1::CityUpdate { update: Some(Update::Hall(now)) });
        }
    }

    /// Reads the city as it is; `read` must be quick.
    pub fn read<T>(&self, read: impl FnOnce(&City) -> T) -> T {
        read(&self.lock().city)
    }

    pub fn gateway_of(&self, camera: &CameraId) -> Option<GatewayId> {
        self.lock().city.cameras.get(camera).map(|camera| camera.gateway.clone())
    }

    pub fn junction(&self, junction: &JunctionId) -> Option<Junction> {
        self.lock().city.junctions.get(junction).cloned()
    }

    pub fn junctions(&self) -> Vec<JunctionId> {
        self.lock().city.junctions.keys().cloned().collect()
    }

    /// When and where a vehicle was last.
    pub fn vehicle_fix(&self, vehicle: &VehicleId) -> Option<(UtcMillis, LatLon)> {
        self.lock().city.vehicles.get(vehicle).map(|known| (known.fix.at, known.fix.position))
    }

    /// Where cameras stand, of those that say it.
    pub fn camera_places(&self) -> Vec<(CameraId, LatLon)> {
        let inner = self.lock();
        let cameras = inner.city.cameras.values();
        cameras.filter_map(|c| Some((c.info.id.clone(), c.info.position?))).collect()
    }

    /// Every gateway that has cameras, and whether it is alive.
    pub fn camera_gateways(&self) -> Vec<(GatewayId, bool)> {
        let inner = self.lock();
        let ids: BTreeSet<&GatewayId> = inner.city.cameras.values().map(|camera| &camera.gateway).collect();
        let alive = |id: &GatewayId| inner.city.gateways.get(id).is_some_and(|gateway| gateway.alive);
        ids.into_iter().map(|id| (id.clone(), alive(id))).collect()
    }

    /// What a gateway tells though another has it.
    pub fn claims(&self, gateway: &GatewayId) -> Vec<String> {
        self.lock().city.gateways.get(gateway).map(|gateway| gateway.claims.clone()).unwrap_or_default()
    }

    pub fn is_alive(&self, gateway: &GatewayId) -> bool {
        self.lock().city.gateways.get(gateway).is_some_and(|gateway| gateway.alive)
    }

    fn tell(&self, update: v1::CityUpdate) {
        // Nobody looks: fine.
        drop(self.changes.send(Arc::new(update)));
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn snapshot(inner: &Inner, now: UtcMillis) -> v1::CityUpdate {
    let city = &inner.city;
    let snapshot = v1::CitySnapshot {
        at_ms: now.0,
        gateways: city.gateways.values().map(convert::gateway).collect(),
        cameras: city.cameras.values().map(convert::camera).collect(),
        junctions: city.junctions.values().map(convert::junction).collect(),
        vehicles: city.vehicles.values().map(convert::vehicle).collect(),
        hall: Some(v1::HallNow { problem: inner.problem.clone() }),
    };
    v1::CityUpdate { update: Some(Update::Snapshot(snapshot)) }
}
