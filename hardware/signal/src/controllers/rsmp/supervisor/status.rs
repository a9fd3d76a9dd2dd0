//! What the supervisor does with a status: signal groups, counts, mode and plan become reports.

use hardware_ports::sink::SignalReport;

use super::Supervisor;
use crate::controllers::rsmp::content::{self, Groups};
use crate::controllers::rsmp::counts;
use crate::controllers::rsmp::message::{Quality, Status};
use crate::controllers::rsmp::now;
use crate::controllers::rsmp::phase::Phase;
use crate::controllers::rsmp::sxl::Code;
use crate::controllers::{Action, At};

impl Supervisor {
    pub(super) fn status(&mut self, at: At, status: &Status) -> Result<(), String> {
        let Some(known) = self.site().map(|site| &site.known) else {
            return Err("Version comes first".to_owned());
        };
        let is_main = known.main_component == status.component;
        if !is_main && !known.detectors.contains(&status.component) {
            return Ok(());
        }
        let readings = counts::readings(known, at.utc, status);
        let junction = known.junction.clone();
        for value in &status.values {
            let known = Code::status(&value.code).and_then(|code| code.argument(&value.name));
            let odd =
                known.filter(|_| value.quality.is_told()).and_then(|known| known.read(&value.value).err());
            if let Some(odd) = odd {
                self.warn(format!("{}: {odd}", value.code));
            }
        }
        if !readings.is_empty() {
            self.actions.push_back(Action::Keep(SignalReport::Detectors {
                junction,
                told_at: status.at.0,
                readings,
            }));
        }
        if counts::is_old(status) {
            self.wait_for_buffered(at);
        }
        if !is_main {
            return Ok(());
        }
        self.controller_now(at, status);
        match self.junction(|junction| content::groups(junction, at.utc, status))? {
            Groups::Reported(report) => {
                if matches!(&report, SignalReport::Groups { groups, .. } if groups.old) {
                    self.wait_for_buffered(at);
                } else {
                    self.remark(String::new());
                }
                self.actions.push_back(Action::Keep(report));
            }
            Groups::Unavailable(quality) => {
                let why = match quality {
                    Quality::Undefined => "has no such component",
                    Quality::Unknown | Quality::Recent | Quality::Old => "does not know them now",
                };
                self.remark(format!("no signal groups: component {:?} {why}", status.component));
            }
            Groups::None => {}
        }
        Ok(())
    }

    /// Mode and plan, when they are what it tells.
    fn controller_now(&mut self, at: At, status: &Status) {
        let Phase::Established(established) = &mut self.phase else { return };
        if !established.flags.learn(status) {
            return;
        }
        let now = established.flags.now();
        let junction = established.site.known.junction.clone();
        self.actions.push_back(Action::Keep(SignalReport::Now { junction, at: at.utc, now }));
        if now::answers(status) {
            self.actions.extend(self.orders.told(now));
        }
    }
}
