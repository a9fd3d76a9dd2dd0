//! The messages of the interface, field by field. Enumerations stay numbers: a new one must not make a message unreadable.

/// One AMQP message. Only the part that `msg_type` names is written.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BaseMessage {
    #[prost(int32, required, tag = "1")]
    pub msg_type: i32,
    #[prost(message, optional, tag = "100")]
    pub way_point: Option<WayPoint>,
    #[prost(message, optional, tag = "102")]
    pub bus_way_point: Option<BusWayPoint>,
    #[prost(message, optional, tag = "104")]
    pub bus_way_points: Option<BusWayPoints>,
    #[prost(message, optional, tag = "105")]
    pub student_check_in_point: Option<StudentCheckInPoint>,
    #[prost(message, optional, tag = "400")]
    pub reg_vehicle: Option<RegVehicle>,
    #[prost(message, optional, tag = "410")]
    pub reg_driver: Option<RegDriver>,
    #[prost(message, optional, tag = "420")]
    pub reg_company: Option<RegCompany>,
    #[prost(message, optional, tag = "500")]
    pub bus_ticket_point: Option<BusTicketPoint>,
    #[prost(message, optional, tag = "501")]
    pub bus_ticket_start_end_point: Option<BusTicketStartEndPoint>,
}

/// A position of any vehicle.
#[derive(Clone, PartialEq, prost::Message)]
pub struct WayPoint {
    #[prost(string, required, tag = "1")]
    pub vehicle: String,
    #[prost(string, optional, tag = "2")]
    pub driver: Option<String>,
    #[prost(float, required, tag = "3")]
    pub speed: f32,
    #[prost(int32, required, tag = "4")]
    pub datetime: i32,
    #[prost(double, required, tag = "5")]
    pub x: f64,
    #[prost(double, required, tag = "6")]
    pub y: f64,
    #[prost(float, optional, tag = "7")]
    pub z: Option<f32>,
    #[prost(float, optional, tag = "8")]
    pub heading: Option<f32>,
    #[prost(bool, optional, tag = "9")]
    pub ignition: Option<bool>,
    #[prost(bool, optional, tag = "10")]
    pub door: Option<bool>,
    #[prost(bool, optional, tag = "11")]
    pub aircon: Option<bool>,
    #[prost(double, optional, tag = "12")]
    pub max_valid_speed: Option<f64>,
    #[prost(float, optional, tag = "13")]
    pub vss: Option<f32>,
    #[prost(string, optional, tag = "14")]
    pub location: Option<String>,
}

/// A position of a bus, with its doors.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BusWayPoint {
    #[prost(string, required, tag = "1")]
    pub vehicle: String,
    #[prost(string, optional, tag = "2")]
    pub driver: Option<String>,
    #[prost(float, required, tag = "3")]
    pub speed: f32,
    #[prost(int32, required, tag = "4")]
    pub datetime: i32,
    #[prost(double, required, tag = "5")]
    pub x: f64,
    #[prost(double, required, tag = "6")]
    pub y: f64,
    #[prost(float, optional, tag = "7")]
    pub z: Option<f32>,
    #[prost(float, optional, tag = "8")]
    pub heading: Option<f32>,
    #[prost(bool, optional, tag = "9")]
    pub ignition: Option<bool>,
    #[prost(bool, optional, tag = "10")]
    pub aircon: Option<bool>,
    #[prost(bool, optional, tag = "11")]
    pub door_up: Option<bool>,
    #[prost(bool, optional, tag = "12")]
    pub door_down: Option<bool>,
    #[prost(bool, optional, tag = "13")]
    pub sos: Option<bool>,
    #[prost(bool, optional, tag = "14")]
    pub working: Option<bool>,
    #[prost(float, optional, tag = "15")]
    pub analog1: Option<f32>,
    #[prost(float, optional, tag = "16")]
    pub analog2: Option<f32>,
}

/// Positions of one or more buses.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BusWayPoints {
    #[prost(message, repeated, tag = "1")]
    pub events: Vec<BusWayPoint>,
}

