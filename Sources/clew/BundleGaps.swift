import ClewBundle
import ClewParsers
import ClewSnapshot

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#else
    import Darwin
#endif

/// What a bundle lacks though every line of it was read.
enum BundleGaps {
    /// One line each: nodes without the files that any trace needs.
    ///
    /// Rules whose commands failed are among the lines that could not be read.
    static func lines(of snapshot: ClusterSnapshot) -> [String] {
        var lines: [String] = []
        if snapshot.nodes.isEmpty { lines.append("no node's files") }
        for node in snapshot.nodes {
            if node.host.lookedForRules == false, node.host.lostRuleDumps.isEmpty {
                lines.append("node \(node.name): no rules (iptables-save, nft list ruleset)")
            }
            lines += needs(of: node, in: snapshot).map { "node \(node.name): no \($0.what) (\($0.command))" }
        }
        return lines
    }

    /// What was to be collected from nodes and was not: one entry for each node, with the first reasons that are known.
    static func missing(in bundle: SupportBundle, of nodes: [String]) -> [MissingPart] {
        let snapshot = ClusterSnapshot(parsing: bundle, nodeName: nil)
        let text = bundle.artifacts.first { $0.path == "bundle.json" }?.bytes ?? []
        let commands = BundleManifest.parse(text, artifact: ArtifactID(rawValue: 0)).value.artifacts
        return nodes.sorted().compactMap { name in
            guard let node = snapshot.node(named: name) else {
                return MissingPart(what: "node \(name)", reason: "what it sent holds no file of it")
            }
            var parts: [String] = []
            var reasons: [String] = []
            if !node.host.lostRuleDumps.isEmpty || node.host.lookedForRules != true {
                parts.append("rules")
                reasons += node.host.lostRuleDumps.isEmpty ? ["no tool that prints them"] : node.host.lostRuleDumps
            }
            for need in needs(of: node, in: snapshot) {
                parts.append(need.what)
                reasons += reason(need.stems, name, commands).map { ["'\(need.command)': \($0)"] } ?? []
            }
            // Namespaces that were gone when their turn came lack everything.
            let pods = node.pods.filter { !$0.state.lostRuleDumps.isEmpty && $0.state.links != nil }
            if let first = pods.first {
                parts.append("rules of \(pods.count) further namespace\(pods.count == 1 ? "" : "s")")
                reasons += first.state.lostRuleDumps
            }
            guard !parts.isEmpty else { return nil }
            let told = reasons.isEmpty ? "nothing was printed" : reasons.prefix(2).joined(separator: "; ")
            return MissingPart(what: "node \(name), \(parts.joined(separator: ", "))", reason: told)
        }
    }

    private struct Need {
        var stems: [String]
        var what: String
        var command: String
    }

    private static let needs = [
        Need(stems: ["ip-addr", "ifconfig"], what: "addresses", command: "ip addr"),
        Need(stems: ["ip-route", "route"], what: "routes", command: "ip route"),
        Need(stems: ["sysctl"], what: "kernel parameters", command: "sysctl"),
    ]

    /// What every trace needs and no file of the node itself tells.
    private static func needs(of node: NodeSnapshot, in snapshot: ClusterSnapshot) -> [Need] {
        let own = snapshot.inventory.filter { entry in
            entry.node == node.name && entry.status == .read && !entry.path.split(separator: "/").contains("netns")
        }
        let names = Set(
            own.compactMap { entry in
                entry.path.split(separator: "/").last.map { ArtifactFormat.stem(of: String($0)) }
            })
        return needs.filter { !$0.stems.contains(where: names.contains) }
    }

    /// Why a file of a node is not there, where the manifest says.
    private static func reason(_ stems: [String], _ node: String, _ commands: [String: ArtifactOrigin]) -> String? {
        let origins = stems.flatMap { stem in
            [".json", ".txt"].compactMap { commands["nodes/\(node)/\(stem)\($0)"] }
        }
        for origin in origins { if case .failed(let reason) = origin.end { return reason } }
        return origins.contains { $0.end == .notInstalled } ? "not found" : nil
    }
}

/// The clock on the wall.
enum WallClock {
    /// Seconds since 1970.
    static var now: Int { time(nil) }

    /// A time as RFC 3339 has it, in UTC: `2026-01-31T09:30:00Z`.
    static func text(_ seconds: Int) -> String {
        var time = time_t(seconds)
        var parts = tm()
        gmtime_r(&time, &parts)
        func digits(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        return "\(parts.tm_year + 1900)-\(digits(parts.tm_mon + 1))-\(digits(parts.tm_mday))T"
            + "\(digits(parts.tm_hour)):\(digits(parts.tm_min)):\(digits(parts.tm_sec))Z"
    }
}

/// Questions about paths, and folders.
enum FilePath {
    static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

    /// Refuses a file that cannot be written, before anything is done for it.
    static func checkPlace(of path: String) throws(CommandFailure) {
        if let folder = opendir(path) {
            closedir(folder)
            throw CommandFailure("cannot write \(path): it is a folder")
        }
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
        // With the dot, what is no folder is refused too.
        guard access(folder + ".", W_OK | X_OK) == 0 else {
            throw CommandFailure("cannot write \(path): \(folder): \(String(cString: strerror(errno)))")
        }
    }

    /// Makes a folder where there is none; those above it have to be there.
    static func makeFolder(_ path: String) throws(CommandFailure) {
        guard mkdir(path, 0o777) != 0, errno != EEXIST else { return }
        throw CommandFailure("cannot make the folder \(path): \(String(cString: strerror(errno)))")
    }
}
