//! Annotated clips for people: RGB pictures in, an H.264 MP4 file out, whole or not at all.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use gst::prelude::*;
use hardware_ports::camera::{Picture, PixelFormat};
use models_domain::DurationMs;

use crate::decode::make;
use crate::problem;

/// How long the encoder may take over what it still holds when the clip is closed.
const CLOSE_WAIT: Duration = Duration::from_secs(60);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("writing the clip {}: {why}", path.display())]
pub struct WriteError {
    pub path: PathBuf,
    pub why: String,
}

/// Writes a clip beside its place as `NAME.part` and renames it when it is closed or dropped, so that no half clip is taken
/// for a whole one.
pub struct Mp4Writer {
    path: PathBuf,
    part: PathBuf,
    size: (u32, u32),
    pipeline: gst::Pipeline,
    input: gst_app::AppSrc,
    outcome: Arc<Outcome>,
    /// The newest picture, held back until the next one says how long it stood.
    held: Option<(gst::Buffer, DurationMs)>,
    interval: DurationMs,
    closed: bool,
}

/// What became of the pipeline: `None` while it works.
#[derive(Default)]
struct Outcome {
    done: Mutex<Option<Result<(), String>>>,
    changed: Condvar,
}

impl Mp4Writer {
    /// A clip of pictures of `width` x `height`. An odd last row or column is left out: H.264 has none.
    ///
    /// # Errors
    /// [`WriteError`] when the folder cannot be written to or an element of GStreamer is missing.
    pub fn create(path: &Path, width: u32, height: u32) -> Result<Self, WriteError> {
        let fail = |why: String| WriteError { path: path.to_owned(), why };
        gst::init().map_err(|err| fail(format!("GStreamer cannot be started: {err}")))?;
        let size = (width & !1, height & !1);
        if size.0 < 2 || size.1 < 2 {
            return Err(fail(format!("pictures of {width} x {height} are too small")));
        }
        let mut name = path.file_name().ok_or_else(|| fail("it has no file name".to_owned()))?.to_owned();
        name.push(".part");
        let part = path.with_file_name(name);
        // Opening it here gives the system's own reason, which GStreamer would hide.
        std::fs::File::create(&part).map_err(|err| {
            fail(format!("{}: {err}; choose a folder that can be written to", part.display()))
        })?;
        let (pipeline, input, outcome) = start(&part, size).map_err(|why| {
            remove(&part);
            fail(why)
        })?;
        let path = path.to_owned();
        Ok(Self {
            path,
            part,
            size,
            pipeline,
            input,
            outcome,
            held: None,
            interval: DurationMs(40),
            closed: false,
        })
    }

    /// Adds a picture that is shown from `pts` on; waits when the encoder is behind.
    ///
    /// # Errors
    /// [`WriteError`] when the picture is not RGB of the clip's size, `pts` does not grow, or the disk is full.
    pub fn write(&mut self, picture: &Picture, pts: DurationMs) -> Result<(), WriteError> {
        let since = self.held.as_ref().map(|(_, last)| DurationMs(pts.0 - last.0));
        if pts.0 < 0 || since.is_some_and(|since| since.0 <= 0) {
            return Err(self.fail(format!("a picture at {} ms comes too late", pts.0)));
        }
        let rows = rows(picture, self.size).map_err(|why| self.fail(why))?;
        self.interval = since.unwrap_or(self.interval);
        match self.held.replace((gst::Buffer::from_mut_slice(rows), pts)) {
            Some(held) => self.push(held),
            None => Ok(()),
        }
    }

    fn push(&self, (mut buffer, pts): (gst::Buffer, DurationMs)) -> Result<(), WriteError> {
        let time = |ms: DurationMs| gst::ClockTime::from_mseconds(u64::try_from(ms.0).unwrap_or(0));
        let times = buffer.make_mut();
        times.set_pts(time(pts));
        // Without it the last picture of the clip would stand for no time, and readers would leave it out.
        times.set_duration(time(self.interval));
        if self.input.push_buffer(buffer).is_ok() {
            return Ok(());
        }
        // The error behind it may still be on its way.
        let why = match self.outcome.wait(Duration::from_secs(1)) {
            Some(Err(why)) => why,
            Some(Ok(())) | None => "the encoder stopped".to_owned(),
        };
        Err(self.fail(why))
    }

    /// Finishes the clip and gives it its name.
    ///
    /// # Errors
    /// [`WriteError`] when it could not be finished; nothing is left of it then.
    pub fn close(mut self) -> Result<(), WriteError> {
        self.finish()
    }

    fn finish(&mut self) -> Result<(), WriteError> {
        if std::mem::replace(&mut self.closed, true) {
            return Ok(());
        }
        let done = match self.held.take() {
            None => Err("no picture was written".to_owned()),
            Some(held) => self.push(held).map_err(|err| err.why).and_then(|()| {
                self.input.end_of_stream().map_err(|_| "the encoder stopped".to_owned())?;
                self.outcome.wait(CLOSE_WAIT).unwrap_or_else(|| Err("the encoder did not finish".to_owned()))
            }),
        };
        let stopped = self.pipeline.set_state(gst::State::Null).map(drop).map_err(|err| err.to_string());
        if let Some(bus) = self.pipeline.bus() {
            bus.unset_sync_handler();
        }
        let renamed = done.and(stopped).and_then(|()| {
            std::fs::rename(&self.part, &self.path)
                .map_err(|err| format!("renaming {}: {err}", self.part.display()))
        });
        renamed.map_err(|why| {
            remove(&self.part);
            self.fail(why)
        })
    }

