//! The CapabilityStatement: what works, and nothing else.

use serde_json::{Value, json};

use super::parameters::{self, Kind};
use super::types::TYPES;

/// The statement. `base`: the API's address.
#[must_use]
pub fn statement(base: &str) -> Value {
    let resources: Vec<Value> = TYPES.iter().map(|kind| resource(kind)).collect();
    json!({
        "resourceType": "CapabilityStatement",
        "status": "active",
        "date": "2026-11-23",
        "kind": "instance",
        "software": { "name": "Satchel", "version": env!("CARGO_PKG_VERSION") },
        "implementation": { "description": "A Satchel relay", "url": base },
        "fhirVersion": "4.0.1",
        "format": ["json"],
        "rest": [{
            "mode": "server",
            "security": {
                "cors": false,
                "service": [{ "text": "OAuth 2.0 client credentials" }],
                "extension": [{
                    "url": "http://fhir-registry.smarthealthit.org/StructureDefinition/oauth-uris",
                    "extension": [{ "url": "token", "valueUri": format!("{base}/token") }],
                }],
                "description":
                    "A client acts for one practitioner of one organization and may do what they may do on a device. \
                     Charts that are open by emergency access only are not served here.",
            },
            "resource": resources,
            "interaction": [{ "code": "transaction" }, { "code": "batch" }],
        }],
    })
}

fn resource(kind: &str) -> Value {
    let mut search = vec![json!({ "name": "_id", "type": "token" }), json!({ "name": "_lastUpdated", "type": "date" })];
    search.extend(parameters::of(kind).iter().map(|one| json!({ "name": one.name, "type": shown(one.kind) })));
    let mut resource = json!({
        "type": kind,
        "interaction": [{ "code": "read" }, { "code": "create" }, { "code": "update" }, { "code": "search-type" }],
        "versioning": "versioned-update",
        "readHistory": false,
        // The id of a Patient is the relay's to give: whether one is taken is nobody's to find out.
        "updateCreate": kind != "Patient",
        "conditionalCreate": true,
        "conditionalRead": "not-supported",
        "conditionalUpdate": false,
        "conditionalDelete": "not-supported",
        "searchParam": search,
    });
    if kind == "Patient" {
        resource["operation"] = json!([{
            "name": "everything", "definition": "http://hl7.org/fhir/OperationDefinition/Patient-everything",
        }]);
    }
    resource
}

fn shown(kind: Kind) -> &'static str {
    match kind {
        Kind::Token => "token",
        Kind::Text => "string",
        Kind::Date => "date",
        Kind::Reference | Kind::Chart => "reference",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_statement_is_valid_r4_and_says_nothing_of_what_is_not_there() {
        let statement = statement("http://127.0.0.1:7443/fhir");
        assert_eq!(clinical_record::validate(&statement), []);
        let text = statement.to_string();
        for absent in ["vread", "history-", "delete\"", "patch"] {
            assert!(!text.contains(absent), "{absent}");
        }
    }
}
