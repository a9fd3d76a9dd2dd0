//! Alarms of controllers and what people do with them, and what controllers say of their whole state <-> protobuf.

use models_domain::JunctionId;
use models_domain::signal::{Aggregated, AlarmStep, AlarmWish, SignalAlarm};

use super::BadMessage;
use super::event::id;
use crate::v1;

pub fn alarm_to_wire(junction: &str, alarm: &SignalAlarm) -> v1::SignalAlarm {
    v1::SignalAlarm {
        junction: junction.to_owned(),
        code: alarm.code.clone(),
        component: alarm.component.clone(),
        active: alarm.active,
        acknowledged: alarm.acknowledged,
        suspended: alarm.suspended,
        priority: u32::from(alarm.priority),
        description: alarm.description.clone(),
    }
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn alarm_from_wire(m: v1::SignalAlarm) -> Result<SignalAlarm, BadMessage> {
    Ok(SignalAlarm {
        code: m.code,
        component: m.component,
        active: m.active,
        acknowledged: m.acknowledged,
        suspended: m.suspended,
        priority: u8::try_from(m.priority).map_err(|e| BadMessage::new("signal_alarm.priority", e))?,
        description: m.description,
    })
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn step_from_wire(step: i32) -> Result<AlarmStep, BadMessage> {
    match v1::SignalAlarmStep::try_from(step) {
        Ok(v1::SignalAlarmStep::Acknowledge) => Ok(AlarmStep::Acknowledge),
        Ok(v1::SignalAlarmStep::Suspend) => Ok(AlarmStep::Suspend),
        Ok(v1::SignalAlarmStep::Resume) => Ok(AlarmStep::Resume),
        Ok(v1::SignalAlarmStep::Unspecified) | Err(_) => {
            Err(BadMessage::new("step", format!("{step} is not known; say acknowledge, suspend or resume")))
        }
    }
}

pub fn wish_to_wire(junction: &JunctionId, wish: &AlarmWish) -> v1::SignalAlarmOrder {
    let step = match wish.step {
        AlarmStep::Acknowledge => v1::SignalAlarmStep::Acknowledge,
        AlarmStep::Suspend => v1::SignalAlarmStep::Suspend,
        AlarmStep::Resume => v1::SignalAlarmStep::Resume,
    };
    v1::SignalAlarmOrder {
        junction: junction.to_string(),
        code: wish.code.clone(),
        component: wish.component.clone(),
        step: step.into(),
    }
}

/// # Errors
/// [`BadMessage`] naming the field.
pub fn wish_from_wire(m: v1::SignalAlarmOrder) -> Result<(JunctionId, AlarmWish), BadMessage> {
    let wish = AlarmWish { code: m.code, component: m.component, step: step_from_wire(m.step)? };
    Ok((id("junction", m.junction)?, wish))
}

pub fn aggregated_to_wire(status: &Aggregated) -> v1::SignalAggregated {
    v1::SignalAggregated {
        local_mode: status.local_mode,
        no_communication: status.no_communication,
        high_priority_fault: status.high_priority_fault,
        medium_priority_fault: status.medium_priority_fault,
        low_priority_fault: status.low_priority_fault,
        in_use: status.in_use,
        idle: status.idle,
        not_connected: status.not_connected,
        position: status.position.clone(),
        state: status.state.clone(),
    }
}

pub fn aggregated_from_wire(m: v1::SignalAggregated) -> Aggregated {
    Aggregated {
        local_mode: m.local_mode,
        no_communication: m.no_communication,
        high_priority_fault: m.high_priority_fault,
        medium_priority_fault: m.medium_priority_fault,
        low_priority_fault: m.low_priority_fault,
        in_use: m.in_use,
        idle: m.idle,
        not_connected: m.not_connected,
        position: m.position,
        state: m.state,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_bit_of_the_whole_state_keeps_its_place() {
        for bit in 0..8 {
            let is = |at: usize| at == bit;
            let status = Aggregated {
                local_mode: is(0),
                no_communication: is(1),
                high_priority_fault: is(2),
                medium_priority_fault: is(3),
                low_priority_fault: is(4),
                in_use: is(5),
                idle: is(6),
                not_connected: is(7),
                position: "start".into(),
                state: String::new(),
            };
            assert_eq!(aggregated_from_wire(aggregated_to_wire(&status)), status);
        }
    }

    #[test]
    fn wishes_round_trip_and_an_unknown_step_is_named() {
        let junction: JunctionId = "kim-ma".parse().unwrap();
        for step in [AlarmStep::Acknowledge, AlarmStep::Suspend, AlarmStep::Resume] {
            let wish = AlarmWish { code: "A0202".into(), component: "SG1".into(), step };
            let back = wish_from_wire(wish_to_wire(&junction, &wish)).unwrap();
            assert_eq!(back, (junction.clone(), wish));
        }
        let odd = v1::SignalAlarmOrder { junction: "kim-ma".into(), step: 9, ..Default::default() };
        let why = wish_from_wire(odd).unwrap_err().to_string();
        assert_eq!(why, "step: 9 is not known; say acknowledge, suspend or resume");
    }
}
