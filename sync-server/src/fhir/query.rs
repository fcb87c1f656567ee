//! Reads the parameters of a search: what must be met, what is not known, and how many are wanted.

use std::collections::BTreeMap;

use rusqlite::types::Value as Bound;

use super::outcome::{Fault, Issue};
use super::parameters::{self, Kind, Parameter};
use super::values::{date_range, folded, target};

/// Resources of a page, if the caller does not say.
pub const DEFAULT_COUNT: usize = 50;
/// Resources of a page, at most.
pub const MAX_COUNT: usize = 1_000;
/// Parameters of one search, at most.
const MAX_PARAMETERS: usize = 50;
/// Alternatives of one parameter, at most.
const MAX_ALTERNATIVES: usize = 100;

/// What one value asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Wanted {
    /// System and code; none for any.
    Token(Option<String>, Option<String>),
    /// Begins so, folded.
    Prefix(String),
    /// Is just so.
    Exact(String),
    /// Prefix and range, in milliseconds.
    Date(Comparison, (i64, i64)),
    /// Type and id; no type for any.
    Reference(Option<String>, String),
}

/// Prefix of a date.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Greater,
    Less,
    GreaterOrEqual,
    LessOrEqual,
    StartsAfter,
    EndsBefore,
}

/// One parameter with its alternatives.
#[derive(Clone, Debug)]
struct Clause {
    /// As the index names it.
    name: String,
    any: Vec<Wanted>,
}

/// What a search asks for.
#[derive(Clone, Debug, Default)]
pub struct Criteria {
    /// FHIR type.
    pub resource_type: &'static str,
    /// For each `patient` parameter, the patients of whom one must be it.
    pub charts: Vec<Vec<String>>,
    /// Resources of a page, at most.
    pub count: usize,
    /// Only how many there are.
    pub count_only: bool,
    /// The parameters that are heeded, as they came.
    pub heeded: Vec<(String, String)>,
    /// Names of those that are not.
    pub ignored: Vec<String>,
    clauses: Vec<Clause>,
    ids: Vec<Vec<String>>,
    updated: Vec<Vec<Wanted>>,
    /// Records that were entered in error, too.
    retracted: bool,
}

impl Criteria {
    /// Reads them.
    ///
    /// # Errors
    /// [`Fault`], naming the parameter: a value that cannot be read, too many of them, or with `strict` an unknown name.
    pub fn read(resource_type: &'static str, parameters: &[(String, String)], strict: bool) -> Result<Self, Fault> {
        if parameters.len() > MAX_PARAMETERS {
            return Err(Fault::bad_request(format!("a search has at most {MAX_PARAMETERS} parameters")));
        }
        let mut criteria = Self { resource_type, count: DEFAULT_COUNT, ..Self::default() };
        for (name, value) in parameters {
            if criteria.take(name, value)? {
                criteria.heeded.push((name.clone(), value.clone()));
            } else {
                criteria.ignored.push(named(name));
            }
        }
        if strict && !criteria.ignored.is_empty() {
            let unknown = |name: &String| Issue::new("not-supported", format!("unknown search parameter {name}"));
            let issues = criteria.ignored.iter().map(unknown).collect();
            return Err(Fault { issues, ..Fault::bad_request("") });
        }
        Ok(criteria)
    }

    /// Whether the parameter is known.
    fn take(&mut self, name: &str, value: &str) -> Result<bool, Fault> {
        match name {
            "_count" => self.count = count(value)?,
            "_summary" if value == "count" => self.count_only = true,
            "_id" => {
                self.ids.push(alternatives(name, value)?);
                self.retracted = true;
            }
            "_lastUpdated" => {
                let dates =
                    alternatives(name, value)?.iter().map(|one| wanted_date(name, one)).collect::<Result<_, _>>()?;
                self.updated.push(dates);
            }
            // The format was agreed on before.
            "_format" | "_pretty" => {}
            _ => return self.take_own(name, value),
        }
        if self.count == 0 {
            self.count_only = true;
        }
        Ok(true)
    }

