//! Reads policy files: each is checked against the schema, and one mistake refuses them all, with its line.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::str::FromStr;
use std::sync::{Arc, LazyLock};

use cedar_policy::{
    ActionConstraint, Effect, EntityUid, Policy, PolicyId, PolicySet, Schema, ValidationMode, Validator,
};
use miette::Diagnostic;
use sha2::{Digest, Sha256};

use crate::access::decision::Answers;

/// Name of the file that takes the place of the built-in policy.
const DEFAULT_NAME: &str = "default.cedar";
const DEFAULT_TEXT: &str = include_str!("../../policies/default.cedar");
const SCHEMA_TEXT: &str = include_str!("../../policies/satchel.cedarschema");

/// Hours that a policy may open a chart for in an emergency, at most.
const MAX_HOURS: u32 = 72;
/// Hours that a referral may open one for, at most.
const MAX_REFERRAL_HOURS: u32 = 24 * 366;

static SCHEMA: LazyLock<Schema> = LazyLock::new(|| {
    let (schema, _) = Schema::from_cedarschema_str(SCHEMA_TEXT).unwrap_or_else(|error| panic!("the schema: {error}"));
    schema
});

static DEFAULT: LazyLock<Arc<Policies>> =
    LazyLock::new(|| Arc::new(Policies::load(&[]).unwrap_or_else(|error| panic!("the default policy: {error}"))));

/// The text of one policy file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PolicyFile {
    /// Its name, such as `north.cedar`.
    pub name: String,
    /// Cedar policies.
    pub text: String,
}

/// Why policies are not used: where, and what is wrong there.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {reason}")]
pub struct PolicyError {
    /// Name of the file.
    pub file: String,
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// What is wrong.
    pub reason: String,
}

/// Policies that fit the schema.
#[derive(Debug)]
pub struct Policies {
    pub(in crate::access) set: PolicySet,
    hours: HashMap<PolicyId, u32>,
    /// Organizations, practitioners and patients that some policy names.
    pub(in crate::access) named: BTreeSet<(Named, String)>,
    hash: [u8; 32],
    names: Vec<String>,
    pub(in crate::access) answers: Answers,
}

/// What a policy may name one of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::access) enum Named {
    Organization,
    Practitioner,
    Patient,
}

impl PolicyFile {
    /// The `*.cedar` files of a folder, by name. None if there is no such folder.
    ///
    /// # Errors
    /// Those of reading the folder or a file, with the file's name.
    pub fn read_folder(folder: &Path) -> std::io::Result<Vec<Self>> {
        if !folder.is_dir() {
            return Ok(Vec::new());
        }
        let paths: Result<BTreeSet<_>, _> = std::fs::read_dir(folder)?.map(|entry| entry.map(|e| e.path())).collect();
        let cedar = paths?.into_iter().filter(|path| path.extension().is_some_and(|extension| extension == "cedar"));
        cedar.map(|path| Self::read(&path)).collect()
    }

    fn read(path: &Path) -> std::io::Result<Self> {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let named = |error: std::io::Error| std::io::Error::new(error.kind(), format!("{name}: {error}"));
        Ok(Self { text: std::fs::read_to_string(path).map_err(named)?, name })
    }
}

impl Policies {
    /// The built-in policy alone.
    #[must_use]
    pub fn built_in() -> Arc<Self> {
        DEFAULT.clone()
    }

    /// The policies of `files` beside the built-in ones, which a file named `default.cedar` replaces.
    ///
    /// # Errors
    /// [`PolicyError`] for the first mistake.
    pub fn load(files: &[PolicyFile]) -> Result<Self, PolicyError> {
        let built_in = PolicyFile { name: DEFAULT_NAME.into(), text: DEFAULT_TEXT.into() };
        let replaced = files.iter().any(|file| file.name == DEFAULT_NAME);
        let files: Vec<&PolicyFile> = (!replaced).then_some(&built_in).into_iter().chain(files).collect();
        let mut policies = Self {
            set: PolicySet::new(),
            hours: HashMap::new(),
            named: BTreeSet::new(),
            hash: hash_of(&files),
            names: files.iter().map(|file| file.name.clone()).collect(),
            answers: Answers::default(),
        };
        for file in files {
            policies.add_file(file)?;
        }
        Ok(policies)
    }

    fn add_file(&mut self, file: &PolicyFile) -> Result<(), PolicyError> {
        let parsed = PolicySet::from_str(&file.text).map_err(|errors| at(file, &errors, errors.to_string()))?;
        if let Some(template) = parsed.templates().next() {
            let offset = file.text.find(&template.to_string()).unwrap_or(0);
            return Err(in_file(file, offset, "templates are not used here: write a policy".into()));
        }
        let mut of_file = PolicySet::new();
        for (offset, policy) in in_order(file, &parsed) {
            let refuse = |reason: String| in_file(file, offset, reason);
            let policy = named_by_annotation(policy).map_err(refuse)?;
            if self.set.policy(policy.id()).is_some() || of_file.add(policy.clone()).is_err() {
                return Err(refuse(format!("there is another policy with @id(\"{}\")", policy.id())));
            }
            self.note_names(&policy).map_err(refuse)?;
            if let Some(hours) = hours_of(&policy).map_err(refuse)? {
                self.hours.insert(policy.id().clone(), hours);
            }
        }
        let result = Validator::new(SCHEMA.clone()).validate(&of_file, ValidationMode::Strict);
        if let Some(error) = result.validation_errors().next() {
            return Err(at(file, error, error.to_string()));
        }
        if let Some(warning) = result.validation_warnings().next() {
            return Err(at(file, warning, warning.to_string()));
        }
        for policy in of_file.policies() {
            // Its id is in no other file: looked for above.
            self.set.add(policy.clone()).map_err(|error| in_file(file, 0, error.to_string()))?;
        }
        Ok(())
    }

