//! What the admin API takes and gives, one file per resource; the command line uses the same types.

mod access;
mod accounts;
mod audit;
mod checks;
mod custody;
mod devices;
mod fhir_clients;
mod page;
mod people;
mod problem;
pub mod schema;
mod sharing;
mod sharing_checks;
mod sign_in;
mod why;

pub use access::{AffiliationPath, GrantPath, NewGrant, RolePath};
pub use accounts::{AccountPath, NewAccount, OneTimePassword, ShownAccount};
pub use audit::{AlertPath, AlertQuery, ChartPath, Checkpoints, ShownAuditCheck};
pub use checks::{Checked, Wrong};
pub use custody::{CustodyPath, DecisionReason, ShownCustody, ShownDocument};
pub use devices::{DevicePath, NewCode, ShownCode, ShownDevice};
pub use fhir_clients::{FhirClientPath, FhirClientSecret, NewFhirClient, ShownFhirClient};
pub use page::{Done, MAX_PAGE, Page, PageQuery};
pub use people::{NewOrganization, NewPractitioner, ShownOrganization, ShownPractitioner};
pub use problem::{ErrorCode, ShownProblem};
pub use sharing::{FhirIdPath, FhirResource, OpeningPath, OpeningQuery, RelationshipPath};
pub use sign_in::{Admitted, Credentials, NewPassword, Secret, ShownRight};
pub use why::{WhyChartPath, WhyChartQuery, WhyDocumentPath, WhyQuery};
