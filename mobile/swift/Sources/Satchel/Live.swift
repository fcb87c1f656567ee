import Foundation

/// Passes the answers of a live query into a stream.
private final class RowsStream: RowsListener, @unchecked Sendable {
    private let continuation: AsyncStream<LiveRows>.Continuation

    init(_ continuation: AsyncStream<LiveRows>.Continuation) {
        self.continuation = continuation
    }

    func onRows(rows: LiveRows) {
        continuation.yield(rows)
    }

    func onEnd() {
        continuation.finish()
    }
}

extension SatchelDevice {
    /// The answer to a question, now and whenever it becomes another one: after edits here, what a sync brings, and what other
    /// processes wrote.
    ///
    /// Whoever iterates slowly gets the newest answer and misses those between. The stream ends when the profile is locked; ending
    /// the iteration ends the query.
    /// - Throws: ``SatchelError`` where the question cannot be answered at first.
    public func watching(_ question: Question) throws -> AsyncStream<LiveRows> {
        let (stream, continuation) = AsyncStream.makeStream(of: LiveRows.self, bufferingPolicy: .bufferingNewest(1))
        let query = try watch(question: question, listener: RowsStream(continuation))
        continuation.onTermination = { _ in query.end() }
        return stream
    }

    /// The patients of a search, now and whenever they become others.
    public func patients(_ search: PatientSearch = PatientSearch(), page: Page = Page()) throws
        -> AsyncCompactMapSequence<AsyncStream<LiveRows>, [PatientRow]>
    {
        try watching(.patients(search: search, page: page)).compactMap { rows in
            if case let .patients(rows) = rows { rows } else { nil }
        }
    }

    /// One section of a chart, now and whenever it becomes another one.
    public func sectionRows(_ section: ChartSection, of chart: ChartRef, page: Page = Page()) throws
        -> AsyncCompactMapSequence<AsyncStream<LiveRows>, [ChartRow]>
    {
        try watching(.section(chart: chart, section: section, page: page)).compactMap { rows in
            if case let .chart(rows) = rows { rows } else { nil }
        }
    }
}
