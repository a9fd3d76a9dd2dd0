//! Clips as access units, and pictures out of these: times, facts, lone key frames, gaps, every container and codec.

use std::path::Path;

use hardware_ports::camera::{CameraError, PixelFormat};
use hardware_ports::units::Codec;
use models_domain::ladder::UnitKind;

use crate::clips::{cached, cameras, decoded, field, launch, make, new_decoder, units};

#[track_caller]
fn check_times(clip: &Path, count: usize, first: &[i64], last: i64) {
    let frames = decoded(&units(clip).unwrap());
    let times: Vec<i64> = frames.iter().map(|f| f.pts.0).collect();
    assert_eq!(times.len(), count, "{times:?}");
    assert_eq!(&times[..first.len()], first);
    assert_eq!(times[count - 1], last);
    assert!(times.is_sorted());
    assert!(frames.iter().all(|f| f.at.0 == f.pts.0));
}

#[test]
fn real_clips_keep_their_times() {
    if let Some(clip) = cached("vtest.avi") {
        check_times(&clip, 795, &[0, 100, 200], 79_400);
    }
    if let Some(clip) = cached("bikes.mp4") {
        check_times(&clip, 250, &[0, 40, 80], 9_960);
    }
    if let Some(clip) = field("junction.mp4") {
        check_times(&clip, 499, &[0, 50, 100], 24_900);
    }
    if let Some(clip) = field("car_park_lane.mp4") {
        check_times(&clip, 377, &[0, 80, 160], 30_080);
    }
    // Variable rate; its first 19 access units need a key frame that is not there.
    if let Some(clip) = field("quiet_street.mp4") {
        check_times(&clip, 734, &[1_860, 1_979, 2_058, 2_176], 75_007);
    }
}

/// `frames` pictures of 320 x 240 at 10 a second, in a file; B-frames give an MP4 an edit list.
fn clip(dir: &Path, frames: u32, encoder: &str, mux: &str) -> std::path::PathBuf {
    let path = dir.join("clip");
    launch(&format!(
        "videotestsrc pattern=ball num-buffers={frames} ! video/x-raw,format=I420,framerate=10/1,width=320,height=240 ! \
         {encoder} ! {mux} ! filesink location={}",
        path.display()
    ));
    path
}

const H264: &str = "x264enc key-int-max=10 bframes=2 b-adapt=false";
const H265: &str =
    "x265enc key-int-max=10 log-level=none option-string=bframes=2:keyint=10:min-keyint=10 ! h265parse";

#[test]
fn every_container_and_codec() {
    let ways = [
        (H264, "mp4mux", Codec::H264),
        (H264, "matroskamux", Codec::H264),
        ("x264enc key-int-max=10 bframes=0", "avimux", Codec::H264),
        (H264, "h264parse ! mpegtsmux", Codec::H264),
        (H264, "h264parse ! video/x-h264,stream-format=byte-stream", Codec::H264),
        (H265, "mp4mux", Codec::H265),
        (H265, "matroskamux", Codec::H265),
        (H265, "mpegtsmux", Codec::H265),
        ("jpegenc", "avimux", Codec::Jpeg),
        ("jpegenc", "matroskamux", Codec::Jpeg),
        ("avenc_mpeg4", "mp4mux", Codec::Mpeg4),
        ("vp8enc keyframe-max-dist=10 deadline=1", "webmmux", Codec::Other),
    ];
    let dir = tempfile::tempdir().unwrap();
    for (encoder, mux, codec) in ways {
        let units = units(&clip(dir.path(), 30, encoder, mux)).unwrap();
        assert_eq!(units.len(), 30, "{encoder} {mux}");
        assert!(units.iter().all(|u| u.format.codec == codec), "{encoder} {mux}");
        assert_eq!(units[0].facts.kind, UnitKind::Key);
        assert!(units.windows(2).all(|pair| pair[1].number == pair[0].number + 1));
        let frames = decoded(&units);
        assert_eq!(frames.len(), 30, "{encoder} {mux}");
        assert!(frames.windows(2).all(|f| f[0].pts < f[1].pts), "{encoder} {mux}: {frames:?}");
        let picture = &frames[29].picture;
        assert_eq!((picture.width, picture.height, picture.format), (320, 240, PixelFormat::I420));
    }
}

