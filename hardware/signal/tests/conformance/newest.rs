//! RSMP of the newest core with the list that needs it: what the simulated site and the adapter make of each other, and what
//! came with either.

use hardware_ports::signal::{Put, SignalDesk};
use hardware_signal::controllers::{Answer, Asked, Value};
use models_domain::DurationMs;
use models_domain::signal::order::Wanted;

use super::house::{House, Junction, Kind, Wish, junction};
use super::{alarm, back, changes, clock, compare, detectors, groups, handled, lost, order, plan, seen};

/// Such a site offers no other core.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsmp_of_the_newest_core_and_list() {
    let wish = Wish { newest: true, ..Wish::default() };
    let mut house = House::open(Kind::Rsmp, &wish).await;
    let rows = [
        ("state seen within 1 s", seen(&house).await),
        ("signal groups as they are named", groups(&house).await),
        ("plan and mode read", plan(&house).await),
        ("own clock read, with its error", clock(&mut house).await),
        ("alarm told, and that it is over", alarm(&mut house).await),
        ("alarm acknowledged, suspended, resumed", handled(&house).await),
        ("time to change told", changes(&house).await),
        ("volume and occupancy of detectors", detectors(&house).await),
        ("another plan", order(&house, &Wanted::Plan(2)).await),
        ("green for groups", order(&house, &Wanted::Groups([1].into_iter().collect())).await),
        ("flash", order(&house, &Wanted::Flash).await),
        ("dark", order(&house, &Wanted::Dark).await),
        ("red for everybody", order(&house, &Wanted::AllRed).await),
        ("a lost link told with its reason", lost(&mut house).await),
        ("back by itself within 10 s", back(&mut house).await),
    ];
    for (row, outcome) in rows {
        compare(house.kind, row, outcome);
    }
    idle(&house).await;
    commands(&house).await;
    house.close().await;
}

/// From list 1.3.0 on a site that flashes is idle.
async fn idle(house: &House) {
    let is = |in_use: bool| {
        move |junction: &Junction| {
            junction.aggregated.as_ref().is_some_and(|whole| (whole.in_use, whole.idle) == (in_use, !in_use))
        }
    };
    house.wait("in use", is(true)).await;
    assert_eq!(house.desk.put(&junction(0), &Wanted::Flash, DurationMs(60_000)).await, Put::Taken);
    house.wait("idle while it flashes", is(false)).await;
    assert_eq!(house.desk.release(&junction(0), &Wanted::Flash).await, Put::Taken);
    house.wait("in use again", is(true)).await;
}

/// What the list has since 1.3.0: a mode without a time-out, a detector that is forced for a while, alarms that are cleared.
async fn commands(house: &House) {
    let normal = vec![("status", Value::Text("NormalControl".into()))];
    let forced = vec![
        ("status", Value::Boolean(true)),
        ("mode", Value::Boolean(true)),
        ("duration", Value::Integer(60_000)),
    ];
    for (code, component, values) in [
        ("M0001", None, normal),
        ("M0008", Some("HN+0=001DL002".to_owned()), forced),
        ("M0024", None, vec![("status", Value::Boolean(true))]),
    ] {
        let values = values.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let asked = Asked::Command { code: code.to_owned(), component, values };
        assert_eq!(house.desk.ask(&junction(0), asked).await, Answer::Done, "{code}");
    }
}
