//! Live cameras over RTSP by `retina`: on tokio, no thread a stream, TCP or UDP, basic or digest authentication; H.264,
//! H.265, MJPEG. What it cannot read is left to [`super::rtspsrc`].

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use futures_util::StreamExt;
use hardware_ports::Clock;
use hardware_ports::camera::{CameraError, CameraSource, Transport};
use hardware_ports::units::{AccessUnit, Codec, NextUnit, UnitStream};
use models_domain::ladder::{UnitFacts, UnitKind};
use retina::client::{
    Credentials, Demuxed, Described, InitialSequenceNumberPolicy, PlayOptions, Session, SessionOptions,
    SetupOptions, TcpTransportOptions, Transport as Carrier, UdpTransportOptions,
};
use retina::codec::{CodecItem, FrameFormat, ParametersRef, VideoFrame, VideoParametersCodec};
use tokio::runtime::Handle;
use tokio::time::{Sleep, sleep, timeout};

use super::misread::Mark;
use super::parts::{Part, Parts};
use super::unit::{Coding, nal_codec};
use crate::address;
use crate::frame_time::{self, Came, FrameTime};
use crate::problem::Named;

/// How long the camera may take until it plays.
const CONNECT: Duration = Duration::from_secs(10);
/// A stream that sends no whole picture for this long is broken.
const SILENT: Duration = Duration::from_secs(10);
/// A stream of which something cannot be read, and whose key frames never come, is left to rtspsrc after this long.
const KEYLESS: Duration = Duration::from_secs(30);
/// So many packets in a row that cannot be used: the camera sends something else than it said.
const USELESS_MAX: u32 = 50;
/// So many packets that cannot be read, and no key frame since the first of them for [`KEYLESS`]: its key frames are the matter.
const MISREAD_MIN: u32 = 3;
/// Status by which a camera refuses a transport (RFC 2326 §11.3.14).
const UNSUPPORTED_TRANSPORT: u16 = 461;

/// What came of an opening.
pub enum Opened {
    Playing(Box<dyn UnitStream>),
    /// The camera is there, but speaks what only rtspsrc reads: another codec, or multicast alone.
    NotForUs,
    /// The camera agreed, in words that are not understood here: a description or a header against the standards, or another
    /// address.
    NotUnderstood,
}

/// # Errors
/// [`CameraError`] naming the camera without its password.
pub async fn open(source: &CameraSource, clock: &Arc<dyn Clock>, mark: &Mark) -> Result<Opened, CameraError> {
    let address = address::parse(&source.url);
    let named = Named::new(source, address.secrets());
    let Ok(url) = url::Url::parse(&address.url) else {
        return Err(named.not_found("is not an address; write rtsp://user:password@host:554/path"));
    };
    let creds =
        address.user.map(|username| Credentials { username, password: address.password.unwrap_or_default() });
    let carriers = match source.transport {
        Transport::Tcp => [tcp(), udp()],
        Transport::Udp | Transport::Multicast => [udp(), tcp()],
    };
    let attempts = async {
        for carrier in carriers {
            let (url, creds) = (url.clone(), creds.clone());
            match play(&named, url, creds, carrier, clock, mark).await {
                Err(Refused::Transport) => {}
                Err(Refused::NotUnderstood) => return Ok(Opened::NotUnderstood),
                Err(Refused::For(err)) => return Err(err),
                Ok(opened) => return Ok(opened),
            }
        }
        Ok(Opened::NotForUs)
    };
    match timeout(CONNECT, attempts).await {
        Ok(opened) => opened,
        Err(_) => Err(named.unreachable(&format!("no answer within {} s", CONNECT.as_secs()))),
    }
}

fn tcp() -> Carrier {
    Carrier::Tcp(TcpTransportOptions::default())
}

fn udp() -> Carrier {
    Carrier::Udp(UdpTransportOptions::default())
}

