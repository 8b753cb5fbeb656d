// What a request is given from a response that is still arriving, as soon as its head is there: nobody waits for what isn't
// needed. It decides by values and responds nothing.

import CacheStorage
import HTTPCaching
import HTTPSemantics

/// What a request that reads from a fill is answered with.
enum ReadingPlan: Equatable {
    /// The body as it arrives.
    case whole
    /// The head alone (RFC 9110 §9.3.2).
    case head
    /// The client's condition tells that it has this response (RFC 9110 §13.1).
    case notModified
    /// These bytes of the content, which have arrived or come next (RFC 9110 §14.2).
    case part(Range<Int64>, completeLength: Int64?)
    case unsatisfiable(completeLength: Int64)
    /// The bytes that it asks for are still to come, behind others that it doesn't ask for.
    case later
    /// What arrives is a part of the response, and not the one that it asks for.
    case elsewhere

    /// - Parameter now: needed for two-digit years only.
    init(_ request: AdmittedRequest, reading head: FillHead, now: Instant) {
        let record = head.response
        if request.facts.hasConditions && request.isNotModified(record, now: now) {
            self = .notModified
        } else if let part = head.part {
            self = Self.ofPart(part, request, reading: head)
        } else if request.head.method == .head {
            self = .head
        } else if request.facts.hasRange, request.head.method == .get, record.status == 200 {
            self = Self.ranges(request, reading: head)
        } else {
            self = .whole
        }
    }

    private static func ranges(_ request: AdmittedRequest, reading head: FillHead) -> ReadingPlan {
        guard let length = head.length.map(Int64.init) else { return rangeOfUnknown(request, reading: head) }
        return switch request.ranges(of: head.response, length: length) {
        case .whole: .whole
        case .unsatisfiable: .unsatisfiable(completeLength: length)
        case .part(let part): part.lowerBound <= head.arrived ? .part(part, completeLength: length) : .later
        case .parts: .later
        }
    }

    /// A part answers those that ask for bytes within it, and those that ask for what the origin was asked for: it may give
    /// less than that (RFC 9110 §15.3.7).
    private static func ofPart(
        _ part: ContentPart, _ request: AdmittedRequest, reading head: FillHead
    ) -> ReadingPlan {
        guard let spec = request.oneRange, request.rangeThatCounts(for: head.response) != nil else { return .elsewhere }
        var extents = ExtentList()
        extents.insert(part.range)
        switch partialReuse(.one(spec), extents: extents, completeLength: part.completeLength, mayBeJoined: false) {
        case .answer(let range):
            let isThere = range.lowerBound - part.range.lowerBound <= head.arrived
            return isThere ? .part(range, completeLength: part.completeLength) : .later
        case .unsatisfiable: return part.completeLength.map { .unsatisfiable(completeLength: $0) } ?? .elsewhere
        case .fetch, .fetchAsAsked: break
        }
        return spec == part.asked ? .part(part.range, completeLength: part.completeLength) : .elsewhere
    }

    /// Until the length is known a range can be told from the whole only by both its ends.
    private static func rangeOfUnknown(_ request: AdmittedRequest, reading head: FillHead) -> ReadingPlan {
        guard let value = request.rangeThatCounts(for: head.response) else { return .whole }
        switch RangeRequest(field: request.bytes.extracting(value)) {
        case .ignored, .one(.from(0)): return .whole
        case .one(.between(let first, let last)) where last < head.arrived:
            return .part(first..<(last + 1), completeLength: nil)
        case .one, .several: return .later
        }
    }
}
