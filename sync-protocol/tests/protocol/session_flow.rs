//! Batches, acks, pushes and comparison on an open connection, and the windows that bound them.

use sync_protocol::frame::{
    Ack, Answer, Batch, BatchBody, CaughtUp, DictionaryId, GoodbyeReason, Inventory, InventoryEntry, Packed, Push,
    PushBody, Pushed, RefusalReason, Resumed, Want, Welcome,
};
use sync_protocol::limits::{BATCH_WINDOW, Limits, PUSH_WINDOW};
use sync_protocol::session::{ClientEvent, EndedBy, RelayEvent};
use sync_protocol::{Checksum, DocumentId, Frame, encode};

use crate::pair::{Pair, cursor};
use crate::samples::{batch_body, push_body, welcome};

#[test]
fn a_batch_is_delivered_acknowledged_and_caught_up_with() {
    let mut pair = Pair::active();
    let (number, batch) = pair.relay.deliver(Some(cursor()), Packed::pack(&batch_body()));
    let caught_up = CaughtUp { cursor: cursor(), checksum: Checksum(7), stage: false };
    let done = pair.relay.caught_up(caught_up.clone());
    pair.relay_does([batch, done]);
    pair.run();
    let delivered = ClientEvent::Deliver { batch: number, cursor: Some(cursor()), body: batch_body() };
    assert_eq!(pair.client_events, [delivered, ClientEvent::CaughtUp(caught_up)]);

    let ack = pair.client.stored(number);
    pair.client_does([ack]);
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::Acked { batch: number }]);
}

#[test]
fn a_push_is_answered_change_by_change() {
    let mut pair = Pair::active();
    let (number, push) = pair.client.push(&push_body()).unwrap();
    pair.client_does([push]);
    pair.run();
    assert_eq!(pair.relay_events, [RelayEvent::Append { push: number, body: push_body() }]);

    let answers = vec![Answer::Accepted, Answer::Refused(RefusalReason::TooLarge)];
    let answer = pair.relay.pushed(number, answers.clone());
    pair.relay_does([answer]);
    pair.run();
    assert_eq!(pair.client_events, [ClientEvent::Answered { push: number, answers }]);
}

#[test]
fn a_batch_that_comes_twice_is_delivered_once() {
    let mut pair = Pair::active();
    let (_, batch) = pair.relay.deliver(None, Packed::pack(&batch_body()));
    pair.relay_does([batch.clone(), batch]);
    pair.run();
    assert_eq!(pair.client_events.len(), 1);
}

#[test]
fn a_missing_batch_ends_the_connection() {
    let mut pair = Pair::active();
    let (_, _lost) = pair.relay.deliver(None, Packed::pack(&batch_body()));
    let (_, second) = pair.relay.deliver(None, Packed::pack(&batch_body()));
    pair.relay_does([second]);
    pair.run();
    pair.assert_ended_by_client(GoodbyeReason::ProtocolViolation);
    assert_eq!(pair.client_events.len(), 1, "nothing is delivered across the gap");
}

#[test]
fn a_batch_whose_body_is_unreadable_ends_the_connection() {
    let mut pair = Pair::active();
    let body = Packed { unpacked: Some(9), dictionary: None, data: vec![1, 2, 3].into(), plain: Vec::new() };
    pair.inject_to_client(&Frame::Batch(Batch { batch: 1, cursor: None, body }));
    pair.assert_ended_by_client(GoodbyeReason::Malformed);
}

#[test]
fn the_relay_stops_at_the_batch_window_until_an_ack_comes() {
    let mut pair = Pair::active();
    for _ in 0..BATCH_WINDOW {
        assert!(pair.relay.may_deliver());
        let (_, batch) = pair.relay.deliver(None, Packed::pack(&BatchBody::default()));
        pair.relay_does([batch]);
    }
    pair.run();
    assert!(!pair.relay.may_deliver());
    let ack = pair.client.stored(1);
    pair.client_does([ack]);
    pair.run();
    assert!(pair.relay.may_deliver());
}

#[test]
fn one_ack_stands_for_all_batches_before_it() {
    let mut pair = Pair::active();
    for _ in 0..3 {
        let (_, batch) = pair.relay.deliver(None, Packed::pack(&BatchBody::default()));
        pair.relay_does([batch]);
    }
    pair.run();
    for ack in [3, 1, 3] {
        pair.inject_to_relay(&Frame::Ack(Ack { batch: ack }));
    }
    assert_eq!(pair.relay_events, [RelayEvent::Acked { batch: 3 }]);
}

#[test]
fn an_ack_of_a_batch_that_was_never_sent_ends_the_connection() {
    let mut pair = Pair::active();
    pair.inject_to_relay(&Frame::Ack(Ack { batch: 1 }));
    pair.assert_ended_by_relay(GoodbyeReason::ProtocolViolation);
}

#[test]
fn the_device_stops_at_the_push_window_until_an_answer_comes() {
    let mut pair = Pair::active();
    for _ in 0..PUSH_WINDOW {
        let (_, push) = pair.client.push(&push_body()).unwrap();
        pair.client_does([push]);
    }
    assert_eq!(pair.client.push(&push_body()), None);
    pair.run();
    let answer = pair.relay.pushed(1, vec![Answer::AlreadyHad]);
    pair.relay_does([answer]);
    pair.run();
    assert!(pair.client.may_push());
}

