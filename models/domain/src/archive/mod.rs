//! What a gateway remembers of road users that have passed, and how it is searched.
//!
//! `colour` names what a road user looks like, `record` is one finished track, `gather` makes records of what a tracker
//! says, `search` is a question and what answers it.

pub mod colour;
pub mod gather;
pub mod record;
pub mod search;

pub use colour::{Colour, ColourVotes};
pub use gather::Gatherer;
pub use record::{LineTouch, PathPoint, TrackRecord, ZoneTouch};
pub use search::{BadQuery, Cursor, Found, TrackQuery};
