//! The words and the rules of the city: pure values in, pure values out. No sockets, no files, no clock, no threads.
//!
//! Suggested reading order: the words (`ids`, `units`, `geo`, `detection`, `event`), then what is made of them
//! (`track`, `count`, `rules`, `health`, joined in `watch`; `archive`; `ladder`, `effort`; `transit`, `order`, `signal`).

pub mod archive;
pub mod count;
pub mod detection;
pub mod effort;
pub mod event;
pub mod fix;
pub mod geo;
pub mod ground;
pub mod health;
pub mod ids;
pub mod ladder;
pub mod measure;
pub mod order;
pub mod pcu;
pub mod rules;
pub mod scene;
pub mod scenery;
pub mod signal;
pub mod track;
pub mod transit;
pub mod units;
pub mod watch;

pub use detection::{BBox, Class, Detection};
pub use event::{Event, EventBody};
pub use ids::{AreaId, CameraId, EventId, GatewayId, JunctionId, LineId, Seq, TrackId, VehicleId, ZoneId};
pub use measure::{Measure, MeasureKind};
pub use units::{Degrees, DurationMs, Meters, MetersPerSecond, UtcMillis};
