import ClewTestSupport

/// A kind of damage to a node's rules.
struct Damage {
    /// What a report may lay the blame on.
    enum Blame {
        /// Chains of these names, with their tables or without.
        case chains([String])
        /// Anything: the damage works from afar.
        case any
        /// Nothing changes.
        case none
    }

    var name: String
    /// `nil`: the text has no place for it.
    var apply: (inout SaveText, inout SeededGenerator) -> Blame?

    init(_ name: String, _ apply: @escaping (inout SaveText, inout SeededGenerator) -> Blame?) {
        self.name = name
        self.apply = apply
    }

    static var all: [Damage] {
        endpoints + masquerade + entries + nodePorts + frame + foreign + refusals + affinity + harmless
    }

    /// Picks one of several places.
    static func pick(_ places: [Int], _ random: inout SeededGenerator) -> Int? { places.randomElement(using: &random) }

    /// Removes one rule of a kind.
    static func removing(
        _ name: String, _ table: String, _ prefix: String, to target: String = "",
        anyBlame: Bool = false, where isWanted: @escaping (SaveText.Line) -> Bool = { _ in true }
    ) -> Damage {
        Damage(name) { text, random in
            guard
                let index = pick(text.rules(table, in: prefix, to: target).filter { isWanted(text.lines[$0]) }, &random)
            else { return nil }
            let chain = text.lines[index].chain
            let own = text.lines[index].target
            text.remove(index)
            return anyBlame ? .any : .chains([chain, own])
        }
    }

    /// Replaces words of one rule of a kind.
    static func changing(
        _ name: String, _ table: String, _ prefix: String, to target: String = "",
        _ change: @escaping (SaveText.Line, inout SeededGenerator) -> (String, String)?
    ) -> Damage {
        Damage(name) { text, random in
            let places = text.rules(table, in: prefix, to: target)
            for index in places.shuffled(using: &random) {
                let line = text.lines[index]
                guard let (old, new) = change(line, &random), text.replace(index, old, new) else { continue }
                return .chains([line.chain, line.target])
            }
            return nil
        }
    }

    /// Inserts a rule made of one that is there.
    static func inserting(
        _ name: String, like table: String, _ prefix: String, to target: String = "", into other: String,
        isLast: Bool = false, _ make: @escaping (SaveText.Line) -> String?
    ) -> Damage {
        Damage(name) { text, random in
            guard let index = pick(text.rules(table, in: prefix, to: target), &random),
                let rule = make(text.lines[index])
            else { return nil }
            if isLast { text.append(other, rule) } else { text.insertFirst(other, rule) }
            return .chains(["\(other) " + (rule.split(separator: " ").first ?? "")])
        }
    }

    // MARK: - Endpoints

    static var endpoints: [Damage] {
        [
            removing("an endpoint's jump is gone", "nat", "KUBE-SV", to: "KUBE-SEP-"),
            removing("an endpoint's DNAT is gone", "nat", "KUBE-SEP-", to: "DNAT"),
            changing("another port", "nat", "KUBE-SEP-", to: "DNAT") { line, _ in
                guard let to = line.value("--to-destination"),
                    let port = to.split(separator: ":").last.flatMap({ Int($0) })
                else { return nil }
                return (":\(port)", ":\(port + 1)")
            },
            changing("another address", "nat", "KUBE-SEP-", to: "DNAT") { line, _ in
                line.value("--to-destination").map { ($0, "10.244.77.77:" + ($0.split(separator: ":").last ?? "")) }
            },
            changing("another probability", "nat", "KUBE-SV") { line, random in
                line.value("--probability").map {
                    ($0, ["0.10000000009", "0.90000000000"].randomElement(using: &random) ?? $0)
                }
            },
            changing("no probability", "nat", "KUBE-SV") { line, _ in
                line.value("--probability").map { ("-m statistic --mode random --probability \($0) ", "") }
            },
            changing("probability nought", "nat", "KUBE-SV") { line, _ in
                line.value("--probability").map { ($0, "0.00000000000") }
            },
            Damage("two endpoints' jumps change places") { text, random in
                let places = text.rules("nat", in: "KUBE-SV", to: "KUBE-SEP-").shuffled(using: &random)
                guard let first = places.first,
                    let second = places.first(where: {
                        text.lines[$0].chain != text.lines[first].chain
                            && text.lines[$0].target != text.lines[first].target
                    })
                else { return nil }
                let (a, b) = (text.lines[first], text.lines[second])
                guard text.replace(first, a.target, b.target), text.replace(second, b.target, a.target) else {
                    return nil
                }
                return .chains([a.chain, b.chain, a.target, b.target])
            },
            Damage("an endpoint of another Service is added") { text, random in
                let places = text.rules("nat", in: "KUBE-SV", to: "KUBE-SEP-")
                guard let other = pick(places, &random), let own = pick(places, &random),
                    text.lines[own].chain != text.lines[other].chain
                else { return nil }
                let (chain, target) = (text.lines[own].chain, text.lines[other].target)
                text.insertFirst("nat", "\(chain) -m statistic --mode random --probability 0.50000000000 -j \(target)")
                return .chains([chain, target])
            },
            Damage("an endpoint is chosen twice") { text, random in
                guard let own = pick(text.rules("nat", in: "KUBE-SV", to: "KUBE-SEP-"), &random) else { return nil }
                let line = text.lines[own]
                text.insertFirst(
                    "nat", "\(line.chain) -m statistic --mode random --probability 0.50000000000 -j \(line.target)")
                return .chains([line.chain])
            },
            flushing("a Service's chain is flushed", "KUBE-SVC-"), flushing("a local chain is flushed", "KUBE-SVL-"),
            flushing("an endpoint's chain is flushed", "KUBE-SEP-"),
            flushing("an external chain is flushed", "KUBE-EXT-"),
            flushing("a firewall chain is flushed", "KUBE-FW-"), flushing("an XLB chain is flushed", "KUBE-XLB-"),
        ]
    }

