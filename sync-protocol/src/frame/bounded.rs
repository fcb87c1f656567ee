//! Lists whose length is bounded while they are read: a tiny body must not become a huge list in memory.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::document::Compartment;
use crate::limits::{MAX_CHANGES_PER_PUSH, MAX_DICTIONARIES, MAX_DOCUMENTS_PER_BODY};

/// Reads at most [`MAX_DOCUMENTS_PER_BODY`] documents.
pub(super) fn documents<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Bounded { most: MAX_DOCUMENTS_PER_BODY, element: PhantomData })
}

/// Reads at most [`MAX_CHANGES_PER_PUSH`] changes or signatures.
pub(super) fn changes<'de, T: Deserialize<'de>, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Bounded { most: MAX_CHANGES_PER_PUSH, element: PhantomData })
}

/// Reads at most as many compartments as there are.
pub(super) fn compartments<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<Compartment>, D::Error> {
    deserializer.deserialize_seq(Bounded { most: Compartment::ALL.len(), element: PhantomData })
}

/// Reads at most [`MAX_DICTIONARIES`] dictionaries.
pub(super) fn dictionaries<'de, T: Deserialize<'de>, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    deserializer.deserialize_seq(Bounded { most: MAX_DICTIONARIES, element: PhantomData })
}

struct Bounded<T> {
    most: usize,
    element: PhantomData<T>,
}

impl<'de, T: Deserialize<'de>> Visitor<'de> for Bounded<T> {
    type Value = Vec<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a list of at most {} elements", self.most)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Vec<T>, A::Error> {
        let mut list = Vec::new();
        while let Some(element) = elements.next_element()? {
            if list.len() == self.most {
                return Err(A::Error::invalid_length(list.len() + 1, &self));
            }
            list.push(element);
        }
        Ok(list)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::frame::{Packed, PushBody, PushedDocument, UnpackError};
    use crate::{Compartment, DocumentDescriptor, OrganizationId};
    use serde_bytes::ByteBuf;

    fn push(changes: usize) -> PushBody {
        let descriptor = DocumentDescriptor {
            organization: OrganizationId::new("north").unwrap(),
            patient: None,
            compartment: Compartment::Directory,
            part: String::new(),
        };
        let document = PushedDocument { descriptor, changes: vec![ByteBuf::new(); changes], signatures: Vec::new() };
        PushBody { documents: vec![document], ..PushBody::default() }
    }

    #[test]
    fn a_list_at_the_bound_is_read_and_one_beyond_it_is_refused() {
        let full = push(MAX_CHANGES_PER_PUSH);
        assert_eq!(Packed::pack(&full).unpack(), Ok(full));
        let beyond = Packed::pack(&push(MAX_CHANGES_PER_PUSH + 1));
        assert_eq!(beyond.unpack::<PushBody>(), Err(UnpackError::Encoding));
    }
}
