package org.satchel

import java.io.File
import kotlin.system.measureTimeMillis
import kotlinx.coroutines.delay
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertNull
import org.junit.jupiter.api.Assertions.assertThrows
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.satchel.testing.Relay
import org.satchel.testing.count
import org.satchel.testing.eventually
import org.satchel.testing.inFolder
import org.satchel.testing.person

private val SECRET = ByteArray(32) { (it * 7).toByte() }

class TabletTest {
    /** A tablet with an enrolled profile that has one patient and is locked. */
    private fun withTablet(settings: ProfileSettings = ProfileSettings(), act: suspend (Relay, SatchelTablet, String, File) -> Unit) =
        Relay().use { relay ->
            relay.practice("north", "dr-a")
            inFolder { folder ->
                runBlocking {
                    SatchelTablet.open(folder.path).use { tablet ->
                        val id = tablet.create("Dr Amara", "1793", SECRET, settings).use { device ->
                            device.enroll(relay.url, relay.code("north", "dr-a"), "ward tablet")
                            device.registerAnyway(person("Silva"))
                            device.lock()
                            checkNotNull(device.profileId())
                        }
                        act(relay, tablet, id, folder)
                    }
                }
            }
        }

    private fun code(act: suspend () -> Unit): String =
        assertThrows(SatchelException::class.java) { runBlocking { act() } }.code()

    @Test
    fun `a locked profile shows what is unsent and nothing else, and opens with its PIN and secret only`() =
        withTablet { _, tablet, id, folder ->
            val shown = tablet.profiles().single()
            assertEquals("Dr Amara", shown.label)
            assertTrue(shown.enrolled)
            assertEquals(1uL, shown.unsent?.changes)
            assertEquals("wrong-pin", code { tablet.unlock(id, "1794", SECRET) })
            assertEquals("wrong-secret", code { tablet.unlock(id, "1793", ByteArray(32) { (it * 3).toByte() }) })
            assertEquals("unknown-profile", code { tablet.unlock("none", "1793", SECRET) })
            assertEquals("weak-pin", code { tablet.create("Another", "1", SECRET, ProfileSettings()) })
            tablet.unlock(id, "1793", SECRET).use { device ->
                assertEquals(1, device.count("silva"))
                device.lock()
            }
            val found = folder.walk().filter { it.isFile }.filter { "Silva" in it.readText(Charsets.ISO_8859_1) }
            assertEquals(emptyList<File>(), found.toList())
        }

    @Test
    fun `an object that was locked is unlocked in place, and its unsent work goes out`() = withTablet { _, tablet, id, _ ->
        tablet.unlock(id, "1793", SECRET).use { device ->
            device.lock()
            assertEquals("locked", code { device.sync() })
            device.unlock("1793", SECRET)
            assertFalse(device.isLocked())
            assertEquals(1uL, device.sync().sent)
            device.lock()
        }
        assertEquals(0uL, tablet.profiles().single().unsent?.changes)
    }

    @Test
    fun `a profile that nobody uses locks itself and its live queries end`() =
        withTablet(ProfileSettings(idleLockMs = 1000)) { _, tablet, id, _ ->
            tablet.unlock(id, "1793", SECRET).use { device ->
                var ended = false
                val listener = object : RowsListener {
                    override fun onRows(rows: LiveRows) = Unit
                    override fun onEnd() {
                        ended = true
                    }
                }
                device.watch(Question.Patients(PatientSearch(), Page()), listener).use {
                    repeat(6) {
                        delay(300)
                        device.touch()
                    }
                    assertFalse(device.isLocked(), "it is used")
                    eventually("it locks itself") { device.isLocked() }
                    eventually("its query ends") { ended }
                }
            }
        }

    @Test
    fun `a changed PIN takes the place of the old one`() = withTablet { _, tablet, id, _ ->
        tablet.changePin(id, "1793", "4826 of the ward", SECRET)
        assertEquals("wrong-pin", code { tablet.unlock(id, "1793", SECRET) })
        val took = measureTimeMillis { tablet.unlock(id, "4826 of the ward", SECRET).use { it.lock() } }
        println("unlocked and locked in $took ms")
        assertEquals("unsent-work", code { tablet.remove(id, "4826 of the ward", SECRET) })
        assertNull(tablet.profiles().single().damaged)
    }
}
