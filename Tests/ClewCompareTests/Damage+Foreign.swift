import ClewTestSupport

extension Damage {
    // MARK: - kube-proxy's frame

    static var frame: [Damage] {
        [
            removing("no jump from PREROUTING", "nat", "PREROUTING", to: "KUBE-SERVICES"),
            removing("no jump from OUTPUT", "nat", "OUTPUT", to: "KUBE-SERVICES"),
            removing("no jump from POSTROUTING", "nat", "POSTROUTING", to: "KUBE-POSTROUTING"),
            Damage("all entries are flushed") { text, _ in
                text.flush("KUBE-SERVICES", "nat")
                return .chains(["KUBE-SERVICES"])
            },
            Damage("the mark's chain is flushed") { text, _ in
                text.flush("KUBE-MARK-MASQ", "nat")
                return .chains(["KUBE-MARK-MASQ"])
            },
            Damage("NodePorts are flushed") { text, _ in
                guard !text.rules("nat", in: "KUBE-NODEPORTS").isEmpty else { return nil }
                text.flush("KUBE-NODEPORTS", "nat")
                return .chains(["KUBE-NODEPORTS"])
            },
            changing("the jump asks for one device", "nat", "PREROUTING", to: "KUBE-SERVICES") { _, _ in
                ("-A PREROUTING", "-A PREROUTING -i eth0")
            },
            changing("the jump asks for one protocol", "nat", "PREROUTING", to: "KUBE-SERVICES") { _, _ in
                ("-A PREROUTING", "-A PREROUTING -p udp")
            },
            Damage("FORWARD drops by policy") { text, _ in
                guard let index = text.declaration(of: "FORWARD", "filter") else { return nil }
                text.lines[index].text = ":FORWARD DROP [0:0]"
                return .chains(["FORWARD"])
            },
            Damage("OUTPUT drops by policy") { text, _ in
                guard let index = text.declaration(of: "OUTPUT", "filter") else { return nil }
                text.lines[index].text = ":OUTPUT DROP [0:0]"
                return .chains(["OUTPUT"])
            },
            Damage("a RETURN at the top of a Service's chain") { text, random in
                guard let index = pick(text.rules("nat", in: "KUBE-SVC-"), &random) else { return nil }
                let chain = text.lines[index].chain
                text.insertFirst("nat", "\(chain) -j RETURN")
                return .chains([chain])
            },
            Damage("a RETURN for one pod at the top of a Service's chain") { text, random in
                guard let index = pick(text.rules("nat", in: "KUBE-SVC-"), &random) else { return nil }
                let chain = text.lines[index].chain
                text.insertFirst("nat", "\(chain) -s 10.244.1.5/32 -j RETURN")
                return .chains([chain])
            },
            Damage("an ACCEPT at the top of an endpoint's chain") { text, random in
                guard let index = pick(text.rules("nat", in: "KUBE-SEP-"), &random) else { return nil }
                let chain = text.lines[index].chain
                text.insertFirst("nat", "\(chain) -j ACCEPT")
                return .chains([chain])
            },
            Damage("the host's packets are let through at the top of all entries") { text, _ in
                text.insertFirst("nat", "KUBE-SERVICES -m addrtype --src-type LOCAL -j RETURN")
                return .chains(["KUBE-SERVICES"])
            },
        ]
    }

    // MARK: - Foreign rules

