//! The part of the story about who may see and change what: custody, an emergency, a consent, a lost device.

use client_core::driver::system_time;
use client_core::{ChartRef, DocumentId, OutboxState, ResourceKey};
use serde_json::{Value, json};
use sync_server::admin::{Page, ShownCustody};
use sync_server::inspection::CustodyShown;
use sync_server::relay::{ChartDisclosures, Decided, LostDevice, OwingDevice};
use sync_server::store::{AlertKind, AlertRecord};

use super::report::Report;
use super::stage::Player;
use super::story::{Cast, medication, set};
use crate::admin::AdminApi;
use crate::failure::Failure;

/// What South writes without the right to, and what North's privacy officer says to that.
const URGENT: &str = "urgent";
const NOT_YET: &str = "please have the patient referred to you first";

/// South edits a chart that it may only read: the change waits for North's privacy officer, who returns it.
///
/// # Errors
/// [`Failure`] if something does not work at all.
pub async fn custody(cast: &Cast, officer: &AdminApi, chart: &ChartRef, report: &mut Report) -> Result<(), Failure> {
    report.step("South may read North's chart, not write it");
    let Cast { north, south, .. } = cast;
    let medication = medication(south, chart)?.ok_or_else(|| Failure::Failed("South lacks the medication".into()))?;
    set(south, chart, &medication, "priority", json!(URGENT))?;
    let synced = south.sync().await?;
    let held = south.with(|device| device.status(system_time()))?.held;
    report.tell(&format!("{} change was kept by the relay for a privacy officer", synced.custody));
    let shown = held.len() == 1 && held.iter().all(|change| change.state == OutboxState::Custody);
    report.claim("South's device says that its change was not accepted", shown);
    north.sync().await?;
    report.claim("the change reached nobody", priority(north, chart, &medication)? == Value::Null);

    let waiting: Vec<ShownCustody> = officer.list("custody")?;
    let case = waiting.first().ok_or_else(|| Failure::Failed("nothing is in custody".into()))?.id;
    let seen: CustodyShown = officer.get(&format!("custody/{case}"))?;
    let what = seen.changes.iter().any(|change| change.element == "priority" && change.after == Some(json!(URGENT)));
    report.claim("North's privacy officer sees what it would change", waiting.len() == 1 && what);
    officer.post::<Decided>(&format!("custody/{case}/return"), &json!({ "reason": NOT_YET }))?;
    south.sync().await?;
    let drafts = south.with(|device| device.drafts(system_time()))?;
    report.claim(
        "returned with a reason, it is a draft on South's device",
        drafts.len() == 1 && drafts[0].reason == NOT_YET,
    );
    Ok(())
}

/// Once South may write, its draft becomes an edit like any other.
///
/// # Errors
/// [`Failure`] if something does not work at all.
pub async fn draft(cast: &Cast, chart: &ChartRef, report: &mut Report) -> Result<(), Failure> {
    let Cast { north, south, .. } = cast;
    let medication = medication(south, chart)?.ok_or_else(|| Failure::Failed("South lacks the medication".into()))?;
    for draft in south.with(|device| device.drafts(system_time()))? {
        south.with(|device| device.apply_draft(draft.number, false, system_time()))?;
    }
    south.sync().await?;
    north.sync().await?;
    report.claim("South's draft, made anew, is accepted now", priority(north, chart, &medication)? == json!(URGENT));
    Ok(())
}

fn priority(player: &Player, chart: &ChartRef, medication: &ResourceKey) -> Result<Value, Failure> {
    Ok(player.with(|device| device.resource(chart, medication, system_time()))?["priority"].clone())
}

