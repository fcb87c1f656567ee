package org.satchel

import java.util.concurrent.ConcurrentLinkedQueue
import kotlin.concurrent.thread
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.satchel.testing.ALL
import org.satchel.testing.count
import org.satchel.testing.eventually
import org.satchel.testing.inFolder
import org.satchel.testing.openFiles
import org.satchel.testing.person
import org.satchel.testing.withClinic

private const val THREADS = 50
private const val EACH = 4

class ThreadsTest {
    @Test
    fun `fifty threads edit, read, watch and sync one device at once and nothing is lost`() = withClinic { _, device ->
        val failures = ConcurrentLinkedQueue<Throwable>()
        val threads = List(THREADS) { number ->
            thread {
                runCatching {
                    repeat(EACH) {
                        val chart = device.registerAnyway(person("Thread $number part $it"))
                        device.recordAllergy(chart.now(), NewAllergy(words("Nuts")))
                        assertEquals(1, device.openChart(chart).parts.count { part -> part.resource.startsWith("Allergy") })
                        device.listPatients(PatientSearch(text = "thread $number"), ALL)
                    }
                    if (number % 10 == 0) runBlocking { device.sync() }
                }.onFailure(failures::add)
            }
        }
        threads.forEach(Thread::join)
        assertTrue(failures.isEmpty(), failures.firstOrNull()?.stackTraceToString())
        assertEquals(THREADS * EACH, device.count("thread"))
        runBlocking { device.sync() }
        assertEquals(0uL, device.status().unsent)
    }

    @Test
    fun `listeners may call back into the device`() = withClinic { _, device ->
        val counts = ConcurrentLinkedQueue<Int>()
        val listener = object : RowsListener {
            override fun onRows(rows: LiveRows) {
                counts += device.count("silva")
            }

            override fun onEnd() = Unit
        }
        device.watch(Question.Patients(PatientSearch(), ALL), listener).use { query ->
            device.registerAnyway(person("Silva"))
            eventually("it is called and calls back") { counts.lastOrNull() == 1 }
            query.end()
        }
    }

    @Test
    fun `opening, watching, syncing and closing again and again leaks neither files nor objects`() = withClinic { relay, first ->
        fun once() = inFolder { folder ->
            SatchelDevice.open(folder.path).use { device ->
                runBlocking {
                    device.enroll(relay.url, relay.code("north", "dr-b"), "another tablet")
                    val listener = object : RowsListener {
                        override fun onRows(rows: LiveRows) = Unit
                        override fun onEnd() = Unit
                    }
                    device.watch(Question.Patients(PatientSearch(), ALL), listener).use { it.end() }
                    device.sync()
                    device.lock()
                }
            }
        }
        runBlocking { first.sync() }
        // Class loading, thread pools and the like open theirs the first time.
        repeat(3) { once() }
        val (files, objects) = openFiles() to liveObjects()
        repeat(10) { once() }
        eventually("as many objects as before") { liveObjects() == objects }
        eventually("as many open files as before: ${openFiles()}, $files") { openFiles() <= files }
    }
}
