//! The story: two affiliated clinics, a field worker, an outsider, and a relay that dies in the middle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Instant;

use client_core::driver::{DriverOptions, run, system_time};
use client_core::sync::SyncEvent;
use client_core::{ChartRef, DocumentId, ElementPath, ImportOptions, ResourceKey};
use serde_json::{Value, json};
use sync_server::admin::{Checkpoints, ShownAuditCheck};
use tokio::sync::oneshot;

use super::access_story;
use super::api_story;
use super::at_rest;
use super::charts::{SourceBundle, entries, is_shared};
use super::relay_process::RelayProcess;
use super::report::Report;
use super::stage::{self, Player};
use crate::admin::AdminApi;
use crate::failure::Failure;
use crate::output::bytes;

/// Edits made while the relay is killed.
const EDITS_UNDER_FIRE: usize = 200;

/// Whose devices the story is about.
pub struct Cast {
    /// A physician of North, which manages the charts.
    pub north: Player,
    /// North's community health worker.
    pub field: Player,
    /// A physician of South, which North is affiliated with.
    pub south: Player,
    /// A physician with whom nothing is shared.
    pub outsider: Player,
}

/// Tells the whole story; gives the relay, still running.
///
/// # Errors
/// [`Failure`] if something does not work at all; claims that fail are the report's to tell.
pub async fn tell(folder: &Path, charts: &[SourceBundle], report: &mut Report) -> Result<RelayProcess, Failure> {
    report.step("A relay, two affiliated clinics, a field worker and an outsider");
    let mut relay = RelayProcess::start(&folder.join("relay"))?;
    report.tell(&format!("relay runs as process {} at {}", relay.process_id(), relay.device_url()));
    let admin = stage::admin(&relay)?;
    stage::people(&admin)?;
    let officer = stage::privacy_officer(&admin, &relay)?;
    let enrol = |name, who| stage::enrol(folder, name, who, &admin, &relay);
    let cast = Cast {
        north: enrol("north", ("dr-north", "north")).await?,
        field: enrol("field", ("chw-north", "north")).await?,
        south: enrol("south", ("dr-south", "south")).await?,
        outsider: enrol("outsider", ("dr-else", "elsewhere")).await?,
    };
    report.tell("four devices enrolled by one-time codes; North opens `core` of its charts to South, for reading");

    let imported = import(&cast.north, charts, report)?;
    first_syncs(&cast, &relay, report).await?;
    let chart = pick_chart(&cast.north, &imported)?;
    concurrent_edits(&cast, &chart, report).await?;
    access_story::custody(&cast, &officer, &chart, report).await?;
    referral(&cast, &admin, &chart, report).await?;
    access_story::draft(&cast, &chart, report).await?;
    access_story::consent(&cast, &officer, &chart, report).await?;
    access_story::emergency(&cast, &officer, &chart, report).await?;
    api_story::fhir(&admin, &chart, report)?;
    let spare = kill(&cast, &mut relay, &chart, folder, &admin, report).await?;
    access_story::lost_device(&spare, &admin, report).await?;
    the_end(&cast, &admin, report).await?;
    at_rest::nothing_readable(folder, &cast.north, report)?;
    Ok(relay)
}

fn import(north: &Player, charts: &[SourceBundle], report: &mut Report) -> Result<Vec<ChartRef>, Failure> {
    report.step("North imports its charts, offline");
    let (mut created, mut json_bytes, mut found) = (0, 0, BTreeSet::new());
    for source in charts {
        json_bytes += source.bytes.len() as u64;
        let imported = north
            .with(|device| device.import(&source.bytes, &ImportOptions::default(), system_time(), |_, _| {}))
            .map_err(|failure| Failure::Failed(format!("{}: {failure}", source.name)))?;
        created += imported.created;
        found.extend(imported.charts);
    }
    let documents = north.document_count()?;
    let (files, patients) = (charts.len(), found.len());
    report
        .tell(&format!("{files} bundles, {} of JSON: {created} resources in {documents} documents", bytes(json_bytes)));
    // The last one: what others say of a practitioner that it describes too, it has overwritten.
    let last = &charts[charts.len() - 1].bytes;
    let again = north.with(|device| device.import(last, &ImportOptions::default(), system_time(), |_, _| {}))?;
    report.claim("importing a bundle a second time changes nothing", again.created + again.changed == 0);
    let different = differences(north, charts, &found)?;
    report.claim(
        &format!("all {patients} charts export to the JSON that came in; {} resources differ", different.len()),
        different.is_empty(),
    );
    Ok(found.into_iter().collect())
}

