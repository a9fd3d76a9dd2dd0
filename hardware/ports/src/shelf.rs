//! Where positions and messages lie that wait for somebody else's server.

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

/// Longest message that is kept, in bytes: a hundred positions are some ten thousand.
pub const MESSAGE_MAX: usize = 512 << 10;

/// Which message of a [`MessageShelf`]: the number of the start that took it, and its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageNumber {
    pub boot: u64,
    pub seq: u64,
}

/// Keeps messages on disk, in their order, until they have arrived. When there is no room the oldest give way.
pub trait MessageShelf: Send + Sync {
    /// Once it returns, a killed process has not lost the message.
    ///
    /// # Errors
    /// [`NotKept`] when the disk refuses, or it is longer than [`MESSAGE_MAX`].
    fn keep(&self, message: &[u8]) -> Result<(), NotKept>;

    /// The oldest that waits; the same again until it is forgotten.
    ///
    /// # Errors
    /// [`NotKept`] when the disk does not answer.
    fn oldest(&self) -> Result<Option<(MessageNumber, Vec<u8>)>, NotKept>;

    /// The oldest has arrived. Another number than that of the oldest changes nothing.
    fn forget(&self, number: MessageNumber);
}
