//! `camera-simulator`: street cameras for the demo and the tests. Serves real clips over RTSP, each camera from a server
//! of its own, as cameras are: it can be switched off without touching the others.

mod clip;
mod config;
mod plain;
mod server;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::rc::Rc;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use anyhow::{Context, bail};
use clap::Parser;
use gst::glib;

use crate::config::{Camera, Codec};
use crate::plain::Fault;
use crate::server::{Server, Shown};

/// Street cameras over RTSP, out of clips that play for ever at their own speed.
///
/// Prints a line of JSON for each camera that is ready: {"camera":"kim-ma","url":"rtsp://127.0.0.1:8555/kim-ma"}
///
/// Example: camera-simulator --config deploy/config/street-cameras.toml
/// Example: camera-simulator --clip street.mp4 --path /x --codec h265 --user admin --password secret --port 0
#[derive(Parser)]
#[command(version, verbatim_doc_comment)]
struct Args {
    /// Cameras to play.
    #[arg(long, value_name = "FILE", conflicts_with = "clip", required_unless_present = "clip")]
    config: Option<PathBuf>,
    /// Where the clips of the configuration lie; may be given more than once.
    #[arg(long, value_name = "DIR")]
    clips: Vec<PathBuf>,
    /// One camera that plays this clip.
    #[arg(long, value_name = "FILE")]
    clip: Option<PathBuf>,
    /// Path of that camera's address.
    #[arg(long, default_value = "/stream")]
    path: String,
    /// Its codec.
    #[arg(long, value_enum, default_value = "h264")]
    codec: Codec,
    /// Its user, with digest authentication.
    #[arg(long, requires = "password")]
    user: Option<String>,
    #[arg(long, requires = "user")]
    password: Option<String>,
    /// It goes away this often, for 3 s: 30s.
    #[arg(long, value_parser = config::seconds)]
    restart_every: Option<Duration>,
    /// That camera is asked by rtsps:// alone, and shows this certificate (PEM).
    #[arg(long, value_name = "FILE", requires_all = ["clip", "key"])]
    certificate: Option<PathBuf>,
    /// The certificate's key (PEM).
    #[arg(long, value_name = "FILE", requires = "certificate")]
    key: Option<PathBuf>,
    /// That camera misbehaves. It is then played by a small server of its own kind, as many times over as it is asked for,
    /// without a password.
    #[arg(long, value_enum, requires = "clip", conflicts_with_all = ["user", "restart_every", "certificate"])]
    fault: Option<Fault>,
    /// The clip is Matroska in that codec already and is played as it is.
    #[arg(long, requires = "fault")]
    as_is: bool,
    /// The clip that a camera plays which changes midway.
    #[arg(long, value_name = "FILE", requires = "fault")]
    other: Option<PathBuf>,
    /// Its codec.
    #[arg(long, value_enum, default_value = "h264")]
    other_codec: Codec,
    /// Port of the first camera; each next one adds 1. 0 takes free ports. Wins over the configuration.
    #[arg(long)]
    port: Option<u16>,
}

