package import ClewNet
package import ClewSnapshot

/// The ipsets of one namespace.
package struct IPSetTable: Sendable {
    private let sets: [String: CompiledIPSet]

    package init(_ sets: [IPSet]) {
        self.sets = Dictionary(sets.map { ($0.name, CompiledIPSet($0)) }, uniquingKeysWith: { first, _ in first })
    }

    package func set(named name: String) -> CompiledIPSet? { sets[name] }

    /// The sets of type `list:set` that hold a set.
    func lists(holding name: String) -> [String] {
        sets.values.filter { $0.set.entries.contains { $0.parts == [.set(name)] } }.map(\.set.name)
    }
}

/// A value that depends on what may not be known.
package enum Ternary: Sendable, Hashable {
    case yes, no, unknown

    package init(_ value: Bool) { self = value ? .yes : .no }

    package static prefix func ! (value: Ternary) -> Ternary {
        switch value {
        case .yes: .no
        case .no: .yes
        case .unknown: .unknown
        }
    }
}

/// A set laid out for look-ups: elements that are one address (and maybe one port) by hash, the others in a list.
package struct CompiledIPSet: Sendable {
    package let set: IPSet
    private let exact: [Key: Int]
    private let others: [Int]

    private struct Key: Hashable {
        var address: IPAddress
        var ipProtocol: UInt8
        var port: UInt16
    }

    package init(_ set: IPSet) {
        self.set = set
        var exact: [Key: Int] = [:]
        var others: [Int] = []
        for (number, entry) in set.entries.enumerated() {
            if let key = Self.key(of: entry), exact[key] == nil { exact[key] = number } else { others.append(number) }
        }
        self.exact = exact
        self.others = others
    }

    private static func key(of entry: IPSetEntry) -> Key? {
        guard !entry.noMatch, case .addresses(let range)? = entry.parts.first, range.first == range.last else {
            return nil
        }
        switch entry.parts.count {
        case 1: return Key(address: range.first, ipProtocol: 0, port: 0)
        case 2:
            guard case .port(let ipProtocol?, let ports) = entry.parts[1], ports.first == ports.last else { return nil }
            return Key(address: range.first, ipProtocol: ipProtocol.rawValue, port: ports.first)
        default: return nil
        }
    }

    /// The packet's side of one dimension.
    package struct Probe {
        package var address: IPAddress
        package var port: UInt16
        package var link: String?
    }

    /// Looks a packet up: the element found and whether the set holds it.
    ///
    /// A more specific element wins (`nomatch` is only looked at there); man ipset, "hash:net".
    package func contains(
        _ probes: [Probe], ipProtocol: IPProtocol, mark: UInt32, nested: (String) -> CompiledIPSet?, depth: Int = 0
    ) -> (Ternary, IPSetEntry?) {
        // `ip_set_get_ip_port`
        if set.type == "bitmap:port", ipProtocol != .tcp, ipProtocol != .udp { return (.no, nil) }
        if set.type == "list:set" {
            return containsInMember(probes, ipProtocol: ipProtocol, mark: mark, nested: nested, depth: depth)
        }
        if let first = probes.first {
            let plain = Key(address: first.address, ipProtocol: 0, port: 0)
            if let hit = exact[plain], set.entries[hit].parts.count == 1 { return (.yes, set.entries[hit]) }
            if probes.count > 1 {
                let key = Key(address: first.address, ipProtocol: ipProtocol.rawValue, port: probes[1].port)
                if let hit = exact[key] { return (.yes, set.entries[hit]) }
            }
        }
        var best: (bits: Int, entry: IPSetEntry)?
        var asksMAC = false
        // `hash:net,iface`: once a network holds the address, wider ones are not asked, whatever its devices.
        let longest = set.type == "hash:net,iface" ? others.compactMap { networkBits($0, probes) }.max() : nil
        for number in others {
            let entry = set.entries[number]
            if let longest, networkBits(number, probes) != longest { continue }
            guard Self.holds(entry, probes, ipProtocol, mark) else { continue }
            // Ethernet addresses are not traced.
            if entry.parts.contains(where: { if case .mac = $0 { true } else { false } }) {
                asksMAC = true
                continue
            }
            let bits = Self.specificity(entry)
            if best.map({ bits > $0.bits }) ?? true { best = (bits, entry) }
        }
        if let best { return (best.entry.noMatch ? .no : .yes, best.entry) }
        return (set.isComplete && !asksMAC ? .no : .unknown, nil)
    }

    /// The prefix length of an element's network, where it holds the packet's address.
    ///
    /// Elements of ports of bridges are kept apart: `physdev` is part of what is hashed (`hash_netiface4_elem_hashed`).
    private func networkBits(_ number: Int, _ probes: [Probe]) -> Int? {
        let entry = set.entries[number]
        if entry.parts.contains(where: { if case .interface(_, isPhysical: true) = $0 { true } else { false } }) {
            return nil
        }
        guard case .addresses(let range)? = entry.parts.first, let probe = probes.first,
            range.contains(probe.address)
        else { return nil }
        return Self.specificity(entry)
    }

    private func containsInMember(
        _ probes: [Probe], ipProtocol: IPProtocol, mark: UInt32, nested: (String) -> CompiledIPSet?, depth: Int
    ) -> (Ternary, IPSetEntry?) {
        guard depth < 4 else { return (.unknown, nil) }
        var result = Ternary(false)
        for entry in set.entries {
            guard case .set(let name)? = entry.parts.first else { continue }
            guard let member = nested(name) else {
                result = .unknown
                continue
            }
            let (answer, found) = member.contains(
                probes, ipProtocol: ipProtocol, mark: mark, nested: nested, depth: depth + 1)
            if answer == .yes { return (.yes, found) }
            if answer == .unknown { result = .unknown }
        }
        return (result, nil)
    }

    private static func specificity(_ entry: IPSetEntry) -> Int {
        entry.parts.reduce(0) { sum, part in
            guard case .addresses(let range) = part else { return sum }
            var length: UInt8 = 0
            while length < range.first.family.width,
                range.first & .mask(length, range.first.family) != range.first
                    || range.first | ~IPAddress.mask(length, range.first.family) != range.last
            {
                length += 1
            }
            return sum + Int(length)
        }
    }

    private static func holds(_ entry: IPSetEntry, _ probes: [Probe], _ ipProtocol: IPProtocol, _ mark: UInt32) -> Bool
    {
        for (dimension, part) in entry.parts.enumerated() {
            let probe = dimension < probes.count ? probes[dimension] : nil
            switch part {
            case .addresses(let range):
                guard let probe, range.contains(probe.address) else { return false }
            case .port(let wanted, let ports):
                guard let probe, wanted.map({ $0 == ipProtocol }) ?? true, ports.contains(probe.port) else {
                    return false
                }
            case .mark(let value):
                guard value == mark else { return false }
            case .interface(let name, let isPhysical):
                // For a port of a bridge a look-up would have to say so, which rules cannot (`hash_netiface4_kadt`).
                guard !isPhysical, let probe, name == probe.link else { return false }
            case .mac: continue
            case .set: return false
            }
        }
        return true
    }
}
