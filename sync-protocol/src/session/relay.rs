//! The relay's end of a connection.

use crate::frame::{
    Answer, Batch, BreakGlass, BreakGlassAnswer, BreakGlassOutcome, CaughtUp, Challenge, ChangeName, Cursor, Decided,
    Decision, DictionaryId, Enrolled, Frame, GoodbyeReason, InventoryEntry, Packed, PurgeReceipt, PushBody, Pushed,
    ReceiptKept, Refer, ReferAnswer, ReferOutcome, Resume, Resumed, SealedDocument, Stage, Trail, TrailBody, TrailKept,
    Want, Welcome, Withdraw, encode,
};
use crate::identity::Purpose;
use crate::ids::{DocumentId, Nonce, PublicKey, ReferralId, RelayId, SealingKey};
use crate::limits::{Limits, MAX_CODE_CHARS};
use crate::session::{EndedBy, Incoming, farewell, name, sort};

/// What the relay has to do. Events stand in the order in which they are to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum RelayEvent {
    /// Send these bytes as one binary message.
    Send(Vec<u8>),
    /// The key is proved. Look the device up, then [`RelaySession::welcome`] or [`RelaySession::close`].
    Authenticate(PublicKey),
    /// A device that proved its key asks to be enrolled: [`RelaySession::enrolled`] or [`RelaySession::close`].
    Enroll {
        /// Its key.
        device_key: PublicKey,
        /// The code it presents.
        code: String,
        /// What people call it.
        device_name: String,
    },
    /// Work out what the device must receive, then [`RelaySession::resumed`].
    Resume(Resume),
    /// What the device holds, when the answer to its resume asked for it.
    Inventory {
        /// Some of it.
        documents: Vec<InventoryEntry>,
        /// Whether more follows.
        more: bool,
    },
    /// Commit these changes, then [`RelaySession::pushed`].
    Append {
        /// Number to answer with.
        push: u64,
        /// The changes.
        body: PushBody,
    },
    /// This batch and all before it are on the device's disk.
    Acked {
        /// Its number.
        batch: u64,
    },
    /// Check the signature, record the receipt, then [`RelaySession::receipt_kept`].
    Receipt(PurgeReceipt),
    /// Entries of the device's audit trail, their signature not checked yet: record them, then [`RelaySession::trail_kept`].
    Trail {
        /// The frame, for its place and signature.
        trail: Box<Trail>,
        /// Its entries.
        body: TrailBody,
    },
    /// The device acted on the decisions on these changes.
    DecisionsKnown(Vec<ChangeName>),
    /// Keep this key: documents for the device are sealed to it.
    Sealing(SealingKey),
    /// The last [`RelaySession::stage`] is on the device's disk.
    Staged,
    /// Decide on emergency access, then [`RelaySession::break_glass_answer`].
    BreakGlass(BreakGlass),
    /// Decide on a referral, then [`RelaySession::refer_answer`].
    Refer(Refer),
    /// The connection is over: close it once everything before this is sent.
    Closed {
        /// Who ended it.
        by: EndedBy,
        /// Why.
        reason: GoodbyeReason,
        /// For the log.
        detail: String,
    },
}

#[derive(Clone, Debug, PartialEq)]
enum State {
    AwaitHello,
    AwaitProof(PublicKey),
    /// The host is looking the device up; a resume that came along waits here.
    Authenticating(Option<Resume>),
    Enrolling,
    AwaitResume,
    Active,
    /// The device is to erase itself: it may account for itself and send what was unsent, and is given nothing.
    Erasing,
    Closed,
}

/// State machine of the relay's end. One for each connection.
#[derive(Debug)]
pub struct RelaySession {
    state: State,
    nonce: Nonce,
    relay: RelayId,
    limits: Limits,
    last_batch: u64,
    last_acked: u64,
    last_stage: u64,
    last_staged: u64,
    unanswered: u32,
    dictionary: Option<DictionaryId>,
}

