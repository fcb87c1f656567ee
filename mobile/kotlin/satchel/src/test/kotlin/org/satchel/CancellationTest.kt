package org.satchel

import java.net.ServerSocket
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.cancelAndJoin
import kotlinx.coroutines.delay
import kotlinx.coroutines.flow.first
import kotlinx.coroutines.launch
import kotlinx.coroutines.runBlocking
import kotlinx.coroutines.withTimeout
import org.junit.jupiter.api.Assertions.assertEquals
import org.junit.jupiter.api.Assertions.assertFalse
import org.junit.jupiter.api.Assertions.assertTrue
import org.junit.jupiter.api.Test
import org.satchel.testing.PATIENCE_S
import org.satchel.testing.count
import org.satchel.testing.eventually
import org.satchel.testing.person
import org.satchel.testing.withClinic

class CancellationTest {
    @Test
    fun `a sync that waits for a silent relay ends when its coroutine is cancelled and the next one works`() =
        withClinic { relay, device ->
            device.registerAnyway(person("Silva"))
            val silent = ServerSocket(0)
            device.setRelayUrl("ws://127.0.0.1:${silent.localPort}/sync")
            runBlocking {
                val syncing = launch(Dispatchers.Default) { device.sync() }
                eventually("it connects") { device.status().connection == ConnectionState.CONNECTING }
                assertTrue(syncing.isActive)
                withTimeout(PATIENCE_S * 1000) { syncing.cancelAndJoin() }
            }
            silent.close()
            eventually("it says that it is offline") { device.status().connection == ConnectionState.OFFLINE }
            device.setRelayUrl(relay.url)
            assertEquals(1uL, device.sync().sent)
        }

    @Test
    fun `the calls of a waiting sync end when the profile is locked`() = withClinic { _, device ->
        val silent = ServerSocket(0)
        device.setRelayUrl("ws://127.0.0.1:${silent.localPort}/sync")
        runBlocking {
            var code: String? = null
            val syncing = launch { code = runCatching { device.sync() }.exceptionOrNull().let { (it as SatchelException).code() } }
            while (device.status().connection != ConnectionState.CONNECTING) delay(10)
            device.lock()
            withTimeout(PATIENCE_S * 1000) { syncing.join() }
            assertEquals("locked", code)
        }
        silent.close()
        assertTrue(device.isLocked())
    }

    @Test
    fun `a flow of patients follows edits and ends its query when it is no more collected`() = withClinic { _, device ->
        runBlocking {
            val before = liveObjects()
            device.registerAnyway(person("Silva"))
            val seen = mutableListOf<Int>()
            val collecting = launch { device.patients().collect { seen += it.size } }
            while (seen.lastOrNull() != 1) delay(10)
            device.registerAnyway(person("Souza"))
            while (seen.lastOrNull() != 2) delay(10)
            collecting.cancelAndJoin()
            eventually("the query is let go") { liveObjects() == before }
            device.registerAnyway(person("Santos"))
            assertEquals(2, seen.last())
            assertEquals(3, device.patients().first().size)
        }
    }

    @Test
    fun `a flow of news syncs while it is collected and not longer`() = withClinic { _, device ->
        runBlocking {
            device.registerAnyway(person("Silva"))
            val sent = withTimeout(PATIENCE_S * 1000) { device.syncing().first { it is SyncNews.Sent } as SyncNews.Sent }
            assertEquals(1uL, sent.accepted)
            assertEquals(ConnectionState.OFFLINE, device.status().connection)
            device.registerAnyway(person("Souza"))
            delay(300)
            assertEquals(1uL, device.status().unsent, "nothing is sent any more")
            assertFalse(device.status().upToDate)
            assertEquals(2, device.count("ana"))
        }
    }
}
