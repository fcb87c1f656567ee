package org.satchel

/** A concept in words only. */
fun words(text: String): Concept = Concept(text = text)

/** A concept of one code, with its name as its words. */
fun coded(system: String, code: String, display: String): Concept =
    Concept(codes = listOf(Code(system, code, display)), text = display)

/** Outside any visit. */
fun ChartRef.now(): Occasion = Occasion(this)

/** In a visit. [encounter]: FHIR id of an Encounter of the chart. */
fun ChartRef.during(encounter: String): Occasion = Occasion(this, encounter)

/** Where the patient of a row is. */
val PatientRow.chart: ChartRef get() = ChartRef(organization, patient)
