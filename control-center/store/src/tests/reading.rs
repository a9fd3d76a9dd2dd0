//! What was stored comes back: lists by pages, sums, the last of each.

use models_domain::event::{Phase, RuleEvent, Way};
use models_domain::{Class, EventBody, MeasureKind, UtcMillis};

use super::{commit, crossing, fix, new, open, rule, stats};
use crate::{Gap, ListFilter, NewEvent, PageKey, Span, StateRow, Store};

const NOW: PageKey = PageKey { at: UtcMillis(i64::MAX), id: i64::MAX };

async fn pages(store: &Store, kinds: &[&str], subject: Option<&str>, limit: u32) -> Vec<Vec<u64>> {
    let (mut before, mut pages) = (NOW, Vec::new());
    loop {
        let filter = ListFilter { kinds, subject, before, limit };
        let rows = store.list(&filter).await.unwrap();
        let Some(last) = rows.last() else { return pages };
        before = last.key;
        pages.push(rows.iter().map(|row| row.seq).collect());
    }
}

#[tokio::test]
async fn lists_are_newest_first_by_pages_and_kinds() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    // Two at the same millisecond, one late, one of another camera, one of the masses.
    let events = vec![
        new(1, 1, 50, rule("c-1")),
        new(1, 2, 70, crossing("c-1", Class::Car)),
        new(1, 3, 70, rule("c-1")),
        new(1, 4, 20, rule("c-2")),
        new(1, 5, 90, fix("bus-1", 90)),
    ];
    store.store(&commit(events)).await.unwrap();
    let both = ["rule", "line_crossing"];
    assert_eq!(pages(&store, &both, None, 2).await, [vec![3, 2], vec![1, 4]]);
    assert_eq!(pages(&store, &both, None, 1).await, [vec![3], vec![2], vec![1], vec![4]]);
    assert_eq!(pages(&store, &both, Some("c-2"), 9).await, [vec![4]]);
    assert_eq!(pages(&store, &["fix"], None, 9).await, [vec![5]]);
    assert!(store.event_kind("pole-1", 1, 5).await.unwrap().is_some());
    assert!(store.event_kind("pole-1", 1, 6).await.unwrap().is_none());
}

#[tokio::test]
async fn unreadable_events_gaps_and_numbers_of_a_hostile_pole_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let unread = NewEvent { event: None, ..new(1, 9, 0, rule("c-1")) };
    let huge = new(1, 10, i64::MAX, stats(u64::MAX));
    let mut it = commit(vec![unread, huge, new(1, 11, i64::MIN, stats(u64::MAX))]);
    it.gaps.push(Gap { gateway: "pole-1".parse().unwrap(), boot: 1, from: 1, to: 8 });
    store.store(&it).await.unwrap();
    assert_eq!(pages(&store, &["unknown"], None, 9).await, [vec![9]]);
    store.figures(UtcMillis(i64::MIN)).await.unwrap();
    assert_eq!(store.progress().await.unwrap(), [("pole-1".parse().unwrap(), 1, 11)]);
    assert!(store.store(&commit(vec![new(u64::MAX, 1, 0, rule("c-1"))])).await.is_err());
}

