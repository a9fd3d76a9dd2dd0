//! Clips through the door: every picture, its time, its pixels, and what a bad file says.

use std::path::Path;

use hardware_ports::camera::{CameraError, Next, Pace, Picture, PixelFormat};
use models_domain::DurationMs;

use crate::clips::{self, all, cached, field, launch, make, open, open_url};

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
        let frames = all(&mut *open(&clip).unwrap());
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
    let frames = all(&mut *open(clip).unwrap());
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
fn real_clips() {
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
        let frames = all(&mut *open(&half).unwrap());
        assert!((20..80).contains(&frames.len()), "{mux}: {}", frames.len());
    }
}

#[track_caller]
fn check_refused(url: &str, want: &str) {
    let Err(err) = open_url(url, Pace::EveryFrame) else { panic!("{url} opened") };
    let said = err.to_string();
    assert!(said.contains(want), "{said:?} does not say {want:?}");
    assert!(said.starts_with(url), "{said:?} does not name {url:?}");
}

#[test]
fn bad_files_say_what_is_wrong() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    check_refused(&at("none.mp4").display().to_string(), "cannot be opened: No such file or directory");
    check_refused(&dir.path().display().to_string(), "is a folder, not a clip");
    std::fs::write(at("empty.mp4"), "").unwrap();
    check_refused(&at("empty.mp4").display().to_string(), "the file is empty");
    std::fs::write(at("notes.txt"), "this is no clip\n".repeat(100)).unwrap();
    check_refused(&at("notes.txt").display().to_string(), "it is not a video");
    make(&at("whole.mp4"), 100, (320, 240), "mp4mux");
    cut(&at("whole.mp4"), &at("half.mp4"));
    check_refused(&at("half.mp4").display().to_string(), "broken or cut short");
    launch(&format!(
        "audiotestsrc num-buffers=50 ! audioconvert ! wavenc ! filesink location={}",
        at("sound.wav").display()
    ));
    check_refused(&at("sound.wav").display().to_string(), "no video in it");
    check_refused("gopher://camera/1", "known are file");
}

#[test]
fn a_change_of_size_gives_pictures_of_the_new_size() {
    let dir = tempfile::tempdir().unwrap();
    let (a, b, both) = (dir.path().join("a"), dir.path().join("b"), dir.path().join("both.h264"));
    make(&a, 20, (320, 240), "h264parse ! video/x-h264,stream-format=byte-stream");
    make(&b, 20, (640, 360), "h264parse ! video/x-h264,stream-format=byte-stream");
    std::fs::write(&both, [std::fs::read(&a).unwrap(), std::fs::read(&b).unwrap()].concat()).unwrap();
    let frames = all(&mut *open(&both).unwrap());
    let sizes: Vec<u32> = frames.iter().map(|f| f.picture.width).collect();
    assert_eq!(sizes, [vec![320; 20], vec![640; 20]].concat());
    assert!(frames.is_sorted_by(|a, b| a.pts < b.pts), "{frames:?}");
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
    let frames = all(&mut *open(&clip).unwrap());
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
    let cameras = clips::cameras();
    let open = || {
        use hardware_ports::camera::{CameraDriver, CameraSource, Transport};
        let source = CameraSource { url: clip.display().to_string(), transport: Transport::Tcp };
        let mut stream = CameraDriver::open(&cameras, &source, Pace::EveryFrame).unwrap();
        assert!(matches!(stream.next(clips::LONG), Ok(Next::Frame(_))));
    };
    open();
    // Other tests run beside this one and end: what must not happen is 50 more.
    let before = threads();
    (0..50).for_each(|_| open());
    let after = threads();
    assert!(after < before + 20, "{before} threads became {after}");
}

#[test]
fn a_picture_outlives_its_stream() {
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("clip.mp4");
    make(&clip, 3, (160, 120), "mp4mux");
    let mut stream = open(&clip).unwrap();
    let Ok(Next::Frame(frame)) = stream.next(clips::LONG) else { panic!("no picture") };
    drop(stream);
    assert_eq!(frame.picture.planes.plane(0).data.len(), 160 * 120);
    assert!(frame.picture.planes.plane(3).data.is_empty());
}

#[test]
fn a_missing_file_is_not_found_and_a_broken_one_is_undecodable() {
    assert!(matches!(open(Path::new("/nowhere.mp4")), Err(CameraError::NotFound { .. })));
    assert!(matches!(open(Path::new("/etc/hostname")), Err(CameraError::Undecodable { .. })));
}
