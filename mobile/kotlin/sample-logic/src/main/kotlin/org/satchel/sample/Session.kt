package org.satchel.sample

import kotlinx.coroutines.sync.Mutex
import kotlinx.coroutines.sync.withLock
import org.satchel.ProfileShown
import org.satchel.SatchelDevice
import org.satchel.SatchelException
import org.satchel.SatchelTablet

/** What unlocking came to, for the screen. */
sealed interface Unlocking {
    data class Open(val device: SatchelDevice) : Unlocking
    data class Wrong(val waitMs: Long, val remainingBeforeWipe: UInt?) : Unlocking
    data class Failed(val code: String, val detail: String) : Unlocking
}

/** Who uses the tablet now. Switching locks whoever used it before; their unsent work stays and goes out when they are back. */
class Session(private val tablet: SatchelTablet, private val vault: SecretVault) {
    private val switching = Mutex()
    private var open: SatchelDevice? = null

    fun profiles(): List<ProfileShown> = tablet.profiles()

    suspend fun switchTo(profile: String, pin: String): Unlocking = switching.withLock {
        try {
            val device = tablet.unlock(profile, pin, vault.secret())
            leave()
            open = device
            Unlocking.Open(device)
        } catch (error: SatchelException) {
            when (error) {
                is SatchelException.WrongPin -> Unlocking.Wrong(error.waitMs, error.remainingBeforeWipe)
                is SatchelException.LockedOut -> Unlocking.Wrong(error.waitMs, null)
                else -> Unlocking.Failed(error.code(), error.message.orEmpty())
            }
        }
    }

    /** Locks whoever is there. */
    suspend fun lock() = switching.withLock { leave() }

    private suspend fun leave() {
        open?.lock()
        open?.close()
        open = null
    }
}
