//! Traffic signals: what a controller shows.

use crate::units::UtcMillis;

/// The state of every signal group of a junction at one instant (RSMP TLC S0001).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GroupStates {
    /// One character a signal group, in the controller's order, as RSMP S0001 `signalgroupstatus` defines them.
    pub groups: String,
    /// Seconds into the cycle, when the controller tells.
    pub cycle_s: Option<u32>,
    /// Stage number, when the controller tells.
    pub stage: Option<u32>,
    /// Time by the controller's clock; `Event::at` is the adapter's time of arrival unless the value is old.
    pub controller_at: UtcMillis,
    /// Buffered by the controller while the link was down (RSMP `q = old`).
    pub old: bool,
}

/// What a driver sees of one signal group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Aspect {
    Red,
    RedYellow,
    Green,
    Yellow,
    Dark,
    Unknown,
}

impl Aspect {
    /// Meaning of one character of S0001 (TLC SXL; red for a violation = g h A B C D E F G P; 0 red-yellow; 1–8 green; N O yellow).
    pub fn of(state: char) -> Self {
        match state {
            '0' => Aspect::RedYellow,
            '1'..='8' => Aspect::Green,
            'N' | 'O' => Aspect::Yellow,
            'g' | 'h' | 'A'..='G' | 'P' => Aspect::Red,
            'a' | 'b' => Aspect::Dark,
            _ => Aspect::Unknown,
        }
    }
}

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
