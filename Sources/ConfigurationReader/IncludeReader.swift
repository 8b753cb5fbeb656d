// `include`: further files with upstreams, routes and defaults. They are found and read by whoever asked for the main file; here
// they become trees with positions of their own. Included files include no others, so that there are no cycles.

import Configuration

enum IncludeReader {
    static let filesBound = 1_000
    private static let keys: Set<String> = ["upstreams", "routes", "defaults"]

    /// Reads the included files of `file`, whose root is given, into `reading.included`.
    static func read(_ file: KeyedValues, _ root: YAMLNode) {
        let reading = file.reading
        let patterns = file.list("include") { text throws(ValueFault) in
            guard !text.isEmpty, !text.utf8.contains(0) else { throw ValueFault("`include` has an empty pattern") }
            return text
        }
        guard let patterns else { return }
        var read = Budget(weight: root.weight)
        for (pattern, position) in reading.distinct(patterns) {
            switch reading.surroundings.files(pattern) {
            case .tooMany: return refuseMore(at: position, in: reading)
            case .files(let files):
                if files.isEmpty, !isGlob(pattern) {
                    reading.faults.add(position, "there is no file \(quoted(pattern))", hint: folderHint(pattern))
                }
                for file in files where read.names.insert(file.name).inserted {
                    guard read.names.count <= filesBound else { return refuseMore(at: position, in: reading) }
                    add(file, at: position, &read, in: reading)
                }
            }
        }
    }

    /// What was read so far, of all files.
    private struct Budget {
        var names: Set<String> = []
        var bytes = 0
        var weight: Int
    }

    private static func add(
        _ file: Surroundings.IncludedFile, at position: Position, _ read: inout Budget, in reading: Reading
    ) {
        let faults = reading.faults
        guard file.name != faults.mainFile else {
            faults.add(
                position, "the pattern matches this file itself",
                hint: "keep the files to include in a folder of their own, such as conf.d/*.yaml")
            return
        }
        guard let bytes = file.bytes else {
            faults.add(position, "the file \(quoted(file.name)) \(file.complaint)")
            return
        }
        read.bytes += bytes.count
        guard read.bytes <= YAMLComposer.bytesBound else {
            faults.add(position, "the included files have more than \(YAMLComposer.bytesBound) bytes together")
            return
        }
        let number = faults.addFile(file.name)
        guard let root = YAMLComposer.compose(bytes, file: number, weight: read.weight, faults: faults) else { return }
        read.weight += root.weight
        if case .scalar = root.content, !root.isNull {
            faults.add(
                root.position, "expected keys such as `upstreams:` and `routes:`, found \(root.kind)",
                hint: "the file is YAML: upstreams: {api: http://127.0.0.1:9000}")
            return
        }
        guard let values = KeyedValues(root, path: "", in: reading) else { return }
        for entry in reading.entries(of: root) ?? [] where !keys.contains(entry.name) && values.node(entry.name) != nil
        {
            faults.add(
                entry.position, "\(quoted(entry.name)) belongs in the main file",
                hint: "an included file holds `upstreams`, `routes` and `defaults`")
        }
        reading.included.append(values)
    }

    private static func refuseMore(at position: Position, in reading: Reading) {
        reading.faults.add(position, "more than \(filesBound) files are included")
    }

    /// Without `*` and the like a pattern names one file, which must be there.
    private static func isGlob(_ pattern: String) -> Bool { pattern.contains { "*?[".contains($0) } }

    private static func folderHint(_ pattern: String) -> String {
        pattern.hasPrefix("/")
            ? "write a pattern such as /etc/larder/conf.d/*.yaml where it may be missing"
            : "it is looked for in the folder of this file"
    }
}

extension Reading {
    /// Without what is listed twice, which is reported.
    fileprivate func distinct(_ entries: [(value: String, position: Position)]) -> [(value: String, position: Position)]
    {
        _ = reportingDuplicates(entries) { "the pattern \(quoted($0))" }
        var known: Set<String> = []
        return entries.filter { known.insert($0.value).inserted }
    }
}
