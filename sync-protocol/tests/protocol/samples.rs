//! One value of every frame and of every variant within one, each with the name under which its golden bytes stand.

use serde::Serialize;
use serde_bytes::ByteBuf;
use sha2::{Digest, Sha256};
use sync_protocol::frame::{
    Ack, Answer, Batch, BatchBody, BreakGlass, BreakGlassAnswer, BreakGlassOutcome, BreakGlassRefusal, CaughtUp,
    Challenge, ChangeName, Cursor, CustodyReason, Decided, Decision, DecisionsKnown, DeliveredDocument, DictionaryId,
    Enroll, Enrolled, Goodbye, GoodbyeReason, Hello, Inventory, InventoryEntry, Opening, OrganizationKey, Packed,
    Proof, PurgeReceipt, Push, PushBody, Pushed, PushedDocument, ReceiptKept, Recipient, Refer, ReferAnswer,
    ReferOutcome, ReferRefusal, RefusalReason, Resume, Resumed, SealedDocument, Sealing, Stage, Staged, Trail,
    TrailBody, TrailEntry, TrailKept, Unsupported, Want, Welcome, Withdraw,
};
use sync_protocol::identity::{Certificate, CertificateBody, ChangeSignature, SecretKey};
use sync_protocol::limits::Limits;
use sync_protocol::{
    ChangeHash, Checksum, Compartment, DeviceId, DocumentDescriptor, EpochId, Frame, Nonce, OpeningId, OrganizationId,
    PatientId, PractitionerId, ReferralId, RelayId, Signature, TrailHash, UnixMillis,
};

pub const RELAY: RelayId = RelayId([0xA1; 16]);
pub const EPOCH: EpochId = EpochId([0xE1; 16]);
pub const NONCE: Nonce = Nonce([0xB2; 32]);

/// Every sample: name and frame. Frames with variants inside have one sample for each.
pub fn samples() -> Vec<(String, Frame)> {
    let mut samples = handshake();
    samples.extend(resumes());
    samples.extend(batches());
    samples.extend(pushes());
    samples.extend(answers());
    samples.extend(comparison());
    samples.extend(accounts());
    samples.extend(staging());
    samples.extend(endings());
    samples.into_iter().map(|(name, frame)| (name.to_string(), frame)).collect()
}

pub fn device_secret() -> SecretKey {
    SecretKey::from_seed([1; 32])
}

pub fn organization_secret() -> SecretKey {
    SecretKey::from_seed([2; 32])
}

pub fn certificate() -> Certificate {
    let body = CertificateBody {
        device_key: device_secret().public(),
        practitioner: PractitionerId::new("dr-a").unwrap(),
        organization: OrganizationId::new("north").unwrap(),
        not_before: UnixMillis(1_700_000_000_000),
        not_after: UnixMillis(1_800_000_000_000),
    };
    Certificate::issue(&organization_secret(), body)
}

pub fn enrolled() -> Enrolled {
    Enrolled {
        relay: RELAY,
        device: DeviceId::of_key(&device_secret().public()),
        certificate: certificate(),
        organization_key: organization_secret().public(),
        organization_name: "North Clinic".into(),
        practitioner_name: "Dr A".into(),
        lease_ms: 604_800_000,
    }
}

pub fn welcome() -> Welcome {
    Welcome {
        epoch: EPOCH,
        limits: Limits::default(),
        lease_ms: 604_800_000,
        now: UnixMillis(1_750_000_000_000),
        wipe: false,
        sealing: false,
        dictionary: None,
    }
}

pub fn first_resume() -> Resume {
    Resume { cursor: None, epoch: None, compare: false }
}

/// A descriptor of each compartment: encounter and sensitive have a part, directory has no patient.
pub fn descriptor(compartment: Compartment) -> DocumentDescriptor {
    DocumentDescriptor {
        organization: OrganizationId::new("north").unwrap(),
        patient: (compartment != Compartment::Directory).then(|| PatientId::new("p1").unwrap()),
        compartment,
        part: match compartment {
            Compartment::Encounter => "e1".into(),
            Compartment::Sensitive => "ETH".into(),
            _ => String::new(),
        },
    }
}

