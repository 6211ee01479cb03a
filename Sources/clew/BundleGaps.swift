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
    /// One line each: nodes without the files that any trace needs, and commands that failed and left nothing.
    static func lines(of snapshot: ClusterSnapshot, in bundle: SupportBundle) -> [String] {
        var lines: [String] = []
        if snapshot.nodes.isEmpty { lines.append("no node's files") }
        for node in snapshot.nodes {
            let folder = "nodes/\(node.name)/"
            let names = Set(bundle.artifacts.filter { $0.path.hasPrefix(folder) && !$0.bytes.isEmpty }.map(stem))
            guard !names.isEmpty else { continue }
            for (needed, what) in [
                (["ip-addr", "ifconfig"], "addresses (ip addr)"), (["ip-route", "route"], "routes (ip route)"),
                (["sysctl"], "kernel parameters (sysctl)"),
            ] where !needed.contains(where: names.contains) {
                lines.append("node \(node.name): no \(what)")
            }
        }
        return lines
    }

    private static func stem(_ artifact: Artifact) -> String { ArtifactFormat.stem(of: artifact.fileName) }
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

    /// Makes a folder where there is none; those above it have to be there.
    static func makeFolder(_ path: String) throws(CommandFailure) {
        guard mkdir(path, 0o777) != 0, errno != EEXIST else { return }
        throw CommandFailure("cannot make the folder \(path): \(String(cString: strerror(errno)))")
    }
}
