//! The simulated unit against Debian's own SNMP tools, which know nothing of ours; left out where they are not installed.

use std::process::{Command, Output};
use std::time::Duration;

use super::house::{House, Kind, Snmp, Wish};

const CONTROL_STATUS: &str = "1.3.6.1.4.1.1206.4.2.1.3.5.0";
const MAX_PHASES: &str = "1.3.6.1.4.1.1206.4.2.1.1.1.0";
const PATTERN_CONTROL: &str = "1.3.6.1.4.1.1206.4.2.1.4.14.0";

fn secret(snmp: Snmp) -> Vec<&'static str> {
    match snmp {
        Snmp::V1 => vec!["-v1", "-c", "secret"],
        Snmp::V2c | Snmp::V2cOctets => vec!["-v2c", "-c", "secret"],
        Snmp::V3 => {
            vec![
                "-v3",
                "-u",
                "hanoi",
                "-l",
                "authPriv",
                "-a",
                "SHA",
                "-A",
                "long enough",
                "-x",
                "AES",
                "-X",
                "long enough too",
            ]
        }
    }
}

/// `None` where the tool is not installed.
async fn run(tool: &str, snmp: Snmp, rest: &[&str]) -> Option<Output> {
    let mut command = Command::new(tool);
    command.args(secret(snmp)).args(["-m", "", "-On", "-Oq", "-t", "2", "-r", "2"]).args(rest);
    match tokio::task::spawn_blocking(move || command.output()).await.unwrap() {
        Ok(output) => Some(output),
        Err(err) if err.kind() == std::io::ErrorKind::NotFound => None,
        Err(err) => panic!("{tool}: {err}"),
    }
}

/// What was asked for. What the tools say beside it is of themselves: at their first run on a machine, that they made a folder.
fn answer(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn whole(output: &Output) -> String {
    format!("{}{}", answer(output), String::from_utf8_lossy(&output.stderr))
}

/// Whether the unit at `address` says within `wait` that no system commands it: asked by our own adapter's kind of question
/// from another process where there is one, else by a second adapter.
pub async fn falls_back(snmp: Snmp, address: &str, wait: Duration) -> bool {
    let until = tokio::time::Instant::now() + wait;
    while tokio::time::Instant::now() < until {
        let output = match run("snmpget", snmp, &[address, CONTROL_STATUS]).await {
            Some(output) => answer(&output),
            None => return super::load::falls_back(snmp, address, wait).await,
        };
        // 4 is backup mode (§2.4.5).
        if output.ends_with(" 4") {
            return true;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    false
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn debians_tools_read_the_simulated_unit() {
    for snmp in [Snmp::V1, Snmp::V2c, Snmp::V3] {
        let house = House::open(Kind::Ntcip(snmp), &Wish::default()).await;
        let address = house.addresses[0].clone();
        let Some(got) = run("snmpget", snmp, &[&address, MAX_PHASES]).await else {
            println!("left out: Debian's package snmp is not installed");
            return;
        };
        assert_eq!(answer(&got), format!(".{MAX_PHASES} 16"), "{snmp:?}: {}", whole(&got));
        let walked = run("snmpwalk", snmp, &[&address, "1.3.6.1.4.1.1206"]).await.unwrap();
        let lines = answer(&walked).lines().filter(|line| line.starts_with(".1.3.6.1.4.1.1206.4.2.")).count();
        assert!(lines > 80 && walked.status.success(), "{snmp:?}: {lines} lines\n{}", whole(&walked));
        let set = run("snmpset", snmp, &[&address, PATTERN_CONTROL, "i", "2"]).await.unwrap();
        assert_eq!(answer(&set), format!(".{PATTERN_CONTROL} 2"), "{snmp:?}: {}", whole(&set));
        let wrong = run("snmpset", snmp, &[&address, PATTERN_CONTROL, "i", "77"]).await.unwrap();
        assert!(whole(&wrong).contains("badValue"), "{snmp:?}: {}", whole(&wrong));
        house.close().await;
    }
}
