//! Streets of each kind of controllers as their simulators read them, and the adapter's settings that fit.

use std::fmt::Write as _;
use std::time::Duration;

use hardware_signal::controllers::{Access, Digest, Timing};
use hardware_signal::{Dialled, SecurityCode, SecurityCodes, SignalServerSettings, Site, Steering};
use models_domain::DurationMs;
use models_domain::signal::plan::{Group, GroupKind, Layout, Limits};

use super::house::{BACKUP_S, DETECTORS, Snmp, Wish, junction};

pub fn rsmp_street(wish: &Wish) -> String {
    let mut text = format!(
        "reconnect_s = 0.5\nwatchdog_s = 1.0\nacknowledgement_s = 20.0\nspeed = {:?}\nalarm_every_s = 1.0\nalarm_lasts_s = 0.4\n",
        wish.speed
    );
    if wish.newest {
        text += "sxl = \"1.3.0\"\n";
    }
    for index in 0..wish.junctions {
        write!(
            text,
            "[[site]]\njunction = \"{index}\"\nsite_id = \"HN+{index}\"\ncomponent = \"HN+{index}=001TC000\"\noffset_s = 0\n\
             yellow_s = 3\nall_red_s = 2\nwalk_clear_s = 6\ngroups = [\"vehicle\", \"vehicle\", \"walk\", \"walk\"]\n\
             stages = [{{ green_s = 20, groups = [1, 3] }}, {{ green_s = 15, groups = [2, 4] }}]\nplans = {{ 2 = [30, 12] }}\n\
             all_red_input = 3\ndetectors = {DETECTORS}\n"
        )
        .unwrap();
    }
    text
}

pub fn rsmp_settings(wish: &Wish) -> SignalServerSettings {
    let site = |index: usize| Site {
        site_id: format!("HN+{index}"),
        junction: junction(index),
        main_component: format!("HN+{index}=001TC000"),
        detectors: vec![],
        allow_from: vec![],
        codes: SecurityCodes {
            two: Some(SecurityCode::new(if wish.wrong_secret { "1" } else { "2222" })),
            ..SecurityCodes::default()
        },
        clock_off_max: None,
        steering: Some(Steering {
            groups: (1..=4).map(|group| format!("HN+{index}=001SG00{group}")).collect(),
            all_red_input: Some(3),
        }),
    };
    SignalServerSettings {
        address: "127.0.0.1:0".parse().unwrap(),
        controller: "rsmp".into(),
        tls: None,
        supervisor_id: "hanoi".into(),
        sites: (0..wish.junctions).map(site).collect(),
        timing: Timing {
            pace: Duration::from_millis(20),
            watchdog_interval: Duration::from_secs(1),
            counts_interval: Duration::from_secs(1),
            ..Timing::default()
        },
    }
}

/// Of this machine, free a moment ago. All are held until the last is found: the kernel gives one that was let go out again.
pub fn free_addresses(count: usize) -> Vec<String> {
    let held: Vec<_> = (0..count).map(|_| std::net::UdpSocket::bind("127.0.0.1:0").unwrap()).collect();
    held.iter().map(|socket| socket.local_addr().unwrap().to_string()).collect()
}

pub fn ntcip_street(snmp: Snmp, wish: &Wish) -> String {
    ntcip_unit(snmp, wish).repeat(wish.junctions)
}

pub fn ntcip_unit(snmp: Snmp, wish: &Wish) -> String {
    let secret = match snmp {
        Snmp::V3 => {
            "user = { name = \"hanoi\", auth_password = \"long enough\", privacy_password = \"long enough too\" }"
        }
        Snmp::V1 | Snmp::V2c | Snmp::V2cOctets => "community = \"secret\"",
    };
    format!(
        "[[unit]]\nlisten = \"127.0.0.1:0\"\n{secret}\nv4 = {}\nspeed = {:?}\nyellow_s = 3\nall_red_s = {}\nped_clear_s = 6\n\
         blocks = \"{}\"\n\
         stages = [{{ green_s = 20, phases = [2], peds = [2] }}, {{ green_s = 15, phases = [4], peds = [4] }}]\n\
         patterns = {{ 2 = [30, 12] }}\nred_preempt = 3\nbackup_s = {BACKUP_S}\nzone_s = 25200\n",
        snmp == Snmp::V2cOctets,
        wish.speed,
        wish.all_red_s,
        wish.blocks
    )
}

pub fn access(snmp: Snmp, wrong: bool) -> Access {
    match snmp {
        Snmp::V3 => Access::User {
            name: "hanoi".into(),
            auth: Some((Digest::Sha1, if wrong { "another one" } else { "long enough" }.into())),
            privacy: Some("long enough too".into()),
        },
        Snmp::V1 | Snmp::V2c | Snmp::V2cOctets => Access::Community {
            v1: snmp == Snmp::V1,
            community: if wrong { "another" } else { "secret" }.into(),
        },
    }
}

/// Another intersection is another unit's.
pub fn spat(wish: &Wish, index: usize, address: &str) -> Dialled {
    let intersection = if wish.wrong_secret { 1 } else { 12_111 };
    Dialled {
        controller: "spat".into(),
        address: address.to_owned(),
        access: Access::Broadcast { region: None, intersection, from: vec!["127.0.0.1".parse().unwrap()] },
        groups: ["group 2", "group 4", "ped 10", "ped 12"].map(str::to_owned).into(),
        steering: None,
        blocks: false,
        ..ntcip(Snmp::V2c, wish, index, address)
    }
}

pub fn ntcip(snmp: Snmp, wish: &Wish, index: usize, address: &str) -> Dialled {
    let groups: Vec<String> = ["phase 2", "phase 4", "ped 2", "ped 4"].map(str::to_owned).into();
    Dialled {
        controller: "ntcip".into(),
        address: address.to_owned(),
        junction: junction(index),
        access: access(snmp, wish.wrong_secret),
        groups: groups.clone(),
        poll: wish.poll,
        backup: None,
        clock_off_max: None,
        steering: Some(Steering { groups, all_red_input: Some(3) }),
        layout: Some(layout()),
        blocks: true,
    }
}

/// As the simulated units have it.
fn layout() -> Layout {
    let group = |kind, clearance| Group {
        kind,
        green_min: DurationMs(5_000),
        clearance: DurationMs(clearance),
        red_max: DurationMs(180_000),
    };
    let (vehicle, walk) = (group(GroupKind::Vehicle, 3_000), group(GroupKind::Pedestrian, 6_000));
    let mut layout = Layout::new(vec![vehicle, vehicle, walk, walk], Limits::default());
    for (ending, beginning) in [(0, 1), (0, 3), (1, 0), (1, 2)] {
        layout.set_intergreen(ending, beginning, DurationMs(5_000));
    }
    for (ending, beginning) in [(2, 1), (3, 0)] {
        layout.set_intergreen(ending, beginning, DurationMs(11_000));
    }
    layout
}
