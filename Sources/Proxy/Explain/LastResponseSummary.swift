// What is told about the latest response for a key: what became of it, why, and what would change that.

import HTTPCaching
import Origins

/// A value of its own.
package struct LastResponseSummary: Sendable {
    /// Seconds since then.
    package let age: Int64
    /// Nil where there was no response.
    package let status: Int?
    package let isStored: Bool
    /// Why it was not stored, or why there was none; nil where it was stored.
    package let slug: String?
    /// The same as a sentence.
    package let sentence: String
    /// What would have it stored, in the words of the configuration file; nil where nothing would.
    package let advice: String?

    init(_ entry: LastResponses.Entry, milliseconds now: Int64) {
        age = max(0, (now - entry.time.milliseconds) / 1000)
        switch entry.fate {
        case .stored(let status):
            (self.status, isStored, slug, advice) = (Int(status.code), true, nil, nil)
            sentence = status.code == 304 ? "The response freshened what was stored." : "The response was stored."
        case .notStored(let status, let reason):
            (self.status, isStored, slug) = (Int(status.code), false, "\(reason.slug)")
            sentence = "\(reason.sentence)"
            advice = reason.advice.map { "\($0)" }
        case .invalidated(let status):
            (self.status, isStored, slug, advice) = (Int(status.code), false, "purged", nil)
            sentence = "It was purged or invalidated while the response was on its way."
        case .outOfMemory(let status):
            (self.status, isStored, slug) = (Int(status.code), false, "limits-memory")
            sentence = "Responses in progress had all of their memory."
            advice = "`limits.memory` is the limit"
        case .originFailed(let status):
            (self.status, isStored, slug, advice) = (Int(status.code), false, "stale-if-error", nil)
            sentence = "The response is an error; what is stored may be used instead."
        case .failed(let cause):
            (self.status, isStored, slug, advice) = (nil, false, "\(cause.outcome.slug)", nil)
            sentence = "There was no response: \(ExchangeFailure(cause).sentence)."
        }
    }
}

extension Reason {
    /// What in the configuration would have such a response stored.
    fileprivate var advice: StaticString? {
        switch self {
        case .noLifetime: "`timeout`, or `statuses` for this status, would give it one"
        case .setCookie: "`allow_set_cookie: on` would store it"
        case .authorization: "`allow_authorization: on` would store it"
        case .responseNoStore, .privateResponse, .alreadyStale, .noCacheUnvalidatable:
            "`mode: force` with a `timeout` would store it for all clients"
        case .contentType: "`content_types` doesn't list its type"
        case .methodNotCached: "`methods` doesn't list the method"
        case .tooLarge: "`store.object` is the limit"
        case .requestNoStore: "`client_control: ignore` would store it"
        // No setting would, or none should.
        default: nil
        }
    }
}
