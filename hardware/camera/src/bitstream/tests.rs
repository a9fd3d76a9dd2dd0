//! Units of real encoders (x264, x265): what is read of them, and what is left when bytes are missing or turned over.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]

use gst::prelude::*;

use super::*;

/// Six pictures of 96 x 80 as NAL units.
fn encoded(encoder: &str) -> Vec<Vec<u8>> {
    gst::init().unwrap();
    let launch = format!(
        "videotestsrc pattern=ball num-buffers=6 ! video/x-raw,format=I420,width=96,height=80,framerate=10/1 ! \
         {encoder},stream-format=byte-stream,alignment=au ! appsink name=out sync=false"
    );
    let pipeline = gst::parse::launch(&launch).unwrap().downcast::<gst::Pipeline>().unwrap();
    let sink = pipeline.by_name("out").unwrap().downcast::<gst_app::AppSink>().unwrap();
    pipeline.set_state(gst::State::Playing).unwrap();
    let mut nals = Vec::new();
    while let Ok(sample) = sink.pull_sample() {
        let map = sample.buffer().unwrap().map_readable().unwrap();
        nals.extend(annexb::nals(map.as_slice()).map(<[u8]>::to_vec));
    }
    pipeline.set_state(gst::State::Null).unwrap();
    nals
}

const H264: &str = "x264enc pass=quant quantizer=27 bframes=2 interlaced=true option-string=ipratio=1:pbratio=1 ! \
                    video/x-h264,profile=high";
const H265: &str = "x265enc log-level=none option-string=qp=27:ipratio=1:pbratio=1:bframes=2:weightb=1 ! \
                    h265parse ! video/x-h265";

fn look(codec: NalCodec, nals: &[Vec<u8>]) -> (Inspector, Looked) {
    let mut inspector = Inspector::new(codec);
    let looked = inspector.look(nals.iter().map(Vec::as_slice));
    (inspector, looked)
}

#[test]
fn size_and_quantiser_of_real_streams() {
    for (codec, encoder) in [(NalCodec::H264, H264), (NalCodec::H265, H265)] {
        let (inspector, looked) = look(codec, &encoded(encoder));
        assert_eq!(inspector.size(), Some((96, 80)), "{codec:?}");
        assert_eq!(looked.qp, Some(27.0), "{codec:?}");
        assert!(looked.has_sets && looked.is_news && looked.kind == UnitKind::Key, "{looked:?}");
        let sets = inspector.parameter_sets();
        assert_eq!(annexb::nals(&sets).count(), if codec == NalCodec::H264 { 2 } else { 3 });
    }
}

/// Every prefix of every NAL unit, and every NAL unit with one bit turned over: nothing panics, everything ends.
#[test]
fn damaged_units_are_read_as_far_as_they_go() {
    for (codec, encoder) in [(NalCodec::H264, H264), (NalCodec::H265, H265)] {
        let nals = encoded(encoder);
        let (whole, _) = look(codec, &nals);
        for nal in &nals {
            // Behind this nothing is read of a slice.
            let end = nal.len().min(64);
            for cut in 0..end {
                whole.clone().look([&nal[..cut]].into_iter());
            }
            for bit in 0..end * 8 {
                let mut turned = nal.clone();
                turned[bit / 8] ^= 0x80 >> (bit % 8);
                let mut inspector = whole.clone();
                inspector.look([turned.as_slice()].into_iter());
                // Slices are then read by the damaged parameter sets.
                let slices = nals.iter().filter(|nal| matches!(whole.role(nal), Role::Slice { .. }));
                let looked = inspector.look(slices.map(Vec::as_slice));
                assert!(looked.qp.is_none_or(|qp| (-48.0..=51.0).contains(&qp)), "{looked:?}");
            }
        }
    }
}

#[test]
fn a_recovery_point_is_a_key() {
    // SEI of type 6 with one byte, after one of type 5 with three bytes.
    let sei = [6, 5, 3, 1, 2, 3, 6, 1, 0x84, 0x80];
    let slice = [0x41, 0x9a, 0, 0];
    let look = |nals: &[&[u8]]| Inspector::new(NalCodec::H264).look(nals.iter().copied());
    assert_eq!(look(&[&sei, &slice]).kind, UnitKind::Key);
    assert_eq!(look(&[&sei[..6], &slice]).kind, UnitKind::Delta);
    assert_eq!(look(&[&slice]).bytes, 4);
}

/// Slices of type 7 (I) and 5 (P) that are no IDR: `1 | 0001000` and `1 | 00110`.
#[test]
fn a_stream_that_never_sends_another_idr_is_begun_at_its_intra_pictures() {
    let (idr, intra, p) = ([0x65_u8, 0x88, 0x80, 0], [0x41_u8, 0x88, 0x80, 0], [0x41_u8, 0x9a, 0, 0]);
    let mut inspector = Inspector::new(NalCodec::H264);
    let mut keys = |pictures: &[&[u8]]| -> Vec<bool> {
        pictures.iter().map(|nal| inspector.look([*nal].into_iter()).kind == UnitKind::Key).collect()
    };
    assert_eq!(keys(&[&idr, &p, &intra, &intra]), [true, false, false, false], "cuts of the scene");
    assert_eq!(keys(&[&idr, &intra, &p, &intra, &intra, &intra]), [true, false, false, false, false, false]);
    assert_eq!(keys(&[&p, &intra, &p, &intra]), [false, true, false, true]);
    assert_eq!(keys(&[&idr, &intra]), [true, false], "it does send one");
    // One slice of several that refers to others.
    let mut mixed = Inspector::new(NalCodec::H264);
    for _ in 0..6 {
        assert_eq!(mixed.look([intra.as_slice(), &p].into_iter()).kind, UnitKind::Delta);
    }
}

#[test]
fn random_access_of_h265_is_by_type() {
    for (kind, key) in
        [(1u8, false), (15, false), (16, true), (19, true), (21, true), (23, true), (24, false)]
    {
        let looked = Inspector::new(NalCodec::H265).look([[kind << 1, 1, 0xff].as_slice()].into_iter());
        assert_eq!(looked.kind == UnitKind::Key, key, "{kind}");
    }
    // Parameter sets, SEI and filler are no slice data.
    for kind in [32u8, 33, 34, 35, 38, 39] {
        assert_eq!(
            Inspector::new(NalCodec::H265).look([[kind << 1, 1, 0xff].as_slice()].into_iter()).bytes,
            0
        );
    }
}
