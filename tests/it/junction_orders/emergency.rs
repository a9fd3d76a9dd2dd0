//! An ambulance along two junctions: both are green for it in time, each is on its own plan again behind it, and it is all in the
//! audit. A tracker that says where it is moves it on; who has no right begins nothing. A way that turns is driven by the turn's group.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Code, Status};
use v1::EmergencyStopState as S;

use super::hall::{Hall, Person};
use super::street::{WAIT, run_pole};

const CORRIDOR: &str = "[[corridor]]\nid = \"ab\"\nname = \"A – B\"\nspeed_kmh = 36\n\
    [[corridor.junction]]\nid = \"a\"\nat_m = 0\nout = 2\nback = 2\n\
    [[corridor.junction]]\nid = \"b\"\nat_m = 200\nout = 2\nback = 2\n";

/// Along the same two junctions, and at the second into another street.
const TURN: &str = "[[emergency_route]]\nid = \"turn\"\nname = \"A → rẽ ở B\"\n\
    [[emergency_route.junction]]\nid = \"a\"\nat_m = 0\ngroup = 2\n\
    [[emergency_route.junction]]\nid = \"b\"\nat_m = 200\ngroup = 1\n";

/// Group 1 against 2, three times as fast as a street; the ambulance drives by group 2.
fn street() -> String {
    let site = |id: &str| {
        format!(
            "[[site]]\njunction = \"{id}\"\nsite_id = \"HN+{id}\"\ncomponent = \"HN+{id}=001TC000\"\noffset_s = 0\n\
             yellow_s = 3\nall_red_s = 2\nwalk_clear_s = 4\ngroups = [\"vehicle\", \"vehicle\"]\n\
             stages = [{{ green_s = 30, groups = [1] }}, {{ green_s = 6, groups = [2] }}]\n"
        )
    };
    "reconnect_s = 0.3\nwatchdog_s = 60.0\nacknowledgement_s = 20.0\nspeed = 3.0\nalarm_every_s = 0.0\nalarm_lasts_s = 0.0\n"
        .to_owned()
        + &site("A")
        + &site("B")
}

fn pole(hall: &str, rsmp: &str, tracker: &str) -> String {
    let site = |id: &str, junction: &str, lon: f64| {
        let group =
            |n: u8| format!("{{ component = \"HN+{id}=001SG00{n}\", green_min_s = 2, red_max_s = 90 }}");
        format!(
            "[[signals.site]]\nsite_id = \"HN+{id}\"\ncomponent = \"HN+{id}=001TC000\"\njunction = \"{junction}\"\n\
             name = \"{id}\"\nposition = [21.02, {lon}]\nplans = [1]\nsecurity_code = \"2222\"\ngroup = [{}, {}]\n\
             conflict = [{{ groups = [1], with = [2], intergreen_s = 5 }}]\n",
            group(1),
            group(2)
        )
    };
    format!(
        "[gateway]\nid = \"edge-street\"\ndata_dir = \"pole\"\n[hall]\nconnect = \"{hall}\"\nca = \"c/ca.pem\"\n\
         certificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n[buses]\n[[buses.listen]]\nprotocol = \"osmand\"\n\
         address = \"{tracker}\"\n[signals]\nlisten = \"{rsmp}\"\n{}{}",
        site("A", "a", 105.850),
        site("B", "b", 105.852)
    )
}

fn start_street(dir: &Path, rsmp: &str) -> Running {
    fs::write(dir.join("street.toml"), street()).unwrap();
    let mut command = Command::new(program("signal-simulator"));
    let mut street =
        Running::start(command.args(["--config", "street.toml", "--connect", rsmp]).current_dir(dir));
    street.line_with(WAIT, |line| line.contains("ready"));
    street
}

fn asked() -> v1::StartEmergencyRequest {
    v1::StartEmergencyRequest {
        corridor: "ab".into(),
        speed_kmh: 36.0,
        before_m: 200.0,
        purpose: "xe cấp cứu 115".into(),
        ..Default::default()
    }
}

