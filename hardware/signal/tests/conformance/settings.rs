//! Rows about what a controller has of its own: times that are set in it, and preempts.

use hardware_ports::signal::{Put, SignalDesk};
use models_domain::DurationMs;
use models_domain::signal::order::Wanted;

use super::Outcome::{self, NotOffered, Yes};
use super::house::{House, Junction, Kind, junction};
use super::ordered::shows;

/// A red clear that is too short is told when the settings are read, and over when it is right again. They are read with each pattern.
pub async fn times(house: &mut House) -> Outcome {
    match house.kind {
        Kind::Rsmp => return NotOffered("RSMP tells no minimum greens and clearances".to_owned()),
        Kind::Spat => return NotOffered("a SPaT tells no settings".to_owned()),
        Kind::Ntcip(_) => {}
    }
    let told =
        |on: bool| move |junction: &Junction| junction.alarms.contains(&("timesShorter".to_owned(), on));
    assert!(!told(true)(&house.of(0)), "{:?}", house.of(0).alarms);
    house.street.fault("0 redclear 10").await;
    let plan = Wanted::Plan(2);
    assert_eq!(house.desk.put(&junction(0), &plan, DurationMs(60_000)).await, Put::Taken);
    let took = house.wait("the alarm of a short red clear", told(true)).await;
    house.street.fault("0 redclear -1").await;
    assert_eq!(house.desk.release(&junction(0), &plan).await, Put::Taken);
    house.wait("the end of that alarm", told(false)).await;
    shows(house, &Wanted::OwnPlan).await;
    let longer = house.of(0).alarms.iter().any(|(code, _)| code == "timesLonger");
    assert!(!longer, "{:?}", house.of(0).alarms);
    Yes(format!("1 s for 2 s told after {} ms", took.as_millis()))
}

/// One that the street asks for. Red for everybody, which was ordered before, is the mode and was none.
pub async fn preempt(house: &mut House) -> Outcome {
    match house.kind {
        Kind::Rsmp => return NotOffered("emergency routes (S0035) are not asked for".to_owned()),
        Kind::Spat => return NotOffered("what a SPaT says of preempts is not read".to_owned()),
        Kind::Ntcip(_) => {}
    }
    let told = |on: bool| move |junction: &Junction| junction.alarms.contains(&("preempt".to_owned(), on));
    assert!(!told(true)(&house.of(0)), "{:?}", house.of(0).alarms);
    house.street.fault("0 preempt 5").await;
    let took = house.wait("the preempt", told(true)).await;
    house.street.fault("0 preempt 0").await;
    house.wait("the end of the preempt", told(false)).await;
    Yes(format!("after {} ms", took.as_millis()))
}
