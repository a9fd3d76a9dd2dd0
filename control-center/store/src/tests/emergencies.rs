//! Emergency runs: the last word on each, and one line in the audit where it begins and ends.

use models_domain::UtcMillis;

use super::{audit, open};
use crate::{AuditLine, EmergencyRow};

fn line(action: &str) -> AuditLine {
    let (user, purpose) = ("lan".to_owned(), "115".to_owned());
    AuditLine { at: UtcMillis(5), user, action: action.to_owned(), purpose, what: "emergency 7".to_owned() }
}

#[tokio::test]
async fn the_last_word_is_kept_and_begin_and_end_are_in_the_audit_once() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let row = |ended: Option<i64>, told: &str| EmergencyRow {
        id: 7,
        ended: ended.map(UtcMillis),
        told: told.to_owned(),
    };
    store.keep_emergency(&row(None, "a"), Some(&line("emergency_started"))).await.unwrap();
    store.keep_emergency(&row(None, "b"), Some(&line("not now"))).await.unwrap();
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(store.emergencies(UtcMillis(100)).await.unwrap(), [row(None, "b")]);
    for told in ["c", "d"] {
        store.keep_emergency(&row(Some(90), told), Some(&line("emergency_ended"))).await.unwrap();
    }
    // An older word that comes late does not bring it back.
    store.keep_emergency(&row(None, "late"), None).await.unwrap();
    let audit = audit(&store).await;
    let actions: Vec<&str> = audit.iter().map(|line| line.action.as_str()).collect();
    assert_eq!(actions, ["emergency_started", "emergency_ended"]);
    assert_eq!(store.emergencies(UtcMillis(90)).await.unwrap(), [row(Some(90), "d")]);
    assert_eq!(store.emergencies(UtcMillis(91)).await.unwrap(), []);
    assert_eq!(store.forget_emergencies(UtcMillis(90)).await.unwrap(), 0);
    assert_eq!(store.forget_emergencies(UtcMillis(91)).await.unwrap(), 1);
}
