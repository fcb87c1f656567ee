package org.satchel

import java.io.File
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.int
import kotlinx.serialization.json.jsonArray
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive
import org.junit.jupiter.api.AfterAll
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.DynamicTest
import org.junit.jupiter.api.Test
import org.junit.jupiter.api.TestFactory
import org.satchel.testing.Scenario

/** Every scenario of the shared file, a test each. */
class ScenarioTest {
    @TestFactory
    fun `what the shared file says`(): List<DynamicTest> = shared.map { scenario ->
        val name = scenario.name()
        DynamicTest.dynamicTest(name.replace('_', ' ')) {
            Scenario().use { it.run(scenario.getValue("steps").jsonArray) }
            ran += name
        }
    }

    @Test
    fun `an unknown step fails`() {
        val steps = Json.parseToJsonElement("""[{"do": "conjure"}]""").jsonArray
        val problem = assertThrows(AssertionError::class.java) { Scenario().use { it.run(steps) } }
        assertEquals(NotImplementedError::class.java, problem.cause?.javaClass)
    }

    companion object {
        private val file = Json.parseToJsonElement(File(System.getProperty("satchel.scenarios")).readText()).jsonObject
        private val shared = file.getValue("scenarios").jsonArray.map { it.jsonObject }
        private val ran = mutableSetOf<String>()

        init {
            check(file.getValue("vocabulary").jsonPrimitive.int == 2) { "this runner knows another vocabulary" }
        }

        private fun JsonObject.name() = getValue("name").jsonPrimitive.content

        @JvmStatic
        @AfterAll
        fun `every scenario ran`() = assertEquals(shared.map { it.name() }.toSet(), ran)
    }
}
