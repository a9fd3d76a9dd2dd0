//! The camera gateway: one network and as many lanes as cores for all cameras, one task for each camera.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::Arc;

use edge_agent_core::board::Board;
use edge_agent_core::camera_worker::eye::Decoders;
use edge_agent_core::camera_worker::{CameraTask, CameraWorker, Doors};
use edge_agent_core::lanes::Lanes;
use edge_agent_core::supervise::{Failure, chain, forever};
use hardware_camera::Cameras;
use hardware_infer::BoxColours;
use hardware_ports::Clock;
use hardware_ports::infer::Detector;
use hardware_ports::units::UnitDriver;
use models_domain::event::{Link, LinkState};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{Part, Pole};
use crate::config::{Camera, Config};
use crate::models;

/// The camera gateway, when its section is there.
pub fn parts(config: &Config, pole: &Pole, stop: &CancellationToken) -> Vec<Part> {
    let (Some(cameras), Some(stills), Some(tracks)) = (&config.cameras, &pole.stills, &pole.tracks) else {
        return Vec::new();
    };
    let (model, threads) = (cameras.model.clone(), cameras.threads);
    let tasks: Vec<CameraTask> = cameras.cameras.iter().map(task).collect();
    let (events, stills, tracks) = (pole.keeper.clone(), stills.clone(), tracks.clone());
    let (board, clock, stop) = (pole.board.clone(), pole.clock.clone(), stop.clone());
    let name = format!("[cameras] {} of them", tasks.len());
    let part = Part::new(name, move |begun| {
        let (model, tasks, stop) = (model.clone(), tasks.clone(), stop.clone());
        let (events, stills, tracks) = (events.clone(), stills.clone(), tracks.clone());
        let (board, clock) = (board.clone(), clock.clone());
        async move {
            let (driver, detector) = match open(model, threads, clock.clone()).await {
                Ok(opened) => opened,
                Err(err) => {
                    tell_all(&board, &tasks, &chain(&*err));
                    return Err(err);
                }
            };
            begun.well();
            let lanes = std::thread::available_parallelism().map_or(1, usize::from);
            let decoders = Arc::new(Decoders::new(lanes));
            let lanes = Lanes::new(lanes, clock.clone());
            let colours = Arc::new(BoxColours);
            let doors =
                Doors { driver, detector, lanes, decoders, events, stills, tracks, colours, board, clock };
            run_all(tasks, doors, stop).await;
            Ok(())
        }
    });
    vec![part]
}

type Opened = (Arc<dyn UnitDriver>, Arc<dyn Detector>);

/// Loading a network takes a second: not on one of the runtime's threads.
async fn open(model: Option<String>, threads: usize, clock: Arc<dyn Clock>) -> Result<Opened, Failure> {
    let opened = tokio::task::spawn_blocking(move || -> anyhow::Result<Opened> {
        let detector = models::open_for_tracking(model.as_deref(), threads)?;
        Ok((Arc::new(Cameras::new(clock)?), Arc::new(detector)))
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
        seed: hasher.finish(),
    }
}

fn tell_all(board: &Board, tasks: &[CameraTask], why: &str) {
    for task in tasks {
        let state = LinkState { link: Link::Down, reason: why.to_owned() };
        board.update_camera(&task.id, |now| now.state = state);
    }
}
