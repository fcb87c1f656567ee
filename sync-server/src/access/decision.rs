//! Asks the policies. Answers are kept: the same question is put to Cedar once, whoever asks it about whatever document.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use cedar_policy::{Authorizer, Decision, Entities, PolicyId, Request};

use crate::access::policy::Policies;
use crate::access::question::Question;

/// Answers that are kept, at most. Facts make some hundreds of different questions; only somebody who invents sensitive
/// categories makes many more.
const MAX_ANSWERS: usize = 50_000;

/// Answers that were given.
#[derive(Debug, Default)]
pub(in crate::access) struct Answers {
    given: Mutex<HashMap<Question, bool>>,
}

/// What the policies said, and which of them.
#[derive(Debug)]
pub(in crate::access) struct Verdict {
    pub permitted: bool,
    /// Those that decided: what permits, or what forbids.
    pub policies: Vec<PolicyId>,
}

impl Policies {
    /// Whether the policies permit it. Default deny.
    pub(in crate::access) fn permit(&self, question: &Question) -> bool {
        if let Some(answer) = self.answers.lock().get(question) {
            return *answer;
        }
        let answer = self.evaluate(question).permitted;
        let mut given = self.answers.lock();
        if given.len() >= MAX_ANSWERS {
            given.clear();
        }
        given.insert(question.clone(), answer);
        answer
    }

    /// Asks Cedar, whatever was answered before.
    pub(in crate::access) fn evaluate(&self, question: &Question) -> Verdict {
        self.ask(question.to_cedar())
    }

    /// Asks Cedar. Whatever goes wrong is a denial: a policy that cannot be evaluated might have forbidden it.
    pub(in crate::access) fn ask(&self, request: Result<(Request, Entities), String>) -> Verdict {
        let denied = Verdict { permitted: false, policies: Vec::new() };
        let (request, entities) = match request {
            Ok(asked) => asked,
            Err(error) => {
                tracing::error!(%error, "a question to the policies could not be put");
                return denied;
            }
        };
        let response = Authorizer::new().is_authorized(&request, &self.set, &entities);
        if response.diagnostics().errors().next().is_some() {
            tracing::error!("a policy could not be evaluated; denied");
            return denied;
        }
        let policies = response.diagnostics().reason().cloned().collect();
        Verdict { permitted: response.decision() == Decision::Allow, policies }
    }

    /// How many answers are kept.
    #[must_use]
    pub fn answers_kept(&self) -> usize {
        self.answers.lock().len()
    }
}

impl Answers {
    fn lock(&self) -> MutexGuard<'_, HashMap<Question, bool>> {
        // Nothing is left half done in the map by a thread that panicked.
        self.given.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