    fn take_own(&mut self, name: &str, value: &str) -> Result<bool, Fault> {
        let (plain, modifier) = name.split_once(':').unwrap_or((name, ""));
        let Some(parameter) = parameters::find(self.resource_type, plain) else { return Ok(false) };
        let read: fn(&str, &str) -> Result<Wanted, Fault> = match (parameter.kind, modifier) {
            (Kind::Chart, "" | "Patient") => {
                let patients =
                    alternatives(name, value)?.iter().map(|one| patient(name, one)).collect::<Result<_, _>>()?;
                self.charts.push(patients);
                return Ok(true);
            }
            (Kind::Token, "") => |_, one| Ok(wanted_token(one)),
            (Kind::Token, "text") | (Kind::Text, "") => wanted_prefix,
            (Kind::Text, "exact") => |_, one| Ok(Wanted::Exact(unescaped(one))),
            (Kind::Date, "") => wanted_date,
            (Kind::Reference, "") => wanted_reference,
            _ => return Ok(false),
        };
        // Who asks for a status may mean those that were entered in error.
        self.retracted |= parameter.name.ends_with("status");
        let any = alternatives(name, value)?.iter().map(|one| read(name, one)).collect::<Result<_, _>>()?;
        self.clauses.push(Clause { name: indexed_name(parameter, modifier), any });
        Ok(true)
    }

    /// The conditions as SQL, from parameter 4 on, and what is bound to them. `persons`: all registrations of each patient.
    #[must_use]
    pub fn conditions(&self, persons: &BTreeMap<String, Vec<String>>) -> (String, Vec<Bound>) {
        let mut sql = Conditions { text: String::new(), bound: Vec::new() };
        if !self.retracted {
            sql.text.push_str("AND retracted = 0 ");
        }
        for ids in &self.ids {
            let places = sql.bind_all(ids.iter().cloned());
            sql.text.push_str(&format!("AND fhir_id IN ({places}) "));
        }
        for patients in &self.charts {
            let registrations = patients.iter().flat_map(|patient| persons.get(patient).cloned().unwrap_or_default());
            let places = sql.bind_all(registrations);
            sql.text.push_str(&format!("AND patient IN ({places}) "));
        }
        for dates in &self.updated {
            let any: Vec<_> = dates.iter().map(|wanted| sql.wanted(wanted, ("updated", "updated"))).collect();
            sql.text.push_str(&format!("AND ({}) ", any.join(" OR ")));
        }
        for clause in &self.clauses {
            let name = sql.bind(clause.name.clone().into());
            let any: Vec<_> = clause.any.iter().map(|wanted| sql.wanted(wanted, ("low", "high"))).collect();
            let any = any.join(" OR ");
            sql.text
                .push_str(&format!("AND resource.id IN (SELECT resource FROM value WHERE name = {name} AND ({any})) "));
        }
        (sql.text, sql.bound)
    }
}

/// SQL with numbered parameters; nothing that came with a request is ever part of its text.
struct Conditions {
    text: String,
    bound: Vec<Bound>,
}

impl Conditions {
    /// Parameters that the statement binds before these.
    const BEFORE: usize = 3;

    fn bind(&mut self, value: Bound) -> String {
        self.bound.push(value);
        format!("?{}", Self::BEFORE + self.bound.len())
    }

    fn bind_all(&mut self, values: impl Iterator<Item = String>) -> String {
        values.map(|value| self.bind(value.into())).collect::<Vec<_>>().join(", ")
    }

    fn wanted(&mut self, wanted: &Wanted, (low, high): (&str, &str)) -> String {
        match wanted {
            Wanted::Token(system, code) => {
                let mut parts = Vec::new();
                if let Some(code) = code {
                    parts.push(format!("value = {}", self.bind(code.clone().into())));
                }
                if let Some(system) = system {
                    parts.push(format!("system = {}", self.bind(system.clone().into())));
                }
                format!("({})", parts.join(" AND "))
            }
            Wanted::Prefix(text) => {
                let (from, to) = (self.bind(text.clone().into()), self.bind(format!("{text}\u{10ffff}").into()));
                format!("(value >= {from} AND value < {to})")
            }
            Wanted::Exact(text) => format!("system = {}", self.bind(text.clone().into())),
            Wanted::Reference(kind, id) => {
                let id = self.bind(id.clone().into());
                match kind {
                    Some(kind) => format!("(value = {id} AND system IN ({}, ''))", self.bind(kind.clone().into())),
                    None => format!("value = {id}"),
                }
            }
            Wanted::Date(comparison, (from, to)) => self.date(*comparison, (*from, *to), (low, high)),
        }
    }

