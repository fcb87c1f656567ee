//! From where a resource belongs (clinical-record) to what a document is called on the wire (sync-protocol) and back.

use clinical_record::DocumentKey;
use sync_protocol::{DocumentDescriptor, OrganizationId, PatientId};

use crate::DeviceError;

/// The descriptor of the document `key` names, managed by `organization`.
///
/// # Errors
/// [`DeviceError::Invalid`] for a key that no document can have, for instance too many sensitive categories at once.
pub(crate) fn descriptor_of(
    key: &DocumentKey,
    organization: &OrganizationId,
) -> Result<DocumentDescriptor, DeviceError> {
    let descriptor = DocumentDescriptor {
        organization: organization.clone(),
        patient: key.patient.as_deref().map(PatientId::new).transpose()?,
        compartment: key.compartment.as_str().parse()?,
        // Several sensitive categories are joined by a sign that ids on the wire do not have.
        part: key.part.replace('+', "."),
    };
    descriptor.validate()?;
    Ok(descriptor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clinical_record::Compartment;

    #[test]
    fn several_sensitive_categories_make_one_valid_part() {
        let key =
            DocumentKey { patient: Some("p".into()), compartment: Compartment::Sensitive, part: "HIV+PSY".into() };
        let descriptor = descriptor_of(&key, &OrganizationId::new("north").unwrap()).unwrap();
        assert_eq!(descriptor.part, "HIV.PSY");
    }

    #[test]
    fn every_compartment_has_the_same_name_on_the_wire() {
        for compartment in Compartment::ALL {
            assert!(compartment.as_str().parse::<sync_protocol::Compartment>().is_ok());
        }
    }
}
