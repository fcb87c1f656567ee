//! The WebSocket: who may open it, a sync over it, and how it ends.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use serde_json::json;
use sync_protocol::SUBPROTOCOL;
use sync_protocol::frame::{Answer, GoodbyeReason, PushBody, PushedDocument, Resume};
use sync_protocol::identity::{ChangeSignature, SecretKey};
use sync_protocol::session::{ClientEvent, ClientSession, Intent};
use sync_protocol::{AuthorId, ChangeHash, Compartment, DocumentDescriptor, OrganizationId, PatientId, PractitionerId};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{self, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

use crate::running::{Running, config, start};

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

async fn connect(relay: &Running, subprotocol: Option<&str>) -> Result<Socket, tungstenite::Error> {
    let mut request = format!("ws://{}/sync", relay.address).into_client_request().unwrap();
    if let Some(name) = subprotocol {
        request.headers_mut().insert("sec-websocket-protocol", name.parse().unwrap());
    }
    Ok(connect_async(request).await?.0)
}

/// A device with its session on a socket.
struct Device {
    socket: Socket,
    session: ClientSession,
}

impl Device {
    async fn open(relay: &Running, secret: &SecretKey, intent: Intent) -> Self {
        let mut socket = connect(relay, Some(SUBPROTOCOL)).await.unwrap();
        let (session, hello) = ClientSession::open(secret.clone(), intent, "test");
        let ClientEvent::Send(bytes) = hello else { panic!("a session opens by sending") };
        socket.send(Message::binary(bytes)).await.unwrap();
        Self { socket, session }
    }

    /// The next events that are not to be sent; none once the socket is closed.
    async fn next(&mut self) -> Option<Vec<ClientEvent>> {
        loop {
            let message = tokio::time::timeout(Duration::from_secs(20), self.socket.next()).await.unwrap()?;
            let Ok(Message::Binary(bytes)) = message else { return None };
            let mut rest = Vec::new();
            for event in self.session.received(&bytes) {
                match event {
                    ClientEvent::Send(bytes) => self.socket.send(Message::binary(bytes)).await.unwrap(),
                    event => rest.push(event),
                }
            }
            if !rest.is_empty() {
                return Some(rest);
            }
        }
    }

    async fn until(&mut self, wanted: impl Fn(&ClientEvent) -> bool) -> ClientEvent {
        loop {
            let events = self.next().await.expect("the connection ended");
            if let Some(event) = events.into_iter().find(&wanted) {
                return event;
            }
        }
    }
}

/// Adds `north`, its physician dr-a and a device for them; gives the device's key.
pub async fn enrolled(relay: &Running) -> SecretKey {
    relay.admin("POST", "/organizations", Some(json!({ "id": "north", "name": "North" }))).await;
    relay.admin("POST", "/practitioners", Some(json!({ "id": "dr-a", "name": "Dr A" }))).await;
    let role = json!({ "practitioner": "dr-a", "organization": "north", "role": "physician" });
    relay.admin("PUT", "/roles", Some(role)).await;
    let new = json!({ "organization": "north", "practitioner": "dr-a", "valid_ms": 60_000 });
    let (_, made) = relay.admin("POST", "/enrolment-codes", Some(new)).await;
    let secret = SecretKey::from_seed([3; 32]);
    let intent = Intent::Enroll { code: made["code"].as_str().unwrap().into(), device_name: "Tablet".into() };
    let mut device = Device::open(relay, &secret, intent).await;
    device.until(|event| matches!(event, ClientEvent::Enrolled(_))).await;
    secret
}

fn first_sync() -> Intent {
    Intent::Sync(Resume { cursor: None, epoch: None, compare: false })
}

fn push(secret: &SecretKey) -> PushBody {
    use automerge::transaction::Transactable;
    let author = AuthorId::of(&secret.public(), &PractitionerId::new("dr-a").unwrap());
    let mut content = automerge::AutoCommit::new().with_actor(automerge::ActorId::from(author.actor(0).as_slice()));
    content.put(automerge::ROOT, "AllergyIntolerance/a1", "penicillin").unwrap();
    content.commit();
    let change = content.get_last_local_change().unwrap();
    let descriptor = DocumentDescriptor {
        organization: OrganizationId::new("north").unwrap(),
        patient: Some(PatientId::new("p1").unwrap()),
        compartment: Compartment::Core,
        part: String::new(),
    };
    let signature = ChangeSignature::sign(secret, author, &descriptor.id(), ChangeHash(change.hash().0));
    let changes = vec![change.raw_bytes().to_vec().into()];
    PushBody {
        certificates: Vec::new(),
        documents: vec![PushedDocument { descriptor, changes, signatures: vec![signature] }],
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_does_not_ask_for_our_subprotocol_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    for subprotocol in [None, Some("satchel.v9"), Some("chat")] {
        let refused = connect(&relay, subprotocol).await;
        let Err(tungstenite::Error::Http(response)) = refused else { panic!("{subprotocol:?}: {refused:?}") };
        assert_eq!(response.status(), 400);
    }
    let (status, _) = relay.get("/sync").await;
    assert_eq!(status, 400, "no WebSocket at all");
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_enrols_pushes_and_finds_it_again_after_a_restart() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let secret = enrolled(&relay).await;
    let mut device = Device::open(&relay, &secret, first_sync()).await;
    device.until(|event| matches!(event, ClientEvent::CaughtUp(_))).await;
    let (_, sent) = device.session.push(&push(&secret)).unwrap();
    let ClientEvent::Send(bytes) = sent else { panic!("a push is sent") };
    device.socket.send(Message::binary(bytes)).await.unwrap();
    let answered = device.until(|event| matches!(event, ClientEvent::Answered { .. })).await;
    assert_eq!(answered, ClientEvent::Answered { push: 1, answers: vec![Answer::Accepted] });
    relay.stop().await.unwrap();
    let relay = start(config(folder.path())).await;
    let mut device = Device::open(&relay, &secret, first_sync()).await;
    let delivered = device.until(|event| matches!(event, ClientEvent::Deliver { .. })).await;
    let ClientEvent::Deliver { body, .. } = delivered else { unreachable!() };
    assert_eq!(body.documents[0].changes.len(), 1);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_graceful_stop_says_goodbye_to_every_device() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let secret = enrolled(&relay).await;
    let mut device = Device::open(&relay, &secret, first_sync()).await;
    device.until(|event| matches!(event, ClientEvent::CaughtUp(_))).await;
    let stopping = tokio::spawn(relay.stop());
    let closed = device.until(|event| matches!(event, ClientEvent::Closed { .. })).await;
    assert!(matches!(closed, ClientEvent::Closed { reason: GoodbyeReason::ShuttingDown, .. }), "{closed:?}");
    assert_eq!(device.next().await, None, "then the socket closes");
    stopping.await.unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_our_protocol_ends_its_own_connection_only() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let secret = enrolled(&relay).await;
    let mut device = Device::open(&relay, &secret, first_sync()).await;
    device.until(|event| matches!(event, ClientEvent::CaughtUp(_))).await;
    let too_large = vec![0; sync_protocol::limits::MAX_FRAME_BYTES + 1];
    for message in [Message::text("hello"), Message::binary(vec![0xFF; 100]), Message::binary(too_large)] {
        let mut socket = connect(&relay, Some(SUBPROTOCOL)).await.unwrap();
        let _ = socket.send(message).await;
        let ended = async { while socket.next().await.is_some_and(|message| message.is_ok()) {} };
        tokio::time::timeout(Duration::from_secs(20), ended).await.unwrap();
    }
    let (_, sent) = device.session.push(&push(&secret)).unwrap();
    let ClientEvent::Send(bytes) = sent else { panic!("a push is sent") };
    device.socket.send(Message::binary(bytes)).await.unwrap();
    device.until(|event| matches!(event, ClientEvent::Answered { .. })).await;
    relay.stop().await.unwrap();
}
