package org.satchel

import java.io.File
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.satchel.testing.Relay
import org.satchel.testing.count
import org.satchel.testing.inFolder
import org.satchel.testing.person

/** Edits in the folder given, and says after each what is saved, until it is killed. */
fun main(arguments: Array<String>) {
    val device = SatchelDevice.open(arguments[0])
    for (number in generateSequence(0) { it + 1 }) {
        device.registerAnyway(person("Killed $number"))
        println(number)
        System.out.flush()
    }
}

class KillTest {
    @Test
    fun `what an app showed as saved is there after the app was killed`() = Relay().use { relay ->
        relay.practice("north", "dr-a")
        inFolder { folder ->
            SatchelDevice.open(folder.path).use { device ->
                runBlocking {
                    device.enroll(relay.url, relay.code("north", "dr-a"), "a tablet")
                    device.lock()
                }
            }
            val saved = editUntilKilled(folder)
            SatchelDevice.open(folder.path).use { device ->
                val found = device.count("killed")
                assertTrue(found in saved..saved + 1, "$found of $saved")
                assertEquals(found.toULong(), device.status().unsent)
                val done = runBlocking { device.sync() }
                assertEquals(found.toULong(), done.sent)
                runBlocking { device.lock() }
            }
        }
    }

    /** How many edits another JVM had told of when it was killed. */
    private fun editUntilKilled(folder: File): Int {
        val java = File(System.getProperty("java.home"), "bin/java").path
        val classes = System.getProperty("surefire.test.class.path") ?: System.getProperty("java.class.path")
        val process = ProcessBuilder(java, "-cp", classes, "org.satchel.KillTestKt", folder.path)
            .redirectError(ProcessBuilder.Redirect.INHERIT).start()
        val told = process.inputReader()
        var saved = 0
        while (saved < 20) {
            val line = told.readLine() ?: break
            saved = line.toInt() + 1
        }
        // SIGKILL: no shutdown hook, no destructor. By its number, so that what it had said before can still be read.
        ProcessBuilder("kill", "-KILL", process.pid().toString()).start().waitFor()
        process.waitFor()
        return told.readLines().fold(saved) { _, line -> line.toInt() + 1 }.also { assertTrue(it >= 20, "$it edits") }
    }
}
