//! The code on a print-out: which chart it is of, by ids alone, for a scanner.

use sync_protocol::{OrganizationId, PatientId};

use crate::ChartRef;

const PREFIX: &str = "satchel:chart/";

impl ChartRef {
    /// What a print-out's code says: `satchel:chart/ORGANIZATION/PATIENT`. Ids, nothing of the patient.
    #[must_use]
    pub fn code(&self) -> String {
        format!("{PREFIX}{}/{}", self.organization, self.patient)
    }
}

/// The chart that a scanned code names; none for any other text. It need not be on this device.
#[must_use]
pub fn chart_of_code(code: &str) -> Option<ChartRef> {
    let (organization, patient) = code.trim().strip_prefix(PREFIX)?.split_once('/')?;
    Some(ChartRef { organization: OrganizationId::new(organization).ok()?, patient: PatientId::new(patient).ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_reads_back_and_other_texts_name_no_chart() {
        let chart = chart_of_code("satchel:chart/north/p-1").unwrap();
        assert_eq!((chart.organization.as_str(), chart.patient.as_str()), ("north", "p-1"));
        assert_eq!(chart_of_code(&chart.code()), Some(chart));
        for other in ["", "satchel:chart/north", "https://example.org/north/p-1", "satchel:chart/n o/p"] {
            assert_eq!(chart_of_code(other), None, "{other}");
        }
    }
}
