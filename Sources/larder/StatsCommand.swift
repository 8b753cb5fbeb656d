// `larder stats`: the figures of the running daemon as text or, with --json, as the daemon returns them.

import Admin
import ArgumentParser
import Configuration

struct StatsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "stats", abstract: "Print statistics of the running daemon.")

    @Flag(help: "Print everything as JSON.") var json = false
    @OptionGroup var daemon: AdminOption

    func run() throws {
        let result = try daemon.client().ask("GET", "/stats")
        if json { return System.printBytes(result.content) }
        guard let document = result.json else { throw CommandFailure("the daemon's response is not valid JSON") }
        System.print(StatsPage(document).text)
    }
}

/// The most important figures, in columns.
struct StatsPage {
    private let document: JSONValue

    init(_ document: JSONValue) { self.document = document }

    var text: String { ([summary] + [routes, upstreams, limits]).filter { !$0.isEmpty }.joined(separator: "\n\n") }

    private func figure(_ path: String...) -> Int {
        path.reduce(Optional(document)) { $0?[$1] }?.count ?? 0
    }

    private var summary: String {
        let requests = figure("totals", "requests")
        let outcomes = ["hit", "stale", "revalidated", "miss", "bypass"].map {
            "\(Self.grouped(figure("outcomes", $0))) \($0)"
        }
        let hits = figure("outcomes", "hit") + figure("outcomes", "stale")
        let cached = hits + figure("outcomes", "revalidated") + figure("outcomes", "miss")
        let share = cached > 0 ? ", \(hits * 100 / cached)% cache hits" : ""
        let statuses = ["2xx", "3xx", "4xx", "5xx"].map { "\(Self.grouped(figure("totals", "statuses", $0))) \($0)" }
        let workers = document["workers"]?.elements?.count ?? 0
        return Self.columns(
            [
                [
                    "larder",
                    "\(document["version"]?.text ?? ""), up \(Self.duration(figure("uptime"))), \(counted(workers, "worker"))",
                ],
                ["requests", Self.grouped(requests) + share],
                ["", outcomes.joined(separator: ", ")],
                ["statuses", statuses.joined(separator: ", ")],
                [
                    "clients",
                    "\(Self.grouped(figure("totals", "clients"))) connected, \(Self.grouped(figure("totals", "active_requests"))) requests in flight",
                ],
                [
                    "upstream",
                    "\(Self.grouped(figure("totals", "origin_connections", "open"))) connections, \(Self.grouped(figure("totals", "origin_connections", "idle"))) of them idle",
                ],
                ["fetches", coalescing],
                ["store", store],
                ["memory", "\(Self.size(figure("process", "resident_bytes"))) resident"],
            ] + failedReload)
    }

    private var failedReload: [[String]] {
        let errors = figure("last_reload", "errors")
        guard errors > 0 else { return [] }
        return [
            ["reload", "the last one failed with \(counted(errors, "error")): the configuration before it is in use"]
        ]
    }

    private var store: String {
        let store = document["store"]
        var text = "\(store?["backend"]?.text ?? ""), \(store?["state"]?.text ?? "")"
        if let reason = store?["reason"]?.text { text += ": \(reason)" }
        if store?["memory"] != nil {
            let entries = counted(figure("store", "memory", "entries"), "entry", "entries")
            text +=
                ", \(entries) in \(Self.size(figure("store", "memory", "bytes"))) of \(Self.size(figure("store", "memory", "limit")))"
        }
        return text
    }

    private var routes: String {
        let rows = (document["routes"]?.elements ?? []).map { route in
            [(route["host"]?.text ?? "") + (route["path"]?.text ?? "")]
                + ["requests", "hits", "stores"].map { Self.grouped(route[$0]?.count ?? 0) }
                + [Self.size(route["bytes"]?.count ?? 0)]
        }
        return rows.isEmpty ? "" : Self.columns([["route", "requests", "hits", "stored", "sent"]] + rows)
    }

