//! What the calendar of a junction says, and whether the junction does it.

use models_domain::JunctionId;
use models_wire::v1;
use models_wire::v1::SignalCalendarState as State;

use crate::hall::Hall;
use crate::signals::calendar::{Told, Why, both};

pub fn get(hall: &Hall, junction: &JunctionId) -> v1::GetCalendarResponse {
    let Some(calendar) = hall.calendars.of(junction, &hall.place(junction).areas) else {
        return v1::GetCalendarResponse::default();
    };
    let (step, next) = both(calendar.timetable_of(junction), hall.clock.now());
    // Not looked at yet: in a moment.
    let told = hall.calendars.told(junction).unwrap_or(Told::Not(Why::Shortly));
    let (state, why) = match &told {
        Told::Followed => (State::Followed, None),
        Told::UnderWay => (State::UnderWay, None),
        Told::Not(why) => (State::NotFollowed, Some(why)),
    };
    // It does what is said of it; whether that is a green wave lies with its neighbours too: why is wave_broken then, detail their names.
    let alone = match &told {
        Told::Followed if step.plan.is_some() => hall.calendars.out_of_wave(calendar, junction),
        Told::Followed | Told::UnderWay | Told::Not(_) => Vec::new(),
    };
    let (detail, why_ms, why_number) = match why {
        Some(Why::OtherOrder { by, until }) => (by.clone(), until.0, 0),
        Some(Why::Failed { why, again }) => (why.clone(), again.0, 0),
        Some(Why::TakenBack { at }) => (String::new(), at.0, 0),
        Some(Why::Emergency { id }) => (String::new(), 0, *id),
        Some(Why::Shows { plan }) => (String::new(), 0, u64::from(*plan)),
        Some(
            Why::NotHeardOf
            | Why::NotOrderable
            | Why::GatewayAway
            | Why::LinkDown
            | Why::AtCabinet
            | Why::Shortly,
        )
        | None => (names(hall, &alone), 0, 0),
    };
    v1::GetCalendarResponse {
        calendar: Some(v1::SignalCalendar {
            id: calendar.id.clone(),
            name: calendar.name.clone(),
            plan: step.plan.map(u32::from),
            until_ms: step.until.map_or(0, |until| until.0),
            next_plan: next.map(u32::from),
            state: state.into(),
            why: why.map_or(if alone.is_empty() { "" } else { "wave_broken" }, Why::name).to_owned(),
            detail,
            why_ms,
            why_number,
        }),
    }
}

/// As people know them.
fn names(hall: &Hall, junctions: &[JunctionId]) -> String {
    let name =
        |id: &JunctionId| hall.view.junction(id).map_or_else(|| id.to_string(), |known| known.info.name);
    junctions.iter().map(name).collect::<Vec<_>>().join(", ")
}
