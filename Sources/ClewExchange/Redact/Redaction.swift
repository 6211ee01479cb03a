package import ClewBundle
import ClewKubeProxy
import ClewNet
import ClewParsers
import ClewSnapshot

/// Makes a bundle that can be shown to others: names and addresses are replaced so that all verdicts stay the same.
package enum Redaction {
    /// What was done.
    package struct Report: Sendable {
        /// How many different names, devices … were replaced, by kind.
        package var counts: [(kind: String, count: Int)] = []
        /// What each was replaced by, for whoever has the original.
        package var pairs: [(kind: String, original: String, pseudonym: String)] = []
        /// Files that were left out, and why.
        package var leftOut: [(path: String, reason: String)] = []
    }

    /// Why no bundle could be made.
    package struct Failure: Error, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// Sixteen bytes for `key`, from any bytes: pseudonyms are the same wherever the key is.
    package static func key(from bytes: [UInt8]) -> [UInt8] { Array(SHA256.digest(bytes).prefix(16)) }

    /// `key`: of 16 bytes; without it the pseudonyms tell nothing.
    package static func redacted(
        _ bundle: SupportBundle, key: [UInt8]
    ) throws(Failure) -> (bundle: SupportBundle, report: Report) {
        var redactor = Redactor(KeyedHash(key: key))
        let snapshot = ClusterSnapshot(parsing: bundle, nodeName: nil)
        var hashed = HashedNames(snapshot.objects)
        for address in snapshot.outside.all { _ = redactor.address(address) }
        // A folder that lies in no other one of nodes may be a node's for all that.
        redactor.folders = Set(snapshot.nodes.map(\.name))
        // Objects first: they tell what is a name.
        let sorted = bundle.artifacts.map { ($0, RedactedFile($0.path, $0.bytes)) }.sorted { one, other in
            (one.1.order, one.0.path) < (other.1.order, other.0.path)
        }
        for (artifact, file) in sorted {
            _ = file.path(&redactor)
            _ = file.rewritten(&redactor)
            if file.holdsIptables { hashed.addComments(of: artifact.bytes, &redactor) }
        }
        if let address = redactor.choosePseudonyms() {
            throw Failure(description: "its networks leave no other address to choose for \(address)")
        }
        hashed.rename(in: &redactor)
        var report = Report()
        var artifacts: [Artifact] = []
        for (artifact, file) in sorted {
            let path = file.path(&redactor)
            switch file.rewritten(&redactor) {
            case .text(let bytes): artifacts.append(Artifact(path: path, bytes: bytes, origin: nil))
            case .leftOut(let reason): report.leftOut.append((artifact.path, reason))
            }
        }
        let outside = snapshot.outside.all.map { redactor.address($0).description }
        state(outside, in: &artifacts)
        for problem in bundle.problems { report.leftOut.append((problem.path, problem.reason)) }
        fill(&report, from: redactor)
        return (SupportBundle(name: "redacted", artifacts: artifacts), report)
    }

    /// Says in the manifest who stands for the world outside, so that the same connections are looked at.
    private static func state(_ outside: [String], in artifacts: inout [Artifact]) {
        let line = "\"outside\": [\(outside.map { "\"\($0)\"" }.joined(separator: ", "))]"
        let manifests = artifacts.indices.filter { index in
            let path = artifacts[index].path.split(separator: "/")
            return path.last == "bundle.json" && path.count < 3 && artifacts[index].bytes.first == UInt8(ascii: "{")
        }
        guard let index = manifests.first else {
            artifacts.append(Artifact(path: "bundle.json", bytes: Array("{\(line)}\n".utf8), origin: nil))
            return
        }
        let isEmpty = artifacts[index].bytes.filter { $0 > 0x20 } == Array("{}".utf8)
        artifacts[index].bytes.insert(contentsOf: Array((isEmpty ? line : line + ",").utf8), at: 1)
    }

    private static func fill(_ report: inout Report, from redactor: Redactor) {
        for (own, other) in redactor.addressPairs {
            report.pairs.append(("address", own.description, other.description))
        }
        for (own, other) in redactor.macPairs { report.pairs.append(("MAC", own, other)) }
        for (name, entry) in redactor.names.pseudonyms.sorted(by: { $0.key < $1.key }) where name != entry.pseudonym {
            report.pairs.append((entry.kind.rawValue, name, entry.pseudonym))
        }
        for kind in ["address", "MAC", "name", "device", "rules", "identifier", "word"] {
            report.counts.append((kind, report.pairs.count { $0.kind == kind }))
        }
    }
}

