//! The signal exchange list of traffic light controllers as this site knows it: which component has which status and which
//! command, with which names, from which version on and up to which.

use serde::Deserialize;

use crate::args::Args;
use crate::components::Component;

/// A version of the list, as `1.2.1` or `1.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub struct Version(u32, u32, u32);

impl TryFrom<String> for Version {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        Self::parse(&text).ok_or_else(|| format!("{text:?} is no version"))
    }
}

impl Version {
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self(major, minor, patch)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut numbers = text.split('.').map(|number| number.parse::<u32>().ok());
        let version = Self(numbers.next()??, numbers.next()??, numbers.next().unwrap_or(Some(0))?);
        numbers.next().is_none().then_some(version)
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}.{}", self.0, self.1, self.2)
    }
}

const V1_1: Version = Version::new(1, 1, 0);
const V1_2: Version = Version::new(1, 2, 0);

/// Goes with core 3.3.0 and newer only.
pub const V1_3: Version = Version::new(1, 3, 0);

/// What kind of component has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Of {
    Controller,
    Group,
    Detector,
}

impl Of {
    fn is(self, component: Component) -> bool {
        match component {
            Component::Controller => self == Self::Controller,
            Component::Group(_) => self == Self::Group,
            Component::Detector(_) => self == Self::Detector,
        }
    }
}

/// Which code a command is to be sent with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Security {
    None,
    Level1,
    Level2,
    /// The one that is changed.
    Old,
}

pub struct Command {
    pub code: &'static str,
    /// `cO`
    pub order: &'static str,
    of: Of,
    pub security: Security,
    pub needs: &'static [&'static str],
    /// Arguments that may be left out.
    pub may: &'static [&'static str],
}

impl Command {
    /// All that `version` needs are there, and no others.
    ///
    /// # Errors
    /// The reason for a MessageNotAck.
    pub fn check(&self, version: Version, args: &Args<'_>) -> Result<(), String> {
        for argument in &args.0 {
            let name = argument["n"].as_str().unwrap_or_default();
            let known = self.needs.contains(&name) || self.may.contains(&name);
            if !known || !is_in(version, self.code, name) {
                return Err(format!("{} has no argument {name:?}", self.code));
            }
            if argument["cO"] != self.order {
                return Err(format!("cO of {} is {:?}", self.code, self.order));
            }
        }
        for name in self.needs.iter().filter(|name| is_needed(version, self.code, name)) {
            let told = args.value(name).is_some_and(|value| value.is_string() || value.is_boolean());
            if !told {
                return Err(format!("{name} is missing"));
            }
        }
        Ok(())
    }
}

const KINDS: &[&str] = &["P", "PS", "L", "LS", "B", "SP", "MC", "C", "F"];

const STATUSES: &[(&str, Of, &[&str])] = &[
    (
        "S0001",
        Of::Controller,
        &["signalgroupstatus", "cyclecounter", "basecyclecounter", "stage", "millisecond"],
    ),
    ("S0002", Of::Controller, &["detectorlogicstatus"]),
    ("S0003", Of::Controller, &["inputstatus", "extendedinputstatus"]),
    ("S0004", Of::Controller, &["outputstatus", "extendedoutputstatus"]),
    ("S0005", Of::Controller, &["status", "statusByIntersection"]),
    ("S0006", Of::Controller, &["status", "emergencystage"]),
    ("S0007", Of::Controller, &["intersection", "status", "source"]),
    ("S0008", Of::Controller, &["intersection", "status", "source"]),
    ("S0009", Of::Controller, &["intersection", "status", "source"]),
    ("S0010", Of::Controller, &["intersection", "status", "source"]),
    ("S0011", Of::Controller, &["intersection", "status", "source"]),
    ("S0012", Of::Controller, &["intersection", "status", "source"]),
    ("S0013", Of::Controller, &["intersection", "status"]),
    ("S0014", Of::Controller, &["status", "source"]),
    ("S0015", Of::Controller, &["status", "source"]),
    ("S0016", Of::Controller, &["number"]),
    ("S0017", Of::Controller, &["number"]),
    ("S0018", Of::Controller, &["number"]),
    ("S0019", Of::Controller, &["number"]),
    ("S0020", Of::Controller, &["intersection", "controlmode"]),
    ("S0021", Of::Controller, &["detectorlogics"]),
    ("S0022", Of::Controller, &["status"]),
    ("S0023", Of::Controller, &["status"]),
    ("S0024", Of::Controller, &["status"]),
    (
        "S0025",
        Of::Group,
        &[
            "minToGEstimate",
            "maxToGEstimate",
            "likelyToGEstimate",
            "ToGConfidence",
            "minToREstimate",
            "maxToREstimate",
            "likelyToREstimate",
            "ToRConfidence",
        ],
    ),
    ("S0026", Of::Controller, &["status"]),
    ("S0027", Of::Controller, &["status"]),
    ("S0028", Of::Controller, &["status"]),
    ("S0029", Of::Controller, &["status"]),
    ("S0030", Of::Controller, &["status"]),
    ("S0031", Of::Controller, &["status"]),
    ("S0032", Of::Controller, &["intersection", "status", "source"]),
    ("S0033", Of::Controller, &["status"]),
    ("S0034", Of::Controller, &["status"]),
    ("S0035", Of::Controller, &["emergencyroutes"]),
    ("S0091", Of::Controller, &["user", "status"]),
    ("S0092", Of::Controller, &["user", "status"]),
    ("S0095", Of::Controller, &["status"]),
    ("S0096", Of::Controller, &["year", "month", "day", "hour", "minute", "second"]),
    ("S0097", Of::Controller, &["checksum", "timestamp"]),
    ("S0098", Of::Controller, &["config", "timestamp", "version"]),
    ("S0201", Of::Detector, &["starttime", "vehicles"]),
    ("S0202", Of::Detector, &["starttime", "speed"]),
    ("S0203", Of::Detector, &["starttime", "occupancy"]),
    ("S0204", Of::Detector, &["starttime"]),
    ("S0205", Of::Controller, &["start", "vehicles"]),
    ("S0206", Of::Controller, &["start", "speed"]),
    ("S0207", Of::Controller, &["start", "occupancy"]),
    ("S0208", Of::Controller, &["start"]),
];

const COMMANDS: &[Command] = &[
    controller("M0001", "setValue", &["status", "securityCode", "timeout", "intersection"]),
    controller("M0002", "setPlan", &["status", "securityCode", "timeplan"]),
    controller("M0003", "setTrafficSituation", &["status", "securityCode", "traficsituation"]),
    controller("M0004", "setRestart", &["status", "securityCode"]),
    controller("M0005", "setEmergency", &["status", "securityCode", "emergencyroute"]),
    controller("M0006", "setInput", &["status", "securityCode", "input"]),
    controller("M0007", "setFixedTime", &["status", "securityCode"]),
    Command {
        of: Of::Detector,
        // The list's text has it left out, its schema of a whole message asks for it.
        may: &["duration"],
        ..controller("M0008", "setForceDetectorLogic", &["status", "securityCode", "mode"])
    },
    Command { of: Of::Group, ..controller("M0010", "setStart", &["status", "securityCode"]) },
    Command { of: Of::Group, ..controller("M0011", "setStop", &["status", "securityCode"]) },
    controller("M0012", "setStart", &["status", "securityCode"]),
    controller("M0013", "setInput", &["status", "securityCode"]),
    controller("M0014", "setCommands", &["plan", "status", "securityCode"]),
    controller("M0015", "setOffset", &["status", "plan", "securityCode"]),
    controller("M0016", "setWeekTable", &["status", "securityCode"]),
    controller("M0017", "setTimeTable", &["status", "securityCode"]),
    controller("M0018", "setCycleTime", &["status", "plan", "securityCode"]),
    controller("M0019", "setInput", &["status", "securityCode", "input", "inputValue"]),
    controller("M0020", "setOutput", &["status", "securityCode", "output", "outputValue"]),
    controller("M0021", "setLevel", &["status", "securityCode"]),
    Command {
        security: Security::None,
        may: &[
            "signalGroupId",
            "inputId",
            "connectionId",
            "approachId",
            "laneInId",
            "laneOutId",
            "priorityId",
            "level",
            "eta",
            "vehicleType",
        ],
        ..controller("M0022", "requestPriority", &["requestId", "type"])
    },
    controller("M0023", "setTimeout", &["status", "securityCode"]),
    Command { security: Security::None, ..controller("M0024", "clearAlarms", &["status"]) },
    Command {
        security: Security::Old,
        ..controller("M0103", "setSecurityCode", &["status", "oldSecurityCode", "newSecurityCode"])
    },
    Command {
        security: Security::Level1,
        ..controller(
            "M0104",
            "setDate",
            &["securityCode", "year", "month", "day", "hour", "minute", "second"],
        )
    },
];

