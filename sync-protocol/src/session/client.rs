//! The device's end of a connection.

use std::collections::BTreeSet;

use crate::frame::{
    Ack, Answer, BatchBody, BreakGlass, BreakGlassAnswer, CaughtUp, Challenge, ChangeName, Cursor, Decision,
    DecisionsKnown, DictionaryId, Enroll, Enrolled, Frame, GoodbyeReason, Hello, Inventory, Packed, Proof,
    PurgeReceipt, Push, PushBody, Refer, ReferAnswer, Resume, Resumed, SealedDocument, Sealing, Staged, Trail,
    TrailBody, Welcome, encode,
};
use crate::identity::{Purpose, SecretKey};
use crate::ids::{DocumentId, RelayId, TrailHash, UnixMillis};
use crate::limits::{Limits, PUSH_WINDOW};
use crate::session::{EndedBy, Incoming, farewell, name, sort};

/// Bytes of a frame that say how its body is compressed, at most.
const SAYS_SO: usize = 64;

/// What a connection is for.
#[derive(Clone, Debug)]
pub enum Intent {
    /// Sync, going on at this place.
    Sync(Resume),
    /// Enrol the device with a one-time code.
    Enroll {
        /// The code.
        code: String,
        /// What people call the device.
        device_name: String,
    },
}

/// What the device has to do. Events stand in the order in which they are to be carried out.
#[derive(Clone, Debug, PartialEq)]
pub enum ClientEvent {
    /// Send these bytes as one binary message.
    Send(Vec<u8>),
    /// Enrolment succeeded.
    Enrolled(Box<Enrolled>),
    /// The relay knows us.
    Welcomed {
        /// Which relay, as signed.
        relay: RelayId,
        /// What it said.
        welcome: Box<Welcome>,
    },
    /// How much is coming. With `compare` set, answer by [`ClientSession::inventory`].
    Resumed(Resumed),
    /// Store this in one transaction, then call [`ClientSession::stored`].
    Deliver {
        /// The batch's number.
        batch: u64,
        /// To be stored in the same transaction, if present.
        cursor: Option<Cursor>,
        /// What to store.
        body: BatchBody,
    },
    /// Everything was sent.
    CaughtUp(CaughtUp),
    /// A push is answered, one answer a change.
    Answered {
        /// Its number.
        push: u64,
        /// In the order of the push.
        answers: Vec<Answer>,
    },
    /// The relay asks for these documents whole.
    Wanted(Vec<DocumentId>),
    /// These documents may no longer be had: remove them, and keep unsent work aside.
    Withdrawn(Vec<DocumentId>),
    /// A purge receipt is on the relay's disk.
    ReceiptKept(u64),
    /// The device's audit trail is on the relay's disk up to this entry: go on after it.
    TrailKept(u64),
    /// What was decided on changes in custody: act on it, then call [`ClientSession::decisions_known`].
    Decided(Vec<Decision>),
    /// Lay these ready, sealed as they are, in one transaction, then call [`ClientSession::staged`].
    Stage {
        /// The frame's number.
        stage: u64,
        /// Each replaces what was staged of its document before.
        documents: Vec<SealedDocument>,
        /// Whether others follow.
        more: bool,
    },
    /// A request for emergency access is answered.
    BreakGlassAnswered(BreakGlassAnswer),
    /// A referral is answered.
    ReferAnswered(ReferAnswer),
    /// The connection is over: close it once everything before this is sent.
    Closed {
        /// Who ended it.
        by: EndedBy,
        /// Why.
        reason: GoodbyeReason,
        /// For a person.
        detail: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    AwaitChallenge,
    AwaitWelcome,
    AwaitEnrolled,
    AwaitResumed,
    Active,
    Closed,
}

/// State machine of the device's end. One for each connection.
#[derive(Debug)]
pub struct ClientSession {
    state: State,
    secret: SecretKey,
    intent: Intent,
    relay: Option<RelayId>,
    limits: Limits,
    last_batch: u64,
    last_push: u64,
    unanswered: BTreeSet<u64>,
    dictionary: Option<DictionaryId>,
}

impl ClientSession {
    /// Opens the session: the first bytes to send, once the transport is connected.
    #[must_use]
    pub fn open(secret: SecretKey, intent: Intent, software: &str) -> (Self, ClientEvent) {
        let hello = Frame::Hello(Hello {
            device_key: secret.public(),
            software: software.to_owned(),
            dictionaries: DictionaryId::KNOWN.into(),
        });
        let session = Self {
            state: State::AwaitChallenge,
            secret,
            intent,
            relay: None,
            limits: Limits::default(),
            last_batch: 0,
            last_push: 0,
            unanswered: BTreeSet::new(),
            dictionary: None,
        };
        (session, ClientEvent::Send(encode(&hello)))
    }