pub fn batch_body() -> BatchBody {
    let documents = Compartment::ALL.map(|compartment| {
        let descriptor = descriptor(compartment);
        let document = descriptor.id();
        let tip = ChangeHash([0xC1; 32]);
        let signature = ChangeSignature::sign(&device_secret(), certificate().author(), &document, tip);
        let changes = vec![ByteBuf::from([0x85, 0x6F, 0x4A, 0x83])];
        DeliveredDocument {
            document,
            descriptor: Some(descriptor),
            changes,
            signatures: vec![signature],
            more: false,
            break_glass_until: None,
        }
    });
    BatchBody {
        organization_keys: vec![organization_key()],
        certificates: vec![certificate()],
        documents: documents.into(),
    }
}

pub fn push_body() -> PushBody {
    let descriptor = descriptor(Compartment::Core);
    let document = descriptor.id();
    let tip = ChangeHash([0xC1; 32]);
    let signature = ChangeSignature::sign(&device_secret(), certificate().author(), &document, tip);
    let changes = vec![ByteBuf::from([1, 2]), ByteBuf::from([3])];
    PushBody {
        certificates: Vec::new(),
        documents: vec![PushedDocument { descriptor, changes, signatures: vec![signature] }],
    }
}

fn organization_key() -> OrganizationKey {
    OrganizationKey { organization: OrganizationId::new("north").unwrap(), key: organization_secret().public() }
}

fn cursor() -> Cursor {
    Cursor(ByteBuf::from([0xC5; 12]))
}

type Samples = Vec<(String, Frame)>;

fn named(name: &str, frame: Frame) -> (String, Frame) {
    (name.to_owned(), frame)
}

fn handshake() -> Samples {
    let secret = device_secret();
    let signature = Signature([0x51; 64]);
    let hello = Hello { device_key: secret.public(), software: "satchel 0.1.0".into(), dictionaries: Vec::new() };
    let dictionary = Some(DictionaryId::CLINICAL_1);
    vec![
        named("Hello", Frame::Hello(hello.clone())),
        named("Hello/dictionaries", Frame::Hello(Hello { dictionaries: vec![DictionaryId::CLINICAL_1], ..hello })),
        named("Challenge", Frame::Challenge(Challenge { nonce: NONCE, relay: RELAY })),
        named("Proof", Frame::Proof(Proof { signature })),
        named(
            "Enroll",
            Frame::Enroll(Enroll { code: "ABCD-1234".into(), device_name: "Ward 3 tablet".into(), signature }),
        ),
        named("Enrolled", Frame::Enrolled(enrolled())),
        named("Welcome", Frame::Welcome(welcome())),
        named(
            "Welcome/limits",
            Frame::Welcome(Welcome { limits: Limits { batch_window: 1, ..Limits::default() }, ..welcome() }),
        ),
        named("Welcome/dictionary", Frame::Welcome(Welcome { dictionary, ..welcome() })),
    ]
}

fn resumes() -> Samples {
    let resumed = |documents, compare| Frame::Resumed(Resumed { documents, compare });
    let later = Resume { cursor: Some(cursor()), epoch: Some(EPOCH), compare: false };
    vec![
        named("Resume/first", Frame::Resume(first_resume())),
        named("Resume/later", Frame::Resume(later.clone())),
        named("Resume/compare", Frame::Resume(Resume { compare: true, ..later })),
        named("Resumed", resumed(1_000, false)),
        named("Resumed/compare", resumed(0, true)),
        named("CaughtUp", Frame::CaughtUp(CaughtUp { cursor: cursor(), checksum: Checksum(0x0102), stage: false })),
        named(
            "CaughtUp/stage",
            Frame::CaughtUp(CaughtUp { cursor: cursor(), checksum: Checksum(0x0102), stage: true }),
        ),
    ]
}

fn batches() -> Samples {
    let document = descriptor(Compartment::Core).id();
    let changes = vec![ByteBuf::from([7; 3])];
    let part = DeliveredDocument {
        document,
        descriptor: None,
        changes,
        signatures: vec![],
        more: true,
        break_glass_until: None,
    };
    let partial = BatchBody { documents: vec![part], ..BatchBody::default() };
    let batch = |batch, cursor, body| Frame::Batch(Batch { batch, cursor, body });
    vec![
        named("Batch", batch(1, Some(cursor()), Packed::uncompressed(&batch_body()))),
        named("Batch/partial", batch(2, None, Packed::uncompressed(&partial))),
        named("Batch/changes", batch(4, Some(cursor()), Packed::uncompressed(&line_and_join()))),
        named("Batch/compressed", batch(3, Some(cursor()), compressed())),
        named("Ack", Frame::Ack(Ack { batch: 1 })),
    ]
}

