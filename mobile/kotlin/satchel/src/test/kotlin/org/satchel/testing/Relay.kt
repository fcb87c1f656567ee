package org.satchel.testing

import java.io.File
import java.nio.file.Files
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNull
import kotlinx.serialization.json.jsonObject
import kotlinx.serialization.json.jsonPrimitive

/** A relay as a process of its own, on a port that the system chooses. Killed, and its folder removed, when it is closed. */
class Relay : AutoCloseable {
    private val folder: File = Files.createTempDirectory("satchel-relay-").toFile()
    private var listen = "127.0.0.1:0"
    private var process: Process? = null

    init {
        start()
    }

    /** Address for devices. */
    val url get() = "ws://$listen/sync"

    /** Starts it; again at the address of the first time. */
    fun start() {
        if (process != null) return
        val started = ProcessBuilder(PROGRAM, "relay", "--log", "warn", "--listen", listen, "--data", folder.path)
            .redirectError(ProcessBuilder.Redirect.INHERIT).start()
        process = started
        // Of the three lines that it says, all are read, so that it never writes into a closed pipe.
        val lines = started.inputReader().let { reader -> List(3) { reader.readLine() } }
        listen = checkNotNull(lines[1]?.substringAfter("http://", "")?.ifEmpty { null }) { "the relay did not start: $lines" }
    }

    /** Ends it as a crash would. */
    fun stop() {
        process?.destroyForcibly()?.waitFor()
        process = null
    }

    override fun close() {
        stop()
        folder.deleteRecursively()
    }

    /** Runs `satchel admin` as the operator, or as an officer who is signed in; gives what it says. */
    fun admin(vararg arguments: String, by: String? = null, typed: String = ""): JsonElement {
        val key = by?.let { listOf("--session", File(folder, "$it.session").path) }
            ?: listOf("--token-file", File(folder, "admin.token").path)
        val process = ProcessBuilder(listOf(PROGRAM, "admin") + arguments + listOf("--relay", "http://$listen", "--json") + key).start()
        process.outputStream.use { it.write(typed.toByteArray()) }
        val said = process.inputStream.bufferedReader().readText()
        val complained = process.errorStream.bufferedReader().readText()
        check(process.waitFor() == 0) { "satchel admin ${arguments.toList()}: $complained" }
        return if (said.isBlank()) JsonNull else Json.parseToJsonElement(said)
    }

    /** An organization with physicians. */
    fun practice(organization: String, vararg practitioners: String) {
        admin("organization", "add", organization, organization)
        for (practitioner in practitioners) {
            admin("practitioner", "add", practitioner, practitioner)
            admin("role", "put", practitioner, organization, "physician")
        }
    }

    /** A privacy officer who is signed in from now on. */
    fun officer(organization: String, practitioner: String) {
        admin("practitioner", "add", practitioner, practitioner)
        admin("role", "put", practitioner, organization, "privacy-officer")
        val once = admin("account", "add", practitioner).jsonObject.getValue("password").jsonPrimitive.content
        admin("sign-in", practitioner, by = practitioner, typed = "$once\nchosen by the officer\n")
    }

    /** A one-time code that enrols a device. */
    fun code(organization: String, practitioner: String): String =
        admin("code", organization, practitioner).jsonObject.getValue("code").jsonPrimitive.content

    companion object {
        /** The built `satchel` command. */
        val PROGRAM: String = checkNotNull(System.getProperty("satchel.binary")) { "name the satchel command: -Dsatchel.binary=…" }
    }
}
