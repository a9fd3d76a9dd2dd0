//! A controller that we dial, or whose broadcasts we hear, as a configuration names it.

use std::time::Duration;

use models_domain::JunctionId;
use models_domain::signal::plan::Layout;

use crate::controllers::{Access, CheckGroup, Controller, DialSettings, OpenDialled, Reach};
use crate::steering::Steering;

/// Lamps are never looked at more often, nor more seldom.
pub const POLL_MIN: Duration = Duration::from_millis(20);
pub const POLL_MAX: Duration = Duration::from_secs(10);

/// A controller that we dial.
#[derive(Debug, Clone)]
pub struct Dialled {
    /// Name of a kind in `controllers::ALL`.
    pub controller: String,
    /// HOST:PORT; of one that broadcasts, ours: ADDRESS:PORT.
    pub address: String,
    pub junction: JunctionId,
    pub access: Access,
    /// Names of the signal groups in this kind's words, in the order in which their states are reported.
    pub groups: Vec<String>,
    pub poll: Duration,
    pub backup: Option<Duration>,
    pub clock_off_max: Option<Duration>,
    /// `None`: it is listened to and never commanded.
    pub steering: Option<Steering>,
    /// What safety holds it to, its groups in the same order: a controller that tells its own times is held against it.
    pub layout: Option<Layout>,
    /// It may be set which block of settings it is to tell; that changes nothing of what it does.
    pub blocks: bool,
}

impl Dialled {
    pub(crate) fn kind(&self) -> Option<(&'static Controller, OpenDialled, CheckGroup)> {
        let controller = Controller::by_name(&self.controller)?;
        match controller.reach {
            Reach::WeDial { open, check_group } | Reach::ItBroadcasts { open, check_group } => {
                Some((controller, open, check_group))
            }
            Reach::ItDials { .. } => None,
        }
    }

    /// Everything that is wrong with it; empty when nothing is.
    pub fn problems(&self) -> Vec<String> {
        let mut problems = Vec::new();
        let Some((_, _, check_group)) = self.kind() else {
            return vec![format!(
                "controller {:?} is not one of the known kinds that are dialled or heard",
                self.controller
            )];
        };
        if self.groups.is_empty() || self.groups.len() > 255 {
            problems.push("1 to 255 signal groups must be named".to_owned());
        }
        problems.extend(self.groups.iter().filter_map(|name| check_group(name).err()));
        if !(POLL_MIN..=POLL_MAX).contains(&self.poll) {
            problems.push(format!("the poll must be from {POLL_MIN:?} to {POLL_MAX:?}"));
        }
        match &self.access {
            Access::Community { community, .. } if community.is_empty() => {
                problems.push("the community is empty".to_owned());
            }
            Access::User { auth, privacy, name } => {
                if name.is_empty() || name.len() > 32 {
                    problems.push("the SNMPv3 user must have 1 to 32 bytes".to_owned());
                }
                let words = [auth.as_ref().map(|(_, word)| word), privacy.as_ref()];
                // RFC 3414 §11.2.
                if words.into_iter().flatten().any(|word| word.len() < 8) {
                    problems.push("a password of an SNMPv3 user must have at least 8 bytes".to_owned());
                }
                if privacy.is_some() && auth.is_none() {
                    problems.push("privacy needs authentication".to_owned());
                }
            }
            Access::Community { .. } => {}
            Access::Broadcast { .. } if self.steering.is_some() => {
                problems.push("what is only heard cannot be commanded".to_owned());
            }
            Access::Broadcast { .. } => {}
        }
        if matches!(self.access, Access::Broadcast { .. }) != self.is_heard() {
            problems.push(format!("controller {:?} is not reached like that", self.controller));
        }
        problems
    }

    pub(crate) fn is_heard(&self) -> bool {
        self.kind().is_some_and(|(controller, _, _)| controller.broadcasts())
    }

    pub(crate) fn settings(&self) -> DialSettings {
        let [a, b, c, d, ..] = *uuid::Uuid::new_v4().as_bytes();
        DialSettings {
            junction: self.junction.clone(),
            access: self.access.clone(),
            poll: self.poll,
            groups: self.groups.clone(),
            backup: self.backup,
            clock_off_max: self.clock_off_max,
            all_red_preempt: self.steering.as_ref().and_then(|steering| steering.all_red_input),
            layout: self.layout.clone(),
            blocks: self.blocks,
            first_number: i32::from_be_bytes([a, b, c, d]),
        }
    }
}