/// Two changes on a line, and one that joins the second with one that is not in the body. Of two signatures one is over
/// its author's last change.
fn line_and_join() -> BatchBody {
    let author = certificate().author();
    let rest = |content: u8| [&[20][..], &author.actor(0), &[content; 8]].concat();
    let (first, one) = chunk(&[], &rest(1));
    let (second, two) = chunk(&[one], &rest(2));
    let (third, three) = chunk(&[two, [0xEE; 32]], &rest(3));
    let document = descriptor(Compartment::Core).id();
    let sign = |tip| ChangeSignature::sign(&device_secret(), author, &document, ChangeHash(tip));
    let delivered = DeliveredDocument {
        document,
        descriptor: Some(descriptor(Compartment::Core)),
        changes: [first, second, third].map(ByteBuf::from).into(),
        signatures: vec![sign(three), sign(two)],
        more: false,
        break_glass_until: None,
    };
    BatchBody { documents: vec![delivered], ..BatchBody::default() }
}

/// A chunk of an Automerge change of less than 16 KiB, and its hash. `rest`: what follows the dependencies.
pub fn chunk(deps: &[[u8; 32]], rest: &[u8]) -> (Vec<u8>, [u8; 32]) {
    let body = [&[deps.len() as u8], &*deps.concat(), rest].concat();
    let length = match body.len() {
        short @ ..0x80 => vec![short as u8],
        long => vec![long as u8 | 0x80, (long >> 7) as u8],
    };
    let hashed = [&[1][..], &length, &body].concat();
    let hash: [u8; 32] = Sha256::digest(&hashed).into();
    ([&[0x85, 0x6F, 0x4A, 0x83], &hash[..4], &hashed].concat(), hash)
}

/// [`compressible_body`] in a zstd frame, as bytes, since another version of zstd may write others.
fn compressed() -> Packed {
    let data = hex::decode("28b52ffd606801bd00008001a1616481a26169f5616381590259000100aa546009");
    Packed {
        unpacked: Some(616),
        dictionary: None,
        data: ByteBuf::from(data.unwrap()),
        plain: descriptor(Compartment::Core).id().0.into(),
    }
}

/// A body that is large and regular enough to be sent compressed.
pub fn compressible_body() -> BatchBody {
    let document = descriptor(Compartment::Core).id();
    let changes = vec![ByteBuf::from([0; 600])];
    let whole = DeliveredDocument {
        document,
        descriptor: None,
        changes,
        signatures: vec![],
        more: false,
        break_glass_until: None,
    };
    BatchBody { documents: vec![whole], ..BatchBody::default() }
}

fn pushes() -> Samples {
    let given_back = PushBody { certificates: vec![certificate()], ..push_body() };
    let push = |push, body| Frame::Push(Push { push, body });
    vec![
        named("Push", push(1, Packed::uncompressed(&push_body()))),
        named("Push/given-back", push(2, Packed::uncompressed(&given_back))),
    ]
}

fn answers() -> Samples {
    let mut answers = vec![
        ("accepted".to_owned(), Answer::Accepted),
        ("already-had".to_owned(), Answer::AlreadyHad),
        ("needs".to_owned(), Answer::Needs(vec![ChangeHash([0xC2; 32])])),
    ];
    let custody = [CustodyReason::NotPermitted, CustodyReason::BuildsOnCustody, CustodyReason::Other];
    answers.extend(custody.map(|reason| (format!("custody-{}", wire_name(&reason)), Answer::Custody(reason))));
    let refusals = [
        RefusalReason::Malformed,
        RefusalReason::TooLarge,
        RefusalReason::NotSigned,
        RefusalReason::NotCertified,
        RefusalReason::SequenceReused,
        RefusalReason::BadOperations,
        RefusalReason::BadDescriptor,
        RefusalReason::Other,
    ];
    answers.extend(refusals.map(|reason| (format!("refused-{}", wire_name(&reason)), Answer::Refused(reason))));
    let pushed = |answers| Frame::Pushed(Pushed { push: 1, answers });
    let all = pushed(answers.iter().map(|(_, answer)| answer.clone()).collect());
    let each = answers.into_iter().map(|(name, answer)| (format!("Pushed/{name}"), pushed(vec![answer])));
    // Later than the frame with all of them, whose bytes stay.
    let revoked = pushed(vec![Answer::Custody(CustodyReason::DeviceRevoked)]);
    let full = pushed(vec![Answer::Refused(RefusalReason::CustodyFull)]);
    let later = [("Pushed/custody-device-revoked", revoked), ("Pushed/refused-custody-full", full)];
    each.chain([("Pushed".to_owned(), all)]).chain(later.map(|(name, frame)| (name.to_owned(), frame))).collect()
}

