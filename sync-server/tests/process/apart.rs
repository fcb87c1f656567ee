//! Organizations are kept apart: for every operation in the description, so that a new one cannot be forgotten.

use automerge::transaction::Transactable;
use automerge::{ActorId, AutoCommit, ROOT};
use serde_json::{Map, Value, json};
use sync_protocol::{Compartment, DocumentDescriptor, OrganizationId, PatientId};

use crate::api::{Description, Operation, contents};
use crate::clinics::{administrator, fhir_care_team, fhir_consent, north, ok};
use crate::running::{Running, config, start};

/// Operations for the operator alone.
const OPERATORS: [&str; 2] = ["POST /admin/v1/organizations", "POST /admin/v1/policies/reload"];
/// Operations that concern no single organization, and may be answered to another's administrator.
const OF_NONE: [&str; 2] = ["POST /admin/v1/audit/verify", "GET /admin/v1/audit/checkpoint"];
/// Lists in which nothing stands here.
const EMPTY: [&str; 1] = ["GET /admin/v1/devices/owing"];

fn object(value: &Value) -> Map<String, Value> {
    value.as_object().unwrap().clone()
}

/// The id of the opening.
const OPENING: &str = "0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e";

fn core() -> DocumentDescriptor {
    DocumentDescriptor {
        organization: OrganizationId::new("north").unwrap(),
        patient: Some(PatientId::new("p1").unwrap()),
        compartment: Compartment::Core,
        part: String::new(),
    }
}

/// The core of p1.
fn document(folder: &std::path::Path) {
    let db = rusqlite::Connection::open(folder.join("relay.db")).unwrap();
    let sql = "INSERT INTO document (number, id, organization, patient, compartment, part, fingerprint)
               VALUES (1, ?1, 'north', 'p1', 'core', '', zeroblob(32))";
    db.execute(sql, [core().id().0]).unwrap();
}

/// dr-a has opened p1 in an emergency.
fn opened(folder: &std::path::Path) {
    let db = rusqlite::Connection::open(folder.join("relay.db")).unwrap();
    let sql = "INSERT INTO break_glass (id, organization, patient, practitioner, acting_for, device, purpose, reason,
               opened_at_ms, until_ms)
               VALUES (?1, 'north', 'p1', 'dr-a', 'north', zeroblob(16), 'ETREAT', 'unconscious', 1, 9000000000000)";
    db.execute(sql, [hex::decode(OPENING).unwrap()]).unwrap();
}

/// A change by somebody without the right, to the core of p1.
fn in_custody(folder: &std::path::Path) {
    let db = rusqlite::Connection::open(folder.join("relay.db")).unwrap();
    let core = core();
    let mut written = AutoCommit::new().with_actor(ActorId::from(sync_protocol::AuthorId([7; 16]).actor(0).as_slice()));
    written.put(ROOT, "CANARY", "CANARY").unwrap();
    written.commit();
    let change = written.get_last_local_change().unwrap();
    let sql = "INSERT INTO custody (document_id, descriptor, hash, payload, device, practitioner, organization, reason,
               received_at_ms) VALUES (?1, ?2, ?3, ?4, zeroblob(16), 'dr-a', 'north', ?5, 1)";
    let (descriptor, reason) = (json!(core).to_string(), json!("not-permitted").to_string());
    let values = rusqlite::params![core.id().0, descriptor, change.hash().0, change.raw_bytes(), reason];
    db.execute(sql, values).unwrap();
}

fn alerted(folder: &std::path::Path) {
    let db = rusqlite::Connection::open(folder.join("relay.db")).unwrap();
    let sql = "INSERT INTO alert (organization, kind, about, first_at_ms, last_at_ms, count, practitioner, detail)
               VALUES ('north', 'custody', 'x', 1, 1, 1, 'dr-a', '{}')";
    db.execute(sql, []).unwrap();
}

struct Clinics {
    relay: Running,
    folder: tempfile::TempDir,
    description: Description,
    /// Tokens of the administrators of north and south.
    north: String,
    south: String,
    /// Names things of north, wherever a field asks for them.
    known: Map<String, Value>,
    /// What must not be shown to south.
    telling: Vec<String>,
}

