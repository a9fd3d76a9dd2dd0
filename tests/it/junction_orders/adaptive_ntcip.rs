//! Adaptive control at a controller that is dialled, with real programs: lamps and counts come by NTCIP 1202, where one street is full its
//! green is held beyond the plan's by hold and force-off, and the unit goes on with its plan when it is given back.

use std::fs;
use std::path::Path;

use models_wire::v1;
use ngatu_tests::programs::Running;

use super::adaptive::{orders, until};
use super::hall::Hall;
use super::ntcip::start_unit;
use super::street::run_pole;

/// The plan's greens, in seconds, and by how much the first may be longer.
const GREENS_S: [i64; 2] = [9, 7];
const STRETCH_S: i64 = 8;

/// Phase 2 against 4, a cycle of 20 s. As many come to the first as two lanes let pass without a break, few to the other.
const UNIT: &str = r#"
[[unit]]
listen = "127.0.0.1:0"
community = "not for everybody"
yellow_s = 1
all_red_s = 1
ped_clear_s = 1
stages = [{ green_s = 9, phases = [2] }, { green_s = 7, phases = [4] }]
backup_s = 6
vehicle_every_s = [1, 20]
"#;

/// The second green is too short for calling the next stage sooner, and its shortest leaves no time in which it could be held.
const STEERED: &str = "[[advice]]\njunction = \"a\"\nwarm_up_s = 120\n\
    [advice.steer]\nstretch_max_s = 8\nahead_s = 4\nexits = \"unknown\"\n\
    [[advice.stage]]\ngroups = [1]\ngreen_s = 9\ngreen_min_s = 5\ngreen_max_s = 50\n\
    [[advice.stage]]\ngroups = [2]\ngreen_s = 7\ngreen_min_s = 6\ngreen_max_s = 50\n\
    [[advice.approach]]\nname = \"Phố đông\"\ngroups = [1]\nlanes = 2\ndetectors = [1]\n\
    [[advice.approach]]\nname = \"Phố vắng\"\ngroups = [2]\nlanes = 1\ndetectors = [2]\n";

fn start_pole(dir: &Path, hall: &str, unit: &str) -> Running {
    fs::write(dir.join("community"), "not for everybody\n").unwrap();
    let group = |phase: u8| {
        format!("{{ component = \"phase {phase}\", green_min_s = 5, clearance_s = 1, red_max_s = 60 }}")
    };
    let text = format!(
        "[gateway]\nid = \"edge-street\"\ndata_dir = \"pole\"\n[hall]\nconnect = \"{hall}\"\nca = \"c/ca.pem\"\n\
         certificate = \"c/cert.pem\"\nkey = \"c/key.pem\"\n[[signals.dial]]\naddress = \"{unit}\"\n\
         community_file = \"community\"\njunction = \"a\"\nname = \"A\"\nposition = [21.02, 105.85]\nplans = [1]\n\
         group = [{}, {}]\nconflict = [{{ groups = [1], with = [2], intergreen_s = 2 }}]\n",
        group(2),
        group(4)
    );
    run_pole(dir, &text)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_street_s_green_is_held_by_ntcip() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path();
    let (hall, password) = Hall::start_in(dir, "", STEERED).await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let admin = hall.sign_in("admin", &password.unwrap()).await;
    let (_unit, address) = start_unit(dir, UNIT);
    let _pole = start_pole(dir, &hall.bus, &address);

    // The plan's own greens, as they were seen; then the full street's is held.
    let (_, now) = until(&admin, "the plan", |_, now| {
        !now.stages.is_empty() && now.stages.iter().all(|stage| stage.plan_ms > 0)
    })
    .await;
    for (stage, green_s) in now.stages.iter().zip(GREENS_S) {
        assert!((stage.plan_ms - green_s * 1_000).abs() < 1_500, "{:?}", now.stages);
    }
    let (_, now) = until(&admin, "an order", |_, now| now.state == "ordered").await;
    assert_eq!((now.kind.as_str(), now.stage), ("hold", 1), "{now:?}");
    let first = now.order;
    let done = admin.until(first, "done").await;
    assert!(done.detail.ends_with("green 1"), "{done:?}");
    assert!(done.purpose.starts_with("adaptive control: hold stage 1 for "), "{done:?}");

    // By its time, or because it was enough; the unit is asked nothing any more, and goes on.
    let ended = admin.until(first, "ended").await;
    assert!(matches!(ended.detail.as_str(), "expiry" | "order"), "{ended:?}");
    admin.on_its_own_plan().await;
    let (_, now) = until(&admin, "a longer green", |_, now| now.stages[0].held_times >= 1).await;
    // Both begin and end of a green are seen to a second.
    let held_ms = now.stages[0].held_ms;
    assert!((1_500..=STRETCH_S * 1_000 + 1_500).contains(&held_ms), "{now:?}");
    println!("held {held_ms} ms beyond the plan's {} ms", now.stages[0].plan_ms);
    // Nobody ordered anything but this control, and of groups only the first stage's.
    let rows = orders(&admin).await;
    assert!(rows.iter().all(|row| row.purpose.starts_with("adaptive control: ")), "{rows:?}");
    let groups = |row: &v1::SignalOrderRow| {
        row.wanted.as_ref().map(|wanted| wanted.groups.clone()).unwrap_or_default()
    };
    assert!(rows.iter().map(groups).all(|groups| groups.is_empty() || groups == [1]), "{rows:?}");
    assert!(rows.iter().any(|row| groups(row) == [1]), "{rows:?}");
}
