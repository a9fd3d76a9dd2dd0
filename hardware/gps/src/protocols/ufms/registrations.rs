//! What a provider tells before any position: the companies, who drives for them, and their vehicles.

use std::str::FromStr;

use super::{BaseMessage, RegCompany, RegDriver, RegVehicle};

#[derive(Debug, Clone, Default, PartialEq)]
pub struct Registrations {
    pub companies: Vec<RegCompany>,
    pub drivers: Vec<RegDriver>,
    pub vehicles: Vec<RegVehicle>,
}

impl Registrations {
    /// One message each: companies, then drivers, then vehicles, because a vehicle names its company and its driver.
    pub fn messages(&self) -> Vec<BaseMessage> {
        let companies = self.companies.iter().cloned().map(|company| BaseMessage {
            msg_type: 420,
            reg_company: Some(company),
            ..BaseMessage::default()
        });
        let drivers = self.drivers.iter().cloned().map(|driver| BaseMessage {
            msg_type: 410,
            reg_driver: Some(driver),
            ..BaseMessage::default()
        });
        let vehicles = self.vehicles.iter().cloned().map(|vehicle| BaseMessage {
            msg_type: 400,
            reg_vehicle: Some(vehicle),
            ..BaseMessage::default()
        });
        companies.chain(drivers).chain(vehicles).collect()
    }
}

/// What a vehicle may be registered as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VehicleType {
    Passenger,
    Bus,
    Contract,
    Tourism,
    Container,
}

const BY_NAME: [(&str, VehicleType); 5] = [
    ("passenger", VehicleType::Passenger),
    ("bus", VehicleType::Bus),
    ("contract", VehicleType::Contract),
    ("tourism", VehicleType::Tourism),
    ("container", VehicleType::Container),
];

impl VehicleType {
    /// As [`RegVehicle::vehicle_type`] counts.
    pub fn number(self) -> i32 {
        match self {
            VehicleType::Passenger => 100,
            VehicleType::Bus => 200,
            VehicleType::Contract => 300,
            VehicleType::Tourism => 400,
            VehicleType::Container => 500,
        }
    }
}

impl FromStr for VehicleType {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = BY_NAME.iter().find(|(name, _)| *name == text);
        found.map(|(_, kind)| *kind).ok_or_else(|| {
            let known = BY_NAME.map(|(name, _)| name).join(", ");
            format!("{text:?} is not known; known are {known}")
        })
    }
}