/// A file of a bundle, and how it is gone through.
struct RedactedFile {
    enum Result {
        case text([UInt8])
        case leftOut(String)
    }

    private enum Treatment {
        case json(JSONRewriter.Kind)
        case text(Redactor.Mode)
        case sysctls
        case pod
        /// Of the kernel: lines of its own words and numbers stay.
        case counters
        /// Of the kernel or the system: lines of names that they give to their parts stay.
        case parts
        /// Addresses of IPv6 have no brackets, and ports behind them.
        case listing
        case asItIs
        case leftOut(String)
    }

    private let original: String
    private let bytes: [UInt8]
    private let treatment: Treatment
    let holdsIptables: Bool
    /// Objects are read before all else.
    let order: Int

    init(_ path: String, _ bytes: [UInt8]) {
        original = path
        self.bytes = bytes
        let parts = path.split(separator: "/").map(String.init)
        let name = parts.last ?? ""
        let isList = parts.dropLast().last == "proc-xt_recent"
        let format = isList ? .recentList("x") : ArtifactFormat(fileName: name)
        holdsIptables = format?.kind == .iptables
        treatment = Self.treatment(of: name, parts, format, bytes)
        if case .json(.objects) = treatment { order = format == nil ? 0 : 2 } else { order = 1 }
    }

    private static func treatment(
        of name: String, _ parts: [String], _ format: ArtifactFormat?, _ bytes: [UInt8]
    ) -> Treatment {
        if bytes.isEmpty { return .asItIs }
        guard !bytes.prefix(1 << 16).contains(0),
            String(validating: bytes.prefix(1 << 20), as: UTF8.self) != nil || bytes.count > 1 << 20
        else { return .leftOut("it is no text") }
        let isJSON = EmbeddedText.beginsAsJSON(bytes)
        if name == "bundle.json" { return .json(.manifest) }
        switch format?.kind {
        case .pod: return .pod
        case .sysctls: return .sysctls
        case .proxyConfiguration, .proxyConfigz: return .json(.objects)
        case .proxyMode: return .text(.format)
        case .sockets where name.hasPrefix("netstat"): return .listing
        case nil: break
        default: return isJSON ? .json(.command) : .text(.format)
        }
        // In a folder of logs a file is what the program is called.
        let folder = parts.dropLast().last ?? ""
        let isLog = ["pod-logs", "processes", "logs"].contains(folder)
        let counters = [
            "proc-net-softnet", "proc-net-stat", "proc-net-netstat", "proc-net-snmp", "proc-net-sockstat", "nstat",
            "uptime", "conntrack-stats", "iptables-version", "nft-version", "ip-version", "ipvsadm-timeouts",
        ]
        if !isLog, counters.contains(where: name.hasPrefix) { return .counters }
        // Modules of the kernel, the units that the collector asks for, features of drivers.
        let stem = String(name.prefix { $0 != "." })
        if !isLog, ["proc-modules", "modules-builtin", "modules-load", "systemctl-is-active"].contains(stem) {
            return .parts
        }
        if folder == "ethtool" { return .parts }
        if ["bridge-vlan.json"].contains(name) { return .json(.command) }
        let commands = [
            "proc-net-dev", "ip-link-stats", "sys-class-net", "ss-all", "ipvsadm-", "tc-qdisc", "nft-list-chains",
            "bridge-vlan", "proc-net-",
        ]
        if !isLog, commands.contains(where: name.hasPrefix) { return isJSON ? .json(.command) : .text(.format) }
        let plain = name.lowercased()
        let isYAML = [".yaml", ".yml"].contains(where: plain.hasSuffix)
        return isJSON || isYAML ? .json(.objects) : .text(.free)
    }

    /// The path with pseudonyms of the node, of the namespace and of other names in it.
    func path(_ redactor: inout Redactor) -> String { Self.path(original, &redactor) }

