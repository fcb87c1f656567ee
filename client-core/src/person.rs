//! Several registrations of one person: merged into one view by a link that can be taken back, while both charts stay where
//! they are and devices that have not heard go on writing to either.

use clinical_record::clinical::{ClinicalEdit, ClinicalError, Entry};
use clinical_record::person::{
    PersonGroup, ViewedResource, merge_patients, merged_view, person_groups, unmerge_patients,
};
use clinical_record::{Compartment, ResourceKey, is_entered_in_error};
use serde_json::{Value, json};
use sync_protocol::{PatientId, UnixMillis};

use crate::edit::{ActReceipt, in_chart, store};
use crate::store::{documents, resources, rows};
use crate::{ChartRef, Device, DeviceError, fhir_time};

/// A person with every registration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// FHIR id of the Patient that stands for all; new entries go to its chart.
    pub survivor: PatientId,
    /// The charts of the person on this device, the survivor's first.
    pub charts: Vec<ChartRef>,
    /// Registrations whose charts are not on this device.
    pub elsewhere: Vec<PatientId>,
    /// People merged differently while apart: a person must look.
    pub disputed: bool,
}

impl Person {
    fn alone(chart: ChartRef) -> Self {
        Self { survivor: chart.patient.clone(), charts: vec![chart], elsewhere: Vec::new(), disputed: false }
    }

    /// True for a registration that is shown with the survivor's, which is here.
    pub(crate) fn hides(&self, chart: &ChartRef) -> bool {
        let survivor_is_here = self.charts.first().is_some_and(|first| first.patient == self.survivor);
        survivor_is_here && chart.patient != self.survivor && self.charts.contains(chart)
    }
}

