package org.satchel.testing

import kotlinx.serialization.json.Json
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long
import org.satchel.ChartRef
import org.satchel.Compartment
import org.satchel.ReferralWish
import org.satchel.ReferredTo
import org.satchel.SatchelDevice

/** Steps on referrals, emergencies, and work that others do not have, which only ask a device. */
internal val WORK_STEPS = setOf(
    "expect_referrals", "expect_emergencies", "expect_own_work", "send_held_again", "expect_drafts", "apply_draft",
    "discard_draft",
)

internal fun wish(step: Step): ReferralWish {
    val (kind, id) = step.text("to").split("/")
    return ReferralWish(
        to = if (kind == "Practitioner") ReferredTo.Person(id) else ReferredTo.Colleagues(id),
        compartments = step.texts("compartments").map { Compartment.valueOf(it.uppercase().replace('-', '_')) },
        mayWrite = step.flag("mayWrite"),
        forMs = step.int("hours").toULong() * 3_600_000uL,
    )
}

internal fun breakGlass(step: Step, device: SatchelDevice, chart: ChartRef) {
    val (purpose, reason) = step.text("purpose") to step.text("reason")
    when (val sealed = step.longOrNull("sealed")) {
        null -> device.requestBreakGlass(chart, purpose, reason)
        else -> same(sealed.toULong(), device.breakGlassOffline(chart, purpose, reason))
    }
}

internal fun work(step: Step, device: SatchelDevice) {
    when (step.text("do")) {
        "expect_referrals" -> same(step.texts("states"), device.referrals().map { state(it.outcome) })
        "expect_emergencies" -> same(step.texts("states"), device.emergencies().map { state(it.outcome) })
        "expect_own_work" -> {
            val work = device.ownWork()
            same(step.texts("states"), work.map { kebab(it.state) }.sorted())
            step.textOrNull("has")?.let { has -> check(work.any { has in device.exportOwnWork(it) }) { "no $has in it" } }
        }
        "send_held_again" -> same(step.int("count").toULong(), device.sendHeldAgain())
        "expect_drafts" -> {
            val reasons = device.drafts().map { Json.parseToJsonElement(it).jsonObject.getValue("reason").jsonPrimitive.content }
            same(step.texts("reasons"), reasons)
            step.textOrNull("has")?.let { has -> check(has in device.exportDraft(oldest(device))) { "no $has in it" } }
        }
        "apply_draft" -> device.applyDraft(oldest(device), step.flag("overwrite"))
        "discard_draft" -> device.discardDraft(oldest(device))
    }
}

/** The number of the oldest draft. */
private fun oldest(device: SatchelDevice): ULong =
    Json.parseToJsonElement(device.drafts()[0]).jsonObject.getValue("number").jsonPrimitive.long.toULong()

/** What became of a request, as the scenarios write it. */
private fun state(outcome: Any): String = checkNotNull(outcome::class.simpleName).lowercase()
