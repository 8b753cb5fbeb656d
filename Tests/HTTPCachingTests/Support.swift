// The tags of these tests, `.must`, `.should` and `.choice`, are TestSupport's.
import HTTPSemantics
import TestSupport
import Testing

@testable import HTTPCaching

/// 2024-01-01T00:00:00Z, the time at which responses arrive in these tests.
let arrival = Instant(secondsSinceEpoch: 1_704_067_200)
let arrivalDate = "Mon, 01 Jan 2024 00:00:00 GMT"

typealias Fields = [(FieldName, String)]

func request(_ method: Method = .get, _ fields: Fields = []) -> RequestFacts {
    var facts = RequestFacts(method: method)
    for (field, value) in fields {
        let bytes = Array(value.utf8)
        facts.note(field, bytes.span)
    }
    return facts
}

func response(_ status: Int = 200, _ fields: Fields = [], at time: Instant = arrival) -> ResponseFacts {
    var facts = ResponseFacts(status: Status(status), responseTime: time)
    for (field, value) in fields {
        let bytes = Array(value.utf8)
        facts.note(field, bytes.span)
    }
    return facts
}

/// A route that honours what clients ask for, which isn't the default, so that all of RFC 9111 §5.2.1 is tried.
func policy(_ change: (inout RoutePolicy) -> Void = { _ in }) -> RoutePolicy {
    var policy = RoutePolicy()
    policy.clientControl = .honour
    change(&policy)
    return policy
}

func store(
    _ request: RequestFacts, _ response: ResponseFacts, _ policy: RoutePolicy = policy(),
    requestTime: Instant = arrival
) -> StorageVerdict {
    storageVerdict(request: request, response: response, policy: policy, requestTime: requestTime)
}

/// The verdict on the response to a plain GET.
func store(
    _ response: ResponseFacts, _ policy: RoutePolicy = policy(), requestTime: Instant = arrival
) -> StorageVerdict {
    store(request(), response, policy, requestTime: requestTime)
}

extension StorageVerdict {
    var facts: StoredFacts? { if case .store(let facts, _) = self { facts } else { nil } }
    var life: Int64? { if case .store(_, let life) = self { life.count } else { nil } }
    var reason: Reason? { if case .refuse(let reason) = self { reason } else { nil } }
}

/// The verdict on a stored response `after` seconds after its arrival.
func reuse(
    _ fields: Fields, _ request: RequestFacts = request(), _ policy: RoutePolicy = policy(), after seconds: Int64
) -> ReuseVerdict? {
    guard let facts = store(response(200, fields), policy).facts else { return nil }
    return reuseVerdict(stored: facts, request: request, policy: policy, now: arrival + Seconds(seconds))
}

extension ReuseVerdict {
    /// The case and its reason as text, for tables.
    var name: String {
        switch self {
        case .fresh: "fresh"
        case .stale(_, _, let reason): "stale \(reason)"
        case .validate(let reason, _, _): "validate \(reason)"
        case .bypass(let reason): "bypass \(reason)"
        case .refuse(let reason): "refuse \(reason)"
        }
    }
    var fallback: StaleFallback? { if case .validate(_, _, let fallback) = self { fallback } else { nil } }
}

func string(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }
