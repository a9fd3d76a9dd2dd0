//! What may be asked of a controller, and what becomes of it: values, whatever kind the controller is.

use std::collections::BTreeMap;

use models_domain::UtcMillis;
use models_domain::signal;
use models_domain::signal::order::ControllerNow;

/// Something that is asked of one controller, with a number to answer by.
#[derive(Debug, Clone, PartialEq)]
pub struct Order {
    pub number: u64,
    pub what: Asked,
}

/// In the controller's own words: a command is a code of RSMP's signal exchange list, or the name of an NTCIP object.
#[derive(Clone, PartialEq)]
pub enum Asked {
    /// Such as M0002 or systemPatternControl, with its arguments. `component`: the controller itself when left out.
    Command {
        code: String,
        component: Option<String>,
        values: Vec<(String, Value)>,
    },
    Alarm {
        component: String,
        code: String,
        /// The maker's own text; empty: as the site told the alarm last.
        external: String,
        step: AlarmStep,
    },
    AggregatedStatus,
    /// Mode and plan, as the controller says them now.
    Now,
}

/// Security codes among the arguments are nobody's to read.
impl std::fmt::Debug for Asked {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Asked::Command { code, component, .. } => write!(f, "Command({code}, {component:?})"),
            Asked::Alarm { component, code, step, .. } => write!(f, "Alarm({code}, {component}, {step:?})"),
            Asked::AggregatedStatus => f.write_str("AggregatedStatus"),
            Asked::Now => f.write_str("Now"),
        }
    }
}

/// What became of an order, as the controller tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// Read back: the controller shows what was asked for.
    Done,
    /// To [`Asked::Now`].
    Now(ControllerNow),
    /// It answers, but something else is in force.
    Otherwise(String),
    Refused(String),
    /// Nothing came in time.
    None,
}

/// What can be done with an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmStep {
    Acknowledge,
    Suspend,
    Resume,
    /// Tell it again.
    Request,
}

impl From<signal::AlarmStep> for AlarmStep {
    fn from(step: signal::AlarmStep) -> Self {
        match step {
            signal::AlarmStep::Acknowledge => AlarmStep::Acknowledge,
            signal::AlarmStep::Suspend => AlarmStep::Suspend,
            signal::AlarmStep::Resume => AlarmStep::Resume,
        }
    }
}

/// A value with its meaning.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    Text(String),
    Integer(i64),
    Boolean(bool),
    Texts(Vec<String>),
    Integers(Vec<i64>),
    Booleans(Vec<bool>),
    Time(UtcMillis),
    /// Objects, each with its values by name.
    Array(Vec<BTreeMap<String, Value>>),
}
