package org.satchel

import kotlinx.coroutines.CoroutineScope
import kotlinx.coroutines.Dispatchers
import kotlinx.coroutines.NonCancellable
import kotlinx.coroutines.channels.Channel
import kotlinx.coroutines.coroutineScope
import kotlinx.coroutines.flow.Flow
import kotlinx.coroutines.flow.MutableStateFlow
import kotlinx.coroutines.flow.StateFlow
import kotlinx.coroutines.flow.flow
import kotlinx.coroutines.launch
import kotlinx.coroutines.withContext

/**
 * Stays connected for as long as it is collected, and tells what happens, in order and without leaving anything out. The last
 * news is [SyncNews.Stopped]. Cancelling the collection says goodbye to the relay and ends the sync.
 *
 * [network]: what the platform says of the network, now and later.
 * @throws SatchelException.Busy while the profile is being synced by another collector.
 */
fun SatchelDevice.syncing(network: StateFlow<Network> = MutableStateFlow(Network.ONLINE)): Flow<SyncNews> = flow {
    val news = Channel<SyncNews>(Channel.UNLIMITED)
    val listener = object : SyncListener {
        override fun onNews(news_: SyncNews) {
            news.trySend(news_)
            if (news_ is SyncNews.Stopped) news.close()
        }
    }
    val session = startSync(listener, network.value)
    try {
        coroutineScope {
            val hints = passOn(network, session)
            for (one in news) emit(one)
            hints.cancel()
        }
    } finally {
        withContext(NonCancellable) { session.stop() }
        session.close()
    }
}

private fun CoroutineScope.passOn(network: StateFlow<Network>, session: SyncSession) =
    launch { network.collect { session.setNetwork(it) } }

/**
 * Runs calls that read or write the database away from the main thread: `device.work { openChart(chart) }`.
 *
 * Calls of [SatchelDevice] that are not `suspend` return when they are done, mostly within a millisecond or two; a large import
 * takes seconds.
 */
suspend fun <T> SatchelDevice.work(act: SatchelDevice.() -> T): T = withContext(Dispatchers.IO) { act() }
