import ClewBundle
import ClewKubeProxy
import ClewNet
import ClewParsers
import ClewSnapshot

/// Calls the objects of a bundle something else, wherever they are named, as if they had always been called so.
///
/// It knows nothing of how bundles are redacted: a name is a run of letters and digits, dots and dashes, wherever it
/// stands. Names that are also words of the formats are replaced only where no word of a format can stand.
struct BundleRenaming {
    /// New names by old ones.
    let names: [String: String]
    /// Old names that mean something to the formats.
    let ambiguous: Set<String>
    /// Hashes of kube-proxy's chains, new by old.
    private(set) var hashes: [String: String] = [:]

    init(_ names: [String: String], hashes: [String: String]) {
        self.names = names
        self.hashes = hashes
        ambiguous = []
    }

    init(_ names: [String: String], ambiguous: Set<String>, of objects: KubernetesObjects) {
        self.names = names
        self.ambiguous = ambiguous
        for name in Self.hashInputs(objects) {
            let other = (names[name.namespace] ?? name.namespace, names[name.service] ?? name.service)
            let port = names[name.port] ?? name.port
            let plain = { (namespace: String, service: String, port: String) in
                "\(namespace)/\(service)" + (port.isEmpty ? "" : ":\(port)") + name.rest
            }
            hashes[ChainNames.hash(plain(name.namespace, name.service, name.port))] =
                ChainNames.hash(plain(other.0, other.1, port))
        }
    }

    /// Namespace, Service, port, and what else goes into the hash of a chain's name.
    static func hashInputs(
        _ objects: KubernetesObjects
    ) -> [(namespace: String, service: String, port: String, rest: String)] {
        var result: [(String, String, String, String)] = []
        for service in objects.services {
            let slices = objects.endpointSlices.filter {
                $0.name.namespace == service.name.namespace && $0.serviceName == service.name.name
            }
            for port in service.ports {
                let ipProtocol = port.ipProtocol.description
                result.append((service.name.namespace, service.name.name, port.name, ipProtocol))
                for slice in slices {
                    for slicePort in slice.ports where slicePort.name == port.name {
                        guard let number = slicePort.port else { continue }
                        for address in slice.endpoints.flatMap(\.addresses) {
                            let rest = ipProtocol + SocketAddress(address, number).description
                            result.append((service.name.namespace, service.name.name, port.name, rest))
                        }
                    }
                }
            }
        }
        return result
    }

    func renamed(_ bundle: SupportBundle) -> SupportBundle {
        let artifacts = bundle.artifacts.map { artifact in
            var folder: Substring = ""
            let path = artifact.path.split(separator: "/").map { part in
                defer { folder = part }
                let isNamed = folder == "nodes" || folder == "netns"
                return String(decoding: text(Array(part.utf8), isNamed: isNamed), as: UTF8.self)
            }.joined(separator: "/")
            let isYAML = path.hasSuffix(".yaml")
            return Artifact(path: path, bytes: text(artifact.bytes, isYAML: isYAML), origin: nil)
        }
        return SupportBundle(name: bundle.name, artifacts: artifacts)
    }

