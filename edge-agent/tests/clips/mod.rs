//! Pictures of clips, read as the service reads cameras.

use std::ops::ControlFlow;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use hardware_camera::Cameras;
use hardware_ports::SystemClock;
use hardware_ports::camera::{CameraSource, Picture};
use hardware_ports::units::{NextUnit, PictureDecoder, UnitDriver};

/// Long enough for a busy machine; reached only by a test that fails.
const LONG: Duration = Duration::from_secs(60);

/// Every picture in its order, until `see` has enough or the clip is over.
pub fn each_picture(clip: &Path, mut see: impl FnMut(Picture) -> ControlFlow<()>) {
    let cameras = Cameras::new(Arc::new(SystemClock::new()), &[]).unwrap();
    let source = CameraSource { url: clip.display().to_string(), ..CameraSource::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let mut units = UnitDriver::open(&cameras, &source).await.unwrap();
        let mut decoder: Option<Box<dyn PictureDecoder>> = None;
        let mut frames = Vec::new();
        loop {
            let next = tokio::time::timeout(LONG, units.next()).await;
            let next = next.unwrap_or_else(|_| panic!("{source}: nothing came for {LONG:?}")).unwrap();
            let is_over = matches!(next, NextUnit::End);
            match next {
                NextUnit::Unit(unit) => {
                    let new = || cameras.decoder(&source, &unit.format).unwrap();
                    decoder.get_or_insert_with(new).decode(&unit, &mut frames).unwrap();
                }
                NextUnit::Lost => panic!("{source}: a file lost something"),
                NextUnit::End => decoder.iter_mut().for_each(|d| d.drain(&mut frames).unwrap()),
            }
            for frame in frames.drain(..) {
                if see(frame.picture).is_break() {
                    return;
                }
            }
            if is_over {
                return;
            }
        }
    });
}
