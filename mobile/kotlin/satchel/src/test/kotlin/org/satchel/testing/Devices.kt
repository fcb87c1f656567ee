package org.satchel.testing

import java.io.File
import java.nio.file.Files
import kotlinx.coroutines.runBlocking
import org.satchel.NewPatient
import org.satchel.Page
import org.satchel.PatientSearch
import org.satchel.SatchelDevice

/** Seconds until something that is awaited must have come. */
const val PATIENCE_S = 20L

/** Every row. */
val ALL = Page(1000u, 0u)

/** Runs with a folder that is removed afterwards. */
fun <T> inFolder(act: (File) -> T): T {
    val folder = Files.createTempDirectory("satchel-device-").toFile()
    try {
        return act(folder)
    } finally {
        folder.deleteRecursively()
    }
}

/** A clinic with two physicians, and a device of the first. */
fun withClinic(act: suspend (Relay, SatchelDevice) -> Unit) = Relay().use { relay ->
    relay.practice("north", "dr-a", "dr-b")
    inFolder { folder ->
        runBlocking {
            val device = SatchelDevice.open(folder.path)
            device.use {
                it.enroll(relay.url, relay.code("north", "dr-a"), "a tablet")
                act(relay, it)
                it.lock()
            }
        }
    }
}

fun person(family: String) = NewPatient(family = family, given = listOf("Ana"))

fun SatchelDevice.count(text: String) = listPatients(PatientSearch(text = text), ALL).size

/** Files that this process has open. */
fun openFiles(): Int = File("/proc/self/fd").list()?.size ?: 0

/** Waits until it holds. */
fun eventually(what: String, holds: () -> Boolean) {
    val end = System.nanoTime() + PATIENCE_S * 1_000_000_000
    while (!holds()) {
        check(System.nanoTime() < end) { "not within $PATIENCE_S s: $what" }
        Thread.sleep(20)
    }
}