    /// Takes note of whom a policy names: decisions about these are not shared with others.
    fn note_names(&mut self, policy: &Policy) -> Result<(), String> {
        for uid in policy.entity_literals() {
            let named = match uid.type_name().basename() {
                "Organization" => Named::Organization,
                "Practitioner" => Named::Practitioner,
                "Patient" => Named::Patient,
                "Document" | "Chart" => return Err(format!("policies cannot name one document or chart: {uid}")),
                _ => continue,
            };
            self.named.insert((named, uid.id().unescaped().to_owned()));
        }
        Ok(())
    }

    /// For how many hours the policies that permitted it open a chart in an emergency, or by a referral: the least that one of them says.
    pub(in crate::access) fn hours<'a>(&self, policies: impl Iterator<Item = &'a PolicyId>) -> u32 {
        policies.filter_map(|id| self.hours.get(id)).copied().min().unwrap_or(1)
    }

    /// The effect of a policy, by its id.
    pub(in crate::access) fn effect(&self, id: &PolicyId) -> Option<Effect> {
        self.set.policy(id).map(Policy::effect)
    }

    /// SHA-256 over the schema and the names and texts of all files.
    #[must_use]
    pub fn hash(&self) -> [u8; 32] {
        self.hash
    }

    /// Names of the files, the built-in one included.
    #[must_use]
    pub fn files(&self) -> &[String] {
        &self.names
    }

    /// How many policies there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.set.num_of_policies()
    }
}

fn hash_of(files: &[&PolicyFile]) -> [u8; 32] {
    let mut hasher = Sha256::new_with_prefix(b"satchel policies v1");
    let texts = files.iter().flat_map(|file| [&file.name, &file.text]);
    for text in std::iter::once(SCHEMA_TEXT).chain(texts.map(String::as_str)) {
        hasher.update((text.len() as u64).to_be_bytes());
        hasher.update(text);
    }
    hasher.finalize().into()
}

/// The policies of a file in order, each with where it begins.
fn in_order<'a>(file: &PolicyFile, parsed: &'a PolicySet) -> Vec<(usize, &'a Policy)> {
    // Cedar numbers them as they come: policy0, policy1, …
    let number = |policy: &&Policy| policy.id().to_string().trim_start_matches("policy").parse().unwrap_or(usize::MAX);
    let mut policies: Vec<_> = parsed.policies().collect();
    policies.sort_by_key(number);
    let mut after = 0;
    let begins = |policy: &'a Policy| {
        let text = policy.to_string();
        let offset = file.text[after..].find(&text).map_or(after, |found| after + found);
        after = (offset + text.len()).min(file.text.len());
        (offset, policy)
    };
    policies.into_iter().map(begins).collect()
}

/// The policy under the id that its annotation gives it.
fn named_by_annotation(policy: &Policy) -> Result<Policy, String> {
    let id = policy.annotation("id").unwrap_or_default();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    if id.is_empty() || !id.chars().all(plain) {
        return Err("each policy needs an @id(\"…\") of letters, digits, '-', '_' and '.'".into());
    }
    Ok(policy.new_id(PolicyId::new(id)))
}

/// What `@hours` says. A policy that permits break-glass or refer must say it.
fn hours_of(policy: &Policy) -> Result<Option<u32>, String> {
    let permits = |action: &str| {
        let is = |uid: &EntityUid| uid.id().unescaped() == action;
        policy.effect() == Effect::Permit
            && match policy.action_constraint() {
                ActionConstraint::Any => false,
                ActionConstraint::Eq(action) => is(&action),
                ActionConstraint::In(actions) => actions.iter().any(is),
            }
    };
    let most = match (permits("break-glass"), permits("refer")) {
        (false, false) => None,
        (false, true) => Some(MAX_REFERRAL_HOURS),
        (true, _) => Some(MAX_HOURS),
    };
    let Some(text) = policy.annotation("hours") else {
        let missing = "a policy that permits break-glass or refer says for how long: @hours(\"4\")";
        return if most.is_some() { Err(missing.into()) } else { Ok(None) };
    };
    let most = most.unwrap_or(MAX_HOURS);
    match text.parse() {
        Ok(hours) if (1..=most).contains(&hours) => Ok(Some(hours)),
        _ => Err(format!("@hours is a whole number from 1 to {most}")),
    }
}

/// A mistake where a diagnostic says.
fn at(file: &PolicyFile, diagnostic: &dyn Diagnostic, reason: String) -> PolicyError {
    let offset = diagnostic.labels().and_then(|mut labels| labels.next()).map_or(0, |label| label.offset());
    let reason = match diagnostic.help() {
        Some(help) => format!("{reason} ({help})"),
        None => reason,
    };
    in_file(file, offset, reason)
}

fn in_file(file: &PolicyFile, offset: usize, reason: String) -> PolicyError {
    let before = file.text.get(..offset).unwrap_or_default();
    let line_begins = before.rfind('\n').map_or(0, |newline| newline + 1);
    let column = before[line_begins..].chars().count() + 1;
    PolicyError { file: file.name.clone(), line: before.matches('\n').count() + 1, column, reason }
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
