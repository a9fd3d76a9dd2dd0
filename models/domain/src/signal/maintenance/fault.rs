//! What the alarms of controllers mean for those who mend them. Codes: RSMP SXL for traffic light controllers 1.0.15 to 1.3.0,
//! NTCIP 1202 v02 §2.4.7 to §2.4.9 and §2.7.2.16, J2735 `IntersectionStatusObject`, the gateway's own rules for detectors,
//! and times in a controller that are not as configured.

use crate::units::UtcMillis;

/// Which trade mends it; in the order in which people look at them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum FaultKind {
    /// A conflict monitor or the controller's own supervision has acted.
    Safety,
    Controller,
    Lamp,
    Detector,
    Power,
    Door,
    /// The controller's clock is wrong.
    Clock,
    /// The hall hears nothing of the controller, or loses it again and again.
    Link,
    Other,
}

impl FaultKind {
    pub const ALL: [FaultKind; 9] = [
        FaultKind::Safety,
        FaultKind::Controller,
        FaultKind::Lamp,
        FaultKind::Detector,
        FaultKind::Power,
        FaultKind::Door,
        FaultKind::Clock,
        FaultKind::Link,
        FaultKind::Other,
    ];

    /// Short stable name for tables and the record.
    pub fn name(self) -> &'static str {
        match self {
            FaultKind::Safety => "safety",
            FaultKind::Controller => "controller",
            FaultKind::Lamp => "lamp",
            FaultKind::Detector => "detector",
            FaultKind::Power => "power",
            FaultKind::Door => "door",
            FaultKind::Clock => "clock",
            FaultKind::Link => "link",
            FaultKind::Other => "other",
        }
    }

    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// What an alarm is a fault of; `None`: it passes by itself, as a spike or a preempt that does its work, and nobody is sent out for it.
pub fn kind_of(code: &str) -> Option<FaultKind> {
    Some(match code {
        "A0006" | "mmuFlash" | "criticalAlarm" | "failureFlash" | "failureMode" => FaultKind::Safety,
        "A0201" | "A0202" => FaultKind::Lamp,
        "A0101" | "A0301" | "A0302" | "A0303" | "A0304" => FaultKind::Detector,
        "detectorFault" | "detectorAlarm" | "noHits" | "chatter" | "lockedOn" | "noChange" => {
            FaultKind::Detector
        }
        "spike" | "preempt" => return None,
        "powerRestart" | "lowBattery" => FaultKind::Power,
        "A0010" => FaultKind::Door,
        "A0001" | "A0002" | "A0003" | "A0004" | "A0005" | "A0007" | "A0008" => FaultKind::Controller,
        "cycleFault" | "coordFault" | "coordFail" | "cycleFail" | "coordAlarm" => FaultKind::Controller,
        "timesShorter" | "timesLonger" | "preemptStuck" => FaultKind::Controller,
        "localFlash" | "responseFault" | "externalStart" | "stopTime" => FaultKind::Controller,
        _ => FaultKind::Other,
    })
}

/// The part of a link's fault that goes on while the link is up.
pub const UNSTABLE: &str = "unstable";

/// What a fault is of: one work order at a time mends it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Part {
    pub kind: FaultKind,
    /// As the controller names it; empty for the controller as a whole, [`UNSTABLE`] for a link that is lost again and again.
    pub name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub part: Part,
    /// Names of its alarms, the worst first; of a link `gateway`, `controller` or `unstable`, of a clock `ahead` or `behind`.
    pub codes: Vec<String>,
    /// In the controller's words.
    pub text: String,
    /// 1 highest, 3 lowest.
    pub priority: u8,
    pub began: UtcMillis,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_alarm_has_a_trade() {
        let check = |code: &str, want: Option<FaultKind>| assert_eq!(kind_of(code), want, "{code}");
        check("A0006", Some(FaultKind::Safety));
        check("A0202", Some(FaultKind::Lamp));
        check("A0101", Some(FaultKind::Detector));
        check("lockedOn", Some(FaultKind::Detector));
        check("lowBattery", Some(FaultKind::Power));
        check("A0010", Some(FaultKind::Door));
        check("coordFail", Some(FaultKind::Controller));
        check("timesShorter", Some(FaultKind::Controller));
        check("failureMode", Some(FaultKind::Safety));
        check("A0009", Some(FaultKind::Other));
        check("A9999", Some(FaultKind::Other));
        check("spike", None);
        check("preempt", None);
        check("preemptStuck", Some(FaultKind::Controller));
    }

    #[test]
    fn names_are_read_back() {
        for kind in FaultKind::ALL {
            assert_eq!(FaultKind::from_name(kind.name()), Some(kind));
        }
        assert_eq!(FaultKind::from_name("lamps"), None);
    }
}
