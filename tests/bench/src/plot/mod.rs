//! Pictures of the figures, as SVG.

mod bars;
mod lines;

use svg::node::element::Text;

pub use bars::bars;
pub use lines::lines;

/// Size of a panel with its margins.
const PANEL: (f64, f64) = (360.0, 190.0);
/// Panels beside each other.
const ACROSS: usize = 3;

/// Upper left corner of a panel.
fn corner(panel: usize) -> (f64, f64) {
    (20.0 + PANEL.0 * (panel % ACROSS) as f64, 20.0 + PANEL.1 * (panel / ACROSS) as f64)
}

fn document(panels: usize) -> svg::Document {
    let rows = panels.div_ceil(ACROSS).max(1);
    let (width, height) = (20.0 + PANEL.0 * ACROSS as f64, 20.0 + PANEL.1 * rows as f64);
    let white = svg::node::element::Rectangle::new().set("width", width).set("height", height).set("fill", "#ffffff");
    svg::Document::new().set("viewBox", (0.0, 0.0, width, height)).set("font-family", "sans-serif").add(white)
}

fn text((x, y): (f64, f64), size: f64, content: &str) -> Text {
    Text::new(content).set("x", x).set("y", y).set("font-size", size).set("fill", "#222222")
}