/// Why a camera does not play.
enum Refused {
    /// It wants another transport.
    Transport,
    /// It does not refuse, by its status.
    NotUnderstood,
    For(CameraError),
}

async fn play(
    named: &Named,
    url: url::Url,
    creds: Option<Credentials>,
    carrier: Carrier,
    clock: &Arc<dyn Clock>,
    mark: &Mark,
) -> Result<Opened, Refused> {
    let refused = |err: retina::Error| match err.status_code() {
        Some(UNSUPPORTED_TRANSPORT) => Refused::Transport,
        Some(200..=399) => {
            tracing::debug!(camera = %named.camera, "left to rtspsrc: {}", sentence(&err));
            Refused::NotUnderstood
        }
        Some(_) | None => Refused::For(before_playing(named, &err)),
    };
    let options = SessionOptions::default().creds(creds).user_agent("Nga-Tu".to_owned());
    let mut session = Session::describe(url, options).await.map_err(refused)?;
    let Some((stream, codec)) = choose(&session) else {
        let video = session.streams().iter().any(|s| s.media() == "video");
        let none = || Refused::For(named.undecodable("there is no video in it"));
        return if video { Ok(Opened::NotForUs) } else { Err(none()) };
    };
    let format = FrameFormat {
        parameter_set_insertion: retina::codec::ParameterSetInsertion::Never,
        ..FrameFormat::MP4
    };
    session
        .setup(stream, SetupOptions::default().transport(carrier).frame_format(format))
        .await
        .map_err(refused)?;
    let play = PlayOptions::default().initial_seq(InitialSequenceNumberPolicy::Ignore);
    let demuxed = session.play(play).await.map_err(refused)?.demuxed().map_err(refused)?;
    let mut units = RtspUnits {
        demuxed: Some(demuxed),
        runtime: Handle::current(),
        stream,
        named: named.clone(),
        parts: Parts::new(nal_codec(codec)),
        coding: Coding::new(codec, (0, 0), Vec::new()),
        time: FrameTime::default(),
        clock: Arc::clone(clock),
        silence: Box::pin(sleep(SILENT)),
        heard: clock.elapsed(),
        keyed: clock.elapsed(),
        useless: 0,
        misread: 0,
        misread_from: clock.elapsed(),
        mark: mark.clone(),
        gap: false,
        is_lost: false,
        number: 0,
        held: None,
    };
    units.learn();
    Ok(Opened::Playing(Box::new(units)))
}

/// The first video stream, when its codec is one of ours.
fn choose(session: &Session<Described>) -> Option<(usize, Codec)> {
    let (at, stream) = session.streams().iter().enumerate().find(|(_, s)| s.media() == "video")?;
    let codec = match stream.encoding_name() {
        "h264" => Codec::H264,
        "h265" => Codec::H265,
        "jpeg" => Codec::Jpeg,
        _ => return None,
    };
    Some((at, codec))
}

/// What went wrong before the camera played.
fn before_playing(named: &Named, err: &retina::Error) -> CameraError {
    let text = sentence(err);
    match err.status_code() {
        Some(401) => named.unauthorized(),
        Some(404) => {
            named.not_found(&format!("the camera has no such stream; check the path of the address ({text})"))
        }
        Some(_) => named.stream(&format!("the camera refuses to play: {text}")),
        None => named.unreachable(&text),
    }
}

/// The first line of an error; the others name sockets and byte positions.
fn sentence(err: &retina::Error) -> String {
    let text = err.to_string();
    let line = text.lines().next().unwrap_or_default();
    line.strip_prefix("Unable to connect to RTSP server: ").unwrap_or(line).to_owned()
}