/// A pupil got on or off.
#[derive(Clone, PartialEq, prost::Message)]
pub struct StudentCheckInPoint {
    #[prost(string, required, tag = "1")]
    pub vehicle: String,
    #[prost(string, required, tag = "2")]
    pub student_code: String,
    #[prost(float, required, tag = "3")]
    pub speed: f32,
    #[prost(int32, required, tag = "4")]
    pub datetime: i32,
    #[prost(double, required, tag = "5")]
    pub x: f64,
    #[prost(double, required, tag = "6")]
    pub y: f64,
    #[prost(float, optional, tag = "7")]
    pub z: Option<f32>,
    #[prost(float, optional, tag = "8")]
    pub heading: Option<f32>,
    #[prost(bool, optional, tag = "9")]
    pub working: Option<bool>,
}

/// A vehicle and its tracker. `vehicle_type`: 100 passenger, 200 bus, 300 contract, 400 tourism, 500 container.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RegVehicle {
    #[prost(string, required, tag = "1")]
    pub vehicle: String,
    #[prost(int32, required, tag = "2")]
    pub vehicle_type: i32,
    #[prost(string, required, tag = "3")]
    pub driver: String,
    #[prost(string, required, tag = "4")]
    pub company: String,
    #[prost(int32, optional, tag = "5")]
    pub device_model_no: Option<i32>,
    #[prost(string, optional, tag = "6")]
    pub device_model: Option<String>,
    #[prost(string, optional, tag = "7")]
    pub device_id: Option<String>,
    #[prost(string, optional, tag = "8")]
    pub sim: Option<String>,
    #[prost(int32, optional, tag = "9")]
    pub datetime: Option<i32>,
    #[prost(string, optional, tag = "10")]
    pub vin: Option<String>,
}

/// A driver and the licence; times are Unix seconds.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RegDriver {
    #[prost(string, required, tag = "1")]
    pub driver: String,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    #[prost(int32, optional, tag = "3")]
    pub datetime_issue: Option<i32>,
    #[prost(int32, optional, tag = "4")]
    pub datetime_expire: Option<i32>,
    #[prost(string, optional, tag = "5")]
    pub reg_place: Option<String>,
    #[prost(string, optional, tag = "6")]
    pub license: Option<String>,
}

/// An operator.
#[derive(Clone, PartialEq, prost::Message)]
pub struct RegCompany {
    #[prost(string, required, tag = "1")]
    pub company: String,
    #[prost(string, optional, tag = "2")]
    pub name: Option<String>,
    #[prost(string, optional, tag = "3")]
    pub address: Option<String>,
    #[prost(string, optional, tag = "4")]
    pub tel: Option<String>,
}

/// A ticket sold. `ticket_type`: 1 set, 2 single, 3 student, 4 free, 5 examination.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BusTicketPoint {
    #[prost(string, required, tag = "1")]
    pub vehicle: String,
    #[prost(string, required, tag = "2")]
    pub route_code: String,
    #[prost(int32, required, tag = "3")]
    pub datetime: i32,
    #[prost(double, required, tag = "4")]
    pub x: f64,
    #[prost(double, required, tag = "5")]
    pub y: f64,
    #[prost(string, required, tag = "6")]
    pub station_name: String,
    #[prost(int32, required, tag = "7")]
    pub ticket_type: i32,
    #[prost(double, required, tag = "8")]
    pub fare: f64,
    #[prost(string, required, tag = "9")]
    pub series: String,
}

/// Tickets of one kind sold on a trip.
#[derive(Clone, PartialEq, prost::Message)]
pub struct BusTicketTotal {
    #[prost(int32, required, tag = "1")]
    pub total: i32,
    #[prost(string, required, tag = "2")]
    pub series: String,
    #[prost(int32, required, tag = "3")]
    pub ticket_type: i32,
}

/// A trip began (`point_type` 1) or ended (2).
#[derive(Clone, PartialEq, prost::Message)]
pub struct BusTicketStartEndPoint {
    #[prost(string, required, tag = "1")]
    pub vehicle: String,
    #[prost(string, required, tag = "2")]
    pub route_code: String,
    #[prost(int32, required, tag = "3")]
    pub datetime: i32,
    #[prost(double, required, tag = "4")]
    pub x: f64,
    #[prost(double, required, tag = "5")]
    pub y: f64,
    #[prost(string, required, tag = "6")]
    pub station_name: String,
    #[prost(int32, required, tag = "7")]
    pub trip_no: i32,
    #[prost(int32, required, tag = "8")]
    pub point_type: i32,
    #[prost(message, repeated, tag = "9")]
    pub tickets: Vec<BusTicketTotal>,
}
