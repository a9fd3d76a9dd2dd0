//! One simulated camera: an RTSP server with one stream, which goes on for ever and may be switched off and on.

use std::cell::{Cell, RefCell};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::Context;
use gst::glib;
use gst_rtsp_server::gio;
use gst_rtsp_server::prelude::*;
use gst_rtsp_server::{RTSPAuth, RTSPFilterResult, RTSPMedia, RTSPMediaFactory, RTSPServer, RTSPToken};

use crate::clip::Clip;
use crate::config::Camera;

/// How long a restarting camera is away.
const AWAY: Duration = Duration::from_secs(3);

/// Roles: who has a password, and who names nobody.
const VIEWER: &str = "viewer";
const ANYBODY: &str = "anybody";

pub struct Server {
    id: String,
    factory: RTSPMediaFactory,
    auth: Option<RTSPAuth>,
    /// 0 until the first start found a free one.
    port: Cell<u16>,
    on: RefCell<Option<(RTSPServer, glib::SourceId)>>,
    tls: bool,
}

/// Certificate and key, both PEM, of a camera that is asked by `rtsps://` alone.
#[derive(Debug, Clone)]
pub struct Shown {
    pub certificate: PathBuf,
    pub key: PathBuf,
}

impl Server {
    /// # Errors
    /// A certificate or key that cannot be read.
    pub fn new(camera: &Camera, clip: Clip, port: u16, shown: Option<&Shown>) -> anyhow::Result<Self> {
        let factory = RTSPMediaFactory::new();
        factory.set_launch(&camera.codec.launch());
        // One run of the clip for all who look: a camera shows everybody the same.
        factory.set_shared(true);
        let next = Arc::new(AtomicUsize::new(0));
        factory.connect_media_configure(move |_, media| feed(media, &clip, &next));
        for role in [VIEWER, ANYBODY] {
            let role = gst::Structure::builder(role)
                .field("media.factory.access", true)
                .field("media.factory.construct", true)
                .build();
            factory.add_role_from_structure(&role);
        }
        let mut auth = camera.user.as_deref().zip(camera.password.as_deref()).map(|(user, password)| {
            let auth = RTSPAuth::new();
            auth.set_supported_methods(gst_rtsp_server::gst_rtsp::RTSPAuthMethod::Digest);
            auth.add_digest(
                user,
                password,
                &RTSPToken::builder().field("media.factory.role", VIEWER).build(),
            );
            auth
        });
        if let Some(Shown { certificate, key }) = shown {
            let read = gio::TlsCertificate::from_files(certificate, key)
                .with_context(|| format!("reading {} and {}", certificate.display(), key.display()))?;
            auth.get_or_insert_with(everybody).set_tls_certificate(Some(&read));
        }
        let (id, port, on) = (camera.id.clone(), Cell::new(port), RefCell::new(None));
        Ok(Self { id, factory, auth, port, on, tls: shown.is_some() })
    }

    /// The address under which the camera now answers, without credentials.
    pub fn switch_on(&self) -> anyhow::Result<String> {
        let server = RTSPServer::new();
        server.set_address("127.0.0.1");
        server.set_service(&self.port.get().to_string());
        server.set_auth(self.auth.as_ref());
        let mounts = server.mount_points().context("an RTSP server without mount points")?;
        mounts.add_factory(&format!("/{}", self.id), self.factory.clone());
        let source = server.attach(None).with_context(|| {
            format!("camera {:?}: port {} is in use; choose another by --port", self.id, self.port.get())
        })?;
        let port = u16::try_from(server.bound_port()).context("the RTSP server has no port")?;
        self.port.set(port);
        self.on.replace(Some((server, source)));
        let scheme = if self.tls { "rtsps" } else { "rtsp" };
        Ok(format!("{scheme}://127.0.0.1:{port}/{}", self.id))
    }

    /// Refuses new clients and throws the present ones out, as a power cut would.
    fn switch_off(&self) {
        if let Some((server, source)) = self.on.take() {
            source.remove();
            server.client_filter(Some(&mut |_, _| RTSPFilterResult::Remove));
        }
    }

