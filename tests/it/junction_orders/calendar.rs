//! A junction that follows a calendar, with real programs: its plan is ordered and read back, gives way to people and to emergency
//! vehicles, outlives a restart of the hall without a second order, and a plan that is not there is not
//! asked for every second. A corridor's junctions have plans of their own at the same time.

use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use v1::SignalCalendarState as S;
use v1::SignalWish as W;

use super::hall::{Hall, Person};
use super::street::{WAIT, start_pole, start_street};

const MINUTE: i64 = 60_000;

/// Clocks are five hours and a half behind UTC here: plan 2 until `from_min + 3`, then for two minutes one that the controller has
/// not, by the minutes of UTC.
fn configuration(from_min: i64) -> String {
    let time = |minute: i64| {
        let local = (from_min + minute - 330).rem_euclid(24 * 60);
        format!("{:02}:{:02}", local / 60, local % 60)
    };
    let entry = |from: i64, to: i64, plan: u8| {
        let (from, to) = (time(from), time(to));
        format!("[[calendar.entry]]\ndays = \"every_day\"\nfrom = \"{from}\"\nto = \"{to}\"\nplan = {plan}\n")
    };
    "[[area]]\nid = \"ba-dinh\"\nname = \"Ba Đình\"\njunctions = [\"a\"]\n\
     [[corridor]]\nid = \"ab\"\nname = \"A – B\"\nspeed_kmh = 36\n\
     [[corridor.junction]]\nid = \"a\"\nat_m = 0\nout = 2\nback = 2\n\
     [[corridor.junction]]\nid = \"b\"\nat_m = 200\nout = 2\nback = 2\n\
     [[calendar]]\nid = \"peak\"\nname = \"Giờ cao điểm\"\nareas = [\"ba-dinh\"]\n"
        .to_owned()
        + &entry(-1, 3, 2)
        + &entry(3, 5, 9)
}

