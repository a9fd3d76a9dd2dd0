//! The camera gateway: one network and as many lanes as cores for all cameras, one task for each camera.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::num::NonZeroUsize;
use std::sync::Arc;

use edge_agent_core::board::Board;
use edge_agent_core::camera_worker::eye::Decoders;
use edge_agent_core::camera_worker::{CameraTask, CameraWorker, Doors};
use edge_agent_core::lanes::Lanes;
use edge_agent_core::supervise::{Failure, chain, forever};
use hardware_camera::{Cameras, DecoderKind};
use hardware_infer::{BoxColours, Meter};
use hardware_ports::Clock;
use hardware_ports::infer::{Detector, PictureMeter};
use hardware_ports::units::UnitDriver;
use models_domain::event::{Link, LinkState};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Part, Pole};
use crate::config::{Camera, Config};
use crate::models;
use crate::profile::Inference;

/// The camera gateway, when its section is there.
pub fn parts(config: &Config, pole: &Pole, stop: &CancellationToken) -> Vec<Part> {
    let (Some(cameras), Some(courses)) = (&config.cameras, &pole.courses) else { return Vec::new() };
    let (Some(stills), Some(tracks)) = (&pole.stills, &pole.tracks) else { return Vec::new() };
    let (model, inference, kinds) =
        (cameras.model.clone(), cameras.inference.clone(), cameras.decoders.clone());
    let cores = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let at_once = inference.cameras_at_once(cores);
    let tasks: Vec<CameraTask> = cameras.cameras.iter().map(task).collect();
    let (events, stills, tracks) = (courses.clone(), stills.clone(), tracks.clone());
    let (board, clock, stop) = (pole.board.clone(), pole.clock.clone(), stop.clone());
    let red_lights = pole.red_lights.clone();
    let name = format!("[cameras] {} of them", tasks.len());
    let part = Part::new(name, move |begun| {
        let (model, inference, kinds) = (model.clone(), inference.clone(), kinds.clone());
        let (tasks, stop) = (tasks.clone(), stop.clone());
        let (events, stills, tracks) = (events.clone(), stills.clone(), tracks.clone());
        let (board, clock, red_lights) = (board.clone(), clock.clone(), red_lights.clone());
        async move {
            let (driver, detector) = match open(model, inference, kinds, clock.clone()).await {
                Ok(opened) => opened,
                Err(err) => {
                    tell_all(&board, &tasks, &chain(&*err));
                    return Err(err);
                }
            };
            begun.well();
            let decoders = Arc::new(Decoders::new(at_once));
            let lanes = Lanes::new(at_once, clock.clone());
            let meter: Option<Arc<dyn PictureMeter>> = Some(Arc::new(Meter));
            let colours = Arc::new(BoxColours);
            let doors = Doors {
                driver,
                detector,
                meter,
                lanes,
                decoders,
                events,
                stills,
                tracks,
                colours,
                board,
                red_lights,
                clock,
            };
            run_all(tasks, doors, stop).await;
            Ok(())
        }
    });
    vec![part]
}

type Opened = (Arc<dyn UnitDriver>, Arc<dyn Detector>);

/// Loading a network takes a second: not on one of the runtime's threads.
async fn open(
    model: Option<String>,
    inference: Inference,
    decoders: Vec<DecoderKind>,
    clock: Arc<dyn Clock>,
) -> Result<Opened, Failure> {
    let opened = tokio::task::spawn_blocking(move || -> anyhow::Result<Opened> {
        let detector = models::open_for_cameras(model.as_deref(), &inference, clock.clone())?;
        Ok((Arc::new(Cameras::new(clock, &decoders)?), detector))
    });
    Ok(opened.await??)
}

/// A worker ends only when stopped; one that panics is begun again and harms no other.
async fn run_all(tasks: Vec<CameraTask>, doors: Doors, stop: CancellationToken) {
    let mut workers = JoinSet::new();
    for task in tasks {
        let (doors, stop) = (doors.clone(), stop.clone());
        workers.spawn(async move {
            let name = format!("camera {}", task.id);
            let run = || {
                let (task, doors, stop) = (task.clone(), doors.clone(), stop.clone());
                async move {
                    let worker = CameraWorker::new(task, doors).map_err(|problems| problems.join("; "))?;
                    worker.run(&stop).await;
                    Ok(())
                }
            };
            forever(&name, &*doors.clock, &stop, run).await;
        });
    }
    while workers.join_next().await.is_some() {}
}

fn task(camera: &Camera) -> CameraTask {
    let mut hasher = DefaultHasher::new();
    (&camera.site.id, std::process::id()).hash(&mut hasher);
    CameraTask {
        id: camera.site.id.clone(),
        source: camera.source.clone(),
        scene: camera.site.scene.clone(),
        analyze_fps: camera.analyze_fps,
        pinned: camera.pinned,
        priority: camera.priority,
        crossings: camera.crossings,
        red_lights: camera.red_lights.iter().map(|light| light.spec.clone()).collect(),
        seed: hasher.finish(),
    }
}

fn tell_all(board: &Board, tasks: &[CameraTask], why: &str) {
    for task in tasks {
        let state = LinkState { link: Link::Down, reason: why.to_owned() };
        board.update_camera(&task.id, |now| now.state = state);
    }
}
