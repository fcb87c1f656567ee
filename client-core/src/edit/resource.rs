//! Edits of whole resources and of single elements.

use clinical_record::{DocumentKey, ElementPath, RecordError, References, ResourceKey, place};
use serde_json::Value;
use sync_protocol::{DocumentDescriptor, UnixMillis};

use super::act::holding;
use super::{EditReceipt, elements, validity};
use crate::descriptor::descriptor_of;
use crate::store::documents;
use crate::{ChartRef, Device, DeviceError};

impl Device {
    /// Creates a resource of a chart, or makes the one of the same type and id equal to it. Only what differs is changed.
    ///
    /// A resource that is there already is edited where it lies. A Patient starts a new chart.
    /// # Errors
    /// [`DeviceError::Clinical`] naming the element that is not valid R4; [`DeviceError::WrongChart`] if it names another
    /// patient or none of a chart's; [`DeviceError::UnknownPatient`]; [`DeviceError::InConflict`]; [`DeviceError::Content`]; [`DeviceError::ChangeTooLarge`]; [`DeviceError::LeaseExpired`]; storage.
    pub fn put_resource(
        &mut self,
        chart: &ChartRef,
        resource: &Value,
        now: UnixMillis,
    ) -> Result<EditReceipt, DeviceError> {
        self.check_lease(now)?;
        let key = ResourceKey::of(resource)?;
        let descriptor = match self.document_holding(chart, &key)? {
            Some(descriptor) => descriptor,
            None => self.place_in(chart, &key, resource)?,
        };
        self.edit_document(&descriptor, now, |editor| validity::put(editor, resource))
    }

    /// Creates or replaces a resource of this organization's directory.
    ///
    /// # Errors
    /// As [`Device::put_resource`].
    pub fn put_directory_resource(&mut self, resource: &Value, now: UnixMillis) -> Result<EditReceipt, DeviceError> {
        let key = ResourceKey::of(resource)?;
        let placed = place(resource, &References::standalone(None));
        if placed.as_ref() != Ok(&DocumentKey::directory()) {
            return Err(DeviceError::WrongChart { resource: key.to_string() });
        }
        let organization = self.enrolled_identity()?.organization.clone();
        let descriptor = descriptor_of(&DocumentKey::directory(), &organization)?;
        self.edit_document(&descriptor, now, |editor| validity::put(editor, resource))
    }

    /// Sets one element, making the objects on the way to it. `path`: as FHIR writes it, `dosageInstruction[0].text`.
    ///
    /// # Errors
    /// [`DeviceError::UnknownResource`]; [`DeviceError::Invalid`] if the path leads through a text or beyond the end of
    /// a list; as [`Device::put_resource`].
    pub fn set_element(
        &mut self,
        chart: &ChartRef,
        key: &ResourceKey,
        path: &ElementPath,
        value: Value,
        now: UnixMillis,
    ) -> Result<EditReceipt, DeviceError> {
        let descriptor = self.holding_or_fail(chart, key, now)?;
        self.edit_document(&descriptor, now, |editor| {
            let mut resource = editor.resource(key).ok_or_else(|| RecordError::UnknownResource(key.clone()))?;
            elements::set(&mut resource, path, value).map_err(RecordError::Abandoned)?;
            if ResourceKey::of(&resource)? != *key {
                return Err(RecordError::Abandoned("resourceType and id of a resource stay as they are").into());
            }
            validity::put(editor, &resource)
        })
    }

    /// Takes a record back the FHIR way: it stays, with a status that says it was entered in error, and is not shown any more
    /// unless asked for. `reason` is kept in the history.
    ///
    /// # Errors
    /// [`DeviceError::UnknownResource`]; [`DeviceError::Content`] without a reason, and for types without such a status.
    pub fn mark_entered_in_error(
        &mut self,
        chart: &ChartRef,
        key: &ResourceKey,
        reason: &str,
        now: UnixMillis,
    ) -> Result<EditReceipt, DeviceError> {
        if reason.trim().is_empty() {
            return Err(RecordError::NoReason.into());
        }
        let descriptor = self.holding_or_fail(chart, key, now)?;
        self.edit_document(&descriptor, now, |editor| {
            editor.set_message(reason.trim());
            editor.mark_entered_in_error(key)?;
            Ok::<_, RecordError>(key.clone())
        })
    }

    /// The descriptor of the document that holds a resource of a chart.
    pub(crate) fn holding_or_fail(
        &mut self,
        chart: &ChartRef,
        key: &ResourceKey,
        now: UnixMillis,
    ) -> Result<DocumentDescriptor, DeviceError> {
        self.check_lease(now)?;
        self.document_holding(chart, key)?.ok_or_else(|| DeviceError::UnknownResource { resource: key.to_string() })
    }

    fn document_holding(
        &mut self,
        chart: &ChartRef,
        key: &ResourceKey,
    ) -> Result<Option<DocumentDescriptor>, DeviceError> {
        self.ensure_chart_projected(chart)?;
        holding(&self.db, chart, key)
    }

    fn place_in(
        &self,
        chart: &ChartRef,
        key: &ResourceKey,
        resource: &Value,
    ) -> Result<DocumentDescriptor, DeviceError> {
        let wrong = || DeviceError::WrongChart { resource: key.to_string() };
        let placed = place(resource, &References::standalone(Some(chart.patient.as_str()))).map_err(|_| wrong())?;
        if placed.patient.as_deref() != Some(chart.patient.as_str()) {
            return Err(wrong());
        }
        if key.resource_type != "Patient" && documents::of_chart(&self.db, chart)?.is_empty() {
            return Err(DeviceError::UnknownPatient { patient: chart.patient.to_string() });
        }
        descriptor_of(&placed, &chart.organization)
    }
}