    static var foreign: [Damage] {
        [
            inserting("a foreign DNAT takes an entry", like: "nat", "KUBE-SERVICES", into: "nat") { line in
                guard let address = line.value("-d"), let port = line.value("--dport"), let number = line.value("-p")
                else {
                    return nil
                }
                return
                    "PREROUTING -d \(address) -p \(number) -m \(number) --dport \(port) -j DNAT --to-destination 10.9.9.9:99"
            },
            inserting("a foreign ACCEPT takes an entry", like: "nat", "KUBE-SERVICES", into: "nat") { line in
                line.value("--dport") == nil ? nil : line.value("-d").map { "PREROUTING -d \($0) -j ACCEPT" }
            },
            inserting("a foreign ACCEPT takes the host's", like: "nat", "KUBE-SERVICES", into: "nat") { line in
                line.value("--dport") == nil ? nil : line.value("-d").map { "OUTPUT -d \($0) -j ACCEPT" }
            },
            inserting("a foreign ACCEPT takes the host's from low ports", like: "nat", "KUBE-SERVICES", into: "nat") {
                line in
                guard line.value("--dport") != nil, let address = line.value("-d"), let name = line.value("-p") else {
                    return nil
                }
                return "OUTPUT -d \(address) -p \(name) -m \(name) ! --sport 1024:65535 -j ACCEPT"
            },
            inserting("a foreign RETURN takes an entry", like: "nat", "KUBE-SERVICES", into: "nat") { line in
                line.value("--dport") == nil ? nil : line.value("-d").map { "PREROUTING -d \($0) -j RETURN" }
            },
            inserting("a foreign DNAT behind kube-proxy's", like: "nat", "KUBE-SERVICES", into: "nat", isLast: true) {
                line in
                line.value("--dport") == nil
                    ? nil : line.value("-d").map { "PREROUTING -d \($0) -j DNAT --to-destination 10.9.9.9" }
            },
            inserting("raw drops an entry", like: "nat", "KUBE-SERVICES", into: "raw") { line in
                line.value("--dport") == nil ? nil : line.value("-d").map { "PREROUTING -d \($0) -j DROP" }
            },
            inserting("raw does not track an entry", like: "nat", "KUBE-SERVICES", into: "raw") { line in
                line.value("--dport") == nil ? nil : line.value("-d").map { "PREROUTING -d \($0) -j CT --notrack" }
            },
            inserting("mangle drops an entry", like: "nat", "KUBE-SERVICES", into: "mangle") { line in
                line.value("--dport") == nil ? nil : line.value("-d").map { "PREROUTING -d \($0) -j DROP" }
            },
            inserting("FORWARD drops an endpoint", like: "nat", "KUBE-SEP-", to: "DNAT", into: "filter") { line in
                endpoint(line).map { "FORWARD -d \($0) -j DROP" }
            },
            inserting("FORWARD rejects an endpoint's port", like: "nat", "KUBE-SEP-", to: "DNAT", into: "filter") {
                line in
                guard let address = endpoint(line),
                    let port = line.value("--to-destination")?.split(separator: ":").last,
                    let number = line.value("-p")
                else { return nil }
                return
                    "FORWARD -d \(address) -p \(number) -m \(number) --dport \(port) -j REJECT --reject-with icmp-admin-prohibited"
            },
            inserting(
                "FORWARD drops what one pod sends an endpoint", like: "nat", "KUBE-SEP-", to: "DNAT", into: "filter"
            ) {
                endpoint($0).map { "FORWARD -s 10.244.1.5/32 -d \($0) -j DROP" }
            },
            inserting("OUTPUT drops an endpoint", like: "nat", "KUBE-SEP-", to: "DNAT", into: "filter") { line in
                endpoint(line).map { "OUTPUT -d \($0) -j DROP" }
            },
            inserting("FORWARD drops an original destination", like: "nat", "KUBE-SERVICES", into: "filter") { line in
                line.value("--dport") == nil
                    ? nil : line.value("-d").map { "FORWARD -m conntrack --ctorigdst \($0.dropLast(3)) -j DROP" }
            },
            Damage("mangle's POSTROUTING drops what pods send") { text, _ in
                text.insertFirst("mangle", "POSTROUTING -s 10.244.1.0/24 -o eth0 -j DROP")
                return .chains(["POSTROUTING"])
            },
            Damage("INPUT drops NodePorts") { text, _ in
                text.insertFirst("filter", "INPUT -p tcp -m tcp --dport 30000:32767 -j DROP")
                return .any
            },
            Damage("FORWARD drops what comes in by the uplink") { text, _ in
                text.insertFirst("filter", "FORWARD -i eth0 ! -s 10.0.0.0/8 -j DROP")
                return .chains(["FORWARD"])
            },
            Damage("a BPF program decides about endpoints") { text, random in
                guard let index = pick(text.rules("nat", in: "KUBE-SEP-", to: "DNAT"), &random),
                    let address = endpoint(text.lines[index])
                else { return nil }
                text.insertFirst("filter", "FORWARD -d \(address) -m bpf --object-pinned /sys/fs/bpf/policy -j DROP")
                return .any
            },
            Damage("a foreign chain with a foreign ACCEPT") { text, random in
                guard
                    let index = pick(
                        text.rules("nat", in: "KUBE-SERVICES").filter { text.lines[$0].value("--dport") != nil },
                        &random),
                    let address = text.lines[index].value("-d")
                else { return nil }
                text.declare("SITE", "nat")
                text.append("nat", "SITE -d \(address) -s 10.244.0.0/16 -j ACCEPT")
                text.insertFirst("nat", "PREROUTING -j SITE")
                return .chains(["SITE"])
            },
        ]
    }

    static func endpoint(_ line: SaveText.Line) -> String? {
        line.value("--to-destination")?.split(separator: ":").first.map { "\($0)/32" }
    }

    // MARK: - Refusals

