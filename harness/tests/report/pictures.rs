//! What holds for every figure that a command writes: SVG and PNG, of one size, with something drawn and something said.

use std::collections::BTreeSet;
use std::path::Path;

use harness::report::Painter;
use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

/// Checks every figure in a folder; gives their names in order.
pub(crate) fn check(dir: &Path) -> Vec<String> {
    let painter = Painter::of_system().unwrap();
    let named = |extension: &str| -> BTreeSet<String> {
        let paths = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let of = paths.filter(|path| path.extension().is_some_and(|found| found == extension));
        of.map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned()).collect()
    };
    let names = named("svg");
    assert_eq!(names, named("png"), "each figure is there as both");
    for name in &names {
        let svg = std::fs::read_to_string(dir.join(format!("{name}.svg"))).unwrap();
        let png = std::fs::read(dir.join(format!("{name}.png"))).unwrap();
        check_one(name, &svg, &png, &painter);
    }
    names.into_iter().collect()
}

fn check_one(name: &str, svg: &str, png: &[u8], painter: &Painter) {
    let picture = Pixmap::decode_png(png).unwrap();
    let tag = svg.split_once('>').unwrap().0;
    let length = |attribute: &str| {
        let value = tag.split_once(&format!(" {attribute}=\"")).unwrap().1.split_once('"').unwrap().0;
        value.parse::<f64>().unwrap()
    };
    for (attribute, pixels) in [("width", picture.width()), ("height", picture.height())] {
        assert!((f64::from(pixels) - 2.0 * length(attribute)).abs() < 1.0, "{name}: {attribute} {pixels}");
    }
    assert!(!svg.contains("var(") && !svg.contains("@media"), "{name}: colours that only the page has");
    let pixels = picture.pixels();
    let is_white = |pixel: &PremultipliedColorU8| {
        pixel.alpha() == 255 && pixel.red().min(pixel.green()).min(pixel.blue()) > 250
    };
    let corner = |index: usize| is_white(&pixels[index]);
    assert!(corner(0) && corner(pixels.len() - 1), "{name} is not on white");
    let drawn = pixels.iter().filter(|pixel| !is_white(pixel)).count();
    assert!(
        drawn * 200 > pixels.len() && drawn * 2 < pixels.len(),
        "{name}: {drawn} of {} pixels",
        pixels.len()
    );
    let dark = |pixel: &&PremultipliedColorU8| u32::from(pixel.red()) + u32::from(pixel.green()) < 200;
    assert!(pixels.iter().filter(dark).count() > 500, "{name} has no ink");
    let colours: BTreeSet<_> = pixels.iter().map(|p| (p.red(), p.green(), p.blue())).collect();
    assert!(colours.len() > 30, "{name} has {} colours", colours.len());
    check_words(name, svg, pixels, painter);
}

/// The words are in the picture: without them it is another one, by some pixels a character.
fn check_words(name: &str, svg: &str, pixels: &[PremultipliedColorU8], painter: &Painter) {
    let mut parts = svg.split("<text");
    let mut silent = parts.next().unwrap().to_owned();
    let mut characters = 0;
    for part in parts {
        let (element, after) = part.split_once("</text>").unwrap();
        characters += element.split_once('>').unwrap().1.chars().filter(|c| !c.is_whitespace()).count();
        silent.push_str(after);
    }
    assert!(characters > 20, "{name} says nothing");
    let silent = Pixmap::decode_png(&painter.png(&silent).unwrap()).unwrap();
    let changed = pixels.iter().zip(silent.pixels()).filter(|(with, without)| with != without).count();
    assert!(changed > 15 * characters, "{name}: {changed} pixels for {characters} characters");
}