    /// Takes one binary message.
    pub fn received(&mut self, bytes: &[u8]) -> Vec<ClientEvent> {
        if self.state == State::Closed {
            return Vec::new();
        }
        match sort(bytes) {
            Incoming::Frame(frame) => self.frame(*frame),
            Incoming::End(goodbye) => {
                self.state = State::Closed;
                vec![ClientEvent::Closed { by: EndedBy::Them, reason: goodbye.reason, detail: goodbye.detail }]
            }
            Incoming::Unsupported(answer) => vec![ClientEvent::Send(answer)],
            Incoming::Ignore => Vec::new(),
            Incoming::Reject(error) => self.close(GoodbyeReason::Malformed, &error.to_string()),
        }
    }

    /// Says that a delivered batch is stored and synced to disk.
    #[must_use]
    pub fn stored(&mut self, batch: u64) -> ClientEvent {
        ClientEvent::Send(encode(&Frame::Ack(Ack { batch })))
    }

    /// Whether another push may be sent now.
    #[must_use]
    pub fn may_push(&self) -> bool {
        let window = self.limits.push_window.min(PUSH_WINDOW) as usize;
        self.state == State::Active && self.unanswered.len() < window
    }

    /// Sends changes; the number comes back in [`ClientEvent::Answered`]. None if [`Self::may_push`] is false.
    pub fn push(&mut self, body: &PushBody) -> Option<(u64, ClientEvent)> {
        if !self.may_push() {
            return None;
        }
        self.last_push += 1;
        self.unanswered.insert(self.last_push);
        let push = Push { push: self.last_push, body: Packed::pack_with(body, self.dictionary) };
        Some((self.last_push, ClientEvent::Send(encode(&Frame::Push(push)))))
    }

    /// Whether a push of this body stays within the frame that the relay takes.
    #[must_use]
    pub fn carries(&self, body: &PushBody) -> bool {
        let limit = self.limits.frame_bytes as usize;
        let size = |body: Packed| encode(&Frame::Push(Push { push: self.last_push + 1, body })).len();
        // What is compressed is smaller, but for the few bytes that say so.
        size(Packed::uncompressed(body)) + SAYS_SO <= limit || size(Packed::pack_with(body, self.dictionary)) <= limit
    }

    /// Tells the relay what is held, after a [`ClientEvent::Resumed`] that asked for it.
    #[must_use]
    pub fn inventory(&mut self, inventory: Inventory) -> ClientEvent {
        ClientEvent::Send(encode(&Frame::Inventory(inventory)))
    }

    /// States that documents were removed, or with `wiped` everything. None before the relay has named itself.
    #[must_use]
    pub fn receipt(
        &self,
        receipt: u64,
        documents: Vec<DocumentId>,
        wiped: bool,
        purged_at: UnixMillis,
    ) -> Option<ClientEvent> {
        let relay = self.relay.filter(|_| self.is_welcome())?;
        let made = PurgeReceipt::sign(&self.secret, &relay, receipt, documents, wiped, purged_at);
        Some(ClientEvent::Send(encode(&Frame::PurgeReceipt(made))))
    }

