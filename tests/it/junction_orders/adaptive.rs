//! Adaptive control that orders, with real programs: counts and lamps come over RSMP, and where one street is full its green is held
//! beyond the plan's and given back within bounds; nothing is ordered while a detector is out, nor while a person's order stands. A pole
//! that is killed and an emergency run that begins while a green is held.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};
use v1::SignalWish as W;

use super::hall::{Hall, Person};
use super::street::{WAIT, run_pole};

/// The plan's greens, in seconds, and by how much the first may be longer.
const GREENS_S: [i64; 2] = [8, 4];
const STRETCH_S: i64 = 8;

/// Group 1 against 2. A fault of the first detector lasts from the begin for as long as it takes to see three cycles of 16 s; what is
/// ordered begins after the shortest warm-up, two minutes.
const STREET: &str = r#"
reconnect_s = 0.3
watchdog_s = 60.0
acknowledgement_s = 20.0
speed = 1.0
alarm_every_s = EVERY
alarm_lasts_s = 85.0

[[site]]
junction = "a"
site_id = "HN+A"
component = "HN+A=001TC000"
offset_s = 0
yellow_s = 1
all_red_s = 1
walk_clear_s = 1
groups = ["vehicle", "vehicle"]
stages = [{ green_s = 8, groups = [1] }, { green_s = 4, groups = [2] }]
detectors = 5
"#;

fn pole(hall: &str, rsmp: &str) -> String {
    let group = |n: u8| {
        format!("{{ component = \"HN+A=001SG00{n}\", green_min_s = 3, clearance_s = 1, red_max_s = 60 }}")
    };
    format!(
        "[gateway]\nid = \"edge-street\"\ndata_dir = \"pole\"\n[hall]\nconnect = \"{hall}\"\nca = \"c/ca.pem\"\n\
         certificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n[signals]\nlisten = \"{rsmp}\"\ncounts_s = 3\n\
         [[signals.site]]\nsite_id = \"HN+A\"\ncomponent = \"HN+A=001TC000\"\njunction = \"a\"\nname = \"A\"\n\
         position = [21.02, 105.85]\nplans = [1]\nsecurity_code = \"2222\"\ngroup = [{}, {}]\n\
         conflict = [{{ groups = [1], with = [2], intergreen_s = 2 }}]\n",
        group(1),
        group(2)
    )
}

/// Four times the traffic before the first stage, and more than its green lets pass.
const STEERED: &str = "[[advice]]\njunction = \"a\"\nwarm_up_s = 120\n\
    [advice.steer]\nstretch_max_s = 8\nahead_s = 4\nexits = \"unknown\"\n\
    [[advice.stage]]\ngroups = [1]\ngreen_s = 8\ngreen_min_s = 3\ngreen_max_s = 50\n\
    [[advice.stage]]\ngroups = [2]\ngreen_s = 4\ngreen_min_s = 3\ngreen_max_s = 50\n\
    [[advice.approach]]\nname = \"Phố đông\"\ngroups = [1]\nlanes = 2\ndetectors = [1, 2, 3, 4]\n\
    [[advice.approach]]\nname = \"Phố vắng\"\ngroups = [2]\nlanes = 1\ndetectors = [5]\n";

/// The same, with greens that are held for long.
fn long(more: &str) -> String {
    STEERED.replace("stretch_max_s = 8", "stretch_max_s = 20") + more
}

/// A way for the fire engine by the empty street; of its second junction nobody has heard.
const WAY: &str = "[[emergency_route]]\nid = \"way\"\nname = \"A – B\"\n\
    [[emergency_route.junction]]\nid = \"a\"\nat_m = 0\ngroup = 2\n\
    [[emergency_route.junction]]\nid = \"b\"\nat_m = 400\ngroup = 1\n";

/// The first detector's fault has just begun.
fn start_street(dir: &Path, rsmp: &str) -> Running {
    let shift_s: i64 = "HN+A".bytes().map(i64::from).sum::<i64>() * 7;
    let at_s = SystemClock::new().now().0 / 1_000 + shift_s;
    // An even number of turns, of ten minutes or hardly more, was over a second ago.
    let turns = at_s / 1_200 * 2;
    let every_s = (at_s - 1) as f64 / turns as f64;
    fs::write(dir.join("street.toml"), STREET.replace("EVERY", &every_s.to_string())).unwrap();
    let mut command = Command::new(program("signal-simulator"));
    let mut street =
        Running::start(command.args(["--config", "street.toml", "--connect", rsmp]).current_dir(dir));
    street.line_with(WAIT, |line| line.contains("ready"));
    street
}