impl RelaySession {
    /// A session for a connection that was just accepted. `nonce` is fresh from the system's random generator.
    #[must_use]
    pub fn new(relay: RelayId, nonce: Nonce, limits: Limits) -> Self {
        Self {
            state: State::AwaitHello,
            nonce,
            relay,
            limits,
            last_batch: 0,
            last_acked: 0,
            last_stage: 0,
            last_staged: 0,
            unanswered: 0,
            dictionary: None,
        }
    }

    /// Takes one binary message.
    pub fn received(&mut self, bytes: &[u8]) -> Vec<RelayEvent> {
        if self.state == State::Closed {
            return Vec::new();
        }
        if bytes.len() > self.limits.frame_bytes as usize {
            return self.close(GoodbyeReason::Malformed, "frame is larger than the relay's limit");
        }
        match sort(bytes) {
            Incoming::Frame(frame) => self.frame(*frame),
            Incoming::End(goodbye) => {
                self.state = State::Closed;
                vec![RelayEvent::Closed { by: EndedBy::Them, reason: goodbye.reason, detail: goodbye.detail }]
            }
            Incoming::Unsupported(answer) => vec![RelayEvent::Send(answer)],
            Incoming::Ignore => Vec::new(),
            Incoming::Reject(error) => self.close(GoodbyeReason::Malformed, &error.to_string()),
        }
    }

    /// The device is known: greets it, and goes on with a resume that came along.
    pub fn welcome(&mut self, welcome: Welcome) -> Vec<RelayEvent> {
        let welcome = Welcome { dictionary: self.dictionary, ..welcome };
        let State::Authenticating(resume) = &mut self.state else {
            return self.close(GoodbyeReason::Unavailable, "welcome out of turn");
        };
        let resume = resume.take();
        if welcome.wipe {
            self.state = State::Erasing;
            return vec![send(&Frame::Welcome(welcome))];
        }
        self.state = State::AwaitResume;
        let mut events = vec![send(&Frame::Welcome(welcome))];
        if let Some(resume) = resume {
            self.state = State::Active;
            events.push(RelayEvent::Resume(resume));
        }
        events
    }

    /// The device is enrolled: tells it and ends the connection.
    pub fn enrolled(&mut self, enrolled: Enrolled) -> Vec<RelayEvent> {
        if self.state != State::Enrolling {
            return self.close(GoodbyeReason::Unavailable, "enrolled out of turn");
        }
        let mut events = vec![send(&Frame::Enrolled(enrolled))];
        events.extend(self.close(GoodbyeReason::Done, "enrolled"));
        events
    }

    /// Answers a resume.
    #[must_use]
    pub fn resumed(&self, resumed: Resumed) -> RelayEvent {
        send(&Frame::Resumed(resumed))
    }

    /// Asks for documents whole.
    #[must_use]
    pub fn want(&self, documents: Vec<DocumentId>) -> RelayEvent {
        send(&Frame::Want(Want { documents }))
    }

    /// Takes documents back.
    #[must_use]
    pub fn withdraw(&self, documents: Vec<DocumentId>) -> RelayEvent {
        send(&Frame::Withdraw(Withdraw { documents }))
    }

    /// Whether sealed documents may be sent now: the last ones are on the device's disk.
    #[must_use]
    pub fn may_stage(&self) -> bool {
        self.state == State::Active && self.last_stage == self.last_staged
    }

    /// Sends sealed documents to be laid ready. `more`: whether others are to follow; then they must, if only as none.
    pub fn stage(&mut self, documents: Vec<SealedDocument>, more: bool) -> RelayEvent {
        self.last_stage += 1;
        send(&Frame::Stage(Stage { stage: self.last_stage, documents, more }))
    }

    /// Says that a receipt is on disk.
    #[must_use]
    pub fn receipt_kept(&self, receipt: u64) -> RelayEvent {
        send(&Frame::ReceiptKept(ReceiptKept { receipt }))
    }

