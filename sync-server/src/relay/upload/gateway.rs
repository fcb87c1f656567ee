//! Uploads of the FHIR API's gateway: the path of any device's, without a connection.

use std::collections::{HashMap, HashSet};

use sync_protocol::UnixMillis;
use sync_protocol::frame::{Answer, PushBody};
use sync_protocol::identity::Certificate;

use super::read::read_all;
use super::{Sender, subject_of};
use crate::relay::custody::Room;
use crate::relay::{ConnectionId, Relay};
use crate::store::StoreError;

/// No connection has this number: they are counted from 1.
const NONE: ConnectionId = ConnectionId(0);

impl Relay {
    /// Appends what the gateway made under a certificate; one answer for each change, in order.
    pub(in crate::relay) fn append_of_gateway(
        &mut self,
        certificate: &Certificate,
        body: &PushBody,
        now: UnixMillis,
    ) -> Result<Vec<Answer>, StoreError> {
        let sender = Sender {
            device: certificate.device(),
            author: certificate.author(),
            subject: subject_of(certificate),
            certificates: HashMap::from([(certificate.author(), certificate.clone())]),
            revoked: HashSet::new(),
            erasing: false,
        };
        let (mut answers, mut room) = (Vec::new(), Room::default());
        for (document, read) in body.documents.iter().zip(read_all(&body.documents, &sender.certificates)) {
            answers.extend(self.append_document(NONE, &sender, document, read, &mut room, now)?);
        }
        self.audit_push(&sender, body, &answers, now)?;
        self.count(&answers);
        Ok(answers)
    }
}
