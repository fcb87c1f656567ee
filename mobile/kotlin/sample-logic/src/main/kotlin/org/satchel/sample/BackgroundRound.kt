package org.satchel.sample

import org.satchel.SatchelDevice
import org.satchel.SatchelException
import org.satchel.SyncBudget

/** What the platform says of itself when it starts a job in the background. */
data class Circumstances(val isMetered: Boolean, val isCharging: Boolean, val unsent: ULong)

/** What the job tells the platform when it is done. */
enum class JobResult {
    /** Nothing is left to do. */
    DONE,

    /** Start it again soon. */
    AGAIN,

    /** Do not start it again before a person has unlocked the profile, or looked at what is wrong. */
    GIVE_UP,
}

private const val MEGABYTE = 1_048_576uL

/** What one job may cost. Work that only this device has goes out whatever it costs; the rest waits for a better network. */
fun budget(now: Circumstances): SyncBudget = when {
    now.isMetered && now.unsent == 0uL -> SyncBudget(bytes = 65_536uL, timeMs = 20_000uL)
    now.isMetered -> SyncBudget(bytes = MEGABYTE, timeMs = 60_000uL)
    now.isCharging -> SyncBudget(timeMs = 480_000uL)
    else -> SyncBudget(bytes = 32uL * MEGABYTE, timeMs = 180_000uL)
}

/** One job. Cancelling it is safe at any moment: what was stored counts. */
suspend fun backgroundRound(device: SatchelDevice, now: Circumstances): JobResult = try {
    if (device.sync(budget(now)).cutShort) JobResult.AGAIN else JobResult.DONE
} catch (error: SatchelException) {
    when (error) {
        is SatchelException.Offline, is SatchelException.Storage -> JobResult.AGAIN
        // Somebody has the app open, and it syncs.
        is SatchelException.Busy -> JobResult.DONE
        else -> JobResult.GIVE_UP
    }
}
