//! Pictures out of what the camera marks as such: some cameras mark every slice as if it were the last of its picture.

use crate::bitstream::{NalCodec, annexb};
use crate::frame_time::Came;

/// A picture that grows beyond this is given up.
const BYTES_MAX: usize = 8 << 20;

/// What came up to one mark.
#[derive(Debug)]
pub struct Part {
    /// Its timestamp in microseconds.
    pub ticks: i64,
    /// NAL units behind lengths of four bytes, or whatever the codec has.
    pub data: Vec<u8>,
    pub came: Came,
}

/// What is known with one more part.
#[derive(Debug)]
pub struct Joined {
    pub picture: Option<Part>,
    /// Something is missing since the picture before.
    pub is_lost: bool,
}

/// Hands parts on as they come, until one of them belongs to the picture before it. From then on each picture waits for the
/// begin of the next.
pub struct Parts {
    codec: Option<NalCodec>,
    joins: bool,
    last: Option<i64>,
    waiting: Option<Part>,
}

impl Parts {
    pub fn new(codec: Option<NalCodec>) -> Self {
        Self { codec, joins: false, last: None, waiting: None }
    }

    /// Whether a part is handed on only after the next one.
    pub fn joins(&self) -> bool {
        self.joins
    }

    /// The next part. `is_lost`: something is missing before it.
    pub fn part(&mut self, part: Part, is_lost: bool) -> Joined {
        let goes_on = |codec: NalCodec| codec.goes_on(annexb::with_lengths(&part.data));
        let goes_on = self.codec.is_some_and(goes_on);
        let follows = !is_lost && self.last == Some(part.ticks);
        self.last = Some(part.ticks);
        if goes_on && !follows {
            // Its begin is lost: what is left would be shown with a grey top, and pictures be made of it.
            self.waiting = None;
            return Joined { picture: None, is_lost: true };
        }
        match (self.joins, goes_on) {
            (false, false) => Joined { picture: Some(part), is_lost },
            (false, true) => {
                // What was handed on as the picture was a part of it.
                self.joins = true;
                Joined { picture: None, is_lost: true }
            }
            (true, false) => {
                let before = self.waiting.replace(part);
                Joined { picture: before.filter(|_| !is_lost), is_lost }
            }
            (true, true) => Joined { picture: None, is_lost: self.append(&part) },
        }
    }

    /// Whether the picture is lost by that.
    fn append(&mut self, part: &Part) -> bool {
        let Some(waiting) = &mut self.waiting else { return false };
        if waiting.data.len() + part.data.len() > BYTES_MAX {
            self.waiting = None;
            return true;
        }
        waiting.data.extend_from_slice(&part.data);
        false
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use models_domain::UtcMillis;

    use super::*;

    /// Parts as text: a number is a timestamp, behind it stands `b` for a slice that begins a picture, `c` for one that goes
    /// on with it, `d` for a delimiter; `!` before it: something is missing. What comes out: the sizes of pictures in slices and
    /// their timestamps, `!` for a loss.
    #[track_caller]
    fn check(codec: NalCodec, parts: &str, want: &str) {
        let mut joined = Parts::new(Some(codec));
        let mut out = Vec::new();
        for text in parts.split(' ') {
            let (is_lost, text) = (text.starts_with('!'), text.trim_start_matches('!'));
            let (ticks, kind) = text.split_at(text.len() - 1);
            let came = Came { now: UtcMillis(0), elapsed: Duration::ZERO };
            let part = Part { ticks: ticks.parse().unwrap(), data: unit(codec, kind), came };
            let Joined { picture, is_lost } = joined.part(part, is_lost);
            out.extend(is_lost.then(|| "!".to_owned()));
            let told = |p: Part| format!("{}x{}", p.ticks, annexb::with_lengths(&p.data).count());
            out.extend(picture.map(told));
        }
        assert_eq!(out.join(" "), want);
    }

    fn unit(codec: NalCodec, kind: &str) -> Vec<u8> {
        let first = if kind == "b" { 0x88 } else { 0x48 };
        let nal = match (codec, kind) {
            (NalCodec::H264, "d") => vec![9, 0xf0],
            (NalCodec::H265, "d") => vec![70, 1, 0x50],
            (NalCodec::H264, _) => vec![0x41, first, 1],
            (NalCodec::H265, _) => vec![2, 1, first],
        };
        [&[0, 0, 0, nal.len() as u8][..], nal.as_slice()].concat()
    }

    #[test]
    fn whole_pictures_are_handed_on_as_they_come() {
        for codec in [NalCodec::H264, NalCodec::H265] {
            check(codec, "1b 2b 3b", "1x1 2x1 3x1");
            // Two fields of one picture, and a clock that stands.
            check(codec, "1b 1b 2b 2b", "1x1 1x1 2x1 2x1");
            // Begins that were lost.
            check(codec, "1b !2c 3b !3c 4b", "1x1 ! 3x1 ! 4x1");
            check(codec, "1d 1b 2d 2b", "1x1 1x1 2x1 2x1");
        }
    }

    #[test]
    fn slices_that_are_marked_one_by_one_are_joined() {
        for codec in [NalCodec::H264, NalCodec::H265] {
            check(codec, "1b 1c 1c 2b 2c 2c 3b 3c 4b", "1x1 ! 2x3 3x2");
            // A picture of which a part is missing, at its end and in its middle.
            check(codec, "1b 1c 2b 2c !3b 3c 4b", "1x1 ! ! 3x2");
            check(codec, "1b 1c 2b !2c 2c 3b 3c 4b", "1x1 ! ! 3x2");
        }
    }

    #[test]
    fn a_picture_without_end_takes_no_memory() {
        let mut parts = Parts::new(Some(NalCodec::H264));
        let mut lost = 0;
        for n in 0..4_000 {
            // The second part says that slices are marked one by one, the third begins the picture.
            let begins = n == 0 || n == 2;
            let mut data = vec![0, 0, 16, 0, 0x41, if begins { 0x88 } else { 0x48 }];
            data.resize(4_100, 7);
            let came = Came { now: UtcMillis(0), elapsed: Duration::ZERO };
            lost += u32::from(parts.part(Part { ticks: 0, data, came }, false).is_lost);
            assert!(parts.waiting.as_ref().is_none_or(|waiting| waiting.data.len() <= BYTES_MAX));
        }
        assert_eq!(lost, 2);
    }
}
