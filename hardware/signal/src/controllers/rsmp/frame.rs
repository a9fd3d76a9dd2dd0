//! Packets of RSMP: JSON texts, each ended by a form feed ("Wrapping of packets").

/// Longest packet in bytes. A status of every group, input and detector of a large junction stays below 20,000.
pub const PACKET_MAX: usize = 256 * 1024;

const FORM_FEED: u8 = 0x0C;

/// The other side sends no form feed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a packet is longer than {PACKET_MAX} bytes; this is no RSMP site")]
pub struct TooLong;

/// Cuts a stream of bytes into packets; holds at most one unfinished packet.
#[derive(Default)]
pub struct Frames {
    unfinished: Vec<u8>,
}

impl Frames {
    /// The packets that `bytes` finishes, without their form feed. Empty ones are left out: several form feeds in a row
    /// "must not be sent, but must be handled".
    ///
    /// # Errors
    /// [`TooLong`] once an unfinished packet exceeds [`PACKET_MAX`].
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Vec<u8>>, TooLong> {
        let mut packets = Vec::new();
        let mut pieces = bytes.split(|byte| *byte == FORM_FEED).peekable();
        while let Some(piece) = pieces.next() {
            if self.unfinished.len() + piece.len() > PACKET_MAX {
                return Err(TooLong);
            }
            self.unfinished.extend_from_slice(piece);
            let finished = pieces.peek().is_some();
            if finished && !self.unfinished.is_empty() {
                packets.push(std::mem::take(&mut self.unfinished));
            }
        }
        Ok(packets)
    }
}

/// The packet with its end.
pub fn wrap(mut json: Vec<u8>) -> Vec<u8> {
    json.push(FORM_FEED);
    json
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(chunks: &[&str], want: &[&str]) {
        let mut frames = Frames::default();
        let mut got = Vec::new();
        for chunk in chunks {
            got.extend(frames.push(chunk.as_bytes()).unwrap());
        }
        let got: Vec<String> = got.into_iter().map(|packet| String::from_utf8(packet).unwrap()).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn any_split() {
        check(&["{}\u{c}{1}\u{c}"], &["{}", "{1}"]);
        check(&["{", "}", "\u{c}"], &["{}"]);
        check(&["\u{c}\u{c}{}\u{c}\u{c}\u{c}{}\u{c}"], &["{}", "{}"]);
        check(&["{}"], &[]);
        check(&["", "\u{c}"], &[]);
    }

    #[test]
    fn no_packet_grows_without_end() {
        let mut frames = Frames::default();
        let chunk = vec![b' '; 64 * 1024];
        let refused = (0..100).find_map(|_| frames.push(&chunk).err());
        assert_eq!(refused, Some(TooLong));
        assert!(frames.unfinished.len() <= PACKET_MAX);
        let mut one = vec![b'x'; PACKET_MAX + 1];
        one.push(FORM_FEED);
        assert_eq!(Frames::default().push(&one), Err(TooLong));
    }
}
