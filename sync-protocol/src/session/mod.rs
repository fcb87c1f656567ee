//! The two ends of a connection as state machines: bytes in, events out. docs/PROTOCOL.md draws their states.

mod client;
mod relay;

pub use client::{ClientEvent, ClientSession, Intent};
pub use relay::{RelayEvent, RelaySession};

use crate::frame::{Frame, FrameError, Goodbye, GoodbyeReason, Unsupported, decode, encode};

/// Longest goodbye text that is passed on, in characters.
const MAX_DETAIL_CHARS: usize = 200;

/// Who ended a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndedBy {
    /// This side.
    Us,
    /// The other side, by a goodbye.
    Them,
}

/// What to do with bytes that came in.
enum Incoming {
    Frame(Box<Frame>),
    /// A goodbye of the other side.
    End(Goodbye),
    /// Not understood; answer with these bytes and go on.
    Unsupported(Vec<u8>),
    /// Nothing to do.
    Ignore,
    /// Not a frame: end the connection.
    Reject(FrameError),
}

fn sort(bytes: &[u8]) -> Incoming {
    match decode(bytes) {
        Ok(Frame::Goodbye(mut goodbye)) => {
            // It goes into logs and onto screens; the other side does not get to fill them.
            goodbye.detail = goodbye.detail.chars().filter(|c| !c.is_control()).take(MAX_DETAIL_CHARS).collect();
            Incoming::End(goodbye)
        }
        // Our own frame was not understood: the other side is older, and what it lacks it said.
        Ok(Frame::Unsupported(_)) => Incoming::Ignore,
        Ok(frame) => Incoming::Frame(Box::new(frame)),
        Err(FrameError::Unknown(frame)) => Incoming::Unsupported(encode(&Frame::Unsupported(Unsupported { frame }))),
        Err(error) => Incoming::Reject(error),
    }
}

fn farewell(reason: GoodbyeReason, detail: &str) -> Vec<u8> {
    encode(&Frame::Goodbye(Goodbye { reason, detail: detail.to_owned() }))
}

/// The frame's name, for messages about it.
fn name(frame: &Frame) -> &'static str {
    match frame {
        Frame::Hello(_) => "Hello",
        Frame::Challenge(_) => "Challenge",
        Frame::Proof(_) => "Proof",
        Frame::Enroll(_) => "Enroll",
        Frame::Enrolled(_) => "Enrolled",
        Frame::Welcome(_) => "Welcome",
        Frame::Resume(_) => "Resume",
        Frame::Resumed(_) => "Resumed",
        Frame::Batch(_) => "Batch",
        Frame::Ack(_) => "Ack",
        Frame::CaughtUp(_) => "CaughtUp",
        Frame::Push(_) => "Push",
        Frame::Pushed(_) => "Pushed",
        Frame::Inventory(_) => "Inventory",
        Frame::Want(_) => "Want",
        Frame::Withdraw(_) => "Withdraw",
        Frame::PurgeReceipt(_) => "PurgeReceipt",
        Frame::ReceiptKept(_) => "ReceiptKept",
        Frame::Trail(_) => "Trail",
        Frame::TrailKept(_) => "TrailKept",
        Frame::Decided(_) => "Decided",
        Frame::DecisionsKnown(_) => "DecisionsKnown",
        Frame::BreakGlass(_) => "BreakGlass",
        Frame::BreakGlassAnswer(_) => "BreakGlassAnswer",
        Frame::Refer(_) => "Refer",
        Frame::ReferAnswer(_) => "ReferAnswer",
        Frame::Sealing(_) => "Sealing",
        Frame::Stage(_) => "Stage",
        Frame::Staged(_) => "Staged",
        Frame::Unsupported(_) => "Unsupported",
        Frame::Goodbye(_) => "Goodbye",
    }
}