    /// Sends entries of the device's trail, the first being number `first` after `previous`. None before the welcome.
    #[must_use]
    pub fn trail(&self, first: u64, previous: TrailHash, body: &TrailBody) -> Option<ClientEvent> {
        let relay = self.relay.filter(|_| self.is_welcome())?;
        let trail = Trail::sign(&self.secret, &relay, first, previous, body);
        Some(ClientEvent::Send(encode(&Frame::Trail(trail))))
    }

    /// Says that sealed documents are on disk.
    #[must_use]
    pub fn staged(&self, stage: u64) -> ClientEvent {
        ClientEvent::Send(encode(&Frame::Staged(Staged { stage })))
    }

    /// Says that decisions were acted on.
    #[must_use]
    pub fn decisions_known(&self, changes: Vec<ChangeName>) -> ClientEvent {
        ClientEvent::Send(encode(&Frame::DecisionsKnown(DecisionsKnown { changes })))
    }

    /// Asks for emergency access. None before the relay has answered the resume.
    #[must_use]
    pub fn break_glass(&self, request: BreakGlass) -> Option<ClientEvent> {
        (self.state == State::Active).then(|| ClientEvent::Send(encode(&Frame::BreakGlass(request))))
    }

    /// Asks that a chart be opened to others. None before the relay has answered the resume.
    #[must_use]
    pub fn refer(&self, referral: Refer) -> Option<ClientEvent> {
        (self.state == State::Active).then(|| ClientEvent::Send(encode(&Frame::Refer(referral))))
    }

    fn is_welcome(&self) -> bool {
        matches!(self.state, State::AwaitResumed | State::Active)
    }

    /// The bounds that hold on this connection.
    #[must_use]
    pub fn limits(&self) -> Limits {
        self.limits
    }

    /// Ends the connection from this side.
    pub fn close(&mut self, reason: GoodbyeReason, detail: &str) -> Vec<ClientEvent> {
        if self.state == State::Closed {
            return Vec::new();
        }
        self.state = State::Closed;
        vec![
            ClientEvent::Send(farewell(reason, detail)),
            ClientEvent::Closed { by: EndedBy::Us, reason, detail: detail.to_owned() },
        ]
    }

    fn frame(&mut self, frame: Frame) -> Vec<ClientEvent> {
        match (self.state, frame) {
            (State::AwaitChallenge, Frame::Challenge(challenge)) => self.answer_challenge(&challenge),
            (State::AwaitEnrolled, Frame::Enrolled(enrolled)) => self.enrolled(enrolled),
            (State::AwaitWelcome, Frame::Welcome(welcome)) => self.welcomed(welcome),
            (State::AwaitResumed, Frame::Resumed(resumed)) => {
                self.state = State::Active;
                vec![ClientEvent::Resumed(resumed)]
            }
            // A comparison ends with a second answer to the same resume.
            (State::Active, Frame::Resumed(resumed)) => vec![ClientEvent::Resumed(resumed)],
            (State::Active, Frame::Batch(batch)) => self.batch(batch),
            (State::Active, Frame::CaughtUp(caught_up)) => vec![ClientEvent::CaughtUp(caught_up)],
            (State::Active, Frame::Pushed(pushed)) => self.pushed(pushed),
            (State::Active, Frame::Want(want)) => vec![ClientEvent::Wanted(want.documents)],
            (State::Active, Frame::Withdraw(withdraw)) => vec![ClientEvent::Withdrawn(withdraw.documents)],
            (State::Active, Frame::Stage(stage)) => {
                vec![ClientEvent::Stage { stage: stage.stage, documents: stage.documents, more: stage.more }]
            }
            (State::AwaitResumed | State::Active, frame) => self.account(frame),
            (_, frame) => self.violation(&format!("{} is not expected now", name(&frame))),
        }
    }

