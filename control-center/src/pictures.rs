//! Live pictures: one loop per camera asks the pole, only while somebody looks; all viewers share it. Newest wins.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::Duration;

use hardware_ports::bus::Bus;
use models_domain::{CameraId, GatewayId};
use models_wire::keys::{Key, What};
use models_wire::v1;
use prost::Message;
use tokio::sync::watch;
use tokio_util::sync::{CancellationToken, DropGuard};

pub const FPS_DEFAULT: f32 = 5.0;
const FPS_MAX: f32 = 25.0;
/// How long a pole may take for one picture.
const PATIENCE: Duration = Duration::from_secs(2);
/// A pole that answered nothing is not asked again at once.
const PAUSE: Duration = Duration::from_millis(200);

/// What one viewer wishes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wish {
    /// 0 means as it is.
    pub max_width: u32,
    pub fps: f32,
}

impl Wish {
    /// Time between two pictures.
    pub fn every(self) -> Duration {
        let fps = if self.fps.is_finite() && self.fps > 0.0 { self.fps } else { FPS_DEFAULT };
        Duration::from_secs_f32(1.0 / fps.clamp(0.1, FPS_MAX))
    }
}

#[derive(Default)]
pub struct Pictures {
    feeds: Mutex<HashMap<CameraId, Weak<Feed>>>,
}

/// One camera that somebody looks at; the loop ends with the last viewer.
struct Feed {
    newest: watch::Sender<Option<Arc<v1::Picture>>>,
    wishes: Mutex<HashMap<u64, Wish>>,
    _loop: DropGuard,
}

/// A viewer's place; looking ends when it is dropped.
pub struct Look {
    pub newest: watch::Receiver<Option<Arc<v1::Picture>>>,
    feed: Arc<Feed>,
    number: u64,
}

impl Pictures {
    /// Looks at `camera` of `gateway`.
    pub fn look(&self, bus: &Arc<dyn Bus>, gateway: &GatewayId, camera: &CameraId, wish: Wish) -> Look {
        let mut feeds = lock(&self.feeds);
        let feed = feeds.get(camera).and_then(Weak::upgrade).unwrap_or_else(|| {
            feeds.retain(|_, feed| feed.strong_count() > 0);
            let feed = begin(bus.clone(), gateway, camera);
            feeds.insert(camera.clone(), Arc::downgrade(&feed));
            feed
        });
        let mut wishes = lock(&feed.wishes);
        let number = (0..).find(|n| !wishes.contains_key(n)).unwrap_or(0);
        wishes.insert(number, wish);
        drop(wishes);
        Look { newest: feed.newest.subscribe(), feed, number }
    }
}

impl Drop for Look {
    fn drop(&mut self) {
        lock(&self.feed.wishes).remove(&self.number);
    }
}

impl Feed {
    /// As often as the most eager viewer, as wide as the widest.
    fn wish(&self) -> Wish {
        let wishes = lock(&self.wishes);
        let whole = wishes.values().any(|w| w.max_width == 0);
        let widest = wishes.values().map(|w| w.max_width).max().unwrap_or(0);
        let every = wishes.values().map(|w| w.every()).min().unwrap_or(PAUSE);
        Wish { max_width: if whole { 0 } else { widest }, fps: 1.0 / every.as_secs_f32() }
    }
}

fn begin(bus: Arc<dyn Bus>, gateway: &GatewayId, camera: &CameraId) -> Arc<Feed> {
    let key = Key::new(gateway, What::Picture(camera.clone())).to_string();
    let stop = CancellationToken::new();
    let feed = Arc::new(Feed {
        newest: watch::channel(None).0,
        wishes: Mutex::default(),
        _loop: stop.clone().drop_guard(),
    });
    let weak = Arc::downgrade(&feed);
    tokio::spawn(async move {
        tokio::select! {
            () = stop.cancelled() => {}
            () = ask_on(bus, key, weak) => {}
        }
    });
    feed
}

async fn ask_on(bus: Arc<dyn Bus>, key: String, feed: Weak<Feed>) {
    let mut newest_ms = 0;
    while let Some(wish) = feed.upgrade().map(|feed| feed.wish()) {
        let begun = tokio::time::Instant::now();
        let request = v1::PictureRequest { max_width: wish.max_width, newer_than_ms: newest_ms };
        let pause = match bus.ask(&key, request.encode_to_vec(), PATIENCE).await {
            Ok(answers) => {
                let answers = answers.iter().filter(|a| a.key == key);
                let pictures = answers.filter_map(|a| v1::Picture::decode(&a.payload[..]).ok());
                match pictures.max_by_key(|p| p.at_ms) {
                    Some(picture) => {
                        newest_ms = picture.at_ms;
                        if let Some(feed) = feed.upgrade() {
                            feed.newest.send_replace(Some(Arc::new(picture)));
                        }
                        wish.every()
                    }
                    None => PAUSE,
                }
            }
            Err(err) => {
                tracing::debug!("asking for a picture: {err}");
                PATIENCE
            }
        };
        tokio::time::sleep_until(begun + pause).await;
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
