package org.satchel.testing

import java.io.File
import java.nio.file.Files
import java.util.concurrent.locks.ReentrantLock
import kotlin.concurrent.withLock
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.satchel.*

/** Keeps the newest rows of a live query. */
private class Watcher : RowsListener {
    private val lock = ReentrantLock()
    var summaries: List<String>? = null
        private set
    var ended = false
        private set

    override fun onRows(rows: LiveRows) = lock.withLock { summaries = (rows as LiveRows.Chart).rows.map { it.summary }.sorted() }

    override fun onEnd() = lock.withLock { ended = true }
}

private object Deaf : SyncListener {
    override fun onNews(news: SyncNews) = Unit
}

/**
 * Executes the steps of mobile/scenarios/scenarios.json; what each step means is in the README beside that file.
 * One scenario while it runs: its relay, devices and names.
 */
class Scenario : AutoCloseable {
    private val folder: File = Files.createTempDirectory("satchel-devices-").toFile()
    private var relay: Relay? = null
    private val devices = mutableMapOf<String, SatchelDevice>()
    private val tablets = Tablets(folder, devices)
    private val sessions = mutableMapOf<String, SyncSession>()
    private val names = mutableMapOf<String, Any>()

    override fun close() {
        sessions.values.forEach { it.close() }
        names.values.forEach { if (it is Pair<*, *>) (it.second as LiveQuery).close() }
        for (device in devices.values) {
            runBlocking { device.lock() }
            device.close()
        }
        tablets.close()
        relay?.close()
        folder.deleteRecursively()
    }

    fun run(steps: JsonArray) = steps.forEachIndexed { number, step ->
        try {
            step(Step(step.jsonObject))
        } catch (problem: Throwable) {
            throw AssertionError("in step $number: $step: $problem", problem)
        }
    }

    private fun step(step: Step) {
        val fails = step.textOrNull("fails")
        if (fails == null) {
            val result = perform(step)
            step.textOrNull("save")?.let { names[it] = checkNotNull(result as Any?) { "nothing to save" } }
            return
        }
        val error = try {
            perform(step)
            null
        } catch (error: SatchelException) {
            error
        }
        check(error?.code() == fails) { "${error?.code()} in place of $fails: $error" }
        step.childOrNone("refusal").ifEmpty { null }?.let { refusal ->
            val found = (error as SatchelException.WrongPin).let {
                mapOf("waitMs" to it.waitMs, "remainingBeforeWipe" to it.remainingBeforeWipe?.toLong())
            }
            same(refusal.mapValues { (_, value) -> plain(value) }, found.filterKeys { it in refusal })
        }
    }

