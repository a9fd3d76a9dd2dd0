//! A small RTSP server without GStreamer behind it: hundreds of cameras on one port for measurements, and cameras that
//! misbehave on purpose. Any path plays; all who look see the clip from its first picture on.

mod packets;
mod session;

use std::sync::Arc;
use std::sync::atomic::AtomicUsize;

use anyhow::Context;
use tokio::net::TcpListener;

use crate::clip::Clip;
use crate::config::Codec;
use packets::{Packed, pack};

/// How a camera misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Fault {
    /// It does not.
    None,
    /// No RTCP sender reports.
    NoReports,
    /// Its clock is an hour behind.
    WrongClock,
    /// Timestamps leap an hour ahead and back every two seconds.
    Leaps,
    /// All timestamps are the same.
    Stuck,
    /// After two seconds it begins anew within the connection: other source, sequence numbers and timestamps.
    Restart,
    /// Answers everything and sends nothing.
    Silent,
    /// Parameter sets only in the session description.
    SdpOnly,
    /// Before each picture comes an access unit delimiter with a mark of its own, as if it were a picture.
    Delimiters,
    /// Who asks for it is sent to another path.
    Moved,
    /// While it plays it answers nothing, though it wants to hear from its client every 4 s.
    Mute,
    /// Its answer to SETUP names another source than its packets do.
    WrongSource,
    /// Every 50th packet is missing.
    Loses,
    /// Takes UDP alone.
    UdpOnly,
    /// Sends to a multicast group on the loopback interface, and in no other way.
    MulticastOnly,
    /// After two seconds it sends the other clip.
    OtherSize,
    /// After two seconds it sends the other clip, whose codec is another, as if nothing were; who asks anew is told.
    OtherCodec,
}

/// What is played.
pub struct Street {
    fault: Fault,
    clip: Packed,
    /// Plays after the first where the fault says so.
    other: Option<Packed>,
    /// How often the stream was asked for.
    plays: AtomicUsize,
}

impl Street {
    pub fn new(fault: Fault, clip: (&Clip, Codec), other: Option<(&Clip, Codec)>) -> Self {
        let (in_band, delimited) = (fault != Fault::SdpOnly, fault == Fault::Delimiters);
        let pack = |(clip, codec): (&Clip, Codec)| pack(clip, codec, in_band, delimited);
        Self { fault, clip: pack(clip), other: other.map(pack), plays: AtomicUsize::new(0) }
    }
}

/// Answers on `port` of this machine until the program ends; tells the port once it does.
pub async fn serve(street: Street, port: u16, ready: impl FnOnce(u16)) -> anyhow::Result<()> {
    let street = Arc::new(street);
    let listener =
        TcpListener::bind(("127.0.0.1", port)).await.with_context(|| format!("listening on port {port}"))?;
    ready(listener.local_addr().context("the port")?.port());
    loop {
        let (client, _) = listener.accept().await.context("waiting for clients")?;
        let street = Arc::clone(&street);
        tokio::spawn(async move {
            // A client that goes is no trouble of the camera's.
            let _ = session::run(client, &street).await;
        });
    }
}
