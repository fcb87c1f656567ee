//! A frame that is too large or none at all ends its own connection and no other.

use futures_util::{SinkExt, StreamExt};
use sync_protocol::frame::{Hello, Packed};
use sync_protocol::identity::SecretKey;
use sync_protocol::{Frame, SUBPROTOCOL, encode};
use system_tests::process::{Profile, RelayProcess};
use system_tests::{charts::allergy, folder};
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

use crate::SATCHEL;

fn hello() -> Vec<u8> {
    let device_key = SecretKey::from_seed([1; 32]).public();
    encode(&Frame::Hello(Hello { device_key, software: "by hand".into(), dictionaries: Vec::new() }))
}

/// Messages that no honest device sends.
fn hostile() -> Vec<(&'static str, Vec<Message>)> {
    let binary = |bytes: Vec<u8>| Message::Binary(bytes.into());
    let bomb = Packed {
        unpacked: Some(u32::MAX),
        dictionary: None,
        data: serde_bytes::ByteBuf::from(vec![0; 100]),
        plain: Vec::new(),
    };
    let push = Frame::Push(sync_protocol::frame::Push { push: 1, body: bomb });
    let mut cut = hello();
    cut.truncate(20);
    vec![
        ("garbage", vec![binary(vec![0xFF; 1000])]),
        ("nothing", vec![binary(Vec::new())]),
        ("a frame above the limit", vec![binary(vec![0xA1; 2 * 1024 * 1024 + 1])]),
        ("a frame far above the limit", vec![binary(vec![0; 20 * 1024 * 1024])]),
        ("deep nesting", vec![binary(vec![0x81; 100_000])]),
        (
            "a length that is not there",
            vec![binary(vec![
                0xA1, 0x65, b'H', b'e', b'l', b'l', b'o', 0xBB, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
            ])],
        ),
        ("half a frame", vec![binary(cut)]),
        ("bytes after the frame", vec![binary([hello(), vec![0]].concat())]),
        ("two greetings", vec![binary(hello()), binary(hello())]),
        ("a bomb before the greeting", vec![binary(encode(&push))]),
        ("text", vec![Message::Text("hello".into())]),
    ]
}

/// Sends messages over a WebSocket of their own; returns once the relay has ended it.
async fn attack(url: &str, messages: Vec<Message>) {
    let mut request = url.into_client_request().unwrap();
    request.headers_mut().insert("sec-websocket-protocol", SUBPROTOCOL.parse().unwrap());
    let (mut socket, _) = connect_async(request).await.unwrap();
    for message in messages {
        // The relay may close while a large message is still being written.
        if socket.send(message).await.is_err() {
            return;
        }
    }
    while let Some(Ok(message)) = socket.next().await {
        if message.is_close() {
            return;
        }
    }
}

#[test]
fn hostile_messages_end_their_own_connection_and_others_go_on() {
    let (data, homes) = (folder::on_disk(), [folder::on_disk(), folder::on_disk()]);
    let relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    relay.admin().practice("north", "dr-a");
    let [a, b] = [0, 1].map(|n: usize| Profile::enrolled(homes[n].path(), &relay, "north", "dr-a"));
    let chart = a.register("patient-0");
    let live = a.go_live();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    for (number, (name, messages)) in hostile().into_iter().enumerate() {
        // Without an end from the relay this waits for ever, which is a failure too.
        runtime.block_on(attack(relay.url(), messages));
        a.put(&chart, &allergy(&chart, &format!("a{number}"), "Penicillin-Attacked"));
        b.sync().unwrap_or_else(|error| panic!("after {name}: {error}"));
    }
    while !a.with(|device, _| device.is_up_to_date()) {
        std::thread::yield_now();
    }
    let connections =
        live.events.lock().unwrap().iter().filter(|event| **event == client_core::sync::SyncEvent::Connecting).count();
    assert_eq!(connections, 1, "the other device was never disconnected");
    drop(live);
    b.sync().unwrap();
    assert_eq!(a.changes(&chart, true), b.changes(&chart, true));
    assert!(a.changes(&chart, false).is_empty());
}

#[test]
fn a_socket_without_the_subprotocol_is_turned_away() {
    let data = folder::on_disk();
    let relay = RelayProcess::start(SATCHEL, data.path(), &[]);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let refused = runtime.block_on(connect_async(relay.url())).unwrap_err();
    assert!(refused.to_string().contains("400"), "{refused}");
}