impl Clinics {
    async fn open() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let relay = start(config(folder.path())).await;
        let north = north(&relay).await;
        in_custody(folder.path());
        alerted(folder.path());
        document(folder.path());
        opened(folder.path());
        let south = administrator(&relay, "adm-s", "south").await;
        let known = object(&json!({
            "organization": "north", "partner": "east", "practitioner": "dr-a", "patient": "p1", "role": "physician",
            "grantee": { "organization": "east" }, "name": "Somebody", "document": core().id(), "compartment": "core",
            "exceptions": [{ "effect": "deny", "actors": [{ "practitioner": "dr-a" }] }],
        }));
        let telling = [
            "north",
            "dr-a",
            "adm-n",
            "nurse-n",
            "p1",
            "consent-1",
            "team-1",
            OPENING,
            &north.device,
            &north.grant,
            &north.client,
        ]
        .map(str::to_owned)
        .to_vec();
        let description = Description::of(&relay).await;
        let mut clinics = Self { relay, folder, description, north: north.token, south, known, telling };
        clinics.known.insert("device".into(), json!(north.device));
        clinics.known.insert("grant".into(), json!(north.grant));
        clinics.known.insert("client".into(), json!(north.client));
        clinics
    }

    /// What fields are to hold for an operation.
    fn known_for(&self, operation: &Operation) -> Map<String, Value> {
        let mut known = self.known.clone();
        let id = match operation.path.as_str() {
            "/admin/v1/devices/{id}" | "/admin/v1/devices/{id}/lost" => self.known["device"].clone(),
            path if path.starts_with("/admin/v1/fhir-clients/") => self.known["client"].clone(),
            path if path.starts_with("/admin/v1/consents/") => json!("consent-1"),
            path if path.starts_with("/admin/v1/care-teams/") => json!("team-1"),
            path if path.starts_with("/admin/v1/emergency/") => json!(OPENING),
            path if path.starts_with("/admin/v1/custody/") || path.starts_with("/admin/v1/alerts/") => json!("1"),
            "/admin/v1/grants/{id}" => self.known["grant"].clone(),
            _ => json!("new-one"),
        };
        known.insert("id".into(), id);
        match operation.name().as_str() {
            "PUT /admin/v1/consents/{id}/fhir" => known.insert("".into(), fhir_consent("consent-1", "north", "east")),
            "PUT /admin/v1/care-teams/{id}/fhir" => known.insert("".into(), fhir_care_team("team-1", "north", "dr-a")),
            _ => None,
        };
        if operation.path.contains("/accounts") {
            // Somebody of north other than who asks.
            let whose = if operation.method == "POST" { "dr-a" } else { "nurse-n" };
            known.insert("practitioner".into(), json!(whose));
        }
        known
    }

    fn operations(&self) -> Vec<Operation> {
        let resources = |operation: &Operation| operation.path.starts_with("/admin/v1/");
        self.description.operations().into_iter().filter(resources).collect()
    }

    fn assert_tells_nothing(&self, operation: &Operation, body: &Value) {
        let text = body.to_string();
        for word in &self.telling {
            assert!(!text.contains(word.as_str()), "{} tells of {word}: {text}", operation.name());
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn another_organizations_administrator_neither_sees_nor_changes_anything() {
    let clinics = Clinics::open().await;
    let before = contents(clinics.folder.path());
    for operation in clinics.operations() {
        let mut known = clinics.known_for(&operation);
        let call = clinics.description.call(&operation, &known);
        let (status, body) = call.send(&clinics.relay, Some(&clinics.south)).await;
        let is_list = operation.method == "GET" && !operation.path.contains('{');
        if is_list || OF_NONE.contains(&operation.name().as_str()) {
            assert_eq!(status, 200, "{}: {body}", operation.name());
        } else {
            assert!(matches!(status, 403 | 404), "{}: {status} {body}", operation.name());
        }
        clinics.assert_tells_nothing(&operation, &body);
        if is_list && operation.parameters.iter().any(|(name, ..)| name == "organization") {
            known.insert("?organization".into(), json!("north"));
            let named = clinics.description.call(&operation, &known).send(&clinics.relay, Some(&clinics.south)).await;
            assert_eq!(named.0, 403, "{} of north: {}", operation.name(), named.1);
        }
    }
    assert_eq!(contents(clinics.folder.path()), before, "nothing was changed");
    // The refusals are on record, for the operator and for who tried.
    let rows = ok(clinics.relay.admin("GET", "/audit", None).await);
    let refused = |row: &&Value| row["action"] == "refuse-administration" && row["practitioner"] == "adm-s";
    assert!(rows["items"].as_array().unwrap().iter().filter(refused).count() > 10);
    clinics.relay.stop().await.unwrap();
}

/// The same requests succeed in the right hands: what refuses them above is who asks.
#[tokio::test(flavor = "multi_thread")]
async fn the_organizations_own_administrator_may_do_all_of_it_but_what_is_the_operators() {
    let clinics = Clinics::open().await;
    for operation in clinics.operations() {
        let mut known = clinics.known_for(&operation);
        known.insert("?organization".into(), json!("north"));
        let call = clinics.description.call(&operation, &known);
        let (status, body) = call.send(&clinics.relay, Some(&clinics.north)).await;
        let expected = if OPERATORS.contains(&operation.name().as_str()) { 403 } else { 200 };
        assert_eq!(status, expected, "{}: {body}", operation.name());
        if let Some(items) = body["items"].as_array() {
            let empty = EMPTY.contains(&operation.name().as_str());
            assert!(empty || !items.is_empty(), "{} shows what is there", operation.name());
        }
    }
    clinics.relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_gives_themself_a_role_or_gets_at_what_another_organization_gave_a_person() {
    let clinics = Clinics::open().await;
    let relay = &clinics.relay;
    let put = async |token: &str, who: &str, at: &str| {
        let role = json!({ "practitioner": who, "organization": at, "role": "physician" });
        relay.admin_as(token, "PUT", "/roles", Some(role)).await.0
    };
    assert_eq!(put(&clinics.north, "adm-n", "north").await, 403, "not for oneself");
    assert_eq!(put(&clinics.south, "dr-a", "south").await, 404, "north's, although the role would be at south");
    assert_eq!(put(&clinics.south, "nobody", "south").await, 404, "the same as for somebody who does not exist");
    // The operator gives adm-n a say at south: from then on north alone has none over the account.
    crate::clinics::role(relay, "nurse-n", "south", "administrator").await;
    let reset = relay.admin_as(&clinics.north, "PUT", "/accounts/nurse-n/password", None).await;
    assert_eq!(reset.0, 404, "{}", reset.1);
    let code = json!({ "organization": "south", "practitioner": "nurse-n", "valid_ms": 1_000 });
    assert_eq!(relay.admin_as(&clinics.south, "POST", "/enrolment-codes", Some(code)).await.0, 404);
    clinics.relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_come_in_pages_and_each_holds_only_what_one_may_see() {
    let clinics = Clinics::open().await;
    for (list, key) in
        [("practitioners", "id"), ("devices", "id"), ("grants", "id"), ("audit", "seq"), ("roles", "role")]
    {
        let whole = ok(clinics.relay.admin_as(&clinics.north, "GET", &format!("/{list}"), None).await);
        assert_eq!(whole["next"], Value::Null);
        let whole = whole["items"].as_array().unwrap().clone();
        let (mut paged, mut after) = (Vec::new(), String::new());
        loop {
            let path = format!("/{list}?limit=1{after}");
            let page = ok(clinics.relay.admin_as(&clinics.north, "GET", &path, None).await);
            paged.extend(page["items"].as_array().unwrap().iter().take(1).cloned());
            assert_eq!(page["items"].as_array().unwrap().len(), 1, "{list}");
            let Some(next) = page["next"].as_str() else { break };
            after = format!("&after={next}");
        }
        // That the audit trail is read is in it too, behind what was read; reading that is not, so that there is an end.
        let (read, paged): (Vec<Value>, Vec<Value>) =
            paged.into_iter().partition(|item| item["action"] == "audit-list");
        assert_eq!(read.len(), if list == "audit" { 1 + whole.len() } else { 0 }, "{list}");
        assert_eq!(paged, whole, "{list}");
        assert!(whole.iter().all(|item| !item[key].is_null()));
    }
    clinics.relay.stop().await.unwrap();
}