/// A playing camera.
struct RtspUnits {
    /// There until it is dropped.
    demuxed: Option<Demuxed>,
    runtime: Handle,
    stream: usize,
    named: Named,
    parts: Parts,
    coding: Coding,
    time: FrameTime,
    clock: Arc<dyn Clock>,
    /// Rings when it is time to look how long nothing came.
    silence: Pin<Box<Sleep>>,
    heard: Duration,
    /// When the last key frame came, or the stream began.
    keyed: Duration,
    /// Packets and units in a row that could not be used.
    useless: u32,
    /// Packets since the last key frame that `retina` could not read.
    misread: u32,
    /// When the first of them came.
    misread_from: Duration,
    mark: Mark,
    /// Something is missing since the last part of a picture.
    gap: bool,
    /// Something was lost and has not been told yet.
    is_lost: bool,
    number: u64,
    /// A unit that waits behind the loss before it.
    held: Option<AccessUnit>,
}

impl RtspUnits {
    /// Takes note of the parameter sets that the session description or the stream told.
    fn learn(&mut self) {
        let streams = self.demuxed.as_ref().map_or(&[][..], |demuxed| demuxed.streams());
        let parameters = streams.get(self.stream).and_then(|s| s.parameters());
        let Some(ParametersRef::Video(parameters)) = parameters else { return };
        match parameters.codec_params() {
            VideoParametersCodec::H264 { sps, pps } => self.coding.learn(&[sps, pps]),
            VideoParametersCodec::H265 { vps, sps, pps } => self.coding.learn(&[vps, sps, pps]),
            VideoParametersCodec::Jpeg => self.coding.sized(parameters.pixel_dimensions()),
            _ => {}
        }
    }

    /// `None` when no picture is whole by it.
    fn frame(&mut self, frame: VideoFrame) -> Result<Option<NextUnit>, CameraError> {
        let is_lost = std::mem::take(&mut self.gap) || frame.loss() > 0;
        let (is_news, waits) = (frame.has_new_parameters(), self.parts.joins());
        if is_news && !waits {
            self.learn();
        }
        let stamp = frame.timestamp();
        let ticks = frame_time::micros(stamp.elapsed(), stamp.clock_rate().get());
        let came = Came { now: self.clock.now(), elapsed: self.clock.elapsed() };
        let joined = self.parts.part(Part { ticks, data: frame.into_data(), came }, is_lost);
        self.is_lost |= joined.is_lost;
        let next = match joined.picture {
            Some(picture) => self.unit(picture)?,
            None => None,
        };
        if is_news && waits {
            // They are of the picture that waits now.
            self.learn();
        }
        Ok(next)
    }

    /// `None` for a unit without a picture.
    fn unit(&mut self, part: Part) -> Result<Option<NextUnit>, CameraError> {
        let coded = self.coding.with_lengths(part.data, UnitKind::Key);
        if coded.bytes == 0 {
            // Delimiters and filler that come by themselves take nothing away from the pictures around them.
            return self.in_vain("units without a picture").map(|()| None);
        }
        self.heard = part.came.elapsed;
        self.useless = 0;
        if coded.kind == UnitKind::Key {
            (self.keyed, self.misread) = (self.heard, 0);
        }
        let taken = self.time.unit(part.ticks, part.came);
        self.number += 1;
        if self.is_lost {
            self.number += 1;
        }
        let unit = AccessUnit {
            facts: UnitFacts { at: taken.at, bytes: coded.bytes, kind: coded.kind, qp: coded.qp },
            number: self.number,
            uncertainty: taken.uncertainty,
            pts: taken.pts,
            format: coded.format,
            data: coded.data,
        };
        if std::mem::take(&mut self.is_lost) {
            self.held = Some(unit);
            return Ok(Some(NextUnit::Lost));
        }
        Ok(Some(NextUnit::Unit(unit)))
    }

