//! What a platform asks of a device, and what the device says to it.

pub use models_domain::order::Order;

use super::Session;

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
