//! What every store must do. Each store's module calls [`holds_for`] with a way to open it, again and again, on the same data.

mod accounts;
mod change_log;
mod compaction;
mod decisions;
mod facts;
mod fhir_clients;
mod ledger;
mod people;
mod staging;
mod transactions;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use sync_protocol::identity::{Certificate, CertificateBody, ChangeSignature, SecretKey};
use sync_protocol::{
    AuthorId, ChangeHash, Compartment, DeviceId, DocumentDescriptor, OpeningId, OrganizationId, PatientId,
    PractitionerId, UnixMillis,
};

use crate::access::{AppendPermit, Facts, Gate, PractitionerRole, Role, Subject};
use crate::store::{
    DeviceRecord, EnrolmentCode, NewChange, OrganizationRecord, Position, PractitionerRecord, SqliteStore, Store,
    StoreError, StoredSignature,
};

const NOW: UnixMillis = UnixMillis(1_000);
const AUTHOR: AuthorId = AuthorId([1; 16]);

/// Opens the same store again, as after a restart.
type Reopen<'a> = &'a dyn Fn() -> Box<dyn Store>;

type Case = fn(Reopen<'_>);

/// The contract's cases, each on a store of its own.
const CASES: [(&str, Case); 31] = [
    ("a transaction takes effect whole or not at all", transactions::all_or_nothing),
    ("what was not committed is gone after a restart", transactions::uncommitted_is_gone),
    ("settings are kept and replaced", transactions::settings),
    ("the audit trail links each row to the one before", transactions::audit_chain),
    ("people and organizations are added once", people::added_once),
    ("what refers to nobody is refused", people::missing),
    ("facts are kept, replaced and removed", people::facts),
    ("relationships, care teams and consents are kept, replaced and removed", facts::shared_facts),
    ("roles end and affiliations name their patients", facts::terms),
    ("openings are kept, and can only be made shorter", facts::openings),
    ("consents and care teams are read in pages, within a scope and by id", facts::pages),
    ("an enrolment code is used once", people::codes),
    ("devices and their certificates are kept", people::devices),
    ("holdings are kept for each device", people::holdings),
    ("accounts are kept, replaced and removed", accounts::accounts),
    ("sign-ins end one by one, together and with their account", accounts::sign_ins),
    ("lists are read in pages and within a scope", accounts::pages),
    ("devices are read in pages and within a scope", accounts::devices_in_pages),
    ("whose a practitioner is and what they do is kept", accounts::whose),
    ("documents are found by id, number and chart", change_log::documents),
    ("positions follow the order of commits and are not used twice", change_log::positions),
    ("a hash or a sequence number is taken once", change_log::no_doubles),
    ("changes are read in pages", change_log::pages),
    ("reading needs a permit for that document", change_log::permits),
    ("the newest signature of an actor is kept", change_log::signatures),
    ("custody keeps a change once", change_log::custody),
    ("the sealing key of a device is kept and replaced", staging::sealing_keys),
    ("clients of the FHIR API are kept and revoked once", fhir_clients::clients),
    ("tokens of the FHIR API run out, give way and end with their client", fhir_clients::tokens),
    ("the devices of the FHIR API's gateway are kept by client", fhir_clients::gateways),
    ("what lies sealed on a device is kept, replaced and removed", staging::staged_documents),
];

fn holds_for(make: impl Fn() -> Box<dyn Fn() -> Box<dyn Store>>) {
    for (name, case) in CASES.into_iter().chain(ledger::CASES).chain(decisions::CASES).chain(compaction::CASES) {
        let reopen = make();
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| case(&reopen)));
        if let Err(panic) = outcome {
            eprintln!("the store does not keep: {name}");
            std::panic::resume_unwind(panic);
        }
    }
}

#[test]
fn sqlite_keeps_the_contract() {
    holds_for(|| {
        let folder = tempfile::tempdir().unwrap();
        Box::new(move || Box::new(SqliteStore::open(&folder.path().join("relay.db")).unwrap()))
    });
}