    fn fail(&self, why: String) -> WriteError {
        WriteError { path: self.path.clone(), why }
    }
}

impl Drop for Mp4Writer {
    /// A clip that was not closed is not whole: nothing of it stays.
    fn drop(&mut self) {
        if let Err(err) = self.pipeline.set_state(gst::State::Null) {
            tracing::warn!(%err, path = %self.path.display(), "stopping the encoder");
        }
        remove(&self.part);
    }
}

impl Outcome {
    fn set(&self, outcome: Result<(), String>) {
        self.held().get_or_insert(outcome);
        self.changed.notify_all();
    }

    fn wait(&self, wait: Duration) -> Option<Result<(), String>> {
        let waited = self.changed.wait_timeout_while(self.held(), wait, |done| done.is_none());
        waited.unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// A plain value that no panic can leave half written.
    fn held(&self) -> MutexGuard<'_, Option<Result<(), String>>> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn start(part: &Path, size: (u32, u32)) -> Result<(gst::Pipeline, gst_app::AppSrc, Arc<Outcome>), String> {
    let text = |err: gst::glib::BoolError| err.to_string();
    let side =
        |pixels: u32| i32::try_from(pixels).map_err(|_| format!("a side of {pixels} pixels is too long"));
    let caps = gst::Caps::builder("video/x-raw")
        .field("format", "RGB")
        .field("width", side(size.0)?)
        .field("height", side(size.1)?)
        // Pictures carry their own time.
        .field("framerate", gst::Fraction::new(0, 1))
        .build();
    let input = gst_app::AppSrc::builder().caps(&caps).format(gst::Format::Time).block(true).build();
    input.set_max_bytes(0);
    input.set_max_buffers(4);
    let [convert, encode, mux, file] =
        [make("videoconvert")?, make("x264enc")?, make("mp4mux")?, make("filesink")?];
    encode.set_property_from_str("speed-preset", "veryfast");
    encode.set_property_from_str("pass", "qual");
    encode.set_property("quantizer", 23u32);
    // A picture in, a picture out: with pictures held back, x264 gives uneven times away.
    encode.set_property_from_str("tune", "zerolatency");
    encode.set_property("key-int-max", 50u32);
    file.set_property("location", part);
    let pipeline = gst::Pipeline::new();
    let chain = [input.upcast_ref(), &convert, &encode, &mux, &file];
    pipeline.add_many(chain).map_err(text)?;
    gst::Element::link_many([input.upcast_ref(), &convert]).map_err(text)?;
    // Otherwise RGB goes to x264 as 4:4:4, which browsers do not play.
    let yuv = gst::Caps::builder("video/x-raw").field("format", "I420").build();
    convert.link_filtered(&encode, &yuv).map_err(text)?;
    // No h264parse between: it would give each picture of an uneven clip a length of nothing.
    gst::Element::link_many([&encode, &mux, &file]).map_err(text)?;
    let outcome = Arc::new(Outcome::default());
    if let Some(bus) = pipeline.bus() {
        let outcome = Arc::clone(&outcome);
        bus.set_sync_handler(move |_, message| {
            if let gst::MessageView::Error(err) = message.view() {
                outcome.set(Err(problem::text(err)));
            } else if matches!(message.view(), gst::MessageView::Eos(_)) {
                outcome.set(Ok(()));
            }
            gst::BusSyncReply::Drop
        });
    }
    pipeline.set_state(gst::State::Playing).map_err(|_| "GStreamer did not start".to_owned())?;
    Ok((pipeline, input, outcome))
}

/// The picture's rows as GStreamer lays out RGB: each padded to a multiple of four bytes.
fn rows(picture: &Picture, (width, height): (u32, u32)) -> Result<Vec<u8>, String> {
    if picture.format != PixelFormat::Rgb || (picture.width & !1, picture.height & !1) != (width, height) {
        return Err(format!("{picture:?} is not an RGB picture of {width} x {height}"));
    }
    let plane = picture.planes.plane(0);
    let bytes = width as usize * 3;
    let stride = bytes.next_multiple_of(4);
    let mut out = vec![0; stride * height as usize];
    for (y, row) in out.chunks_exact_mut(stride).enumerate() {
        let from = plane.data.get(y * plane.stride..y * plane.stride + bytes);
        row[..bytes].copy_from_slice(from.ok_or("the picture has fewer bytes than its size says")?);
    }
    Ok(out)
}

fn remove(part: &Path) {
    if let Err(err) = std::fs::remove_file(part) {
        tracing::debug!(part = %part.display(), %err, "nothing to remove");
    }
}
