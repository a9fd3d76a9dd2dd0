//! What became of a bus's day is kept, replaced as a whole, read by parts, and forgotten.

use models_domain::event::Phase;
use models_domain::geo::LatLon;
use models_domain::transit::finding::{Finding, TransitEvent};
use models_domain::transit::headway::Line;
use models_domain::transit::passing::Passing;
use models_domain::transit::timetable::RunKey;
use models_domain::{DurationMs, UtcMillis, VehicleId};
use time::macros::date;

use super::open;
use crate::{BusEvent, BusEventFilter, BusKey, BusNews, PassingFilter, Span, Store, Whole};

fn passing(vehicle: &str, call: usize, at_s: i64) -> Passing {
    Passing {
        vehicle: vehicle.parse().unwrap(),
        feed: "xe".into(),
        route: "32".into(),
        direction: Some(1),
        run: RunKey { date: date!(2026 - 03 - 02), trip: "t".into(), start_s: None },
        call,
        stop: format!("s{call}").as_str().into(),
        at: UtcMillis(at_s * 1000),
        due: UtcMillis(at_s * 1000 - 30_000),
        headway: (call == 1).then_some(DurationMs(600_000)),
        gap: DurationMs(15_000),
    }
}

fn late(phase: Phase, began_s: i64, at_s: i64) -> BusEvent {
    let run = RunKey { date: date!(2026 - 03 - 02), trip: "t".into(), start_s: Some(600) };
    let event = TransitEvent {
        finding: Finding::Late,
        phase,
        began: UtcMillis(began_s * 1000),
        at: UtcMillis(at_s * 1000),
        vehicle: Some("bus-1".parse().unwrap()),
        place: Some(LatLon::new(21.0, 105.8)),
        run: Some(("xe".into(), run)),
        stop: None,
        value: Some(400.0),
    };
    BusEvent { event, line: Some(Line { feed: "xe".into(), route: "32".into(), direction: None }) }
}

fn whole(from: i64, to: i64, over: bool) -> Option<Whole> {
    let span = Span { from: UtcMillis(from), to: UtcMillis(to) };
    Some(Whole { vehicle: "bus-1".parse().unwrap(), span, over, again: false })
}

async fn all(store: &Store) -> Vec<Passing> {
    store.passings(&PassingFilter::default(), 100).await.unwrap()
}

#[tokio::test]
async fn a_day_is_kept_and_written_again_as_a_whole() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let told =
        |whole, passings: &[Passing]| BusNews { whole, passings: passings.to_vec(), ..BusNews::default() };
    let (a, b) = (passing("bus-1", 0, 100), passing("bus-1", 1, 160));
    store
        .keep_bus_news(&[told(None, std::slice::from_ref(&a)), told(None, std::slice::from_ref(&b))])
        .await
        .unwrap();
    store.keep_bus_news(&[told(None, std::slice::from_ref(&b))]).await.unwrap();
    let other = passing("bus-2", 0, 130);
    store.keep_bus_news(&[told(None, std::slice::from_ref(&other))]).await.unwrap();
    assert_eq!(all(&store).await, [a.clone(), other.clone(), b]);
    // A late report has moved the second stop; what was before that day stays.
    let moved = passing("bus-1", 1, 150);
    let whole = whole(120_000, 170_000, false);
    store.keep_bus_news(&[told(whole, std::slice::from_ref(&moved))]).await.unwrap();
    assert_eq!(all(&store).await, [a.clone(), other, moved.clone()]);
    let filter = PassingFilter { vehicle: Some("bus-1".parse().unwrap()), ..PassingFilter::default() };
    assert_eq!(store.passings(&filter, 1).await.unwrap(), std::slice::from_ref(&a));
    let none = PassingFilter { days: Some((date!(2026 - 03 - 03), date!(2026 - 03 - 04))), ..filter };
    assert_eq!(store.passings(&none, 9).await.unwrap(), []);

    let end = UtcMillis(1_000_000);
    let mut read = Vec::new();
    let mut place = (UtcMillis(0), 0);
    while let Some((page, next)) = store.passings_page(place, end, 2).await.unwrap() {
        read.extend(page);
        place = next;
    }
    assert_eq!(read, all(&store).await);
    assert_eq!(store.passings_back(end, 1).await.unwrap(), UtcMillis(130_000));
    assert_eq!(store.passings_back(end, 9).await.unwrap(), UtcMillis(0));
    assert_eq!(store.forget_bus_days(UtcMillis(140_000), UtcMillis(0)).await.unwrap(), 2);
    assert_eq!(all(&store).await, [moved]);
    store.close().await;
}

