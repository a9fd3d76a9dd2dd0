//! Integration tests: promises about the code, and the house as a whole.

mod bus_traffic;
mod buses;
mod camera_worker;
mod cameras;
mod city;
mod junction_orders;
mod kill_hall;
mod layers;
mod misbehave;
mod newcomer;
mod red_light;
mod scenarios;
mod signals;
mod source;
mod streams;
mod tidy;
mod tracker_orders;
mod tracks;
mod ufms_up;
mod uplink;
