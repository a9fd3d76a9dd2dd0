//! Painted pictures in every layout: the paint is named, night and infrared are not.

use std::sync::Arc;

use hardware_ports::camera::OwnedPlanes;

use super::*;

const W: usize = 320;
const H: usize = 180;
const CAR: BBox = BBox::new(100.0, 60.0, 100.0, 60.0);

/// A street of one colour with a box of another in it, as RGB.
fn street(ground: [u8; 3], paint: [u8; 3]) -> Vec<u8> {
    let inside = |x: usize, y: usize| (100..200).contains(&x) && (60..120).contains(&y);
    let pixel = |i: usize| if inside(i % W, i / W) { paint } else { ground };
    (0..W * H).flat_map(pixel).collect()
}

fn rgb(ground: [u8; 3], paint: [u8; 3]) -> Picture {
    Picture::from_rgb(W as u32, H as u32, street(ground, paint))
}

/// The same as a decoder gives it: limited-range BT.601.
fn planar(ground: [u8; 3], paint: [u8; 3], format: PixelFormat) -> Picture {
    let rgb = street(ground, paint);
    let yuv = |x: usize, y: usize| {
        let p = &rgb[(y * W + x) * 3..][..3];
        let [r, g, b] = [f32::from(p[0]), f32::from(p[1]), f32::from(p[2])];
        let y = 16.0 + 0.2568 * r + 0.5041 * g + 0.0979 * b;
        let u = 128.0 - 0.1482 * r - 0.2910 * g + 0.4392 * b;
        let v = 128.0 + 0.4392 * r - 0.3678 * g - 0.0714 * b;
        [y.round() as u8, u.round() as u8, v.round() as u8]
    };
    let mut data: Vec<u8> = (0..W * H).map(|i| yuv(i % W, i / W)[0]).collect();
    let chroma: Vec<[u8; 3]> = (0..W * H / 4).map(|i| yuv(i % (W / 2) * 2, i / (W / 2) * 2)).collect();
    let planes = if format == PixelFormat::I420 {
        data.extend(chroma.iter().map(|c| c[1]));
        data.extend(chroma.iter().map(|c| c[2]));
        vec![(0, W), (W * H, W / 2), (W * H * 5 / 4, W / 2)]
    } else {
        data.extend(chroma.iter().flat_map(|c| [c[1], c[2]]));
        vec![(0, W), (W * H, W)]
    };
    let planes = Arc::new(OwnedPlanes { data, planes });
    Picture { width: W as u32, height: H as u32, format, planes }
}

fn named(picture: &Picture, bbox: BBox) -> Option<Colour> {
    let votes = BoxColours.colours(picture, &bbox, Class::Car).unwrap()?;
    votes.winner().map(|(colour, _)| colour)
}

#[test]
fn paints_are_named_whatever_the_layout() {
    let road = [96, 104, 92];
    for (paint, want) in [
        ([235, 235, 230], Colour::White),
        ([130, 132, 135], Colour::Grey),
        ([30, 30, 34], Colour::Black),
        ([170, 25, 30], Colour::Red),
        ([240, 120, 30], Colour::Orange),
        ([230, 200, 30], Colour::Yellow),
        ([30, 120, 60], Colour::Green),
        ([30, 70, 170], Colour::Blue),
        ([120, 50, 140], Colour::Purple),
        ([100, 60, 35], Colour::Brown),
    ] {
        let pictures = [
            rgb(road, paint),
            planar(road, paint, PixelFormat::I420),
            planar(road, paint, PixelFormat::Nv12),
        ];
        for picture in pictures {
            assert_eq!(named(&picture, CAR), Some(want), "{paint:?} in {picture:?}");
        }
    }
}

#[test]
fn night_and_infrared_name_nothing() {
    assert_eq!(named(&rgb([20, 22, 18], [60, 10, 10]), CAR), None, "night");
    assert_eq!(named(&rgb([110, 110, 110], [220, 220, 220]), CAR), None, "infrared");
    assert_eq!(named(&planar([110; 3], [220; 3], PixelFormat::I420), CAR), None, "infrared");
}

#[test]
fn boxes_beyond_the_picture_or_too_small_name_nothing_and_never_panic() {
    let picture = rgb([96, 104, 92], [170, 25, 30]);
    for bbox in [
        BBox::new(100.0, 60.0, 11.0, 60.0),
        BBox::new(-500.0, -500.0, 100.0, 60.0),
        BBox::new(1e9, 1e9, 100.0, 60.0),
        BBox::new(f64::NAN, 0.0, 100.0, 60.0),
        BBox::new(0.0, 0.0, f64::INFINITY, f64::NEG_INFINITY),
        BBox::new(0.0, 0.0, -5.0, -5.0),
    ] {
        assert_eq!(named(&picture, bbox), None, "{bbox:?}");
    }
    assert_eq!(
        named(&picture, BBox::new(60.0, 20.0, 180.0, 140.0)),
        Some(Colour::Red),
        "larger than the car"
    );
    assert!(BoxColours.colours(&Picture::from_rgb(100, 100, vec![0; 10]), &CAR, Class::Car).is_err());
}

/// What one look costs; run it alone: `cargo test --release -p hardware-infer -- --ignored --nocapture colour`.
#[test]
#[ignore = "a measurement"]
fn cost_of_a_look() {
    use hardware_ports::{Clock, SystemClock};
    let picture = planar([96, 104, 92], [170, 25, 30], PixelFormat::I420);
    let clock = SystemClock::new();
    let began = clock.elapsed();
    let n = 20_000;
    let mut red = 0;
    for _ in 0..n {
        let votes = BoxColours.colours(&picture, &CAR, Class::Car).unwrap().unwrap();
        red += votes.0[Colour::Red as usize];
    }
    let each = (clock.elapsed() - began).as_secs_f64() * 1e6 / f64::from(n);
    assert!(red > 0);
    eprintln!("{each:.1} us a look of {GRID} x {GRID} pixels");
}