    static func flushing(_ name: String, _ prefix: String) -> Damage {
        Damage(name) { text, random in
            guard let index = pick(text.rules("nat", in: prefix), &random) else { return nil }
            let chain = text.lines[index].chain
            text.flush(chain, "nat")
            return .chains([chain])
        }
    }

    // MARK: - Masquerade

    static var masquerade: [Damage] {
        [
            removing("MASQUERADE is gone", "nat", "KUBE-POSTROUTING", to: "MASQUERADE"),
            removing("the mark is gone", "nat", "KUBE-MARK-MASQ", to: "MARK"),
            // What is then masqueraded may meet other rules.
            removing("the RETURN is gone", "nat", "KUBE-POSTROUTING", to: "RETURN", anyBlame: true),
            removing("a Service's mark is gone", "nat", "KUBE-SVC-", to: "KUBE-MARK-MASQ"),
            removing("an endpoint's mark is gone", "nat", "KUBE-SEP-", to: "KUBE-MARK-MASQ"),
            removing("an external mark is gone", "nat", "KUBE-EXT-", to: "KUBE-MARK-MASQ"),
            changing("a negated CIDR is not", "nat", "KUBE-SVC-", to: "KUBE-MARK-MASQ") { _, _ in ("! -s", "-s") },
            changing("a CIDR is halved", "nat", "KUBE-SVC-", to: "KUBE-MARK-MASQ") { line, _ in
                line.value("-s").flatMap { $0.hasSuffix("/16") ? ($0, $0.dropLast(2) + "17") : nil }
            },
            changing("an endpoint's own address is another", "nat", "KUBE-SEP-", to: "KUBE-MARK-MASQ") { line, _ in
                line.value("-s").map { ("-s \($0)", "-s 10.244.1.99/32") }
            },
            changing("the mark is another bit", "nat", "KUBE-MARK-MASQ", to: "MARK") { line, _ in
                line.value("--set-xmark").map { ($0, "0x20000/0x20000") }
            },
            Damage("a firewall clears the mark") { text, random in
                guard let mark = maskedMark(text) else { return nil }
                text.insertFirst("mangle", "POSTROUTING -j MARK --set-xmark 0x0/\(mark)")
                return .any
            },
            Damage("a firewall sets the mark") { text, random in
                guard let mark = maskedMark(text) else { return nil }
                text.insertFirst("mangle", "PREROUTING -s 10.244.0.0/16 -j MARK --set-xmark \(mark)/\(mark)")
                return .chains(["PREROUTING"])
            },
            Damage("what pods send from high ports is marked") { text, random in
                guard let mark = maskedMark(text) else { return nil }
                text.insertFirst(
                    "mangle",
                    "PREROUTING -s 10.244.1.0/24 -p udp -m udp --sport 1024:65535 -j MARK --set-xmark \(mark)/\(mark)")
                return .chains(["PREROUTING"])
            },
            Damage("half of what pods send is marked") { text, random in
                guard let mark = maskedMark(text) else { return nil }
                text.insertFirst(
                    "mangle",
                    "PREROUTING -s 10.244.1.0/24 -m statistic --mode random --probability 0.50000000000 "
                        + "-j MARK --set-xmark \(mark)/\(mark)")
                return .chains(["PREROUTING"])
            },
            Damage("everything from outside is masqueraded") { text, random in
                text.insertFirst("nat", "POSTROUTING ! -s 10.0.0.0/8 -j MASQUERADE")
                return .any
            },
            Damage("pods' packets leave unmasqueraded") { text, random in
                text.insertFirst("nat", "POSTROUTING -s 10.244.1.0/24 -j ACCEPT")
                return .chains(["POSTROUTING"])
            },
        ]
    }

    static func maskedMark(_ text: SaveText) -> String? {
        text.rules("nat", in: "KUBE-MARK-MASQ", to: "MARK").first
            .flatMap { text.lines[$0].value("--set-xmark") }?.split(separator: "/").first.map(String.init)
    }

    // MARK: - Entries