#[test]
fn an_answer_that_comes_twice_counts_once() {
    let mut pair = Pair::active();
    for _ in 0..PUSH_WINDOW {
        let (_, push) = pair.client.push(&push_body()).unwrap();
        pair.client_does([push]);
    }
    for _ in 0..2 {
        pair.inject_to_client(&Frame::Pushed(Pushed { push: 1, answers: vec![Answer::Accepted] }));
    }
    assert_eq!(pair.client_events.len(), 1);
    assert!(pair.client.push(&push_body()).is_some());
    assert!(!pair.client.may_push());
}

#[test]
fn a_device_that_pushes_on_without_answers_is_cut_off() {
    let mut pair = Pair::active();
    let push = |push| Frame::Push(Push { push, body: Packed::pack(&PushBody::default()) });
    for number in 1..=2 * u64::from(PUSH_WINDOW) {
        pair.inject_to_relay(&push(number));
    }
    assert_eq!(pair.relay_end(), None);
    pair.inject_to_relay(&push(99));
    pair.assert_ended_by_relay(GoodbyeReason::ProtocolViolation);
}

#[test]
fn a_push_whose_body_is_unreadable_ends_the_connection() {
    let mut pair = Pair::active();
    let body = Packed { unpacked: None, dictionary: None, data: vec![1, 0xFF].into(), plain: Vec::new() };
    pair.inject_to_relay(&Frame::Push(Push { push: 1, body }));
    pair.assert_ended_by_relay(GoodbyeReason::Malformed);
}

#[test]
fn a_comparison_ends_in_a_second_answer_to_the_resume() {
    let mut pair = Pair::active();
    let asked = pair.relay.resumed(Resumed { documents: 0, compare: true });
    pair.relay_does([asked]);
    pair.run();
    let document = DocumentId([1; 16]);
    let entry = InventoryEntry { document, fingerprint: Checksum(1) };
    for more in [true, false] {
        let inventory = pair.client.inventory(Inventory { documents: vec![entry.clone()], more });
        pair.client_does([inventory]);
    }
    pair.run();
    let told = |more| RelayEvent::Inventory { documents: vec![entry.clone()], more };
    assert_eq!(pair.relay_events, [told(true), told(false)]);

    let want = pair.relay.want(vec![document]);
    let resumed = pair.relay.resumed(Resumed { documents: 1, compare: false });
    pair.relay_does([want, resumed]);
    pair.run();
    let expected =
        [ClientEvent::Wanted(vec![document]), ClientEvent::Resumed(Resumed { documents: 1, compare: false })];
    assert_eq!(pair.client_events[1..], expected);
}

#[test]
fn a_goodbye_of_either_side_ends_both_and_is_not_answered() {
    let mut pair = Pair::active();
    let events = pair.client.close(GoodbyeReason::Done, "locked");
    pair.client_does(events);
    pair.run();
    pair.assert_ended_by_client(GoodbyeReason::Done);

    let mut pair = Pair::active();
    let events = pair.relay.close(GoodbyeReason::ShuttingDown, "");
    pair.relay_does(events);
    pair.run();
    pair.assert_ended_by_relay(GoodbyeReason::ShuttingDown);
    assert!(pair.to_relay.is_empty() && pair.to_client.is_empty());
}

#[test]
fn both_sides_may_say_goodbye_at_once() {
    let mut pair = Pair::active();
    let events = pair.client.close(GoodbyeReason::Done, "");
    pair.client_does(events);
    let events = pair.relay.close(GoodbyeReason::Superseded, "");
    pair.relay_does(events);
    pair.run();
    assert_eq!(pair.client_end(), Some((EndedBy::Us, GoodbyeReason::Done)));
    assert_eq!(pair.relay_end(), Some((EndedBy::Us, GoodbyeReason::Superseded)));
}

#[test]
fn after_the_end_nothing_is_taken_or_pushed() {
    let mut pair = Pair::active();
    pair.client.close(GoodbyeReason::Done, "");
    pair.relay.close(GoodbyeReason::Done, "");
    assert_eq!(pair.client.received(&encode(&Frame::Want(Want { documents: vec![] }))), []);
    assert_eq!(pair.relay.received(&encode(&Frame::Ack(Ack { batch: 0 }))), []);
    assert_eq!(pair.client.push(&push_body()), None);
    assert!(!pair.relay.may_deliver());
    assert_eq!(pair.client.close(GoodbyeReason::Done, ""), []);
    assert_eq!(pair.relay.close(GoodbyeReason::Done, ""), []);
}

#[test]
fn a_push_is_carried_exactly_if_its_frame_is_within_the_relays_limit() {
    let limits = Limits { frame_bytes: 4_000, ..Limits::default() };
    let pair = Pair::welcomed_with(Welcome { limits, ..welcome() });
    let mut state = 1u32;
    let mut noise = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 24) as u8
    };
    let noise: Vec<u8> = (0..8_000).map(|_| noise()).collect();
    for text in [&noise, &b"the same again and ".repeat(421)] {
        let (mut carried, mut not) = (0, 0);
        for size in (0..7_900).step_by(61).chain(3_500..4_000) {
            let mut body = push_body();
            body.documents[0].changes = vec![text[..size].to_vec().into()];
            let push = Push { push: 1, body: Packed::pack_with(&body, Some(DictionaryId::CLINICAL_1)) };
            let within = encode(&Frame::Push(push)).len() <= limits.frame_bytes as usize;
            assert_eq!(pair.client.carries(&body), within, "{size} bytes");
            *(if within { &mut carried } else { &mut not }) += 1;
        }
        assert!(carried > 0 && (not > 0 || text[0] == b't'), "{carried} {not}");
    }
}
