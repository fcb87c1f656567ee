//! Arbitrary frames and bodies for property tests.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde_bytes::ByteBuf;
use sync_protocol::frame::{
    Ack, Answer, Batch, BatchBody, Body, BreakGlass, BreakGlassAnswer, BreakGlassOutcome, BreakGlassRefusal, CaughtUp,
    Challenge, ChangeName, Cursor, CustodyReason, Decided, Decision, DecisionsKnown, DeliveredDocument, DictionaryId,
    Enroll, Enrolled, Goodbye, GoodbyeReason, Hello, Inventory, InventoryEntry, Opening, OrganizationKey, Packed,
    Proof, PurgeReceipt, Push, PushBody, Pushed, PushedDocument, ReceiptKept, Recipient, Refer, ReferAnswer,
    ReferOutcome, ReferRefusal, RefusalReason, Resume, Resumed, SealedDocument, Sealing, Stage, Staged, Trail,
    TrailBody, TrailEntry, TrailKept, Unsupported, Want, Welcome, Withdraw,
};
use sync_protocol::identity::{Certificate, CertificateBody, ChangeSignature};
use sync_protocol::limits::Limits;
use sync_protocol::{
    AuthorId, ChangeHash, Checksum, Compartment, DeviceId, DocumentDescriptor, DocumentId, EpochId, Frame, Nonce,
    OpeningId, OrganizationId, PatientId, PractitionerId, PublicKey, ReferralId, RelayId, SealingKey, Signature,
    TrailHash, UnixMillis,
};

use crate::samples::chunk;

/// Any frame, well-formed but without sense.
pub fn frame() -> impl Strategy<Value = Frame> {
    prop_oneof![handshake(), transfer(), comparison(), account(), staging(), ending()]
}

/// Any batch body.
pub fn batch_body() -> impl Strategy<Value = BatchBody> {
    let key = (organization(), key()).prop_map(|(organization, key)| OrganizationKey { organization, key });
    (vec(key, 0..3), vec(certificate(), 0..3), vec(delivered(), 0..4)).prop_map(
        |(organization_keys, certificates, documents)| BatchBody { organization_keys, certificates, documents },
    )
}

/// Any push body.
pub fn push_body() -> impl Strategy<Value = PushBody> {
    let document = (descriptor(), changes(), vec(signature_over_change(), 0..3))
        .prop_map(|(descriptor, changes, signatures)| PushedDocument { descriptor, changes, signatures });
    (vec(certificate(), 0..3), vec(document, 0..4))
        .prop_map(|(certificates, documents)| PushBody { certificates, documents })
}

fn handshake() -> impl Strategy<Value = Frame> {
    let enroll = ("\\PC{0,80}", "\\PC{0,20}", signature());
    prop_oneof![
        (key(), "\\PC{0,20}", vec(any::<u32>().prop_map(DictionaryId), 0..3)).prop_map(
            |(device_key, software, dictionaries)| Frame::Hello(Hello { device_key, software, dictionaries })
        ),
        (any::<[u8; 32]>(), relay())
            .prop_map(|(nonce, relay)| Frame::Challenge(Challenge { nonce: Nonce(nonce), relay })),
        signature().prop_map(|signature| Frame::Proof(Proof { signature })),
        enroll.prop_map(|(code, device_name, signature)| Frame::Enroll(Enroll { code, device_name, signature })),
        enrolled().prop_map(Frame::Enrolled),
        welcome().prop_map(Frame::Welcome),
    ]
}

fn transfer() -> impl Strategy<Value = Frame> {
    let resume = (option::of(cursor()), option::of(epoch()), any::<bool>());
    prop_oneof![
        resume.prop_map(|(cursor, epoch, compare)| Frame::Resume(Resume { cursor, epoch, compare })),
        (any::<u64>(), any::<bool>()).prop_map(|(documents, compare)| Frame::Resumed(Resumed { documents, compare })),
        (number(), option::of(cursor()), packed(batch_body())).prop_map(|(batch, cursor, body)| Frame::Batch(Batch {
            batch,
            cursor,
            body
        })),
        number().prop_map(|batch| Frame::Ack(Ack { batch })),
        (cursor(), checksum(), any::<bool>()).prop_map(|(cursor, checksum, stage)| Frame::CaughtUp(CaughtUp {
            cursor,
            checksum,
            stage
        })),
        (number(), packed(push_body())).prop_map(|(push, body)| Frame::Push(Push { push, body })),
        (number(), vec(answer(), 0..5)).prop_map(|(push, answers)| Frame::Pushed(Pushed { push, answers })),
    ]
}