    private var upstreams: String {
        var rows: [[String]] = []
        for upstream in document["upstreams"]?.elements ?? [] {
            for server in upstream["servers"]?.elements ?? [] {
                rows.append(
                    [upstream["name"]?.text ?? "", server["address"]?.text ?? "", Self.health(server)]
                        + ["requests", "failures"].map { Self.grouped(server[$0]?.count ?? 0) })
                // Of a name with several addresses one may fail while another is up.
                let addresses = server["addresses"]?.elements ?? []
                for address in addresses where addresses.count > 1 {
                    rows.append(["", "  " + (address["address"]?.text ?? ""), Self.health(address), "", ""])
                }
            }
        }
        return rows.isEmpty ? "" : Self.columns([["upstream", "server", "state", "requests", "failures"]] + rows)
    }

    /// The state of a server, or of one of its addresses.
    private static func health(_ place: JSONValue) -> String {
        let text = place["standing"]?.text ?? ""
        let problem = place["problem"]?.text.map { ": \($0)" } ?? ""
        return (text == "aside" ? "ejected" : text) + problem
    }

    private var coalescing: String {
        let fetches = counted(figure("sharing", "fetches_under_way"), "fetch", "fetches")
        var parts = [
            "\(Self.grouped(figure("sharing", "collapsed"))) coalesced",
            "\(Self.grouped(figure("sharing", "refreshes"))) refreshed in the background", "\(fetches) in progress",
        ]
        for (name, words) in [
            ("waits_timed_out", "timed out waiting"), ("refreshes_skipped", "refreshes skipped"),
            ("unshared_keys", "keys not shareable"),
        ] where figure("sharing", name) > 0 {
            parts.append("\(Self.grouped(figure("sharing", name))) \(words)")
        }
        return parts.joined(separator: ", ")
    }

    /// Limits that were reached, the most frequent first.
    private var limits: String {
        guard case .object(let limits)? = document["limits"] else { return "" }
        let reached = limits.compactMap { name, value in value.count.map { (name, $0) } }.filter { $0.1 > 0 }
            .sorted { ($1.1, $0.0) < ($0.1, $1.0) }
        return reached.isEmpty
            ? "" : Self.columns([["limit", "reached"]] + reached.map { [$0, Self.grouped($1)] })
    }

    // MARK: Writing

    /// Every column as wide as its widest cell.
    static func columns(_ rows: [[String]]) -> String {
        var widths: [Int] = []
        for row in rows {
            for (index, cell) in row.enumerated() {
                if index == widths.count { widths.append(0) }
                widths[index] = max(widths[index], cell.count)
            }
        }
        return rows.map { row in
            row.enumerated().map { index, cell in
                index == row.count - 1 ? cell : cell + String(repeating: " ", count: widths[index] - cell.count + 2)
            }.joined()
        }.joined(separator: "\n")
    }

    /// `1,234,567`
    static func grouped(_ count: Int) -> String {
        var text = ""
        for (index, digit) in String(count).reversed().enumerated() {
            if index > 0 && index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return String(text.reversed())
    }

    /// `512 B`, `1.5 KiB`
    static func size(_ bytes: Int) -> String {
        var (unit, scaled) = (0, bytes)
        let units = ["B", "KiB", "MiB", "GiB", "TiB"]
        var tenths = 0
        while scaled >= 1024 && unit < units.count - 1 {
            tenths = scaled % 1024 * 10 / 1024
            scaled /= 1024
            unit += 1
        }
        return unit == 0 || scaled >= 100 ? "\(scaled) \(units[unit])" : "\(scaled).\(tenths) \(units[unit])"
    }

    /// `3d 4h`, `5m 6s`: the two largest units.
    static func duration(_ seconds: Int) -> String {
        let parts = [(seconds / 86400, "d"), (seconds / 3600 % 24, "h"), (seconds / 60 % 60, "m"), (seconds % 60, "s")]
        let start = parts.firstIndex { $0.0 > 0 } ?? 3
        return parts[start...].prefix(2).map { "\($0.0)\($0.1)" }.joined(separator: " ")
    }
}
