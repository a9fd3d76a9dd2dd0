//! Evidence: its pictures are wanted from the moment its event is stored, and neither of them goes while they are here.

use models_domain::count::Direction;
use models_domain::signal::red_light::{EvidenceStill, Passage, RedLightRun};
use models_domain::{BBox, Class, DurationMs, EventBody, EventId, GatewayId, Seq, TrackId, UtcMillis};

use super::{commit, new, open, rule};

fn red_light() -> EventBody {
    let at = UtcMillis(500);
    let still = |n| EvidenceStill { at, bbox: BBox::default(), sha256: [n; 32] };
    let run = RedLightRun {
        line: "stop".parse().unwrap(),
        direction: Direction::ToLeft,
        junction: "a".parse().unwrap(),
        group: 1,
        class: Class::Motorcycle,
        track: TrackId(1),
        passage: Passage { before: at, at, beyond: at, after: at },
        red_for: DurationMs(1),
        into_red: DurationMs(1),
        camera_error: DurationMs(1),
        signal_error: DurationMs(1),
        clock_ahead: DurationMs(0),
        known_until: at,
        lamp: Vec::new(),
        stills: vec![still(0), still(1), still(2)],
    };
    EventBody::RedLight { camera: "c-1".parse().unwrap(), run: Box::new(run) }
}

#[tokio::test]
async fn pictures_of_evidence_are_wanted_until_they_are_here_and_keep_their_event() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    let events = vec![new(1, 1, 500, red_light()), new(1, 2, 600, rule("c-1")), new(1, 3, 700, rule("c-1"))];
    store.store(&commit(events)).await.unwrap();
    let gateway: GatewayId = "pole-1".parse().unwrap();
    let id = EventId { boot: 1, seq: Seq(1) };
    let now = UtcMillis(2_000);
    let wanted = store.wanted_stills(now, 10).await.unwrap();
    let names: Vec<_> = wanted.iter().map(|w| (w.id, w.part, w.sha256[0], w.tries)).collect();
    assert_eq!(names, [(id, 0, 0, 0), (id, 1, 1, 0), (id, 2, 2, 0)]);

    // One is kept, one is asked for later, one is given up; a hall that is started again knows.
    store.keep_evidence(&wanted[0], b"jpeg", now).await.unwrap();
    let mut later = wanted[1].clone();
    later.tries = 4;
    store.want_again(&later, Some(UtcMillis(9_000))).await.unwrap();
    store.want_again(&wanted[2], None).await.unwrap();
    drop(store);
    let store = open(dir.path()).await;
    assert_eq!(store.wanted_stills(UtcMillis(8_999), 10).await.unwrap(), []);
    assert_eq!(store.count_wanted_stills().await.unwrap(), 1, "the one that is put off");
    assert_eq!(store.wanted_stills(UtcMillis(9_000), 10).await.unwrap(), [later.clone()]);
    assert_eq!(store.wanted_still(&gateway, id, 1).await.unwrap(), Some(later));
    assert_eq!(store.wanted_still(&gateway, id, 2).await.unwrap(), None);
    assert_eq!(store.evidence(&gateway, id, 0).await.unwrap().as_deref(), Some(&b"jpeg"[..]));
    assert_eq!(store.evidence(&gateway, id, 1).await.unwrap(), None);

    // What is still to be fetched keeps its event as well.
    let gone = store.forget_evidence(0).await.unwrap();
    assert_eq!((gone, store.evidence(&gateway, id, 0).await.unwrap()), (1, None));
    store.keep_evidence(&wanted[0], b"jpeg", now).await.unwrap();
    let forgotten = store.forget_events(UtcMillis(i64::MAX), 0).await.unwrap();
    assert_eq!(forgotten.events, 1, "the rule's event goes; the newest always stays");
    // What was given up is evidence still: nothing that is not checked may stand in for it.
    assert_eq!(store.event_kind("pole-1", 1, 1).await.unwrap().as_deref(), Some("red_light"));
    assert!(store.event_kind("pole-1", 1, 2).await.unwrap().is_none());
}

#[tokio::test]
async fn the_oldest_pictures_go_when_there_is_no_room() {
    let dir = tempfile::tempdir().unwrap();
    let store = open(dir.path()).await;
    store.store(&commit(vec![new(1, 1, 500, red_light())])).await.unwrap();
    let now = UtcMillis(2_000);
    let wanted = store.wanted_stills(now, 10).await.unwrap();
    for still in &wanted {
        store.keep_evidence(still, &[7; 100], now).await.unwrap();
    }
    let (gateway, id) = (&wanted[0].gateway, wanted[0].id);
    let there = async || {
        let mut there = Vec::new();
        for part in 0..3 {
            there.push(store.evidence(gateway, id, part).await.unwrap().is_some());
        }
        there
    };
    assert_eq!((store.forget_evidence(300).await.unwrap(), there().await), (0, vec![true; 3]));
    assert_eq!((store.forget_evidence(299).await.unwrap(), there().await), (1, vec![false, true, true]));
    assert_eq!((store.forget_evidence(0).await.unwrap(), there().await), (2, vec![false; 3]));
    // Neither is fetched again, and nothing stands in for it.
    assert_eq!(store.wanted_stills(UtcMillis(i64::MAX), 10).await.unwrap(), []);
}
