//! One panel a measure, one bar an engine: the shorter the better.

use svg::node::element::{Group, Rectangle};

use super::{PANEL, corner, document, text};
use crate::measure::Measure;
use crate::table::Table;

const COLOURS: [&str; 5] = ["#0b6e4f", "#8d99ae", "#a68a64", "#7f7caf", "#c08497"];
/// Where bars begin, and how long the longest is.
const BARS: (f64, f64) = (100.0, 150.0);
const STEP: f64 = 26.0;

/// Engines with their figures, Satchel first.
type Figures = Vec<(&'static str, Option<f64>)>;

/// Bars of every measure that more than one engine has a figure for.
pub fn bars(table: &Table) -> String {
    let panels: Vec<(Measure, Figures)> = Measure::ALL
        .into_iter()
        .map(|measure| (measure, figures(table, measure)))
        .filter(|(_, figures)| figures.iter().filter(|(_, figure)| figure.is_some()).count() > 1)
        .collect();
    let mut picture = document(panels.len());
    for (at, (measure, figures)) in panels.iter().enumerate() {
        picture = picture.add(panel(at, *measure, figures));
    }
    picture.to_string()
}

fn figures(table: &Table, measure: Measure) -> Figures {
    let own = table.rows.iter().find(|row| row.measure == Some(measure)).and_then(|row| row.satchel.median());
    let others = table.columns.iter().map(|column| (column.engine, column.median(measure)));
    std::iter::once(("Satchel", own)).chain(others).collect()
}

fn panel(at: usize, measure: Measure, figures: &[(&str, Option<f64>)]) -> Group {
    let (x, y) = corner(at);
    let most = figures.iter().filter_map(|(_, figure)| *figure).fold(f64::MIN_POSITIVE, f64::max);
    let mut group = Group::new().add(text((x, y + 14.0), 13.0, measure.title()).set("font-weight", "bold"));
    for (line, (engine, figure)) in figures.iter().enumerate() {
        let top = y + 26.0 + STEP * line as f64;
        group = group.add(text((x, top + 13.0), 11.0, engine));
        let length = figure.map_or(0.0, |figure| (figure / most * BARS.1).max(1.0));
        let shown = figure.map_or_else(|| "not run".to_owned(), |figure| measure.unit().show(figure));
        let colour = COLOURS[line % COLOURS.len()];
        let bar = Rectangle::new().set("x", x + BARS.0).set("y", top).set("width", length).set("height", STEP * 0.7);
        group = group.add(bar.set("fill", colour)).add(text((x + BARS.0 + length + 5.0, top + 13.0), 11.0, &shown));
    }
    debug_assert!(26.0 + STEP * figures.len() as f64 <= PANEL.1);
    group
}
