package org.satchel.sample

import java.io.File
import java.net.ServerSocket
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.runBlocking
import org.junit.jupiter.api.Assertions.assertArrayEquals
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.satchel.ProfileSettings
import org.satchel.SatchelTablet
import org.satchel.testing.count
import org.satchel.testing.inFolder
import org.satchel.testing.person
import org.satchel.testing.withClinic

/** Stands for the platform's: turns every bit over. */
private object Flipping : PlatformCipher {
    override fun encrypt(plain: ByteArray) = ByteArray(plain.size) { (plain[it].toInt() xor 0xff).toByte() }
    override fun decrypt(sealed: ByteArray) = encrypt(sealed)
}

class SampleTest {
    @Test
    fun `a job sends what only the device has, and says when to come again`() = withClinic { relay, device ->
        device.registerAnyway(person("Silva"))
        assertEquals(JobResult.DONE, backgroundRound(device, Circumstances(true, false, device.status().unsent)))
        assertEquals(0uL, device.status().unsent)
        val gone = ServerSocket(0).use { it.localPort }
        device.setRelayUrl("ws://127.0.0.1:$gone/sync")
        assertEquals(JobResult.AGAIN, backgroundRound(device, Circumstances(false, false, 0uL)))
        device.setRelayUrl(relay.url)
        device.lock()
        assertEquals(JobResult.GIVE_UP, backgroundRound(device, Circumstances(false, false, 0uL)))
    }

    @Test
    fun `work may cost more than looking, and everything may while it charges`() {
        val (idle, work) = budget(Circumstances(true, false, 0uL)) to budget(Circumstances(true, false, 1uL))
        assertTrue(idle.bytes!! < work.bytes!!)
        assertEquals(null, budget(Circumstances(false, true, 0uL)).bytes)
    }

    @Test
    fun `the list shows who fits what is typed`() = withClinic { _, device ->
        device.registerAnyway(person("Silva"))
        device.registerAnyway(person("Nordin"))
        val list = PatientList(device)
        assertEquals(2, list.rows.first().size)
        list.type("nor")
        assertEquals(listOf("Nordin"), list.rows.first().map { it.name.split(" ", ",").first { part -> part == "Nordin" } })
    }

    @Test
    fun `the vault gives one secret, which is not to be read in its file`() = inFolder { folder ->
        val file = File(folder, "secret")
        val made = SecretVault(file, Flipping).secret()
        assertEquals(32, made.size)
        assertFalse(made.contentEquals(file.readBytes()))
        assertArrayEquals(made, SecretVault(file, Flipping).secret())
    }

    @Test
    fun `switching locks whoever was there, and a wrong PIN leaves them there`() = inFolder { folder ->
        runBlocking {
            SatchelTablet.open(File(folder, "profiles").path).use { tablet ->
                val vault = SecretVault(File(folder, "secret"), Flipping)
                for (name in listOf("Amara", "Jo")) {
                    tablet.create(name, "1793", vault.secret(), ProfileSettings()).use { it.lock() }
                }
                val session = Session(tablet, vault)
                val (amara, jo) = session.profiles().map { it.id }
                val first = (session.switchTo(amara, "1793") as Unlocking.Open).device
                assertTrue(session.switchTo(jo, "1794") is Unlocking.Wrong)
                assertFalse(first.isLocked())
                val second = (session.switchTo(jo, "1793") as Unlocking.Open).device
                assertFalse(second.isLocked())
                session.lock()
                assertTrue(session.switchTo("0".repeat(32), "1793") is Unlocking.Failed)
            }
        }
    }
}
