package org.satchel.testing

import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.boolean
import kotlinx.serialization.json.booleanOrNull
import kotlinx.serialization.json.contentOrNull
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import kotlinx.serialization.json.long

/** A step's members by name. */
internal class Step(private val json: JsonObject) {
    fun member(name: String) = checkNotNull(json[name]) { "no $name in this step" }
    fun text(name: String) = member(name).jsonPrimitive.content
    fun textOrNull(name: String) = json[name]?.jsonPrimitive?.contentOrNull
    fun int(name: String) = member(name).jsonPrimitive.int
    fun intOr(name: String, otherwise: Int) = json[name]?.jsonPrimitive?.int ?: otherwise
    fun longOrNull(name: String) = json[name]?.jsonPrimitive?.long
    fun flag(name: String) = json[name]?.jsonPrimitive?.boolean ?: false
    fun list(name: String) = member(name).jsonArray
    fun listOrNone(name: String) = json[name]?.jsonArray.orEmpty()
    fun texts(name: String) = list(name).map { it.jsonPrimitive.content }
    fun textsOrNone(name: String) = json[name]?.jsonArray.orEmpty().map { it.jsonPrimitive.content }
    fun child(name: String) = member(name).jsonObject
    fun childOrNone(name: String) = json[name]?.jsonObject.orEmpty()
    override fun toString() = json.toString()
}

internal fun differences(expected: Map<String, JsonElement>, found: Map<String, Any?>): List<String> =
    expected.mapNotNull { (name, value) ->
        check(name in found) { "nothing is called $name" }
        if (plain(value) == plain(found[name])) null else "$name is ${found[name]} in place of $value"
    }

internal fun compare(expected: Map<String, JsonElement>, found: Map<String, Any?>) =
    differences(expected, found).let { check(it.isEmpty()) { it.joinToString() } }

internal fun same(expected: Any?, found: Any?) = check(expected == found) { "$found in place of $expected" }

/** Numbers as one type, so that they compare. */
internal fun plain(value: Any?): Any? = when (value) {
    is JsonNull -> null
    is JsonPrimitive -> if (value.isString) value.content else value.booleanOrNull ?: value.content.toLongOrNull() ?: value.content
    is ULong -> value.toLong()
    is Number -> value.toLong()
    else -> value
}
