//! A request of the API, read: method, path, parameters, headers, body. An entry of a Bundle becomes one, too.

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, StatusCode, header};
use serde_json::Value;

use super::outcome::Fault;

/// Media type of FHIR in JSON.
pub const FHIR_JSON: &str = "application/fhir+json";
const FORM: &str = "application/x-www-form-urlencoded";

/// What the caller wants to see of what it wrote.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Return {
    /// Nothing.
    Minimal,
    /// The resource.
    #[default]
    Representation,
    /// That it went well.
    Outcome,
}

/// What headers ask for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// `Prefer: handling=strict`.
    pub strict: bool,
    /// `Prefer: return=`.
    pub returns: Return,
    /// `If-Match`.
    pub if_match: Option<String>,
    /// `If-None-Exist`.
    pub if_none_exist: Option<String>,
}

/// See the module.
#[derive(Clone, Debug)]
pub struct Call {
    /// Method.
    pub method: Method,
    /// Below the base, without empty ones.
    pub segments: Vec<String>,
    /// Of the query, and of a form.
    pub parameters: Vec<(String, String)>,
    /// Headers.
    pub asked: Asked,
    /// A resource.
    pub body: Option<Value>,
}

impl Call {
    /// Reads a request. `path`: below the base.
    ///
    /// # Errors
    /// [`Fault`]: 400, 406, 415.
    pub fn read(method: Method, path: &str, query: &str, headers: &HeaderMap, body: &Bytes) -> Result<Self, Fault> {
        let mut call = Self {
            segments: path.split('/').filter(|segment| !segment.is_empty()).map(decoded).collect(),
            parameters: pairs(query.as_bytes()),
            asked: Asked::read(headers),
            body: None,
            method,
        };
        call.agree_on_format(headers)?;
        if call.is_form_search() {
            if !body.is_empty() && !is_of(headers, &[FORM]) {
                return Err(unsupported("a search by POST is application/x-www-form-urlencoded"));
            }
            call.parameters.extend(pairs(body));
        } else if matches!(call.method, Method::POST | Method::PUT) {
            if !is_of(headers, &[FHIR_JSON, "application/json"]) {
                return Err(unsupported("resources are application/fhir+json"));
            }
            call.body = Some(json(body)?);
        }
        Ok(call)
    }

    /// A parameter's first value.
    #[must_use]
    pub fn parameter(&self, name: &str) -> Option<&str> {
        self.parameters.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }

    fn is_form_search(&self) -> bool {
        self.method == Method::POST && self.segments.last().is_some_and(|last| last == "_search")
    }

    /// JSON is all there is.
    fn agree_on_format(&self, headers: &HeaderMap) -> Result<(), Fault> {
        let is_json = |text: &str| {
            let kind = text.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
            ["json", "*/*", "application/*", "application/json", "text/json", FHIR_JSON].contains(&kind.as_str())
        };
        // A plus in an address may have become a space.
        let format = self.parameter("_format").map(|format| format.replace(' ', "+"));
        let accepted = match format {
            Some(format) => is_json(&format),
            None => {
                let mut named =
                    headers.get_all(header::ACCEPT).iter().filter_map(|value| value.to_str().ok()).peekable();
                named.peek().is_none() || named.flat_map(|value| value.split(',')).any(is_json)
            }
        };
        let text = "this server speaks application/fhir+json only";
        if accepted { Ok(()) } else { Err(Fault::new(StatusCode::NOT_ACCEPTABLE, "not-supported", text)) }
    }
}

impl Asked {
    fn read(headers: &HeaderMap) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut asked = Self { if_match: text("if-match"), if_none_exist: text("if-none-exist"), ..Self::default() };
        let preferences = headers.get_all("prefer").iter().filter_map(|value| value.to_str().ok());
        for preference in preferences.flat_map(|value| value.split([',', ';'])).map(str::trim) {
            match preference {
                "handling=strict" => asked.strict = true,
                "return=minimal" => asked.returns = Return::Minimal,
                "return=OperationOutcome" => asked.returns = Return::Outcome,
                _ => {}
            }
        }
        asked
    }
}

