//! What lists, plots and searches need of a resource besides its summary: where it stands in a chart, when it applies,
//! what it measured, what it says in words. Each is a pure function of the resource, so whatever is made of them can be
//! made again from the documents.

mod measurement;
mod moment;
mod section;
mod words;

pub use measurement::{Measurement, measurements};
pub use moment::first_millis;
pub use section::{ChartSection, due_date, is_current_medication, is_open_task, owner_of, replaced_by};
pub use words::{folded_words, searchable_text, snippet};
