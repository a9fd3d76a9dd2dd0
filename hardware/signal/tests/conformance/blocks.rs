//! Settings by block, with units whose blocks are right, have another packing, are refused or are not there: what each was asked, and
//! that the times which are told are its single objects' all the while.

use std::time::Duration;

use hardware_ports::signal::{Put, SignalDesk};
use models_domain::DurationMs;
use models_domain::signal::order::Wanted;

use super::house::{House, Junction, Kind, Snmp, Wish, junction};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn blocks_are_read_where_they_tell_what_single_objects_tell() {
    let checks = [
        // A block that was not taken is not asked for, and one that differs not again.
        (Snmp::V2c, "shifted", 1..=1, 1..=1),
        (Snmp::V2c, "refuses", 1..=1, 0..=0),
        (Snmp::V3, "refuses", 1..=1, 0..=0),
        (Snmp::V1, "none", 1..=1, 0..=0),
        (Snmp::V2c, "none", 1..=1, 0..=0),
        // Phases and pattern when they are first read; then phases that have changed, phases again, pattern.
        (Snmp::V1, "right", 5..=8, 5..=8),
        (Snmp::V2c, "right", 5..=8, 5..=8),
        (Snmp::V3, "right", 5..=8, 5..=8),
    ];
    let checks = checks.map(|(snmp, blocks, wanted, told)| {
        tokio::spawn(async move {
            let counts = counts(snmp, blocks).await;
            println!("{snmp:?} {blocks}: {counts:?} blocks wanted and told");
            assert!(wanted.contains(&counts.0) && told.contains(&counts.1), "{snmp:?} {blocks}: {counts:?}");
        })
    });
    for check in checks {
        if let Err(err) = check.await {
            std::panic::resume_unwind(err.into_panic());
        }
    }
}

/// How often a block was wanted and told, once a red clear has been too short, right, and too short again.
async fn counts(snmp: Snmp, blocks: &'static str) -> (u64, u64) {
    // A unit has so long for an answer about a block: on a busy machine more than a tenth of a second.
    let poll = Duration::from_secs(1);
    let wish = Wish { blocks, all_red_s: 1, poll, ..Wish::default() };
    let mut house = House::open(Kind::Ntcip(snmp), &wish).await;
    let told = |times: usize, on: bool| {
        move |junction: &Junction| {
            let all = junction.alarms.iter();
            all.filter(|alarm| alarm.0 == "timesShorter" && alarm.1 == on).count() >= times
        }
    };
    // Each of the four groups has one.
    house.wait("red clears that are too short", told(4, true)).await;
    house.street.fault("0 redclear 20").await;
    let plan = Wanted::Plan(2);
    assert_eq!(house.desk.put(&junction(0), &plan, DurationMs(60_000)).await, Put::Taken);
    // No block is chosen as long as that is ordered.
    house.wait("the end of those alarms", told(4, false)).await;
    house.street.fault("0 redclear 10").await;
    assert_eq!(house.desk.release(&junction(0), &plan).await, Put::Taken);
    house.wait("red clears that are too short again", told(8, true)).await;
    let last = house.close().await.end().await;
    let count = |name: &str| last[name].as_u64().unwrap();
    (count("blocks_wanted"), count("blocks_told"))
}