impl Person<'_> {
    async fn calendar(&self) -> v1::SignalCalendar {
        self.calendar_of("a").await
    }

    async fn calendar_of(&self, junction: &str) -> v1::SignalCalendar {
        let asked = self.with(v1::GetCalendarRequest { junction: junction.into() });
        self.calls().get_calendar(asked).await.unwrap().into_inner().calendar.unwrap()
    }

    async fn until_calendar(
        &self,
        what: &str,
        reached: impl Fn(&v1::SignalCalendar) -> bool,
    ) -> v1::SignalCalendar {
        // An entry may have to end before.
        let until = tokio::time::Instant::now() + WAIT + 3 * WAIT;
        loop {
            let now = self.calendar().await;
            if reached(&now) {
                return now;
            }
            assert!(tokio::time::Instant::now() < until, "{what}: {now:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    async fn followed(&self) -> v1::SignalCalendar {
        self.until_calendar("followed", |now| now.state() == S::Followed && now.plan == Some(2)).await
    }

    /// The calendar's own, newest first.
    async fn its_orders(&self) -> Vec<v1::SignalOrderRow> {
        let asked = self.with(v1::ListOrdersRequest { junction: "a".into(), ..Default::default() });
        let rows = self.calls().list_orders(asked).await.unwrap().into_inner().orders;
        rows.into_iter().filter(|row| row.asked_by == "calendar:peak").collect()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_junction_follows_its_calendar() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let from_min = SystemClock::new().now().0 / MINUTE;
    let ends_ms = (from_min + 3) * MINUTE;
    let more = configuration(from_min);
    let (hall, password) = Hall::start_in(dir, "utc_offset = \"-05:30\"", &more).await;
    let password = password.unwrap();
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "certificates"]);
    let refused = hall.fail(&["add-user", "--user", "calendar:peak"]);
    assert!(refused.contains("must not begin with \"calendar:\""), "{refused}");
    for ours in ["the command line", "all who look"] {
        let refused = hall.fail(&["add-user", "--user", ours]);
        assert!(refused.contains("must not be"), "{refused}");
    }
    let rsmp = free_address();
    let _pole = start_pole(dir, &hall.bus, &rsmp, "certificates");
    let _street = start_street(dir, &rsmp);
    let admin = hall.sign_in("admin", &password).await;

    // Ordered, read back, and said where and why.
    let now = admin.followed().await;
    assert_eq!((now.until_ms, now.next_plan, now.id.as_str()), (ends_ms, Some(9), "peak"));
    admin.until_now("plan 2", |now| now.plan == Some(2) && now.plan_forced == Some(true)).await;
    let rows = admin.its_orders().await;
    assert_eq!((rows.len(), rows[0].state.as_str()), (1, "done"));
    assert!(rows[0].purpose.starts_with("Giờ cao điểm: entry 1, "), "{rows:?}");
    // Until the next entry is under way.
    let beyond_ms = rows[0].ends_ms - ends_ms - MINUTE;
    assert!((0..5_000).contains(&beyond_ms), "{beyond_ms} ms: {rows:?}");

    // Killed, and back before the pole gives the junction back: the order goes on, and there is no second one.
    let token = admin.token.clone();
    let hall = hall.kill_and_start(Duration::from_secs(1)).await;
    let admin = hall.person(token);
    admin.followed().await;
    assert_eq!(admin.its_orders().await.len(), 1);

    people_come_first(&admin).await;
    emergencies_come_first(&admin).await;

    // A person gives the junction back to itself: so it stays until the next entry.
    let own = admin.ask(W::OwnPlan, 0).await.unwrap();
    let now = admin.until_calendar("taken back", |now| now.why == "taken_back").await;
    assert!(now.why_ms >= own.sent_ms && now.plan == Some(2), "{now:?}");
    admin.on_its_own_plan().await;
    let before = admin.its_orders().await.len();

    // That one is of a plan which is not there: refused with the reason, and tried again later and later.
    let now = admin.until_calendar("refused", |now| now.plan == Some(9) && now.why == "failed").await;
    assert!(now.detail.contains("the junction has no plan 9"), "{now:?}");
    tokio::time::sleep(Duration::from_secs(15)).await;
    let rows = admin.its_orders().await;
    assert!((1..=2).contains(&(rows.len() - before)), "{rows:#?}");
    assert!(rows[0].state == "refused" && rows[0].detail.contains("no plan 9"), "{rows:?}");
    admin.on_its_own_plan().await;

    let audit = hall.run(&["audit"]);
    for words in [
        "\"user\":\"calendar:peak\",\"action\":\"signal_order_sent\",\"purpose\":\"Giờ cao điểm: entry 1, ",
        "\"user\":\"calendar:peak\",\"action\":\"signal_order_outcome\",\"purpose\":\"Giờ cao điểm: entry 1, ",
        "done mode normal, plan 2 (ordered)",
        "refused the junction has no plan 9",
    ] {
        assert!(audit.contains(words), "{words} is not in {audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corridor_follows_one_calendar_with_a_plan_for_each_junction() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let more = "[[corridor]]\nid = \"ab\"\nname = \"A – B\"\nspeed_kmh = 36\n\
                [[corridor.junction]]\nid = \"a\"\nat_m = 0\nout = 2\nback = 2\n\
                [[corridor.junction]]\nid = \"b\"\nat_m = 200\nout = 2\nback = 2\n\
                [[calendar]]\nid = \"peak\"\nname = \"Giờ cao điểm\"\ncorridors = [\"ab\"]\n\
                [[calendar.entry]]\ndays = \"every_day\"\nfrom = \"00:00\"\nto = \"24:00\"\n\
                plan = 3\nplans = { a = 2 }\n";
    let (hall, password) = Hall::start_in(dir, "", more).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "certificates"]);
    let rsmp = free_address();
    let _pole = start_pole(dir, &hall.bus, &rsmp, "certificates");
    let _street = start_street(dir, &rsmp);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    admin.followed().await;
    admin.until_now("plan 2", |now| now.plan == Some(2) && now.plan_forced == Some(true)).await;
    // Of the other no gateway has told: it is in the calendar by its corridor, with the plan of all.
    let other = admin.calendar_of("b").await;
    assert_eq!((other.id.as_str(), other.plan, other.why.as_str()), ("peak", Some(3), "not_heard_of"));
    // The first keeps its plan, and says that there is no green wave.
    let now = admin.until_calendar("the broken wave", |now| now.why == "wave_broken").await;
    assert_eq!((now.state(), now.plan, now.detail.as_str()), (S::Followed, Some(2), "b"));
}

async fn people_come_first(admin: &Person<'_>) {
    let plan = v1::SignalWanted { wish: W::Plan.into(), plan: 1, groups: Vec::new() };
    let theirs = v1::RequestOrderRequest {
        junction: "a".into(),
        wanted: Some(plan),
        hold_ms: 12_000,
        patience_ms: 0,
        purpose: "thử nghiệm".into(),
    };
    let theirs = admin.ask_for(theirs).await.unwrap();
    let now = admin.until_calendar("a person's order", |now| now.why == "other_order").await;
    assert_eq!((now.detail.as_str(), now.why_ms), ("admin", theirs.ends_ms));
    admin.until(theirs.id, "ended").await;
    assert_eq!(admin.row(theirs.id).await.detail, "expiry", "nothing of the calendar came in between");
    admin.followed().await;
    assert_eq!(admin.its_orders().await.len(), 2);
}

async fn emergencies_come_first(admin: &Person<'_>) {
    let asked = v1::StartEmergencyRequest {
        corridor: "ab".into(),
        to: "a".into(),
        speed_kmh: 36.0,
        before_m: 100.0,
        purpose: "xe cấp cứu 115".into(),
        ..Default::default()
    };
    let run = admin.calls().start_emergency(admin.with(asked)).await.unwrap().into_inner();
    let now = admin.until_calendar("an emergency", |now| !now.why.is_empty()).await;
    assert!(matches!(now.why.as_str(), "emergency" | "other_order"), "{now:?}");
    let ended = admin.with(v1::EndEmergencyRequest { id: run.id });
    admin.calls().end_emergency(ended).await.unwrap();
    admin.followed().await;
}
