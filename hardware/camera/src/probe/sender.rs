//! Cameras inside this process, to measure what receiving costs: a clip sent over RTSP at the pace of a street (RFC 2326, over TCP).

use std::io;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use hardware_ports::units::Codec;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::time::interval;

use super::{Clip, FPS};
use crate::bitstream::annexb;

/// Payload of a packet on an Ethernet, bytes.
const PAYLOAD: usize = 1_400;
/// Ticks of RTP video from one picture to the next.
const TICKS: u32 = 90_000 / FPS;
/// Longest request that is read, bytes.
const REQUEST_MAX: usize = 16 << 10;

/// Sends until it is dropped. Its work is that of a thread of its own.
pub struct Sender {
    url: String,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// What is sent: of each picture the payloads of its packets.
struct Street {
    codec: Codec,
    pictures: Vec<Vec<Vec<u8>>>,
}

impl Sender {
    /// Plays `clip` to whoever asks, from its first picture on and again from there, [`FPS`] pictures a second, each packet written by
    /// itself as cameras do.
    ///
    /// # Errors
    /// A text: the codec is not sent, or this machine gives no port or thread.
    pub fn play(clip: &Clip) -> Result<Self, String> {
        let street = Arc::new(Street::new(clip)?);
        let failed = |err: io::Error| format!("sending a clip on this machine: {err}");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(failed)?;
        let listener = std::net::TcpListener::bind("127.0.0.1:0").map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let (stop, stopped) = oneshot::channel::<()>();
        let work = move || {
            runtime.block_on(async move {
                tokio::select! {
                    served = serve(listener, street) => {
                        if let Err(err) = served {
                            tracing::warn!("sending a clip on this machine: {err}");
                        }
                    }
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new().name("sender".to_owned()).spawn(work).map_err(failed)?;
        Ok(Self { url: format!("rtsp://127.0.0.1:{port}/clip"), stop: Some(stop), thread: Some(thread) })
    }

    pub fn url(&self) -> &str {
        &self.url
    }
}

impl Drop for Sender {
    fn drop(&mut self) {
        drop(self.stop.take());
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the thread that sends a clip panicked");
        }
    }
}

impl Street {
    fn new(clip: &Clip) -> Result<Self, String> {
        match clip.codec {
            Codec::H264 | Codec::H265 => {}
            Codec::Jpeg | Codec::Mpeg4 | Codec::Other => return Err(format!("{:?} is not sent", clip.codec)),
        }
        let picture = |unit: &gst::Buffer| -> Result<Vec<Vec<u8>>, String> {
            let map = unit.map_readable().map_err(|err| format!("reading a picture of the clip: {err}"))?;
            Ok(annexb::nals(map.as_slice()).flat_map(|nal| payloads(nal, clip.codec)).collect())
        };
        let pictures = clip.units.iter().map(picture).collect::<Result<_, String>>()?;
        Ok(Self { codec: clip.codec, pictures })
    }

    /// RFC 8866. Parameter sets come with the key frames.
    fn description(&self) -> String {
        let name = if self.codec == Codec::H265 { "H265" } else { "H264" };
        format!(
            "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=clip\r\nc=IN IP4 0.0.0.0\r\nt=0 0\r\nm=video 0 RTP/AVP 96\r\n\
             a=rtpmap:96 {name}/90000\r\na=control:track1\r\n"
        )
    }
}

/// A NAL unit as payloads of packets: whole, or in fragments (RFC 6184 §5.8, RFC 7798 §4.4.3).
fn payloads(nal: &[u8], codec: Codec) -> Vec<Vec<u8>> {
    let header_bytes = if codec == Codec::H265 { 2 } else { 1 };
    let Some((header, body)) = nal.split_at_checked(header_bytes).filter(|_| nal.len() > PAYLOAD) else {
        return vec![nal.to_vec()];
    };
    let count = body.len().div_ceil(PAYLOAD);
    let fragment = |(n, part): (usize, &[u8])| {
        let ends = if n == 0 { 0x80 } else { 0 } | if n + 1 == count { 0x40 } else { 0 };
        let mut payload = match header {
            [first, second] => vec![(first & 0x81) | (49 << 1), *second, ends | ((first >> 1) & 63)],
            [first, ..] => vec![(first & 0xe0) | 28, ends | (first & 31)],
            [] => Vec::new(),
        };
        payload.extend(part);
        payload
    };
    body.chunks(PAYLOAD).enumerate().map(fragment).collect()
}

async fn serve(listener: std::net::TcpListener, street: Arc<Street>) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (client, _) = listener.accept().await?;
        let street = Arc::clone(&street);
        tokio::spawn(async move {
            // A client that goes is no trouble of the camera's.
            let _ = attend(client, &street).await;
        });
    }
}

/// Answers one client until it plays, then sends.
async fn attend(mut client: TcpStream, street: &Street) -> io::Result<()> {
    client.set_nodelay(true)?;
    let mut read = Vec::new();
    loop {
        let request = request(&mut client, &mut read).await?;
        client.write_all(answer(&request, street).as_bytes()).await?;
        if request.starts_with("PLAY ") {
            break;
        }
    }
    let mut due = interval(Duration::from_secs(1) / FPS);
    let (mut sequence, mut stamp) = (0_u16, 0_u32);
    for picture in street.pictures.iter().cycle() {
        due.tick().await;
        for (n, payload) in picture.iter().enumerate() {
            let is_last = n + 1 == picture.len();
            client.write_all(&framed(payload, is_last, sequence, stamp)).await?;
            sequence = sequence.wrapping_add(1);
        }
        stamp = stamp.wrapping_add(TICKS);
    }
    Ok(())
}

/// The next request, headers alone: clients of ours send no bodies.
async fn request(client: &mut TcpStream, read: &mut Vec<u8>) -> io::Result<String> {
    loop {
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let request: Vec<u8> = read.drain(..end + 4).collect();
            return Ok(String::from_utf8_lossy(&request).into_owned());
        }
        if read.len() > REQUEST_MAX || client.read_buf(read).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
}

fn answer(request: &str, street: &Street) -> String {
    let mut words = request.split(' ');
    let (method, uri) = (words.next().unwrap_or(""), words.next().unwrap_or(""));
    let mut fields = request.lines().filter_map(|line| line.split_once(':'));
    let number =
        fields.find(|(name, _)| name.eq_ignore_ascii_case("CSeq")).map_or("", |(_, value)| value.trim());
    let head = format!("RTSP/1.0 200 OK\r\nCSeq: {number}\r\n");
    match method {
        "DESCRIBE" => {
            let body = street.description();
            let length = body.len();
            format!(
                "{head}Content-Base: {uri}/\r\nContent-Type: application/sdp\r\nContent-Length: {length}\r\n\r\n{body}"
            )
        }
        "SETUP" => {
            format!("{head}Transport: RTP/AVP/TCP;unicast;interleaved=0-1\r\nSession: 1;timeout=60\r\n\r\n")
        }
        "PLAY" => format!("{head}Session: 1\r\n\r\n"),
        _ => format!("{head}Public: DESCRIBE, SETUP, PLAY\r\n\r\n"),
    }
}

/// A packet (RFC 3550 §5.1) on the first channel of the connection (RFC 2326 §10.12).
fn framed(payload: &[u8], is_last: bool, sequence: u16, stamp: u32) -> Vec<u8> {
    const HEADER: usize = 12;
    let length = u16::try_from(HEADER + payload.len()).unwrap_or(u16::MAX);
    let mut bytes = Vec::with_capacity(4 + HEADER + payload.len());
    bytes.extend([b'$', 0]);
    bytes.extend(length.to_be_bytes());
    bytes.extend([0x80, if is_last { 0x80 | 96 } else { 96 }]);
    bytes.extend(sequence.to_be_bytes());
    bytes.extend(stamp.to_be_bytes());
    bytes.extend(1_u32.to_be_bytes());
    bytes.extend(payload);
    bytes
}

#[cfg(test)]
mod tests {
    use hardware_ports::SystemClock;
    use hardware_ports::camera::CameraSource;
    use hardware_ports::units::{NextUnit, UnitDriver};
    use models_domain::ladder::UnitKind;