/// Without waiting for the picture after it.
#[test]
fn a_lone_key_frame_gives_its_picture_at_once() {
    let dir = tempfile::tempdir().unwrap();
    for encoder in [H264, H265, "jpegenc"] {
        let units = units(&clip(dir.path(), 40, encoder, "matroskamux")).unwrap();
        let mut decoder = new_decoder(&cameras(), &units[0]);
        let (mut keys, mut frames) = (Vec::new(), Vec::new());
        for unit in units.iter().filter(|u| u.facts.kind == UnitKind::Key) {
            keys.push(unit.pts);
            decoder.decode(unit, &mut frames).unwrap();
            decoder.drain(&mut frames).unwrap();
            assert_eq!(frames.len(), keys.len(), "{encoder}");
        }
        assert!(keys.len() >= 4, "{encoder}: {keys:?}");
        assert_eq!(frames.iter().map(|f| f.pts).collect::<Vec<_>>(), keys);
    }
}

#[test]
fn after_a_gap_nothing_is_guessed() {
    let dir = tempfile::tempdir().unwrap();
    for encoder in [H264, H265] {
        let mut units = units(&clip(dir.path(), 40, encoder, "matroskamux")).unwrap();
        let whole = decoded(&units);
        // A unit in the middle of the second group of pictures, and the very first one.
        units.remove(15);
        units.remove(0);
        let frames = decoded(&units);
        assert!((15..30).contains(&frames.len()), "{encoder}: {}", frames.len());
        for frame in &frames {
            let same = whole.iter().find(|w| w.pts == frame.pts).unwrap();
            let (a, b) = (same.picture.planes.plane(0), frame.picture.planes.plane(0));
            for y in 0..240 {
                assert_eq!(
                    a.data[y * a.stride..][..320],
                    b.data[y * b.stride..][..320],
                    "{encoder} {:?}",
                    frame.pts
                );
            }
        }
    }
}

#[test]
fn units_tell_their_quantiser_and_size() {
    let dir = tempfile::tempdir().unwrap();
    let encoders = [
        (
            "x264enc pass=quant quantizer=33 key-int-max=10 option-string=ipratio=1:pbratio=1:weightp=2:slices=3",
            33.0,
        ),
        (
            "x264enc pass=quant quantizer=21 bframes=3 key-int-max=10 cabac=false option-string=ipratio=1:pbratio=1",
            21.0,
        ),
        (
            "x264enc pass=quant quantizer=28 bframes=3 key-int-max=10 interlaced=true option-string=ipratio=1:pbratio=1",
            28.0,
        ),
        (
            "x265enc qp=30 key-int-max=10 log-level=none option-string=qp=30:ipratio=1:pbratio=1:keyint=10 ! h265parse",
            30.0,
        ),
        (
            "x265enc qp=30 key-int-max=10 log-level=none option-string=qp=22:ipratio=1:pbratio=1:bframes=4:weightb=1:slices=2 ! h265parse",
            22.0,
        ),
    ];
    for (encoder, qp) in encoders {
        let units = units(&clip(dir.path(), 30, encoder, "matroskamux")).unwrap();
        for unit in &units {
            assert_eq!(unit.facts.qp, Some(qp), "{encoder}: {unit:?}");
            assert!(unit.facts.bytes > 0 && (unit.facts.bytes as usize) < unit.data.len());
            assert_eq!(unit.format.size, (320, 240));
        }
        assert!(units.iter().any(|u| u.facts.kind == UnitKind::Delta));
    }
}

#[track_caller]
fn check_refused(path: &Path, want: &str) -> CameraError {
    let Err(err) = units(path) else { panic!("{} opened", path.display()) };
    let said = err.to_string();
    assert!(said.contains(want), "{said:?} does not say {want:?}");
    assert!(said.starts_with(&path.display().to_string()), "{said:?} does not name {path:?}");
    err
}

#[test]
fn bad_files_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let err = check_refused(&at("none.mp4"), "cannot be opened: No such file or directory");
    assert!(matches!(err, CameraError::NotFound { .. }));
    check_refused(dir.path(), "is a folder, not a clip");
    std::fs::write(at("empty.mp4"), "").unwrap();
    check_refused(&at("empty.mp4"), "the file is empty");
    std::fs::write(at("notes.txt"), "this is no clip\n".repeat(100)).unwrap();
    let err = check_refused(&at("notes.txt"), "it is not a video");
    assert!(matches!(err, CameraError::Undecodable { .. }));
    make(&at("whole.mp4"), 100, (320, 240), "mp4mux");
    let whole = std::fs::read(at("whole.mp4")).unwrap();
    std::fs::write(at("half.mp4"), &whole[..whole.len() / 2]).unwrap();
    check_refused(&at("half.mp4"), "broken or cut short");
    launch(&format!(
        "audiotestsrc num-buffers=50 ! audioconvert ! wavenc ! filesink location={}",
        at("sound.wav").display()
    ));
    check_refused(&at("sound.wav"), "no video in it");
    check_refused(Path::new("gopher://camera/1"), "known are file");
}

