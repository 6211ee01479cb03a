import ClewBundle
import ClewDataplane
package import ClewDiagnostics
import ClewNet
import ClewSnapshot

/// Captures show wrong checksums on devices that leave them to somebody else.
package struct ChecksumIncorrectOffload: Check {
    package static let metadata = CheckMetadata(
        code: "OK002", name: "cksum-incorrect-offload", group: .normal, severity: .notice,
        finds: "Devices whose packets are captured before their checksum is made.",
        matters: "tcpdump prints 'cksum … (incorrect)' for packets that leave by them: that is no fault at the sender.",
        confirm: ["ethtool -k DEVICE | grep tx-checksumming"],
        fix: "Nothing is to be done; look at the receiver's card if in doubt.",
        sources: ["tcpdump(1)", "linux Documentation/networking/checksum-offloads.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let links = (node.host.links ?? []).filter { link in
                link.kind == .veth || link.name.hasPrefix("veth") || link.name.hasPrefix("cali")
                    || node.text("ethtool/\(link.name)-features")?.lines(holding: ["tx-checksumming: on"]).isEmpty
                        == false
            }
            guard let link = links.first else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message:
                    "has \(links.count) device\(links.count == 1 ? "" : "s") on which captures show sent packets with an incorrect checksum",
                evidence: [.computed("\(link.name): a virtual device, or one that makes checksums itself", link.source)]
            )
        }
    }
}

/// docker0 or virbr0 without anybody on it.
package struct UnusedBridgeWithoutCarrier: Check {
    package static let metadata = CheckMetadata(
        code: "OK003", name: "docker0-no-carrier", group: .normal, severity: .notice,
        finds: "A bridge that no container is a port of has no carrier.",
        matters: "'NO-CARRIER … state DOWN' and 'linkdown' say that nobody is plugged in, no more.",
        confirm: ["bridge link | grep docker0"],
        fix: "Nothing is to be done; the bridge may be removed.",
        sources: ["linux net/bridge/br_if.c, br_port_carrier_check()"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            (node.host.links ?? []).compactMap { link in
                guard link.kind == .bridge || link.name.hasPrefix("docker") || link.name.hasPrefix("virbr"),
                    link.hasCarrier == false,
                    !(node.host.links ?? []).contains(where: { $0.bridgeName == link.name })
                else { return nil }
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "has a bridge that nobody uses: \(link.name) has no carrier",
                    evidence: [.computed("\(link.name): NO-CARRIER, no ports", link.source)])
            }
        }
    }
}

/// Calico's blackhole for a block of the node itself.
package struct BlackholeOfOwnBlock: Check {
    package static let metadata = CheckMetadata(
        code: "OK004", name: "blackhole-own-block", group: .normal, severity: .notice,
        finds: "A blackhole route covers a block of addresses that belongs to the node.",
        matters:
            "Pods have longer routes of their own; the rest of the block is to go nowhere, so that nothing goes round.",
        confirm: ["ip route show type blackhole"],
        fix: "Nothing is to be done; on another node it would be RTE029.",
        sources: ["https://docs.tigera.io/calico/latest/reference/faq"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.flatMap { node -> [Finding] in
            let routes = node.host.routes ?? []
            return routes.compactMap { route in
                guard route.type == .blackhole, route.table == .main,
                    routes.contains(where: { own in
                        own.type == .unicast && own.destination.length == own.destination.family.width
                            && own.destination.length > route.destination.length
                            && route.destination.contains(own.destination)
                            && own.nextHops.first?.device?.hasPrefix("cali") == true
                    })
                        || (node.host.links ?? []).contains(where: { link in
                            link.isTunnel && link.addresses.contains { route.destination.contains($0.address.address) }
                        })
                else { return nil }
                return Finding(
                    Self.metadata, on: .node(node.name), .proven,
                    message: "holds the block \(route.destination), and drops what is for nobody in it",
                    evidence: [.line(node: node.name, route.source, text: route.text)])
            }
        }
    }
}

/// kube-ipvs0 is down.
package struct KubeIPVS0Down: Check {
    package static let metadata = CheckMetadata(
        code: "OK009", name: "kube-ipvs0-down", group: .normal, severity: .notice,
        finds: "kube-ipvs0 is down and does not speak ARP, in IPVS mode.",
        matters: "The device only holds the Services' addresses; no packet ever passes it.",
        confirm: ["ip addr show kube-ipvs0"],
        fix: "Nothing is to be done.",
        sources: ["kubernetes pkg/proxy/ipvs/proxier.go, DefaultDummyDevice"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard let link = node.host.link(named: "kube-ipvs0"), !link.isUp || link.hasCarrier != true,
                node.proxyMode == "ipvs" || node.host.virtualServers?.isEmpty == false
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven, message: "has kube-ipvs0 down, as IPVS mode has it",
                evidence: [.computed("kube-ipvs0: \(link.addresses.count) addresses of Services", link.source)])
        }
    }
}

