package import ClewSnapshot

/// Nodes of which a bundle lacks files since they could not be collected, said beside answers that it may concern.
package struct MissingNodes: Sendable {
    /// A node, or a part of it, and why it is not there.
    package struct Entry: Sendable {
        package var node: String
        /// The part of the node; `nil` for all of it.
        package var part: String?
        package var reason: String
    }

    package private(set) var entries: [Entry] = []

    package init(_ snapshot: ClusterSnapshot) {
        for missing in snapshot.missing where missing.what.hasPrefix("node ") {
            let words = missing.what.dropFirst(5)
            let node = words.prefix { $0 != "," }
            let part = words.dropFirst(node.count + 2)
            entries.append(
                Entry(node: String(node), part: part.isEmpty ? nil : String(part), reason: missing.reason))
        }
    }

    /// Those that a text names.
    package func named(in text: String) -> MissingNodes {
        guard !entries.isEmpty else { return self }
        var words = Set(text.split { !$0.isLetter && !$0.isNumber && !"-.".contains($0) })
        for word in words where word.hasSuffix(".") { words.insert(word.dropLast()) }
        var result = self
        result.entries.removeAll { !words.contains($0.node[...]) }
        return result
    }

    /// A line for each.
    package var lines: [String] {
        entries.map { "not collected: node \($0.node)\($0.part.map { ", \($0)" } ?? ""): \($0.reason)" }
    }

    /// The member of a JSON object that lists them; none where there is nothing to list.
    var members: [(String, JSONValue)] {
        guard !entries.isEmpty else { return [] }
        let list = entries.map { entry in
            JSONValue.object([
                ("node", .string(entry.node)), ("part", .optional(entry.part)), ("reason", .string(entry.reason)),
            ])
        }
        return [("not_collected", .array(list))]
    }
}
