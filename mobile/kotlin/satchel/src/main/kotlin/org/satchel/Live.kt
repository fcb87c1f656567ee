package org.satchel

import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.channels.awaitClose
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.callbackFlow
import kotlinx.coroutines.flow.conflate
import kotlinx.coroutines.flow.flowOn
import kotlinx.coroutines.flow.map

/**
 * The answer to a question, now and whenever it becomes another one: after edits here, what a sync brings, and what other
 * processes wrote. Whoever collects slowly gets the newest answer and misses those between.
 *
 * Ends when the profile is locked. Cancelling the collection ends the query.
 *
 * @throws SatchelException where the question cannot be answered at first.
 */
fun SatchelDevice.watching(question: Question): Flow<LiveRows> = callbackFlow {
    val listener = object : RowsListener {
        override fun onRows(rows: LiveRows) {
            trySend(rows)
        }

        override fun onEnd() {
            close()
        }
    }
    val query = watch(question, listener)
    awaitClose {
        query.end()
        query.close()
    }
}.conflate().flowOn(Dispatchers.IO)

/** The patients of a search, now and whenever they become others. */
fun SatchelDevice.patients(search: PatientSearch = PatientSearch(), page: Page = Page()): Flow<List<PatientRow>> =
    watching(Question.Patients(search, page)).map { (it as LiveRows.Patients).rows }

/** One section of a chart, now and whenever it becomes another one. */
fun SatchelDevice.sectionRows(chart: ChartRef, section: ChartSection, page: Page = Page()): Flow<List<ChartRow>> =
    watching(Question.Section(chart, section, page)).map { (it as LiveRows.Chart).rows }

/** The medicines that a patient is on, now and whenever they become others. */
fun SatchelDevice.medications(chart: ChartRef): Flow<List<MedicationRow>> =
    watching(Question.MedicationsNow(chart)).map { (it as LiveRows.Medications).rows }

/** The latest vital signs, now and whenever they become others. */
fun SatchelDevice.vitals(chart: ChartRef): Flow<List<VitalRow>> =
    watching(Question.LatestVitals(chart)).map { (it as LiveRows.Vitals).rows }

/** Open tasks, of one chart or of everybody, now and whenever they become others. */
fun SatchelDevice.tasks(chart: ChartRef? = null, by: UnixMillis? = null, page: Page = Page()): Flow<List<TaskRow>> =
    watching(Question.DueTasks(chart, by, page)).map { (it as LiveRows.Tasks).rows }
