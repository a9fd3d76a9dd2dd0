//! Feeds a session as the shell does: introduced or asked, then whatever comes, at once and in pieces, and time goes on. It must
//! come to an end and do little for much nonsense.

use std::sync::Arc;
use std::time::Duration;

use hardware_signal::controllers::{
    Access, Action, At, Controller, DialSettings, Digest, KnownSite, Reach, Session, SessionSettings,
    Synchrony, Timing,
};
use models_domain::{JunctionId, UtcMillis};

/// Actions of one piece of input: an answer or two for each message, and reports.
const ACTIONS_MAX: usize = 200_000;

/// What makes a session listen: an RSMP site's introduction.
const INTRODUCTION: [&str; 3] = [
    r#"{"mType":"rSMsg","type":"Version","mId":"v","RSMP":[{"vers":"3.2.2"}],"siteId":[{"sId":"HN"}],"SXL":"1.2.1"}"#,
    r#"{"mType":"rSMsg","type":"MessageAck","oMId":"8b2f4a7e-9d3c-4f10-a1b2-c3d4e5f60718"}"#,
    r#"{"mType":"rSMsg","type":"Watchdog","mId":"w","wTs":"2026-01-01T00:00:00.000Z"}"#,
];

fn at(second: u64) -> At {
    let ms = i64::try_from(second * 1_000).unwrap_or(0);
    At {
        utc: UtcMillis(1_800_000_000_000 + ms),
        elapsed: Duration::from_secs(second),
        synchrony: Synchrony::Synchronised,
    }
}

pub fn feed(kind: &str, data: &[u8]) {
    for mut session in sessions(kind) {
        let mut second = 1;
        session.receive(at(second), data);
        second += drain(session.as_mut());
        // The same again, cut wherever its first bytes say.
        let length = usize::from(data.first().copied().unwrap_or(0)) % 97 + 1;
        for piece in data.chunks(length) {
            session.receive(at(second), piece);
        }
        second += drain(session.as_mut());
        for _ in 0..4 {
            session.handle_timeout(at(second));
            second += drain(session.as_mut()) + 30;
        }
    }
}

/// Sessions of the kind that wait for an answer, as their settings differ.
pub fn sessions(kind: &str) -> Vec<Box<dyn Session>> {
    let Some(controller) = Controller::by_name(kind) else { panic!("{kind} is no kind of controller") };
    let open = match controller.reach {
        Reach::ItDials { open } => {
            let mut session = open(at(0), site());
            for message in INTRODUCTION {
                session.receive(at(0), format!("{message}\u{c}").as_bytes());
            }
            drain(session.as_mut());
            return vec![session];
        }
        Reach::WeDial { open, .. } | Reach::ItBroadcasts { open, .. } => open,
    };
    let accesses = match kind {
        "spat" => vec![Access::Broadcast { region: None, intersection: 12_111, from: Vec::new() }],
        _ => vec![
            Access::Community { v1: false, community: "public".into() },
            Access::Community { v1: true, community: "public".into() },
            Access::User {
                name: "hanoi".into(),
                auth: Some((Digest::Sha1, "long enough".into())),
                privacy: Some("long enough too".into()),
            },
        ],
    };
    let ask = |access| {
        let mut session = open(at(0), dialled(kind, access));
        session.handle_timeout(at(0));
        drain(session.as_mut());
        session
    };
    accesses.into_iter().map(ask).collect()
}

fn site() -> SessionSettings {
    let known = KnownSite {
        detectors: vec!["DL1".into(), "DL2".into()],
        groups: vec!["SG1".into()],
        ..KnownSite::new(junction(), "TC")
    };
    SessionSettings {
        sites: Arc::new([("HN".to_owned(), known)].into()),
        supervisor_id: "hanoi".into(),
        timing: Timing { pace: Duration::ZERO, ..Timing::default() },
        new_message_id: || "8b2f4a7e-9d3c-4f10-a1b2-c3d4e5f60718".to_owned(),
    }
}

fn dialled(kind: &str, access: Access) -> DialSettings {
    let groups: &[&str] =
        if kind == "spat" { &["group 2", "ped 4"] } else { &["phase 2", "ped 4", "overlap 1"] };
    DialSettings {
        junction: junction(),
        access,
        poll: Duration::from_millis(100),
        groups: groups.iter().map(|name| (*name).to_owned()).collect(),
        backup: None,
        clock_off_max: Some(Duration::from_secs(2)),
        all_red_preempt: None,
        layout: None,
        blocks: true,
        first_number: 1,
    }
}

fn junction() -> JunctionId {
    match JunctionId::new("kim-ma") {
        Ok(junction) => junction,
        Err(err) => panic!("{err}"),
    }
}

/// One second for whatever it did.
fn drain(session: &mut dyn Session) -> u64 {
    let mut actions = 0;
    while let Some(action) = session.poll() {
        actions += 1;
        assert!(actions < ACTIONS_MAX, "it does not come to an end");
        if let Action::Send(bytes) = action {
            assert!(!bytes.is_empty());
        }
    }
    1
}