    static func path(_ path: String, _ redactor: inout Redactor) -> String {
        var parts = path.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        for index in parts.indices {
            let before = index > 0 ? parts[index - 1] : ""
            let original = parts[index]
            if before == "netns" || before == "nodes" && (index < parts.count - 1 || path.hasSuffix("/")) {
                parts[index] = redactor.objectName(original)
            } else if before == "proc-xt_recent" {
                parts[index] = redactor.rules(original)
            } else if isOwn(original, below: parts[..<index]) {
                continue
            } else if before == "cni", let dash = original.firstIndex(of: "-"), original[..<dash].allSatisfy(\.isNumber)
            {
                // Its number tells which configuration counts.
                let name = original[original.index(after: dash)...]
                let stem = name.prefix { $0 != "." }
                parts[index] = original[...dash] + redactor.word(String(stem), .free) + name.dropFirst(stem.count)
            } else if redactor.folders.contains(original) || TokenScanner.holdsAddress(original) {
                parts[index] = redactor.objectName(original)
            } else if let other = redactor.embeddedAddress(original, takingDashes: true) {
                parts[index] = other
            } else {
                let stem = original.prefix { $0 != "." }
                let ending = String(original.dropFirst(stem.count))
                parts[index] =
                    redactor.word(String(stem), .free)
                    + (endings.contains(ending) ? ending : JSONRewriter.rewritten(ending, .free, &redactor))
            }
        }
        return parts.joined(separator: "/")
    }

    /// Whether a part of a path is what the format of bundles, or the collector, calls it.
    private static func isOwn(_ part: String, below parts: ArraySlice<String>) -> Bool {
        if ["nodes", "netns", "cluster", "proc-xt_recent", "bundle.json", "cni", "pod-logs", "processes", "ethtool"]
            .contains(part) || ArtifactFormat(fileName: part) != nil
        {
            return true
        }
        let depth = parts.count
        if depth > 0, parts[depth - 1] == "cluster" { return lists.contains(String(part.prefix { $0 != "." })) }
        // The bundle may be the folder of a node itself.
        guard depth == 0 || depth > 1 && ["nodes", "netns"].contains(parts[depth - 2]) else { return false }
        let stem = part.prefix { $0 != "." }
        return part.hasPrefix("proc-net-")
            || collected.contains(String(stem.last?.isNumber == true ? stem.dropLast(2) : stem))
            || collected.contains(String(stem))
    }

    private static let endings: Set<String> = [
        ".txt", ".json", ".yaml", ".yml", ".log", ".conf", ".conflist", ".env", ".md", ".gz", ".out",
    ]

    /// Files of objects, called by what is in them.
    private static let lists: Set<String> = [
        "all", "objects", "nodes", "pods", "services", "endpoints", "endpointslices", "namespaces", "networkpolicies",
        "daemonsets", "configmaps",
    ]

    /// What the collector's script calls the files of a node, besides those that are read.
    private static let collected: Set<String> = [
        "bridge-vlan", "calico-nodename", "calicoctl-node-status", "chronyc-tracking", "cilium-endpoint-list",
        "cilium-service-list", "cilium-status", "cni-files", "cni-networks", "conntrack-stats", "dmesg",
        "docker-daemon", "flannel-docker", "flannel-subnet", "hosts", "ip-link-stats", "ip-version",
        "iptables-version", "ipvsadm-connections", "ipvsadm-stats", "ipvsadm-timeouts", "journal-kernel",
        "journal-services", "kubelet-config", "modules-builtin", "modules-load", "nft-list-chains", "nft-version",
        "nstat", "os-release", "proc-modules", "proc-version", "resolv", "ss-all", "sysctl-files", "systemctl-cat",
        "systemctl-is-active", "tc-qdisc", "uname", "uptime", "kube-proxy-metrics", "kube-proxy-healthz", "kube-proxy",
        "flannel",
    ]

    /// Words without dashes and dots, and numbers: `TcpExtTCPTimeouts 12 0.0`.
    private static func isOfCounters(_ line: ArraySlice<UInt8>) -> Bool {
        line.split { [0x20, 0x09, 0x3A, 0x3D].contains($0) }.allSatisfy { word in
            let isNumber = word.allSatisfy { $0 &- 0x30 < 10 || [0x2E, 0x2D, 0x25].contains($0) }
            let hasDots = word.count { $0 == 0x2E } > 2
            return isNumber && !hasDots || word.allSatisfy { TokenScanner.isWordByte($0) && $0 < 0x80 || $0 == 0x23 }
        }
    }

