import ClewKubeProxy
import ClewNet
import ClewSnapshot

/// Names of chains that are hashes of other names, worked out anew from the pseudonyms of these.
struct HashedNames {
    private struct Port: Hashable {
        var namespace: String
        var service: String
        var port: String
        var text: String { "\(namespace)/\(service)" + (port.isEmpty ? "" : ":\(port)") }
    }

    private struct Endpoint: Hashable {
        var port: Port
        var ipProtocol: String
        var address: IPAddress
        var number: UInt16
    }

    private var ports: [Port: Set<String>] = [:]
    private var endpoints: Set<Endpoint> = []

    /// The Service ports and endpoints that the objects tell.
    init(_ objects: KubernetesObjects) {
        var byService: [NamespacedName: [EndpointSlice]] = [:]
        for slice in objects.endpointSlices {
            guard let service = slice.serviceName else { continue }
            byService[NamespacedName(slice.name.namespace, service), default: []].append(slice)
        }
        for service in objects.services {
            for servicePort in service.ports {
                let port = Port(namespace: service.name.namespace, service: service.name.name, port: servicePort.name)
                let ipProtocol = servicePort.ipProtocol.description
                ports[port, default: []].insert(ipProtocol)
                for slice in byService[service.name] ?? [] {
                    for slicePort in slice.ports where slicePort.name == servicePort.name {
                        guard let number = slicePort.port else { continue }
                        for address in slice.endpoints.flatMap(\.addresses) {
                            endpoints.insert(
                                Endpoint(port: port, ipProtocol: ipProtocol, address: address, number: number))
                        }
                    }
                }
            }
        }
    }

    /// Takes what the comments of `iptables-save` tell, where there are no objects or these are older.
    mutating func addComments(of bytes: [UInt8], _ redactor: inout Redactor) {
        for line in bytes.split(separator: 0x0A) {
            guard line.starts(with: "-A KUBE-S".utf8) || line.starts(with: "-A KUBE-N".utf8) else { continue }
            let text = String(decoding: line, as: UTF8.self)
            guard let comment = Self.word(in: text, behind: "--comment "), let port = Self.port(comment) else {
                continue
            }
            // Of a comment alone nobody could tell that a number is a name.
            for name in [port.namespace, port.service, port.port] where NamePseudonyms.isNumber(name) {
                _ = redactor.names.name(name)
            }
            guard let destination = Self.word(in: text, behind: "--to-destination "),
                let (address, number) = Self.socket(destination)
            else {
                for ipProtocol in ["tcp", "udp", "sctp"] { ports[port, default: []].insert(ipProtocol) }
                continue
            }
            for ipProtocol in ["tcp", "udp", "sctp"] {
                ports[port, default: []].insert(ipProtocol)
                endpoints.insert(Endpoint(port: port, ipProtocol: ipProtocol, address: address, number: number))
            }
        }
    }

    /// Gives the chains that were found the names that kube-proxy would make of the pseudonyms.
    func rename(in redactor: inout Redactor) {
        for (port, ipProtocols) in ports.sorted(by: { $0.key.text < $1.key.text }) {
            let other = Self.renamed(port, &redactor)
            for ipProtocol in ipProtocols {
                let (old, new) = (ChainNames.hash(port.text + ipProtocol), ChainNames.hash(other.text + ipProtocol))
                for prefix in ["KUBE-SVC-", "KUBE-SVL-", "KUBE-EXT-", "KUBE-FW-", "KUBE-XLB-"] {
                    redactor.rename(prefix + old, prefix + new)
                }
            }
        }
        for endpoint in endpoints {
            let other = Self.renamed(endpoint.port, &redactor)
            let address = SocketAddress(endpoint.address, endpoint.number)
            let old = ChainNames.hash(endpoint.port.text + endpoint.ipProtocol + address.description)
            guard redactor.names.known("KUBE-SEP-" + old) != nil else { continue }
            let otherAddress = SocketAddress(redactor.address(endpoint.address), endpoint.number)
            let new = ChainNames.hash(other.text + endpoint.ipProtocol + otherAddress.description)
            redactor.rename("KUBE-SEP-" + old, "KUBE-SEP-" + new)
        }
    }

