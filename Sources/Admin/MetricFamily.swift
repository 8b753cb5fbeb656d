// The Prometheus text format, version 0.0.4: metric families with help text, type and samples.

/// One metric, and how its samples are read from the figures.
struct MetricFamily: Sendable {
    enum Kind: String, Sendable {
        case counter, gauge
    }

    let name: StaticString
    let kind: Kind
    /// One sentence for operators.
    let help: StaticString
    let write: @Sendable (Figures, inout MetricSamples) -> Void

    init(
        _ name: StaticString, _ kind: Kind, _ help: StaticString,
        _ write: @escaping @Sendable (Figures, inout MetricSamples) -> Void
    ) {
        self.name = name
        self.kind = kind
        self.help = help
        self.write = write
    }

    /// A family with one sample and no labels.
    init(_ name: StaticString, _ kind: Kind, _ help: StaticString, value: @escaping @Sendable (Figures) -> Int) {
        self.init(name, kind, help) { figures, samples in samples.add(value(figures)) }
    }

    /// All families: the response to `GET /metrics`.
    static func text(_ figures: Figures) -> [UInt8] {
        var samples = MetricSamples()
        for family in all { samples.write(family, figures) }
        return samples.text
    }
}

/// Writes the families and their samples, one after the other.
struct MetricSamples {
    private(set) var text: [UInt8] = []
    private var name = ""

    mutating func write(_ family: MetricFamily, _ figures: Figures) {
        name = "\(family.name)"
        append("# HELP \(name) \(family.help)\n# TYPE \(name) \(family.kind.rawValue)\n")
        family.write(figures, &self)
    }

    /// - Parameter labels: names must be valid; values are escaped here.
    mutating func add(_ value: Int, _ labels: (StaticString, String)...) { add("\(value)", labels) }

    /// A number of milliseconds, in seconds.
    mutating func add(milliseconds: Int64, _ labels: (StaticString, String)...) {
        let sign = milliseconds < 0 ? "-" : ""
        let rest = milliseconds.magnitude % 1000
        let fraction =
            rest == 0 ? "" : "." + String(repeating: "0", count: rest < 10 ? 2 : rest < 100 ? 1 : 0) + "\(rest)"
        add("\(sign)\(milliseconds.magnitude / 1000)\(fraction)", labels)
    }

    private mutating func add(_ value: String, _ labels: [(StaticString, String)]) {
        append(name)
        if !labels.isEmpty {
            append("{" + labels.map { "\($0)=\"\(Self.escaped($1))\"" }.joined(separator: ",") + "}")
        }
        append(" \(value)\n")
    }

    private static func escaped(_ value: String) -> String {
        var escaped = ""
        for scalar in value.unicodeScalars {
            switch scalar {
            case "\\": escaped += "\\\\"
            case "\"": escaped += "\\\""
            case "\n": escaped += "\\n"
            default: escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    private mutating func append(_ line: String) { text.append(contentsOf: line.utf8) }
}