    /// `ip_vs_rr 12288 2 - Live 0x0000000000000000`, `nm-cloud-setup active`, `tx-checksum-ip-generic: on [fixed]`.
    private static func isOfParts(_ line: ArraySlice<UInt8>) -> Bool {
        let text = String(decoding: line, as: UTF8.self)
        let isPlain = line.allSatisfy {
            $0 < 0x80 && (TokenScanner.isWordByte($0) || " \t-.,:/[]()*".utf8.contains($0))
        }
        return isPlain && !text.hasPrefix("Features for") && !TokenScanner.holdsAddress(text)
    }

    func rewritten(_ redactor: inout Redactor) -> Result {
        redactor.lastAddress = nil
        switch treatment {
        case .asItIs: return .text(bytes)
        case .counters, .parts:
            let isOwn: (ArraySlice<UInt8>) -> Bool
            if case .parts = treatment { isOwn = Self.isOfParts } else { isOwn = Self.isOfCounters }
            let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map { line -> [UInt8] in
                if isOwn(line) { return Array(line) }
                var rewriter = TextRewriter(Array(line), .free)
                return rewriter.rewritten(&redactor)
            }
            return .text(Array(lines.joined(separator: [0x0A])))
        case .listing:
            var rewriter = TextRewriter(bytes, .format, hasBarePorts: true)
            return .text(rewriter.rewritten(&redactor))
        case .leftOut(let reason): return .leftOut(reason)
        case .text(let mode):
            var rewriter = TextRewriter(bytes, mode)
            return .text(rewriter.rewritten(&redactor))
        case .sysctls: return .text(SysctlLines.rewritten(bytes, &redactor))
        case .pod:
            let names = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline).first ?? ""
            let other = names.split(separator: "/", omittingEmptySubsequences: false).map {
                redactor.objectName($0.trimmingBlanks)
            }
            return .text(Array((other.joined(separator: "/") + "\n").utf8))
        case .json(let kind):
            let json = EmbeddedText.beginsAsJSON(bytes) ? bytes : EmbeddedText.json(of: bytes)
            if let json {
                var rewriter = JSONRewriter(json, kind, path: Self.path)
                if let result = rewriter.rewritten(&redactor) { return .text(result) }
            }
            // Cut off, or not what its name says.
            if case .command = kind { return .leftOut("it is no JSON that could be read to its end") }
            var rewriter = TextRewriter(bytes, .free)
            return .text(rewriter.rewritten(&redactor))
        }
    }
}

extension Substring {
    fileprivate var trimmingBlanks: String {
        var text = drop(while: \.isWhitespace)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}

/// `sysctl -a`: the parameters of the network, with devices in their names.
enum SysctlLines {
    static func rewritten(_ bytes: [UInt8], _ redactor: inout Redactor) -> [UInt8] {
        var result: [UInt8] = []
        for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: true) {
            guard let equals = line.firstIndex(of: "=") else { continue }
            let key = line[..<equals]
            // Others say nothing of the network, and some hold names or identifiers.
            guard key.hasPrefix("net.") || key.hasPrefix("net/") else { continue }
            let value = JSONRewriter.rewritten(String(line[equals...]), .format, &redactor)
            result += Array("\(self.key(key, &redactor))\(value)\n".utf8)
        }
        return result
    }

    /// `net.ipv4.conf.eth0/100.rp_filter`: dots of a device's name are slashes there.
    static func key(_ key: Substring, _ redactor: inout Redactor) -> String {
        let isSlashed = key.hasPrefix("net/")
        let separator: Character = isSlashed ? "/" : "."
        let parts = key.split(separator: separator, omittingEmptySubsequences: false)
        guard parts.count > 4, ["conf", "neigh"].contains(parts[2]) || parts[1] == "mpls" else { return String(key) }
        // A device's own dots where the writer did not mind them.
        let last = parts.count - 1
        let device = parts[3..<last].joined(separator: String(separator))
        guard device != "all", device != "default" else { return String(key) }
        let plain = String(device.map { $0 == "/" ? "." : $0 == "." ? "/" : $0 })
        let name = isSlashed || !device.contains("/") ? String(device) : plain
        let other = redactor.names.device(name)
        let written = isSlashed || name == String(device) ? other : String(other.map { $0 == "." ? "/" : $0 })
        return (parts[..<3].map(String.init) + [written] + [String(parts[last])]).joined(separator: String(separator))
    }
}
