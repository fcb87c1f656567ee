//! FHIR R4 resources as Automerge documents.