impl Person<'_> {
    async fn start(&self, asked: v1::StartEmergencyRequest) -> Result<v1::EmergencyRun, Status> {
        self.calls().start_emergency(self.with(asked)).await.map(tonic::Response::into_inner)
    }

    async fn advance(&self, id: u64, junction: &str) -> Result<v1::EmergencyRun, Status> {
        let asked = v1::AdvanceEmergencyRequest { id, junction: junction.into() };
        self.calls().advance_emergency(self.with(asked)).await.map(tonic::Response::into_inner)
    }

    async fn end(&self, id: u64) -> Result<v1::EmergencyRun, Status> {
        let asked = self.with(v1::EndEmergencyRequest { id });
        self.calls().end_emergency(asked).await.map(tonic::Response::into_inner)
    }

    async fn junction(&self, junction: &str) -> Result<v1::SignalNow, Status> {
        let asked = self.with(v1::GetJunctionRequest { junction: junction.into() });
        Ok(self.calls().get_junction(asked).await?.into_inner().now.unwrap_or_default())
    }

    /// Waits until the run is as wanted.
    async fn until_run(&self, what: &str, reached: impl Fn(&v1::EmergencyRun) -> bool) -> v1::EmergencyRun {
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            let asked = self.with(v1::ListEmergenciesRequest {});
            let runs = self.calls().list_emergencies(asked).await.unwrap().into_inner().runs;
            if let Some(run) = runs.first().filter(|run| reached(run)) {
                return run.clone();
            }
            assert!(tokio::time::Instant::now() < until, "{what}: {runs:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until both junctions are told.
    async fn until_told(&self) {
        let until = tokio::time::Instant::now() + WAIT;
        while self.junction("a").await.is_err() || self.junction("b").await.is_err() {
            assert!(tokio::time::Instant::now() < until, "the junctions are not told");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }

    /// Waits until a junction is on its own plan, with no order.
    async fn until_own_plan(&self, junction: &str) {
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            let now = self.junction(junction).await.unwrap();
            if now.order == 0 && now.ending.is_empty() {
                return;
            }
            assert!(tokio::time::Instant::now() < until, "{junction}: {now:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// What the ambulance's tracker tells, by OsmAnd's protocol.
async fn tell_place(tracker: &str, lon: f64) {
    let second = SystemClock::new().now().0 / 1_000;
    let mut stream = TcpStream::connect(tracker).await.unwrap();
    let asked =
        format!("GET /?id=amb-1&lat=21.0201&lon={lon}&timestamp={second} HTTP/1.1\r\nhost: pole\r\n\r\n");
    stream.write_all(asked.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"HTTP/1.1 200");
}

fn states(run: &v1::EmergencyRun) -> Vec<S> {
    run.stops.iter().map(v1::EmergencyStop::state).collect()
}

fn code(answer: Result<v1::EmergencyRun, Status>) -> Code {
    answer.unwrap_err().code()
}

#[tokio::test(flavor = "multi_thread")]
async fn greens_go_ahead_of_an_ambulance_and_end_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let (hall, password) = Hall::start_with(dir.path(), "127.0.0.1:0", "127.0.0.1:0", CORRIDOR).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let (rsmp, tracker) = (free_address(), free_address());
    let _agent = run_pole(dir.path(), &pole(&hall.bus, &rsmp, &tracker));
    let _street = start_street(dir.path(), &rsmp);
    let person = hall.sign_in("admin", &password.unwrap()).await;
    let lan = hall.add_user("lan", "viewer");
    let lan = hall.sign_in("lan", &lan).await;
    person.until_told().await;

    what_cannot_be_is_said(&person, &lan).await;
    let run = person.start(asked()).await.unwrap();
    assert_eq!((states(&run), run.may_end), (vec![S::Ahead, S::Ahead], true));
    let run = person.until_run("both green", |run| states(run) == [S::Green, S::Green]).await;
    assert!(run.stops.iter().all(|stop| stop.order > 0 && stop.group == 2), "{run:?}");
    // Somebody sees it at the second: the first is behind it.
    assert_eq!(code(lan.advance(run.id, "b").await), Code::PermissionDenied);
    person.advance(run.id, "b").await.unwrap();
    person.until_run("the first behind", |run| states(run)[0] == S::Passed).await;
    person.until_own_plan("a").await;
    // It drives on: the run ends by itself.
    let run = person.until_run("the end", |run| run.ended_ms > 0).await;
    assert_eq!((states(&run), run.ended_by.as_str()), (vec![S::Passed, S::Passed], ""));
    person.until_own_plan("b").await;
    assert_eq!(code(person.end(run.id).await), Code::FailedPrecondition);

    a_tracker_moves_it_on(&person, &tracker).await;

    // Another one is called off.
    let run = person.start(asked()).await.unwrap();
    person.until_run("the first ordered", |run| run.stops[0].order > 0).await;
    assert_eq!(code(lan.end(run.id).await), Code::PermissionDenied);
    let run = person.end(run.id).await.unwrap();
    assert_eq!(run.ended_by, "admin");
    for junction in ["a", "b"] {
        person.until_own_plan(junction).await;
    }
    let audit = hall.run(&["audit"]);
    for word in [
        "emergency_started",
        "emergency_ended",
        "xe cấp cứu 115",
        "through 2 of 2",
        "through 1 of 2",
        "through 0 of 2",
    ] {
        assert!(audit.contains(word), "{word} is not in {audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_way_that_turns_is_green_by_the_group_of_the_turn() {
    let dir = tempfile::tempdir().unwrap();
    let more = format!(
        "{CORRIDOR}{TURN}[[area]]\nid = \"first\"\nname = \"First\"\njunctions = [\"a\"]\n\
         [[area]]\nid = \"both\"\nname = \"Both\"\njunctions = [\"a\", \"b\"]\n"
    );
    let (hall, password) = Hall::start_with(dir.path(), "127.0.0.1:0", "127.0.0.1:0", &more).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let (rsmp, tracker) = (free_address(), free_address());
    let _agent = run_pole(dir.path(), &pole(&hall.bus, &rsmp, &tracker));
    let _street = start_street(dir.path(), &rsmp);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let (half, whole) = ("half", "whole");
    let passwords = [(half, "first"), (whole, "both")]
        .map(|(name, areas)| hall.add_user_with(name, &["--role", "administrator", "--areas", areas]));
    let half = hall.sign_in(half, &passwords[0]).await;
    let whole = hall.sign_in(whole, &passwords[1]).await;
    admin.until_told().await;

    // Listed beside the corridor: no group leads back.
    let listed = whole.calls().list_corridors(whole.with(v1::ListCorridorsRequest {})).await.unwrap();
    let listed = listed.into_inner().corridors;
    let groups =
        |of: &v1::Corridor| of.places.iter().map(|place| (place.out, place.back)).collect::<Vec<_>>();
    let told: Vec<_> = listed.iter().map(|one| (one.id.as_str(), groups(one))).collect();
    assert_eq!(told, [("ab", vec![(2, 2), (2, 2)]), ("turn", vec![(2, 0), (1, 0)])]);

    let turning = || v1::StartEmergencyRequest { corridor: "turn".into(), ..asked() };
    // The right is asked for at every junction of it, and it has one direction.
    assert_eq!(code(half.start(turning()).await), Code::PermissionDenied);
    assert_eq!(
        code(whole.start(v1::StartEmergencyRequest { back: true, ..turning() }).await),
        Code::InvalidArgument
    );
    let run = whole.start(turning()).await.unwrap();
    let groups: Vec<_> = run.stops.iter().map(|stop| (stop.junction.as_str(), stop.group)).collect();
    assert_eq!((run.corridor.as_str(), groups), ("turn", vec![("a", 2), ("b", 1)]));
    whole.until_run("both green", |run| states(run) == [S::Green, S::Green]).await;
    assert_eq!(code(half.end(run.id).await), Code::PermissionDenied);
    whole.advance(run.id, "b").await.unwrap();
    whole.until_run("the first behind", |run| states(run)[0] == S::Passed).await;
    let run = whole.until_run("the end", |run| run.ended_ms > 0).await;
    assert_eq!((states(&run), run.ended_by.as_str()), (vec![S::Passed, S::Passed], ""));
    for junction in ["a", "b"] {
        whole.until_own_plan(junction).await;
    }

    // A stretch of it.
    let stretch = whole.start(v1::StartEmergencyRequest { from: "b".into(), ..turning() }).await.unwrap();
    assert_eq!((stretch.stops.len(), stretch.stops[0].at_m), (1, 0.0));
    whole.end(stretch.id).await.unwrap();
    let audit = hall.run(&["audit"]);
    for words in ["corridor=turn junctions=a,b vehicle=none", "corridor=turn junctions=b vehicle=none"] {
        assert!(audit.contains(words), "{words} is not in {audit}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hall_that_was_killed_goes_on_with_it() {
    let dir = tempfile::tempdir().unwrap();
    let (hall, password) = Hall::start_with(dir.path(), "127.0.0.1:0", "127.0.0.1:0", CORRIDOR).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let (rsmp, tracker) = (free_address(), free_address());
    let _agent = run_pole(dir.path(), &pole(&hall.bus, &rsmp, &tracker));
    let _street = start_street(dir.path(), &rsmp);
    let password = password.unwrap();
    let person = hall.sign_in("admin", &password).await;
    person.until_told().await;
    let run = person.start(asked()).await.unwrap();
    let green = person.until_run("the first green", |run| states(run)[0] == S::Green).await;
    drop(person);

    let hall = hall.kill_and_start(Duration::from_secs(1)).await;
    let person = hall.sign_in("admin", &password).await;
    let now = person.until_run("it goes on", |now| now.id == run.id).await;
    assert_eq!((now.ended_ms, now.purpose.as_str(), now.started_ms), (0, "xe cấp cứu 115", green.started_ms));
    person.until_run("both green", |run| states(run) == [S::Green, S::Green]).await;
    person.advance(run.id, "b").await.unwrap();
    let ended = person.until_run("the end", |run| run.ended_ms > 0).await;
    assert_eq!((states(&ended), ended.ended_by.as_str()), (vec![S::Passed, S::Passed], ""));
    // What is over stays over after the next start.
    drop(person);
    let hall = hall.kill_and_start(Duration::from_secs(1)).await;
    let person = hall.sign_in("admin", &password).await;
    let kept = person.until_run("it is remembered", |now| now.id == run.id).await;
    assert_eq!(kept.ended_ms, ended.ended_ms);
    for junction in ["a", "b"] {
        person.until_own_plan(junction).await;
    }
    assert_eq!(hall.run(&["audit"]).matches("emergency_ended").count(), 1);
}

async fn what_cannot_be_is_said(person: &Person<'_>, lan: &Person<'_>) {
    assert_eq!(code(lan.start(asked()).await), Code::PermissionDenied);
    assert_eq!(
        code(person.start(v1::StartEmergencyRequest { corridor: "x".into(), ..asked() }).await),
        Code::NotFound
    );
    assert_eq!(
        code(person.start(v1::StartEmergencyRequest { vehicle: "amb-1".into(), ..asked() }).await),
        Code::NotFound
    );
    for wrong in [
        v1::StartEmergencyRequest { purpose: String::new(), ..asked() },
        v1::StartEmergencyRequest { speed_kmh: 500.0, ..asked() },
        v1::StartEmergencyRequest { from: "b".into(), to: "a".into(), ..asked() },
    ] {
        assert_eq!(code(person.start(wrong).await), Code::InvalidArgument);
    }
}

/// It stands between the two, whatever its speed would say.
async fn a_tracker_moves_it_on(person: &Person<'_>, tracker: &str) {
    tell_place(tracker, 105.851).await;
    let asked_for = v1::StartEmergencyRequest { vehicle: "amb-1".into(), before_m: 5_000.0, ..asked() };
    let until = tokio::time::Instant::now() + WAIT;
    let run = loop {
        match person.start(asked_for.clone()).await {
            Ok(run) => break run,
            Err(status) if status.code() == Code::NotFound && tokio::time::Instant::now() < until => {}
            Err(status) => panic!("{status}"),
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    };
    let run = person.until_run("its place", |now| now.id == run.id && states(now)[0] == S::Passed).await;
    assert!((90.0..300.0).contains(&run.here_m) && run.tracker_trouble.is_empty(), "{run:?}");
    person.end(run.id).await.unwrap();
}