#[tokio::test]
async fn what_was_thought_of_buses_is_forgotten_before_what_they_did() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let kept = passing("bus-1", 0, 100);
    let told = |from, claims: &str, passings| BusNews {
        whole: whole(from, from + 86_400_000, true),
        claims: Some(claims.to_owned()),
        passings,
        ..BusNews::default()
    };
    let news = [told(0, "old", vec![kept.clone()]), told(86_400_000, "new", Vec::new())];
    store.keep_bus_news(&news).await.unwrap();
    assert_eq!(store.forget_bus_days(UtcMillis(0), UtcMillis(86_400_000)).await.unwrap(), 1);
    let claims = async |from| {
        let span = Span { from: UtcMillis(from), to: UtcMillis(from + 86_400_000) };
        store.bus_claims(span).await.unwrap()
    };
    assert_eq!(claims(0).await, []);
    assert_eq!(claims(86_400_000).await, [("bus-1".parse::<VehicleId>().unwrap(), "new".to_owned())]);
    assert_eq!(all(&store).await, [kept]);
    store.close().await;
}

#[tokio::test]
async fn a_finding_is_one_row_that_ends() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let told = |events| [BusNews { events, ..BusNews::default() }];
    store.keep_bus_news(&told(vec![late(Phase::Begun, 10, 70)])).await.unwrap();
    let open_ones = BusEventFilter { open: true, ..BusEventFilter::default() };
    let rows = store.bus_events(&open_ones, 9).await.unwrap();
    assert_eq!(rows.len(), 1);
    assert_eq!(rows[0].event, late(Phase::Begun, 10, 70).event);
    assert_eq!(rows[0].line, late(Phase::Begun, 10, 70).line);
    for (finding, rows) in [(Finding::Late, 1), (Finding::Bunching, 0)] {
        let kind = BusEventFilter { finding: Some(finding), ..open_ones.clone() };
        assert_eq!(store.bus_events(&kind, 9).await.unwrap().len(), rows);
    }
    store.keep_bus_news(&told(vec![late(Phase::Ended, 10, 300)])).await.unwrap();
    assert_eq!(store.bus_events(&open_ones, 9).await.unwrap(), []);
    let span = Some((UtcMillis(10_000), UtcMillis(10_001)));
    let kept = BusEventFilter { span, route: Some("32".into()), ..BusEventFilter::default() };
    let rows = store.bus_events(&kept, 9).await.unwrap();
    assert_eq!((rows.len(), rows[0].ended), (1, Some(UtcMillis(300_000))));
    let other = BusEventFilter { route: Some("33".into()), ..BusEventFilter::default() };
    assert_eq!(store.bus_events(&other, 9).await.unwrap(), []);
    store.close().await;
}

#[tokio::test]
async fn findings_are_listed_by_kind_a_page_after_a_page() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let found = |finding, vehicle: &str, began_s| {
        let mut kept = late(Phase::Moment, began_s, began_s);
        (kept.event.finding, kept.event.vehicle) = (finding, Some(vehicle.parse().unwrap()));
        kept
    };
    // Two of one moment, kinds mixed, written out of order.
    let all = [
        found(Finding::Sos, "bus-1", 20),
        found(Finding::Late, "bus-2", 20),
        found(Finding::Late, "bus-1", 20),
        found(Finding::Overspeed, "bus-1", 10),
        found(Finding::Sos, "bus-3", 40),
        found(Finding::Late, "bus-9", 30),
    ];
    store.keep_bus_news(&[BusNews { events: all.to_vec(), ..BusNews::default() }]).await.unwrap();
    let kinds = [Finding::Sos, Finding::Late, Finding::Overspeed];
    let mut want: Vec<BusKey> = all.iter().map(BusKey::of).collect();
    want.sort_by(|a, b| b.cmp(a));
    for limit in 1..8 {
        let (mut read, mut at, mut name) = (Vec::new(), UtcMillis(i64::MAX), None::<String>);
        loop {
            let page = store.list_bus_events(&kinds, (at, name.as_deref()), limit).await.unwrap();
            let Some((last, _)) = page.last() else { break };
            (at, name) = (last.at, Some(last.name.clone()));
            read.extend(page.into_iter().map(|(key, _)| key));
        }
        assert_eq!(read, want, "{limit} a page");
    }
    let sos = store.list_bus_events(&[Finding::Sos], (UtcMillis(39_999), None), 9).await.unwrap();
    assert_eq!(sos.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>(), [BusKey::of(&all[0])]);
    assert_eq!(sos[0].1.event.vehicle, all[0].event.vehicle);
    store.close().await;
}

