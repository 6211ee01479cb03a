import ClewIntent
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

/// kube-proxy's parameters as found out, against those it was started with.
@Suite struct InferredParametersTests {
    @Test func parametersAreFoundWithAndWithoutConfiguration() throws {
        var count = 0
        for node in RecordedNode.all(for: "parameters", .small) {
            guard var collected = node.snapshot.nodes.first else { continue }
            let told = InferredParameters(of: collected, in: node.snapshot.objects)
            Self.compare(told, node, "told")
            collected.proxyConfiguration = nil
            collected.proxyMode = nil
            let guessed = InferredParameters(of: collected, in: node.snapshot.objects)
            Self.compare(guessed, node, "from rules")
            let names = guessed.findings.filter { $0.origin == .configuration }.map(\.name)
            #expect(names.count == 0, "\(names)")
            count += 2
        }
        print("parameters: \(count) sets inferred")
        #expect(count > 0 || SharedData.root == nil)
    }

    private static func compare(_ inferred: InferredParameters, _ node: RecordedNode, _ how: String) {
        let (own, real) = (inferred.parameters, node.parameters)
        let name = "\(node.name) \(how)"
        #expect(own.nodeName == real.nodeName, "\(name)")
        #expect(own.zone == real.zone, "\(name)")
        #expect(own.mode == real.mode, "\(name)")
        #expect(own.masqueradeAll == real.masqueradeAll, "\(name)")
        #expect(own.masqueradeBit == real.masqueradeBit, "\(name)")
        // In nftables mode NodePorts are taken by the node's own address only (`primary`).
        let primary = real.mode == .nftables ? real.nodeAddresses.map { IPPrefix(host: $0) }.sorted() : []
        let isPrimary = own.nodePortAddresses.sorted() == primary
        #expect(isPrimary || own.nodePortAddresses == real.nodePortAddresses, "\(name)")
        #expect(own.localhostNodePorts == real.localhostNodePorts, "\(name)")
        #expect(own.conntrackIsLiberal == real.conntrackIsLiberal, "\(name)")
        // Everything is masqueraded, so no rule tells what would be a pod.
        if !real.masqueradeAll || how == "told" {
            #expect(known(own.localDetection, node) == known(real.localDetection, node), "\(name)")
        }
        // Rules tell 1.23 from later versions; kubelet's version, which is the Node's word, was always 1.36.
        #expect(own.version.hasExternalChains == real.version.hasExternalChains || real.mode == .nftables, "\(name)")
    }

    /// Only families that have Services leave a trace in rules.
    private static func known(_ detection: LocalTrafficDetection, _ node: RecordedNode) -> LocalTrafficDetection {
        guard case .sources(let prefixes) = detection else { return detection }
        return .sources(prefixes.sorted())
    }

    /// `--nodeport-addresses` with IPv4 networks only, until 1.26: IPv6 NodePorts stay at every address.
    @Test func nodePortAddressesAreOfEachFamily() throws {
        func rules(_ jump: String) -> String {
            """
            *nat
            :KUBE-NODEPORTS - [0:0]
            :KUBE-SERVICES - [0:0]
            -A KUBE-SERVICES \(jump) -j KUBE-NODEPORTS
            COMMIT

            """
        }
        func inferred(_ v4: String, _ v6: String) throws -> [String] {
            var text = TextBundle()
            text.addNode("worker-1", number: 1)
            text["nodes/worker-1/iptables-save.txt"] = rules(v4)
            text["nodes/worker-1/ip6tables-save.txt"] = rules(v6)
            let snapshot = ClusterSnapshot(parsing: text.bundle, nodeName: nil)
            let node = try #require(snapshot.nodes.first)
            return InferredParameters(of: node, in: snapshot.objects).parameters.nodePortAddresses.map(\.description)
        }
        let every = "-m addrtype --dst-type LOCAL"
        #expect(try inferred(every, every) == [])
        #expect(try inferred("-d 192.168.50.11/32", every) == ["192.168.50.11/32", "::/0"])
        #expect(try inferred("-d 192.168.50.11/32", "-d fd00::11/128") == ["192.168.50.11/32", "fd00::11/128"])
    }

    @Test func whatIsGivenGoesFirst() throws {
        for node in RecordedNode.all(for: "overrides", .small).prefix(1) {
            let collected = try #require(node.snapshot.nodes.first)
            var overrides = ParameterOverrides()
            overrides.mode = .ipvs
            overrides.version = .v1_23
            overrides.masqueradeBit = 3
            overrides.localDetection = .bridge("cni0")
            let inferred = InferredParameters(of: collected, in: node.snapshot.objects, overrides: overrides)
            #expect(inferred.parameters.mode == .ipvs)
            #expect(inferred.parameters.version == .v1_23)
            #expect(inferred.parameters.masqueradeMark.rawValue == 8)
            #expect(inferred.parameters.localDetection == .bridge("cni0"))
            #expect(inferred.findings.filter { $0.origin == .given }.count == 4)
        }
    }
}
