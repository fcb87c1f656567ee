//! Reading: one resource, a search, all of a patient. Nothing leaves before the ledger has it, and nothing that the caller
//! lost the right to meanwhile.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{Answer, SearchSet};
use super::index::{Found, Wanted};
use super::outcome::{Fault, Issue, outcome};
use super::page::{self, Place};
use super::query::{self, Criteria};
use super::request::Call;
use super::serve::Caller;
use super::values::date_range;
use super::{WHILE_WAITING, types};
use crate::relay::{FhirAct, Interaction};
use crate::store::Disclosed;

/// How often a reading is begun anew whose documents were taken away meanwhile.
const ATTEMPTS: usize = 3;

/// One resource.
///
/// # Errors
/// [`Fault`]: not found, whether there is none or the caller may not see it.
pub async fn read(caller: &Caller, kind: &'static str, id: &str) -> Result<Answer, Fault> {
    for _ in 0..ATTEMPTS {
        let sight = caller.sight().await?;
        let id = id.to_owned();
        let fhir = &caller.state.fhir;
        let found = fhir
            .with_index(&caller.state.service, WHILE_WAITING, move |index| {
                Ok(index.resource(&sight.documents, &sight.client.organization, kind, &id)?)
            })
            .await?;
        let found = found.ok_or_else(Fault::not_found)?;
        if give(caller, Interaction::Read, kind, Vec::new(), std::slice::from_ref(&found)).await? {
            return Ok(Answer::resource(found));
        }
    }
    Err(Fault::not_found())
}

/// A search, or its next page.
///
/// # Errors
/// [`Fault`].
pub async fn search(caller: &Caller, kind: &'static str, call: &Call) -> Result<Answer, Fault> {
    let sight = caller.sight().await?;
    let (parameters, after) = match call.parameter(page::PARAMETER) {
        Some(link) => {
            let place = caller.state.fhir.seal.open(&sight.client.id, kind, link)?;
            (place.parameters, place.after.1)
        }
        None => (call.parameters.clone(), String::new()),
    };
    let criteria = Criteria::read(kind, &parameters, call.asked.strict)?;
    let names: BTreeSet<String> = criteria.heeded.iter().map(|(name, _)| name.clone()).collect();
    for _ in 0..ATTEMPTS {
        let sight = caller.sight().await?;
        let (wanted, after) = (criteria.clone(), after.clone());
        let matches = caller.state.fhir.with_index(&caller.state.service, WHILE_WAITING, move |index| {
            let own = &sight.client.organization;
            if wanted.count_only {
                return Ok((index.count(&sight.documents, own, &wanted).map(Some)?, super::index::Matches::default()));
            }
            Ok((None, index.search(&sight.documents, own, &wanted, &after)?))
        });
        let (total, matches) = matches.await?;
        if !give(caller, Interaction::Search, kind, names.iter().cloned().collect(), &matches.found).await? {
            continue;
        }
        let next = next_link(caller, kind, &criteria.heeded, &matches.found, matches.more).await?;
        let set = SearchSet {
            base: &caller.base,
            itself: with_query(kind, &criteria.heeded),
            next,
            total,
            outcome: ignored(&criteria.ignored),
        };
        return Ok(Answer::ok(set.render(&matches.found)));
    }
    Err(Fault::try_again("what you may see has just changed, search again", 1))
}

/// All of a patient, or its next page.
///
/// # Errors
/// [`Fault`]: not found, whether there is no such patient or the caller may not see it.
pub async fn everything(caller: &Caller, id: &str, call: &Call) -> Result<Answer, Fault> {
    let path = format!("Patient/{id}/$everything");
    let sight = caller.sight().await?;
    let (parameters, after) = match call.parameter(page::PARAMETER) {
        Some(link) => {
            let place = caller.state.fhir.seal.open(&sight.client.id, &path, link)?;
            (place.parameters, Some(place.after))
        }
        None => (call.parameters.clone(), None),
    };
    let asked = Everything::read(&parameters, call.asked.strict)?;
    for _ in 0..ATTEMPTS {
        let sight = caller.sight().await?;
        let (patient, wanted, after) = (id.to_owned(), asked.clone(), after.clone());
        let found = caller.state.fhir.with_index(&caller.state.service, WHILE_WAITING, move |index| {
            let own = &sight.client.organization;
            if index.resource(&sight.documents, own, "Patient", &patient)?.is_none() {
                return Err(Fault::not_found());
            }
            let registrations = index.registrations(&sight.documents, &BTreeSet::from([patient.clone()]))?;
            let charts = registrations.get(&patient).cloned().unwrap_or_default();
            let after = after.as_ref().map(|(kind, id)| (kind.as_str(), id.as_str()));
            let wanted = Wanted { types: wanted.types, since: wanted.since, count: wanted.count, after };
            Ok(index.everything(&sight.documents, own, &charts, &wanted)?)
        });
        let matches = found.await?;
        let names = asked.heeded.iter().map(|(name, _)| name.clone()).collect();
        if !give(caller, Interaction::Everything, "Patient", names, &matches.found).await? {
            continue;
        }
        let next = next_link(caller, &path, &asked.heeded, &matches.found, matches.more).await?;
        let itself = with_query(&path, &asked.heeded);
        let set = SearchSet { base: &caller.base, itself, next, total: None, outcome: ignored(&asked.ignored) };
        return Ok(Answer::ok(set.render(&matches.found)));
    }
    Err(Fault::try_again("what you may see has just changed, ask again", 1))
}