fn comparison() -> Samples {
    let document = descriptor(Compartment::Core).id();
    let entry = InventoryEntry { document, fingerprint: Checksum(u128::MAX) };
    let inventory = |more| Frame::Inventory(Inventory { documents: vec![entry.clone()], more });
    vec![
        named("Inventory", inventory(false)),
        named("Inventory/more", inventory(true)),
        named("Want", Frame::Want(Want { documents: vec![document] })),
        named("Withdraw", Frame::Withdraw(Withdraw { documents: vec![document] })),
    ]
}

fn accounts() -> Samples {
    let document = descriptor(Compartment::Core).id();
    let secret = device_secret();
    let at = UnixMillis(1_750_000_000_000);
    let receipt = |documents, wiped| Frame::PurgeReceipt(PurgeReceipt::sign(&secret, &RELAY, 1, documents, wiped, at));
    let change = ChangeName { document, hash: ChangeHash([0xC1; 32]) };
    let decided = |accepted, reason: &str| {
        Frame::Decided(Decided { decisions: vec![Decision { change, accepted, reason: reason.into() }] })
    };
    let mut samples = vec![
        named("PurgeReceipt", receipt(vec![document], false)),
        named("PurgeReceipt/wiped", receipt(Vec::new(), true)),
        named("ReceiptKept", Frame::ReceiptKept(ReceiptKept { receipt: 1 })),
        named("Trail", Frame::Trail(trail())),
        named("TrailKept", Frame::TrailKept(TrailKept { through: 2 })),
        named("Decided/accepted", decided(true, "")),
        named("Decided/returned", decided(false, "not her patient")),
        named("DecisionsKnown", Frame::DecisionsKnown(DecisionsKnown { changes: vec![change] })),
        named("Welcome/wipe", Frame::Welcome(Welcome { wipe: true, ..welcome() })),
        named("Batch/break-glass", break_glass_batch()),
    ];
    samples.extend(emergencies());
    samples.extend(referrals());
    samples
}

fn staging() -> Samples {
    vec![
        named("Sealing", Frame::Sealing(Sealing { key: device_secret().sealing_key() })),
        named("Stage", Frame::Stage(Stage { stage: 1, documents: vec![sealed_document()], more: false })),
        named("Stage/more", Frame::Stage(Stage { stage: 1, documents: Vec::new(), more: true })),
        named("Staged", Frame::Staged(Staged { stage: 1 })),
        named("Welcome/sealing", Frame::Welcome(Welcome { sealing: true, ..welcome() })),
    ]
}

/// A small document, so that its body is not compressed and does not depend on the zstd version.
pub fn sealed_document() -> SealedDocument {
    let document = descriptor(Compartment::Core).id();
    let delivered = DeliveredDocument {
        document,
        descriptor: Some(descriptor(Compartment::Core)),
        changes: vec![ByteBuf::from([7; 3])],
        signatures: vec![],
        more: false,
        break_glass_until: None,
    };
    let body = BatchBody { documents: vec![delivered], ..BatchBody::default() };
    let chart = (OrganizationId::new("north").unwrap(), PatientId::new("p1").unwrap());
    SealedDocument::seal(&device_secret().sealing_key(), chart, document, 14_400_000, &body, [0x5E; 32])
}

/// Two entries, the second with everything that an entry can have.
pub fn trail_body() -> TrailBody {
    let plain = TrailEntry {
        at: UnixMillis(1_750_000_000_000),
        action: "unlock".into(),
        organization: None,
        patient: None,
        documents: Vec::new(),
        reason: String::new(),
        purpose: String::new(),
        break_glass: false,
    };
    let full = TrailEntry {
        action: "read".into(),
        organization: Some(OrganizationId::new("north").unwrap()),
        patient: Some(PatientId::new("p1").unwrap()),
        documents: vec![descriptor(Compartment::Core).id()],
        reason: "found unconscious".into(),
        purpose: "ETREAT".into(),
        break_glass: true,
        ..plain.clone()
    };
    TrailBody { entries: vec![plain, full] }
}

