//! Charts to and from others: FHIR Bundles, NDJSON, International Patient Summary, print-outs. Recorded as `export` or `print`.

use client_core::{ChartRef, ImportOptions, ImportProblem, ImportReport};

use crate::types::Json;
use crate::{SatchelDevice, SatchelError};

/// An entry that was not imported, or that is not valid FHIR R4.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct Refusal {
    /// Its place in the bundle, from 0.
    pub index: u64,
    /// `Type/id`, as far as the entry says.
    pub resource: String,
    /// What is wrong. No content.
    pub reason: String,
}

impl From<ImportProblem> for Refusal {
    fn from(problem: ImportProblem) -> Self {
        Self { index: problem.index as u64, resource: problem.resource, reason: problem.reason }
    }
}

/// What an import did. Counts are resources.
#[derive(Clone, Debug, PartialEq, Eq, uniffi::Record)]
pub struct ImportDone {
    /// New here.
    pub created: u64,
    /// There before, otherwise.
    pub changed: u64,
    /// There before, the same.
    pub unchanged: u64,
    /// Entries that were left out.
    pub problems: Vec<Refusal>,
    /// Entries that were imported although they are not valid FHIR R4.
    pub invalid: Vec<Refusal>,
    /// Charts that the bundle has content of.
    pub charts: Vec<ChartRef>,
}

impl From<ImportReport> for ImportDone {
    fn from(report: ImportReport) -> Self {
        Self {
            created: report.created as u64,
            changed: report.changed as u64,
            unchanged: report.unchanged as u64,
            problems: report.problems.into_iter().map(Refusal::from).collect(),
            invalid: report.invalid.into_iter().map(Refusal::from).collect(),
            charts: report.charts,
        }
    }
}

#[uniffi::export]
impl SatchelDevice {
    /// A chart as a FHIR Bundle (transaction).
    pub fn export_chart(&self, chart: ChartRef) -> Result<Json, SatchelError> {
        self.with(|device, now| device.export_chart(&chart, now))
    }

    /// A chart as a FHIR Bundle (collection).
    pub fn export_collection(&self, chart: ChartRef) -> Result<Json, SatchelError> {
        self.with(|device, now| device.export_collection(&chart, now))
    }

    /// A chart as NDJSON, a resource a line.
    pub fn export_ndjson(&self, chart: ChartRef) -> Result<String, SatchelError> {
        self.with(|device, now| device.export_ndjson(&chart, now))
    }

    /// The International Patient Summary of a chart, a FHIR document Bundle.
    pub fn export_summary(&self, chart: ChartRef) -> Result<Json, SatchelError> {
        self.with(|device, now| device.export_summary(&chart, now))
    }

    /// A summary to print: the bytes of a PDF.
    pub fn print_pdf(&self, chart: ChartRef) -> Result<Vec<u8>, SatchelError> {
        self.with(|device, now| device.print_pdf(&chart, now))
    }

    /// A summary to print: an HTML page.
    pub fn print_html(&self, chart: ChartRef) -> Result<String, SatchelError> {
        self.with(|device, now| device.print_html(&chart, now))
    }

    /// Imports a FHIR Bundle. `skip_problems`: import what can be imported; otherwise one problem refuses the whole bundle.
    pub fn import_bundle(&self, bundle: Vec<u8>, skip_problems: bool) -> Result<ImportDone, SatchelError> {
        let options = ImportOptions { skip_problems, ..ImportOptions::default() };
        self.with(|device, now| device.import(&bundle, &options, now, |_, _| {})).map(ImportDone::from)
    }

    /// Imports NDJSON; otherwise as `import_bundle`.
    pub fn import_ndjson(&self, lines: Vec<u8>, skip_problems: bool) -> Result<ImportDone, SatchelError> {
        let options = ImportOptions { skip_problems, ..ImportOptions::default() };
        self.with(|device, now| device.import_ndjson(&lines, &options, now, |_, _| {})).map(ImportDone::from)
    }
}