    /// Goes away for [`AWAY`] after each `every`.
    pub fn restart_every(self: &Rc<Self>, every: Duration) {
        let server = Rc::clone(self);
        glib::timeout_add_local_once(every, move || {
            server.switch_off();
            glib::timeout_add_local_once(AWAY, move || match server.switch_on() {
                Ok(_) => server.restart_every(every),
                Err(err) => eprintln!("camera-simulator: {err:#}"),
            });
        });
    }
}

/// Lets in who names nobody: without it, a server with a certificate lets in nobody.
fn everybody() -> RTSPAuth {
    let auth = RTSPAuth::new();
    let mut token = RTSPToken::builder().field("media.factory.role", ANYBODY).build();
    auth.set_default_token(Some(&mut token));
    auth
}

/// Hands the clip's access units to a run of the stream, for ever. `next` is where the last run stopped: a camera that was
/// away does not begin its street anew.
fn feed(media: &RTSPMedia, clip: &Clip, next: &Arc<AtomicUsize>) {
    let bin = media.element().downcast::<gst::Bin>().ok();
    let Some(source) =
        bin.and_then(|bin| bin.by_name("units")).and_then(|e| e.downcast::<gst_app::AppSrc>().ok())
    else {
        return;
    };
    source.set_caps(Some(&clip.caps));
    let run = Mutex::new(Run::new(clip.clone(), next.load(Ordering::Relaxed)));
    let next = Arc::clone(next);
    let need_data = move |source: &gst_app::AppSrc, _| {
        let mut run = run.lock().unwrap_or_else(PoisonError::into_inner);
        if source.push_buffer(run.unit()).is_ok() {
            next.store(run.next, Ordering::Relaxed);
        }
    };
    source.set_callbacks(gst_app::AppSrcCallbacks::builder().need_data(need_data).build());
}

/// One run of a stream: its timestamps begin at 0 and only grow, also where the clip begins anew.
struct Run {
    clip: Clip,
    next: usize,
    /// What is added to the time within the clip, and the time within the clip at which this run began.
    loops: gst::ClockTime,
    began: gst::ClockTime,
}

impl Run {
    /// Begins at the first key frame from `from` on.
    fn new(clip: Clip, from: usize) -> Self {
        let next = clip.units.iter().skip(from).position(|u| u.key).map_or(0, |n| from + n);
        let began = clip.units[next].at;
        Self { clip, next, loops: gst::ClockTime::ZERO, began }
    }

    fn unit(&mut self) -> gst::Buffer {
        let unit = &self.clip.units[self.next];
        let at = self.loops + unit.at - self.began;
        // Shares the bytes; only the time is its own.
        let mut buffer = unit.buffer.copy();
        {
            let buffer = buffer.make_mut();
            buffer.set_pts(at);
            buffer.set_dts(at);
        }
        self.next += 1;
        if self.next == self.clip.units.len() {
            self.next = 0;
            self.loops += self.clip.length;
        }
        buffer
    }
}

#[cfg(test)]
mod tests {
    use crate::clip::Unit;

    use super::*;

    fn clip() -> Clip {
        gst::init().unwrap();
        let unit = |n: u64| Unit {
            at: gst::ClockTime::from_mseconds(40 * n),
            key: n.is_multiple_of(2),
            buffer: gst::Buffer::new(),
        };
        let units = Arc::new((0..5).map(unit).collect());
        Clip { caps: gst::Caps::new_any(), units, length: gst::ClockTime::from_mseconds(200) }
    }

    #[test]
    fn time_goes_on_where_the_clip_begins_anew() {
        let mut run = Run::new(clip(), 3);
        let times: Vec<u64> = (0..8).map(|_| run.unit().pts().unwrap().mseconds()).collect();
        assert_eq!(times, [0, 40, 80, 120, 160, 200, 240, 280]);
        assert_eq!(run.next, 2);
    }
}
