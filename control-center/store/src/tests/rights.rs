//! Users with their rights, and what became of those from before rights had areas.

use models_domain::UtcMillis;
use sqlx::ConnectOptions;
use sqlx::sqlite::SqliteConnectOptions;

use super::open;
use crate::{EVERYWHERE, Grant};

const NOW: UtcMillis = UtcMillis(5);

fn grant(area: &str) -> Grant {
    Grant { permission: "command_signals".into(), area: area.into() }
}

#[tokio::test]
async fn rights_are_given_taken_and_go_with_their_user() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    assert!(store.add_user("lan", "viewer", "h", &[grant("ba-dinh")], NOW).await.unwrap());
    assert!(!store.add_user("lan", "administrator", "h", &[grant("*")], NOW).await.unwrap(), "added twice");
    assert_eq!(store.grants("lan").await.unwrap(), [grant("ba-dinh")]);
    assert!(store.give("lan", &grant("hoan-kiem"), NOW).await.unwrap());
    assert!(!store.give("lan", &grant("hoan-kiem"), NOW).await.unwrap(), "given twice");
    assert!(store.give("nobody", &grant("hoan-kiem"), NOW).await.is_err());
    assert!(store.take("lan", &grant("ba-dinh")).await.unwrap());
    assert!(!store.take("lan", &grant("ba-dinh")).await.unwrap(), "taken twice");
    assert_eq!(store.grants("lan").await.unwrap(), [grant("hoan-kiem")]);
    store.set_role("lan", "administrator", &[grant(EVERYWHERE)], NOW).await.unwrap();
    let users = store.users().await.unwrap();
    assert_eq!((users[0].role.as_str(), &users[0].grants[..]), ("administrator", &[grant("*")][..]));

    store.add_session(&[7; 32], "lan", UtcMillis(0), UtcMillis(10)).await.unwrap();
    assert!(store.session(&[7; 32], NOW).await.unwrap().is_some());
    assert!(store.remove_user("lan").await.unwrap());
    assert!(!store.remove_user("lan").await.unwrap(), "removed twice");
    assert!(store.session(&[7; 32], NOW).await.unwrap().is_none());
    assert_eq!(store.grants("lan").await.unwrap(), []);
}

#[tokio::test]
async fn whoever_could_command_before_areas_came_still_can() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for (name, role) in [("admin", "administrator"), ("khach", "viewer")] {
        store.add_user(name, role, "h", &[], NOW).await.unwrap();
    }
    store.close().await;
    // As the build before left it.
    let file = SqliteConnectOptions::new().filename(dir.path().join("city.db"));
    let mut raw = file.connect().await.unwrap();
    for undo in ["DROP TABLE user_right", "DELETE FROM _sqlx_migrations WHERE version = 17"] {
        sqlx::query(undo).execute(&mut raw).await.unwrap();
    }
    drop(raw);
    let store = open(dir.path()).await;
    assert_eq!(store.grants("admin").await.unwrap(), [grant(EVERYWHERE)]);
    assert_eq!(store.grants("khach").await.unwrap(), []);
}

#[tokio::test]
async fn whoever_commanded_signals_everywhere_still_gives_trackers_orders() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    for (name, area) in [("admin", EVERYWHERE), ("lan", "ba-dinh")] {
        store.add_user(name, "viewer", "h", &[grant(area)], NOW).await.unwrap();
    }
    store.close().await;
    // As the build before left it.
    let file = SqliteConnectOptions::new().filename(dir.path().join("city.db"));
    let mut raw = file.connect().await.unwrap();
    sqlx::query("DELETE FROM _sqlx_migrations WHERE version = 21").execute(&mut raw).await.unwrap();
    drop(raw);
    let store = open(dir.path()).await;
    let trackers = Grant { permission: "command_trackers".into(), area: EVERYWHERE.into() };
    assert_eq!(store.grants("admin").await.unwrap(), [grant(EVERYWHERE), trackers]);
    assert_eq!(store.grants("lan").await.unwrap(), [grant("ba-dinh")]);
}
