package org.satchel.sample.android

import android.content.Context
import android.net.ConnectivityManager
import android.os.BatteryManager
import androidx.work.Constraints
import androidx.work.CoroutineWorker
import androidx.work.ExistingPeriodicWorkPolicy
import androidx.work.NetworkType
import androidx.work.PeriodicWorkRequestBuilder
import androidx.work.WorkManager
import androidx.work.WorkerParameters
import java.util.concurrent.TimeUnit
import org.satchel.sample.Circumstances
import org.satchel.sample.JobResult
import org.satchel.sample.backgroundRound

/** One round in the background. WorkManager cancels the coroutine when the time is over, which ends the round. */
class SyncWorker(context: Context, parameters: WorkerParameters) : CoroutineWorker(context, parameters) {
    override suspend fun doWork(): Result {
        val device = (applicationContext as App).device?.takeUnless { it.isLocked() } ?: return Result.success()
        val network = applicationContext.getSystemService(ConnectivityManager::class.java)
        val battery = applicationContext.getSystemService(BatteryManager::class.java)
        val now = Circumstances(network.isActiveNetworkMetered, battery.isCharging, device.status().unsent)
        return when (backgroundRound(device, now)) {
            JobResult.DONE -> Result.success()
            JobResult.AGAIN -> Result.retry()
            JobResult.GIVE_UP -> Result.failure()
        }
    }

    companion object {
        /** Every quarter of an hour, when there is a network. */
        fun schedule(context: Context) {
            val request = PeriodicWorkRequestBuilder<SyncWorker>(15, TimeUnit.MINUTES)
                .setConstraints(Constraints.Builder().setRequiredNetworkType(NetworkType.CONNECTED).build())
                .build()
            WorkManager.getInstance(context).enqueueUniquePeriodicWork("sync", ExistingPeriodicWorkPolicy.KEEP, request)
        }
    }
}