    static var refusals: [Damage] {
        [
            removing("a REJECT is gone", "filter", "KUBE-", to: "REJECT"),
            removing("a DROP is gone", "filter", "KUBE-EXTERNAL-SERVICES", to: "DROP"),
            removing("a firewall's DROP is gone", "filter", "KUBE-PROXY-FIREWALL", to: "DROP"),
            removing("an allowed range is gone", "nat", "KUBE-FW-", to: "KUBE-EXT-"),
            changing("a range is another", "nat", "KUBE-FW-", to: "KUBE-EXT-") { line, _ in
                line.value("-s").map { ($0, "192.0.2.0/24") }
            },
            changing("a REJECT is a DROP", "filter", "KUBE-", to: "REJECT") { _, _ in
                ("-j REJECT --reject-with icmp-port-unreachable", "-j DROP")
            },
            removing("no jump to the refusals", "filter", "FORWARD", to: "KUBE-SERVICES"),
            removing("no jump to external refusals", "filter", "INPUT", to: "KUBE-EXTERNAL-SERVICES"),
            changing("refusals of established connections only", "filter", "FORWARD", to: "KUBE-SERVICES") { _, _ in
                ("--ctstate NEW", "--ctstate ESTABLISHED")
            },
        ]
    }

    // MARK: - Affinity

    static var affinity: [Damage] {
        [
            removing("a client's endpoint is not asked for", "nat", "KUBE-SV", to: "KUBE-SEP-") {
                $0.text.contains("--rcheck")
            },
            changing("a client's endpoint is not remembered", "nat", "KUBE-SEP-", to: "DNAT") { line, _ in
                guard line.text.contains("-m recent --set"), let name = line.value("--name") else { return nil }
                return ("-m recent --set --name \(name) --mask 255.255.255.255 --rsource ", "")
            },
            changing("clients are remembered for another time", "nat", "KUBE-SV", to: "KUBE-SEP-") { line, _ in
                line.text.contains("--rcheck")
                    ? line.value("--seconds").map { ("--seconds \($0)", "--seconds 77") } : nil
            },
            changing("clients are remembered by another list", "nat", "KUBE-SEP-", to: "DNAT") { line, _ in
                line.text.contains("-m recent --set") ? line.value("--name").map { ($0, "OTHER") } : nil
            },
        ]
    }

    // MARK: - What changes nothing

    static var harmless: [Damage] {
        [
            Damage("comments are gone") { text, _ in
                for index in text.lines.indices {
                    guard let start = text.lines[index].text.firstRange(of: " -m comment --comment \"") else {
                        continue
                    }
                    let rest = text.lines[index].text[start.upperBound...]
                    guard let end = rest.firstIndex(of: "\"") else { continue }
                    text.lines[index].text.removeSubrange(start.lowerBound...end)
                }
                return Blame.none
            },
            Damage("chains have other names") { text, _ in
                for index in text.lines.indices {
                    text.lines[index].text = text.lines[index].text.replacing("KUBE-SVC-", with: "X-").replacing(
                        "KUBE-EXT-", with: "Y-")
                }
                return Blame.none
            },
            Damage("entries stand in another order") { text, random in
                let places = text.rules("nat", in: "KUBE-SERVICES").filter { text.lines[$0].value("--dport") != nil }
                let shuffled = places.map { text.lines[$0] }.shuffled(using: &random)
                for (place, line) in zip(places, shuffled) { text.lines[place] = line }
                return Blame.none
            },
            Damage("a chain nothing leads to") { text, random in
                guard let index = pick(text.rules("nat", in: "KUBE-SEP-", to: "DNAT"), &random) else { return nil }
                text.declare("KUBE-SVC-OLD", "nat")
                text.append("nat", "KUBE-SVC-OLD -j \(text.lines[index + 1].chain)")
                return Blame.none
            },
            Damage("logging") { text, _ in
                text.insertFirst("filter", "FORWARD -m limit --limit 5/sec -j LOG --log-prefix fw")
                text.insertFirst("nat", "PREROUTING -j LOG")
                return Blame.none
            },
            Damage("established connections first") { text, _ in
                text.insertFirst("filter", "FORWARD -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT")
                return Blame.none
            },
            Damage("a foreign DNAT of another address") { text, _ in
                text.insertFirst(
                    "nat", "PREROUTING -d 192.0.2.99/32 -p tcp -m tcp --dport 80 -j DNAT --to-destination 172.17.0.2:80"
                )
                return Blame.none
            },
            Damage("a network plugin's masquerade") { text, _ in
                text.append("nat", "POSTROUTING -s 10.244.1.0/24 ! -d 10.244.0.0/16 -j MASQUERADE")
                return Blame.none
            },
            Damage("a rule twice") { text, random in
                let places = text.rules("nat", in: "KUBE-SEP-", to: "KUBE-MARK-MASQ")
                guard let index = pick(places, &random) else { return nil }
                text.lines.insert(text.lines[index], at: index)
                return Blame.none
            },
            Damage("KUBE-FORWARD's ACCEPT is gone where the policy accepts") { text, _ in
                guard let index = text.rules("filter", in: "KUBE-FORWARD", to: "ACCEPT").first else { return nil }
                text.remove(index)
                return Blame.none
            },
        ]
    }
}
