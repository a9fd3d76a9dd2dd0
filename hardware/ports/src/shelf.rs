//! Where positions lie that wait for somebody else's server.

use models_domain::transit::Fix;

use crate::sink::NotKept;

/// Keeps positions on disk, by number, until they have arrived.
pub trait FixShelf: Send + Sync {
    /// Keeps positions, all or none; once it returns, a killed process has not lost them. Gives the number of the first, the others
    /// follow it.
    ///
    /// # Errors
    /// [`NotKept`] when the disk refuses.
    fn keep(&self, fixes: &[Fix]) -> Result<u64, NotKept>;

    /// These have arrived, or are given up. Where the disk does not take that, they are there again at the next start.
    fn forget(&self, numbers: &[u64]);

    /// Whether there is no room for so many more: then the oldest must be forgotten first.
    fn is_full(&self, fixes: usize) -> bool;
}
