//! Our ground plane and our lens against OpenCV's, on the same numbers. Ours are pure and tell how sure they are; these say that they
//! are right.

#![allow(clippy::unwrap_used, reason = "helpers of tests are tests")]

use models_domain::geo::Point;
use models_domain::geo::homography::{Mark, Plane};
use models_domain::geo::lens::Lens;
use opencv::calib3d;
use opencv::core::{Mat, Point2d, Point3d, TermCriteria, Vector, no_array};
use opencv::prelude::{MatTraitConst, MatTraitConstManual};

const LENS: Lens = Lens {
    focal: (900.0, 910.0),
    center: Point::new(650.0, 355.0),
    k1: -0.28,
    k2: 0.07,
    p1: 0.001,
    p2: -0.0015,
    k3: 0.01,
};

/// The same for OpenCV: camera matrix, and k1, k2, p1, p2, k3.
fn camera() -> (Mat, Vector<f64>) {
    let rows = [[LENS.focal.0, 0.0, LENS.center.x], [0.0, LENS.focal.1, LENS.center.y], [0.0, 0.0, 1.0]];
    let distortion = [LENS.k1, LENS.k2, LENS.p1, LENS.p2, LENS.k3];
    (Mat::from_slice_2d(&rows).unwrap(), Vector::from_slice(&distortion))
}

/// Pixels all over a picture of 1280 x 720.
fn pixels() -> Vec<Point> {
    let row = |y: i32| (0..=8).map(move |x| Point::new(f64::from(x * 160), f64::from(y * 90)));
    (0..=8).flat_map(row).collect()
}

fn apart(ours: Point, theirs: &Point2d) -> f64 {
    (ours.x - theirs.x).hypot(ours.y - theirs.y)
}

#[test]
fn a_lens_bends_as_opencv_projects() {
    let (matrix, distortion) = camera();
    let unit = |p: &Point| {
        Point3d::new((p.x - LENS.center.x) / LENS.focal.0, (p.y - LENS.center.y) / LENS.focal.1, 1.0)
    };
    let seen: Vector<Point3d> = pixels().iter().map(unit).collect();
    let none = Vector::<f64>::from_slice(&[0.0; 3]);
    let mut projected = Vector::<Point2d>::new();
    calib3d::project_points_def(&seen, &none, &none, &matrix, &distortion, &mut projected).unwrap();
    for (p, theirs) in pixels().into_iter().zip(&projected) {
        assert!(apart(LENS.bent(p), &theirs) < 1e-6, "{p:?}: {:?} {theirs:?}", LENS.bent(p));
    }
}

#[test]
fn a_lens_is_straightened_as_opencv_does() {
    let (matrix, distortion) = camera();
    let bent: Vector<Point2d> = pixels().iter().map(|p| Point2d::new(p.x, p.y)).collect();
    let mut straight = Vector::<Point2d>::new();
    // Five steps are its own habit, and too few for the corners.
    let until = TermCriteria::new(3, 500, 1e-12).unwrap();
    let none = no_array();
    calib3d::undistort_points_iter(&bent, &mut straight, &matrix, &distortion, &none, &matrix, until)
        .unwrap();
    let mut most: f64 = 0.0;
    for (p, theirs) in pixels().into_iter().zip(&straight) {
        let ours = LENS.straight(p).unwrap();
        assert!(apart(ours, &theirs) < 1e-3, "{p:?}: {ours:?} {theirs:?}");
        most = most.max((ours.x - p.x).hypot(ours.y - p.y));
    }
    assert!(most > 50.0, "a lens that bends so little proves nothing: {most}");
}

/// A camera 7 m up that looks along y, 18° down, focal length 800 pixels.
fn look(x: f64, y: f64) -> Point {
    let (sin, cos) = 18_f64.to_radians().sin_cos();
    let depth = y * cos + 7.0 * sin;
    Point::new(640.0 + 800.0 * x / depth, 360.0 + 800.0 * (7.0 * cos - y * sin) / depth)
}

/// Ours and OpenCV's map from the ground to the picture, of marks that are off by `off` pixels: farthest apart on the street, in
/// pixels.
fn differ(off: f64) -> f64 {
    let places = [
        (-4.0, 15.0),
        (4.0, 15.0),
        (5.0, 45.0),
        (-5.0, 40.0),
        (0.0, 30.0),
        (3.0, 22.0),
        (-2.0, 20.0),
        (1.0, 38.0),
    ];
    let marks: Vec<Mark> = places
        .iter()
        .enumerate()
        .map(|(i, (x, y))| {
            let turn = i as f64 * 2.4;
            let p = look(*x, *y);
            let picture = Point::new(p.x + off * turn.cos(), p.y + off * turn.sin());
            // All errors lie in the picture: that is what OpenCV takes them for.
            Mark { picture, ground: Point::new(*x, *y), picture_spread: 1.0, ground_spread: 1e-9 }
        })
        .collect();
    let plane = Plane::fit(&marks).unwrap();
    let ground: Vector<Point2d> = marks.iter().map(|m| Point2d::new(m.ground.x, m.ground.y)).collect();
    let picture: Vector<Point2d> = marks.iter().map(|m| Point2d::new(m.picture.x, m.picture.y)).collect();
    let map = calib3d::find_homography(&ground, &picture, &mut no_array(), 0, 3.0).unwrap();
    assert_eq!((map.rows(), map.cols()), (3, 3));
    let h: Vec<f64> = map.data_typed::<f64>().unwrap().to_vec();
    let theirs = |x: f64, y: f64| {
        let w = h[6] * x + h[7] * y + h[8];
        Point2d::new((h[0] * x + h[1] * y + h[2]) / w, (h[3] * x + h[4] * y + h[5]) / w)
    };
    let street = (-6..=6).flat_map(|x| (12..=50).map(move |y| (f64::from(x), f64::from(y))));
    street.map(|(x, y)| apart(plane.to_picture(Point::new(x, y)).unwrap(), &theirs(x, y))).fold(0.0, f64::max)
}

#[test]
fn the_ground_lies_where_opencv_finds_it() {
    assert!(differ(0.0) < 0.01, "{}", differ(0.0));
    // Marks that do not agree have one best plane.
    assert!(differ(2.0) < 0.1, "{}", differ(2.0));
}