const fn controller(code: &'static str, order: &'static str, needs: &'static [&'static str]) -> Command {
    Command { code, order, of: Of::Controller, security: Security::Level2, needs, may: &[] }
}

/// From which version on there is a code, or a name of it, and before which.
fn is_in(version: Version, code: &str, name: &str) -> bool {
    match (code, name) {
        ("S0003", "extendedinputstatus") | ("S0004", "extendedoutputstatus") | ("S0018", _) => version < V1_2,
        ("S0091" | "S0092", "status") => version < V1_1,
        ("S0005", "statusByIntersection") | ("S0035", _) => version >= V1_2,
        ("S0001", "millisecond") | ("M0008", "duration") | ("M0024", _) => version >= V1_3,
        (_, "source") | ("S0032" | "S0033" | "S0034" | "M0022" | "M0023", _) => version >= V1_1,
        _ => true,
    }
}

/// Arguments that must be there in some versions only.
fn is_needed(version: Version, code: &str, name: &str) -> bool {
    match (code, name) {
        ("M0001", "timeout" | "intersection") => version < V1_3,
        _ => true,
    }
}

/// Whether `component` has the value `name` of the status `code`.
///
/// # Errors
/// The reason for a MessageNotAck.
pub fn check_status(version: Version, component: Component, code: &str, name: &str) -> Result<(), String> {
    let known = STATUSES.iter().find(|(known, of, _)| *known == code && of.is(component));
    let Some((_, _, names)) = known else {
        return Err(format!("there is no status {code} of this component"));
    };
    let of_kind = matches!(code, "S0204" | "S0208") && KINDS.contains(&name);
    if (of_kind || names.contains(&name)) && is_in(version, code, name) {
        Ok(())
    } else {
        Err(format!("the status {code} has no {name:?}"))
    }
}

/// The command `code` of `component`.
///
/// # Errors
/// The reason for a MessageNotAck.
pub fn command(version: Version, component: Component, code: &str) -> Result<&'static Command, String> {
    let known = COMMANDS.iter().find(|known| known.code == code && known.of.is(component));
    known
        .filter(|_| is_in(version, code, ""))
        .ok_or_else(|| format!("there is no command {code} of this component"))
}

/// Every value that `component` has.
#[cfg(test)]
pub fn all_statuses(version: Version, component: Component) -> Vec<(String, String)> {
    let names = |(code, _, names): &(&str, Of, &'static [&'static str])| {
        let code = (*code).to_owned();
        let all: Vec<_> = names.iter().chain(KINDS).map(|name| (code.clone(), (*name).to_owned())).collect();
        all
    };
    let has = |(code, name): &(String, String)| check_status(version, component, code, name).is_ok();
    STATUSES.iter().flat_map(names).filter(has).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(version: &str, component: Component, name: &str, want: bool) {
        let (code, name) = name.split_once('.').unwrap();
        let got = check_status(Version::parse(version).unwrap(), component, code, name);
        assert_eq!(got.is_ok(), want, "{got:?}");
    }

    #[test]
    fn what_each_version_has() {
        check("1.2.1", Component::Controller, "S0001.stage", true);
        check("1.2.1", Component::Controller, "S0001.bad", false);
        check("1.2.1", Component::Controller, "S0001.millisecond", false);
        check("1.3.0", Component::Controller, "S0001.millisecond", true);
        check("1.2.1", Component::Controller, "S0000.status", false);
        check("1.2.1", Component::Group(0), "S0001.stage", false);
        check("1.2.1", Component::Group(0), "S0025.ToRConfidence", true);
        check("1.2.1", Component::Detector(0), "S0204.MC", true);
        check("1.2.1", Component::Detector(0), "S0201.MC", false);
        check("1.2.1", Component::Controller, "S0018.number", false);
        check("1.1", Component::Controller, "S0018.number", true);
        check("1.0.15", Component::Controller, "S0014.source", false);
        check("1.0.15", Component::Controller, "S0091.status", true);
        check("1.1.0", Component::Controller, "S0091.status", false);
        check("1.1.0", Component::Controller, "S0035.emergencyroutes", false);
        assert!(command(Version::new(1, 0, 15), Component::Controller, "M0022").is_err());
        assert!(command(Version::new(1, 1, 0), Component::Controller, "M0022").is_ok());
        assert!(command(Version::new(1, 2, 1), Component::Controller, "M0008").is_err());
        assert!(command(Version::new(1, 2, 1), Component::Controller, "M0024").is_err());
        assert!(command(V1_3, Component::Controller, "M0024").is_ok());
    }
}
