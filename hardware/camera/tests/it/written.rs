//! Clips written for people, read back through the door.

use std::path::Path;

use hardware_camera::{Mp4Writer, WriteError};
use hardware_ports::camera::Picture;
use models_domain::DurationMs;

use crate::clips::pictures;

/// Red on the left, blue on the right.
fn two_colours(width: u32, height: u32) -> Picture {
    let row = (0..width).flat_map(|x| if x < width / 2 { [255, 0, 0] } else { [0, 0, 255] });
    let data = row.collect::<Vec<u8>>().repeat(height as usize);
    Picture::from_rgb(width, height, data)
}

#[test]
fn a_written_clip_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    // 322 columns: rows of RGB need padding. 241 rows: the odd one goes.
    for (width, height) in [(322, 241), (640, 360)] {
        let clip = dir.path().join("annotated.mp4");
        let mut writer = Mp4Writer::create(&clip, width, height).unwrap();
        let times = [0, 79, 198, 277, 1000];
        for ms in times {
            writer.write(&two_colours(width, height), DurationMs(ms)).unwrap();
        }
        assert!(!clip.exists());
        writer.close().unwrap();
        let frames = pictures(&clip);
        assert_eq!(frames.iter().map(|f| f.pts.0).collect::<Vec<_>>(), times);
        let picture = &frames[4].picture;
        assert_eq!((picture.width, picture.height), (width, height & !1));
        let (cb, cr) = (picture.planes.plane(1), picture.planes.plane(2));
        let middle = picture.height as usize / 4;
        let at = |plane: hardware_ports::camera::Plane<'_>, x: usize| plane.data[middle * plane.stride + x];
        assert!(at(cr, 8) > 220 && at(cb, 8) < 120, "left is red");
        assert!(at(cb, width as usize / 2 - 8) > 220, "right is blue");
        std::fs::remove_file(&clip).unwrap();
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_dropped_writer_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let clip = dir.path().join("annotated.mp4");
    let mut writer = Mp4Writer::create(&clip, 64, 64).unwrap();
    writer.write(&two_colours(64, 64), DurationMs(1_860)).unwrap();
    writer.write(&two_colours(64, 64), DurationMs(1_979)).unwrap();
    drop(writer);
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[track_caller]
fn check_refused(err: Result<impl Sized, WriteError>, want: &str) {
    let Err(err) = err else { panic!("it was accepted") };
    assert!(err.to_string().contains(want), "{err} does not say {want:?}");
}

#[test]
fn what_cannot_be_written_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let none = dir.path().join("none/annotated.mp4");
    check_refused(Mp4Writer::create(&none, 64, 64), "choose a folder that can be written to");
    check_refused(Mp4Writer::create(&none, 1, 64), "too small");
    let mut writer = Mp4Writer::create(&dir.path().join("a.mp4"), 64, 64).unwrap();
    writer.write(&two_colours(64, 64), DurationMs(40)).unwrap();
    check_refused(writer.write(&two_colours(64, 64), DurationMs(40)), "too late");
    check_refused(writer.write(&two_colours(32, 64), DurationMs(80)), "is not an RGB picture of 64 x 64");
}

/// A disk without room, where the system has one to lend: /dev/full takes nothing.
#[test]
fn a_full_disk_is_an_error_and_leaves_nothing() {
    if !Path::new("/dev/full").exists() {
        eprintln!("skipped: there is no /dev/full");
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink("/dev/full", dir.path().join("a.mp4.part")).unwrap();
    let clip = dir.path().join("a.mp4");
    let mut writer = Mp4Writer::create(&clip, 640, 360).unwrap();
    let written = (0..500).try_for_each(|n| writer.write(&two_colours(640, 360), DurationMs(40 * n)));
    let closed = writer.close();
    check_refused(written.and(closed), "No space left");
    assert!(!clip.exists());
}