    private static func renamed(_ port: Port, _ redactor: inout Redactor) -> Port {
        Port(
            namespace: redactor.names.name(port.namespace), service: redactor.names.name(port.service),
            port: redactor.names.port(port.port))
    }

    /// The word behind an option, without its quotes.
    private static func word(in line: String, behind option: String) -> String? {
        var rest = line[...]
        while let first = rest.firstIndex(of: "-") {
            rest = rest[first...]
            if rest.hasPrefix(option) {
                return String(rest.dropFirst(option.count).drop { $0 == "\"" }.prefix { $0 != " " && $0 != "\"" })
            }
            rest = rest.dropFirst()
        }
        return nil
    }

    private static func port(_ text: String) -> Port? {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 2, !parts[0].isEmpty else { return nil }
        let names = parts[1].split(separator: ":", maxSplits: 1).map(String.init)
        guard let service = names.first else { return nil }
        return Port(namespace: String(parts[0]), service: service, port: names.count > 1 ? names[1] : "")
    }

    private static func socket(_ text: String) -> (IPAddress, UInt16)? {
        guard let colon = text.lastIndex(of: ":"), let number = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let address = text[..<colon].drop { $0 == "[" }
        guard let address = IPAddress(String(address.hasSuffix("]") ? address.dropLast() : address)) else { return nil }
        return (address, number)
    }

    // MARK: - nft

    /// The name of a chain or set of kube-proxy's in nftables mode: `service-ULMVA6XW-shop/web/tcp/http`, or
    /// `endpoint-5OJB2KTY-shop/web/tcp/http__10.180.0.1/80`; `nil` for other texts.
    static func nft(_ text: String, _ redactor: inout Redactor) -> String? {
        guard let slash = text.firstIndex(of: "/") else { return nil }
        let words = text[..<slash].split(separator: "-", omittingEmptySubsequences: false)
        let isHash: (Substring) -> Bool = { word in
            word.count == 8 && word.allSatisfy { $0.isUppercase || ("2"..."7").contains($0) }
        }
        guard let place = words.firstIndex(where: isHash), place > 0, place + 1 < words.count else { return nil }
        let prefix = words[..<place].joined(separator: "-")
        let start = text.index(text.startIndex, offsetBy: prefix.count + 10)
        let rest = String(text[start...])
        var parts = rest.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4 || parts.count == 5 else { return nil }
        parts[0] = redactor.names.name(parts[0])
        parts[1] = redactor.names.name(parts[1])
        if parts.count == 5, let gap = parts[3].range(ofDoubleUnderscore: ()) {
            let port = String(parts[3][..<gap.lowerBound])
            let address = String(parts[3][gap.upperBound...])
            // Colons are no letters of a name there.
            let own = IPAddress(address) ?? IPAddress(String(address.map { $0 == "." ? ":" : $0 }))
            let other = own.map { redactor.address($0).description } ?? address
            parts[3] = "\(redactor.names.port(port))__\(own?.family == .ipv6 ? Self.dotted(other) : other)"
        } else {
            parts[3] = redactor.names.port(parts[3])
        }
        let other = parts.joined(separator: "/")
        let isOwnHash = ChainNames.hash(rest).prefix(8) == words[place]
        let hash =
            isOwnHash ? String(ChainNames.hash(other).prefix(8)) : redactor.names.identifier(String(words[place]))
        return "\(prefix)-\(hash)-\(other)"
    }

    private static func dotted(_ text: String) -> String { String(text.map { $0 == ":" ? "." : $0 }) }
}

extension String {
    /// Where the last `__` is.
    fileprivate func range(ofDoubleUnderscore: Void) -> Range<String.Index>? {
        var end = endIndex
        while end > startIndex {
            let before = index(before: end)
            if self[before] == "_", before > startIndex, self[index(before: before)] == "_" {
                return index(before: before)..<end
            }
            end = before
        }
        return nil
    }
}

extension Redactor {
    /// Gives a chain that was found another pseudonym.
    mutating func rename(_ chain: String, _ pseudonym: String) {
        guard names.known(chain) != nil else { return }
        names.set(chain, to: pseudonym, .rules)
    }
}