#[test]
fn a_change_of_size_is_a_new_format() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b, both) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("both.h264"));
    make(&a, 20, (320, 240), "h264parse ! video/x-h264,stream-format=byte-stream");
    make(&b, 20, (640, 360), "h264parse ! video/x-h264,stream-format=byte-stream");
    std::fs::write(&both, [std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap()].concat()).unwrap();
    let units = units(&both).unwrap();
    assert_eq!((units[19].format.size, units[20].format.size), ((320, 240), (640, 360)));
    let widths: Vec<u32> = decoded(&units).iter().map(|f| f.picture.width).collect();
    assert_eq!(widths, [vec![320; 20], vec![640; 20]].concat());
    // A decoder that is kept follows it as well.
    let (mut decoder, mut frames) = (new_decoder(&cameras(), &units[0]), Vec::new());
    units.iter().for_each(|unit| decoder.decode(unit, &mut frames).unwrap());
    decoder.drain(&mut frames).unwrap();
    assert_eq!(frames.iter().map(|f| f.picture.width).collect::<Vec<_>>(), widths);
}

#[test]
fn decoders_have_no_threads() {
    let dir = tempfile::tempdir().unwrap();
    let units = units(&clip(dir.path(), 10, H264, "mp4mux")).unwrap();
    let threads = || std::fs::read_dir("/proc/self/task").unwrap().count();
    let cameras = cameras();
    let mut decoders: Vec<_> = (0..50).map(|_| new_decoder(&cameras, &units[0])).collect();
    let mut frames = Vec::new();
    let before = threads();
    decoders.iter_mut().for_each(|d| d.decode(&units[0], &mut frames).unwrap());
    // Other tests run beside this one and start some of their own: what must not be is one a decoder.
    let after = threads();
    assert!(after < before + 40, "{before} threads became {after}");
}

/// H.265 with open groups of pictures: key frames are CRA pictures, and pictures shown before them lean on what was before.
#[test]
fn decoding_begins_at_any_clean_random_access_picture() {
    let dir = tempfile::tempdir().unwrap();
    let encoder = "x265enc key-int-max=10 log-level=none option-string=open-gop=1:bframes=3:keyint=10:min-keyint=10:scenecut=0 ! h265parse";
    let all = units(&clip(dir.path(), 60, encoder, "matroskamux")).unwrap();
    let cra = |data: &[u8]| data.windows(4).any(|w| w[..3] == [0, 0, 1] && w[3] >> 1 == 21);
    let keys: Vec<usize> = (0..all.len()).filter(|&n| all[n].facts.kind == UnitKind::Key).collect();
    assert!(keys.len() >= 5 && keys[1..].iter().all(|&n| cra(&all[n].data)), "{keys:?}");
    let whole = decoded(&all);
    assert_eq!(whole.len(), 60);
    for &key in &keys[1..] {
        let frames = decoded(&all[key..]);
        // Those shown before the key frame are left out.
        assert_eq!(frames[0].pts, all[key].pts);
        assert!(frames.len() >= all.len() - key - 3, "{} of {}", frames.len(), all.len() - key);
        for frame in &frames {
            let same = whole.iter().find(|w| w.pts == frame.pts).unwrap();
            let (a, b) = (same.picture.planes.plane(0), frame.picture.planes.plane(0));
            assert!(
                (0..240).all(|y| a.data[y * a.stride..][..320] == b.data[y * b.stride..][..320]),
                "{:?}",
                frame.pts
            );
        }
    }
    // The same after a gap.
    let gap: Vec<_> = all[..keys[1] + 4].iter().chain(&all[keys[3]..]).cloned().collect();
    let frames = decoded(&gap);
    let before = gap[..keys[1] + 4].iter().map(|unit| unit.pts).max().unwrap();
    let guessed = |pts| pts > before && pts < all[keys[3]].pts;
    assert!(frames.iter().all(|f| !guessed(f.pts)), "{frames:?}");
}
