//! Which codes stand for which of our actions.

/// DICOM codes.
pub(super) const DCM: &str = "http://dicom.nema.org/resources/ontology/DCM";
/// RESTful operations as a type of event.
pub(super) const EVENT_TYPE: &str = "http://terminology.hl7.org/CodeSystem/audit-event-type";
/// Which RESTful operation.
pub(super) const INTERACTION: &str = "http://hl7.org/fhir/restful-interaction";
/// What happens to records (ISO 21089).
pub(super) const LIFECYCLE: &str = "http://terminology.hl7.org/CodeSystem/iso-21089-lifecycle";
/// Our own words for actions.
pub(super) const OWN: &str = "urn:satchel:audit-action";
const BALP: &str = "https://profiles.ihe.net/ITI/BALP/StructureDefinition/";

/// How an action is told in FHIR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Kind {
    /// AuditEvent.type: system, code, display.
    pub kind: (&'static str, &'static str, &'static str),
    /// AuditEvent.subtype, besides our own word.
    pub subtype: Option<(&'static str, &'static str, &'static str)>,
    /// AuditEvent.action: create, read, update, delete, execute.
    pub action: &'static str,
    /// AuditEvent.outcome when nothing of the row says otherwise.
    pub outcome: &'static str,
    /// The profile that it keeps to, if a patient is concerned.
    profile: Option<&'static str>,
}

impl Kind {
    const fn new(kind: (&'static str, &'static str, &'static str), action: &'static str) -> Self {
        Self { kind, subtype: None, action, outcome: "0", profile: None }
    }

    const fn sub(mut self, subtype: (&'static str, &'static str, &'static str)) -> Self {
        self.subtype = Some(subtype);
        self
    }

    const fn keeps(mut self, profile: &'static str) -> Self {
        self.profile = Some(profile);
        self
    }

    const fn fails(mut self) -> Self {
        self.outcome = "4";
        self
    }

    /// The profile's address.
    pub fn profile(&self) -> Option<String> {
        self.profile.map(|name| format!("{BALP}{name}"))
    }
}

const REST: (&str, &str, &str) = (EVENT_TYPE, "rest", "Restful Operation");
const EXPORT: (&str, &str, &str) = (DCM, "110106", "Export");
const ACTIVITY: (&str, &str, &str) = (DCM, "110100", "Application Activity");
const AUDIT_USED: (&str, &str, &str) = (DCM, "110101", "Audit Log Used");
const ALERT: (&str, &str, &str) = (DCM, "110113", "Security Alert");
const AUTHENTICATION: (&str, &str, &str) = (DCM, "110114", "User Authentication");
const LOGIN: (&str, &str, &str) = (DCM, "110122", "Login");
const LOGOUT: (&str, &str, &str) = (DCM, "110123", "Logout");
const EMERGENCY: (&str, &str, &str) = (DCM, "110127", "Emergency Override Started");
const CONFIGURATION: (&str, &str, &str) = (DCM, "110129", "Security Configuration");
const OBJECT_SECURITY: (&str, &str, &str) = (DCM, "110135", "Object Security Attributes Changed");
const ROLES: (&str, &str, &str) = (DCM, "110136", "Security Roles Changed");
const USER_SECURITY: (&str, &str, &str) = (DCM, "110137", "User Security Attributes Changed");
const DISCLOSE: (&str, &str, &str) = (LIFECYCLE, "disclose", "Disclose Record Lifecycle Event");
const DESTROY: (&str, &str, &str) = (LIFECYCLE, "destroy", "Destroy/Delete Record Lifecycle Event");
const READ: (&str, &str, &str) = (INTERACTION, "read", "read");
const SEARCH: (&str, &str, &str) = (INTERACTION, "search", "search");
const UPDATE: (&str, &str, &str) = (INTERACTION, "update", "update");

/// How a row of the relay's trail is told. An action that is not listed is an activity of the application.
pub(super) fn kind_of(action: &str) -> Kind {
    match action {
        "disclose" => Kind::new(EXPORT, "R").sub(DISCLOSE).keeps("IHE.BasicAudit.PrivacyDisclosure.Source"),
        "fhir-read" => Kind::new(REST, "R").sub(READ).keeps("IHE.BasicAudit.PatientRead"),
        "fhir-search" | "fhir-everything" => Kind::new(REST, "E").sub(SEARCH).keeps("IHE.BasicAudit.PatientQuery"),
        "fhir-refuse" => Kind::new(REST, "E").fails(),
        "custody-show" => Kind::new(REST, "R").sub(READ).keeps("IHE.BasicAudit.PatientRead"),
        "write" | "custody-accept" => Kind::new(REST, "U").sub(UPDATE).keeps("IHE.BasicAudit.PatientUpdate"),
        "connect" | "connect-to-wipe" | "sign-in" | "fhir-sign-in" => Kind::new(AUTHENTICATION, "E").sub(LOGIN),
        "sign-out" => Kind::new(AUTHENTICATION, "E").sub(LOGOUT),
        "refuse-connection" | "refuse-sign-in" | "refuse-fhir-sign-in" => {
            Kind::new(AUTHENTICATION, "E").sub(LOGIN).fails()
        }
        "refuse-administration" => Kind::new(ALERT, "E").sub(USER_SECURITY).fails(),
        "break-glass" | "break-glass-offline" => Kind::new(ALERT, "E").sub(EMERGENCY),
        "refuse-break-glass" => Kind::new(ALERT, "E").sub(EMERGENCY).fails(),
        "withdraw" | "custody-return" => Kind::new(ALERT, "E").sub(OBJECT_SECURITY),
        "receipt" | "wiped" => Kind::new(ACTIVITY, "D").sub(DESTROY),
        "put-role" | "remove-role" => Kind::new(ALERT, "E").sub(ROLES),
        "trail-fork" => Kind::new(ALERT, "E"),
        "audit-list" | "audit-verify" | "audit-export" | "alerts-list" | "disclosures" | "lost-device" => {
            Kind::new(AUDIT_USED, "R")
        }
        _ if is_about_access(action) => Kind::new(ALERT, "E").sub(OBJECT_SECURITY),
        _ if is_about_people(action) => Kind::new(ALERT, "E").sub(USER_SECURITY),
        _ if action.contains("polic") => Kind::new(ALERT, "E").sub(CONFIGURATION),
        _ => Kind::new(ACTIVITY, "E"),
    }
}

fn is_about_access(action: &str) -> bool {
    ["affiliation", "grant", "consent", "care-team", "relationship"].iter().any(|about| action.contains(about))
}

fn is_about_people(action: &str) -> bool {
    ["practitioner", "account", "password", "enrol", "device", "order-wipe", "fhir-client"]
        .iter()
        .any(|about| action.contains(about))
}

/// How an entry of a device's trail is told.
pub(super) fn kind_of_entry(action: &str) -> Kind {
    match action {
        "read" => Kind::new(REST, "R").sub(READ).keeps("IHE.BasicAudit.PatientRead"),
        "search" => Kind::new(REST, "E").sub(SEARCH),
        "edit" => Kind::new(REST, "U").sub(UPDATE).keeps("IHE.BasicAudit.PatientUpdate"),
        "export" => Kind::new(EXPORT, "R").sub(DISCLOSE),
        "unlock" => Kind::new(AUTHENTICATION, "E").sub(LOGIN),
        "break-glass" => Kind::new(ALERT, "E").sub(EMERGENCY),
        "purge" | "wipe" => Kind::new(ACTIVITY, "D").sub(DESTROY),
        _ => Kind::new(ACTIVITY, "E"),
    }
}
