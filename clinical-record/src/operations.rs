//! The operations of a document's changes, indexed: what each one replaced, and which changes knew of each other.

use std::collections::{HashMap, HashSet};

use automerge::legacy::{ElementId, Key, ObjectId, Op, OpId, OpType};
use automerge::{ActorId, Change, ObjType};

use crate::{ElementPath, MAX_DEPTH, PathStep, ResourceKey};

/// A change's position in causal order.
pub(crate) type Position = usize;

/// A place in a document: an object, and a key or element of it.
pub(crate) type Place = (ObjectId, Key);

/// Everything needed to find edits that a concurrent edit made invisible.
#[derive(Default)]
pub(crate) struct OperationIndex {
    /// Per change, how many changes of each actor it builds on, itself included.
    clocks: Vec<HashMap<ActorId, u64>>,
    authors: Vec<(ActorId, u64)>,
    /// Where each object was made, and of what kind it is.
    made: HashMap<OpId, (Place, ObjType)>,
    /// The change that made each object.
    makers: HashMap<OpId, Position>,
    /// The changes that replaced or removed each object.
    pub(crate) superseded: HashMap<OpId, Vec<Position>>,
    /// Every operation that a later one replaced or removed.
    replaced: HashSet<OpId>,
    /// The objects each change wrote into.
    pub(crate) written: Vec<HashSet<OpId>>,
    /// Changes that removed what was at a place.
    pub(crate) removals: HashMap<Place, Vec<Position>>,
    /// Values put at a place, each with its change.
    pub(crate) values: HashMap<Place, Vec<(Position, OpId)>>,
}

impl OperationIndex {
    /// Indexes `changes`, which are in causal order.
    pub(crate) fn of(changes: &[Change]) -> Self {
        let mut index = Self::default();
        let mut positions = HashMap::new();
        for (position, change) in changes.iter().enumerate() {
            positions.insert(change.hash(), position);
            let deps: Vec<Position> = change.deps().iter().filter_map(|dep| positions.get(dep).copied()).collect();
            index.add_clock(change, &deps);
            index.written.push(HashSet::new());
            let actor = change.actor_id();
            for (op, counter) in change.decode().operations.into_iter().zip(change.start_op().get()..) {
                index.add_operation(position, OpId::new(counter, actor), op);
            }
        }
        index
    }

    fn add_clock(&mut self, change: &Change, deps: &[Position]) {
        let mut clock: HashMap<ActorId, u64> = HashMap::new();
        for dep in deps {
            for (actor, seq) in &self.clocks[*dep] {
                let known = clock.entry(actor.clone()).or_default();
                *known = (*known).max(*seq);
            }
        }
        clock.insert(change.actor_id().clone(), change.seq());
        self.clocks.push(clock);
        self.authors.push((change.actor_id().clone(), change.seq()));
    }

    fn add_operation(&mut self, position: Position, id: OpId, op: Op) {
        for replaced in op.pred.iter() {
            if self.made.contains_key(replaced) {
                self.superseded.entry(replaced.clone()).or_default().push(position);
            }
            self.replaced.insert(replaced.clone());
        }
        if let ObjectId::Id(object) = &op.obj {
            self.written[position].insert(object.clone());
        }
        // An inserted list element is a place of its own; its operation names the element before it.
        let key = if op.insert { Key::Seq(ElementId::Id(id.clone())) } else { op.key };
        let place = (op.obj, key);
        match op.action {
            OpType::Make(kind) => {
                self.made.insert(id.clone(), (place.clone(), kind));
                self.makers.insert(id.clone(), position);
                self.values.entry(place).or_default().push((position, id));
            }
            OpType::Put(_) => self.values.entry(place).or_default().push((position, id)),
            OpType::Delete => self.removals.entry(place).or_default().push(position),
            OpType::Increment(_) | OpType::MarkBegin(_) | OpType::MarkEnd(_) => {}
        }
    }

    /// True when neither change builds on the other.
    pub(crate) fn concurrent(&self, a: Position, b: Position) -> bool {
        !self.builds_on(a, b) && !self.builds_on(b, a)
    }

    /// True when `later` knew of `earlier`, or is the same.
    pub(crate) fn builds_on(&self, later: Position, earlier: Position) -> bool {
        let (actor, seq) = &self.authors[earlier];
        self.clocks[later].get(actor).is_some_and(|known| known >= seq)
    }

    /// What stands at each place, with the change it comes from: values, and removals that nothing came after. Left out are
    /// texts, and the insides of what the same change made.
    pub(crate) fn standing(&self) -> impl Iterator<Item = (Position, &Place)> {
        let made_inside = |position: Position, place: &Place| match &place.0 {
            ObjectId::Id(object) => self.makers.get(object) == Some(&position),
            ObjectId::Root => false,
        };
        let values = self.values.iter().flat_map(|(place, values)| {
            values.iter().filter(|(_, op)| self.stands(op)).map(move |(position, _)| (*position, place))
        });
        let emptied = |place: &Place| !self.values.get(place).into_iter().flatten().any(|(_, op)| self.stands(op));
        let removals = self.removals.iter().filter(move |(place, _)| emptied(place));
        let removals = removals.flat_map(|(place, at)| at.iter().map(move |position| (*position, place)));
        values
            .chain(removals)
            .filter(move |(position, place)| !self.is_text(&place.0) && !made_inside(*position, place))
    }

    /// True while no later operation replaced this one.
    pub(crate) fn stands(&self, op: &OpId) -> bool {
        !self.replaced.contains(op)
    }

    /// True for an object edited by character, where concurrent edits merge.
    pub(crate) fn is_text(&self, object: &ObjectId) -> bool {
        matches!(object, ObjectId::Id(id) if matches!(self.made.get(id), Some((_, ObjType::Text))))
    }

    /// The object and everything it lies in, from the inside out, each with the place it was made at.
    pub(crate) fn enclosing<'i>(&'i self, object: &'i ObjectId) -> impl Iterator<Item = (&'i OpId, &'i Place)> {
        let mut next = object;
        std::iter::from_fn(move || {
            let ObjectId::Id(id) = next else { return None };
            let (place, _) = self.made.get(id)?;
            next = &place.0;
            Some((id, place))
        })
        // A hostile change can make an object lie in itself.
        .take(MAX_DEPTH + 1)
    }

    /// The resource of a place, and the path to it as far as it has names: a removed list element has no position.
    pub(crate) fn path_of(&self, (object, key): &Place) -> Option<(ResourceKey, ElementPath)> {
        let mut keys = vec![key];
        keys.extend(self.enclosing(object).map(|(_, (_, key))| key));
        let mut keys = keys.into_iter().rev();
        let resource = match keys.next()? {
            Key::Map(root_key) => ResourceKey::parse_root_key(root_key)?,
            Key::Seq(_) => return None,
        };
        let names = keys.map_while(|key| match key {
            Key::Map(name) => Some(PathStep::Key(name.to_string())),
            Key::Seq(_) => None,
        });
        Some((resource, ElementPath(names.collect())))
    }
}