fn trail() -> Trail {
    let signed = Trail::sign(&device_secret(), &RELAY, 1, TrailHash([0; 32]), &trail_body());
    Trail { body: Packed::uncompressed(&trail_body()), ..signed }
}

fn break_glass_batch() -> Frame {
    let mut body = batch_body();
    body.documents.truncate(1);
    body.documents[0].break_glass_until = Some(UnixMillis(1_750_000_000_000));
    Frame::Batch(Batch { batch: 1, cursor: Some(cursor()), body: Packed::uncompressed(&body) })
}

fn emergencies() -> Samples {
    let request = BreakGlass {
        request: 1,
        organization: OrganizationId::new("north").unwrap(),
        patient: PatientId::new("p1").unwrap(),
        purpose: "ETREAT".into(),
        reason: "found unconscious".into(),
    };
    let opening = Opening { id: OpeningId([0xF1; 16]), until: UnixMillis(1_750_014_400_000), for_ms: 14_400_000 };
    let answer = |outcome| Frame::BreakGlassAnswer(BreakGlassAnswer { request: 1, outcome });
    let refusals = [
        BreakGlassRefusal::NotPermitted,
        BreakGlassRefusal::ReasonMissing,
        BreakGlassRefusal::TooLong,
        BreakGlassRefusal::Other,
    ];
    let refused = refusals.map(|reason| {
        (format!("BreakGlassAnswer/refused-{}", wire_name(&reason)), answer(BreakGlassOutcome::Refused(reason)))
    });
    let opened = named("BreakGlassAnswer/opened", answer(BreakGlassOutcome::Opened(opening)));
    refused.into_iter().chain([named("BreakGlass", Frame::BreakGlass(request)), opened]).collect()
}

fn referrals() -> Samples {
    let to_organization = Refer {
        referral: ReferralId([0xF2; 16]),
        organization: OrganizationId::new("north").unwrap(),
        patient: PatientId::new("p1").unwrap(),
        to: Recipient::Organization(OrganizationId::new("south").unwrap()),
        compartments: vec![Compartment::Core, Compartment::Workflow],
        may_write: true,
        for_ms: 86_400_000,
    };
    let to = Recipient::Practitioner(PractitionerId::new("dr-b").unwrap());
    let to_practitioner = Refer { to, may_write: false, ..to_organization.clone() };
    let answer = |outcome| Frame::ReferAnswer(ReferAnswer { referral: ReferralId([0xF2; 16]), outcome });
    let refusals =
        [ReferRefusal::MayNotRefer, ReferRefusal::UnknownRecipient, ReferRefusal::NothingToOpen, ReferRefusal::Other];
    let refused = refusals
        .map(|reason| (format!("ReferAnswer/refused-{}", wire_name(&reason)), answer(ReferOutcome::Refused(reason))));
    let others = [
        named("Refer/to-organization", Frame::Refer(to_organization)),
        named("Refer/to-practitioner", Frame::Refer(to_practitioner)),
        named("ReferAnswer/opened", answer(ReferOutcome::Opened(UnixMillis(1_750_086_400_000)))),
    ];
    refused.into_iter().chain(others).collect()
}

fn endings() -> Samples {
    let reasons = [
        GoodbyeReason::Done,
        GoodbyeReason::ShuttingDown,
        GoodbyeReason::UnknownDevice,
        GoodbyeReason::Revoked,
        GoodbyeReason::ProofRefused,
        GoodbyeReason::EnrolmentRefused,
        GoodbyeReason::ProtocolViolation,
        GoodbyeReason::Malformed,
        GoodbyeReason::Superseded,
        GoodbyeReason::Unavailable,
        GoodbyeReason::Other,
    ];
    let goodbye = |reason| Frame::Goodbye(Goodbye { reason, detail: "why".into() });
    let unsupported = Frame::Unsupported(Unsupported { frame: "Prescribe".into() });
    let goodbyes = reasons.map(|reason| (format!("Goodbye/{}", wire_name(&reason)), goodbye(reason)));
    goodbyes.into_iter().chain([named("Unsupported", unsupported)]).collect()
}

/// The name under which a variant without content stands on the wire.
pub fn wire_name<T: Serialize>(variant: &T) -> String {
    let cbor = minicbor_serde::to_vec(variant).unwrap();
    minicbor::Decoder::new(&cbor).str().unwrap().to_owned()
}