/// Which resources of the bundles do not come back as they went in. A Practitioner or Organization that several bundles
/// describe differently is left as the last one says.
fn differences(north: &Player, charts: &[SourceBundle], found: &BTreeSet<ChartRef>) -> Result<Vec<String>, Failure> {
    let mut wanted: BTreeMap<String, Value> = BTreeMap::new();
    for source in charts {
        let bundle: Value = serde_json::from_slice(&source.bytes).map_err(Failure::from_error)?;
        wanted.extend(entries(&bundle));
    }
    let mut exported = entries(&north.with(|device| device.export_directory(system_time()))?);
    for chart in found {
        let bundle = north.with(|device| device.export_chart(chart, system_time()))?;
        exported.extend(entries(&bundle).into_iter().filter(|(key, _)| !is_shared(key)));
    }
    let differs = |(key, entry): &(&String, &Value)| exported.get(*key) != Some(entry);
    Ok(wanted.iter().filter(differs).map(|(key, _)| key.clone()).collect())
}

async fn first_syncs(cast: &Cast, relay: &RelayProcess, report: &mut Report) -> Result<(), Failure> {
    report.step("Everyone syncs for the first time");
    let sent = cast.north.sync().await?;
    report.tell(&format!("north sent {} changes, {}", sent.sent, bytes(sent.bytes_up)));
    report.claim("all of North's work is on the relay's disk", cast.north.unsent()? == 0);
    for player in [&cast.field, &cast.south, &cast.outsider] {
        let got = player.sync().await?;
        let (documents, milliseconds) = (player.document_count()?, got.duration.as_millis());
        let size = bytes(got.bytes_down);
        report.tell(&format!("{} received {documents} documents, {size}, in {milliseconds} ms", player.name));
    }
    let all = cast.north.document_count()?;
    let (field, south) = (cast.field.document_count()?, cast.south.document_count()?);
    report.claim("the field worker has charts, but no claims and no laboratory results", 0 < field && field < all);
    report.claim("South has what North opened to it, and no more", 0 < south && south < field);
    report.claim("the outsider has nothing", cast.outsider.document_count()? == 0);
    report.tell(&format!("the relay's database: {}", bytes(relay.database_bytes())));
    Ok(())
}

/// A chart with a medication, so that there is something to disagree about.
fn pick_chart(north: &Player, imported: &[ChartRef]) -> Result<ChartRef, Failure> {
    for chart in imported {
        if medication(north, chart)?.is_some() {
            return Ok(chart.clone());
        }
    }
    Err(Failure::BadInput("none of the charts has a MedicationRequest; the demo needs one".into()))
}

/// The first medication of a chart.
///
/// # Errors
/// What the device ran into.
pub fn medication(player: &Player, chart: &ChartRef) -> Result<Option<ResourceKey>, Failure> {
    let chart = player.with(|device| device.chart(chart, system_time()))?;
    let group = chart.groups.into_iter().find(|group| group.resource_type == "MedicationRequest");
    Ok(group.and_then(|group| group.resources.into_iter().next()).map(|entry| entry.key))
}

