//! Orders for devices: where they are handed in, and where they lie while the device is away.

use models_domain::UtcMillis;
use models_domain::order::Given;

use crate::sink::NotKept;

/// Takes orders and brings them to the devices.
pub trait OrderDesk: Send + Sync {
    /// Takes an order; one that was taken before is not taken twice. Once it returns, a killed process has not lost it.
    ///
    /// # Errors
    /// [`NotKept`] when the device has too many, or the disk refuses.
    fn give(&self, given: Given) -> Result<(), NotKept>;

    /// Ends an order as it says, unless it is over by itself; one that was not taken before is not taken any more. Once it
    /// returns, no restart brings it back.
    ///
    /// # Errors
    /// [`NotKept`] when the disk refuses.
    fn withdraw(&self, given: Given) -> Result<(), NotKept>;

    /// How far an order got; `None` when it is not known, or was over long ago.
    fn look(&self, id: u64) -> Option<Given>;

    /// Ends what is too old.
    fn expire(&self, now: UtcMillis);
}

/// Keeps orders on disk.
pub trait OrderShelf: Send + Sync {
    /// Keeps how far an order got, in place of what was kept of it before.
    ///
    /// # Errors
    /// [`NotKept`] when the disk refuses.
    fn keep(&self, given: &Given) -> Result<(), NotKept>;

    fn forget(&self, id: u64);
}