fn organization(id: &str) -> OrganizationId {
    OrganizationId::new(id).unwrap()
}

fn practitioner(id: &str) -> PractitionerId {
    PractitionerId::new(id).unwrap()
}

fn subject() -> Subject {
    Subject { practitioner: practitioner("dr-a"), organization: organization("north") }
}

fn role(role: Role) -> PractitionerRole {
    let Subject { practitioner, organization } = subject();
    PractitionerRole { practitioner, organization, role, sensitive: vec!["PSY".into()], until: None }
}

fn core(of: &str) -> DocumentDescriptor {
    let patient = Some(PatientId::new(of).unwrap());
    DocumentDescriptor {
        organization: organization("north"),
        patient,
        compartment: Compartment::Core,
        part: String::new(),
    }
}

/// A gate that lets dr-a read and write everything of `north`: permits come from nowhere else.
fn gate(store: &dyn Store) -> Gate {
    let mut gate = Gate::default();
    gate.set_facts(Facts { roles: vec![role(Role::Physician)], ..Facts::default() });
    store.visit_documents(&mut |number, descriptor, _| gate.document_added(&descriptor, number)).unwrap();
    gate
}

fn permit<'a>(store: &dyn Store, descriptor: &'a DocumentDescriptor) -> AppendPermit<'a> {
    gate(store).append_permit(&subject(), descriptor, NOW).unwrap()
}

/// Adds `north`, `south` and dr-a.
fn populate(store: &mut dyn Store) {
    for id in ["north", "south"] {
        let key = SecretKey::from_seed(random(id));
        let record = OrganizationRecord { id: organization(id), name: id.to_uppercase(), key };
        store.add_organization(&record).unwrap();
    }
    store
        .add_practitioner(&PractitionerRecord { id: practitioner("dr-a"), name: "Dr A".into(), organization: None })
        .unwrap();
}

fn random<const N: usize>(of: &str) -> [u8; N] {
    let seed = of.bytes().fold(7, |seed: u64, byte| seed.wrapping_mul(31).wrapping_add(byte.into()));
    let mut bytes = [0; N];
    ChaCha8Rng::seed_from_u64(seed).fill_bytes(&mut bytes);
    bytes
}

fn device(name: &str) -> DeviceRecord {
    let body = CertificateBody {
        device_key: SecretKey::from_seed(random(name)).public(),
        practitioner: practitioner("dr-a"),
        organization: organization("north"),
        not_before: NOW,
        not_after: NOW.plus(1_000),
    };
    let certificate = Certificate::issue(&SecretKey::from_seed(random("north")), body);
    DeviceRecord { certificate, name: name.into(), enrolled_at: NOW, last_seen: None, revoked_at: None }
}

fn code(letter: u8) -> EnrolmentCode {
    let Subject { practitioner, organization } = subject();
    EnrolmentCode { code_hash: [letter; 32], organization, practitioner, expires_at: NOW, used_by: None }
}

/// Appends change `seq` of the author to a document.
fn append(store: &mut dyn Store, of: &str, seq: u64, payload: &[u8]) -> Result<(u32, Position), StoreError> {
    let descriptor = core(of);
    let permit = permit(store, &descriptor);
    store.append(&permit, &change(of, seq, payload))
}

fn change<'a>(of: &str, seq: u64, payload: &'a [u8]) -> NewChange<'a> {
    NewChange {
        hash: hash(of, seq),
        actor: &AUTHOR.0,
        seq,
        max_op: seq * 10,
        origin: DeviceId([4; 16]),
        received_at: NOW,
        payload,
    }
}

fn hash(of: &str, seq: u64) -> ChangeHash {
    ChangeHash(random(&format!("{of} {seq}")))
}

fn signature(of: &str, seq: u64) -> StoredSignature {
    let tip = hash(of, seq);
    let signature = ChangeSignature::sign(&SecretKey::from_seed([5; 32]), AUTHOR, &core(of).id(), tip);
    StoredSignature { actor: AUTHOR.0.to_vec(), seq, signature }
}
