//! Finds the document that a resource is written to: where it lies, or where it belongs. Looks at nothing that the caller may not
//! see, so a patient of whom they may see nothing is one that there is not.

use std::collections::BTreeSet;

use clinical_record::{Compartment, DocumentKey, PlacementError, References, place as place_in};
use sync_protocol::{DocumentDescriptor, OrganizationId, PatientId};

use super::{Draft, OfEntry};
use crate::fhir::index::Index;
use crate::fhir::outcome::{Fault, Issue};
use crate::relay::Sight;

/// A draft with its document.
#[derive(Clone)]
pub struct Placed {
    /// The draft.
    pub draft: Draft,
    /// The document.
    pub descriptor: DocumentDescriptor,
}

/// Places drafts. Patients that are created along are known to the others.
///
/// # Errors
/// The first draft that has no place, and why.
pub fn place(index: &Index, sight: &Sight, drafts: Vec<Draft>) -> Result<Vec<Placed>, OfEntry> {
    let begun = |draft: &&Draft| draft.creates && draft.key.resource_type == "Patient";
    let begun: BTreeSet<String> = drafts.iter().filter(begun).map(|draft| draft.key.id.clone()).collect();
    let patients = drafts.iter().filter(|draft| draft.key.resource_type == "Patient").map(|draft| &draft.key.id);
    let patients: BTreeSet<&String> = patients.collect();
    // In a transaction about one patient, what names none is that one's.
    let only = if patients.len() == 1 { patients.first().map(|id| id.to_string()) } else { None };
    let placing = Placing { index, sight, begun, only };
    drafts
        .into_iter()
        .map(|draft| {
            let entry = draft.entry;
            let descriptor = placing.descriptor(&draft).map_err(|fault| (entry, fault))?;
            Ok(Placed { draft, descriptor })
        })
        .collect()
}

struct Placing<'a> {
    index: &'a Index,
    sight: &'a Sight,
    begun: BTreeSet<String>,
    only: Option<String>,
}

impl Placing<'_> {
    fn descriptor(&self, draft: &Draft) -> Result<DocumentDescriptor, Fault> {
        let own = &self.sight.client.organization;
        let key = place_in(&draft.resource, &References::standalone(self.only.as_deref()))
            .map_err(|error| misplaced(draft, &error))?;
        let kind = draft.key.resource_type.as_str();
        if !draft.creates
            && let Some(found) = self.index.resource(&self.sight.documents, own, kind, &draft.key.id)?
        {
            let there = self.index.descriptor(found.document)?;
            return stays(draft, &key, there);
        }
        if kind == "Patient" && !draft.creates {
            return Err(Fault::not_found());
        }
        let Some(patient) = &key.patient else { return descriptor_of(&key, own) };
        if self.begun.contains(patient) {
            return descriptor_of(&key, own);
        }
        match self.index.organizations_of(&self.sight.documents, own, patient)?.as_slice() {
            [] => Err(unknown_patient(draft)),
            [first, ..] if first == own => descriptor_of(&key, first),
            [only] => descriptor_of(&key, only),
            _ => Err(Fault::unprocessable(vec![Issue::new(
                "business-rule",
                "several organizations have a chart under this patient id, and yours has none: it cannot be told which is meant",
            )])),
        }
    }
}

/// What lies somewhere stays there, if what it becomes belongs to the same patient and is no more sensitive.
fn stays(draft: &Draft, key: &DocumentKey, there: DocumentDescriptor) -> Result<DocumentDescriptor, Fault> {
    let kind = &draft.key.resource_type;
    if key.patient.as_deref() != there.patient.as_ref().map(PatientId::as_str) {
        let text = "a resource does not move to another patient";
        return Err(Fault::unprocessable(vec![Issue::at("business-rule", kind.as_str(), text)]));
    }
    let placed = descriptor_of(key, &there.organization)?;
    let sensitive = key.compartment == Compartment::Sensitive;
    if sensitive && (placed.compartment != there.compartment || placed.part != there.part) {
        let text = "a stricter label needs a new resource in its own document, without the history of this one: create it, \
                    and update this one with the status entered-in-error";
        return Err(Fault::unprocessable(vec![Issue::at("business-rule", format!("{kind}.meta.security"), text)]));
    }
    Ok(there)
}

fn descriptor_of(key: &DocumentKey, organization: &OrganizationId) -> Result<DocumentDescriptor, Fault> {
    let wrong =
        || Fault::unprocessable(vec![Issue::new("business-rule", "it belongs in no document that there can be")]);
    let descriptor = DocumentDescriptor {
        organization: organization.clone(),
        patient: key.patient.as_deref().map(PatientId::new).transpose().map_err(|_| wrong())?,
        compartment: key.compartment.as_str().parse().map_err(|_| wrong())?,
        // As devices write it.
        part: key.part.replace('+', "."),
    };
    descriptor.validate().map_err(|_| wrong())?;
    Ok(descriptor)
}

fn misplaced(draft: &Draft, error: &PlacementError) -> Fault {
    let kind = &draft.key.resource_type;
    let at = match error {
        PlacementError::SeveralPatients { path } | PlacementError::UnresolvedPatient { path } => {
            format!("{kind}.{path}")
        }
        _ => kind.clone(),
    };
    Fault::unprocessable(vec![Issue::at("business-rule", at, error.to_string())])
}

fn unknown_patient(draft: &Draft) -> Fault {
    let text = "its patient is not known here";
    Fault::unprocessable(vec![Issue::at("not-found", draft.key.resource_type.as_str(), text)])
}
