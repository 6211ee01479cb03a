import ClewIntent
import ClewKubeProxy
import ClewNet
import ClewSnapshot
import Glibc

/// Puts kube-proxy's and the network's rules into a node.
struct NodeRules {
    let lab: Lab
    let node: LabNode

    func apply() throws(SystemError) {
        let backend = lab.plan.backend
        let sets = lab.network.sets(for: node.plan, lab.plan)
        if !sets.isEmpty {
            try node.namespace.run("ipset", "restore", input: sets.joined(separator: "\n") + "\n")
        }
        switch lab.network.proxyMode {
        case .iptables:
            try node.namespace.perform { () throws(SystemError) in
                // kube-proxy makes these counters before it names them in rules.
                try AccountingObjects.create(["ct_state_invalid_dropped_pkts", "localhost_nps_accepted_pkts"])
            }
        case .ipvs: try IPVSNode(lab: lab, node: node).apply()
        }
        for family in lab.plan.families {
            var texts = [lab.network.rules(for: node.plan, lab.plan, family)]
            if lab.network.proxyMode == .iptables {
                texts.insert(Self.kubeProxy(node.plan, lab.plan, family), at: 0)
            }
            for text in texts where !text.isEmpty {
                try node.namespace.run(
                    backend.tool(family, "restore"), "--noflush", input: text.joined(separator: "\n") + "\n")
            }
        }
    }

    /// What kube-proxy 1.36 in iptables mode writes on a node, for `iptables-restore --noflush`.
    static func kubeProxy(_ node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> [String] {
        let objects = ClusterObjects.parsed(plan, services: plan.staleServices[node.name])
        let parameters = parameters(node, plan, family)
        let intents = ServiceIntents.all(in: objects, family: family, for: parameters)
        let rules = IptablesRules(intents, for: parameters, family: family)
        return ["*mangle", ":KUBE-PROXY-CANARY - [0:0]", "COMMIT"]
            + table("filter", filterJumps, rules.filter) + table("nat", natJumps, rules.nat)
    }

    /// What kube-proxy on a node works with.
    static func parameters(_ node: NodePlan, _ plan: ClusterPlan, _ family: AddressFamily) -> ProxyParameters {
        let ranges = plan.kubeProxyClusterCIDRs.filter { $0.family == family }
        var parameters = ProxyParameters(
            nodeName: node.name, nodeAddresses: node.addresses,
            localDetection: ranges.isEmpty ? .none : .sources(ranges))
        parameters.masqueradeAll = plan.masqueradeAll
        return parameters
    }

    private static func table(_ name: String, _ jumps: [Jump], _ chains: [String: [String]]) -> [String] {
        let names = chains.keys.sorted()
        var places: [String: Int] = [:]
        // kube-proxy puts its jumps before what is there.
        let inserted = jumps.map { jump in
            places[jump.chain, default: 0] += 1
            return "-I \(jump.chain) \(places[jump.chain] ?? 1) \(jump.rule)"
        }
        return ["*\(name)", ":KUBE-PROXY-CANARY - [0:0]"] + names.map { ":\($0) - [0:0]" } + inserted
            + names.flatMap { chain in (chains[chain] ?? []).map { "-A \(chain) \($0)" } } + ["COMMIT"]
    }

    private struct Jump {
        var chain: String
        var rule: String
    }

    private static func jump(_ from: String, _ match: String, _ comment: String, _ to: String) -> Jump {
        Jump(chain: from, rule: "\(match)-m comment --comment \"\(comment)\" -j \(to)")
    }

    /// The jumps of the built-in chains (`iptablesJumpChains`), in the order a fresh node has them.
    private static let filterJumps: [Jump] = {
        let new = "-m conntrack --ctstate NEW "
        let firewall = "kubernetes load balancer firewall"
        let visible = "kubernetes externally-visible service portals"
        return [
            Jump(chain: "INPUT", rule: "-j KUBE-FIREWALL"), jump("INPUT", new, firewall, "KUBE-PROXY-FIREWALL"),
            jump("INPUT", "", "kubernetes health check service ports", "KUBE-NODEPORTS"),
            jump("INPUT", new, visible, "KUBE-EXTERNAL-SERVICES"),
            jump("FORWARD", new, firewall, "KUBE-PROXY-FIREWALL"),
            jump("FORWARD", "", "kubernetes forwarding rules", "KUBE-FORWARD"),
            jump("FORWARD", new, "kubernetes service portals", "KUBE-SERVICES"),
            jump("FORWARD", new, visible, "KUBE-EXTERNAL-SERVICES"), Jump(chain: "OUTPUT", rule: "-j KUBE-FIREWALL"),
            jump("OUTPUT", new, firewall, "KUBE-PROXY-FIREWALL"),
            jump("OUTPUT", new, "kubernetes service portals", "KUBE-SERVICES"),
        ]
    }()

    private static let natJumps = [
        jump("PREROUTING", "", "kubernetes service portals", "KUBE-SERVICES"),
        jump("OUTPUT", "", "kubernetes service portals", "KUBE-SERVICES"),
        jump("POSTROUTING", "", "kubernetes postrouting rules", "KUBE-POSTROUTING"),
    ]
}

/// Counters of `-m nfacct`, made over nfnetlink, since the `nfacct` tool is rarely installed.
enum AccountingObjects {
    private static let subsystem: UInt16 = 7  // NFNL_SUBSYS_ACCT
    private static let nameAttribute: UInt16 = 1  // NFACCT_NAME

    /// Makes them in the calling thread's namespace; what is there already stays.
    static func create(_ names: [String]) throws(SystemError) {
        let socket = try Socket(AF_NETLINK, CInt(SOCK_RAW.rawValue), 12)
        for (index, name) in names.enumerated() {
            let text = Array(name.utf8) + [0]
            var message: [UInt8] = []
            func append(_ value: UInt16) { withUnsafeBytes(of: value) { message += $0 } }
            func append32(_ value: UInt32) { withUnsafeBytes(of: value) { message += $0 } }
            let padded = (text.count + 3) / 4 * 4
            append32(UInt32(16 + 4 + 4 + padded))
            append(subsystem << 8)  // NFNL_MSG_ACCT_NEW
            append(0x605)  // NLM_F_REQUEST | NLM_F_ACK | NLM_F_EXCL | NLM_F_CREATE
            append32(UInt32(index + 1))
            append32(0)
            message += [0, 0, 0, 0]
            append(UInt16(4 + text.count))
            append(nameAttribute)
            message += text + [UInt8](repeating: 0, count: padded - text.count)
            guard send(socket.descriptor, message, message.count, 0) == message.count else {
                throw .last("nfnetlink")
            }
            try acknowledge(socket.descriptor, name)
        }
    }

    private static func acknowledge(_ descriptor: CInt, _ name: String) throws(SystemError) {
        var set = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        guard poll(&set, 1, 2000) == 1 else { throw .unusable("nfnetlink gave no answer for \(name)") }
        var answer = [UInt8](repeating: 0, count: 4096)
        let count = recv(descriptor, &answer, answer.count, 0)
        guard count >= 20 else { throw .last("nfnetlink") }
        let code = answer.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 16, as: Int32.self) }
        guard code == 0 || -code == EEXIST else { throw .call("nfacct object \(name)", errno: -code) }
    }
}
