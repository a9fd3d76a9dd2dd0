//! Which detectors an alarm takes out, and how old what is said may be.

use super::*;

#[test]
fn which_detector_an_alarm_takes_out() {
    let check = |code: &str, component: &str, want: Option<u16>| {
        assert_eq!(detector_of(code, component), want, "{code} {component}");
    };
    check("chatter", "detector 3", Some(3));
    check("A0302", "HN+AG0101=001DL012", Some(12));
    check("A0008", "HN+AG0101=001SG001", None);
    check("A0302", "HN+AG0101=001TC000", None);
    check("noHits", "HN+AG0101=001DL012", None);
}

#[test]
fn what_was_said_some_time_ago_is_not_said_to_who_orders() {
    let all = Advices::new(Vec::new());
    let id: JunctionId = "j".parse().unwrap();
    let said = |at: i64| {
        all.steers(&id, UtcMillis(at), |advisor, told| {
            assert!(advisor.is_none());
            told.err().map(Why::name)
        })
    };
    assert_eq!(said(10_000), Some("not_yet"), "it never began");
    let (told, looked_at) = (Some(Err(Why::LinkDown)), Some(UtcMillis(10_000)));
    all.lock().insert(id.clone(), Known { told, looked_at, ..Known::default() });
    for at in [10_000, 13_000] {
        assert_eq!(said(at), Some("link_down"));
    }
    // It stopped, or the clock was set back.
    for at in [13_001, 9_999] {
        assert_eq!(said(at), Some("not_yet"));
    }
}