async fn concurrent_edits(cast: &Cast, chart: &ChartRef, report: &mut Report) -> Result<(), Failure> {
    report.step("North and the field worker go offline and edit the same patient");
    let Cast { north, field, .. } = cast;
    let patient = ResourceKey::new("Patient", chart.patient.as_str());
    let medication = medication(north, chart)?.ok_or_else(|| Failure::Failed("the medication is gone".into()))?;
    let note = north.with(|device| device.add_note(chart, "Seen at the clinic.", None, system_time()))?.resource;
    north.sync().await?;
    field.sync().await?;
    set(north, chart, &patient, "managingOrganization", json!({ "display": "North Clinic, room 4" }))?;
    set(field, chart, &patient, "language", json!("sw"))?;
    let [ours, theirs] = two_new_statuses(north, chart, &medication)?;
    set(north, chart, &medication, "status", json!(ours))?;
    set(field, chart, &medication, "status", json!(theirs))?;
    for (player, text) in [(north, " Bloods taken."), (field, " Visited at home.")] {
        player.with(|device| device.append_to_note(chart, &note, text, system_time()))?;
    }
    let waiting = north.unsent()?;
    report.tell(&format!("six edits offline; north says that {waiting} of its changes are not sent"));
    report.claim("unsent work is counted honestly", waiting == 3);

    for player in [north, field, north] {
        let synced = player.sync().await?;
        let (up, down) = (bytes(synced.bytes_up), bytes(synced.bytes_down));
        report.tell(&format!("{} back online: {up} up, {down} down, {} ms", player.name, synced.duration.as_millis()));
    }
    report.claim("both devices show the same", converged(north, field)?);
    let merged = north.with(|device| device.resource(chart, &patient, system_time()))?;
    let room = merged["managingOrganization"]["display"] == json!("North Clinic, room 4");
    let both = room && merged["language"] == json!("sw");
    report.claim("edits of different fields are both there", both);
    report.claim("text typed on both devices is all in the note", note_has_both(field, chart, &note)?);
    for player in [north, field] {
        let values = conflicting_values(player, chart, &medication)?;
        let kept = values == BTreeSet::from([json!(ours).to_string(), json!(theirs).to_string()]);
        report.claim(&format!("{} keeps both statuses of the medication as a conflict", player.name), kept);
    }
    Ok(())
}

/// Two statuses that the medication does not have yet.
fn two_new_statuses(player: &Player, chart: &ChartRef, key: &ResourceKey) -> Result<[&'static str; 2], Failure> {
    let now = player.with(|device| device.resource(chart, key, system_time()))?["status"].clone();
    let [first, second, third] = ["stopped", "on-hold", "cancelled"];
    Ok(if now == json!(first) {
        [second, third]
    } else if now == json!(second) {
        [first, third]
    } else {
        [first, second]
    })
}

/// Sets one element.
///
/// # Errors
/// What the device ran into.
pub fn set(player: &Player, chart: &ChartRef, key: &ResourceKey, path: &str, value: Value) -> Result<(), Failure> {
    let path: ElementPath = path.parse().map_err(Failure::from_error)?;
    player.with(|device| device.set_element(chart, key, &path, value, system_time()))?;
    Ok(())
}

/// Whether two devices have the same changes in every document that both hold, and hold some.
fn converged(one: &Player, other: &Player) -> Result<bool, Failure> {
    let (one, other) = (one.changes()?, other.changes()?);
    let common: Vec<&DocumentId> = one.keys().filter(|id| other.contains_key(*id)).collect();
    Ok(!common.is_empty() && common.iter().all(|id| one.get(*id) == other.get(*id)))
}

fn note_has_both(player: &Player, chart: &ChartRef, note: &ResourceKey) -> Result<bool, Failure> {
    let exported = player.with(|device| device.resource(chart, note, system_time()))?;
    let data = exported["content"][0]["attachment"]["data"].as_str().unwrap_or_default();
    let text = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, data).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    Ok(["Seen at the clinic.", "Bloods taken.", "Visited at home."].iter().all(|part| text.contains(part)))
}

fn conflicting_values(player: &Player, chart: &ChartRef, key: &ResourceKey) -> Result<BTreeSet<String>, Failure> {
    let conflicts = player.with(|device| device.conflicts(chart, system_time()))?;
    let of_status = conflicts.into_iter().filter(|c| c.key == *key && c.path.to_string() == "status");
    Ok(of_status.flat_map(|conflict| conflict.sides).map(|side| side.value.to_string()).collect())
}

