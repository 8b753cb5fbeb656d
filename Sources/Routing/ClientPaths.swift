// Which paths of clients lead to a path of an upstream: the inverse of `strip`, `rewrite` and a base path. An origin names its
// resources by the paths that it is asked for, in Location and Content-Location; what is stored stands under the client's.
//
// A `rewrite` can be turned around where its template has the parameters of the route's path, one to a segment. One that is
// missing there is taken from the request at hand, if that has it by the same name. Where this fails nothing is found: such
// resources are invalidated by their own URL, by tags, or by their lifetime.

import Bytes
import Configuration

/// Compiled when a configuration is taken on.
package struct ClientPaths: Sendable {
    /// The routes of one upstream.
    private struct Mapping: Sendable {
        let base: [UInt8]
        /// What comes before an upstream's path: empty where nothing is stripped.
        var prefixes: Set<[UInt8]> = []
        var rewrites: [(template: [Segment], path: PathPattern)] = []
    }

    /// One segment of a template: a value, or text around one, or text alone.
    private struct Segment: Sendable {
        var before: [UInt8] = []
        var parameter: String?
        var after: [UInt8] = []
        var isRest = false
    }

    private let mappings: [String: Mapping]

    /// Nil if all upstreams are asked for the clients' paths.
    /// - Parameter basePaths: of each upstream.
    package init?(_ routes: [Route], basePaths: [String: String]) {
        var mappings: [String: Mapping] = [:]
        var isNeeded = basePaths.values.contains { !$0.isEmpty }
        for route in routes {
            guard let upstream = route.upstream else { continue }
            let base = basePaths[upstream] ?? ""
            var mapping = mappings.removeValue(forKey: upstream) ?? Mapping(base: Array(base.utf8))
            switch route.forwarding {
            case .unchanged: mapping.prefixes.insert([])
            case .strip(let prefix):
                isNeeded = true
                mapping.prefixes.insert(Array(prefix.description.utf8))
            case .rewrite(let template):
                isNeeded = true
                if let segments = Self.segments(of: template, in: route) {
                    mapping.rewrites += route.paths.map { (segments, $0) }
                }
            }
            mappings[upstream] = mapping
        }
        guard isNeeded else { return nil }
        self.mappings = mappings
    }

    /// Nil where a segment has two values, so that nobody knows where one ends.
    private static func segments(of template: PathTemplate, in route: Route) -> [Segment]? {
        var segments: [Segment] = []
        for pieces in template.segments {
            var segment = Segment()
            for piece in pieces {
                switch piece {
                case .literal(let text) where segment.parameter == nil: segment.before += text.utf8
                case .literal(let text): segment.after += text.utf8
                case .parameter(let name):
                    guard segment.parameter == nil else { return nil }
                    segment.parameter = name
                    segment.isRest = route.takesRest(name)
                }
            }
            segments.append(segment)
        }
        return segments
    }

    /// The clients' paths that may lead to `path` of an upstream. Which of them do is for the route table to say.
    /// - Parameters:
    ///   - path: without a query, in any spelling.
    ///   - value: the value of a parameter that `path` doesn't show.
    package func paths(
        to path: Span<UInt8>, of upstream: String, value: (String) -> [UInt8]? = { _ in nil }
    ) -> [[UInt8]] {
        guard let mapping = mappings[upstream] else { return [] }
        var normal = ByteBuffer()
        normal.appendNormalized(path, ByteRange(0, path.count))
        let whole = normal.span.copied()
        guard whole.starts(with: mapping.base) else { return [] }
        var rest = Array(whole.dropFirst(mapping.base.count))
        if rest.isEmpty { rest = [UInt8(ascii: "/")] }
        guard rest[0] == UInt8(ascii: "/") else { return [] }
        var found: [[UInt8]] = []
        for prefix in mapping.prefixes {
            found.append(prefix + rest)
            // `/api` and `/api/` both lead to `/`.
            if rest.count == 1, !prefix.isEmpty { found.append(prefix) }
        }
        let parts = rest.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        for (template, pattern) in mapping.rewrites {
            if let values = Self.values(of: parts, by: template) {
                found += Self.path(pattern) { values[$0] ?? value($0) }
            }
        }
        return found
    }

    /// The values that a path has by a template; nil if it isn't made by it. A rest that is missing is empty without a slash.
    private static func values(of parts: [ArraySlice<UInt8>], by template: [Segment]) -> [String: [UInt8]]? {
        var values: [String: [UInt8]] = [:]
        for (index, segment) in template.enumerated() {
            if segment.isRest, let name = segment.parameter {
                values[name] = Array(parts.dropFirst(index).joined(separator: [UInt8(ascii: "/")]))
                return index <= parts.count ? values : nil
            }
            guard index < parts.count else { return nil }
            let part = parts[index]
            guard let name = segment.parameter else {
                guard part.elementsEqual(segment.before) else { return nil }
                continue
            }
            guard part.count > segment.before.count + segment.after.count, part.starts(with: segment.before),
                part.suffix(segment.after.count).elementsEqual(segment.after)
            else { return nil }
            values[name] = Array(part.dropFirst(segment.before.count).dropLast(segment.after.count))
        }
        return parts.count == template.count ? values : nil
    }

    /// The paths of a pattern with these values; two where a rest is empty, as it may then be missing too.
    private static func path(_ pattern: PathPattern, _ value: (String) -> [UInt8]?) -> [[UInt8]] {
        var path: [UInt8] = []
        for segment in pattern.segments {
            switch segment {
            case .literal(let text): path += Array("/\(text)".utf8)
            case .parameter(let name):
                guard let value = value(name), !value.isEmpty else { return [] }
                path += [UInt8(ascii: "/")] + value
            case .rest(let name):
                guard let value = value(name) else { return [] }
                let missing = path
                path += [UInt8(ascii: "/")] + value
                if value.isEmpty, !missing.isEmpty { return [path, missing] }
            }
        }
        return [path]
    }
}