    /// How a range in the index, from column `low` to `high`, compares to one that was asked for.
    fn date(&mut self, comparison: Comparison, (from, to): (i64, i64), (low, high): (&str, &str)) -> String {
        let mut at = |moment: i64| self.bind(moment.into());
        match comparison {
            Comparison::Equal => format!("({low} >= {} AND {high} <= {})", at(from), at(to)),
            Comparison::NotEqual => format!("({low} < {} OR {high} > {})", at(from), at(to)),
            Comparison::Greater => format!("{high} > {}", at(to)),
            Comparison::Less => format!("{low} < {}", at(from)),
            Comparison::GreaterOrEqual => format!("{high} >= {}", at(from)),
            Comparison::LessOrEqual => format!("{low} <= {}", at(to)),
            Comparison::StartsAfter => format!("{low} > {}", at(to)),
            Comparison::EndsBefore => format!("{high} < {}", at(from)),
        }
    }
}

fn indexed_name(parameter: &Parameter, modifier: &str) -> String {
    if modifier == "text" { format!("{}:text", parameter.name) } else { parameter.name.to_owned() }
}

/// `_count`, as far as a page goes.
///
/// # Errors
/// [`Fault`] if it is no number.
pub fn count(value: &str) -> Result<usize, Fault> {
    let wrong = || Fault::bad_request("_count: a number from 0");
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    // However large: a page is not.
    if digits { Ok(value.parse().unwrap_or(usize::MAX).min(MAX_COUNT)) } else { Err(wrong()) }
}

/// A name as it may be repeated: what does not look like one is not.
fn named(name: &str) -> String {
    let plain = name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-:.".contains(&b));
    if plain { name.to_owned() } else { "(not a parameter's name)".into() }
}

/// Values separated by commas that are not escaped.
fn alternatives(name: &str, value: &str) -> Result<Vec<String>, Fault> {
    let (mut found, mut current, mut escaped) = (Vec::new(), String::new(), false);
    for letter in value.chars() {
        match letter {
            ',' if !escaped => found.push(std::mem::take(&mut current)),
            _ => current.push(letter),
        }
        escaped = letter == '\\' && !escaped;
    }
    found.push(current);
    if found.len() > MAX_ALTERNATIVES || found.iter().any(String::is_empty) {
        return Err(Fault::bad_request(format!("{}: 1 to {MAX_ALTERNATIVES} values, none empty", named(name))));
    }
    Ok(found)
}

fn unescaped(text: &str) -> String {
    let mut plain = String::new();
    let mut letters = text.chars();
    while let Some(letter) = letters.next() {
        plain.extend(if letter == '\\' { letters.next() } else { Some(letter) });
    }
    plain
}

fn wanted_token(text: &str) -> Wanted {
    let given = |text: &str| Some(unescaped(text)).filter(|text| !text.is_empty());
    let bar = text.char_indices().find(|(at, letter)| *letter == '|' && !text[..*at].ends_with('\\'));
    match bar {
        None => Wanted::Token(None, Some(unescaped(text))),
        // `|code`: a code of no system.
        Some((0, _)) => Wanted::Token(Some(String::new()), Some(unescaped(&text[1..]))),
        Some((at, _)) => Wanted::Token(given(&text[..at]), given(&text[at + 1..])),
    }
}

fn wanted_prefix(name: &str, text: &str) -> Result<Wanted, Fault> {
    let folded = folded(&unescaped(text));
    if folded.is_empty() {
        return Err(Fault::bad_request(format!("{}: at least one letter or digit", named(name))));
    }
    Ok(Wanted::Prefix(folded))
}

