//! Consents, care teams and relationships: put in either shape, seen in what `why` answers, given back as FHIR.

use serde_json::{Value, json};

use crate::clinics::{administrator, fhir_care_team, fhir_consent, north, ok, role};
use crate::running::{Running, config, start};

/// Why somebody may or may not read the core of north's p1: whether, by which policies, by which facts.
async fn why(relay: &Running, who: &str, at: &str) -> (bool, Vec<String>, Vec<Value>) {
    let path = format!("/why/{who}/charts/north/p1/core?acting_for={at}");
    let answers = ok(relay.admin("GET", &path, None).await);
    assert_eq!((&answers[0]["action"], &answers[0]["organization"]), (&json!("read"), &json!(at)));
    let read = &answers[0]["explanation"];
    let ids = read["policies"].as_array().unwrap().iter().map(|policy| policy["id"].as_str().unwrap().to_owned());
    (read["permitted"].as_bool().unwrap(), ids.collect(), read["facts"].as_array().unwrap().clone())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fhir_consent_that_denies_is_named_by_why_until_it_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let officer = north(&relay).await.token;
    assert!(why(&relay, "dr-a", "north").await.0);
    let denies = fhir_consent("c-9", "north", "north");
    ok(relay.admin_as(&officer, "PUT", "/consents/c-9/fhir", Some(denies.clone())).await);
    let (permitted, policies, facts) = why(&relay, "dr-a", "north").await;
    assert_eq!((permitted, policies), (false, vec!["consent-denies".to_owned()]));
    assert!(facts.contains(&json!({ "fact": "consent", "id": "c-9", "effect": "deny" })), "{facts:?}");

    // Given back as it was put; in a list in the relay's own shape, without what it was read from.
    assert_eq!(ok(relay.admin_as(&officer, "GET", "/consents/c-9/fhir", None).await), denies);
    let listed = ok(relay.admin_as(&officer, "GET", "/consents?after=c", None).await);
    let shown = listed["items"].as_array().unwrap().iter().find(|one| one["id"] == "c-9").unwrap().clone();
    assert_eq!((&shown["provision"]["effect"], shown.get("source")), (&json!("deny"), None));
    // What is listed can be put: now without effect.
    let mut inactive = shown;
    inactive["status"] = json!("inactive");
    ok(relay.admin_as(&officer, "PUT", "/consents", Some(inactive)).await);
    assert!(why(&relay, "dr-a", "north").await.0);
    let anew = ok(relay.admin_as(&officer, "GET", "/consents/c-9/fhir", None).await);
    assert_eq!((&anew["resourceType"], &anew["status"]), (&json!("Consent"), &json!("inactive")));
    ok(relay.admin_as(&officer, "DELETE", "/consents/c-9", None).await);
    assert_eq!(relay.admin_as(&officer, "GET", "/consents/c-9/fhir", None).await.0, 404);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_resource_that_is_not_understood_is_refused_with_the_elements_path() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let officer = north(&relay).await.token;
    let refused = async |path: &str, resource: Value| {
        let (status, problem) = relay.admin_as(&officer, "PUT", path, Some(resource)).await;
        (status, problem["message"].as_str().unwrap().to_owned())
    };
    let mut wrong = fhir_consent("c-9", "north", "south");
    wrong["provision"]["actor"][0]["reference"]["reference"] = json!("Device/x");
    let (status, message) = refused("/consents/c-9/fhir", wrong.clone()).await;
    assert!(status == 422 && message.starts_with("Consent.provision.actor[0].reference: "), "{status} {message}");
    wrong["provision"]["purpose"] = json!([]);
    let (_, message) = refused("/consents/c-9/fhir", wrong).await;
    assert_eq!(message, "Consent.provision.purpose: is not understood here");
    let mut team = fhir_care_team("t-9", "north", "dr-a");
    team["participant"][0]["period"] = json!({ "start": "yesterday" });
    let (_, message) = refused("/care-teams/t-9/fhir", team).await;
    assert_eq!(message, "CareTeam.participant[0].period.start: is no FHIR dateTime");
    let another = refused("/consents/c-8/fhir", fhir_consent("c-9", "north", "south")).await;
    assert_eq!(another, (400, "Consent.id: another than the path names".into()));
    let elsewhere = refused("/consents/c-9/fhir", fhir_consent("c-9", "south", "north")).await;
    assert_eq!(elsewhere.0, 403);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn care_teams_and_relationships_open_charts_as_why_tells() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let officer = north(&relay).await.token;
    administrator(&relay, "dr-s", "south").await;
    role(&relay, "dr-s", "south", "physician").await;
    assert!(!why(&relay, "dr-s", "south").await.0);
    ok(relay.admin_as(&officer, "PUT", "/care-teams/t-9/fhir", Some(fhir_care_team("t-9", "north", "dr-s"))).await);
    let (permitted, policies, facts) = why(&relay, "dr-s", "south").await;
    assert_eq!((permitted, policies), (true, vec!["care-team".to_owned()]));
    assert!(facts.contains(&json!({ "fact": "care-team", "id": "t-9", "period": {} })), "{facts:?}");
    let team = json!({ "id": "t-9", "organization": "north", "patient": "p1", "members": [] });
    ok(relay.admin_as(&officer, "PUT", "/care-teams", Some(team)).await);
    assert!(!why(&relay, "dr-s", "south").await.0);
    ok(relay.admin_as(&officer, "DELETE", "/care-teams/t-9", None).await);

    let affiliation = json!({
        "organization": "north", "partner": "south", "compartments": ["core"], "patients": "with-relationship",
    });
    ok(relay.admin_as(&officer, "PUT", "/affiliations", Some(affiliation)).await);
    assert!(!why(&relay, "dr-s", "south").await.0, "nobody has said that south treats p1");
    let relationship = json!({ "organization": "north", "patient": "p1", "partner": "south" });
    ok(relay.admin_as(&officer, "PUT", "/relationships", Some(relationship)).await);
    let (permitted, policies, facts) = why(&relay, "dr-s", "south").await;
    assert_eq!((permitted, policies), (true, vec!["affiliation-to-read".to_owned()]));
    assert!(facts.contains(&json!({ "fact": "relationship" })), "{facts:?}");
    ok(relay.admin_as(&officer, "DELETE", "/relationships/north/p1/south", None).await);
    assert!(!why(&relay, "dr-s", "south").await.0);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_puts_theirs_in_the_place_of_another_organizations() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let officer = north(&relay).await.token;
    let other = administrator(&relay, "adm-s", "south").await;
    let before = ok(relay.admin_as(&officer, "GET", "/consents", None).await);
    let theirs = fhir_consent("consent-1", "south", "east");
    assert_eq!(relay.admin_as(&other, "PUT", "/consents/consent-1/fhir", Some(theirs.clone())).await.0, 409);
    assert_eq!(relay.admin("PUT", "/consents/consent-1/fhir", Some(theirs)).await.0, 409, "nor does the operator");
    let theirs = json!({ "id": "team-1", "organization": "south", "patient": "p1", "members": [] });
    assert_eq!(relay.admin_as(&other, "PUT", "/care-teams", Some(theirs)).await.0, 409);
    assert_eq!(ok(relay.admin_as(&officer, "GET", "/consents", None).await), before);
    relay.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn why_tells_nothing_of_where_somebody_works_unless_it_bears_on_the_chart() {
    let folder = tempfile::tempdir().unwrap();
    let relay = start(config(folder.path())).await;
    let officer = north(&relay).await.token;
    administrator(&relay, "dr-s", "south").await;
    role(&relay, "dr-s", "south", "physician").await;
    let ask =
        async |who: &str| relay.admin_as(&officer, "GET", &format!("/why/{who}/charts/north/p1/core"), None).await;
    let (status, unknown) = ask("nobody").await;
    assert_eq!((status, ask("dr-s").await), (404, (404, unknown)), "as if they did not exist");
    role(&relay, "dr-a", "south", "physician").await;
    let answers = ok(ask("dr-a").await);
    let at: Vec<_> = answers.as_array().unwrap().iter().map(|why| why["organization"].as_str().unwrap()).collect();
    // dr-a belongs to a care team of p1: what they do at south counts for the chart.
    assert_eq!(at, ["north", "north", "south", "south"]);
    ok(relay.admin_as(&officer, "DELETE", "/care-teams/team-1", None).await);
    let answers = ok(ask("dr-a").await);
    assert!(!answers.to_string().contains("south"), "{answers}");
    relay.stop().await.unwrap();
}
