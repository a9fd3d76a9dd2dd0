//! Orders that a unit must not be given.

use super::Asker;
use crate::controllers::Answer;

pub(super) const NOT_UP: &str = "the link to the controller is not up";

impl Asker {
    /// What is set stays for ever where the unit has no backup time: nobody could end it once this pole is dead.
    pub(super) fn refuse_without_backup(&mut self, number: u64) {
        let why = "the controller's unitBackupTime is 0: an order would outlive a lost link; set it there, or backup_s here";
        self.answer(number, Answer::Refused(why.to_owned()));
    }
}