fn wanted_reference(name: &str, text: &str) -> Result<Wanted, Fault> {
    let text = unescaped(text);
    match target(&text) {
        Some((kind, id)) => Ok(Wanted::Reference(Some(kind.to_owned()).filter(|kind| !kind.is_empty()), id.to_owned())),
        None if clinical_record::is_fhir_id(&text) => Ok(Wanted::Reference(None, text)),
        None => Err(Fault::bad_request(format!("{}: an id, or Type/id", named(name)))),
    }
}

/// The patient that `patient=` names.
fn patient(name: &str, text: &str) -> Result<String, Fault> {
    match wanted_reference(name, text)? {
        Wanted::Reference(kind, id) if kind.as_deref().is_none_or(|kind| kind == "Patient") => Ok(id),
        _ => Err(Fault::bad_request(format!("{}: the id of a Patient", named(name)))),
    }
}

fn wanted_date(name: &str, text: &str) -> Result<Wanted, Fault> {
    let prefixes = [
        ("eq", Comparison::Equal),
        ("ne", Comparison::NotEqual),
        ("gt", Comparison::Greater),
        ("lt", Comparison::Less),
        ("ge", Comparison::GreaterOrEqual),
        ("le", Comparison::LessOrEqual),
        ("sa", Comparison::StartsAfter),
        ("eb", Comparison::EndsBefore),
    ];
    let found = prefixes.iter().find_map(|(prefix, comparison)| Some((text.strip_prefix(prefix)?, *comparison)));
    let (date, comparison) = found.unwrap_or((text, Comparison::Equal));
    let range = date_range(date);
    let range = range.ok_or_else(|| {
        Fault::bad_request(format!("{}: a date, as 2024, 2024-05 or 2024-05-31T10:00:00Z", named(name)))
    })?;
    Ok(Wanted::Date(comparison, range))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(parameters: &[(&str, &str)]) -> Result<Criteria, Fault> {
        let parameters: Vec<_> = parameters.iter().map(|(n, v)| ((*n).to_owned(), (*v).to_owned())).collect();
        Criteria::read("Observation", &parameters, false)
    }

    #[test]
    fn tokens_have_a_system_a_code_both_or_a_code_of_no_system() {
        let token = |system: Option<&str>, code: Option<&str>| {
            Wanted::Token(system.map(str::to_owned), code.map(str::to_owned))
        };
        assert_eq!(wanted_token("c"), token(None, Some("c")));
        assert_eq!(wanted_token("s|c"), token(Some("s"), Some("c")));
        assert_eq!(wanted_token("s|"), token(Some("s"), None));
        assert_eq!(wanted_token("|c"), token(Some(""), Some("c")));
        assert_eq!(wanted_token(r"a\|b"), token(None, Some("a|b")));
    }

    #[test]
    fn what_a_request_says_is_never_part_of_the_statement() {
        let hostile = "x') OR 1=1 --";
        let criteria = read(&[("code", hostile), ("_id", hostile), ("code:text", hostile)]).unwrap();
        let (sql, bound) = criteria.conditions(&BTreeMap::new());
        assert!(!sql.contains("1=1") && !sql.contains("--"), "{sql}");
        assert!(bound.contains(&Bound::Text(hostile.to_owned())));
    }

    #[test]
    fn unknown_parameters_and_modifiers_are_named_and_not_heeded() {
        let criteria = read(&[("colour", "red"), ("code:above", "x"), ("code", "c"), ("<b>", "x")]).unwrap();
        assert_eq!(criteria.ignored, ["colour", "code:above", "(not a parameter's name)"]);
        assert_eq!(criteria.heeded, [("code".to_owned(), "c".to_owned())]);
        let strict = Criteria::read("Observation", &[("colour".into(), "red".into())], true).unwrap_err();
        assert_eq!(strict.status, 400);
    }

    #[test]
    fn values_that_cannot_be_read_are_refused_and_a_page_is_never_huge() {
        for (name, value) in
            [("date", "soon"), ("_count", "-1"), ("_count", "x"), ("code", "a,,b"), ("patient", "Group/1")]
        {
            assert_eq!(read(&[(name, value)]).unwrap_err().status, 400, "{name}={value}");
        }
        assert_eq!(read(&[("_count", "99999999999999999999999")]).unwrap().count, MAX_COUNT);
        assert!(read(&[("_count", "0")]).unwrap().count_only);
    }
}