fn comparison() -> impl Strategy<Value = Frame> {
    let entry = (document(), checksum()).prop_map(|(document, fingerprint)| InventoryEntry { document, fingerprint });
    prop_oneof![
        (vec(entry, 0..4), any::<bool>()).prop_map(|(documents, more)| Frame::Inventory(Inventory { documents, more })),
        vec(document(), 0..4).prop_map(|documents| Frame::Want(Want { documents })),
        vec(document(), 0..4).prop_map(|documents| Frame::Withdraw(Withdraw { documents })),
    ]
}

fn account() -> impl Strategy<Value = Frame> {
    let change = || (document(), change_hash()).prop_map(|(document, hash)| ChangeName { document, hash });
    let receipt = (number(), vec(document(), 0..4), any::<bool>(), any::<i64>(), signature());
    let decision = (change(), any::<bool>(), "\\PC{0,40}").prop_map(|(change, accepted, reason)| Decision {
        change,
        accepted,
        reason,
    });
    prop_oneof![
        receipt.prop_map(|(receipt, documents, wiped, at, signature)| {
            Frame::PurgeReceipt(PurgeReceipt { receipt, documents, wiped, purged_at: UnixMillis(at), signature })
        }),
        number().prop_map(|receipt| Frame::ReceiptKept(ReceiptKept { receipt })),
        (number(), any::<[u8; 32]>(), packed(trail_body()), signature()).prop_map(
            |(first, previous, body, signature)| {
                Frame::Trail(Trail { first, previous: TrailHash(previous), body, signature })
            }
        ),
        number().prop_map(|through| Frame::TrailKept(TrailKept { through })),
        vec(decision, 0..4).prop_map(|decisions| Frame::Decided(Decided { decisions })),
        vec(change(), 0..4).prop_map(|changes| Frame::DecisionsKnown(DecisionsKnown { changes })),
        emergency(),
        referral(),
    ]
}

fn staging() -> impl Strategy<Value = Frame> {
    let sealed = (document(), organization(), patient(), any::<u64>(), vec(any::<u8>(), 0..80)).prop_map(
        |(document, organization, patient, for_ms, sealed)| SealedDocument {
            document,
            organization,
            patient,
            for_ms,
            sealed: ByteBuf::from(sealed),
        },
    );
    prop_oneof![
        any::<[u8; 32]>().prop_map(|key| Frame::Sealing(Sealing { key: SealingKey(key) })),
        (number(), vec(sealed, 0..3), any::<bool>()).prop_map(|(stage, documents, more)| Frame::Stage(Stage {
            stage,
            documents,
            more
        })),
        number().prop_map(|stage| Frame::Staged(Staged { stage })),
    ]
}

/// Any body of a trail.
pub fn trail_body() -> impl Strategy<Value = TrailBody> {
    let chart = (option::of(organization()), option::of(patient()), vec(document(), 0..3));
    let entry = (any::<i64>(), "[a-z-]{0,12}", chart, "\\PC{0,40}", "[A-Z]{0,8}", any::<bool>()).prop_map(
        |(at, action, (organization, patient, documents), reason, purpose, break_glass)| TrailEntry {
            at: UnixMillis(at),
            action,
            organization,
            patient,
            documents,
            reason,
            purpose,
            break_glass,
        },
    );
    vec(entry, 0..4).prop_map(|entries| TrailBody { entries })
}

fn emergency() -> impl Strategy<Value = Frame> {
    let request = (number(), organization(), patient(), "\\PC{0,10}", "\\PC{0,40}");
    let opened = (any::<[u8; 16]>(), any::<i64>(), any::<u64>()).prop_map(|(id, until, for_ms)| {
        BreakGlassOutcome::Opened(Opening { id: OpeningId(id), until: UnixMillis(until), for_ms })
    });
    let refusals = vec![BreakGlassRefusal::NotPermitted, BreakGlassRefusal::ReasonMissing, BreakGlassRefusal::Other];
    let refused = prop::sample::select(refusals).prop_map(BreakGlassOutcome::Refused);
    prop_oneof![
        request.prop_map(|(request, organization, patient, purpose, reason)| {
            Frame::BreakGlass(BreakGlass { request, organization, patient, purpose, reason })
        }),
        (number(), prop_oneof![opened, refused])
            .prop_map(|(request, outcome)| Frame::BreakGlassAnswer(BreakGlassAnswer { request, outcome })),
    ]
}

