//! Buses as measures of traffic beside a camera, over SIGKILL and in a file; and what is found of buses among all events, live too.

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use models_wire::v1::city_service_client::CityServiceClient;
use models_wire::v1::city_update::Update;

use crate::buses::{STOPS, drive_as};
use crate::harness::{Hall, with};
use crate::street::{Pole, SOON};
use crate::supervise::{city, client, text, until};

/// A camera 40 m beside the way between the second and the third stop, that watched the last twenty minutes.
async fn a_camera_counts(pole: &mut Pole, first_seq: u64) {
    let (up, position) = (v1::Link::Up.into(), Some(v1::Position { lat: 21.00036, lon: 105.8075 }));
    let camera = v1::CameraInfo { camera: "c-1".into(), link: up, position, ..Default::default() };
    let state = v1::GatewayState { at_ms: 1, cameras: vec![camera], ..Default::default() };
    pole.put("state", &state).await;
    let minute = SystemClock::new().now().0 / 60_000;
    let count = |line: &str, crossings| v1::MinuteCount {
        line: line.into(),
        road_user: v1::RoadUser::Motorcycle.into(),
        direction: v1::Direction::ToLeft.into(),
        crossings,
    };
    let told = (1..=20).map(|i| {
        let minute_ms = (minute - i) * 60_000;
        let counts = vec![count("north", 3), count("south", 10)];
        let body =
            v1::MinuteCounts { camera: "c-1".into(), minute_ms, watched_ms: 60_000, analysed_ms: 9, counts };
        let body = Some(v1::event::Body::MinuteCounts(body));
        v1::Event { seq: first_seq + i.cast_unsigned() - 1, at_ms: minute_ms + 60_000, body }
    });
    let told: Vec<_> = told.collect();
    assert_eq!(pole.send(first_seq, &told).await, first_seq + 19);
}

async fn segments(hall: &Hall, known: u64) -> v1::ListSegmentsResponse {
    let (mut transit, token) = client(hall).await;
    transit.list_segments(with(&token, v1::ListSegmentsRequest { roads: known })).await.unwrap().into_inner()
}

async fn day(hall: &Hall, segment: &str) -> v1::GetSegmentDayResponse {
    let (mut transit, token) = client(hall).await;
    let asked = v1::GetSegmentDayRequest { segment: segment.into(), day: String::new() };
    transit.get_segment_day(with(&token, asked)).await.unwrap().into_inner()
}

