import ClewBundle

/// `bundle.json` as text: joined from those of several bundles, or cut down to a part.
///
/// Its entries are passed on as they were written, so that nothing is lost that this version does not know.
package struct ManifestText: Sendable {
    package var collected: String?
    package var tool: String
    /// What could not be collected, and why, in the order it was told.
    package var missing: [(what: String, reason: String)] = []
    /// The same, of the manifests that were joined, as it was written.
    private var passedOn: [String] = []
    /// Who stands for the world outside in redacted bundles, as it was written.
    private var outside: ArraySlice<UInt8>?
    private var sections: [String: [(key: String, value: ArraySlice<UInt8>)]] = [:]

    private static let sectionNames = ["collections", "namespaces", "artifacts"]

    package init(tool: String) { self.tool = tool }

    /// Takes the entries of a manifest, of two for one key the later; false where it is damaged.
    package mutating func add(_ bytes: [UInt8], where isWanted: (String) -> Bool = { _ in true }) -> Bool {
        guard let members = JSONSlices.members(bytes[...]) else { return false }
        for (name, value) in members {
            if name == "collected", collected == nil {
                collected = String(decoding: value.dropFirst().dropLast(), as: UTF8.self)
            } else if name == "outside" {
                outside = value
            } else if name == "missing" {
                addMissing(value)
            } else if Self.sectionNames.contains(name), let entries = JSONSlices.members(value) {
                let kept = entries.filter { isWanted(name == "collections" ? "nodes/\($0.key)/" : $0.key) }
                sections[name, default: []] += kept
            }
        }
        return true
    }

    private mutating func addMissing(_ value: ArraySlice<UInt8>) {
        for element in JSONSlices.elements(value) ?? [] {
            let members = JSONSlices.members(element) ?? []
            func text(_ key: String) -> String {
                String(decoding: members.first { $0.key == key }?.value ?? Array("\"\"".utf8)[...], as: UTF8.self)
            }
            let entry = "\n    {\"what\": \(text("what")), \"reason\": \(text("reason"))}"
            // Parts of one bundle all tell it.
            if !passedOn.contains(entry) { passedOn.append(entry) }
        }
    }

    /// Notes what a command of the collector's own did.
    package mutating func note(
        _ path: String, command: String, exitCode: Int, standardError: String, centiseconds: Int
    ) {
        let hundredths = centiseconds % 100
        let seconds = "\(centiseconds / 100).\(hundredths < 10 ? "0" : "")\(hundredths)"
        let text =
            "{\"command\": \(quoted(command)), \"exitCode\": \(exitCode), "
            + "\"stderr\": \(quoted(standardError)), \"seconds\": \(seconds)}"
        sections["artifacts", default: []].append((String(quoted(path).dropFirst().dropLast()), Array(text.utf8)[...]))
    }

    private func quoted(_ text: String) -> String { String(decoding: JSONSlices.string(text), as: UTF8.self) }

    package var bytes: [UInt8] {
        var text = "{\n  \"formatVersion\": 1,\n"
        if let collected { text += "  \"collected\": \"\(collected)\",\n" }
        text += "  \"tool\": \(quoted(tool))"
        let entries =
            passedOn + missing.map { "\n    {\"what\": \(quoted($0.what)), \"reason\": \(quoted($0.reason))}" }
        if !entries.isEmpty {
            text += ",\n  \"missing\": [" + entries.joined(separator: ",") + "\n  ]"
        }
        var result = Array(text.utf8)
        if let outside { result += Array(",\n  \"outside\": ".utf8) + outside }
        for name in Self.sectionNames {
            let entries = lastOfEachKey(sections[name] ?? [])
            if entries.isEmpty { continue }
            result += Array(",\n  \"\(name)\": {".utf8)
            for (index, entry) in entries.enumerated() {
                result += Array("\(index > 0 ? "," : "")\n    \"\(entry.key)\": ".utf8) + entry.value
            }
            result += Array("\n  }".utf8)
        }
        return result + Array("\n}\n".utf8)
    }

    private func lastOfEachKey(
        _ entries: [(key: String, value: ArraySlice<UInt8>)]
    ) -> [(key: String, value: ArraySlice<UInt8>)] {
        let last = Dictionary(entries.map { ($0.key, $0.value) }, uniquingKeysWith: { $1 })
        return last.sorted { $0.key < $1.key }.map { (key: $0.key, value: $0.value) }
    }
}
