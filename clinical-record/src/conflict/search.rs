//! Finds elements with several concurrent values by walking through what a resource shows.

use std::borrow::Cow;

use automerge::iter::MapRangeItem;
use automerge::{ObjId, ObjType, Prop, ROOT, ReadDoc, Value as Stored};
use serde_json::json;

use super::{ConflictValue, FieldConflict};
use crate::decode::decode;
use crate::encode::MAX_DEPTH;
use crate::merging::{CHOICE_SUFFIX, choice_stem, doubled_choices, is_bookkeeping, is_collection, united_items};
use crate::{ElementPath, RecordDocument, ResourceKey};

/// Adds the conflicts of the resource that `item` of the root holds.
pub(super) fn of_resource(
    document: &RecordDocument,
    key: ResourceKey,
    item: &MapRangeItem<'_>,
    found: &mut Vec<FieldConflict>,
) {
    let mut search = Search { document, key, path: ElementPath::default(), found };
    if item.conflict {
        search.compare(&ROOT, item.key.to_string().into());
    }
    search.within(&item.value.clone().into_value(), &item.id());
}

/// A walk through the visible values of one resource.
struct Search<'s> {
    document: &'s RecordDocument,
    key: ResourceKey,
    path: ElementPath,
    found: &'s mut Vec<FieldConflict>,
}

/// Where an element is kept, and what is there.
struct Place<'p> {
    parent: &'p ObjId,
    prop: Prop,
    conflict: bool,
    id: ObjId,
    value: Stored<'p>,
}

impl Search<'_> {
    fn within(&mut self, value: &Stored<'_>, id: &ObjId) {
        if self.path.0.len() > MAX_DEPTH {
            return;
        }
        match value {
            Stored::Object(ObjType::Map | ObjType::Table) => self.within_map(id),
            Stored::Object(ObjType::List) => self.within_list(id),
            // Inside a text concurrent edits merge by character.
            Stored::Object(ObjType::Text) | Stored::Scalar(_) => {}
        }
    }

    fn within_map(&mut self, parent: &ObjId) {
        let mut choices = Vec::new();
        for item in self.document.doc.map_range(parent, ..) {
            if choice_stem(&item.key).is_some() {
                choices.push(item.key.to_string());
            }
            let (prop, id, conflict) = (Prop::Map(item.key.to_string()), item.id(), item.conflict);
            let place = Place { parent, prop, conflict, id, value: item.value.into_value() };
            self.element(self.path.child(&item.key), &place);
        }
        for stem in doubled_choices(choices.iter().map(String::as_str)) {
            self.choice(parent, stem, &choices);
        }
    }

    fn within_list(&mut self, parent: &ObjId) {
        for item in self.document.doc.list_range(parent, ..) {
            let (prop, id, conflict) = (Prop::Seq(item.index), item.id(), item.conflict);
            let place = Place { parent, prop, conflict, id, value: item.value.into_value() };
            self.element(self.path.at(item.index), &place);
        }
    }

    fn element(&mut self, here: ElementPath, place: &Place<'_>) {
        let outer = std::mem::replace(&mut self.path, here);
        if !(place.conflict && self.within_union(place)) {
            if place.conflict && !is_bookkeeping(&self.key.resource_type, &self.path.trail()) {
                self.compare(place.parent, place.prop.clone());
            }
            self.within(&place.value, &place.id);
        }
        self.path = outer;
    }

    /// Looks into a collection that was begun more than once; false where the element is something else.
    fn within_union(&mut self, place: &Place<'_>) -> bool {
        let doc = &self.document.doc;
        if !is_collection(&self.key.resource_type, &self.path.trail()) {
            return false;
        }
        let lists = doc.get_all(place.parent, place.prop.clone()).unwrap_or_default();
        let Some(items) = united_items(doc, &self.key.resource_type, &mut self.trail(), &lists) else { return false };
        for (index, item) in items.into_iter().enumerate() {
            let (prop, id, conflict) = (Prop::Seq(item.index), item.id, item.conflict);
            let place = Place { parent: &item.list, prop, conflict, id, value: item.stored };
            self.element(self.path.at(index), &place);
        }
        true
    }

    /// Records a conflict when the concurrent values at `prop` differ.
    fn compare(&mut self, parent: &ObjId, prop: Prop) {
        let doc = &self.document.doc;
        let mut trail = self.trail();
        let values: Vec<ConflictValue> = doc
            .get_all(parent, prop)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|(value, id)| {
                let json = decode(doc, &self.key.resource_type, &mut trail, &value, &id);
                self.document.authored(&id, json)
            })
            .collect();
        self.record(self.path.clone(), values, false);
    }

    /// Records a conflict over a choice of which several types are filled in. `names`: the choice elements of the object.
    fn choice(&mut self, parent: &ObjId, stem: &str, names: &[String]) {
        let doc = &self.document.doc;
        let mut values = Vec::new();
        for name in names.iter().filter(|name| choice_stem(name) == Some(stem)) {
            let Ok(Some((value, id))) = doc.get(parent, name.as_str()) else { continue };
            let mut trail = self.trail();
            trail.push(Cow::Owned(name.clone()));
            let json = decode(doc, &self.key.resource_type, &mut trail, &value, &id);
            values.extend(self.document.authored(&id, json!({name: json})));
        }
        self.record(self.path.child(&format!("{stem}{CHOICE_SUFFIX}")), values, true);
    }

    fn record(&mut self, path: ElementPath, values: Vec<ConflictValue>, mixed: bool) {
        if values.iter().any(|other| other.value != values[0].value) {
            self.found.push(FieldConflict { key: self.key.clone(), path, values, mixed });
        }
    }

    fn trail(&self) -> Vec<Cow<'static, str>> {
        self.path.trail().into_iter().map(|name| Cow::Owned(name.to_owned())).collect()
    }
}
