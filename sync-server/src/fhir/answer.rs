//! Answers: resources and Bundles as JSON text. Resources are put in as the index keeps them, without being read again.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use sync_protocol::UnixMillis;

use super::index::Found;
use super::outcome::Fault;

/// What is answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status.
    pub status: StatusCode,
    /// JSON; none for an empty body.
    pub body: Option<String>,
    /// Version of the resource.
    pub version: Option<String>,
    /// Where it is, below the base.
    pub location: Option<String>,
    /// When the relay took it.
    pub updated: Option<UnixMillis>,
}

impl Answer {
    /// Something found.
    #[must_use]
    pub fn ok(body: String) -> Self {
        Self { status: StatusCode::OK, body: Some(body), version: None, location: None, updated: None }
    }

    /// A resource.
    #[must_use]
    pub fn resource(found: Found) -> Self {
        Self { version: Some(found.version), updated: Some(found.updated), ..Self::ok(found.body) }
    }

    /// As HTTP. `base`: the API's address.
    #[must_use]
    pub fn into_response(self, base: &str) -> Response {
        let mut response = match self.body {
            Some(body) => (self.status, body).into_response(),
            None => self.status.into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        let mut put = |name, text: String| {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        };
        if let Some(version) = self.version {
            put(header::ETAG, etag(&version));
        }
        if let Some(location) = self.location {
            put(header::LOCATION, format!("{base}/{location}"));
        }
        if let Some(updated) = self.updated {
            put(header::LAST_MODIFIED, http_date(updated));
        }
        response
    }
}

const CONTENT_TYPE: &str = "application/fhir+json; charset=utf-8";

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.outcome().to_string()).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(CONTENT_TYPE));
        if let Some(seconds) = self.retry_after {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"fhir\""));
        }
        response
    }
}

/// A version as an entity tag.
#[must_use]
pub fn etag(version: &str) -> String {
    format!("W/\"{version}\"")
}

/// A moment as HTTP writes it.
#[must_use]
pub fn http_date(at: UnixMillis) -> String {
    let time =
        time::OffsetDateTime::from_unix_timestamp(at.0.div_euclid(1000)).unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    let days = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    let months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let day = days[usize::from(time.weekday().number_days_from_monday())];
    let month = months[usize::from(u8::from(time.month())) - 1];
    let (hour, minute, second) = time.to_hms();
    format!("{day}, {:02} {month} {:04} {hour:02}:{minute:02}:{second:02} GMT", time.day(), time.year())
}

/// A Bundle of what a search found.
pub struct SearchSet<'a> {
    /// The API's address.
    pub base: &'a str,
    /// Path and heeded parameters.
    pub itself: String,
    /// Where it goes on, below the base.
    pub next: Option<String>,
    /// How many there are that the caller may see, where that was asked for.
    pub total: Option<usize>,
    /// An OperationOutcome to add.
    pub outcome: Option<Value>,
}

impl SearchSet<'_> {
    /// As JSON.
    #[must_use]
    pub fn render(&self, found: &[Found]) -> String {
        let mut links = vec![json!({ "relation": "self", "url": format!("{}/{}", self.base, self.itself) })];
        if let Some(next) = &self.next {
            links.push(json!({ "relation": "next", "url": format!("{}/{next}", self.base) }));
        }
        let mut text = String::from(r#"{"resourceType":"Bundle","type":"searchset""#);
        if let Some(total) = self.total {
            text.push_str(&format!(r#","total":{total}"#));
        }
        text.push_str(&format!(r#","link":{}"#, Value::Array(links)));
        let mut entries: Vec<String> = Vec::with_capacity(found.len() + 1);
        for one in found {
            let url = Value::String(format!("{}/{}/{}", self.base, one.resource_type, one.id));
            entries.push(format!(r#"{{"fullUrl":{url},"resource":{},"search":{{"mode":"match"}}}}"#, one.body));
        }
        if let Some(outcome) = &self.outcome {
            entries.push(format!(r#"{{"resource":{outcome},"search":{{"mode":"outcome"}}}}"#));
        }
        // An empty list is nothing that R4 allows.
        if !entries.is_empty() {
            text.push_str(&format!(r#","entry":[{}]"#, entries.join(",")));
        }
        text.push('}');
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn http_dates_are_written_as_the_standard_has_them() {
        assert_eq!(http_date(UnixMillis(784_111_777_999)), "Sun, 06 Nov 1994 08:49:37 GMT");
    }

    #[test]
    fn a_set_without_entries_has_no_list_and_is_json() {
        let set = SearchSet {
            base: "http://h/fhir",
            itself: "Patient?name=x".into(),
            next: None,
            total: None,
            outcome: None,
        };
        let bundle: Value = serde_json::from_str(&set.render(&[])).unwrap();
        assert_eq!(bundle["link"][0]["url"], "http://h/fhir/Patient?name=x");
        assert!(bundle.get("entry").is_none() && bundle.get("total").is_none());
    }
}