#[tokio::test]
async fn a_day_made_anew_takes_back_that_its_run_was_missing() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let missing = |trip: &str| {
        let mut told = late(Phase::Begun, 90, 400);
        told.event.finding = Finding::RunMissing;
        told.event.vehicle = None;
        told.event.run =
            Some(("xe".into(), RunKey { date: date!(2026 - 03 - 02), trip: trip.into(), start_s: None }));
        told
    };
    // What was to set out days before is nothing of this day, whatever it is called.
    let mut former = missing("t");
    former.event.began = UtcMillis(-2 * 86_400_000);
    let events = vec![missing("t"), missing("other"), former, late(Phase::Begun, 95, 400)];
    store.keep_bus_news(&[BusNews { events, ..BusNews::default() }]).await.unwrap();
    // It is withdrawn once, and leaves a trace.
    let rounds = [
        (false, vec!["other", "t", "t"], vec![]),
        (true, vec!["other", "t"], vec![missing("t").event]),
        (true, vec!["other", "t"], vec![]),
    ];
    for (over, left, withdrawn) in rounds {
        let news = BusNews {
            whole: whole(0, 170_000, over),
            passings: vec![passing("bus-1", 0, 100)],
            withdrawn_at: UtcMillis(200_000),
            ..BusNews::default()
        };
        let driven = store.keep_bus_news(&[news]).await.unwrap();
        assert_eq!(driven.into_iter().map(|row| row.event).collect::<Vec<_>>(), withdrawn);
        let rows = store.bus_events(&BusEventFilter::default(), 9).await.unwrap();
        let mut trips: Vec<_> = rows.iter().map(|r| r.event.run.as_ref().unwrap().1.trip.as_str()).collect();
        trips.sort_unstable();
        assert_eq!(trips, left, "what was found of the bus itself is replaced");
    }
    let sql = "SELECT finding, trip, route, began_ms, withdrawn_ms FROM bus_event_withdrawn";
    let traces: Vec<(String, String, String, i64, i64)> =
        sqlx::query_as(sql).fetch_all(store.readers()).await.unwrap();
    assert_eq!(traces, [("run_missing".to_owned(), "t".to_owned(), "32".to_owned(), 90_000, 200_000)]);
    store.close().await;
}

#[tokio::test]
async fn what_never_was_so_is_in_no_list_and_leaves_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let gap = |start_s| {
        let mut told = late(Phase::Begun, 90, 400);
        (told.event.finding, told.event.vehicle) = (Finding::HeadwayGap, None);
        let run = RunKey { date: date!(2026 - 03 - 02), trip: "t".into(), start_s: Some(start_s) };
        (told.event.run, told.event.stop) = (Some(("xe".into(), run)), Some("s0".into()));
        told
    };
    let events = vec![gap(600), gap(1_200), late(Phase::Begun, 90, 400)];
    store.keep_bus_news(&[BusNews { events, ..BusNews::default() }]).await.unwrap();
    // It is withdrawn as it was told, and another one may begin with that.
    let withdrawn_at = UtcMillis(200_000);
    let (withdrawn, events) = (vec![gap(600)], vec![gap(1_800)]);
    let news = BusNews { withdrawn, withdrawn_at, events, ..BusNews::default() };
    assert_eq!(news.rows(), 2);
    store.keep_bus_news(&[news]).await.unwrap();
    let rows = store.bus_events(&BusEventFilter::default(), 9).await.unwrap();
    let mut left: Vec<_> =
        rows.iter().map(|r| (r.event.finding, r.event.run.as_ref().unwrap().1.start_s)).collect();
    left.sort_unstable();
    let asked = gap(600).event;
    let gap = |start_s| (Finding::HeadwayGap, Some(start_s));
    assert_eq!(left, [(Finding::Late, Some(600)), gap(1_200), gap(1_800)]);
    // What it was can be looked up, as long as findings are kept.
    let traces = async || -> Vec<(String, i32, i64, Option<i64>, i64)> {
        let sql = "SELECT finding, start_s, began_ms, ended_ms, withdrawn_ms FROM bus_event_withdrawn";
        sqlx::query_as(sql).fetch_all(store.readers()).await.unwrap()
    };
    assert_eq!(traces().await, [("headway_gap".to_owned(), 600, 90_000, None, 200_000)]);
    for (finding, from, to, since, found) in [
        (Finding::HeadwayGap, 90_000, 90_001, 200_000, 1),
        (Finding::HeadwayGap, 90_000, 90_001, 200_001, 0),
        (Finding::HeadwayGap, 90_001, 90_002, 0, 0),
        (Finding::Bunching, 0, 90_001, 0, 0),
    ] {
        let span = Span { from: UtcMillis(from), to: UtcMillis(to) };
        let rows = store.withdrawn_open(finding, span, UtcMillis(since), 9).await.unwrap();
        assert_eq!(rows.len(), found, "{finding:?} from {from}, since {since}");
        assert!(rows.iter().all(|row| row.event == asked && row.ended.is_none()), "{rows:?}");
    }
    assert_eq!(store.forget_bus_days(UtcMillis(90_000), UtcMillis(0)).await.unwrap(), 0);
    assert_eq!(traces().await.len(), 1);
    assert_eq!(store.forget_bus_days(UtcMillis(90_001), UtcMillis(0)).await.unwrap(), 4);
    assert_eq!(traces().await, []);
    store.close().await;
}
