//! Trackers bring what they stored: out of order, twice, after midnight, a week late. The day is then as if all had come in time.

use std::sync::Arc;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::transit_service_client::TransitServiceClient;
use tonic::transport::Channel;

use crate::buses::{drive_as, feed, import, noon};
use crate::harness::{Hall, with, write_config};
use crate::street::Pole;
use crate::supervise::until;

const DAY_MS: i64 = 86_400_000;
const FIXES: i64 = 57;

/// Drives the whole way in 14 minutes: slowly at first, so that it is late, and fast in the end.
fn way(s: f64) -> f64 {
    ((s / 840.0).powi(3) * 756.0).min(700.0)
}

fn fixes(vehicle: &str, from_ms: i64) -> Vec<v1::Event> {
    drive_as(vehicle, from_ms, 1, FIXES, way)
}

/// The same by a fixed throw of dice, every third twice.
fn shuffled(mut events: Vec<v1::Event>) -> Vec<v1::Event> {
    let doubles: Vec<_> = events.iter().step_by(3).cloned().collect();
    events.extend(doubles);
    for i in (1..events.len()).rev() {
        events.swap(i, (i * 7919 + 104_729) % (i + 1));
    }
    events
}

struct City {
    hall: Hall,
    pole: Pole,
    sent: u64,
    transit: TransitServiceClient<Channel>,
    token: String,
}

impl City {
    async fn send(&mut self, events: Vec<v1::Event>) {
        for some in events.chunks(11) {
            let numbered = some.iter().cloned().zip(self.sent + 1..).map(|(e, seq)| v1::Event { seq, ..e });
            let numbered: Vec<_> = numbered.collect();
            self.sent += some.len() as u64;
            assert_eq!(self.pole.send(self.sent - some.len() as u64 + 1, &numbered).await, self.sent);
        }
    }

    async fn day(&self, vehicle: &str, day: &str) -> v1::GetBusDayResponse {
        let asked = v1::GetBusDayRequest { vehicle: vehicle.into(), day: day.into() };
        self.transit.clone().get_bus_day(with(&self.token, asked)).await.unwrap().into_inner()
    }

    /// Kinds, begins and ends of what was found of a bus on a day.
    async fn found(&self, vehicle: &str, from_ms: i64) -> Vec<(String, i64, Option<i64>)> {
        let asked = v1::ListBusEventsRequest { from_ms, to_ms: from_ms + DAY_MS / 4, ..Default::default() };
        let told = self.transit.clone().list_bus_events(with(&self.token, asked)).await.unwrap().into_inner();
        let own = told.events.into_iter().filter(|e| e.vehicle == vehicle);
        own.map(|e| (e.finding, e.began_ms, e.ended_ms)).collect()
    }

    /// What was found of one bus is found of the other, as soon as the hall has come to it.
    async fn alike(&self, one: &str, other: &str, from_ms: i64) {
        let day = date(from_ms);
        let want = self.day(one, &day).await;
        assert!(want.passings.len() >= 7 && want.fixes.len() == FIXES as usize, "{want:?}");
        let ask = || self.day(other, &day);
        until(&format!("{other} on {day}"), ask, |told| told.passings == want.passings).await;
        assert_eq!(self.day(other, &day).await.fixes.len(), want.fixes.len());
        assert_eq!(self.found(one, from_ms).await, self.found(other, from_ms).await);
        assert!(self.found(one, from_ms).await.iter().any(|(finding, ..)| finding == "late"));
    }
}

/// In the timetable's zone, in which its run sets out at about noon: today, or some days before at the same hour.
fn date(departs_ms: i64) -> String {
    let (_, offset_s) = noon(departs_ms);
    let local = time::OffsetDateTime::from_unix_timestamp(departs_ms / 1000 + offset_s).unwrap();
    local.date().to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_former_day_is_reckoned_anew_from_what_comes_late() {
    let departs_ms = SystemClock::new().now().0 - 860_000;
    let dir = Arc::new(tempfile::tempdir().unwrap());
    write_config(dir.path(), "127.0.0.1:0", "127.0.0.1:0");
    import(dir.path(), &feed(departs_ms, 3600));
    let hall = Hall::start_in(dir, &[]);
    let (pole, transit) = (Pole::join(&hall).await, TransitServiceClient::new(hall.channel().await));
    let token = hall.token().await;
    let mut city = City { hall, pole, sent: 0, transit, token };
    city.send(fixes("today", departs_ms)).await;
    for ago in [1, 7] {
        let from_ms = departs_ms - ago * DAY_MS;
        let (one, other) = (format!("in-order-{ago}"), format!("shuffled-{ago}"));
        city.send(fixes(&one, from_ms)).await;
        let day = date(from_ms);
        let ask = || city.day(&one, &day);
        until("a day of before", ask, |told| told.passings.len() >= 7).await;
        city.send(shuffled(fixes(&other, from_ms))).await;
        city.alike(&one, &other, from_ms).await;
    }
    // Today's bus is followed live; a hole in another one's day is filled when its tracker brings it.
    let mut whole = fixes("hole", departs_ms);
    let hole: Vec<_> = whole.drain(20..45).collect();
    city.send(whole).await;
    let today = date(departs_ms);
    let ask = || city.day("hole", &today);
    let gap = until("a day with a hole", ask, |told| told.passings.len() >= 7).await;
    city.send(shuffled(hole)).await;
    city.alike("today", "hole", departs_ms).await;
    assert_ne!(gap.passings, city.day("today", &today).await.passings);

    // What a person overrules is reckoned too, also of a former day.
    let mut jumped = fixes("jumped", departs_ms - DAY_MS);
    if let Some(v1::event::Body::Fix(fix)) = &mut jumped[30].body {
        fix.valid = false;
    }
    city.send(jumped).await;
    let day = date(departs_ms - DAY_MS);
    let ask = || city.day("jumped", &day);
    until("a day without a position", ask, |told| told.fixes.len() == 56 && told.passings.len() >= 7).await;
    let told = city.hall.run(&["fixes", "rejected", "--days", "30"]);
    let line: serde_json::Value =
        serde_json::from_str(told.lines().find(|l| l.contains("invalid")).unwrap()).unwrap();
    city.hall.run(&["fixes", "take-back", "--event", &line["event"].to_string(), "--why", "it was there"]);
    city.alike("in-order-1", "jumped", departs_ms - DAY_MS).await;
}