    /// A text with the new names.
    func text(_ bytes: [UInt8], isNamed: Bool = false, isYAML: Bool = false) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        var index = 0
        while index < bytes.count {
            guard NameRun.isLetter(bytes[index]), index == 0 || !NameRun.isLetter(bytes[index - 1]) else {
                output.append(bytes[index])
                index += 1
                continue
            }
            if let (hashed, end) = ofNft(bytes, index) {
                output += hashed
                index = end
            } else if let (name, end) = replacement(bytes, index, isNamed: isNamed) {
                output += isYAML && isPlainScalar(bytes, index, end) ? "\"\(name)\"".utf8 : name.utf8
                index = end
            } else {
                output.append(bytes[index])
                index += 1
            }
        }
        return output
    }

    /// A value of YAML without quotes: what is put there might be a number.
    private func isPlainScalar(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Bool {
        let after = end < bytes.count ? bytes[end] : 0x0A
        return start > 1 && bytes[start - 1] == 0x20 && bytes[start - 2] == UInt8(ascii: ":")
            && [0x0A, UInt8(ascii: ","), UInt8(ascii: "}")].contains(after)
    }

    private func replacement(_ bytes: [UInt8], _ start: Int, isNamed: Bool) -> (String, Int)? {
        for end in NameRun.ends(bytes, start) {
            let word = String(decoding: bytes[start..<end], as: UTF8.self)
            if let hash = hashes[word] { return (hash, end) }
            guard let name = names[word] else { continue }
            if ambiguous.contains(word), !isNamed, !isNamePlace(bytes, start, end) { continue }
            return (name, end)
        }
        return nil
    }

    /// Where nothing but the name of an object can stand: the two words of `shop/web`, and the whole of a string in
    /// objects or of a quoted one in rules.
    private func isNamePlace(_ bytes: [UInt8], _ start: Int, _ end: Int) -> Bool {
        let before = start > 0 ? bytes[start - 1] : 0x0A
        let after = end < bytes.count ? bytes[end] : 0x0A
        let slash = UInt8(ascii: "/")
        let quote = UInt8(ascii: "\"")
        if after == slash, end + 1 < bytes.count, NameRun.isLetter(bytes[end + 1]), before == quote || before == 0x20 {
            return true
        }
        if before == slash, start > 1, NameRun.isLetter(bytes[start - 2]), after != slash, after != UInt8(ascii: ".") {
            return true
        }
        if before == UInt8(ascii: ":") {
            // The port of `shop/web:http`.
            let head = bytes[..<(start - 1)].reversed().prefix { NameRun.isLetter($0) || "-./".utf8.contains($0) }
            return head.contains(slash) && [quote, 0x20, 0x0A].contains(after)
        }
        let keys = ["name", "namespace", "generateName", "kubernetes.io/service-name", "app", "k8s-app", "nodeName"]
        if before == 0x20, [0x0A, UInt8(ascii: ","), UInt8(ascii: "}")].contains(after) {
            // The same in YAML.
            let head = String(decoding: bytes[max(start - 60, 0)..<start], as: UTF8.self)
            return keys.contains { head.hasSuffix("\($0): ") }
        }
        guard before == quote, after == quote else { return false }
        // The value of a key that names things: `"name": "web"`.
        let head = String(decoding: bytes[max(start - 60, 0)..<start], as: UTF8.self).filter { !$0.isWhitespace }
        return keys.contains { head.hasSuffix("\"\($0)\":\"") }
    }

    /// `service-ULMVA6XW-shop/web/tcp/http`: the hash is that of what follows.
    private func ofNft(_ bytes: [UInt8], _ start: Int) -> ([UInt8], Int)? {
        guard let (hashStart, rest) = NameRun.nft(bytes, start) else { return nil }
        let old = String(decoding: bytes[rest], as: UTF8.self)
        let words = old.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        var other = words
        for place in [0, 1] { other[place] = names[words[place]] ?? words[place] }
        let last = words[3].components("__")
        other[3] = ([names[last[0]] ?? last[0]] + last.dropFirst()).joined(separator: "__")
        let text = other.joined(separator: "/")
        let hash = String(ChainNames.hash(text).prefix(8))
        return (Array(bytes[start..<hashStart]) + Array("\(hash)-\(text)".utf8), rest.upperBound)
    }
}

/// Runs of bytes that may be names.
enum NameRun {
    static func isLetter(_ byte: UInt8) -> Bool {
        byte &- 0x61 < 26 || byte &- 0x41 < 26 || byte &- 0x30 < 10 || byte > 127
    }

    private static func isInner(_ byte: UInt8) -> Bool { byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".") }

    /// Where words may end that begin at `start`, the longest first.
    static func ends(_ bytes: [UInt8], _ start: Int, joinedBy more: UInt8 = UInt8(ascii: "-")) -> [Int] {
        var ends: [Int] = []
        var index = start
        while index < bytes.count, index - start < 254,
            isLetter(bytes[index]) || isInner(bytes[index]) || bytes[index] == more
        {
            index += 1
            let isEnd = index == bytes.count || !isLetter(bytes[index])
            if isLetter(bytes[index - 1]), isEnd { ends.append(index) }
        }
        return ends.reversed()
    }

    /// The place of the hash, and what it is the hash of, in a name of kube-proxy's in nftables.
    static func nft(_ bytes: [UInt8], _ start: Int) -> (hash: Int, rest: Range<Int>)? {
        var index = start
        while index < bytes.count, bytes[index] &- 0x61 < 26 || bytes[index] == UInt8(ascii: "-") { index += 1 }
        guard index > start, index - start < 32, bytes[index - 1] == UInt8(ascii: "-"), index + 9 < bytes.count,
            bytes[index..<index + 8].allSatisfy({ $0 &- 0x41 < 26 || $0 &- 0x32 < 6 }),
            bytes[index + 8] == UInt8(ascii: "-")
        else { return nil }
        var end = index + 9
        while end < bytes.count, isLetter(bytes[end]) || isInner(bytes[end]) || "_/".utf8.contains(bytes[end]) {
            end += 1
        }
        let text = String(decoding: bytes[(index + 9)..<end], as: UTF8.self)
        guard [3, 4].contains(text.count { $0 == "/" }),
            ChainNames.hash(text).utf8.prefix(8).elementsEqual(bytes[index..<index + 8])
        else { return nil }
        return (index, (index + 9)..<end)
    }
}

extension String {
    /// What is between occurrences of a separator.
    fileprivate func components(_ separator: String) -> [String] {
        var parts: [String] = [""]
        var rest = self[...]
        while let first = rest.first {
            if rest.hasPrefix(separator) {
                parts.append("")
                rest = rest.dropFirst(separator.count)
            } else {
                parts[parts.count - 1].append(first)
                rest = rest.dropFirst()
            }
        }
        return parts
    }
}