#[tokio::test]
async fn the_last_of_each_gateway_vehicle_and_session() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let gateway = "pole-1".parse().unwrap();
    for heard in [1, 2] {
        let row = StateRow {
            gateway: &gateway,
            heard: UtcMillis(heard),
            cameras_up: 4,
            junctions_up: 1,
            payload: &heard.to_be_bytes(),
        };
        store.save_state(&row).await.unwrap();
    }
    let saved = store.states().await.unwrap();
    assert_eq!(
        (saved.len(), saved[0].heard, &saved[0].payload[..]),
        (1, UtcMillis(2), &2_i64.to_be_bytes()[..])
    );
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap().cameras_up, 4);
    store.save_alive(Some(&gateway), false).await.unwrap();
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap().cameras_up, 0);

    let fixes = [fix("bus-1", 5), fix("bus-2", 6), fix("bus-1", 7)];
    let events = (1..).zip(fixes).map(|(seq, body)| new(1, seq, 0, body)).collect();
    store.store(&commit(events)).await.unwrap();
    let last = store.last_fixes(UtcMillis(6)).await.unwrap();
    assert_eq!(last.iter().map(|(_, p)| p[7]).collect::<Vec<_>>(), [2, 3]);

    store.set_password_hash("admin", "h", UtcMillis(0)).await.unwrap();
    store.add_session(&[7; 32], "admin", UtcMillis(0), UtcMillis(10)).await.unwrap();
    assert!(store.session(&[7; 32], UtcMillis(9)).await.unwrap().is_some());
    assert!(store.session(&[7; 32], UtcMillis(10)).await.unwrap().is_none());
    assert!(store.session(&[8; 32], UtcMillis(9)).await.unwrap().is_none());
    store.set_password_hash("admin", "other", UtcMillis(0)).await.unwrap();
    assert!(store.session(&[7; 32], UtcMillis(9)).await.unwrap().is_none());
    assert!(store.add_session(&[9; 32], "nobody", UtcMillis(0), UtcMillis(10)).await.is_err());
}

/// A queue of a zone as it began, and a turning movement of the minute.
#[tokio::test]
async fn measures_come_back_by_camera_and_rule() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let tell = |camera: &str, event: RuleEvent| EventBody::Rule { camera: camera.parse().unwrap(), event };
    let queue = RuleEvent {
        zone: Some("north".parse().unwrap()),
        measures: vec![MeasureKind::QueueMeters.of(41.5), MeasureKind::Vehicles.of(7.0)],
        ..RuleEvent::new("queue", Phase::Begun, UtcMillis(10))
    };
    let turn = RuleEvent {
        way: Some(Way { from: "north".into(), to: "east".into() }),
        class: Some(Class::Motorcycle),
        measures: vec![MeasureKind::Vehicles.of(31.0), MeasureKind::Pcu.of(f64::NAN)],
        ..RuleEvent::new("turning_movement", Phase::Figure, UtcMillis(0))
    };
    let events = vec![
        new(1, 1, 50, tell("c-1", queue)),
        new(1, 2, 60, tell("c-1", turn.clone())),
        new(1, 3, 70, tell("c-2", turn)),
        new(1, 4, 80, rule("c-1")),
    ];
    store.store(&commit(events)).await.unwrap();
    let span = Span { from: UtcMillis(0), to: UtcMillis(100) };
    let all = store.measures(None, None, span, 99).await.unwrap();
    let row = |r: &crate::MeasureRow| {
        format!("{} {} {} {} {}={}", r.at.0, r.camera, r.rule, r.phase, r.what, r.value)
    };
    assert_eq!(
        all.iter().map(row).collect::<Vec<_>>(),
        [
            "50 c-1 queue begun queue_m=41.5",
            "50 c-1 queue begun vehicles=7",
            "60 c-1 turning_movement figure vehicles=31",
            "70 c-2 turning_movement figure vehicles=31",
        ]
    );
    assert_eq!(all[2].way, Some(("north".into(), "east".into())));
    assert_eq!((all[0].zone.as_deref(), all[2].road_user.as_deref()), (Some("north"), Some("motorcycle")));
    assert_eq!(store.measures(Some("c-1"), Some("queue"), span, 99).await.unwrap().len(), 2);
    assert_eq!(
        store.measures(None, None, Span { from: UtcMillis(60), to: UtcMillis(70) }, 99).await.unwrap().len(),
        1
    );
    // Figures are a kind of their own: they bury no event in the list, and are no rule events in the totals.
    assert_eq!(pages(&store, &["rule"], None, 9).await, [vec![4, 1]]);
    assert_eq!(pages(&store, &["figure"], None, 9).await, [vec![3, 2]]);
    assert_eq!(store.figures(UtcMillis(0)).await.unwrap().rule_events, 2);
}
