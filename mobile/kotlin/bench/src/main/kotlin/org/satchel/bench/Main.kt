package org.satchel.bench

import java.io.File
import java.nio.file.Files
import java.util.concurrent.LinkedBlockingQueue
import java.util.concurrent.TimeUnit
import kotlinx.coroutines.runBlocking
import org.satchel.*

private val SECRET = ByteArray(32) { (it * 7).toByte() }

/** Patients with entries in their charts; of the others only who they are. */
private const val FILLED = 1_000

private val FAMILIES = listOf("Silva", "Nordin", "Okafor", "Haddad", "Larsen", "Kimura", "Petrov", "Mendes", "Achieng", "Novak")
private val GIVEN = listOf("Ana", "Amara", "Li", "Jo", "Max", "Ada", "Noor", "Ines", "Tariq", "Mei")

/** Times in microseconds, by size. */
private fun times(runs: Int, warmUp: Int = runs / 5, act: (Int) -> Unit): List<Double> {
    repeat(warmUp) { act(it) }
    return List(runs) { number ->
        val start = System.nanoTime()
        act(number)
        (System.nanoTime() - start) / 1000.0
    }.sorted()
}

private fun row(what: String, times: List<Double>) {
    fun shown(micros: Double) = if (micros < 1000) "%.1f µs".format(micros) else "%.2f ms".format(micros / 1000)
    println("| $what | ${shown(times[times.size / 2])} | ${shown(times[times.size * 95 / 100])} | ${times.size} |")
}

/** Memory of this process in megabytes, as the system counts it: what is in memory now, and the most that was. */
private fun memory(): Pair<Int, Int> {
    val lines = File("/proc/self/status").readLines()
    fun megabytes(name: String) = lines.first { it.startsWith(name) }.filter(Char::isDigit).toInt() / 1024
    return megabytes("VmRSS") to megabytes("VmHWM")
}

private fun fill(device: SatchelDevice, from: Int, until: Int): List<ChartRef> = (from until until).map { number ->
    val new = NewPatient(
        family = "${FAMILIES[number % 10]} ${number / 100}",
        given = listOf(GIVEN[number / 10 % 10]),
        birthDate = "%04d-%02d-%02d".format(1930 + number % 90, 1 + number % 12, 1 + number % 28),
    )
    device.registerAnyway(new).also { chart ->
        if (number >= FILLED) return@also
        device.recordAllergy(chart.now(), NewAllergy(words("Penicillin")))
        device.startMedication(chart.now(), NewMedication(words("Metformin 500 mg"), Dosage("twice a day")))
        device.recordVitals(chart.now(), listOf(VitalReading("8310-5", "37.2", "Cel")))
        device.writeNote(chart.now(), NewNote("Visit $number: sleeps well, eats little."))
    }
}