async fn referral(cast: &Cast, admin: &AdminApi, chart: &ChartRef, report: &mut Report) -> Result<(), Failure> {
    report.step("North refers one patient to South");
    let Cast { north, south, outsider, .. } = cast;
    let before = south.document_count()?;
    stage::refer(admin, chart)?;
    let got = south.sync().await?;
    let gained = south.document_count()? - before;
    report.tell(&format!("south received {gained} more documents, {}", bytes(got.bytes_down)));
    let wanted = north
        .with(|device| device.documents())?
        .into_iter()
        .filter(|d| d.descriptor.patient.as_ref() == Some(&chart.patient));
    let has = south.changes()?;
    let closed = ["administrative", "sensitive"];
    let whole =
        wanted.filter(|d| !closed.contains(&d.descriptor.compartment.as_str())).all(|d| has.contains_key(&d.id));
    report
        .claim("South has that chart: encounters, results, tasks; not claims, nothing sensitive", whole && gained > 0);
    let note = south.with(|device| device.add_note(chart, "Seen at South. Thank you.", None, system_time()))?.resource;
    south.sync().await?;
    north.sync().await?;
    let arrived = north.with(|device| device.resource(chart, &note, system_time())).is_ok();
    report.claim("South's note reached North", arrived);
    outsider.sync().await?;
    report.claim("the outsider still has nothing", outsider.document_count()? == 0);
    Ok(())
}

/// Kills the relay while North edits, and looks whether everything is there afterwards, on a spare device.
async fn kill(
    cast: &Cast,
    relay: &mut RelayProcess,
    chart: &ChartRef,
    folder: &Path,
    admin: &AdminApi,
    report: &mut Report,
) -> Result<Player, Failure> {
    report.step("The relay is killed while North works");
    let (stop, stopped) = oneshot::channel::<()>();
    let (told, mut accepted) = tokio::sync::watch::channel(0_u64);
    let device = cast.north.device.clone();
    let live = tokio::spawn(async move {
        let until = async { _ = stopped.await };
        run(&device, &DriverOptions::default(), until, |event| {
            if let SyncEvent::Sent { accepted, .. } = event {
                told.send_modify(|sum| *sum += accepted);
            }
        })
        .await
    });
    let began = Instant::now();
    for edit in 1..=EDITS_UNDER_FIRE {
        let text = format!("Line {edit}.");
        cast.north.with(|device| device.add_note(chart, &text, None, system_time()))?;
        if edit == EDITS_UNDER_FIRE / 2 {
            // Some are acknowledged, some on their way, some not even sent.
            accepted.wait_for(|sum| *sum > 0).await.map_err(Failure::from_error)?;
            relay.kill_and_restart()?;
            let sum = *accepted.borrow();
            report.tell(&format!(
                "killed at {} ms with {sum} of {edit} edits acknowledged, started again",
                began.elapsed().as_millis()
            ));
        }
        tokio::task::yield_now().await;
    }
    // The live connection found the relay gone and comes back by itself; whoever stops it here syncs the rest by hand.
    drop(stop);
    live.await.map_err(Failure::from_error)??;
    cast.north.sync().await?;
    report.tell(&format!("{EDITS_UNDER_FIRE} edits made, all sent by {} ms", began.elapsed().as_millis()));
    report.claim("nothing of North's waits", cast.north.unsent()? == 0);

    let spare = stage::enrol(folder, "spare", ("dr-north", "north"), admin, relay).await?;
    let got = spare.sync().await?;
    let size = bytes(got.bytes_down);
    report.tell(&format!(
        "a spare device of the same physician received everything: {size} in {} ms",
        got.duration.as_millis()
    ));
    report.claim(
        "nothing was lost: the spare device has every change that North has",
        cast.north.changes()? == spare.changes()?,
    );
    Ok(spare)
}

async fn the_end(cast: &Cast, admin: &AdminApi, report: &mut Report) -> Result<(), Failure> {
    report.step("At the end");
    let Cast { north, field, south, outsider } = cast;
    for player in [field, south, north] {
        player.sync().await?;
    }
    report.claim("North and the field worker agree", converged(north, field)?);
    let nothing = north.sync().await?;
    report.tell(&format!(
        "a sync with nothing to do: {} up, {} down, {} ms",
        bytes(nothing.bytes_up),
        bytes(nothing.bytes_down),
        nothing.duration.as_millis()
    ));
    report.claim("the outsider has no document and no patient", {
        let status = outsider.with(|device| device.status(system_time()))?;
        status.documents == 0 && status.patients == 0
    });
    let audit: ShownAuditCheck = admin.post("audit/verify", &Checkpoints::default())?;
    report.claim(&format!("the audit trail of {} rows is unbroken", audit.rows), audit.faults.is_empty());
    Ok(())
}