    use super::*;
    use crate::Cameras;
    use crate::probe::{clip, is_key};

    /// More pictures than the clip has.
    const FIRST: usize = 30;

    /// Key frames among the first pictures that the service's own client receives of a clip.
    fn received(clip: &Clip) -> Vec<usize> {
        let (codec, sender) = (clip.codec, Sender::play(clip).unwrap());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let cameras = Cameras::new(Arc::new(SystemClock::new()), &[]).unwrap();
            let source = CameraSource { url: sender.url().to_owned(), ..CameraSource::default() };
            let mut stream = cameras.open(&source).await.unwrap();
            let mut keys = Vec::new();
            for n in 0..FIRST {
                let NextUnit::Unit(unit) = stream.next().await.unwrap() else {
                    panic!("{codec:?}: picture {n} is missing")
                };
                assert_eq!(unit.format.size, (320, 192), "{codec:?}");
                assert!(unit.facts.qp.is_some() && unit.facts.bytes > 0, "{codec:?}: {unit:?}");
                if unit.facts.kind == UnitKind::Key {
                    keys.push(n);
                }
            }
            keys
        })
    }

    #[test]
    fn the_cameras_own_client_receives_all_of_it_again_and_again() {
        for codec in [Codec::H264, Codec::H265] {
            let clip = clip(codec, (320, 192), 1).unwrap();
            let is_key = |n: &usize| is_key(&clip.units[n % clip.units.len()]);
            assert_eq!(received(&clip), (0..FIRST).filter(is_key).collect::<Vec<_>>(), "{codec:?}");
        }
    }

    #[test]
    fn large_units_go_in_fragments() {
        let nal = |first: u8| [vec![first, 1], vec![7; 2_999]].concat();
        let heads = |nal: &[u8], codec| -> Vec<[u8; 3]> {
            payloads(nal, codec).iter().map(|p| [p[0], p[1], p[2]]).collect()
        };
        assert_eq!(heads(&nal(0x65), Codec::H264), [[0x7c, 0x85, 1], [0x7c, 5, 7], [0x7c, 0x45, 7]]);
        assert_eq!(heads(&nal(0x26), Codec::H265), [[0x62, 1, 0x93], [0x62, 1, 0x13], [0x62, 1, 0x53]]);
        assert_eq!(payloads(&[0x65], Codec::H264), [[0x65]]);
    }
}