fn main() -> ExitCode {
    match run(Args::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(err) => {
            eprintln!("camera-simulator: {err:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: Args) -> anyhow::Result<()> {
    gst::init().context("starting GStreamer")?;
    if let (Some(fault), Some(clip)) = (args.fault, &args.clip) {
        return plain(&args, fault, clip);
    }
    let (cameras, port) = cameras(&args)?;
    let street = glib::MainLoop::new(None, false);
    end_on_signal(street.clone())?;
    let shown = args.certificate.zip(args.key).map(|(certificate, key)| Shown { certificate, key });
    let folders = if args.clips.is_empty() { config::usual_folders() } else { args.clips };
    let failed = Arc::new(OnceLock::new());
    let (told, end) = (Arc::clone(&failed), street.clone());
    std::thread::spawn(move || {
        if let Err(err) = start(&cameras, &folders, port, shown.as_ref()) {
            told.get_or_init(|| err);
            drop(told);
            // Through the loop's own queue: it may not have begun to run yet.
            glib::MainContext::default().invoke(move || end.quit());
        }
    });
    street.run();
    match Arc::into_inner(failed).and_then(OnceLock::into_inner) {
        Some(err) => Err(err),
        None => Ok(()),
    }
}

/// One camera by the plain server, until the program is killed or interrupted.
fn plain(args: &Args, fault: Fault, clip: &Path) -> anyhow::Result<()> {
    let whole = [Some(args.codec), args.other.is_some().then_some(args.other_codec)];
    if whole.contains(&Some(Codec::Mjpeg)) {
        bail!("a camera with a fault speaks h264 or h265");
    }
    let prepare = if args.as_is { clip::load } else { clip::prepare };
    let first = prepare(clip, args.codec)?;
    let other = args.other.as_deref().map(|other| clip::prepare(other, args.other_codec)).transpose()?;
    let other = other.as_ref().map(|clip| (clip, args.other_codec));
    let street = plain::Street::new(fault, (&first, args.codec), other);
    let path = args.path.trim_matches('/').to_owned();
    let ready = move |port| {
        let line = serde_json::json!({"camera": path, "url": format!("rtsp://127.0.0.1:{port}/{path}")});
        // Who does not read it has gone.
        let _ = writeln!(std::io::stdout(), "{line}");
    };
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    runtime.block_on(async {
        tokio::select! {
            served = plain::serve(street, args.port.unwrap_or(8554), ready) => served,
            _ = tokio::signal::ctrl_c() => Ok(()),
        }
    })
}

fn cameras(args: &Args) -> anyhow::Result<(Vec<Camera>, u16)> {
    if let Some(path) = &args.config {
        let street = config::read(path)?;
        return Ok((street.camera, args.port.unwrap_or(street.port)));
    }
    let clip = args.clip.clone().context("neither --config nor --clip is given")?;
    let camera = Camera {
        id: args.path.trim_matches('/').to_owned(),
        clips: vec![clip],
        codec: args.codec,
        user: args.user.clone(),
        password: args.password.clone(),
        restart_every_s: args.restart_every.map(|every| every.as_secs()),
    };
    Ok((vec![camera], args.port.unwrap_or(8554)))
}

/// Prepares one clip after the other, since encoding takes the whole machine, and switches its camera on at once.
fn start(cameras: &[Camera], folders: &[PathBuf], port: u16, shown: Option<&Shown>) -> anyhow::Result<()> {
    for (camera, nth) in cameras.iter().zip(0u16..) {
        let port = if port == 0 { 0 } else { port.checked_add(nth).context("the ports are used up")? };
        let path = config::find(camera, folders)?;
        let clip = clip::prepare(&path, camera.codec)?;
        let server = Server::new(camera, clip, port, shown)?;
        // Servers live on the thread of the main loop.
        let (ready, told) = std::sync::mpsc::sync_channel(1);
        let every = camera.restart_every_s.map(Duration::from_secs);
        glib::MainContext::default().invoke(move || {
            let server = Rc::new(server);
            let url = server.switch_on();
            if let (Ok(_), Some(every)) = (&url, every) {
                server.restart_every(every);
            }
            // It is in service until the program ends.
            std::mem::forget(server);
            ready.send(url).unwrap_or_default();
        });
        let url = told.recv().context("the program is ending")??;
        let line = serde_json::json!({"camera": camera.id, "url": url});
        writeln!(std::io::stdout(), "{line}").context("writing to standard output")?;
    }
    Ok(())
}

fn end_on_signal(street: glib::MainLoop) -> anyhow::Result<()> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("starting tokio")?;
    std::thread::spawn(move || {
        runtime.block_on(async {
            use tokio::signal::unix::{SignalKind, signal};
            let (Ok(mut interrupt), Ok(mut terminate)) =
                (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
            else {
                return;
            };
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        });
        glib::MainContext::default().invoke(move || street.quit());
    });
    Ok(())
}