/// All of Calico's devices have one MAC address.
package struct CalicoMACs: Check {
    package static let metadata = CheckMetadata(
        code: "OK010", name: "cali-mac-ee", group: .normal, severity: .notice,
        finds: "Several cali devices have the MAC address ee:ee:ee:ee:ee:ee and no IPv4 address.",
        matters: "Each is a link of its own to one pod, whose gateway 169.254.1.1 is answered for by proxy ARP.",
        confirm: ["ip link | grep -A1 cali"],
        fix: "Nothing is to be done.",
        sources: ["https://docs.tigera.io/calico/latest/reference/faq"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let links = (node.host.links ?? []).filter {
                $0.name.hasPrefix("cali") && $0.mac?.description == "ee:ee:ee:ee:ee:ee"
            }
            guard links.count > 1, let first = links.first else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "has \(links.count) cali devices with one MAC address, as Calico means it",
                evidence: [.computed("\(first.name): ee:ee:ee:ee:ee:ee", first.source)])
        }
    }
}

/// Answers come with an odd TTL across tunnels.
package struct TTLAcrossTunnels: Check {
    package static let metadata = CheckMetadata(
        code: "OK013", name: "ttl-61-across-flannel", group: .normal, severity: .notice,
        finds: "Pods' packets are routed on the way to other nodes: each node takes one from the TTL.",
        matters: "ping shows ttl=61, 62 or 63 for pods of other nodes: nobody else is on the way.",
        confirm: ["ping POD-ADDRESS"],
        fix: "Nothing is to be done; lower values than these mean another router.",
        sources: ["RFC 1812, 5.3.1"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            guard
                let route = node.host.routes?.first(where: { route in
                    route.type == .unicast && route.table == .main && route.destination.length > 0
                        && route.nextHops.contains { $0.device.flatMap { node.host.link(named: $0) }?.isTunnel == true }
                })
            else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "routes pods' packets into a tunnel: answers of other nodes' pods come with a TTL of 61 to 63",
                evidence: [.line(node: node.name, route.source, text: route.text)])
        }
    }
}

/// Tunnels are in state UNKNOWN.
package struct TunnelStateUnknown: Check {
    package static let metadata = CheckMetadata(
        code: "OK014", name: "tun-vxlan-state-unknown", group: .normal, severity: .notice,
        finds: "Tunnel devices that are up print 'state UNKNOWN'.",
        matters: "They have no carrier to tell of: UP and LOWER_UP are what counts.",
        confirm: ["ip -d link show type vxlan", "ip -d link show type ipip"],
        fix: "Nothing is to be done.",
        sources: ["linux Documentation/networking/operstates.rst"])

    package init() {}

    package func findings(in context: CheckContext) -> [Finding] {
        context.clusterNodes.compactMap { node in
            let tunnels = (node.host.links ?? []).filter { $0.isTunnel && $0.isUp }
            guard let first = tunnels.first else { return nil }
            return Finding(
                Self.metadata, on: .node(node.name), .proven,
                message: "has \(tunnels.map(\.name).joined(separator: ", ")) up, in state UNKNOWN as tunnels are",
                evidence: [.computed("\(first.name): UP", first.source)])
        }
    }
}
