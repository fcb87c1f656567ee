import Foundation

/// Passes the news of a sync into a stream.
private final class NewsStream: SyncListener, @unchecked Sendable {
    private let continuation: AsyncStream<SyncNews>.Continuation

    init(_ continuation: AsyncStream<SyncNews>.Continuation) {
        self.continuation = continuation
    }

    func onNews(news: SyncNews) {
        continuation.yield(news)
        if case .stopped = news {
            continuation.finish()
        }
    }
}

extension SatchelDevice {
    /// Stays connected for as long as the stream is iterated, and tells what happens, in order and without leaving anything out.
    ///
    /// The last news is ``SyncNews/stopped(cause:)``. Ending the iteration says goodbye to the relay. Pass what the platform says
    /// of the network on by ``SyncSession/setNetwork(network:)`` of the session that is given with the stream.
    /// - Throws: ``SatchelError/Busy(detail:)`` while the profile is being synced by somebody else.
    public func syncing(_ network: Network = .online) async throws -> (news: AsyncStream<SyncNews>, session: SyncSession) {
        let (stream, continuation) = AsyncStream.makeStream(of: SyncNews.self)
        let session = try await startSync(listener: NewsStream(continuation), network: network)
        continuation.onTermination = { _ in Task { await session.stop() } }
        return (stream, session)
    }
}