/// A stranger breaks the glass; the privacy officer is told at once and ends it.
///
/// # Errors
/// [`Failure`] if something does not work at all.
pub async fn emergency(cast: &Cast, officer: &AdminApi, chart: &ChartRef, report: &mut Report) -> Result<(), Failure> {
    report.step("An emergency at the other practice");
    let stranger = &cast.outsider;
    stranger.with(|device| device.request_break_glass(chart, "ETREAT", "found unconscious", system_time()))?;
    stranger.sync().await?;
    stranger.sync().await?;
    let documents = stranger.document_count()?;
    report
        .tell(&format!("a physician without any right gave a reason and received {documents} documents, for reading"));
    report.claim("the chart is open to them", stranger.with(|device| device.chart(chart, system_time())).is_ok());
    let told: Page<AlertRecord> = officer.get("alerts")?;
    let alerts = told.items.iter().filter(|alert| alert.kind == AlertKind::BreakGlass).count();
    report.claim("North's privacy officer was told at once", alerts == 1);
    stranger.sync().await?;
    let given: ChartDisclosures = officer.get(&format!("disclosures/{}/{}", chart.organization, chart.patient))?;
    let marked = given.recorded.iter().filter(|read| read.entry.break_glass && read.entry.action == "read").count();
    report.claim("what they read is accounted for, marked as an emergency", marked > 0);

    let openings: Page<Value> = officer.get("emergency")?;
    let opening = openings.items.first().and_then(|opening| opening["id"].as_str().map(ToOwned::to_owned));
    let opening = opening.ok_or_else(|| Failure::Failed("no emergency is open".into()))?;
    officer.delete::<Value>(&format!("emergency/{opening}"))?;
    stranger.sync().await?;
    let owing: Vec<OwingDevice> = officer.list("devices/owing")?;
    let nothing = stranger.document_count()? == 0 && owing.is_empty();
    report.claim("ended early: the chart is gone again, with a signed receipt", nothing);
    Ok(())
}

/// Why somebody may see something, and what a patient's refusal does.
///
/// # Errors
/// [`Failure`] if something does not work at all.
pub async fn consent(cast: &Cast, officer: &AdminApi, chart: &ChartRef, report: &mut Report) -> Result<(), Failure> {
    report.step("The patient does not want South to see the chart any more");
    let Cast { north, south, .. } = cast;
    let core = core_of(north, chart)?;
    let question = format!("why/dr-south/documents/{core}");
    let before: Vec<Value> = officer.get(&question)?;
    report.tell(&format!("why may Dr Sudo read it? {}", policies(&before)));
    report.claim("North can say which policy opens it", reads(&before));
    officer.put::<Value>("consents", &refusal(chart))?;
    south.sync().await?;
    let after: Vec<Value> = officer.get(&question)?;
    report.tell(&format!("and now? {}", policies(&after)));
    let gone = !south.changes()?.contains_key(&core);
    report
        .claim("the refusal outweighs affiliation and referral: the chart left South's device", gone && !reads(&after));
    officer.delete::<Value>("consents/no-south")?;
    south.sync().await?;
    report.claim("taken back, the chart is there again", south.changes()?.get(&core) == north.changes()?.get(&core));
    Ok(())
}

fn refusal(chart: &ChartRef) -> Value {
    json!({
        "id": "no-south",
        "organization": chart.organization,
        "patient": chart.patient,
        "status": "active",
        "provision": { "effect": "deny", "actors": [{ "organization": "south" }] },
    })
}

fn reads(answers: &[Value]) -> bool {
    let mut reading = answers.iter().filter(|why| why["action"] == "read");
    reading.any(|why| why["explanation"]["permitted"] == true)
}

fn policies(answers: &[Value]) -> String {
    let reading = answers.iter().filter(|why| why["action"] == "read");
    let deciding = reading.filter_map(|why| why["explanation"]["policies"].as_array()).flatten();
    let named = deciding.map(|policy| format!("{} ({})", policy["id"], policy["effect"]));
    named.collect::<Vec<_>>().join(", ").replace('"', "")
}

fn core_of(player: &Player, chart: &ChartRef) -> Result<DocumentId, Failure> {
    let documents = player.with(|device| device.documents())?;
    let mut of_chart =
        documents.into_iter().filter(|document| document.descriptor.patient.as_ref() == Some(&chart.patient));
    let core = of_chart.find(|document| document.descriptor.compartment.as_str() == "core");
    Ok(core.ok_or_else(|| Failure::Failed("the chart has no core".into()))?.id)
}

/// A tablet is lost: what was on it, and erasing it.
///
/// # Errors
/// [`Failure`] if something does not work at all.
pub async fn lost_device(spare: &Player, officer: &AdminApi, report: &mut Report) -> Result<(), Failure> {
    report.step("The spare device is lost");
    let held = spare.document_count()?;
    let id = spare.with(|device| device.identity().map(|identity| identity.device))?;
    let lost: LostDevice = officer.post(&format!("devices/{id}/lost"), &json!({}))?;
    report.claim(&format!("North can name all {held} documents on it"), lost.on_device.len() == held);
    let refused = spare.sync().await.is_err();
    let empty = spare.document_count()? == 0;
    report.claim("the next time it connects it is erased", refused && empty);
    Ok(())
}
