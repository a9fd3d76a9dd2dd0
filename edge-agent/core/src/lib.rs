//! The work of one pole; knows doors, never gstreamer, ort or zenoh.
//!
//! Start reading in `camera_worker`: packet -> frame -> detect -> track -> rules -> outbox.

pub mod analysis;
pub mod board;
pub mod camera_worker;
pub mod courses;
pub mod gps_worker;
pub mod keep;
pub mod keeper;
pub mod lanes;
pub mod order_shelf;
pub mod outbox;
pub mod pictures;
pub mod red_lights;
pub mod relay_shelf;
pub mod signal_alarms;
pub mod signal_orders;
pub mod signal_worker;
pub mod site;
pub mod spool;
pub mod statement_shelf;
pub mod statements;
pub mod stills;
pub mod supervise;
pub mod track_log;
pub mod uplink;
pub mod witness;
