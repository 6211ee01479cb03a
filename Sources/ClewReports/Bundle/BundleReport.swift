package import ClewBundle
package import ClewSnapshot

/// Says what a bundle holds and what became of it: `clew bundle show`.
package struct BundleReport: Sendable {
    package static let schema = "clew.bundle/v1"

    let snapshot: ClusterSnapshot
    let name: String
    let problems: [BundleProblem]

    package init(_ snapshot: ClusterSnapshot, of bundle: SupportBundle) {
        self.snapshot = snapshot
        name = bundle.name
        problems = bundle.problems
    }

    /// Files by the node they belong to.
    struct Group {
        /// `nil`: no node's files: API objects, the manifest, files of no known kind.
        var node: String?
        var entries: [InventoryEntry]
    }

    /// The nodes in order, then what belongs to none.
    var groups: [Group] {
        var byNode: [String: [InventoryEntry]] = [:]
        var others: [InventoryEntry] = []
        let only = snapshot.nodes.count == 1 ? snapshot.nodes.first?.name : nil
        for entry in snapshot.inventory {
            if entry.status == .kept, entry.format.hasPrefix("left out") { continue }
            let parts = entry.path.split(separator: "/")
            if let node = entry.node {
                byNode[node, default: []].append(entry)
            } else if parts.count > 2, parts[0] == "nodes" {
                byNode[String(parts[1]), default: []].append(entry)
            } else if let only, parts.first != "cluster", entry.status == .read, !Self.isOfCluster(entry.format) {
                byNode[only, default: []].append(entry)
            } else {
                others.append(entry)
            }
        }
        var result = byNode.keys.sorted().map { Group(node: $0, entries: byNode[$0] ?? []) }
        if !others.isEmpty { result.append(Group(node: nil, entries: others)) }
        return result
    }

    private static func isOfCluster(_ format: String) -> Bool {
        format.hasPrefix("API objects") || format == "manifest"
    }

    /// Objects of the API that were read, by kind, and those that are not used.
    var objectCounts: [(kind: String, count: Int, isUsed: Bool)] {
        let objects = snapshot.objects
        let used = [
            ("Node", objects.nodes.count), ("Namespace", objects.namespaces.count), ("Pod", objects.pods.count),
            ("Service", objects.services.count), ("EndpointSlice", objects.endpointSlices.count),
            ("Endpoints", objects.endpoints.count), ("ConfigMap", objects.configMaps.count),
        ]
        return used.filter { $0.1 > 0 }.map { ($0.0, $0.1, true) }
            + objects.otherKinds.sorted { $0.key < $1.key }.map { ($0.key, $0.value, false) }
    }
}

// MARK: - Text

extension BundleReport {
    package func text(style: TextStyle) -> String {
        var lines = [style.paint(style.clean(headline), .heading)]
        for group in groups {
            lines += ["", style.paint(style.clean(group.node.map { "Node \($0)" } ?? "Other files"), .heading)]
            lines += rows(group, style)
        }
        let counts = objectCounts
        if !counts.isEmpty {
            lines += ["", style.paint("API objects", .heading)]
            lines += counts.map { "  \(pad($0.kind, 24))\($0.count)\($0.isUsed ? "" : "  not used")" }
        }
        if !problems.isEmpty {
            lines += ["", style.paint("Left out", .unsure)]
            lines += problems.flatMap {
                style.fitted("\($0.path): \($0.reason)", place: nil, first: "  ", rest: "    ")
            }
        }
        if !snapshot.unread.isEmpty {
            lines += ["", style.paint("Unread lines", .unsure)]
            for line in snapshot.unread.sorted(by: { $0.source < $1.source }) {
                lines.append(
                    "  \(style.paint(style.clean(snapshot.describe(line.source)), .place)): \(style.clean(line.reason))"
                )
                lines.append("    \(style.paint(style.clean(line.text), .faint))")
            }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    private var headline: String {
        let files = snapshot.inventory.count
        let lines = snapshot.inventory.reduce(0) { $0 + $1.lines }
        let unread = snapshot.unread.count
        return "\(name): \(counted(snapshot.nodes.count, "node")), \(counted(files, "file")), "
            + "\(counted(lines, "line")), \(unread == 0 ? "every line read" : "\(counted(unread, "line")) unread")"
    }

    private func rows(_ group: Group, _ style: TextStyle) -> [String] {
        let folder = group.node.map { "nodes/\($0)/" } ?? ""
        let names = group.entries.map { entry in
            let path =
                !folder.isEmpty && entry.path.hasPrefix(folder) ? entry.path.dropFirst(folder.count) : entry.path[...]
            return style.clean(String(path))
        }
        let width = min(44, names.map(\.count).max() ?? 0) + 2
        return zip(names, group.entries).map { name, entry in
            let what: String =
                switch entry.status {
                case .read: "\(pad(entry.format, 20)) \(counted(entry.lines, "line"))"
                case .empty: style.paint("empty: counts as not collected", .faint)
                case .kept: style.paint("kept, not read", .faint)
                }
            let unread = entry.unread > 0 ? ", " + style.paint("\(entry.unread) unread", .unsure) : ""
            return "  \(pad(name, width))\(what)\(unread)"
        }
    }

    private func counted(_ count: Int, _ noun: String) -> String { "\(count) \(noun)\(count == 1 ? "" : "s")" }

    private func pad(_ text: String, _ width: Int) -> String {
        text + String(repeating: " ", count: max(1, width - text.count))
    }
}

// MARK: - JSON

extension BundleReport {
    /// One object on one line.
    package var json: String {
        JSONValue.object([
            ("schema", .string(Self.schema)),
            ("bundle", .string(name)),
            ("nodes", .array(snapshot.nodes.map { .string($0.name) })),
            (
                "files",
                .array(
                    groups.flatMap { group in
                        group.entries.map { entry in
                            .object([
                                ("path", .string(entry.path)), ("node", .optional(group.node)),
                                ("format", .string(entry.format)), ("status", .string(entry.status.rawValue)),
                                ("lines", .number(entry.lines)), ("unread", .number(entry.unread)),
                            ])
                        }
                    })
            ),
            (
                "objects",
                .array(
                    objectCounts.map {
                        .object([("kind", .string($0.kind)), ("count", .number($0.count)), ("used", .bool($0.isUsed))])
                    })
            ),
            (
                "left_out",
                .array(problems.map { .object([("path", .string($0.path)), ("reason", .string($0.reason))]) })
            ),
            (
                "unread",
                .array(
                    snapshot.unread.sorted { $0.source < $1.source }.map {
                        .object([
                            ("file", .string(snapshot.path(of: $0.source.artifact))),
                            ("line", .number(Int($0.source.line))), ("reason", .string($0.reason)),
                            ("text", .string($0.text)),
                        ])
                    })
            ),
        ]).text
    }
}