/// What `$everything` is asked for.
#[derive(Clone, Debug, Default)]
struct Everything {
    types: Vec<&'static str>,
    since: Option<i64>,
    count: usize,
    heeded: Vec<(String, String)>,
    ignored: Vec<String>,
}

impl Everything {
    fn read(parameters: &[(String, String)], strict: bool) -> Result<Self, Fault> {
        let mut asked = Self { count: query::MAX_COUNT, ..Self::default() };
        for (name, value) in parameters {
            match name.as_str() {
                "_count" => asked.count = query::count(value)?.max(1),
                "_since" => {
                    let range = date_range(value).ok_or_else(|| Fault::bad_request("_since: an instant"))?;
                    asked.since = Some(range.0);
                }
                "_type" => {
                    let known = value.split(',').map(types::known).collect::<Option<Vec<_>>>();
                    asked.types =
                        known.ok_or_else(|| Fault::bad_request("_type: resource types, separated by commas"))?;
                }
                "_format" | "_pretty" => {}
                _ => {
                    asked.ignored.push(name.chars().filter(char::is_ascii_graphic).take(40).collect());
                    continue;
                }
            }
            asked.heeded.push((name.clone(), value.clone()));
        }
        if strict && !asked.ignored.is_empty() {
            return Err(Fault::bad_request("_since, _count and _type are known here"));
        }
        Ok(asked)
    }
}

/// Records what is about to be given. False if the caller may not have all of it any more.
pub(super) async fn give(
    caller: &Caller,
    interaction: Interaction,
    kind: &'static str,
    parameters: Vec<String>,
    found: &[Found],
) -> Result<bool, Fault> {
    let documents: BTreeMap<u32, _> = found.iter().map(|one| (one.document, one.upto)).collect();
    let disclosed = documents
        .into_iter()
        .map(|(document, upto)| Disclosed { document, upto, break_glass: false, sealed: false })
        .collect();
    let act = FhirAct { interaction, resource_type: kind.to_owned(), parameters, disclosed };
    let token = caller.token.clone();
    let recorded =
        caller.state.service.administer(move |relay, now| relay.fhir_disclose(token.reveal(), &act, now)).await??;
    recorded.ok_or_else(Fault::not_signed_in)
}

async fn next_link(
    caller: &Caller,
    path: &str,
    parameters: &[(String, String)],
    found: &[Found],
    more: bool,
) -> Result<Option<String>, Fault> {
    let Some(last) = found.last().filter(|_| more) else { return Ok(None) };
    let after = (last.resource_type.clone(), last.id.clone());
    let place = Place { path: path.to_owned(), parameters: parameters.to_vec(), after };
    let client = caller.sight().await?.client.id;
    let mut nonce = [0; 12];
    getrandom::fill(&mut nonce).map_err(|_| Fault::failed())?;
    let link = caller.state.fhir.seal.seal(&client, &place, nonce)?;
    Ok(Some(format!("{path}?{}={link}", page::PARAMETER)))
}

fn with_query(path: &str, parameters: &[(String, String)]) -> String {
    if parameters.is_empty() {
        return path.to_owned();
    }
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.extend_pairs(parameters);
    format!("{path}?{}", query.finish())
}

fn ignored(names: &[String]) -> Option<serde_json::Value> {
    let issue =
        |name: &String| Issue::new("not-supported", format!("search parameter {name} is not known and not heeded"));
    (!names.is_empty()).then(|| outcome("warning", &names.iter().map(issue).collect::<Vec<_>>()))
}
