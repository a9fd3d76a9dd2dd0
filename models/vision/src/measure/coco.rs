//! COCO's annotation file (cocodataset.org, "Data format", object detection): what a city's labelling tool exports.

use std::collections::BTreeMap;

use models_domain::{BBox, Class};
use serde::Deserialize;

use super::Truth;
use crate::names::class;

/// The parts of the file that are read; whatever else it has is left alone.
#[derive(Debug, Clone, Deserialize)]
pub struct Coco {
    images: Vec<Image>,
    annotations: Vec<Annotation>,
    categories: Vec<Category>,
}

#[derive(Debug, Clone, Deserialize)]
struct Image {
    id: u64,
    file_name: String,
}

#[derive(Debug, Clone, Deserialize)]
struct Annotation {
    image_id: u64,
    category_id: u64,
    /// x, y, width, height in pixels.
    bbox: [f64; 4],
    #[serde(default)]
    iscrowd: u8,
}

#[derive(Debug, Clone, Deserialize)]
struct Category {
    id: u64,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CocoError {
    #[error("annotation {annotation} is of picture {image_id}, which `images` does not list")]
    NoPicture { annotation: usize, image_id: u64 },
    #[error("annotation {annotation} is of category {category_id}, which `categories` does not list")]
    NoCategory { annotation: usize, category_id: u64 },
    #[error("annotation {annotation} has the box {bbox}: width and height must be above 0")]
    NoBox { annotation: usize, bbox: String },
    #[error("none of its categories is one of ours; it has {found}, ours are {ours}")]
    NoneOfOurs { found: String, ours: String },
}

/// Pictures and what is in them.
#[derive(Debug, Clone, PartialEq)]
pub struct Labelled {
    /// File names; [`Truth::picture`] counts from 0 here.
    pub pictures: Vec<String>,
    pub truths: Vec<Truth>,
    /// Categories that are none of ours, and how many annotations each has, most first. Whoever is found there is found wrongly.
    pub left_out: Vec<(String, usize)>,
}

impl Labelled {
    /// Leaves those pictures out, and what is labelled in them.
    pub fn without(&mut self, names: &[String]) {
        let mut new_number = Vec::with_capacity(self.pictures.len());
        let mut kept = 0;
        for name in &self.pictures {
            let stays = !names.contains(name);
            new_number.push(stays.then_some(kept));
            kept += usize::from(stays);
        }
        self.truths.retain_mut(|truth| match new_number.get(truth.picture) {
            Some(Some(number)) => {
                truth.picture = *number;
                true
            }
            Some(None) | None => false,
        });
        self.pictures.retain(|name| !names.contains(name));
    }
}

impl Coco {
    /// Categories that are none of ours are left out.
    ///
    /// # Errors
    /// [`CocoError`] naming the first annotation that cannot be used, counted from 0.
    pub fn labelled(self) -> Result<Labelled, CocoError> {
        let names: Vec<&str> = self.categories.iter().map(|c| c.name.as_str()).collect();
        let class_by_category: BTreeMap<u64, Option<Class>> =
            self.categories.iter().map(|c| (c.id, class(&c.name))).collect();
        if class_by_category.values().all(Option::is_none) {
            let ours = Class::ALL.map(Class::name).join(", ");
            return Err(CocoError::NoneOfOurs { found: names.join(", "), ours });
        }
        let picture_by_id: BTreeMap<u64, usize> =
            self.images.iter().enumerate().map(|(i, image)| (image.id, i)).collect();
        let mut truths = Vec::with_capacity(self.annotations.len());
        let mut others: BTreeMap<u64, usize> = BTreeMap::new();
        for (annotation, one) in self.annotations.iter().enumerate() {
            let Annotation { image_id, category_id, bbox: [x, y, w, h], iscrowd } = *one;
            let picture = picture_by_id.get(&image_id).copied();
            let picture = picture.ok_or(CocoError::NoPicture { annotation, image_id })?;
            let class = class_by_category.get(&category_id).copied();
            let class = class.ok_or(CocoError::NoCategory { annotation, category_id })?;
            let Some(class) = class else {
                *others.entry(category_id).or_default() += 1;
                continue;
            };
            let bbox = BBox::new(x, y, w, h);
            let sane = x.is_finite() && y.is_finite() && bbox.area().is_finite() && bbox.area() > 0.0;
            if !sane {
                return Err(CocoError::NoBox { annotation, bbox: format!("[{x}, {y}, {w}, {h}]") });
            }
            truths.push(Truth { picture, class, bbox, crowd: iscrowd != 0 });
        }
        let name = |id: u64| self.categories.iter().find(|c| c.id == id).map(|c| c.name.clone());
        let mut left_out: Vec<(String, usize)> =
            others.into_iter().filter_map(|(id, count)| Some((name(id)?, count))).collect();
        left_out.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        let pictures = self.images.into_iter().map(|i| i.file_name).collect();
        Ok(Labelled { pictures, truths, left_out })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn coco(annotations: Vec<Annotation>, names: &[&str]) -> Coco {
        let image = |id, name: &str| Image { id, file_name: name.to_owned() };
        let category = |(i, name): (usize, &&str)| Category { id: 1 + i as u64, name: (*name).to_owned() };
        Coco {
            images: vec![image(42, "a.jpg"), image(7, "b.jpg")],
            annotations,
            categories: names.iter().enumerate().map(category).collect(),
        }
    }

    fn one(image_id: u64, category_id: u64, bbox: [f64; 4]) -> Annotation {
        Annotation { image_id, category_id, bbox, iscrowd: 0 }
    }

    const BOX: [f64; 4] = [1.0, 2.0, 3.0, 4.0];

    #[test]
    fn pictures_and_classes_are_found_by_their_numbers() {
        let given = vec![one(7, 2, BOX), one(42, 3, BOX), Annotation { iscrowd: 1, ..one(42, 1, BOX) }];
        let read = coco(given, &["Motorbike", "car", "kite"]).labelled().unwrap();
        assert_eq!(read.pictures, ["a.jpg", "b.jpg"]);
        let bbox = BBox::new(1.0, 2.0, 3.0, 4.0);
        let of = |picture, class, crowd| Truth { picture, class, bbox, crowd };
        assert_eq!(read.truths, [of(1, Class::Car, false), of(0, Class::Motorcycle, true)]);
    }

    #[test]
    fn what_is_left_out_is_told() {
        let given = [1, 2, 3, 3, 4].map(|category| one(7, category, BOX));
        let read = coco(given.to_vec(), &["car", "van", "pedestrian", "bus", "boat"]).labelled().unwrap();
        assert_eq!(read.truths.len(), 2);
        assert_eq!(read.left_out, [("pedestrian".to_owned(), 2), ("van".to_owned(), 1)]);
    }

    #[test]
    fn pictures_that_are_left_out_take_their_labels_along() {
        let given = vec![one(7, 1, BOX), one(42, 1, BOX), one(7, 1, BOX)];
        let mut read = coco(given, &["car"]).labelled().unwrap();
        read.without(&["a.jpg".to_owned()]);
        assert_eq!(read.pictures, ["b.jpg"]);
        assert_eq!(read.truths.iter().map(|t| t.picture).collect::<Vec<_>>(), [0, 0]);
        read.without(&["b.jpg".to_owned()]);
        assert_eq!((read.pictures.len(), read.truths.len()), (0, 0));
    }

    #[track_caller]
    fn check(given: Annotation, names: &[&str], want: &str) {
        let err = coco(vec![one(42, 1, BOX), given], names).labelled().unwrap_err().to_string();
        assert!(err.contains(want), "{err}");
    }

    #[test]
    fn what_does_not_fit_together_is_named() {
        check(one(8, 1, BOX), &["car"], "annotation 1 is of picture 8");
        check(one(7, 9, BOX), &["car"], "annotation 1 is of category 9");
        check(one(7, 1, [0.0, 0.0, -1.0, 5.0]), &["car"], "annotation 1 has the box [0, 0, -1, 5]");
        check(one(7, 1, BOX), &["kite", "cat"], "it has kite, cat, ours are person, bicycle");
    }
}
