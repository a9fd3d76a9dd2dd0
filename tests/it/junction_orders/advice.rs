//! What adaptive control would do at a junction, with real programs: counts of two detectors and what the lamps show come over RSMP,
//! the hall says what it would do and what that is worth, falls back to the fixed plan while a detector is out, and orders nothing.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hardware_ports::{Clock, SystemClock};
use models_wire::v1;
use ngatu_tests::ports::free_address;
use ngatu_tests::programs::{Running, program};

use super::hall::{Hall, Person};
use super::street::{WAIT, run_pole};

/// Group 1 against 2, a detector before each. A fault lasts 40 s, every other one of the first detector.
const STREET: &str = r#"
reconnect_s = 0.3
watchdog_s = 60.0
acknowledgement_s = 20.0
speed = 1.0
alarm_every_s = EVERY
alarm_lasts_s = 40.0

[[site]]
junction = "a"
site_id = "HN+A"
component = "HN+A=001TC000"
offset_s = 0
yellow_s = 3
all_red_s = 2
walk_clear_s = 4
groups = ["vehicle", "vehicle"]
stages = [{ green_s = 9, groups = [1] }, { green_s = 24, groups = [2] }]
detectors = 2
"#;

fn pole(hall: &str, rsmp: &str) -> String {
    let group = |n: u8| format!("{{ component = \"HN+A=001SG00{n}\", green_min_s = 5, red_max_s = 90 }}");
    format!(
        "[gateway]\nid = \"edge-street\"\ndata_dir = \"pole\"\n[hall]\nconnect = \"{hall}\"\nca = \"c/ca.pem\"\n\
         certificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n[signals]\nlisten = \"{rsmp}\"\ncounts_s = 5\n\
         [[signals.site]]\nsite_id = \"HN+A\"\ncomponent = \"HN+A=001TC000\"\njunction = \"a\"\nname = \"A\"\n\
         position = [21.02, 105.85]\nplans = [1]\nsecurity_code = \"2222\"\ngroup = [{}, {}]\n\
         conflict = [{{ groups = [1], with = [2], intergreen_s = 5 }}]\n",
        group(1),
        group(2)
    )
}

/// A wide street and a narrow one: the same traffic needs different greens.
const ADVICE: &str = "[[advice]]\njunction = \"a\"\n\
    [[advice.stage]]\ngroups = [1]\ngreen_s = 9\ngreen_min_s = 5\ngreen_max_s = 50\n\
    [[advice.stage]]\ngroups = [2]\ngreen_s = 24\ngreen_min_s = 5\ngreen_max_s = 50\n\
    [[advice.approach]]\nname = \"Phố hẹp\"\ngroups = [1]\nlanes = 1\ndetectors = [1]\n\
    [[advice.approach]]\nname = \"Phố rộng\"\ngroups = [2]\nlanes = 3\ndetectors = [2]\n";

/// The first detector's fault begins this long from now.
fn start_street(dir: &Path, rsmp: &str) -> (Running, i64) {
    let shift_s: i64 = "HN+A".bytes().map(i64::from).sum::<i64>() * 7;
    let at_s = SystemClock::new().now().0 / 1_000 + shift_s;
    // So that the next one is the detector's, and late enough.
    let every_s = (260..).find(|every| (at_s / every + 1) % 2 == 0 && at_s % every < every - 250).unwrap();
    let text = STREET.replace("EVERY", &format!("{every_s}.0"));
    fs::write(dir.join("street.toml"), text).unwrap();
    let mut command = Command::new(program("signal-simulator"));
    let mut street =
        Running::start(command.args(["--config", "street.toml", "--connect", rsmp]).current_dir(dir));
    street.line_with(WAIT, |line| line.contains("ready"));
    (street, every_s - at_s % every_s)
}

impl Person<'_> {
    async fn advice(&self) -> v1::SignalAdvice {
        let asked = self.with(v1::GetAdviceRequest { junction: "a".into() });
        self.calls().get_advice(asked).await.unwrap().into_inner().advice.unwrap()
    }

    async fn until_advice(
        &self,
        what: &str,
        reached: impl Fn(&v1::SignalAdvice) -> bool,
    ) -> v1::SignalAdvice {
        let until = tokio::time::Instant::now() + 4 * WAIT;
        loop {
            let now = self.advice().await;
            if reached(&now) {
                return now;
            }
            assert!(tokio::time::Instant::now() < until, "{what}: {now:?}");
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_adaptive_control_would_do_is_said_and_not_ordered() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start_with(dir, "127.0.0.1:0", "127.0.0.1:0", ADVICE).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    assert!(!admin.advice().await.why.is_empty(), "nothing is known yet");
    let rsmp = free_address();
    let _pole = run_pole(dir, &pole(&hall.bus, &rsmp));
    let (_street, fault_in_s) = start_street(dir, &rsmp);
    assert!(fault_in_s > 240, "{fault_in_s}");

    // The lamps are seen and the detectors count, and then there is something to say.
    let now = admin.until_advice("warming up", |now| now.why == "warming_up").await;
    assert!(now.why_ms > SystemClock::new().now().0 && now.stage == 0, "{now:?}");
    let now = admin.until_advice("advice", |now| now.why.is_empty()).await;
    assert!((1..=2).contains(&now.stage) && (1..=2).contains(&now.wants) && now.age_ms >= 0, "{now:?}");
    // One road user in two seconds before each, three in four of them motorcycles; a bus or two more or less in a minute.
    let units: Vec<f64> = now.approaches.iter().map(|one| one.per_hour.unwrap()).collect();
    assert!(units.iter().all(|units| (300.0..2_500.0).contains(units)), "{units:?}");
    // It would end the wide street's long green for those who wait in the narrow one.
    admin.until_advice("an end", |now| now.stage == 2 && now.wants == 1 && now.age_ms < 23_000).await;

    // The narrow street would get more of the time, in most minutes.
    let greens = |now: &v1::SignalAdvice| -> Vec<(i64, i64)> {
        now.stages.iter().map(|one| (one.shown_ms, one.adaptive_ms)).collect()
    };
    let narrow_gains = |greens: &[(i64, i64)]| greens[0].1 * greens[1].0 > greens[0].0 * greens[1].1;
    let reckoned = |now: &v1::SignalAdvice| now.forecast_ms > 0 && narrow_gains(&greens(now));
    let now = admin.until_advice("both reckoned", reckoned).await;
    assert!(now.clear && now.adaptive_s < now.shown_s, "{now:?}");
    let greens = greens(&now);
    // As they are shown, to the second or two.
    assert!((greens[0].0 - 9_000).abs() < 2_500 && (greens[1].0 - 24_000).abs() < 2_500, "{greens:?}");
    assert!(now.past.last().unwrap().why.is_empty(), "{now:?}");
    println!("{} s with the greens shown, {} s adaptive, greens {greens:?}", now.shown_s, now.adaptive_s);

    // A detector is out: the fixed plan, and why; then it is back, and so is the advice.
    let now = admin.until_advice("a failed detector", |now| now.why == "failed").await;
    assert_eq!((now.detector, now.r#where.as_str(), now.detail.as_str()), (1, "Phố hẹp", "A0302"));
    admin.until_advice("advice again", |now| now.why.is_empty()).await;

    let asked =
        admin.with(v1::ListOrdersRequest { junction: "a".into(), adaptive: true, ..Default::default() });
    let orders = admin.calls().list_orders(asked).await.unwrap().into_inner().orders;
    assert!(orders.is_empty(), "{orders:?}");
    assert!(!hall.run(&["audit"]).contains("signal_order"));
}
