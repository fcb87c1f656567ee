//! The relay's admin API, over HTTP.

use std::path::Path;

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use sync_protocol::UnixMillis;
use sync_server::access::{PractitionerRole, Role};
use sync_server::admin::{
    Admitted, Credentials, FhirClientSecret, NewCode, NewFhirClient, NewOrganization, NewPractitioner, Secret,
    ShownCode,
};

use crate::world::{organization, practitioner};

/// See the module.
pub struct Admin {
    base: String,
    token: String,
}

impl Admin {
    /// Signs in as the operator. `key`: the file with the operator's key.
    pub fn new(base: &str, key: &Path) -> Self {
        let key = Secret::new(std::fs::read_to_string(key).unwrap());
        let answer = ureq::post(format!("{base}/admin/sign-in")).send_json(Credentials::Operator { key });
        let admitted: Admitted = answer.unwrap().body_mut().read_json().unwrap();
        Self { base: format!("{base}/admin/v1"), token: format!("Bearer {}", admitted.token.reveal()) }
    }

    /// An organization with a physician.
    pub fn practice(&self, id: &str, who: &str) {
        let name = id.to_owned();
        let _: Value = self.post("organizations", &NewOrganization { id: organization(id), name });
        self.staff(id, who, Role::Physician);
    }

    /// One more practitioner of an organization.
    pub fn staff(&self, id: &str, who: &str, role: Role) {
        let name = who.to_owned();
        let _: Value = self.post("practitioners", &NewPractitioner { id: practitioner(who), name, organization: None });
        let role = PractitionerRole {
            practitioner: practitioner(who),
            organization: organization(id),
            role,
            sensitive: Vec::new(),
            until: None,
        };
        let request = ureq::put(format!("{}/roles", self.base)).header("authorization", &self.token);
        request.send_json(role).unwrap();
    }

    /// A code that enrols a device.
    pub fn code(&self, at: &str, who: &str) -> String {
        let (organization, practitioner) = (organization(at), practitioner(who));
        let code: ShownCode = self.post("enrolment-codes", &NewCode { organization, practitioner, valid_ms: 600_000 });
        assert!(code.expires_at > UnixMillis(0));
        code.code
    }

    /// A program that uses the FHIR API.
    pub fn fhir_client(&self, at: &str, who: &str) -> FhirClientSecret {
        let (organization, practitioner) = (organization(at), practitioner(who));
        self.post("fhir-clients", &NewFhirClient { name: "a laboratory".into(), practitioner, organization })
    }

    /// Calls a path below `/admin/v1`; panics unless it succeeds.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Value {
        let headers = [("authorization", self.token.as_str()), ("content-type", "application/json")];
        let body = body.map(|body| body.to_string().into_bytes());
        super::fhir::call(method, &format!("{}/{path}", self.base), &headers, body).expect(200)
    }

    /// What this administrator presents.
    pub fn authorization(&self) -> &str {
        &self.token
    }

    fn post<T: DeserializeOwned>(&self, path: &str, body: &impl Serialize) -> T {
        let request = ureq::post(format!("{}/{path}", self.base)).header("authorization", &self.token);
        request.send_json(body).unwrap().body_mut().read_json().unwrap()
    }
}
