//! What vehicles are told of a junction over UDP is what its controller shows: another junction of the same pole hears it.

use std::time::Duration;

use ngatu_tests::ports::free_address;

use super::hall::Hall;
use super::street::{WAIT, run_pole, start_street_at};

fn pole(hall: &str, rsmp: &str, air: &str) -> String {
    format!(
        r#"
[gateway]
id = "edge-street"
data_dir = "pole"

[hall]
connect = "{hall}"
ca = "c/ca.pem"
certificate = "c/cert.pem"
key = "c/key.pem"

[signals]
listen = "{rsmp}"

[[signals.site]]
site_id = "HN+A"
component = "HN+A=001TC000"
junction = "a"
name = "A"
position = [21.02, 105.85]

[[signals.send]]
junction = "a"
to = "{air}"
region = 84
intersection = 7
groups = ["group 1", "group 2", "ped 3"]

[[signals.hear]]
listen = "{air}"
intersection = 7
region = 84
junction = "heard"
name = "A, on the air"
position = [21.02, 105.85]
groups = ["group 1", "group 2", "ped 3"]
"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn what_vehicles_hear_is_what_the_controller_shows() {
    let dir = tempfile::tempdir().unwrap();
    let (hall, password) = Hall::start(dir.path(), "127.0.0.1:0", "127.0.0.1:0").await;
    hall.run(&["gateway-certificate", "--gateway", "edge-street", "--out", "c"]);
    let (rsmp, air) = (free_address(), free_address());
    let text = pole(&hall.bus, &rsmp, &air);
    let _agent = run_pole(dir.path(), &text);
    let street = start_street_at(dir.path(), &rsmp, 5.0);
    let person = hall.sign_in("admin", &password.unwrap()).await;

    // Letters of one kind of lamp become one: whether a green may end is not on the air.
    let plain = |groups: &str| groups.replace(['1', '2', '3', '5', '6', '7', '8'], "4");
    let until = tokio::time::Instant::now() + WAIT;
    loop {
        let heard = person.history("heard", 10).await.unwrap_or_default();
        let shown = person.history("a", 10).await.unwrap_or_default();
        let all = |changes: &[models_wire::v1::SignalChange]| {
            let mut all: Vec<String> = changes.iter().map(|change| plain(&change.groups)).collect();
            all.sort();
            all.dedup();
            all.retain(|groups| groups.len() == 3 && !groups.contains('-'));
            all
        };
        let (heard, shown) = (all(&heard), all(&shown));
        if ["4B4", "NBB", "B4B"].iter().all(|groups| heard.contains(&(*groups).to_owned())) {
            assert!(heard.iter().all(|groups| shown.contains(groups)), "{heard:?} of {shown:?}");
            break;
        }
        assert!(tokio::time::Instant::now() < until, "heard {heard:?}, shown {shown:?}");
        tokio::time::sleep(Duration::from_millis(250)).await;
    }

    // Its controller is gone: vehicles are told that nothing is known.
    drop(street);
    let until = tokio::time::Instant::now() + WAIT;
    loop {
        let heard = person.history("heard", 10).await.unwrap();
        if heard.last().is_some_and(|change| change.groups.contains('-')) {
            break;
        }
        assert!(tokio::time::Instant::now() < until, "{:?}", heard.last());
        tokio::time::sleep(Duration::from_millis(250)).await;
    }
}
