package org.satchel.bench

import java.io.File

/** A relay to enrol with: a device needs an identity before it may edit. */
class BenchRelay(private val folder: File) : AutoCloseable {
    private val program = checkNotNull(System.getenv("SATCHEL_BINARY")) { "name the satchel command in SATCHEL_BINARY" }
    private val listen: String
    private val process = ProcessBuilder(program, "relay", "--log", "warn", "--listen", "127.0.0.1:0", "--data", folder.path)
        .redirectError(ProcessBuilder.Redirect.INHERIT).start()

    init {
        val lines = process.inputReader().let { reader -> List(3) { reader.readLine() } }
        listen = lines[1].substringAfter("http://")
        admin("organization", "add", "north", "north")
        admin("practitioner", "add", "dr-a", "dr-a")
        admin("role", "put", "dr-a", "north", "physician")
    }

    val url get() = "ws://$listen/sync"

    fun code(): String = admin("code", "north", "dr-a").substringAfter("\"code\"").split('"')[1]

    override fun close() {
        process.destroyForcibly().waitFor()
    }

    private fun admin(vararg arguments: String): String {
        val reach = listOf("--relay", "http://$listen", "--token-file", File(folder, "admin.token").path, "--json")
        val process = ProcessBuilder(listOf(program, "admin") + arguments + reach).start()
        return process.inputStream.bufferedReader().readText().also { check(process.waitFor() == 0) { "satchel admin: $it" } }
    }
}
