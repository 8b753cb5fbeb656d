// Which certificate is for the host that a client names (RFC 6066 §3, RFC 6125 §6.4.3): the one for exactly that name, else the
// one for `*.` and the rest of it, else the first.

struct NameTable {
    private var exact: [String: Int] = [:]
    private var wildcards: [String: Int] = [:]

    /// Of two for one name the first counts.
    mutating func add(_ names: [String], _ index: Int) {
        for name in names {
            if name.hasPrefix("*.") {
                let rest = String(name.dropFirst(2))
                if wildcards[rest] == nil { wildcards[rest] = index }
            } else if exact[name] == nil {
                exact[name] = index
            }
        }
    }

    /// - Parameter host: in any case, with or without a dot at its end.
    func index(for host: String) -> Int? {
        var name = host.lowercased()
        if name.hasSuffix(".") { name.removeLast() }
        if let index = exact[name] { return index }
        guard let dot = name.firstIndex(of: "."), dot != name.startIndex else { return nil }
        return wildcards[String(name[name.index(after: dot)...])]
    }
}