fn referral() -> impl Strategy<Value = Frame> {
    let to = prop_oneof![
        organization().prop_map(Recipient::Organization),
        practitioner().prop_map(Recipient::Practitioner),
    ];
    let compartments = vec(prop::sample::select(Compartment::ALL.to_vec()), 0..=Compartment::ALL.len());
    let asked = (any::<[u8; 16]>(), organization(), patient(), to, compartments, any::<bool>(), any::<u64>());
    let refusals = vec![
        ReferRefusal::MayNotRefer,
        ReferRefusal::UnknownRecipient,
        ReferRefusal::NothingToOpen,
        ReferRefusal::Other,
    ];
    let outcome = prop_oneof![
        any::<i64>().prop_map(|until| ReferOutcome::Opened(UnixMillis(until))),
        prop::sample::select(refusals).prop_map(ReferOutcome::Refused),
    ];
    prop_oneof![
        asked.prop_map(|(id, organization, patient, to, compartments, may_write, for_ms)| {
            let referral = ReferralId(id);
            Frame::Refer(Refer { referral, organization, patient, to, compartments, may_write, for_ms })
        }),
        (any::<[u8; 16]>(), outcome)
            .prop_map(|(id, outcome)| Frame::ReferAnswer(ReferAnswer { referral: ReferralId(id), outcome })),
    ]
}

fn ending() -> impl Strategy<Value = Frame> {
    let reason = prop::sample::select(vec![
        GoodbyeReason::Done,
        GoodbyeReason::UnknownDevice,
        GoodbyeReason::Unavailable,
        GoodbyeReason::Other,
    ]);
    prop_oneof![
        "\\PC{0,40}".prop_map(|frame| Frame::Unsupported(Unsupported { frame })),
        (reason, "\\PC{0,40}").prop_map(|(reason, detail)| Frame::Goodbye(Goodbye { reason, detail })),
    ]
}

/// Small numbers, which mean something to a session, and all others.
fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..4u64, any::<u64>()]
}

/// A true body, or bytes that claim to be one.
fn packed<T: Body + std::fmt::Debug>(body: impl Strategy<Value = T>) -> impl Strategy<Value = Packed> {
    let bytes = || vec(any::<u8>(), 0..40);
    let dictionary = option::of((0..3u32).prop_map(DictionaryId));
    let garbage = (option::of(any::<u32>()), dictionary, bytes().prop_map(ByteBuf::from), bytes())
        .prop_map(|(unpacked, dictionary, data, plain)| Packed { unpacked, dictionary, data, plain });
    prop_oneof![4 => body.prop_map(|body| Packed::pack(&body)), 1 => garbage]
}

fn answer() -> impl Strategy<Value = Answer> {
    let custody = vec![CustodyReason::NotPermitted, CustodyReason::BuildsOnCustody, CustodyReason::Other];
    let refusal = vec![RefusalReason::Malformed, RefusalReason::SequenceReused, RefusalReason::Other];
    prop_oneof![
        Just(Answer::Accepted),
        Just(Answer::AlreadyHad),
        vec(change_hash(), 0..3).prop_map(Answer::Needs),
        prop::sample::select(custody).prop_map(Answer::Custody),
        prop::sample::select(refusal).prop_map(Answer::Refused),
    ]
}

fn enrolled() -> impl Strategy<Value = Enrolled> {
    (relay(), any::<[u8; 16]>(), certificate(), key(), "\\PC{0,20}", "\\PC{0,20}", any::<u64>()).prop_map(
        |(relay, device, certificate, organization_key, organization_name, practitioner_name, lease_ms)| Enrolled {
            relay,
            device: DeviceId(device),
            certificate,
            organization_key,
            organization_name,
            practitioner_name,
            lease_ms,
        },
    )
}

fn welcome() -> impl Strategy<Value = Welcome> {
    let limits = any::<[u32; 4]>().prop_map(|[frame_bytes, change_bytes, batch_window, push_window]| Limits {
        frame_bytes,
        change_bytes,
        batch_window,
        push_window,
    });
    let dictionary = option::of(any::<u32>().prop_map(DictionaryId));
    let times = (any::<u64>(), any::<i64>(), any::<bool>(), any::<bool>(), dictionary);
    (epoch(), limits, times).prop_map(|(epoch, limits, (lease_ms, now, wipe, sealing, dictionary))| Welcome {
        epoch,
        limits,
        lease_ms,
        now: UnixMillis(now),
        wipe,
        sealing,
        dictionary,
    })
}

