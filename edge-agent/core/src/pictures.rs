//! Live pictures on demand: a JPEG is made only when somebody asks, once per frame and width, however many look.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use hardware_ports::infer::{InferError, PictureEncoder};
use models_domain::{CameraId, UtcMillis};
use models_wire::convert::gateway::track_to_wire;
use models_wire::v1;
use tokio::sync::{Mutex as AsyncMutex, Semaphore};

use crate::board::{Board, Seen};

/// JPEGs made at the same time: looking must not starve analysis.
const ENCODERS: usize = 2;
/// Different widths of one frame that are remembered.
const WIDTHS: usize = 4;
/// Of 100; boxes and road users stay sharp, a 640x360 picture is some 40 KB.
const QUALITY: u8 = 70;

pub struct Pictures {
    board: Arc<Board>,
    encoder: Arc<dyn PictureEncoder>,
    encoders: Semaphore,
    shown_by_camera: Mutex<BTreeMap<CameraId, Arc<AsyncMutex<Shown>>>>,
}

/// JPEGs of one frame of one camera, by width.
#[derive(Default)]
struct Shown {
    at: Option<UtcMillis>,
    jpeg_by_width: BTreeMap<u32, Vec<u8>>,
}

#[derive(Debug, thiserror::Error)]
pub enum PictureError {
    #[error("camera {camera}: making a JPEG")]
    Encode {
        camera: CameraId,
        #[source]
        source: InferError,
    },
    #[error("camera {0}: making a JPEG was broken off")]
    Broken(CameraId),
}

impl Pictures {
    pub fn new(board: Arc<Board>, encoder: Arc<dyn PictureEncoder>) -> Self {
        let encoders = Semaphore::new(ENCODERS);
        Self { board, encoder, encoders, shown_by_camera: Mutex::default() }
    }

    /// The latest picture of `camera`; `None` when there is none, or none newer than asked for.
    ///
    /// # Errors
    /// [`PictureError`] when the picture cannot be encoded.
    pub async fn latest(
        &self,
        camera: &CameraId,
        request: v1::PictureRequest,
    ) -> Result<Option<v1::Picture>, PictureError> {
        self.board.ask(camera);
        // Another one, not a later one: the pole's clock may have been set back.
        let newer = |seen: &Seen| seen.frame.at.0 != request.newer_than_ms;
        let Some(seen) = self.board.camera(camera).and_then(|now| now.seen).filter(newer) else {
            return Ok(None);
        };
        let jpeg = self.jpeg(camera, &seen, request.max_width).await?;
        Ok(Some(v1::Picture {
            camera: camera.to_string(),
            at_ms: seen.frame.at.0,
            jpeg,
            width: seen.size.0,
            height: seen.size.1,
            tracks: seen.tracks.iter().map(track_to_wire).collect(),
        }))
    }

    async fn jpeg(&self, camera: &CameraId, seen: &Seen, max_width: u32) -> Result<Vec<u8>, PictureError> {
        let width = match max_width {
            0 => seen.frame.picture.width,
            some => some.min(seen.frame.picture.width),
        };
        let shown = {
            let mut all = self.shown_by_camera.lock().unwrap_or_else(PoisonError::into_inner);
            all.entry(camera.clone()).or_default().clone()
        };
        // Held while encoding: whoever asks for the same meanwhile finds it done.
        let mut shown = shown.lock().await;
        if shown.at != Some(seen.frame.at) {
            // An asker that looked at the board earlier must not undo a newer frame's work.
            if shown.at < Some(seen.frame.at) {
                *shown = Shown { at: Some(seen.frame.at), ..Shown::default() };
            } else {
                return self.encode(camera, seen, width).await;
            }
        }
        if let Some(jpeg) = shown.jpeg_by_width.get(&width) {
            return Ok(jpeg.clone());
        }
        let jpeg = self.encode(camera, seen, width).await?;
        if shown.jpeg_by_width.len() >= WIDTHS {
            shown.jpeg_by_width.pop_first();
        }
        shown.jpeg_by_width.insert(width, jpeg.clone());
        Ok(jpeg)
    }

    async fn encode(&self, camera: &CameraId, seen: &Seen, width: u32) -> Result<Vec<u8>, PictureError> {
        let broken = || PictureError::Broken(camera.clone());
        let _turn = self.encoders.acquire().await.map_err(|_| broken())?;
        let (encoder, picture) = (self.encoder.clone(), seen.frame.picture.clone());
        let made = tokio::task::spawn_blocking(move || encoder.jpeg(&picture, width, QUALITY)).await;
        made.map_err(|_| broken())?.map_err(|source| PictureError::Encode { camera: camera.clone(), source })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use hardware_ports::camera::{Frame, Picture};
    use models_domain::DurationMs;

    use super::*;

    /// Counts, and "encodes" to the width's text.
    #[derive(Default)]
    struct Counting(AtomicUsize);

    impl PictureEncoder for Counting {
        fn jpeg(&self, _: &Picture, max_width: u32, _: u8) -> Result<Vec<u8>, InferError> {
            self.0.fetch_add(1, Ordering::Relaxed);
            Ok(max_width.to_string().into_bytes())
        }
    }

    fn show(board: &Board, camera: &CameraId, at: i64) {
        let picture = Picture::from_rgb(64, 36, vec![0; 64 * 36 * 3]);
        let frame = Frame { at: UtcMillis(at), pts: DurationMs(at), picture };
        let seen = Seen { frame, tracks: Vec::new(), size: (640, 360) };
        board.update_camera(camera, |now| now.seen = Some(seen));
    }

    #[tokio::test]
    async fn ten_viewers_cost_one_encoding() {
        let (board, counting) = (Arc::new(Board::default()), Arc::new(Counting::default()));
        let pictures = Arc::new(Pictures::new(board.clone(), counting.clone()));
        let camera: CameraId = "cam".parse().unwrap();
        let ask = |max_width, newer_than_ms| v1::PictureRequest { max_width, newer_than_ms };
        assert_eq!(pictures.latest(&camera, ask(0, 0)).await.unwrap(), None);

        show(&board, &camera, 100);
        let viewers: Vec<_> = (0..10)
            .map(|_| {
                let (pictures, camera) = (pictures.clone(), camera.clone());
                tokio::spawn(async move { pictures.latest(&camera, ask(32, 99)).await.unwrap().unwrap() })
            })
            .collect();
        for viewer in viewers {
            let picture = viewer.await.unwrap();
            assert_eq!((picture.at_ms, &picture.jpeg[..], picture.width), (100, &b"32"[..], 640));
        }
        assert_eq!(counting.0.load(Ordering::Relaxed), 1);
        assert_eq!(pictures.latest(&camera, ask(32, 100)).await.unwrap(), None);

        show(&board, &camera, 101);
        assert_eq!(pictures.latest(&camera, ask(32, 100)).await.unwrap().unwrap().at_ms, 101);
        assert_eq!(pictures.latest(&camera, ask(0, 0)).await.unwrap().unwrap().jpeg, b"64");
        assert_eq!(counting.0.load(Ordering::Relaxed), 3);
    }
}
