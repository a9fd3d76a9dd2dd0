//! Lens distortion by the model of Brown and Conrady as OpenCV writes it (k1, k2, p1, p2, k3), and its inverse.

use serde::Deserialize;

use super::Point;

/// Focal lengths and centre in pixels of the scene; distortion without unit. OpenCV's `calibrateCamera` gives the numbers.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lens {
    pub focal: (f64, f64),
    pub center: Point,
    pub k1: f64,
    pub k2: f64,
    pub p1: f64,
    pub p2: f64,
    pub k3: f64,
}

/// `[lens]` of a scene file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawLens {
    fx: f64,
    /// As `fx` when left out.
    fy: Option<f64>,
    /// The middle of the picture when left out.
    cx: Option<f64>,
    cy: Option<f64>,
    #[serde(default)]
    k1: f64,
    #[serde(default)]
    k2: f64,
    #[serde(default)]
    p1: f64,
    #[serde(default)]
    p2: f64,
    #[serde(default)]
    k3: f64,
}

impl RawLens {
    /// # Errors
    /// When a number is not sound, or the picture cannot be straightened with it.
    pub fn check(&self, (width, height): (u32, u32)) -> Result<Lens, String> {
        let (w, h) = (f64::from(width), f64::from(height));
        let lens = Lens {
            focal: (self.fx, self.fy.unwrap_or(self.fx)),
            center: Point::new(self.cx.unwrap_or(w / 2.0), self.cy.unwrap_or(h / 2.0)),
            k1: self.k1,
            k2: self.k2,
            p1: self.p1,
            p2: self.p2,
            k3: self.k3,
        };
        let side = w.max(h);
        for (key, focal) in [("fx", lens.focal.0), ("fy", lens.focal.1)] {
            if !(0.05 * side..=100.0 * side).contains(&focal) {
                return Err(format!(
                    "lens: {key} {focal} is no focal length in pixels of {width} x {height}"
                ));
            }
        }
        if !(0.0..=w).contains(&lens.center.x) || !(0.0..=h).contains(&lens.center.y) {
            let Point { x, y } = lens.center;
            return Err(format!("lens: the centre {x}, {y} lies outside the picture of {width} x {height}"));
        }
        for i in 0..=8 {
            for j in 0..=8 {
                let p = Point::new(w * f64::from(i) / 8.0, h * f64::from(j) / 8.0);
                if lens.straight(p).is_none() {
                    return Err(format!(
                        "lens: the distortion folds over at {:.0}, {:.0}: k1, k2, p1, p2, k3 were measured with other \
                         focal lengths or another size than {width} x {height}",
                        p.x, p.y
                    ));
                }
            }
        }
        Ok(lens)
    }
}

impl Lens {
    /// Where a pixel would lie without distortion. `None` outside what the model can undo.
    pub fn straight(&self, p: Point) -> Option<Point> {
        let seen = self.unit(p);
        let mut at = seen;
        for _ in 0..30 {
            let (bent, [[a, b], [c, d]]) = self.bend(at);
            let off = (bent.x - seen.x, bent.y - seen.y);
            let det = a * d - b * c;
            // Beyond the fold the model maps outwards to inwards; no lens does.
            if !det.is_finite() || det <= 1e-6 {
                return None;
            }
            at = Point::new(at.x - (d * off.0 - b * off.1) / det, at.y - (a * off.1 - c * off.0) / det);
            if off.0.hypot(off.1) < 1e-12 {
                break;
            }
        }
        let (back, _) = self.bend(at);
        let sound = (back.x - seen.x).hypot(back.y - seen.y) < 1e-9;
        sound.then(|| self.pixel(at))
    }

    /// Where the lens shows what would lie at `p` without distortion.
    pub fn bent(&self, p: Point) -> Point {
        self.pixel(self.bend(self.unit(p)).0)
    }

    fn unit(&self, p: Point) -> Point {
        Point::new((p.x - self.center.x) / self.focal.0, (p.y - self.center.y) / self.focal.1)
    }

    fn pixel(&self, p: Point) -> Point {
        Point::new(self.center.x + p.x * self.focal.0, self.center.y + p.y * self.focal.1)
    }

    /// The model and its derivatives, both in focal lengths from the centre.
    fn bend(&self, p: Point) -> (Point, [[f64; 2]; 2]) {
        let Point { x, y } = p;
        let r2 = x * x + y * y;
        let radial = 1.0 + r2 * (self.k1 + r2 * (self.k2 + r2 * self.k3));
        // By r².
        let slope = self.k1 + r2 * (2.0 * self.k2 + r2 * 3.0 * self.k3);
        let (p1, p2) = (self.p1, self.p2);
        let bent = Point::new(
            x * radial + 2.0 * p1 * x * y + p2 * (r2 + 2.0 * x * x),
            y * radial + p1 * (r2 + 2.0 * y * y) + 2.0 * p2 * x * y,
        );
        let across = 2.0 * x * y * slope + 2.0 * p1 * x + 2.0 * p2 * y;
        let xx = radial + 2.0 * x * x * slope + 2.0 * p1 * y + 6.0 * p2 * x;
        let yy = radial + 2.0 * y * y * slope + 6.0 * p1 * y + 2.0 * p2 * x;
        (bent, [[xx, across], [across, yy]])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(k1: f64, k2: f64) -> RawLens {
        RawLens {
            fx: 500.0,
            fy: Some(510.0),
            cx: Some(315.0),
            cy: Some(185.0),
            k1,
            k2,
            p1: 0.001,
            p2: -0.0015,
            k3: 0.01,
        }
    }

    #[test]
    fn straightening_undoes_bending() {
        let lens = raw(-0.28, 0.07).check((640, 360)).unwrap();
        for p in [(0.0, 0.0), (639.0, 359.0), (315.0, 185.0), (20.0, 300.0)] {
            let p = Point::from(p);
            let back = lens.bent(lens.straight(p).unwrap());
            assert!((back.x - p.x).hypot(back.y - p.y) < 1e-6, "{p:?} {back:?}");
        }
    }

    #[test]
    fn a_lens_that_folds_over_is_refused() {
        let err = raw(-2.0, 0.0).check((640, 360)).unwrap_err();
        assert!(err.starts_with("lens: the distortion folds over at 0, 0"), "{err}");
        let err = RawLens { fx: 3.0, ..raw(0.0, 0.0) }.check((640, 360)).unwrap_err();
        assert_eq!(err, "lens: fx 3 is no focal length in pixels of 640 x 360");
    }
}
