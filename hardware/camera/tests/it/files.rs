//! Clips through the door as pictures: colours, times, what is damaged, and what is left behind.

use std::path::Path;

use hardware_ports::camera::{Picture, PixelFormat};
use hardware_ports::units::{NextUnit, UnitDriver};
use models_domain::DurationMs;

use crate::clips::{cameras, launch, make, new_decoder, pictures, source, wait};

/// Mean of a plane over a block of 8 x 8 around a place given in parts of the whole.
fn mean(picture: &Picture, plane: usize, x: f64, y: f64) -> u8 {
    let half = if plane == 0 { 1 } else { 2 };
    let (w, h) = (picture.width as usize / half, picture.height as usize / half);
    let (x0, y0) = ((x * w as f64) as usize, (y * h as f64) as usize);
    let p = picture.planes.plane(plane);
    let sum: u32 =
        (y0..y0 + 8).flat_map(|y| (x0..x0 + 8).map(move |x| u32::from(p.data[y * p.stride + x]))).sum();
    (sum / 64) as u8
}

#[test]
fn colours_and_rows_are_right_whatever_the_width() {
    let dir = tempfile::tempdir().unwrap();
    // 272 rows and 350 columns: neither is a multiple of the decoder's alignment.
    for size in [(640, 272), (350, 194), (706, 530)] {
        let clip = dir.path().join(format!("{}.mp4", size.0));
        make(&clip, 5, size, "mp4mux");
        let frames = pictures(&clip);
        assert_eq!(frames.len(), 5);
        let picture = &frames[4].picture;
        assert_eq!((picture.width, picture.height, picture.format), (size.0, size.1, PixelFormat::I420));
        // The SMPTE bars from the left: white, yellow, cyan, green, magenta, red, blue; BT.601.
        let wants = [
            (235, 128, 128),
            (210, 16, 146),
            (170, 166, 16),
            (145, 54, 34),
            (106, 202, 222),
            (81, 90, 240),
            (41, 240, 110),
        ];
        for (bar, want) in wants.into_iter().enumerate() {
            for y in [0.1, 0.4] {
                let x = (bar as f64 + 0.4) / 7.0;
                let got = (mean(picture, 0, x, y), mean(picture, 1, x, y), mean(picture, 2, x, y));
                let near = |a: u8, b: u8| a.abs_diff(b) <= 6;
                assert!(
                    near(got.0, want.0) && near(got.1, want.1) && near(got.2, want.2),
                    "{size:?} bar {bar}: {got:?} not {want:?}"
                );
            }
        }
    }
}

#[track_caller]
fn check_times(clip: &Path, count: usize, first: &[i64], last: i64) {
    let frames = pictures(clip);
    assert_eq!(frames.len(), count);
    let times: Vec<i64> = frames.iter().map(|f| f.pts.0).collect();
    assert_eq!(&times[..first.len()], first);
    assert_eq!(times[count - 1], last);
    assert!(times.is_sorted());
    assert!(frames.iter().all(|f| f.at.0 == f.pts.0));
}

/// B-frames give an MP4 an edit list that moves its first picture to 0.
#[test]
fn an_edit_list_is_followed() {
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("b.mp4");
    launch(&format!(
        "videotestsrc num-buffers=30 ! video/x-raw,framerate=10/1,width=160,height=120 ! \
         x264enc bframes=2 b-adapt=false ! video/x-h264,profile=high ! mp4mux ! filesink location={}",
        clip.display()
    ));
    check_times(&clip, 30, &[0, 100, 200], 2900);
}

#[test]
fn a_length_is_found_without_decoding() {
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("two_seconds.mp4");
    make(&clip, 50, (160, 120), "mp4mux");
    assert_eq!(hardware_camera::clip_length(&clip), Some(DurationMs(2000)));
    assert_eq!(hardware_camera::clip_length(Path::new("/nowhere.mp4")), None);
    let text = dir.path().join("notes.txt");
    std::fs::write(&text, "this is no clip").unwrap();
    assert_eq!(hardware_camera::clip_length(&text), None);
}

fn cut(from: &Path, to: &Path) {
    let whole = std::fs::read(from).unwrap();
    std::fs::write(to, &whole[..whole.len() / 2]).unwrap();
}

#[test]
fn a_clip_cut_short_gives_what_is_there() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, half) = (dir.path().join("whole"), dir.path().join("half"));
    for mux in ["mp4mux faststart=true", "avimux", "mpegtsmux", "matroskamux"] {
        make(&whole, 100, (320, 240), mux);
        cut(&whole, &half);
        let frames = pictures(&half);
        assert!((20..80).contains(&frames.len()), "{mux}: {}", frames.len());
    }
}

/// A damaged group of pictures is left out, the next one is whole again.
#[test]
fn damaged_bytes_give_no_damaged_pictures() {
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.h264");
    make(&clip, 60, (320, 240), "h264parse ! video/x-h264,stream-format=byte-stream");
    let mut bytes = std::fs::read(&clip).unwrap();
    let third = bytes.len() / 3;
    for byte in &mut bytes[third..third + 300] {
        *byte ^= 0x5a;
    }
    std::fs::write(&clip, bytes).unwrap();
    let frames = pictures(&clip);
    assert!((30..=60).contains(&frames.len()), "{}", frames.len());
}

fn threads() -> usize {
    std::fs::read_dir("/proc/self/task").unwrap().count()
}

#[test]
fn a_dropped_stream_leaves_no_thread_behind() {
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mp4");
    make(&clip, 50, (160, 120), "mp4mux");
    let cameras = cameras();
    let open = || {
        wait(async {
            let mut stream = cameras.open(&source(&clip)).await.unwrap();
            let NextUnit::Unit(unit) = stream.next().await.unwrap() else { panic!("no unit") };
            let (mut decoder, mut frames) = (new_decoder(&cameras, &unit), Vec::new());
            decoder.decode(&unit, &mut frames).unwrap();
            decoder.drain(&mut frames).unwrap();
            assert_eq!(frames.len(), 1);
        });
    };
    open();
    // Other tests run beside this one and end: what must not happen is 50 more.
    let before = threads();
    (0..50).for_each(|_| open());
    let after = threads();
    assert!(after < before + 20, "{before} threads became {after}");
}

#[test]
fn a_picture_outlives_its_stream_and_its_decoder() {
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mp4");
    make(&clip, 3, (160, 120), "mp4mux");
    let frame = pictures(&clip).pop().unwrap();
    assert_eq!(frame.picture.planes.plane(0).data.len(), 160 * 120);
    assert!(frame.picture.planes.plane(3).data.is_empty());
}
