//! Draws what was found over a picture: for `--annotated` and for looking at results.

use hardware_ports::camera::Picture;
use hardware_ports::infer::InferError;
use models_domain::geo::Point;
use models_domain::scene::{Line, Zone};
use models_domain::{BBox, Class};
use opencv::core::{Mat, Point as Pixel, Rect, Scalar, Vec3b, Vector};
use opencv::imgproc;

use crate::rgb::Rgb;

/// One box and its caption.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    pub bbox: BBox,
    pub class: Class,
    /// Drawn over the box; OpenCV's font has ASCII only, other characters come out as `?`.
    pub text: String,
}

/// What is drawn, in pixels of a picture of `size`; it is scaled to the picture at hand.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Drawing<'a> {
    pub size: (u32, u32),
    pub labels: &'a [Label],
    pub lines: &'a [Line],
    pub zones: &'a [Zone],
}

/// A copy of the picture, as RGB, with everything drawn on it.
///
/// # Errors
/// [`InferError::Picture`] when the picture is not what it says, or OpenCV refuses.
pub fn annotate(picture: &Picture, drawing: &Drawing<'_>) -> Result<Picture, InferError> {
    let mut rgb = Rgb::of(picture)?;
    draw(&mut rgb, drawing).map_err(|err| InferError::Picture(format!("drawing on {picture:?}: {err}")))?;
    Ok(rgb.into_picture())
}

fn draw(rgb: &mut Rgb, drawing: &Drawing<'_>) -> Result<(), opencv::Error> {
    let (width, height) = (rgb.width, rgb.height);
    let place = Place {
        x: f64::from(width) / f64::from(drawing.size.0.max(1)),
        y: f64::from(height) / f64::from(drawing.size.1.max(1)),
    };
    let thick = (width / 640).clamp(1, 6) as i32;
    let mut canvas = Mat::new_rows_cols_with_bytes_mut::<Vec3b>(height as i32, width as i32, &mut rgb.data)?;
    for zone in drawing.zones {
        let corners: Vector<Pixel> = zone.polygon.iter().map(|p| place.pixel(p)).collect();
        imgproc::polylines(&mut canvas, &corners, true, ZONE, thick, imgproc::LINE_AA, 0)?;
        if let Some(first) = zone.polygon.first() {
            caption(&mut canvas, zone.id.as_str(), place.pixel(first), ZONE, thick)?;
        }
    }
    for line in drawing.lines {
        let (a, b) = (place.pixel(&line.a), place.pixel(&line.b));
        imgproc::arrowed_line(&mut canvas, a, b, LINE, 2 * thick, imgproc::LINE_AA, 0, 0.03)?;
        caption(&mut canvas, line.id.as_str(), a, LINE, thick)?;
    }
    for label in drawing.labels {
        let (bbox, colour) = (&label.bbox, colour(label.class));
        let a = place.pixel(&Point::new(bbox.x, bbox.y));
        let b = place.pixel(&Point::new(bbox.x + bbox.w, bbox.y + bbox.h));
        let rect = Rect::new(a.x, a.y, (b.x - a.x).max(1), (b.y - a.y).max(1));
        imgproc::rectangle(&mut canvas, rect, colour, thick, imgproc::LINE_8, 0)?;
        caption(&mut canvas, &label.text, a, colour, thick)?;
    }
    Ok(())
}

const LINE: Scalar = Scalar::from_array([255.0, 255.0, 0.0, 0.0]);
const ZONE: Scalar = Scalar::from_array([255.0, 0.0, 255.0, 0.0]);

/// Red, green, blue. Chosen to be told apart by people who do not tell red from green (Okabe and Ito).
fn colour(class: Class) -> Scalar {
    let [r, g, b]: [u8; 3] = match class {
        Class::Person => [240, 228, 66],
        Class::Bicycle => [0, 158, 115],
        Class::Motorcycle => [86, 180, 233],
        Class::Car => [230, 159, 0],
        Class::Bus => [204, 121, 167],
        Class::Truck => [213, 94, 0],
    };
    Scalar::new(r.into(), g.into(), b.into(), 0.0)
}

struct Place {
    x: f64,
    y: f64,
}

impl Place {
    /// Far-away points are brought near: OpenCV counts in 32 bits, with a fraction.
    fn pixel(&self, point: &Point) -> Pixel {
        let near = |v: f64| v.round().clamp(-30_000.0, 30_000.0) as i32;
        Pixel::new(near(point.x * self.x), near(point.y * self.y))
    }
}

fn caption(
    canvas: &mut impl opencv::core::ToInputOutputArray,
    text: &str,
    at: Pixel,
    colour: Scalar,
    thick: i32,
) -> Result<(), opencv::Error> {
    let ascii: String =
        text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' }).collect();
    let scale = 0.4 * f64::from(thick);
    // A dark edge keeps the text readable on any picture.
    for (ink, width) in [(Scalar::new(0.0, 0.0, 0.0, 0.0), thick + 2), (colour, thick)] {
        let at = Pixel::new(at.x, (at.y - 3 * thick).max(10 * thick));
        imgproc::put_text(
            canvas,
            &ascii,
            at,
            imgproc::FONT_HERSHEY_SIMPLEX,
            scale,
            ink,
            width,
            imgproc::LINE_AA,
            false,
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use models_domain::{LineId, ZoneId};

    use super::*;

    fn drawn(picture: &Picture, labels: &[Label], size: (u32, u32)) -> Vec<u8> {
        let line = Line { id: LineId::new("l").unwrap(), a: Point::new(0.0, 0.0), b: Point::new(99.0, 99.0) };
        let corners = [(10.0, 10.0), (90.0, 10.0), (50.0, 90.0)].map(|(x, y)| Point::new(x, y));
        let zone = Zone { id: ZoneId::new("z").unwrap(), polygon: corners.to_vec() };
        let drawing = Drawing { size, labels, lines: &[line], zones: &[zone] };
        let out = annotate(picture, &drawing).unwrap();
        out.planes.plane(0).data.to_vec()
    }

    #[test]
    fn boxes_are_scaled_to_the_picture() {
        let black = Picture::from_rgb(200, 200, vec![0; 200 * 200 * 3]);
        let label =
            Label { bbox: BBox::new(60.0, 20.0, 30.0, 20.0), class: Class::Car, text: "xe hơi 7".into() };
        let data = drawn(&black, &[label], (100, 100));
        // The left edge of the box, at twice its place.
        let at = (60 * 200 + 120) * 3;
        assert_eq!(data[at..at + 3], [230, 159, 0]);
    }

    #[test]
    fn nothing_that_is_drawn_can_break_it() {
        let black = Picture::from_rgb(100, 100, vec![0; 100 * 100 * 3]);
        for bad in [f64::NAN, f64::INFINITY, -1e300, 1e300] {
            let bbox = BBox::new(bad, bad, bad, bad);
            let label = Label { bbox, class: Class::Bus, text: "\0\n".repeat(100) };
            drawn(&black, &[label], (0, 0));
        }
    }
}
