//! Many cameras, one scripted network: everybody is answered once, and a panic harms nobody else.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::time::Duration;

use hardware_ports::{FakeClock, SystemClock};
use models_domain::{BBox, Class, UtcMillis};

use super::*;

/// Answers with one box as wide as the picture, so that everybody can tell whose answer it has; waits for a word first.
struct Gate {
    words: Receiver<()>,
    /// The widths of the pictures of each batch.
    batches: SyncSender<Vec<u32>>,
}

impl Gate {
    fn look(self) -> Look {
        Box::new(move |pictures| {
            let widths: Vec<u32> = pictures.iter().map(|p| p.width).collect();
            self.batches.send(widths.clone()).unwrap();
            self.words.recv().unwrap();
            assert!(!widths.contains(&666), "on purpose");
            let of = |width: u32| {
                let bbox = BBox::new(0.0, 0.0, width.into(), 1.0);
                Ok(vec![Detection { class: Class::Car, bbox, score: 1.0 }])
            };
            widths.into_iter().map(of).collect()
        })
    }
}

struct Bench {
    shared: Option<SharedOrt>,
    go: SyncSender<()>,
    batches: Receiver<Vec<u32>>,
    answers: Receiver<(u32, String)>,
    told: SyncSender<(u32, String)>,
}

fn bench(sharing: Sharing, clock: Arc<dyn Clock>) -> Bench {
    let (go, words) = sync_channel(64);
    let (batch, batches) = sync_channel(64);
    let (told, answers) = sync_channel(64);
    let gate = Gate { words, batches: batch };
    let shared = SharedOrt::start_with(vec![gate.look()], sharing, clock).unwrap();
    Bench { shared: Some(shared), go, batches, answers, told }
}

impl Bench {
    fn fake(sharing: Sharing) -> Self {
        bench(sharing, Arc::new(FakeClock::at(UtcMillis(0))))
    }

    /// A picture `width` pixels wide of a camera.
    fn submit(&self, camera: &str, width: u32) {
        let told = self.told.clone();
        let answer = move |answer| {
            let text = match answer {
                Answer::Seen(found) => format!("seen {}", found[0].bbox.w),
                Answer::Shed => "shed".to_owned(),
                Answer::Failed(err) => err.to_string(),
            };
            told.send((width, text)).unwrap();
            assert_ne!(width, 13, "on purpose");
        };
        let picture = Picture::from_rgb(width, 2, Vec::new());
        let shared = self.shared.as_ref().unwrap();
        shared.submit(&camera.parse().unwrap(), Priority::Incident, picture, Box::new(answer));
    }

    #[track_caller]
    fn batch(&self, want: &[u32]) {
        assert_eq!(self.batches.recv().unwrap(), want);
    }

    #[track_caller]
    fn answer(&self, width: u32, want: &str) {
        assert_eq!(self.answers.recv().unwrap(), (width, want.to_owned()));
    }
}

#[test]
fn everybody_gets_the_answer_to_his_own_picture_once() {
    let mut bench = Bench::fake(Sharing { batch: 2, wait: Duration::ZERO });
    bench.submit("a", 1);
    bench.batch(&[1]);
    // The network is busy: of a's pictures only the newest is kept.
    for (camera, width) in [("a", 2), ("b", 3), ("a", 4), ("c", 5)] {
        bench.submit(camera, width);
    }
    bench.answer(2, "shed");
    bench.go.send(()).unwrap();
    bench.answer(1, "seen 1");
    // a was served a moment ago, so b and c go first.
    bench.batch(&[3, 5]);
    bench.go.send(()).unwrap();
    bench.answer(3, "seen 3");
    bench.answer(5, "seen 5");
    bench.batch(&[4]);
    bench.submit("b", 6);
    let served = bench.shared.as_ref().unwrap().served();
    assert_eq!(served[&"a".parse().unwrap()], Served { seen: 2, shed: 1 });
    // What waits when it ends is shed.
    bench.go.send(()).unwrap();
    bench.answer(4, "seen 4");
    bench.batch(&[6]);
    bench.submit("c", 7);
    bench.go.send(()).unwrap();
    let shared = bench.shared.take().unwrap();
    let go = bench.go.clone();
    // The thread may have taken the last picture before it heard of the end.
    go.send(()).unwrap();
    drop(shared);
    let mut last = [bench.answers.recv().unwrap(), bench.answers.recv().unwrap()];
    last.sort();
    assert_eq!(last[0], (6, "seen 6".to_owned()));
    assert!(last[1] == (7, "shed".to_owned()) || last[1] == (7, "seen 7".to_owned()), "{last:?}");
    assert!(bench.answers.try_recv().is_err());
}

#[test]
fn a_batch_waits_until_it_is_full() {
    // The clock stands still, so the wait never ends by itself.
    let bench = Bench::fake(Sharing { batch: 3, wait: Duration::from_millis(1) });
    for (camera, width) in [("a", 1), ("b", 2), ("c", 3)] {
        bench.submit(camera, width);
    }
    bench.batch(&[1, 2, 3]);
    bench.go.send(()).unwrap();
    for width in [1, 2, 3] {
        bench.answer(width, &format!("seen {width}"));
    }
}

#[test]
fn a_batch_that_is_not_full_goes_when_its_time_is_over() {
    let sharing = Sharing { batch: 8, wait: Duration::from_millis(5) };
    let bench = bench(sharing, Arc::new(SystemClock::new()));
    bench.submit("a", 1);
    bench.batch(&[1]);
    bench.go.send(()).unwrap();
    bench.answer(1, "seen 1");
}

#[test]
fn a_panic_of_the_network_or_of_a_camera_harms_nobody_else() {
    let bench = Bench::fake(Sharing::default());
    for (width, want) in [
        (1, "seen 1"),
        (666, "model shared: it gave no answer; a panic stands in the log"),
        (13, "seen 13"),
        (2, "seen 2"),
    ] {
        bench.submit("a", width);
        bench.batch(&[width]);
        bench.go.send(()).unwrap();
        bench.answer(width, want);
    }
}

#[test]
fn callers_that_wait_are_gathered_too() {
    let bench = Bench::fake(Sharing { batch: 3, wait: Duration::from_millis(1) });
    let shared = bench.shared.as_ref().unwrap();
    std::thread::scope(|scope| {
        for width in [10, 20, 30] {
            scope.spawn(move || {
                let found = shared.detect(&Picture::from_rgb(width, 2, Vec::new())).unwrap();
                assert_eq!(found[0].bbox.w, f64::from(width));
            });
        }
        let mut batch = bench.batches.recv().unwrap();
        batch.sort();
        assert_eq!(batch, [10, 20, 30]);
        bench.go.send(()).unwrap();
    });
}
