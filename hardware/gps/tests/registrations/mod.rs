//! Companies and vehicles told to the directorate before where its buses are.

use std::collections::BTreeMap;
use std::sync::Arc;

use hardware_gps::broker::{Publisher, Relay};
use hardware_gps::protocols::ufms::{BaseMessage, RegCompany, RegVehicle, Registrations};
use hardware_ports::sink::{GpsReport, Sink};
use hardware_ports::{Clock, FakeClock, SystemClock};
use models_domain::{DurationMs, VehicleId};
use tokio_util::sync::CancellationToken;

use crate::rabbit::Rabbit;
use crate::{Recorder, Shelf, fix, to, until};

/// With the company, more than twice as many as are told together.
const VEHICLES: usize = 250;

/// A company and its vehicles, the last of which has a model with so long a name.
fn registrations(model_bytes: usize) -> Registrations {
    let company = RegCompany { company: "X".to_owned(), ..RegCompany::default() };
    let vehicle = |n: usize| {
        let device_model = (n == VEHICLES - 1).then(|| "x".repeat(model_bytes));
        RegVehicle { vehicle: format!("29B{n:05}"), device_model, ..RegVehicle::default() }
    };
    let vehicles = (0..VEHICLES).map(vehicle).collect();
    Registrations { companies: vec![company], drivers: Vec::new(), vehicles }
}

fn relay(registrations: &Registrations) -> Relay {
    let plate = |bus: &str| (VehicleId::new(bus).expect("an id"), bus.to_owned());
    let plates = BTreeMap::from(["bus0", "bus1", "bus2"].map(plate));
    Relay::new(Arc::new(Recorder::default()), plates, Arc::new(Shelf::default()), Vec::new())
        .with_registrations(registrations)
}

/// What arrives over one connection while the buses report one after the other, a minute apart: numbers of registrations, and `None`
/// for a position.
async fn told(
    rabbit: &Rabbit,
    queue: &str,
    relay: &Relay,
    registrations: &Registrations,
    buses: &[&str],
) -> Vec<Option<usize>> {
    let (clock, stop) = (FakeClock::at(SystemClock::new().now()), CancellationToken::new());
    let publisher = Publisher::connect(to(rabbit, queue)).await.expect("a connection");
    let reporting = async {
        for bus in buses {
            let sent = relay.counts().sent + 1;
            relay.accept(GpsReport::Fix(fix(bus, &clock))).await.expect("kept");
            until("it is sent", || relay.counts().sent == sent).await;
            clock.advance(DurationMs(60_000));
        }
        stop.cancel();
    };
    let (ran, ()) = tokio::join!(relay.run(publisher, &clock, &stop), reporting);
    ran.expect("stopped");
    let all: Vec<Vec<u8>> = registrations.messages().iter().map(BaseMessage::write).collect();
    let number = |message: &Vec<u8>| {
        let number = all.iter().position(|one| one == message);
        let position = BaseMessage::read(message).expect("a message").bus_way_point;
        assert!(number.is_some() != position.is_some(), "neither or both: {message:?}");
        number
    };
    rabbit.all(queue).await.iter().map(number).collect()
}

/// In their order, though more than are sent together.
pub async fn each_process_tells_them_once_before_positions(rabbit: &Rabbit) {
    rabbit.declare("registered", None).await;
    let registrations = registrations(1);
    let all_and_a_position: Vec<_> = (0..=VEHICLES).map(Some).chain([None]).collect();
    let first = relay(&registrations);
    assert_eq!(told(rabbit, "registered", &first, &registrations, &["bus0"]).await, all_and_a_position);
    assert_eq!(told(rabbit, "registered", &first, &registrations, &["bus1"]).await, [None]);
    let restarted = relay(&registrations);
    assert_eq!(told(rabbit, "registered", &restarted, &registrations, &["bus0"]).await, all_and_a_position);
}

/// One has no room in the queue, and with it those that are sent together with it count as not told; positions have.
pub async fn those_that_are_refused_hold_up_no_position(rabbit: &Rabbit) {
    rabbit.declare_narrow("narrow", 50_000).await;
    let registrations = registrations(100_000);
    let relay = relay(&registrations);
    let but_the_last = |from: usize| (from..VEHICLES).map(Some).chain([None]);
    let arrived = told(rabbit, "narrow", &relay, &registrations, &["bus0", "bus1"]).await;
    assert_eq!(arrived, but_the_last(0).chain(but_the_last(200)).collect::<Vec<_>>());
    // The next connection begins with them, where there is room for all.
    let arrived = told(rabbit, "registered", &relay, &registrations, &["bus2"]).await;
    assert_eq!(arrived, (200..=VEHICLES).map(Some).chain([None]).collect::<Vec<_>>());
}
