//! What a platform asks of a device, and what the device says to it.

use super::Session;

/// A wish; each protocol writes those that it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Order {
    /// Report the position now.
    Locate,
    /// Report so often while moving.
    ReportEvery { seconds: u32 },
    /// A line of the maker's own command language (GT06, Teltonika), or a text to be shown (JT/T 808).
    Text(String),
}

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// The tag of the order, where the protocol repeats it; without one, the oldest unanswered order is meant.
    pub tag: Option<u16>,
    /// In the device's words.
    pub text: String,
}

/// Writes an order for the device of this session. `tag` comes back in the [`Answer`] where the protocol can.
///
/// # Errors
/// Says that the protocol has no such order, or that the device has not said enough yet.
pub type Encode = fn(session: &Session, order: &Order, tag: u16) -> Result<Vec<u8>, String>;