    static var entries: [Damage] {
        [
            removing("a Service's entry is gone", "nat", "KUBE-SERVICES") {
                $0.value("-d") != nil && $0.value("--dport") != nil
            },
            changing("an entry has another address", "nat", "KUBE-SERVICES") { line, _ in
                guard line.value("--dport") != nil else { return nil }
                return line.value("-d").map { ($0, "10.96.99.99/32") }
            },
            changing("an entry is too wide", "nat", "KUBE-SERVICES") { line, _ in
                guard line.value("--dport") != nil, let address = line.value("-d"), address.hasSuffix("/32") else {
                    return nil
                }
                return (address, address.dropLast(2) + "28")
            },
            changing("an entry has another port", "nat", "KUBE-SERVICES") { line, _ in
                line.value("--dport").map { ("--dport \($0)", "--dport 4\($0.suffix(3))") }
            },
            changing("an entry has another protocol", "nat", "KUBE-SERVICES") { line, _ in
                guard line.value("--dport") != nil else { return nil }
                return line.value("-p").map { ("-p \($0) ", $0 == "tcp" ? "-p udp " : "-p tcp ") }
            },
            changing("an entry leads to another Service", "nat", "KUBE-SERVICES") { line, random in
                line.target.hasPrefix("KUBE-SVC-") ? (line.target, "KUBE-MARK-MASQ") : nil
            },
            Damage("a second entry before") { text, random in
                let places = text.rules("nat", in: "KUBE-SERVICES").filter {
                    text.lines[$0].value("--dport") != nil && text.lines[$0].target.hasPrefix("KUBE-SVC-")
                }
                guard let own = pick(places, &random), let other = pick(places, &random), own != other else {
                    return nil
                }
                let line = text.lines[own].text.replacing(text.lines[own].target, with: text.lines[other].target)
                text.insertFirst("nat", String(line.dropFirst(3)))
                // Packets of another protocol come to the other Service's endpoints, and no further.
                return .any
            },
            Damage("a second entry behind") { text, random in
                let places = text.rules("nat", in: "KUBE-SERVICES").filter {
                    text.lines[$0].value("--dport") != nil && text.lines[$0].target.hasPrefix("KUBE-SVC-")
                }
                guard let own = pick(places, &random), let other = pick(places, &random), own != other else {
                    return nil
                }
                let line = text.lines[own].text.replacing(text.lines[own].target, with: text.lines[other].target)
                text.append("nat", String(line.dropFirst(3)))
                return Blame.none
            },
            Damage("an entry for a Service that is gone") { text, random in
                let places = text.rules("nat", in: "KUBE-SERVICES").filter {
                    text.lines[$0].target.hasPrefix("KUBE-SVC-")
                }
                guard let own = pick(places, &random) else { return nil }
                text.insertFirst(
                    "nat",
                    "KUBE-SERVICES -d 10.96.200.1/32 -p tcp -m comment --comment \"old/gone:http cluster IP\" "
                        + "-m tcp --dport 80 -j \(text.lines[own].target)")
                return .chains(["KUBE-SERVICES"])
            },
            Damage("a refusal for a Service that is gone") { text, random in
                text.insertFirst(
                    "filter",
                    "KUBE-SERVICES -d 10.96.200.2/32 -p tcp -m comment --comment \"old/gone:http has no endpoints\" "
                        + "-m tcp --dport 80 -j REJECT --reject-with icmp-port-unreachable")
                return .chains(["KUBE-SERVICES"])
            },
            removing("an external chain's way for pods is gone", "nat", "KUBE-EXT-", to: "KUBE-SVC-", anyBlame: true) {
                $0.value("-s") != nil || $0.value("-i") != nil
            },
            // The packets then come to the chain of local endpoints, which lacks the others.
            removing(
                "an external chain's way for the host is gone", "nat", "KUBE-EXT-", to: "KUBE-SVC-", anyBlame: true
            ) {
                $0.value("--src-type") != nil
            },
            removing("an external chain's last way is gone", "nat", "KUBE-EXT-", to: "KUBE-SV") {
                $0.value("-s") == nil && $0.value("-i") == nil && $0.value("--src-type") == nil
            },
        ]
    }

    // MARK: - NodePorts

    static var nodePorts: [Damage] {
        [
            removing("a NodePort is gone", "nat", "KUBE-NODEPORTS") { $0.value("-d") == nil },
            changing("a NodePort is another", "nat", "KUBE-NODEPORTS") { line, _ in
                line.value("-d") == nil
                    ? line.value("--dport").map {
                        ("--dport \($0)", "--dport 3\($0.dropFirst().reversed().map(String.init).joined())")
                    } : nil
            },
            removing("the way to NodePorts is gone", "nat", "KUBE-SERVICES", to: "KUBE-NODEPORTS"),
            changing("NodePorts at every address", "nat", "KUBE-SERVICES", to: "KUBE-NODEPORTS") { _, _ in
                ("-m addrtype --dst-type LOCAL ", "")
            },
            changing("NodePorts at one address", "nat", "KUBE-SERVICES", to: "KUBE-NODEPORTS") { _, _ in
                ("-m addrtype --dst-type LOCAL", "-d 10.244.1.1/32")
            },
        ]
    }
}