#[tokio::test(flavor = "multi_thread")]
async fn buses_tell_how_fast_a_road_is_beside_what_a_camera_counts() {
    let (hall, mut pole) = city().await;
    a_camera_counts(&mut pole, 90).await;
    let flows = |told: &v1::ListSegmentsResponse| told.now.iter().any(|s| s.flow.is_some());
    let told = until("buses and a camera on a road", || segments(&hall, 0), flows).await;
    assert_eq!(told.segments.len(), STOPS - 1);
    let (second, now) = (&told.segments[1], told.now.iter().find(|s| s.flow.is_some()).unwrap());
    assert_eq!((second.from_stop.as_str(), second.to_stop.as_str()), ("Trạm <1>", "Trạm <2>"));
    assert_eq!(
        (second.routes.as_slice(), second.coarse, now.segment.as_str()),
        (&["32".to_owned()][..], true, second.segment.as_str())
    );
    assert!((515.0..523.0).contains(&second.length_m) && second.line.len() >= 4, "{second:?}");
    // One bus goes 5.8 m/s here, the other, fallen back, 3.1 m/s; nobody knows yet what is usual.
    assert!((3.2..5.4).contains(&now.speed_mps.unwrap()) && now.buses == 2, "{now:?}");
    assert!(now.fresh && now.reference_mps.is_none() && now.level.is_empty());
    assert!((90.0..170.0).contains(&now.travel_s.unwrap()), "{now:?}");
    let flow = now.flow.as_ref().unwrap();
    // Ten a minute on the busiest line; a minute that was not told of yet is not watched.
    let minutes = flow.watched_ms / 60_000;
    let crossings = flow.classes[0].crossings;
    assert_eq!((flow.camera.as_str(), flow.line.as_str()), ("c-1", "south"));
    assert!((12..=15).contains(&minutes) && crossings == 10 * minutes.cast_unsigned(), "{flow:?}");
    assert!((35.0..45.0).contains(&flow.away_m), "{flow:?}");
    assert!(segments(&hall, told.roads).await.segments.is_empty(), "the page has them");

    let kept = |day: &v1::GetSegmentDayResponse| day.buckets.len() >= 2;
    let before = until("five minutes that are kept", || day(&hall, &second.segment), kept).await;
    assert!(before.buckets.iter().all(|b| b.buses >= 1 && b.from_ms % 300_000 == 0), "{before:?}");
    assert_eq!(before.flow.iter().map(|f| f.crossings).sum::<u64>(), 200, "ten a minute on the busiest line");
    let bearer = format!("Bearer {}", hall.token().await);
    let file = text(&hall.get("/transit/traffic.csv", &[("authorization", &bearer)]).await.body);
    assert!(file.starts_with("from,segment,from_stop,to_stop,length_m,buses,speed_kmh,"), "{file}");
    assert!(
        file.contains("Trạm <1>,Trạm <2>,51") && hall.run(&["audit"]).contains("file=traffic.csv"),
        "{file}"
    );

    let (mut transit, token) = client(&hall).await;
    let asked = v1::GetSegmentDayRequest { segment: "nowhere".into(), day: String::new() };
    let refused = transit.get_segment_day(with(&token, asked)).await.unwrap_err();
    assert_eq!(refused.code(), tonic::Code::NotFound);
    let hall = hall.kill_and_start();
    let same = |day: &v1::GetSegmentDayResponse| day.buckets == before.buckets;
    let name = second.segment.clone();
    let again = async || {
        let known = segments(&hall, 0).await.segments.iter().any(|s| s.segment == name);
        if known { day(&hall, &name).await } else { v1::GetSegmentDayResponse::default() }
    };
    until("the same five minutes after a restart", again, same).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn findings_of_buses_are_in_the_list_of_all_events() {
    let (hall, mut pole) = city().await;
    let token = hall.token().await;
    let mut city = CityServiceClient::new(hall.channel().await);
    let list = async |kinds: &[&str], limit, page_token: String| {
        let kinds = kinds.iter().map(ToString::to_string).collect();
        let asked = v1::ListEventsRequest { kinds, limit, page_token, ..Default::default() };
        let mut city = CityServiceClient::new(hall.channel().await);
        city.list_events(with(&token, asked)).await
    };
    let ask = async || list(&["bus_late"], 9, String::new()).await.unwrap().into_inner().events;
    let late = until("a bus that is late", ask, |events: &Vec<_>| !events.is_empty()).await;
    let bus = late[0].bus.as_ref().unwrap();
    assert_eq!(
        (bus.finding.as_str(), bus.vehicle.as_str(), bus.route_name.as_str()),
        ("late", "imei-1", "32")
    );
    assert!(bus.place.is_some() && late[0].event.is_none());

    // Somebody calls for help: it is told live, once, and once more when it is over.
    let mut updates = city.watch_city(with(&token, v1::WatchCityRequest {})).await.unwrap().into_inner();
    let now_ms = SystemClock::new().now().0;
    let mut calls = drive_as("imei-2", now_ms, 90, 1, |_| 450.5);
    if let Some(v1::event::Body::Fix(fix)) = &mut calls[0].body {
        fix.sos = true;
    }
    assert_eq!(pole.send(90, &calls).await, 90);
    let mut told = Vec::new();
    let heard = async {
        while told.len() < 2 {
            let Some(Update::Event(event)) = updates.message().await.unwrap().unwrap().update else {
                continue;
            };
            let Some(bus) = event.bus.filter(|b| b.finding == "sos") else { continue };
            told.push((bus.vehicle, bus.ended_ms.is_some(), event.withdrawn));
            if told.len() == 1 {
                let over = drive_as("imei-2", now_ms + 1_000, 91, 1, |_| 451.0);
                pole.send(91, &over).await;
            }
        }
    };
    tokio::time::timeout(2 * SOON, heard).await.expect("the call is told");
    assert_eq!(told, [("imei-2".to_owned(), false, false), ("imei-2".to_owned(), true, false)]);

    // Page after page it is the same list, whatever is mixed in it.
    let kinds = ["line_crossing", "rule", "bus_late", "bus_sos", "bus_bunching", "fix"];
    let whole = list(&kinds, 500, String::new()).await.unwrap().into_inner();
    let at =
        |e: &v1::StoredEvent| e.event.as_ref().map_or_else(|| e.bus.as_ref().unwrap().began_ms, |e| e.at_ms);
    assert!(whole.events.windows(2).all(|w| at(&w[0]) >= at(&w[1])), "newest first");
    assert!(whole.events.iter().filter(|e| e.bus.is_some()).count() >= 2 && whole.next_page_token.is_empty());
    let (mut read, mut next) = (Vec::new(), String::new());
    loop {
        let page = list(&kinds, 7, next).await.unwrap().into_inner();
        read.extend(page.events);
        next = page.next_page_token;
        if next.is_empty() {
            break;
        }
    }
    let names = |events: &[v1::StoredEvent]| -> Vec<String> {
        let name = |e: &v1::StoredEvent| {
            e.bus.as_ref().map_or_else(|| e.event.as_ref().unwrap().seq.to_string(), |b| b.name.clone())
        };
        events.iter().map(name).collect()
    };
    assert_eq!(names(&read), names(&whole.events));
    let refused = list(&["bus_flying"], 1, String::new()).await.unwrap_err();
    assert!(refused.message().contains("bus_off_route"), "{}", refused.message());
}