private fun measure(tablet: SatchelTablet, id: String, device: SatchelDevice, charts: List<ChartRef>) = runBlocking {
    val many = charts.size
    row("search by beginning of a name, $many patients", times(200) {
        check(device.listPatients(PatientSearch(text = "${FAMILIES[it % 10]} ${it % 9}"), Page(limit = 50u)).isNotEmpty())
    })
    row("search of a misspelt name, $many patients", times(50) {
        check(device.listPatients(PatientSearch(text = "Nordinn"), Page(limit = 50u)).isNotEmpty())
    })
    row("first page of the patient list, $many patients", times(50) {
        check(device.listPatients(PatientSearch(), Page(limit = 50u)).size == 50)
    })
    row("open a chart for the first time, $many patients", times(200, 0) { device.openChart(charts[it * 7 % FILLED]) })
    row("open a chart again, $many patients", times(200) { device.openChart(charts[it * 7 % FILLED]) })
    row("sections of a chart, $many patients", times(200) { device.sections(charts[it * 11 % FILLED]) })
    row("record an allergy (on disk), $many patients", times(100) {
        device.recordAllergy(charts[it * 13 % FILLED].now(), NewAllergy(words("Nuts")))
    })
    val told = LinkedBlockingQueue<Long>()
    val listener = object : RowsListener {
        override fun onRows(rows: LiveRows) {
            told.put(System.nanoTime())
        }

        override fun onEnd() = Unit
    }
    device.watch(Question.Section(charts[0], ChartSection.ALLERGIES, Page()), listener).use { query ->
        told.take()
        val latencies = List(110) { number ->
            device.recordAllergy(charts[0].now(), NewAllergy(words("Substance $number")))
            // From the return of the edit, which is when the screen shows it saved.
            val saved = System.nanoTime()
            (checkNotNull(told.poll(10, TimeUnit.SECONDS)) { "no answer" } - saved) / 1000.0
        }.drop(10).sorted()
        row("edit saved to live query told, $many patients", latencies)
        query.end()
    }
    device.lock()
    row("unlock and lock (PIN, 64 MiB Argon2id), $many patients", times(5, 1) {
        runBlocking { tablet.unlock(id, "1793", SECRET).use { it.lock() } }
    })
}

/** In a JVM of its own, with nothing of the filling in it: what holding so many patients takes. */
private fun memoryIn(folder: File, id: String, many: Int) {
    val java = File(System.getProperty("java.home"), "bin/java").path
    val classes = System.getProperty("java.class.path")
    val child = ProcessBuilder(java, "-Xmx64m", "-cp", classes, "org.satchel.bench.MainKt", folder.path, id, "$many")
    check(child.inheritIO().start().waitFor() == 0) { "the memory was not measured" }
}

private fun measureMemory(folder: String, id: String, many: String) = runBlocking {
    SatchelTablet.open(folder).use { tablet ->
        tablet.profiles()
        val before = memory().first
        tablet.unlock(id, "1793", SECRET).use { device ->
            val rows = device.listPatients(PatientSearch(), Page(limit = 200u))
            rows.take(20).forEach { device.openChart(it.chart) }
            device.listPatients(PatientSearch(text = "Nordinn"), Page(limit = 50u))
            val (now, most) = memory()
            println("| JVM of its own, $many patients: before unlocking, with list and 20 charts read, the most | $before MB | $now MB | $most MB |")
            device.lock()
        }
    }
}

fun main(arguments: Array<String>) {
    if (arguments.size == 3) measureMemory(arguments[0], arguments[1], arguments[2]) else bench()
}

/** How many patients, size by size; others than these are named in SATCHEL_BENCH_PATIENTS, 1000 at least. */
private fun sizes() = System.getenv("SATCHEL_BENCH_PATIENTS")?.split(",")?.map { it.trim().toInt() } ?: listOf(1_000, 10_000)

private fun bench() = runBlocking {
    println("JVM ${System.getProperty("java.version")}, library ${satchelVersion()}")
    println("\n| what | p50 | p95 | runs |\n|---|---:|---:|---:|")
    row("call that does nothing but cross (a string back)", times(20_000) { satchelVersion() })
    row("call that does nothing but cross (a number back)", times(20_000) { liveObjects() })
    val folder = Files.createTempDirectory("satchel-bench-").toFile()
    try {
        SatchelTablet.open(folder.path).use { tablet ->
            val relay = BenchRelay(File(folder, "relay"))
            relay.use {
                for (many in sizes()) {
                    val device = tablet.create("Bench $many", "1793", SECRET, ProfileSettings(idleLockMs = 86_400_000))
                    device.enroll(it.url, it.code(), "bench")
                    val charts = fill(device, 0, many)
                    val id = checkNotNull(device.profileId())
                    device.lock()
                    device.unlock("1793", SECRET)
                    measure(tablet, id, device, charts)
                    device.close()
                    memoryIn(folder, id, many)
                }
            }
        }
    } finally {
        folder.deleteRecursively()
    }
}
