//! One client of the plain server: its requests, and the packets that it is sent.

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::Ordering;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::OwnedReadHalf;
use tokio::net::{TcpStream, UdpSocket};
use tokio::time::{Instant, sleep_until};

use super::packets::{Packed, Place, report, ticks};
use super::{Fault, Street};
use crate::config::Codec;

/// When a camera that changes midway does so, and how often one that leaps does.
const CHANGE_MS: u64 = 2_000;
const HOUR_MS: u64 = 3_600_000;
const REPORT_EVERY_MS: u64 = 5_000;
const LOSES_EVERY: u64 = 50;

/// It stays within an organisation (RFC 2365 §6.1).
const GROUP: &str = "239.255.77.1";

/// Where packets go.
enum Carrier {
    Interleaved,
    Datagrams { rtp: UdpSocket, rtcp: UdpSocket },
}

pub async fn run(client: TcpStream, street: &Street) -> io::Result<()> {
    let peer = client.peer_addr()?.ip();
    client.set_nodelay(true)?;
    let (mut from, mut to) = client.into_split();
    let mut carrier = Carrier::Interleaved;
    let mut text = Vec::new();
    let begun = street.plays.load(Ordering::Relaxed);
    loop {
        let request = read(&mut from, &mut text).await?;
        let answer = match request.method() {
            "DESCRIBE" if street.fault == Fault::Moved && !request.uri().ends_with("/moved") => {
                let (sequence, path) = (request.header("CSeq"), request.uri().trim_end_matches('/'));
                format!(
                    "RTSP/1.0 302 Moved Temporarily\r\nCSeq: {sequence}\r\nLocation: {path}/moved\r\n\r\n"
                )
            }
            "DESCRIBE" => answer(&request, "", &description(street, begun)),
            "SETUP" => match setup(&request, street, peer).await? {
                Some((chosen, headers)) => {
                    carrier = chosen;
                    answer(&request, &headers, "")
                }
                None => {
                    format!("RTSP/1.0 461 Unsupported transport\r\nCSeq: {}\r\n\r\n", request.header("CSeq"))
                }
            },
            "PLAY" => {
                to.write_all(answer(&request, "Session: 1\r\n", "").as_bytes()).await?;
                break;
            }
            _ => answer(&request, "Public: DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER\r\n", ""),
        };
        to.write_all(answer.as_bytes()).await?;
    }
    street.plays.fetch_add(1, Ordering::Relaxed);
    let (answers, mut answered) = tokio::sync::mpsc::channel::<String>(4);
    let requests = async {
        loop {
            let request = read(&mut from, &mut text).await?;
            let ends = request.method() == "TEARDOWN";
            let answers_it = street.fault != Fault::Mute || ends;
            let gone = answers_it && answers.send(answer(&request, "Session: 1\r\n", "")).await.is_err();
            if gone || ends {
                return io::Result::Ok(());
            }
        }
    };
    let mut player = Player::new(street, begun);
    let pictures = async {
        loop {
            tokio::select! {
                Some(answer) = answered.recv() => to.write_all(answer.as_bytes()).await?,
                bytes = player.next(&carrier) => to.write_all(&bytes?).await?,
            }
        }
    };
    tokio::select! { done = requests => done, done = pictures => done }
}

struct Request {
    text: String,
}

impl Request {
    fn method(&self) -> &str {
        self.text.split(' ').next().unwrap_or("")
    }

    fn uri(&self) -> &str {
        self.text.split(' ').nth(1).unwrap_or("")
    }

    fn header(&self, name: &str) -> &str {
        let mut fields = self.text.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value.trim())
    }
}

