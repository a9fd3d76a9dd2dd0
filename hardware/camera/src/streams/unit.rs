//! Coded pictures of one stream as access units: looked at, with their parameter sets, and the format they belong to.

use std::sync::Arc;

use hardware_ports::units::{Codec, StreamFormat};
use models_domain::ladder::UnitKind;

use crate::bitstream::{Inspector, Looked, NalCodec, annexb};

/// What is known of a stream's coding so far.
pub struct Coding {
    inspector: Option<Inspector>,
    format: Arc<StreamFormat>,
}

/// A unit without its times.
pub struct Coded {
    pub bytes: u32,
    pub kind: UnitKind,
    pub qp: Option<f32>,
    pub format: Arc<StreamFormat>,
    pub data: Arc<[u8]>,
}

impl Coding {
    /// `description`: what the decoder must be told of codecs other than H.264 and H.265.
    pub fn new(codec: Codec, size: (u32, u32), description: Vec<u8>) -> Self {
        let inspector = nal_codec(codec).map(Inspector::new);
        let parameter_sets = if inspector.is_some() { Vec::new() } else { description };
        Self { inspector, format: Arc::new(StreamFormat { codec, size, parameter_sets }) }
    }

    /// Takes note of parameter sets that came beside the stream.
    pub fn learn(&mut self, nals: &[&[u8]]) {
        let Some(inspector) = self.inspector.as_mut() else { return };
        let mut is_news = false;
        for nal in nals {
            is_news |= inspector.learn(nal);
        }
        if is_news {
            self.format = format(self.format.codec, self.format.size, inspector);
        }
    }

    /// Pictures of a codec without parameter sets are of this size from now on.
    pub fn sized(&mut self, size: (u32, u32)) {
        if self.inspector.is_none() && self.format.size != size {
            self.format = Arc::new(StreamFormat { size, ..(*self.format).clone() });
        }
    }

    pub fn is(&self, codec: Codec) -> bool {
        self.format.codec == codec
    }

    /// A unit with start codes, or of a codec without NAL units; `kind` is what others say of it.
    pub fn annex_b(&mut self, data: &[u8], kind: UnitKind) -> Coded {
        let looked = self.inspector.as_mut().map(|inspector| inspector.look(annexb::nals(data)));
        let Some(looked) = looked else { return self.whole(data.into(), kind) };
        self.looked_at(looked, data)
    }

    /// A unit whose NAL units stand behind lengths of four bytes.
    pub fn with_lengths(&mut self, mut data: Vec<u8>, kind: UnitKind) -> Coded {
        let looked = self.inspector.as_mut().map(|inspector| inspector.look(annexb::with_lengths(&data)));
        let Some(looked) = looked else { return self.whole(data.into(), kind) };
        annexb::lengths_to_starts(&mut data);
        self.looked_at(looked, &data)
    }

    fn whole(&self, data: Arc<[u8]>, kind: UnitKind) -> Coded {
        let bytes = u32::try_from(data.len()).unwrap_or(u32::MAX);
        Coded { bytes, kind, qp: None, format: Arc::clone(&self.format), data }
    }

    fn looked_at(&mut self, looked: Looked, data: &[u8]) -> Coded {
        let Looked { bytes, kind, qp, has_sets, is_news } = looked;
        let mut with_sets = None;
        if let Some(inspector) = &self.inspector {
            if is_news {
                self.format = format(self.format.codec, self.format.size, inspector);
            }
            if kind == UnitKind::Key && !has_sets {
                with_sets = Some([inspector.parameter_sets().as_slice(), data].concat());
            }
        }
        let data = with_sets.map_or_else(|| Arc::from(data), Arc::from);
        Coded { bytes, kind, qp, format: Arc::clone(&self.format), data }
    }
}

fn format(codec: Codec, before: (u32, u32), inspector: &Inspector) -> Arc<StreamFormat> {
    let size = inspector.size().unwrap_or(before);
    Arc::new(StreamFormat { codec, size, parameter_sets: inspector.parameter_sets() })
}

/// Codecs whose NAL units are read.
pub fn nal_codec(codec: Codec) -> Option<NalCodec> {
    match codec {
        Codec::H264 => Some(NalCodec::H264),
        Codec::H265 => Some(NalCodec::H265),
        Codec::Jpeg | Codec::Mpeg4 | Codec::Other => None,
    }
}