    private fun perform(step: Step): Any? = when (step.text("do")) {
        "relay" -> relay = Relay().also { relay ->
            step.child("practices").forEach { (name, people) ->
                relay.practice(name, *people.jsonArray.map { it.jsonPrimitive.content }.toTypedArray())
            }
        }
        "stop_relay" -> there().stop()
        "start_relay" -> there().start()
        "officer" -> there().officer(step.text("organization"), step.text("practitioner"))
        "admin" -> {
            val arguments = step.list("arguments").map { resolved(it) as String }.toTypedArray()
            val told = there().admin(*arguments, by = step.textOrNull("by"))
            step.textOrNull("member")?.let { path ->
                path.split(".").fold(told) { at, part -> (at as? JsonArray)?.get(part.toInt()) ?: at.jsonObject.getValue(part) }
                    .jsonPrimitive.content
            }
        }
        "open" -> opened(step.text("device"))
        "enrol" -> enrol(step)
        "enrol_with_text" -> {
            val text = step.text("text").replace("\$relay", there().url)
            runBlocking { device(step).enrollWithQr(text, "tablet") }
        }
        "expect_identity" -> device(step).identity().let {
            same(step.text("practitioner") to step.text("organization"), it.practitioner to it.organization)
        }
        "lock" -> {
            runBlocking { device(step).lock() }
            check(device(step).isLocked())
        }
        "reopen" -> {
            val name = step.text("device")
            devices.remove(name)!!.use { runBlocking { it.lock() } }
            opened(name)
        }
        "register" -> register(step)
        "register_many" -> repeat(step.int("count")) { device(step).registerAnyway(person("${step.text("family")} $it")) }
        "allergy" -> device(step).recordAllergy(at(step), NewAllergy(words(step.text("substance")))).resources[0]
        "medication" -> {
            val new = NewMedication(words(step.text("medication")), Dosage(step.text("dosage")))
            device(step).startMedication(at(step), new).resources[0]
        }
        "change_dose" ->
            device(step).changeDose(at(step), id(step), Dosage(step.text("dosage")), step.text("reason"))
        "vitals" -> {
            val readings = step.list("readings").map { Step(it.jsonObject) }
            val done = device(step).recordVitals(
                at(step),
                readings.map { VitalReading(it.text("loinc"), it.text("value"), it.textOrNull("unit")) },
            )
            same(step.intOr("warnings", 0), done.warnings.size)
        }
        "note" -> device(step).writeNote(at(step), NewNote(step.text("text"))).resources[0]
        "splice_note" -> device(step).spliceNote(
            chart(step), key(step), step.int("position").toUInt(), step.int("delete").toUInt(), step.text("insert"),
        )
        "set" -> device(step).setElement(chart(step), key(step), step.text("path"), step.member("value").toString())
        "sign_note" -> device(step).signNote(at(step), id(step))
        "retract" -> device(step).markEnteredInError(chart(step), key(step), step.text("reason"))
        "merge" -> device(step).mergePatients(chart(step, "surviving"), chart(step, "replaced"), step.text("reason"))
        "unmerge" -> device(step).unmergePatients(chart(step, "surviving"), chart(step, "replaced"), step.text("reason"))
        "settle_first" -> {
            val conflict = device(step).conflicts(chart(step))[0]
            val chosen = conflict.values[step.int("value")].value
            device(step).settleConflict(chart(step), conflict.resource, conflict.path, chosen, step.text("reason"))
        }
        "import" -> {
            val bundle = resolved(step.member("bundle")) as String
            val done = device(step).importBundle(bundle.toByteArray(), false)
            compare(step, mapOf("created" to done.created, "changed" to done.changed))
        }
        "sync" -> sync(step)
        "sync_in_rounds" -> syncInRounds(step)
        "start_session" -> sessions[step.text("device")] =
            runBlocking { device(step).startSync(Deaf, network(step)) }
        "stop_session" -> sessions.remove(step.text("device"))!!.use { session ->
            runBlocking { session.stop() }
            check(!session.isRunning())
        }
        "network" -> sessions.getValue(step.text("device")).setNetwork(network(step))
        "watch" -> {
            val watcher = Watcher()
            watcher to device(step).watch(Question.Section(chart(step), section(step), ALL), watcher)
        }
        "close_watch" -> watched(step).second.end()
        "expect_watch" -> watched(step).first.let { watcher ->
            eventually("${step.texts("summaries")} in place of ${watcher.summaries}") {
                watcher.summaries == step.texts("summaries") && watcher.ended == step.flag("ended")
            }
        }
        "expect_status" -> compare(step, status(step))
        "await_status" -> eventually("$step: ${status(step)}") { differences(step, status(step)).isEmpty() }
        "expect_patients" -> same(step.int("count"), device(step).count(step.text("text")))
        "expect_person" -> same(step.int("charts"), device(step).person(chart(step)).charts.size)
        "expect_section" -> same(step.texts("summaries"), summaries(step))
        "await_section" -> eventually("$step") { summaries(step) == step.texts("summaries") }
        "expect_element" -> expectElement(step)
        "expect_vital" -> {
            val shown = device(step).latestVitals(chart(step)).associate { it.code to it.shown }
            same(step.text("shown"), shown[step.text("loinc")])
        }
        "expect_notes" -> same(step.int("count"), device(step).searchNotes(step.text("text"), null, ALL).size)
        "expect_medications" -> {
            val rows = device(step).medicationsNow(chart(step))
            same(step.texts("medications"), rows.map { it.medication }.sorted())
            check(rows.all { it.inConflict == step.flag("inConflict") })
        }
        "expect_conflicts" -> {
            same(step.int("count"), device(step).conflicts(chart(step)).size)
            val inbox = device(step).inbox().count { it.chart == chart(step) && it.conflicts.isNotEmpty() }
            same(step.int("count").coerceAtMost(1), inbox)
        }
        "expect_same" -> {
            val charts = step.texts("devices").map { Json.parseToJsonElement(devices.getValue(it).exportChart(chart(step))) }
            check(charts.all { it == charts[0] }) { "the devices show different charts" }
        }
        "export" -> export(step).also { check(step.text("has") in it) { "no ${step.text("has")} in it" } }
        "expect_history" -> {
            val entries = device(step).history(chart(step), key(step))
            same(step.texts("reasons"), entries.mapNotNull { it.message })
            check(entries.all { it.signed && it.practitioner == step.text("practitioner") })
        }
        "expect_diagnostics" -> {
            val text = device(step).diagnostics()
            val found = Json.parseToJsonElement(text).jsonObject.mapValues { (_, value) -> plain(value) }
            compare(step, found)
            for (words in step.list("without")) check(resolved(words) as String !in text) { "patient content in the diagnostics" }
            Unit
        }
        "await_sealed" -> {
            val wanted = step.list("charts").map { resolved(it) as String }.sorted()
            eventually("$wanted lie sealed") { device(step).sealedCharts().map { it.chart.patient }.sorted() == wanted }
        }
        "refer" -> device(step).openByReferral(chart(step), wish(step))
        "break_glass" -> breakGlass(step, device(step), chart(step))
        in TABLET_STEPS -> tablets.perform(step) { resolved(it) as String }
        in WORK_STEPS -> work(step, device(step))
        else -> throw NotImplementedError("no step is called ${step.text("do")}")
    }

