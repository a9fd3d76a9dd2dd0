//! Alarms of a controller, and what people do with them beside mending the cause (RSMP core, "Alarm messages").

/// An alarm of a controller (RSMP Alarm).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignalAlarm {
    /// Such as `A0008`.
    pub code: String,
    pub component: String,
    pub active: bool,
    pub acknowledged: bool,
    pub suspended: bool,
    /// 1 highest, 3 lowest.
    pub priority: u8,
    pub description: String,
}

impl SignalAlarm {
    /// Whether people are to see it now: it is there, or somebody suspended it and may resume it.
    pub fn is_listed(&self) -> bool {
        self.active || self.suspended
    }
}

/// What a person can do with an alarm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlarmStep {
    /// Somebody knows of it.
    Acknowledge,
    /// The controller tells of it no more, until it is resumed.
    Suspend,
    Resume,
}

impl AlarmStep {
    /// Short stable name for the record.
    pub fn name(self) -> &'static str {
        match self {
            AlarmStep::Acknowledge => "acknowledge",
            AlarmStep::Suspend => "suspend",
            AlarmStep::Resume => "resume",
        }
    }
}

/// A step for one alarm of a junction; alarms are named by code and component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AlarmWish {
    pub code: String,
    pub component: String,
    pub step: AlarmStep,
}