/// The version that an `If-Match` names.
///
/// # Errors
/// [`Fault`] if it is not one weak or strong entity tag.
pub fn version_of(if_match: &str) -> Result<&str, Fault> {
    let tag = if_match.trim();
    let quoted = tag.strip_prefix("W/").unwrap_or(tag);
    let version = quoted.strip_prefix('"').and_then(|rest| rest.strip_suffix('"'));
    version
        .filter(|version| !version.contains('"'))
        .ok_or_else(|| Fault::bad_request("If-Match: one ETag, as W/\"...\""))
}

/// The pairs of a query or form.
#[must_use]
pub fn pairs(text: &[u8]) -> Vec<(String, String)> {
    form_urlencoded::parse(text).map(|(name, value)| (name.into_owned(), value.into_owned())).collect()
}

fn decoded(segment: &str) -> String {
    // A form's decoding with the one sign that means something else in a path.
    let plain = segment.replace('+', "%2B");
    form_urlencoded::parse(plain.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

fn json(body: &[u8]) -> Result<Value, Fault> {
    serde_json::from_slice(body).map_err(|error| {
        let place = format!("not valid JSON at line {}, column {}", error.line(), error.column());
        Fault::new(StatusCode::BAD_REQUEST, "structure", place)
    })
}

fn is_of(headers: &HeaderMap, kinds: &[&str]) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    kinds.contains(&kind.as_str())
}

fn unsupported(text: &'static str) -> Fault {
    Fault::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "not-supported", text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(method: Method, path: &str, query: &str, headers: &[(&str, &str)], body: &str) -> Result<Call, u16> {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(axum::http::HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        let body = Bytes::from(body.to_owned());
        Call::read(method, path, query, &map, &body).map_err(|fault| fault.status.as_u16())
    }

    #[test]
    fn xml_is_not_acceptable_and_json_is_whatever_it_is_called() {
        let get =
            |query: &str, headers: &[(&str, &str)]| read(Method::GET, "Patient/p", query, headers, "").map(|_| ());
        assert_eq!(get("", &[]), Ok(()));
        assert_eq!(get("", &[("accept", "application/fhir+xml, application/fhir+json;q=0.5")]), Ok(()));
        assert_eq!(get("", &[("accept", "application/fhir+xml")]), Err(406));
        assert_eq!(get("_format=xml", &[]), Err(406));
        assert_eq!(get("_format=application/fhir+json", &[("accept", "text/html")]), Ok(()));
    }

    #[test]
    fn a_body_has_a_type_and_is_json() {
        let post =
            |kind: &str, body: &str| read(Method::POST, "Patient", "", &[("content-type", kind)], body).map(|_| ());
        assert_eq!(post("application/fhir+json; charset=utf-8", "{}"), Ok(()));
        assert_eq!(post("application/json", "{"), Err(400));
        assert_eq!(post("text/xml", "<a/>"), Err(415));
    }

    #[test]
    fn a_search_by_form_adds_to_the_query_and_paths_are_decoded() {
        let headers = [("content-type", FORM)];
        let call = read(Method::POST, "Patient/_search", "_count=2", &headers, "family=a%2Cb&given=x+y").unwrap();
        assert_eq!(call.parameter("family"), Some("a,b"));
        assert_eq!((call.parameter("_count"), call.parameter("given")), (Some("2"), Some("x y")));
        assert_eq!(read(Method::GET, "Patient/a%2Fb", "", &[], "").unwrap().segments, ["Patient", "a/b"]);
    }

    #[test]
    fn an_if_match_is_one_tag() {
        assert_eq!(version_of("W/\"abc\"").unwrap(), "abc");
        assert_eq!(version_of("\"abc\"").unwrap(), "abc");
        for bad in ["abc", "*", "W/\"a\", W/\"b\"", ""] {
            assert!(version_of(bad).is_err(), "{bad}");
        }
    }
}
