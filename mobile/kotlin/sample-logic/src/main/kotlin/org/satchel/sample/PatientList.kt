package org.satchel.sample

import kotlinx.coroutines.ExperimentalCoroutinesApi
import kotlinx.coroutines.FlowPreview
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.debounce
import kotlinx.coroutines.flow.distinctUntilChanged
import kotlinx.coroutines.flow.flatMapLatest
import org.satchel.Page
import org.satchel.PatientRow
import org.satchel.PatientSearch
import org.satchel.SatchelDevice
import org.satchel.patients

/** The first screen: patients that fit what is typed, kept up to date. */
class PatientList(private val device: SatchelDevice) {
    private val typed = MutableStateFlow("")

    /** What was typed into the search. */
    fun type(text: String) {
        typed.value = text
    }

    /** Rows to show. Of fast typing only the last is asked for: each search is an entry of the audit trail. */
    @OptIn(ExperimentalCoroutinesApi::class, FlowPreview::class)
    val rows: Flow<List<PatientRow>> = typed
        .debounce { if (it.isEmpty()) 0L else 250L }
        .distinctUntilChanged()
        .flatMapLatest { device.patients(PatientSearch(text = it), Page(limit = 200u)) }
}