    /// Says how much of the device's trail is on disk.
    #[must_use]
    pub fn trail_kept(&self, through: u64) -> RelayEvent {
        send(&Frame::TrailKept(TrailKept { through }))
    }

    /// Tells what was decided on changes in custody.
    #[must_use]
    pub fn decided(&self, decisions: Vec<Decision>) -> RelayEvent {
        send(&Frame::Decided(Decided { decisions }))
    }

    /// Answers a request for emergency access.
    #[must_use]
    pub fn break_glass_answer(&self, request: u64, outcome: BreakGlassOutcome) -> RelayEvent {
        send(&Frame::BreakGlassAnswer(BreakGlassAnswer { request, outcome }))
    }

    /// Answers a referral.
    #[must_use]
    pub fn refer_answer(&self, referral: ReferralId, outcome: ReferOutcome) -> RelayEvent {
        send(&Frame::ReferAnswer(ReferAnswer { referral, outcome }))
    }

    /// With what bodies for this device may be compressed.
    #[must_use]
    pub fn dictionary(&self) -> Option<DictionaryId> {
        self.dictionary
    }

    /// Whether another batch may be sent before an ack comes.
    #[must_use]
    pub fn may_deliver(&self) -> bool {
        self.state == State::Active && self.last_batch - self.last_acked < u64::from(self.limits.batch_window)
    }

    /// Sends a batch; gives its number.
    /// `body`: a [`crate::frame::BatchBody`], packed once for all who are sent the same.
    pub fn deliver(&mut self, cursor: Option<Cursor>, body: Packed) -> (u64, RelayEvent) {
        self.last_batch += 1;
        let batch = Batch { batch: self.last_batch, cursor, body };
        (self.last_batch, send(&Frame::Batch(batch)))
    }

    /// Says that everything was sent.
    #[must_use]
    pub fn caught_up(&self, caught_up: CaughtUp) -> RelayEvent {
        send(&Frame::CaughtUp(caught_up))
    }

    /// Answers a push, after the commit.
    pub fn pushed(&mut self, push: u64, answers: Vec<Answer>) -> RelayEvent {
        self.unanswered = self.unanswered.saturating_sub(1);
        send(&Frame::Pushed(Pushed { push, answers }))
    }

    /// Ends the connection from this side.
    pub fn close(&mut self, reason: GoodbyeReason, detail: &str) -> Vec<RelayEvent> {
        if self.state == State::Closed {
            return Vec::new();
        }
        self.state = State::Closed;
        vec![
            RelayEvent::Send(farewell(reason, detail)),
            RelayEvent::Closed { by: EndedBy::Us, reason, detail: detail.to_owned() },
        ]
    }

    fn frame(&mut self, frame: Frame) -> Vec<RelayEvent> {
        match (&mut self.state, frame) {
            (State::AwaitHello, Frame::Hello(hello)) => {
                self.dictionary = DictionaryId::best_of(&hello.dictionaries);
                self.state = State::AwaitProof(hello.device_key);
                vec![send(&Frame::Challenge(Challenge { nonce: self.nonce, relay: self.relay }))]
            }
            (State::AwaitProof(key), Frame::Proof(proof)) => {
                let key = *key;
                if key.verify(Purpose::Proof, &[&self.nonce.0, &self.relay.0], &proof.signature).is_err() {
                    return self.close(GoodbyeReason::ProofRefused, "the proof does not verify");
                }
                self.state = State::Authenticating(None);
                vec![RelayEvent::Authenticate(key)]
            }
            (State::AwaitProof(key), Frame::Enroll(enroll)) => {
                let key = *key;
                self.enroll(key, enroll)
            }
            (State::Authenticating(waiting @ None), Frame::Resume(resume)) => {
                *waiting = Some(resume);
                Vec::new()
            }
            (State::AwaitResume, Frame::Resume(resume)) => {
                self.state = State::Active;
                vec![RelayEvent::Resume(resume)]
            }
            (State::Active, frame) => self.active(frame),
            // It went out together with the proof, before the welcome was known.
            (State::Erasing, Frame::Resume(_)) => Vec::new(),
            (State::Erasing, Frame::Push(push)) => self.push(&push),
            (State::Erasing, frame) => self.account(frame),
            (_, frame) => self.violation(&format!("{} is not expected now", name(&frame))),
        }
    }

