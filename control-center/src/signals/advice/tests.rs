//! How old what is said may be.

use super::*;

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
