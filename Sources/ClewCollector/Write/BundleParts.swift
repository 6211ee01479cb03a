package import ClewBundle

/// Bundles joined, and taken apart.
package enum BundleParts {
    /// Joins bundles.
    ///
    /// Of a node that two hold, the later bundle's is taken whole, and likewise of a file that is not a node's.
    ///
    /// `replaced` says what was not taken.
    package static func merged(_ bundles: [SupportBundle], tool: String) -> (bundle: SupportBundle, replaced: [String])
    {
        var groups: [String: (artifacts: [Artifact], from: Int)] = [:]
        var replaced: [String] = []
        for (index, bundle) in bundles.enumerated() {
            var own: [String: [Artifact]] = [:]
            for artifact in bundle.artifacts where artifact.path != manifestPath {
                own[group(of: artifact.path), default: []].append(artifact)
            }
            for (name, artifacts) in own.sorted(by: { $0.key < $1.key }) {
                if let earlier = groups[name], !hasEqualFiles(earlier.artifacts, artifacts) {
                    replaced.append("\(name) of \(bundles[earlier.from].name): \(bundle.name) has it too")
                }
                groups[name] = (artifacts, index)
            }
        }
        var manifest = ManifestText(tool: tool)
        for (index, bundle) in bundles.enumerated() {
            guard let text = bundle.artifacts.first(where: { $0.path == manifestPath }) else { continue }
            _ = manifest.add(text.bytes) { path in groups[group(of: path)].map { $0.from == index } ?? false }
        }
        let artifacts = groups.values.flatMap(\.artifacts) + [Artifact(path: manifestPath, bytes: manifest.bytes)]
        return (SupportBundle(name: "merged", artifacts: artifacts), replaced)
    }

    /// A bundle for each node, each with what is not a node's.
    package static func split(_ bundle: SupportBundle, tool: String) -> [(node: String, bundle: SupportBundle)] {
        let nodes = Set(bundle.artifacts.compactMap { nodeName(of: $0.path) }).sorted()
        return nodes.map { node in
            let isWanted: (String) -> Bool = { nodeName(of: $0) == node || nodeName(of: $0) == nil }
            var manifest = ManifestText(tool: tool)
            if let text = bundle.artifacts.first(where: { $0.path == manifestPath }) {
                _ = manifest.add(text.bytes, where: isWanted)
            }
            let artifacts = bundle.artifacts.filter { $0.path != manifestPath && isWanted($0.path) }
            let all = artifacts + [Artifact(path: manifestPath, bytes: manifest.bytes)]
            return (node, SupportBundle(name: node, artifacts: all))
        }
    }

    /// A file's name for each node: its own, with `_` for what a terminal or a shell would obey; all are different.
    package static func fileNames(of nodes: [String]) -> [String] {
        var taken: Set<String> = []
        return nodes.map { node in
            let safe = node.unicodeScalars.map { isSafe($0) ? Character($0) : "_" }
            let name = safe.first == "." || safe.first == "-" ? "_" + String(safe.dropFirst()) : String(safe)
            var number = 2
            var result = name
            while !taken.insert(result).inserted {
                result = "\(name)~\(number)"
                number += 1
            }
            return result
        }
    }

    private static func isSafe(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "_", "-", "@", "+", ":", "=", ",", "~": true
        default: false
        }
    }

    private static let manifestPath = "bundle.json"

    /// The node whose file it is, by the path alone.
    package static func nodeName(of path: String) -> String? {
        let parts = path.split(separator: "/", maxSplits: 2, omittingEmptySubsequences: false)
        return parts.count == 3 && parts[0] == "nodes" ? String(parts[1]) : nil
    }

    /// What is replaced as a whole: a node, or one file that is no node's.
    private static func group(of path: String) -> String { nodeName(of: path).map { "nodes/\($0)" } ?? path }

    private static func hasEqualFiles(_ one: [Artifact], _ other: [Artifact]) -> Bool {
        one.map(\.path) == other.map(\.path) && zip(one, other).allSatisfy { $0.bytes == $1.bytes }
    }
}
