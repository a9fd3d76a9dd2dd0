//! Many cameras, one scripted network: everybody gets the answer to its own picture, and a panic harms nobody else.

use std::sync::mpsc::Receiver;

use hardware_ports::{FakeClock, SystemClock};
use models_domain::{BBox, Class, UtcMillis};

use super::*;

struct Bench {
    shared: SharedOrt,
    go: SyncSender<()>,
    /// The widths of the pictures of each batch.
    batches: Receiver<Vec<u32>>,
}

/// Answers with one box as wide as the picture, so that everybody can tell whose answer it has; waits for a word first.
fn bench(sharing: Sharing, clock: Arc<dyn Clock>) -> Bench {
    let (go, words) = sync_channel::<()>(64);
    let (batch, batches) = sync_channel(64);
    let look: Look = Box::new(move |pictures| {
        let widths: Vec<u32> = pictures.iter().map(|p| p.width).collect();
        batch.send(widths.clone()).unwrap();
        words.recv().unwrap();
        assert!(!widths.contains(&666), "on purpose");
        let of = |width: u32| {
            let bbox = BBox::new(0.0, 0.0, width.into(), 1.0);
            Ok(vec![Detection { class: Class::Car, bbox, score: 1.0 }])
        };
        widths.into_iter().map(of).collect()
    });
    Bench { shared: SharedOrt::start_with(vec![look], sharing, clock).unwrap(), go, batches }
}

fn fake(sharing: Sharing) -> Bench {
    bench(sharing, Arc::new(FakeClock::at(UtcMillis(0))))
}

/// What somebody is told who waits for a picture `width` pixels wide.
fn ask(shared: &SharedOrt, width: u32) -> String {
    match shared.detect(&Picture::from_rgb(width, 2, Vec::new())) {
        Ok(found) => format!("seen {}", found[0].bbox.w),
        Err(err) => err.to_string(),
    }
}

fn until_waiting(shared: &SharedOrt, count: usize) {
    while shared.shared.state().jobs.len() < count {
        std::thread::yield_now();
    }
}

#[test]
fn who_came_first_is_served_first_in_batches() {
    let bench = fake(Sharing { batch: 2, wait: Duration::ZERO });
    let shared = &bench.shared;
    std::thread::scope(|scope| {
        scope.spawn(move || assert_eq!(ask(shared, 1), "seen 1"));
        assert_eq!(bench.batches.recv().unwrap(), [1]);
        // The network is busy meanwhile.
        for (n, width) in [2, 3, 4].into_iter().enumerate() {
            scope.spawn(move || assert_eq!(ask(shared, width), format!("seen {width}")));
            until_waiting(shared, n + 1);
        }
        (0..3).for_each(|_| bench.go.send(()).unwrap());
        assert_eq!(bench.batches.recv().unwrap(), [2, 3]);
        assert_eq!(bench.batches.recv().unwrap(), [4]);
    });
}

#[test]
fn a_batch_waits_until_it_is_full() {
    // The clock stands still, so the wait never ends by itself.
    let bench = fake(Sharing { batch: 3, wait: Duration::from_millis(1) });
    bench.go.send(()).unwrap();
    let shared = &bench.shared;
    std::thread::scope(|scope| {
        for width in [10, 20, 30] {
            scope.spawn(move || assert_eq!(ask(shared, width), format!("seen {width}")));
        }
        let mut batch = bench.batches.recv().unwrap();
        batch.sort();
        assert_eq!(batch, [10, 20, 30]);
    });
}

#[test]
fn a_batch_that_is_not_full_goes_when_its_time_is_over() {
    let sharing = Sharing { batch: 8, wait: Duration::from_millis(5) };
    let bench = bench(sharing, Arc::new(SystemClock::new()));
    bench.go.send(()).unwrap();
    assert_eq!(ask(&bench.shared, 1), "seen 1");
    assert_eq!(bench.batches.recv().unwrap(), [1]);
}

#[test]
fn a_panic_of_the_network_harms_nobody_else() {
    let bench = fake(Sharing::default());
    (0..3).for_each(|_| bench.go.send(()).unwrap());
    assert_eq!(ask(&bench.shared, 1), "seen 1");
    assert_eq!(ask(&bench.shared, 666), "model shared: it gave no answer; a panic stands in the log");
    assert_eq!(ask(&bench.shared, 2), "seen 2");
}