fn certificate() -> impl Strategy<Value = Certificate> {
    let body = (key(), practitioner(), organization(), any::<i64>(), any::<i64>()).prop_map(
        |(device_key, practitioner, organization, from, until)| CertificateBody {
            device_key,
            practitioner,
            organization,
            not_before: UnixMillis(from),
            not_after: UnixMillis(until),
        },
    );
    (body, signature()).prop_map(|(body, signature)| Certificate { body, signature })
}

fn delivered() -> impl Strategy<Value = DeliveredDocument> {
    let ending = (any::<bool>(), option::of(any::<i64>().prop_map(UnixMillis)));
    (document(), option::of(descriptor()), changes(), vec(signature_over_change(), 0..3), ending).prop_map(
        |(document, descriptor, changes, signatures, (more, break_glass_until))| DeliveredDocument {
            document,
            descriptor,
            changes,
            signatures,
            more,
            break_glass_until,
        },
    )
}

fn descriptor() -> impl Strategy<Value = DocumentDescriptor> {
    (organization(), option::of(patient()), prop::sample::select(Compartment::ALL.to_vec()), "[a-z0-9]{0,8}").prop_map(
        |(organization, patient, compartment, part)| DocumentDescriptor { organization, patient, compartment, part },
    )
}

fn signature_over_change() -> impl Strategy<Value = ChangeSignature> {
    (any::<[u8; 16]>(), change_hash(), signature()).prop_map(|(author, tip, signature)| ChangeSignature {
        author: AuthorId(author),
        tip,
        signature,
    })
}

fn changes() -> impl Strategy<Value = Vec<ByteBuf>> {
    // Some long enough for the body to be compressed.
    let change = prop_oneof![vec(any::<u8>(), 0..40), Just(vec![0xAB; 700])];
    prop_oneof![vec(change.prop_map(ByteBuf::from), 0..4), history()]
}

/// Change chunks that build on each other, on others, or on nothing; some damaged, some twice.
fn history() -> impl Strategy<Value = Vec<ByteBuf>> {
    let deps = vec((any::<prop::sample::Index>(), any::<bool>()), 0..4);
    let damage = option::weighted(0.1, (any::<prop::sample::Index>(), 1..=255u8));
    vec((0..3u8, deps, vec(any::<u8>(), 0..60), damage), 1..8).prop_map(|made| {
        let (mut hashes, mut history) = (vec![[0xEE; 32]], Vec::new());
        for (author, deps, content, damage) in made {
            let last = hashes.len() - 1;
            let dep = |(which, newest): (prop::sample::Index, bool)| if newest { last } else { which.index(last + 1) };
            let deps: Vec<[u8; 32]> = deps.into_iter().map(|one| hashes[dep(one)]).collect();
            let (mut bytes, hash) = chunk(&deps, &[&[20][..], &[author; 20], &content].concat());
            hashes.push(hash);
            if let Some((at, with)) = damage {
                let at = at.index(bytes.len());
                bytes[at] ^= with;
            }
            history.push(ByteBuf::from(bytes));
        }
        history
    })
}

fn cursor() -> impl Strategy<Value = Cursor> {
    vec(any::<u8>(), 0..40).prop_map(|bytes| Cursor(ByteBuf::from(bytes)))
}

fn organization() -> impl Strategy<Value = OrganizationId> {
    "[A-Za-z0-9.-]{1,64}".prop_map(|id| OrganizationId::new(id).unwrap())
}

fn patient() -> impl Strategy<Value = PatientId> {
    "[A-Za-z0-9.-]{1,64}".prop_map(|id| PatientId::new(id).unwrap())
}

fn practitioner() -> impl Strategy<Value = PractitionerId> {
    "[A-Za-z0-9.-]{1,64}".prop_map(|id| PractitionerId::new(id).unwrap())
}

fn key() -> impl Strategy<Value = PublicKey> {
    any::<[u8; 32]>().prop_map(PublicKey)
}

fn signature() -> impl Strategy<Value = Signature> {
    any::<[u8; 64]>().prop_map(Signature)
}

fn change_hash() -> impl Strategy<Value = ChangeHash> {
    any::<[u8; 32]>().prop_map(ChangeHash)
}

fn document() -> impl Strategy<Value = DocumentId> {
    any::<[u8; 16]>().prop_map(DocumentId)
}

fn relay() -> impl Strategy<Value = RelayId> {
    any::<[u8; 16]>().prop_map(RelayId)
}

fn epoch() -> impl Strategy<Value = EpochId> {
    any::<[u8; 16]>().prop_map(EpochId)
}

fn checksum() -> impl Strategy<Value = Checksum> {
    any::<u128>().prop_map(Checksum)
}
