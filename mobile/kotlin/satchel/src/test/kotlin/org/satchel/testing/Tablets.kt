package org.satchel.testing

import java.io.File
import kotlinx.coroutines.runBlocking
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import org.satchel.ProfileSettings
import org.satchel.ProfileShown
import org.satchel.SatchelDevice
import org.satchel.SatchelTablet

/** Steps on tablets that several people share. */
internal val TABLET_STEPS = setOf(
    "create_profile", "unlock", "change_pin", "remove_profile", "restart_tablet", "let_time_pass", "expect_tablet",
    "expect_unreadable",
)

/** What stands for the platform's secret. */
private val SECRET = ByteArray(32) { (it + 1).toByte() }

/** The tablets of a scenario, and of each profile that was made, by its device's name, the tablet and the profile's id. */
internal class Tablets(private val folder: File, private val devices: MutableMap<String, SatchelDevice>) : AutoCloseable {
    private val opened = mutableMapOf<String, SatchelTablet>()
    private val profiles = mutableMapOf<String, Pair<String, String>>()

    override fun close() = opened.values.forEach { it.close() }

    /** [resolved]: the text of a value that may stand for what was saved. */
    fun perform(step: Step, resolved: (JsonElement) -> String) {
        when (step.text("do")) {
            "create_profile" -> create(step)
            "unlock" -> unlock(step)
            "restart_tablet" -> restart(step.text("tablet"))
            "expect_tablet" -> expect(step, resolved)
            "expect_unreadable" -> {
                val files = place(step.text("tablet")).walk().filter { it.isFile }.toList()
                check(files.isNotEmpty()) { "nothing is there to be read" }
                for (words in step.list("words").map(resolved)) {
                    val found = files.filter { words in it.readText(Charsets.ISO_8859_1) }
                    check(found.isEmpty()) { "$words in $found" }
                }
            }
            else -> ofProfile(step)
        }
    }

    private fun place(tablet: String) = File(folder, "tablet-$tablet")

    private fun tablet(name: String) = opened.getOrPut(name) { SatchelTablet.open(place(name).path) }

    private fun create(step: Step) {
        val settings = ProfileSettings(wipeAfterWrongPins = step.longOrNull("wipeAfter")?.toUInt())
        val tablet = tablet(step.text("tablet"))
        val made = runBlocking { tablet.create(step.text("label"), step.text("pin"), SECRET, settings) }
        devices[step.text("device")] = made
        profiles[step.text("device")] = step.text("tablet") to checkNotNull(made.profileId())
    }

    private fun unlock(step: Step) = runBlocking {
        val (name, secret) = step.text("device") to if (step.flag("otherSecret")) SECRET.reversedArray() else SECRET
        val open = devices[name]
        if (open != null) {
            open.unlock(step.text("pin"), secret)
        } else {
            val (tablet, profile) = profiles.getValue(name)
            devices[name] = tablet(tablet).unlock(profile, step.text("pin"), secret)
        }
    }

    private fun ofProfile(step: Step) = runBlocking {
        val (name, profile) = profiles.getValue(step.text("device"))
        when (step.text("do")) {
            "change_pin" -> tablet(name).changePin(profile, step.text("pin"), step.text("new"), SECRET)
            "remove_profile" -> when (val pin = step.textOrNull("pin")) {
                null -> tablet(name).removeWiped(profile)
                else -> tablet(name).remove(profile, pin, SECRET)
            }
            else -> letTimePass(File(place(name), "$profile/profile.attempts"), step.int("ms"))
        }
    }

    private fun letTimePass(file: File, ms: Int) {
        val attempts = Json.parseToJsonElement(file.readText()).jsonObject
        val at = JsonPrimitive(attempts.getValue("at").jsonPrimitive.long - ms)
        file.writeText(JsonObject(attempts + ("at" to at)).toString())
    }

    private fun restart(tablet: String) {
        for (device in profiles.filterValues { it.first == tablet }.keys) {
            devices.remove(device)?.use { runBlocking { it.lock() } }
        }
        opened.remove(tablet)!!.close()
    }

    private fun expect(step: Step, resolved: (JsonElement) -> String) {
        val shown = tablet(step.text("tablet")).profiles()
        val expected = step.child("profiles")
        same(expected.keys, shown.map { it.label }.toSet())
        for (one in shown) compare(expected.getValue(one.label).jsonObject, told(one))
        check(expected.keys.all { it in shown.toString() }) { "what a tablet shows is not looked at" }
        for (words in step.listOrNone("without").map(resolved)) {
            check(words !in shown.toString()) { "patient content in what a tablet shows" }
        }
    }

    private fun told(shown: ProfileShown) = mapOf(
        "enrolled" to shown.enrolled, "wiped" to shown.wiped, "wrongPins" to shown.wrongPins.toLong(),
        "lockedOut" to (shown.lockedOutUntil != null), "changes" to shown.unsent?.changes,
        "drafts" to shown.unsent?.drafts, "held" to shown.unsent?.held,
    )
}
