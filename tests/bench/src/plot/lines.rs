//! One panel a curve, both axes logarithmic: a straight line of slope one is proportional growth, a level one is none.

use svg::node::element::{Circle, Group, Polyline, Rectangle};

use super::{corner, document, text};
use crate::growth::Curve;

const INNER: (f64, f64) = (230.0, 100.0);
const COLOUR: &str = "#0b6e4f";

/// All curves.
pub fn lines(curves: &[Curve]) -> String {
    let mut picture = document(curves.len());
    for (at, curve) in curves.iter().enumerate() {
        picture = picture.add(panel(at, curve));
    }
    picture.to_string()
}

fn panel(at: usize, curve: &Curve) -> Group {
    let (x, y) = corner(at);
    let (left, bottom) = (x + 10.0, y + 36.0 + INNER.1);
    let across = Range::of(curve.points.iter().map(|point| point.0));
    let up = Range::of(curve.points.iter().map(|point| point.1));
    let frame = Rectangle::new().set("x", left).set("y", bottom - INNER.1).set("width", INNER.0).set("height", INNER.1);
    let title = format!("{} by {}", curve.name, curve.of);
    let mut group = Group::new()
        .add(text((x, y + 14.0), 12.0, &title).set("font-weight", "bold"))
        .add(frame.set("fill", "none").set("stroke", "#cccccc"));
    let place = |(size, figure): &(f64, f64)| {
        (left + 12.0 + across.share(*size) * (INNER.0 - 60.0), bottom - 12.0 - up.share(*figure) * (INNER.1 - 34.0))
    };
    let points: Vec<String> = curve.points.iter().map(place).map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    let line = Polyline::new().set("points", points.join(" ")).set("fill", "none").set("stroke", COLOUR);
    group = group.add(line);
    for point in &curve.points {
        let (x, y) = place(point);
        group = group
            .add(Circle::new().set("cx", x).set("cy", y).set("r", 3).set("fill", COLOUR))
            .add(text((x - 4.0, y - 7.0), 10.0, &curve.unit.show(point.1)))
            .add(text((x - 4.0, bottom + 14.0), 10.0, &point.0.to_string()));
    }
    group
}

/// The logarithms that an axis spans.
struct Range {
    least: f64,
    span: f64,
}

impl Range {
    /// At least a factor of ten, so that noise does not look like growth.
    fn of(values: impl Iterator<Item = f64>) -> Self {
        let logs: Vec<f64> = values.map(|value| value.max(f64::MIN_POSITIVE).log10()).collect();
        let least = logs.iter().copied().fold(f64::INFINITY, f64::min);
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        Self { least, span: (most - least).max(1.0) }
    }

    /// Where a value lies in it, 0 to 1.
    fn share(&self, value: f64) -> f64 {
        (value.max(f64::MIN_POSITIVE).log10() - self.least) / self.span
    }
}
