// `upstream`, `respond` and `redirect` of a route: who responds. A route has exactly one of them.

import Configuration

enum ActionReader {
    private static let names = ["upstream", "respond", "redirect"]
    /// What only means something where an upstream is asked.
    static let forwardingKeys = [
        "cache", "strip", "rewrite", "upgrade", "compress", "request", "response", "timeouts", "retries",
        "on_store_down",
    ]

    static func read(_ keys: KeyedValues, into draft: inout RouteDraft) {
        let given = names.filter { keys.node($0) != nil }
        if given.count > 1 {
            keys.fault(
                at: given[1], "\(given.map { quoted($0) }.joined(separator: " and ")) are mutually exclusive",
                hint: "a route has one of them")
        }
        keys.read("upstream", into: &draft.route.action) { text throws(ValueFault) in
            .forward(upstream: try keys.reading.upstreams.use(text))
        }
        guard let name = given.first else {
            keys.reading.faults.add(
                keys.position, "the route has no `upstream`",
                hint: "name an entry of `upstreams`, or use `respond` or `redirect`")
            return
        }
        guard given.count == 1, name != "upstream" else { return }
        for key in forwardingKeys where keys.node(key) != nil {
            keys.fault(at: key, "\(quoted(key)) has no effect on a route with \(quoted(name))", hint: "remove it")
        }
        if name == "respond" {
            draft.route.action = .respond(readResponse(keys))
        } else {
            readRedirect(keys, into: &draft)
        }
    }

    // MARK: respond

    /// A status, or a mapping.
    private static func readResponse(_ route: KeyedValues) -> FixedResponse {
        var response = FixedResponse()
        if case .scalar? = route.node("respond")?.content {
            route.read("respond", into: &response.status) { text throws(ValueFault) in
                guard text.utf8.allSatisfy({ (48...57).contains($0) }) else {
                    throw ValueFault(
                        "expected a status or keys, found \(quoted(text))", hint: "write respond: {body: …}")
                }
                return try FixedResponse.status(parsing: text)
            }
            return response
        }
        guard let keys = route.section("respond") else { return response }
        keys.read("status", into: &response.status, FixedResponse.status(parsing:))
        keys.read("body", into: &response.content) { text throws(ValueFault) in .text(text) }
        keys.read("file", into: &response.content) { text throws(ValueFault) in try file(text, keys.reading) }
        if keys.node("body") != nil, keys.node("file") != nil {
            keys.fault(at: "file", "`body` and `file` are mutually exclusive", hint: "keep one")
        }
        if !response.mayHaveContent, let key = ["body", "file"].first(where: { keys.node($0) != nil }) {
            keys.fault(
                at: key, "a response with the status \(response.status) has no content", hint: "remove \(quoted(key))")
        }
        response.headers = readHeaders(keys)
        return response
    }

    private static func file(_ path: String, _ reading: Reading) throws(ValueFault) -> FixedResponse.Content {
        guard path.hasPrefix("/"), !path.utf8.contains(0) else {
            throw ValueFault("expected an absolute path, found \(quoted(path))")
        }
        let bytes = try reading.surroundings.contents?(path, Int(FixedResponse.fileBound.rawValue))
        return .file(path: path, bytes: bytes ?? [])
    }

    private static func readHeaders(_ keys: KeyedValues) -> [FixedResponse.Header] {
        guard let node = keys.node("headers"), let entries = keys.reading.entries(of: node) else { return [] }
        var headers: [FixedResponse.Header] = []
        for entry in entries {
            let header = keys.reading.value(of: entry.value, key: entry.name) { text throws(ValueFault) in
                try FixedResponse.header(entry.name, text)
            }
            guard let header else { continue }
            if headers.contains(where: { $0.name.lowercased() == header.name.lowercased() }) {
                keys.reading.faults.add(entry.position, "the header \(quoted(header.name)) is listed twice")
            }
            headers.append(header)
        }
        return headers
    }

    // MARK: redirect

    /// The target, or a mapping.
    private static func readRedirect(_ route: KeyedValues, into draft: inout RouteDraft) {
        var redirect: Redirect?
        if case .scalar? = route.node("redirect")?.content {
            route.read("redirect", into: &redirect) { text throws(ValueFault) in try Redirect(to: text) }
            finish(redirect, route, at: "redirect", into: &draft)
            return
        }
        guard let keys = route.section("redirect") else { return }
        if keys.node("to") == nil {
            keys.reading.faults.add(
                keys.position, "the redirect has no `to`", hint: "add to: https://example.com{path}?{query}")
        }
        keys.read("to", into: &redirect) { text throws(ValueFault) in try Redirect(to: text) }
        var status = 308
        keys.read("status", into: &status, Redirect.status(parsing:))
        redirect?.status = status
        finish(redirect, keys, at: "to", into: &draft)
    }

    private static func finish(_ redirect: Redirect?, _ keys: KeyedValues, at key: String, into draft: inout RouteDraft)
    {
        guard let redirect else { return }
        draft.route.action = .redirect(redirect)
        guard !draft.paths.isEmpty,
            ForwardingReader.hasParameters(
                redirect.parameterNames, keys, at: key, draft, others: ["host", "path", "query"])
        else { return }
        let text = redirect.text.hasSuffix("?{query}") ? String(redirect.text.dropLast(8)) : redirect.text
        if text == "{path}" || draft.paths.contains(where: { $0.value.templateText == text }) {
            keys.fault(at: key, "the route redirects to itself", hint: "change `to`")
        }
    }
}

extension PathPattern {
    /// As a template would have it: `/old/{rest}`.
    fileprivate var templateText: String {
        segments.map { segment in
            switch segment {
            case .literal(let text): "/\(text)"
            case .parameter(let name), .rest(let name): "/{\(name)}"
            }
        }.joined()
    }
}