/// What to do to two Patients.
type Linking = fn(&Entry<'_>, &Value, &Value, &str) -> Result<ClinicalEdit, ClinicalError>;

impl Device {
    /// Merges two registrations of one person into one view. Both charts stay, and go on being written. Undone by
    /// [`Device::unmerge_patients`]. `reason` is kept in the history.
    ///
    /// # Errors
    /// [`DeviceError::Clinical`]: no reason, one patient twice, one that is replaced already;
    /// [`DeviceError::UnknownResource`]; [`DeviceError::LeaseExpired`]; storage.
    pub fn merge_patients(
        &mut self,
        surviving: &ChartRef,
        replaced: &ChartRef,
        reason: &str,
        now: UnixMillis,
    ) -> Result<ActReceipt, DeviceError> {
        self.link_patients("patients-merged", merge_patients, [surviving, replaced], reason, now)
    }

    /// Takes a merge back: both are on their own again, with whatever was entered on either side since.
    ///
    /// # Errors
    /// [`DeviceError::Clinical`]: no reason, not merged; as [`Device::merge_patients`].
    pub fn unmerge_patients(
        &mut self,
        surviving: &ChartRef,
        replaced: &ChartRef,
        reason: &str,
        now: UnixMillis,
    ) -> Result<ActReceipt, DeviceError> {
        self.link_patients("patients-unmerged", unmerge_patients, [surviving, replaced], reason, now)
    }

    fn link_patients(
        &mut self,
        action: &'static str,
        link: Linking,
        [surviving, replaced]: [&ChartRef; 2],
        reason: &str,
        now: UnixMillis,
    ) -> Result<ActReceipt, DeviceError> {
        self.check_lease(now)?;
        self.ensure_chart_projected(surviving)?;
        self.ensure_chart_projected(replaced)?;
        let (moment, charts) = (fhir_time::instant(now), [surviving.clone(), replaced.clone()]);
        let receipt = self.write_documents(|tx, identity, kept| {
            let (patient, author) = (surviving.patient.as_str(), identity.practitioner.as_str());
            let entry = Entry { patient, encounter: None, author, now: &moment, id: patient };
            let [one, other] = [surviving, replaced].map(|chart| in_chart(tx, chart, &patient_key(chart)));
            let edit = link(&entry, &one?, &other?, reason)?;
            store(tx, (identity, kept), action, &charts, edit, now)
        });
        self.acted(receipt, &charts, now)
    }

    /// The person that a chart is a registration of.
    ///
    /// # Errors
    /// [`DeviceError::UnknownPatient`], [`DeviceError::LeaseExpired`]; storage.
    pub fn person(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Person, DeviceError> {
        self.check_lease(now)?;
        if documents::of_chart(&self.db, chart)?.is_empty() {
            return Err(DeviceError::UnknownPatient { patient: chart.patient.to_string() });
        }
        self.person_of(chart)
    }

    /// Every resource of a person as one chart: references to replaced registrations point to the surviving one, whose Patient
    /// shows their names and numbers too. What was entered in error is left out. Recorded as `read`.
    ///
    /// # Errors
    /// As [`Device::person`].
    pub fn person_view(&mut self, chart: &ChartRef, now: UnixMillis) -> Result<Vec<ViewedResource>, DeviceError> {
        let person = self.person(chart, now)?;
        let mut held: Vec<(String, Value)> = Vec::new();
        for chart in &person.charts {
            for document in self.read_whole_chart(chart, now)? {
                let shown = resources::all_json(&self.db, document.number)?;
                let shown = shown.into_iter().filter(|resource| !is_entered_in_error(resource));
                held.extend(shown.map(|resource| (chart.patient.to_string(), resource)));
            }
        }
        // Where the survivor's own chart is not here, one of those that are stands for it.
        let survivor = person.charts.first().map_or(&person.survivor, |first| &first.patient);
        let others = person.charts.iter().map(|chart| &chart.patient).filter(|patient| *patient != survivor);
        let group = PersonGroup {
            survivor: survivor.to_string(),
            replaced: others.map(ToString::to_string).collect(),
            disputed: person.disputed,
        };
        Ok(merged_view(&group, held))
    }

    /// The person of a chart that is here.
    pub(crate) fn person_of(&mut self, chart: &ChartRef) -> Result<Person, DeviceError> {
        let merged = self.merged_persons()?;
        let found = merged.into_iter().find(|person| person.charts.contains(chart));
        Ok(found.unwrap_or_else(|| Person::alone(chart.clone())))
    }

    /// The persons that have more than one registration, by survivor.
    pub(crate) fn merged_persons(&mut self) -> Result<Vec<Person>, DeviceError> {
        self.ensure_compartments_projected(&[Compartment::PatientIndex])?;
        let mut linked: Vec<Value> = Vec::new();
        for (patient, by) in rows::replacements(&self.db)? {
            let link = json!({"type": "replaced-by", "other": {"reference": format!("Patient/{by}")}});
            match linked.last_mut().filter(|last| last["id"] == patient.as_str()) {
                Some(last) => last["link"].as_array_mut().map_or((), |links| links.push(link)),
                None => linked.push(json!({"resourceType": "Patient", "id": patient, "link": [link]})),
            }
        }
        person_groups(&linked).into_iter().map(|group| self.person_of_group(group)).collect()
    }

    fn person_of_group(&self, group: PersonGroup) -> Result<Person, DeviceError> {
        let survivor = PatientId::new(group.survivor)?;
        let mut person =
            Person { survivor: survivor.clone(), charts: Vec::new(), elsewhere: Vec::new(), disputed: group.disputed };
        for id in std::iter::once(Ok(survivor)).chain(group.replaced.into_iter().map(PatientId::new)) {
            let patient = id?;
            let organizations = documents::organizations_of(&self.db, &patient)?;
            if organizations.is_empty() {
                person.elsewhere.push(patient);
                continue;
            }
            let charts = organizations.into_iter().map(|organization| (organization, patient.clone()));
            person.charts.extend(charts.map(|(organization, patient)| ChartRef { organization, patient }));
        }
        Ok(person)
    }
}

fn patient_key(chart: &ChartRef) -> ResourceKey {
    ResourceKey::new("Patient", chart.patient.as_str())
}