    /// What the relay says of the device's accounts, which may cross the answer to its resume.
    fn account(&mut self, frame: Frame) -> Vec<ClientEvent> {
        match frame {
            Frame::ReceiptKept(kept) => vec![ClientEvent::ReceiptKept(kept.receipt)],
            Frame::TrailKept(kept) => vec![ClientEvent::TrailKept(kept.through)],
            Frame::Decided(decided) => vec![ClientEvent::Decided(decided.decisions)],
            Frame::BreakGlassAnswer(answer) => vec![ClientEvent::BreakGlassAnswered(answer)],
            Frame::ReferAnswer(answer) => vec![ClientEvent::ReferAnswered(answer)],
            frame => self.violation(&format!("{} is not expected now", name(&frame))),
        }
    }

    fn answer_challenge(&mut self, challenge: &Challenge) -> Vec<ClientEvent> {
        self.relay = Some(challenge.relay);
        let mut fields: Vec<&[u8]> = vec![&challenge.nonce.0, &challenge.relay.0];
        match &self.intent {
            Intent::Sync(resume) => {
                self.state = State::AwaitWelcome;
                let proof = Proof { signature: self.secret.sign(Purpose::Proof, &fields) };
                // Resume goes along at once: on a slow link a round trip is most of a reconnect.
                vec![
                    ClientEvent::Send(encode(&Frame::Proof(proof))),
                    ClientEvent::Send(encode(&Frame::Resume(resume.clone()))),
                ]
            }
            Intent::Enroll { code, device_name } => {
                self.state = State::AwaitEnrolled;
                fields.push(code.as_bytes());
                let signature = self.secret.sign(Purpose::Enrolment, &fields);
                let enroll = Enroll { code: code.clone(), device_name: device_name.clone(), signature };
                vec![ClientEvent::Send(encode(&Frame::Enroll(enroll)))]
            }
        }
    }

    fn enrolled(&mut self, enrolled: Enrolled) -> Vec<ClientEvent> {
        let certified = enrolled.certificate.verify(&enrolled.organization_key).is_ok()
            && enrolled.certificate.body.device_key == self.secret.public()
            && enrolled.device == enrolled.certificate.device()
            && Some(enrolled.relay) == self.relay;
        if !certified {
            return self.violation("the certificate is not for this device");
        }
        let mut events = vec![ClientEvent::Enrolled(Box::new(enrolled))];
        events.extend(self.close(GoodbyeReason::Done, "enrolled"));
        events
    }

    fn welcomed(&mut self, welcome: Welcome) -> Vec<ClientEvent> {
        let Some(relay) = self.relay else {
            return self.violation("welcome without a challenge");
        };
        self.limits = welcome.limits;
        self.dictionary = DictionaryId::best_of(welcome.dictionary.as_slice());
        // To a device that is to erase itself nothing is delivered, so its resume is not answered.
        self.state = if welcome.wipe { State::Active } else { State::AwaitResumed };
        let key = welcome.sealing.then(|| Frame::Sealing(Sealing { key: self.secret.sealing_key() }));
        let mut events: Vec<_> = key.iter().map(|frame| ClientEvent::Send(encode(frame))).collect();
        events.push(ClientEvent::Welcomed { relay, welcome: Box::new(welcome) });
        events
    }

    fn batch(&mut self, batch: crate::frame::Batch) -> Vec<ClientEvent> {
        if batch.batch <= self.last_batch {
            // Already taken; its ack is on the way.
            return Vec::new();
        }
        if batch.batch != self.last_batch + 1 {
            return self.violation("a batch is missing");
        }
        match batch.body.unpack() {
            Ok(body) => {
                self.last_batch = batch.batch;
                vec![ClientEvent::Deliver { batch: batch.batch, cursor: batch.cursor, body }]
            }
            Err(error) => self.close(GoodbyeReason::Malformed, &error.to_string()),
        }
    }

    fn pushed(&mut self, pushed: crate::frame::Pushed) -> Vec<ClientEvent> {
        if !self.unanswered.remove(&pushed.push) {
            // A doubled answer: the first one counted.
            return Vec::new();
        }
        vec![ClientEvent::Answered { push: pushed.push, answers: pushed.answers }]
    }

    fn violation(&mut self, what: &str) -> Vec<ClientEvent> {
        self.close(GoodbyeReason::ProtocolViolation, what)
    }
}
