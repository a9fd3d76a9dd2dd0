//! What two controllers showed, read back from the hall: the history of each, and the corridor they make.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};
use tonic::{Code, Status};

use super::hall::{Hall, Person};
use super::street::{WAIT, run_pole};

/// Two sites that run alike: a cycle of 34 s, ten times as fast as a street.
fn street() -> String {
    let site = |id: &str| {
        format!(
            r#"
[[site]]
junction = "{id}"
site_id = "HN+{id}"
component = "HN+{id}=001TC000"
offset_s = 0
yellow_s = 3
all_red_s = 2
walk_clear_s = 4
groups = ["vehicle", "vehicle", "walk"]
stages = [{{ green_s = 12, groups = [1, 3] }}, {{ green_s = 12, groups = [2] }}]
"#
        )
    };
    let head = "reconnect_s = 0.3\nwatchdog_s = 60.0\nacknowledgement_s = 20.0\nspeed = 10.0\nalarm_every_s = 0.0\nalarm_lasts_s = 0.0\n";
    head.to_owned() + &site("A") + &site("B")
}

fn pole(hall: &str, rsmp: &str) -> String {
    let site = |id: &str, junction: &str| {
        format!(
            "[[signals.site]]\nsite_id = \"HN+{id}\"\ncomponent = \"HN+{id}=001TC000\"\njunction = \"{junction}\"\n\
             name = \"{id}\"\nposition = [21.02, 105.85]\n"
        )
    };
    format!(
        "[gateway]\nid = \"edge-street\"\ndata_dir = \"pole\"\n[hall]\nconnect = \"{hall}\"\nca = \"c/ca.pem\"\n\
         certificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n[signals]\nlisten = \"{rsmp}\"\n{}{}",
        site("A", "a"),
        site("B", "b")
    )
}

/// 17 m at 36 km/h are 1.7 s: half the cycle.
const CORRIDOR: &str = "[[corridor]]\nid = \"ab\"\nname = \"A – B\"\nspeed_kmh = 36\n\
    [[corridor.junction]]\nid = \"a\"\nat_m = 0\nout = 1\nback = 1\n\
    [[corridor.junction]]\nid = \"b\"\nat_m = 17\nout = 1\nback = 1\n";

fn start_street(dir: &Path, rsmp: &str) -> Running {
    fs::write(dir.join("street.toml"), street()).unwrap();
    let mut command = Command::new(program("signal-simulator"));
    let mut street =
        Running::start(command.args(["--config", "street.toml", "--connect", rsmp]).current_dir(dir));
    street.line_with(WAIT, |line| line.contains("ready"));
    street
}

impl Person<'_> {
    async fn corridor(&self, id: &str, minutes: i64) -> Result<v1::GetCorridorResponse, Status> {
        let to_ms = SystemClock::new().now().0;
        let asked = v1::GetCorridorRequest { id: id.into(), from_ms: to_ms - minutes * 60_000, to_ms };
        self.calls().get_corridor(self.with(asked)).await.map(tonic::Response::into_inner)
    }

    pub async fn history(&self, junction: &str, minutes: i64) -> Result<Vec<v1::SignalChange>, Status> {
        let to_ms = SystemClock::new().now().0;
        let asked = v1::GetSignalHistoryRequest {
            junction: junction.into(),
            from_ms: to_ms - minutes * 60_000,
            to_ms,
        };
        Ok(self.calls().get_signal_history(self.with(asked)).await?.into_inner().changes)
    }

    /// Waits until the corridor's answer is as wanted.
    async fn until_corridor(
        &self,
        what: &str,
        reached: impl Fn(&v1::GetCorridorResponse) -> bool,
    ) -> v1::GetCorridorResponse {
        let until = tokio::time::Instant::now() + WAIT;
        loop {
            let answer = self.corridor("ab", 10).await.unwrap();
            if reached(&answer) {
                return answer;
            }
            assert!(tokio::time::Instant::now() < until, "{what}: {:?}", answer.no_advice);
            tokio::time::sleep(Duration::from_millis(250)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_corridor_is_reckoned_from_what_its_controllers_showed() {
    let dir = tempfile::tempdir().unwrap();
    let (hall, password) = Hall::start_with(dir.path(), "127.0.0.1:0", "127.0.0.1:0", CORRIDOR).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let rsmp = free_address();
    let text = pole(&hall.bus, &rsmp);
    let mut agent = run_pole(dir.path(), &text);
    let _street = start_street(dir.path(), &rsmp);
    let person = hall.sign_in("admin", &password.unwrap()).await;

    let answer = person.until_corridor("advice", |answer| answer.advice.is_some()).await;
    let advice = answer.advice.unwrap();
    assert!((2.7..4.1).contains(&advice.cycle_s), "a cycle of {} s", advice.cycle_s);
    assert_eq!(advice.shifts_s[0], 0.0);
    let waits = |out: &Option<v1::GreenWave>, back: &Option<v1::GreenWave>| {
        [out, back].map(|wave| wave.as_ref().map_or(f64::NAN, |wave| wave.waits_s)).iter().sum::<f64>()
    };
    let (now, then) = (waits(&advice.out_now, &advice.back_now), waits(&advice.out_then, &advice.back_then));
    assert!(now > 0.5 && then < now, "both alike half a cycle apart: {now} s now, {then} s with the offsets");
    assert!(answer.shown.len() == 2 && answer.shown.iter().all(|shown| shown.out.len() >= 4));
    assert!(answer.out.unwrap().departures >= 4);
    // Both run their own plan, which is heard of within seconds, and the length of its cycle.
    let told = |shown: &v1::CorridorShown| shown.plans.iter().any(|plan| plan.cycle_length_s.is_some());
    let answer = person.until_corridor("plans", |answer| answer.shown.iter().all(told)).await;
    let plan = |plan: &v1::PlanSpan| (plan.plan, plan.cycle_length_s);
    let plans: Vec<Vec<_>> =
        answer.shown.iter().map(|shown| shown.plans.iter().map(plan).collect()).collect();
    assert_eq!(plans, [[(1, Some(34))], [(1, Some(34))]]);

    // Killed for 3 s: the controllers kept what they showed, and it comes to its place.
    let clock = SystemClock::new();
    agent.kill();
    let gone = clock.now().0;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let back = clock.now().0;
    let _agent = run_pole(dir.path(), &text);
    let until = tokio::time::Instant::now() + WAIT;
    let changes = loop {
        let changes = person.history("a", 10).await.unwrap();
        if changes.iter().any(|change| change.at_ms > back && !change.groups.is_empty()) {
            break changes;
        }
        assert!(tokio::time::Instant::now() < until, "no changes after the start");
        tokio::time::sleep(Duration::from_millis(250)).await;
    };
    assert!(changes.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));
    let known =
        changes.iter().filter(|change| (gone..back).contains(&change.at_ms) && !change.groups.is_empty());
    assert!(known.count() >= 3, "of a cycle of eight changes in 3.4 s: {changes:?}");

    let code = |answer: Result<_, Status>| answer.map(|_: v1::GetCorridorResponse| ()).unwrap_err().code();
    assert_eq!(code(person.corridor("cd", 10).await), Code::NotFound);
    assert_eq!(code(person.corridor("ab", 10_000).await), Code::InvalidArgument);
    assert_eq!(person.history("a", 0).await.unwrap_err().code(), Code::InvalidArgument);
    let asked = v1::GetCorridorRequest { id: "ab".into(), from_ms: 0, to_ms: 1 };
    assert_eq!(person.calls().get_corridor(asked).await.unwrap_err().code(), Code::Unauthenticated);
}