    fn broken(&mut self, err: &retina::Error) -> Result<(), CameraError> {
        let text = sentence(err);
        // Only errors about packets name the stream that they came by.
        if err.to_string().contains("\nstream: ") && !text.contains("receiving UDP") {
            if self.misread == 0 {
                self.misread_from = self.clock.elapsed();
            }
            self.misread = self.misread.saturating_add(1);
            self.gap = true;
            return self.in_vain(&text);
        }
        // Pictures come until then: it is what stands between their packets that is not understood, or a question in between
        // that is not answered. rtspsrc cares for neither.
        // A stream that is cut off within a packet was understood.
        let is_cut = text.contains("Incomplete RTSP message at EOF");
        if text.contains("respond to keepalive") || (text.starts_with("RTSP framing error") && !is_cut) {
            self.misreads(&text);
        }
        Err(self.named.stream(&format!("the stream broke: {text}")))
    }

    fn misreads(&self, what: &str) {
        if self.mark.set(self.clock.elapsed()) {
            tracing::warn!(camera = %self.named.camera, "it is read by rtspsrc from now on: {what}");
        }
    }

    /// What cannot be used costs its picture; much of it in a row, or all key frames, cost the session.
    fn in_vain(&mut self, what: &str) -> Result<(), CameraError> {
        self.useless = self.useless.saturating_add(1);
        tracing::debug!(camera = %self.named.camera, "left out: {what}");
        // One packet that is odd in a long group of pictures is not yet a key frame that cannot be read.
        let from = self.keyed.max(self.misread_from);
        let is_keyless = self.misread >= MISREAD_MIN && self.clock.elapsed().saturating_sub(from) >= KEYLESS;
        if self.useless <= USELESS_MAX && !is_keyless {
            return Ok(());
        }
        if self.misread > 0 && (self.number == 0 || is_keyless) {
            self.misreads(what);
        }
        Err(self.named.stream(&match is_keyless {
            true => format!("its key frames cannot be read: {what}"),
            false => format!("it sends something else than it said, or began anew: {what}"),
        }))
    }

    fn report(&mut self, packet: &retina::rtcp::ReceivedCompoundPacket) {
        let Some(stamp) = packet.rtp_timestamp() else { return };
        let typed = packet.pkts().next().and_then(|packet| packet.as_sender_report().ok().flatten());
        let Some(camera) = typed.and_then(|report| frame_time::from_ntp(report.ntp_timestamp().0)) else {
            return;
        };
        self.time.report(frame_time::micros(stamp.elapsed(), stamp.clock_rate().get()), camera);
    }

    /// How long until the stream must be called silent; `None` when it is.
    fn left(&self) -> Option<Duration> {
        SILENT.checked_sub(self.clock.elapsed().saturating_sub(self.heard)).filter(|left| !left.is_zero())
    }
}

impl Drop for RtspUnits {
    fn drop(&mut self) {
        // The camera is told in the background, also by a thread that knows no runtime.
        let _runtime = self.runtime.enter();
        drop(self.demuxed.take());
    }
}

#[async_trait]
impl UnitStream for RtspUnits {
    async fn next(&mut self) -> Result<NextUnit, CameraError> {
        if let Some(unit) = self.held.take() {
            return Ok(NextUnit::Unit(unit));
        }
        loop {
            let Some(demuxed) = self.demuxed.as_mut() else { return Ok(NextUnit::End) };
            tokio::select! {
                biased;
                item = demuxed.next() => match item {
                    Some(Ok(CodecItem::VideoFrame(frame))) => if let Some(next) = self.frame(frame)? {
                        return Ok(next);
                    },
                    Some(Ok(CodecItem::Rtcp(packet))) => self.report(&packet),
                    Some(Ok(_)) => {}
                    Some(Err(err)) => self.broken(&err)?,
                    None => return Ok(NextUnit::End),
                },
                () = &mut self.silence => {
                    let Some(left) = self.left() else {
                        let silent = SILENT.as_secs();
                        return Err(self.named.stream(&format!(
                            "sent no picture for {silent} s; check what else reads it and its stream settings"
                        )));
                    };
                    self.silence.set(sleep(left));
                }
            }
        }
    }
}
