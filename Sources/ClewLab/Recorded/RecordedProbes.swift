import ClewNet
import ClewSnapshot

/// Packets to every Service port of a recorded node, from each kind of sender.
struct RecordedProbes {
    let node: RecordedNode
    let ground: LabGround

    private var family: AddressFamily { ground.family }

    /// Who sends: pods of the node, its own processes, pods of other nodes, and two hosts outside the cluster.
    private var senders: [(entry: ProbeEntry, address: IPAddress)] {
        var result: [(entry: ProbeEntry, address: IPAddress)] = []
        for peer in ground.peers {
            if let own = ground.addresses(ofPod: peer.name).first { result.append((.pod(peer.name), own)) }
        }
        if let own = ownAddress { result.append((.process, own)) }
        guard let wire = outside else { return result }
        for address in strangers { result.append((.wire(wire), address)) }
        return result
    }

    private var ownAddress: IPAddress? {
        let objects = node.snapshot.objects.nodes.first { $0.name == node.name }?.internalIPs ?? []
        return objects.first { $0.family == family && node.owns($0) }
            ?? outside.flatMap {
                node.host.link(named: $0)?.addresses.first {
                    $0.address.family == family && !$0.address.address.isLinkLocal
                }?.address.address
            }
    }

    /// The device of the default route.
    private var outside: String? {
        node.host.routes?.first { $0.destination == .all(family) && $0.type == .unicast }?.nextHops.first?.device
    }

    private var strangers: [IPAddress] {
        let texts = family == .ipv4 ? ["203.0.113.50", "198.51.100.7"] : ["2001:db8:203::50", "2001:db8:198::7"]
        var result = texts.compactMap { IPAddress($0) }
        let others = node.snapshot.objects.nodes.filter { $0.name != node.name }.flatMap(\.podCIDRs)
        let remote = others.first { $0.family == family }.map { prefix -> IPAddress in
            let last = family == .ipv4 ? IPAddress(v4: 0, 0, 0, 200) : IPAddress(v6High: 0, low: 0xC8)
            return prefix.network.address | last
        }
        if let remote { result.append(remote) }
        return result
    }

    /// At most that many, evenly from all there are.
    func all(most: Int) -> [Probe] {
        var result: [Probe] = []
        var port: UInt16 = 33000
        for (destination, number, ipProtocol) in destinations {
            for sender in senders where !destination.isLoopback || sender.entry == .process {
                let source = destination.isLoopback ? destination : sender.address
                guard source != destination || sender.entry == .process else { continue }
                var probe = Probe(sender.entry, from: source, to: destination, ipProtocol)
                port = port >= 60000 ? 33000 : port + 1
                (probe.sourcePort, probe.destinationPort) = (port, number)
                if ipProtocol == .tcp { probe.tcpFlags = Probe.syn }
                result.append(probe)
            }
        }
        guard result.count > most, most > 0 else { return result }
        return (0..<most).map { result[$0 * result.count / most] }
    }

    private var destinations: [(IPAddress, UInt16, IPProtocol)] {
        var result: [(IPAddress, UInt16, IPProtocol)] = []
        for service in node.snapshot.objects.services {
            let addresses =
                service.clusterIPs + service.externalIPs + service.loadBalancerIngress.compactMap(\.address)
            for port in service.ports {
                for address in addresses where address.family == family {
                    result.append((address, port.port, port.ipProtocol))
                }
                guard let nodePort = port.nodePort, let own = ownAddress else { continue }
                result.append((own, nodePort, port.ipProtocol))
                if family == .ipv4 { result.append((IPAddress(v4: 127, 0, 0, 1), nodePort, port.ipProtocol)) }
            }
        }
        return result
    }
}