    fn enroll(&mut self, device_key: PublicKey, enroll: crate::frame::Enroll) -> Vec<RelayEvent> {
        let fields: [&[u8]; 3] = [&self.nonce.0, &self.relay.0, enroll.code.as_bytes()];
        let proved = device_key.verify(Purpose::Enrolment, &fields, &enroll.signature).is_ok();
        if !proved || enroll.code.len() > MAX_CODE_CHARS {
            return self.close(GoodbyeReason::ProofRefused, "the proof does not verify");
        }
        self.state = State::Enrolling;
        vec![RelayEvent::Enroll { device_key, code: enroll.code, device_name: enroll.device_name }]
    }

    fn active(&mut self, frame: Frame) -> Vec<RelayEvent> {
        match frame {
            Frame::Ack(ack) if ack.batch > self.last_batch => self.violation("ack of a batch that was never sent"),
            // Acks are cumulative: the device stores batches in order.
            Frame::Ack(ack) if ack.batch > self.last_acked => {
                self.last_acked = ack.batch;
                vec![RelayEvent::Acked { batch: ack.batch }]
            }
            Frame::Ack(_) => Vec::new(),
            Frame::Push(push) => self.push(&push),
            Frame::Inventory(inventory) => {
                vec![RelayEvent::Inventory { documents: inventory.documents, more: inventory.more }]
            }
            Frame::BreakGlass(request) => vec![RelayEvent::BreakGlass(request)],
            Frame::Refer(referral) => vec![RelayEvent::Refer(referral)],
            Frame::Sealing(sealing) => vec![RelayEvent::Sealing(sealing.key)],
            Frame::Staged(staged) if staged.stage > self.last_stage => self.violation("staged what was never sent"),
            Frame::Staged(staged) if staged.stage > self.last_staged => {
                self.last_staged = staged.stage;
                vec![RelayEvent::Staged]
            }
            Frame::Staged(_) => Vec::new(),
            frame => self.account(frame),
        }
    }

    /// By which a device accounts for what it holds.
    fn account(&mut self, frame: Frame) -> Vec<RelayEvent> {
        match frame {
            Frame::PurgeReceipt(receipt) => vec![RelayEvent::Receipt(receipt)],
            Frame::Trail(trail) => match trail.body.unpack::<TrailBody>() {
                Ok(body) => vec![RelayEvent::Trail { trail: Box::new(trail), body }],
                Err(error) => self.close(GoodbyeReason::Malformed, &error.to_string()),
            },
            Frame::DecisionsKnown(known) => vec![RelayEvent::DecisionsKnown(known.changes)],
            frame => self.violation(&format!("{} is not expected now", name(&frame))),
        }
    }

    fn push(&mut self, push: &crate::frame::Push) -> Vec<RelayEvent> {
        // A doubled frame may push the count one over; twice the window is somebody who does not wait at all.
        if self.unanswered >= self.limits.push_window.saturating_mul(2) {
            return self.violation("more pushes than the window allows");
        }
        match push.body.unpack::<PushBody>() {
            Ok(body) => {
                self.unanswered += 1;
                vec![RelayEvent::Append { push: push.push, body }]
            }
            Err(error) => self.close(GoodbyeReason::Malformed, &error.to_string()),
        }
    }

    fn violation(&mut self, what: &str) -> Vec<RelayEvent> {
        self.close(GoodbyeReason::ProtocolViolation, what)
    }
}

fn send(frame: &Frame) -> RelayEvent {
    RelayEvent::Send(encode(frame))
}