    private fun there() = checkNotNull(relay) { "no relay" }

    private fun device(step: Step) = devices.getValue(step.text("device"))

    private fun opened(name: String) = devices.getOrPut(name) { SatchelDevice.open(File(folder, name).path) }

    private fun enrol(step: Step) {
        val (name, relay) = step.text("device") to there()
        val (device, code) = opened(name) to relay.code(step.text("organization"), step.text("practitioner"))
        runBlocking {
            when (step.textOrNull("by")) {
                "qr" -> device.enrollWithQr("satchel:enroll?relay=${relay.url}&code=$code", name)
                else -> device.enroll(relay.url, code, name)
            }
        }
    }

    private fun register(step: Step): ChartRef? {
        val given = Step(step.child("patient"))
        val new = NewPatient(
            family = given.textOrNull("family"),
            given = given.textsOrNone("given"),
            birthDate = given.textOrNull("birthDate"),
            gender = given.textOrNull("gender"),
        )
        if (step.flag("anyway")) return device(step).registerAnyway(new)
        return when (val registered = device(step).register(new)) {
            is Registered.Begun -> registered.chart
            is Registered.Known -> null.also { same(step.int("known"), registered.alike.size) }
        }
    }

    private fun sync(step: Step) {
        val budget = SyncBudget(step.longOrNull("bytes")?.toULong(), step.longOrNull("timeMs")?.toULong())
        val done = runBlocking { device(step).sync(budget) }
        compare(
            step,
            mapOf(
                "received" to done.received, "sent" to done.sent, "notAccepted" to done.notAccepted,
                "withdrawn" to done.withdrawn, "cutShort" to done.cutShort,
            ),
        )
    }

    private fun syncInRounds(step: Step) {
        var rounds = 0
        do {
            val budget = SyncBudget(bytes = step.int("bytes").toULong())
            val done = runBlocking { device(step).sync(budget) }
            rounds += 1
            check(rounds < 100) { "the rounds come to no end" }
        } while (done.cutShort)
        check(rounds > step.int("moreThan")) { "$rounds rounds" }
    }

    private fun status(step: Step): Map<String, Any?> = device(step).status().let {
        mapOf(
            "upToDate" to it.upToDate, "connection" to kebab(it.connection), "unsent" to it.unsent, "held" to it.held,
            "receiptsOwed" to it.receiptsOwed, "patients" to it.patients,
        )
    }

    private fun summaries(step: Step) = device(step).section(chart(step), section(step), ALL).map { it.summary }.sorted()

    private fun expectElement(step: Step) {
        var found: JsonElement = Json.parseToJsonElement(device(step).resource(chart(step), key(step)))
        for (part in step.text("pointer").split("/").drop(1)) {
            found = (found as? JsonArray)?.get(part.toInt()) ?: found.jsonObject.getValue(part)
        }
        same(step.member("value"), found)
    }

    private fun export(step: Step): String {
        val (device, chart) = device(step) to chart(step)
        return when (val form = step.text("form")) {
            "bundle" -> device.exportChart(chart)
            "summary" -> device.exportSummary(chart)
            "ndjson" -> device.exportNdjson(chart)
            "provenance" -> device.exportProvenance(chart, null)
            "pdf" -> device.printPdf(chart).toString(Charsets.ISO_8859_1)
            else -> throw NotImplementedError("no form is called $form")
        }
    }

    private fun network(step: Step) = Network.valueOf(step.text("network").uppercase())

    private fun section(step: Step) = ChartSection.valueOf(step.text("section").uppercase())

    private fun key(step: Step) = resolved(step.member("resource")) as String

    private fun id(step: Step) = key(step).substringAfter("/")

    private fun chart(step: Step, member: String = "chart"): ChartRef = when (val given = step.member(member)) {
        is JsonObject -> Step(given).let { ChartRef(it.text("organization"), it.text("patient")) }
        else -> resolved(given) as ChartRef
    }

    private fun at(step: Step) = Occasion(chart(step))

    @Suppress("UNCHECKED_CAST")
    private fun watched(step: Step) = names.getValue(step.text("watch")) as Pair<Watcher, LiveQuery>

    /** The value; `$name` and `$name.member` stand for what was saved. */
    private fun resolved(value: JsonElement): Any {
        val text = value.jsonPrimitive.content
        if (!text.startsWith("$")) return text
        val (name, member) = text.drop(1).substringBefore(".") to text.substringAfter(".", "")
        return when (member) {
            "" -> names.getValue(name)
            "device" -> devices.getValue(name).identity().device
            "patient" -> (names.getValue(name) as ChartRef).patient
            else -> error("no member is called $member")
        }
    }

    private fun differences(step: Step, found: Map<String, Any?>) = differences(step.childOrNone("expect"), found)

    private fun compare(step: Step, found: Map<String, Any?>) = compare(step.childOrNone("expect"), found)
}

internal fun kebab(value: Enum<*>) = value.name.lowercase().replace('_', '-')