/// The next request; what clients send of RTCP in between is passed over.
async fn read(from: &mut OwnedReadHalf, text: &mut Vec<u8>) -> io::Result<Request> {
    loop {
        if text.first() == Some(&b'$') && text.len() >= 4 {
            let whole = 4 + usize::from(u16::from_be_bytes([text[2], text[3]]));
            if text.len() >= whole {
                text.drain(..whole);
                continue;
            }
        } else if let Some(end) = text.windows(4).position(|four| four == b"\r\n\r\n") {
            let request: Vec<u8> = text.drain(..end + 4).collect();
            return Ok(Request { text: String::from_utf8_lossy(&request).into_owned() });
        }
        if from.read_buf(text).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn answer(request: &Request, headers: &str, body: &str) -> String {
    let mut text = format!("RTSP/1.0 200 OK\r\nCSeq: {}\r\n{headers}", request.header("CSeq"));
    if !body.is_empty() {
        let base = request.uri();
        let _ = write!(
            text,
            "Content-Base: {base}/\r\nContent-Type: application/sdp\r\nContent-Length: {}\r\n",
            body.len()
        );
    }
    text + "\r\n" + body
}

/// The session description (RFC 8866) of what plays first.
fn description(street: &Street, begun: usize) -> String {
    let clip = first_clip(street, begun);
    let set = |kind: u8| {
        let set = clip.sets.iter().find(|set| clip.codec.kind(set) == kind);
        set.map(|set| STANDARD.encode(set)).unwrap_or_default()
    };
    let (name, format) = match clip.codec {
        Codec::H264 => ("H264", format!("packetization-mode=1;sprop-parameter-sets={},{}", set(7), set(8))),
        Codec::Mjpeg => ("JPEG", String::new()),
        Codec::H265 => ("H265", format!("sprop-vps={};sprop-sps={};sprop-pps={}", set(32), set(33), set(34))),
    };
    format!(
        "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=camera\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
         a=rtpmap:96 {name}/90000\r\na=fmtp:96 {format}\r\na=control:track1\r\n"
    )
}

/// A camera whose codec was changed tells it to who asks after that.
fn first_clip(street: &Street, begun: usize) -> &Packed {
    let changed = street.fault == Fault::OtherCodec && begun > 0;
    street.other.as_ref().filter(|_| changed).unwrap_or(&street.clip)
}

async fn setup(
    request: &Request,
    street: &Street,
    peer: std::net::IpAddr,
) -> io::Result<Option<(Carrier, String)>> {
    let wanted = request.header("Transport");
    if street.fault == Fault::MulticastOnly {
        return if wanted.contains("multicast") { multicast().await.map(Some) } else { Ok(None) };
    }
    let Some(port) =
        wanted.split("client_port=").nth(1).and_then(|p| p.split(['-', ';']).next()?.parse::<u16>().ok())
    else {
        let source = if street.fault == Fault::WrongSource { ";ssrc=DEADBEEF" } else { "" };
        let timeout_s = if street.fault == Fault::Mute { 4 } else { 60 };
        let headers = format!(
            "Transport: RTP/AVP/TCP;unicast;interleaved=0-1{source}\r\nSession: 1;timeout={timeout_s}\r\n"
        );
        return Ok((street.fault != Fault::UdpOnly).then_some((Carrier::Interleaved, headers)));
    };
    let (rtp, rtcp, own) = two_in_a_row().await?;
    rtp.connect((peer, port)).await?;
    rtcp.connect((peer, port + 1)).await?;
    let headers = format!(
        "Transport: RTP/AVP/UDP;unicast;client_port={port}-{};server_port={own}-{}\r\nSession: 1;timeout=60\r\n",
        port + 1,
        own + 1
    );
    Ok(Some((Carrier::Datagrams { rtp, rtcp }, headers)))
}

/// Two ports in a row, tried until both are free, and the first one's number.
async fn two_in_a_row() -> io::Result<(UdpSocket, UdpSocket, u16)> {
    loop {
        let rtp = UdpSocket::bind("127.0.0.1:0").await?;
        let own = rtp.local_addr()?.port();
        if let Some(next) = own.checked_add(1)
            && let Ok(rtcp) = UdpSocket::bind(("127.0.0.1", next)).await
        {
            return Ok((rtp, rtcp, own));
        }
    }
}

/// Packets from this address go out by the loopback interface, whatever the group. The group's ports are the client's to
/// bind: only their numbers are chosen here.
async fn multicast() -> io::Result<(Carrier, String)> {
    let (rtp, rtcp, _) = two_in_a_row().await?;
    let (_, _, port) = two_in_a_row().await?;
    rtp.connect((GROUP, port)).await?;
    rtcp.connect((GROUP, port + 1)).await?;
    let headers = format!(
        "Transport: RTP/AVP;multicast;destination={GROUP};ttl=1;port={port}-{}\r\nSession: 1;timeout=60\r\n",
        port + 1
    );
    Ok((Carrier::Datagrams { rtp, rtcp }, headers))
}

/// Gives one unit after the other when it is due.
struct Player<'a> {
    street: &'a Street,
    begun: usize,
    began: Instant,
    next: usize,
    loops_ms: u64,
    /// Milliseconds after `began` at which the clip now played began.
    clip_began_ms: u64,
    is_other: bool,
    sequence: u16,
    sent: u64,
    report_due_ms: u64,
}

impl<'a> Player<'a> {
    fn new(street: &'a Street, begun: usize) -> Self {
        Self {
            street,
            begun,
            began: Instant::now(),
            next: 0,
            loops_ms: 0,
            clip_began_ms: 0,
            is_other: false,
            sequence: 0x4242,
            sent: 0,
            report_due_ms: 0,
        }
    }

    /// Waits for the next unit; its bytes on the connection.
    async fn next(&mut self, carrier: &Carrier) -> io::Result<Vec<u8>> {
        let street = self.street;
        let clip =
            street.other.as_ref().filter(|_| self.is_other).unwrap_or_else(|| first_clip(street, self.begun));
        let unit = &clip.units[self.next];
        let due = self.clip_began_ms + self.loops_ms + unit.at_ms;
        sleep_until(self.began + Duration::from_millis(due)).await;
        self.next += 1;
        if self.next == clip.units.len() {
            self.next = 0;
            self.loops_ms += clip.length_ms;
        }
        if street.fault == Fault::Silent {
            return Ok(Vec::new());
        }
        let changes = [Fault::OtherSize, Fault::OtherCodec].contains(&street.fault);
        if changes && street.other.is_some() && due >= CHANGE_MS && !self.is_other {
            (self.is_other, self.next, self.loops_ms, self.clip_began_ms) = (true, 0, 0, due);
            return Ok(Vec::new());
        }
        let place = self.place(due);
        self.sequence = self.sequence.wrapping_add(unit.len());
        let mut bytes = Vec::new();
        if due >= self.report_due_ms && street.fault != Fault::NoReports {
            self.report_due_ms = due + REPORT_EVERY_MS;
            let off = if street.fault == Fault::WrongClock { HOUR_MS } else { 0 };
            let report = report(place.source, place.stamp, utc_ms() - off);
            match carrier {
                Carrier::Interleaved => frame(&mut bytes, 1, &report),
                Carrier::Datagrams { rtcp, .. } => send(rtcp, &report).await?,
            }
        }
        for packet in unit.packets(place) {
            self.sent += 1;
            if street.fault == Fault::Loses && self.sent.is_multiple_of(LOSES_EVERY) {
                continue;
            }
            match carrier {
                Carrier::Interleaved => frame(&mut bytes, 0, &packet),
                Carrier::Datagrams { rtp, .. } => send(rtp, &packet).await?,
            }
        }
        Ok(bytes)
    }

    fn place(&self, due: u64) -> Place {
        let restarted = self.street.fault == Fault::Restart && due >= CHANGE_MS;
        let far = !(due / CHANGE_MS).is_multiple_of(2);
        let stamp = if self.street.fault == Fault::Stuck {
            7
        } else if self.street.fault == Fault::Leaps {
            ticks(due + if far { HOUR_MS } else { 0 })
        } else {
            // Near the end of 32 bits, so that they wrap.
            ticks(due).wrapping_add(if restarted { 0x8000_0000 } else { 0xffff_0000 })
        };
        let sequence = if restarted { self.sequence.wrapping_add(0x9000) } else { self.sequence };
        Place { sequence, stamp, source: if restarted { 0x2222 } else { 0x1111 } }
    }
}

/// RFC 2326 §10.12.
fn frame(into: &mut Vec<u8>, channel: u8, packet: &[u8]) {
    into.extend([b'$', channel]);
    into.extend((packet.len() as u16).to_be_bytes());
    into.extend(packet);
}

async fn send(socket: &UdpSocket, packet: &[u8]) -> io::Result<()> {
    match socket.send(packet).await {
        // Nobody listens any more; the connection will tell.
        Err(err) if err.kind() == io::ErrorKind::ConnectionRefused => Ok(()),
        sent => sent.map(drop),
    }
}

#[allow(clippy::disallowed_methods, reason = "a simulated camera has a clock of its own")]
fn utc_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}