/// What is said and done at the junction, as soon as it is as wanted.
pub async fn until(
    person: &Person<'_>,
    what: &str,
    reached: impl Fn(&v1::SignalAdvice, &v1::SignalSteering) -> bool,
) -> (v1::SignalAdvice, v1::SignalSteering) {
    let until = tokio::time::Instant::now() + 2 * WAIT;
    loop {
        let asked = person.with(v1::GetAdviceRequest { junction: "a".into() });
        let advice = person.calls().get_advice(asked).await.unwrap().into_inner().advice.unwrap();
        let steering = advice.steering.clone().unwrap();
        if reached(&advice, &steering) {
            return (advice, steering);
        }
        assert!(tokio::time::Instant::now() < until, "{what}: {advice:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Its orders, newest first.
pub async fn orders(person: &Person<'_>) -> Vec<v1::SignalOrderRow> {
    let asked =
        person.with(v1::ListOrdersRequest { junction: "a".into(), adaptive: true, ..Default::default() });
    let rows = person.calls().list_orders(asked).await.unwrap().into_inner().orders;
    rows.into_iter().filter(|row| row.asked_by == "adaptive:a").collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_street_s_green_is_held_and_given_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start_in(dir, "", STEERED).await;
    let refused = hall.fail(&["add-user", "--user", "adaptive:a"]);
    assert!(refused.contains("must not begin with \"adaptive:\""), "{refused}");
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let rsmp = free_address();
    let _pole = run_pole(dir, &pole(&hall.bus, &rsmp));
    let _street = start_street(dir, &rsmp);

    // The plan's own greens are known; a detector is out: nothing is ordered.
    let known = |steering: &v1::SignalSteering| steering.stages.iter().all(|stage| stage.plan_ms > 0);
    let (_, now) = until(&admin, "the plan", |advice, now| advice.why == "failed" && known(now)).await;
    assert_eq!((now.state.as_str(), now.why.as_str(), now.detail.as_str()), ("follows", "silent", "failed"));
    for (stage, green_s) in now.stages.iter().zip(GREENS_S) {
        assert!((stage.plan_ms - green_s * 1_000).abs() < 1_500, "{:?}", now.stages);
    }
    assert!(now.orders == 0 && orders(&admin).await.is_empty(), "{now:?}");

    // It is back: the full street's green is held beyond the plan's.
    let (_, now) = until(&admin, "an order", |_, now| now.state == "ordered").await;
    assert_eq!((now.kind.as_str(), now.stage), ("hold", 1), "{now:?}");
    let first = now.order;
    let done = admin.until(first, "done").await;
    assert!(done.detail.ends_with("green 1"), "{done:?}");
    assert!(done.purpose.starts_with("adaptive control: hold stage 1 for "), "{done:?}");
    assert!(done.ends_ms - done.sent_ms <= STRETCH_S * 1_000, "{done:?}");
    // By its time, or because it was enough; and the plan goes on.
    let ended = admin.until(first, "ended").await;
    assert!(matches!(ended.detail.as_str(), "expiry" | "order"), "{ended:?}");
    admin.on_its_own_plan().await;
    let (_, now) = until(&admin, "a longer green", |_, now| now.stages[0].held_times >= 1).await;
    // Both begin and end of a green are seen to a second.
    let held_ms = now.stages[0].held_ms;
    assert!((1_500..=STRETCH_S * 1_000 + 1_500).contains(&held_ms), "{now:?}");
    println!("held {held_ms} ms beyond the plan's {} ms", now.stages[0].plan_ms);

    // A person's order takes the junction at once, and nothing is ordered while it stands.
    let wanted = v1::SignalWanted { wish: W::Plan.into(), plan: 1, groups: Vec::new() };
    let theirs = v1::RequestOrderRequest {
        junction: "a".into(),
        wanted: Some(wanted),
        hold_ms: 600_000,
        patience_ms: 0,
        purpose: "thử nghiệm".into(),
    };
    let theirs = admin.ask_for(theirs).await.unwrap();
    admin.until(theirs.id, "done").await;
    let (_, now) = until(&admin, "to give way", |_, now| now.why == "other_order").await;
    assert_eq!((now.state.as_str(), now.detail.as_str()), ("follows", "admin"));
    let before = orders(&admin).await.len();
    // The moment at which it would be held comes and goes.
    until(&admin, "the other stage", |advice, _| advice.stage == 2).await;
    let (_, now) =
        until(&admin, "the full street", |advice, _| advice.stage == 1 && advice.age_ms >= 6_000).await;
    assert_eq!((now.state.as_str(), now.why.as_str()), ("follows", "other_order"));
    assert_eq!(orders(&admin).await.len(), before);

    // One line for each of its orders, and none where they are left out.
    let audit = hall.run(&["audit"]);
    let of = |id: u64| format!("\"what\":\"order {id}: junction=a wish=groups 1 hold_s=");
    let lines: Vec<&str> = audit.lines().filter(|line| line.contains(&of(first))).collect();
    let words = "\"user\":\"adaptive:a\",\"action\":\"signal_order_outcome\",\"purpose\":\"adaptive control: hold stage 1";
    assert!(lines.len() == 1 && lines[0].contains(words), "{lines:?}");
    assert!(!hall.run(&["audit", "--but-adaptive"]).contains("adaptive:a"));
}

/// A hall that steers, its pole and its street; the password of its first user.
async fn world(dir: &Path, steered: &str) -> (Hall, String, Running, Running) {
    let (hall, password) = Hall::start_in(dir, "", steered).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let rsmp = free_address();
    let pole = run_pole(dir, &pole(&hall.bus, &rsmp));
    let street = start_street(dir, &rsmp);
    (hall, password.unwrap(), pole, street)
}

fn plan_is_known(steering: &v1::SignalSteering) -> bool {
    !steering.stages.is_empty() && steering.stages.iter().all(|stage| stage.plan_ms > 0)
}

/// Waits until the full street's green is held, for some seconds more.
async fn held(person: &Person<'_>) -> u64 {
    until(person, "the plan", |_, now| plan_is_known(now)).await;
    let (_, now) = until(person, "an order", |_, now| now.state == "ordered").await;
    assert_eq!((now.kind.as_str(), now.stage), ("hold", 1), "{now:?}");
    person.until(now.order, "done").await;
    now.order
}

#[tokio::test(flavor = "multi_thread")]
async fn a_pole_that_is_killed_lets_go_of_a_held_green_when_it_comes_back() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password, mut pole, _street) = world(dir, &long("")).await;
    let admin = hall.sign_in("admin", &password).await;
    let first = held(&admin).await;
    pole.kill();
    let configuration = fs::read_to_string(dir.join("pole.toml")).unwrap();
    let _pole = run_pole(dir, &configuration);
    // What was in force ends with the start, whatever the hall thinks of it.
    let ended = admin.until(first, "ended").await;
    assert_eq!(ended.detail, "restart", "{ended:?}");
    admin.on_its_own_plan().await;
    // Nobody gave it up for good: it watches the plan, and will go on from there.
    let (_, now) =
        until(&admin, "the plan again", |_, now| now.state != "gives_back" && plan_is_known(now)).await;
    assert_ne!(now.why, "stopped", "{now:?}");
    assert!(hall.run(&["audit"]).contains("ended restart"), "it is not in the audit");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_run_takes_the_junction_from_a_held_green() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password, _pole, _street) = world(dir, &long(WAY)).await;
    let admin = hall.sign_in("admin", &password).await;
    let first = held(&admin).await;
    let asked = v1::StartEmergencyRequest {
        corridor: "way".into(),
        to: "a".into(),
        speed_kmh: 36.0,
        before_m: 300.0,
        purpose: "xe chữa cháy 114".into(),
        ..Default::default()
    };
    let run = admin.calls().start_emergency(admin.with(asked)).await.unwrap().into_inner();

    // It gives way at once, by itself or since the run's order took the place, and says to whom.
    let ended = admin.until(first, "ended").await;
    assert_eq!(ended.detail, "order", "{ended:?}");
    let (_, now) = until(&admin, "to give way", |_, now| now.why == "emergency").await;
    assert_eq!(now.state, "follows", "{now:?}");
    let before = orders(&admin).await.len();

    // The other street is green for it, and stays so.
    let green = until_green(&admin).await;
    assert!(green.detail.ends_with("green 2"), "{green:?}");
    assert_eq!(orders(&admin).await.len(), before, "nothing of it comes in between");
    admin.calls().end_emergency(admin.with(v1::EndEmergencyRequest { id: run.id })).await.unwrap();
    admin.until(green.id, "ended").await;
    admin.on_its_own_plan().await;
}

/// Waits until the run's order is done.
async fn until_green(person: &Person<'_>) -> v1::SignalOrderRow {
    let until = tokio::time::Instant::now() + WAIT;
    loop {
        let asked = person.with(v1::ListOrdersRequest { junction: "a".into(), ..Default::default() });
        let rows = person.calls().list_orders(asked).await.unwrap().into_inner().orders;
        let done = rows.iter().find(|row| row.purpose.starts_with("emergency ") && row.state == "done");
        if let Some(done) = done {
            return done.clone();
        }
        assert!(tokio::time::Instant::now() < until, "the run has no green: {rows:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}
