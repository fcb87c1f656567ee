//! Lists in pages.

use serde::{Deserialize, Serialize};
use sync_protocol::OrganizationId;
use utoipa::{IntoParams, ToSchema};

use super::schema;

/// Entries in one answer, at most.
pub const MAX_PAGE: usize = 1_000;

/// One page of a list.
#[derive(Clone, Debug, Serialize, Deserialize, ToSchema)]
pub struct Page<T> {
    /// The entries, in the list's order.
    pub items: Vec<T>,
    /// What to give as `after` for the next page; none if this is the last.
    pub next: Option<String>,
}

/// Which page of a list.
#[derive(Clone, Debug, Default, Serialize, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub struct PageQuery {
    /// What concerns this organization; all that one may see if none is given.
    #[param(value_type = Option<schema::FhirId>)]
    pub organization: Option<OrganizationId>,
    /// Entries after this one: `next` of the page before.
    #[param(max_length = 64)]
    pub after: Option<String>,
    /// At most so many, up to 1000.
    #[param(minimum = 1, maximum = 1000)]
    pub limit: Option<usize>,
}

impl PageQuery {
    /// How many entries to answer with.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.limit.unwrap_or(MAX_PAGE).clamp(1, MAX_PAGE)
    }
}

impl<T> Page<T> {
    /// A page out of one entry more than its limit, if there are more. `key`: what names an entry for `after`.
    pub fn of(mut found: Vec<T>, limit: usize, key: impl Fn(&T) -> String) -> Self {
        let more = found.len() > limit;
        found.truncate(limit);
        let next = found.last().filter(|_| more).map(key);
        Self { items: found, next }
    }

    /// A page out of a whole list that is sorted by `key`.
    pub fn cut(mut all: Vec<T>, query: &PageQuery, key: impl Fn(&T) -> String) -> Self {
        if let Some(after) = &query.after {
            all.retain(|entry| key(entry) > *after);
        }
        all.truncate(query.limit() + 1);
        Self::of(all, query.limit(), key)
    }

    /// The same page, with each entry as something else.
    pub fn map<U>(self, show: impl FnMut(T) -> U) -> Page<U> {
        Page { items: self.items.into_iter().map(show).collect(), next: self.next }
    }
}

/// What was asked for is done, and there is nothing to say of it.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize, ToSchema)]
pub struct Done {}

#[cfg(test)]
mod tests {
    use super::*;

    fn page(after: Option<&str>, limit: usize) -> (Vec<String>, Option<String>) {
        let all = ["a", "b", "c"].map(str::to_owned).to_vec();
        let query = PageQuery { organization: None, after: after.map(Into::into), limit: Some(limit) };
        let page = Page::cut(all, &query, Clone::clone);
        (page.items, page.next)
    }

    #[test]
    fn pages_follow_one_another_and_the_last_says_so() {
        assert_eq!(page(None, 2), (vec!["a".into(), "b".into()], Some("b".into())));
        assert_eq!(page(Some("b"), 2), (vec!["c".into()], None));
        assert_eq!(page(None, 3), (vec!["a".into(), "b".into(), "c".into()], None));
        assert_eq!(page(Some("z"), 3), (Vec::new(), None));
        assert_eq!(page(None, 0).0.len(), 1, "at least one");
    }
}
