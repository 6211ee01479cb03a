package import ClewBundle
import ClewNet
import ClewParsers
package import ClewSnapshot

extension ClusterSnapshot {
    /// The snapshot with all edits made, one after the other.
    package func applying(_ edits: [SnapshotEdit]) throws(EditError) -> ClusterSnapshot {
        var result = self
        for edit in edits { try result.apply(edit) }
        return result
    }

    /// Makes one edit.
    ///
    /// Values it sets have no line: nothing was read that says so.
    package mutating func apply(_ edit: SnapshotEdit) throws(EditError) {
        switch edit {
        case .setSysctl(let place, let key, let value):
            try change(place) { state in state.write(value, to: key) }
        case .setPolicy(let table, let chain, let accepts):
            try changeRules(table, chain) { text throws(EditError) in try text.setPolicy(of: chain, accepts: accepts) }
        case .insertRule(let table, let chain, let position, let rule):
            try changeRules(table, chain) { text throws(EditError) in
                try text.insert(rule, into: chain, before: position)
            }
        case .appendRule(let table, let chain, let rule):
            try changeRules(table, chain) { text throws(EditError) in try text.append(rule, to: chain) }
        case .deleteRule(let node, let line): try deleteRule(node, line)
        case .setHairpin, .setMTU, .setLinkUp, .setMaster, .addAddress, .deleteAddress: try applyToLink(edit)
        case .addRoute, .deleteRoute, .setNeighbor, .deleteNeighbor: try applyToRouting(edit)
        case .addRoutingRule, .deleteRoutingRule: try applyToRules(edit)
        case .setForwardingEntry, .deleteForwardingEntry, .deleteConnections, .deleteConnection, .addSetEntry,
            .addListener:
            try applyToEntries(edit)
        case .setRealServer, .deleteRealServer, .deleteVirtualServer: try applyToServers(edit)
        case .rewriteProxyRules(let node, let parameters): try rewriteProxyRules(of: node, parameters)
        case .removeProxyRules(let node, let backend): try removeProxyRules(of: node, backend)
        case .replaceService, .replaceEndpointSlices: try applyToObjects(edit)
        }
    }

    func index(ofNode name: String) throws(EditError) -> Int {
        guard let index = nodes.firstIndex(where: { $0.name == name }) else {
            throw EditError("node \(name) was not collected")
        }
        return index
    }

    /// Changes one namespace's state.
    mutating func change(
        _ place: EditPlace, _ body: (inout NamespaceSnapshot) throws(EditError) -> Void
    ) throws(EditError) {
        let node = try index(ofNode: place.node)
        switch place {
        case .host: try body(&nodes[node].host)
        case .pod(_, let name):
            guard let pod = nodes[node].pods.firstIndex(where: { $0.pod == name }) else {
                throw EditError("the namespace of pod \(name) was not collected")
            }
            try body(&nodes[node].pods[pod].state)
        }
    }

    private mutating func applyToLink(_ edit: SnapshotEdit) throws(EditError) {
        switch edit {
        case .setHairpin(let node, let port, let isOn):
            try change(.host(node: node)) { state throws(EditError) in
                let link = try state.linkIndex(port)
                guard state.links?[link].port != nil else { throw EditError("\(port) on \(node) is no bridge port") }
                state.links?[link].port?.hairpin = isOn
            }
        case .setMTU(let place, let name, let mtu):
            try change(place) { state throws(EditError) in
                let link = try state.linkIndex(name)
                state.links?[link].mtu = mtu
            }
        case .setLinkUp(let place, let name, let isUp):
            try change(place) { state throws(EditError) in try state.setLink(name, isUp: isUp) }
        case .setMaster(let node, let name, let bridge):
            try change(.host(node: node)) { state throws(EditError) in
                let link = try state.linkIndex(name)
                _ = try state.linkIndex(bridge)
                state.links?[link].master = bridge
                var port = BridgePort(bridge: bridge, source: .edited)
                port.state = "forwarding"
                port.hairpin = false
                port.isolated = false
                state.links?[link].port = port
            }
        case .addAddress(let place, let name, let address):
            try change(place) { state throws(EditError) in try state.addAddress(address, to: name) }
        case .deleteAddress(let place, let name, let address):
            try change(place) { state throws(EditError) in try state.deleteAddress(address, of: name) }
        default: return
        }
    }

    private mutating func applyToRouting(_ edit: SnapshotEdit) throws(EditError) {
        switch edit {
        case .addRoute(let place, let family, let text):
            let parsed = IpRouteParser.parse(Array(text.utf8), artifact: SourceLine.edited.artifact, family: family)
            guard let route = parsed.values.first, parsed.unread.isEmpty else {
                throw EditError("'\(text)' is not a route: \(parsed.unread.first?.reason ?? "nothing in it")")
            }
            try change(place) { state in
                var routes = state.routes ?? []
                routes.removeAll {
                    $0.destination == route.destination && $0.table == route.table && $0.metric == route.metric
                }
                state.routes = routes + [route]
                state.routedFamilies.insert(family)
            }
        case .deleteRoute(let place, let route):
            try change(place) { state throws(EditError) in
                guard let index = state.routes?.firstIndex(of: route) else {
                    throw EditError("there is no route '\(route.text)'")
                }
                state.routes?.remove(at: index)
            }
        case .setNeighbor(let place, let neighbor):
            try change(place) { state in
                state.neighbors?.removeAll { $0.address == neighbor.address && $0.device == neighbor.device }
                state.neighbors = (state.neighbors ?? []) + [neighbor]
            }
        case .deleteNeighbor(let place, let address, let device):
            try change(place) { state in
                state.neighbors?.removeAll { $0.address == address && $0.device == device }
            }
        default: return
        }
    }

    private mutating func applyToRules(_ edit: SnapshotEdit) throws(EditError) {
        switch edit {
        case .addRoutingRule(let place, let family, let text):
            let parsed = IpRuleParser.parse(Array(text.utf8), artifact: SourceLine.edited.artifact, family: family)
            guard let rule = parsed.values.first, parsed.unread.isEmpty else {
                throw EditError("'\(text)' is not a policy rule: \(parsed.unread.first?.reason ?? "nothing in it")")
            }
            try change(place) { state in
                state.routingRules.append(rule)
                state.routingRules.sort { $0.priority < $1.priority }
            }
        case .deleteRoutingRule(let place, let rule):
            try change(place) { state throws(EditError) in
                guard let index = state.routingRules.firstIndex(of: rule) else {
                    throw EditError("there is no policy rule '\(rule.text)'")
                }
                state.routingRules.remove(at: index)
            }
        default: return
        }
    }

    private mutating func applyToEntries(_ edit: SnapshotEdit) throws(EditError) {
        switch edit {
        case .setForwardingEntry(let node, let entry):
            try change(.host(node: node)) { state in
                state.forwardingEntries?.removeAll {
                    $0.mac == entry.mac && $0.device == entry.device && $0.isSelf == entry.isSelf
                }
                state.forwardingEntries = (state.forwardingEntries ?? []) + [entry]
            }
        case .deleteForwardingEntry(let node, let mac, let device, let remote):
            try change(.host(node: node)) { state in
                state.forwardingEntries?.removeAll {
                    $0.mac == mac && $0.device == device && (remote == nil || $0.remote == remote)
                }
            }
        case .deleteConnections(let node, let address, let ipProtocol, let port):
            try change(.host(node: node)) { state in
                state.conntrack?.removeAll {
                    $0.original.destination == address && $0.original.ipProtocol == ipProtocol
                        && $0.original.destinationPort == port
                }
            }
        case .deleteConnection(let node, let entry):
            try change(.host(node: node)) { state in state.conntrack?.removeAll { $0 == entry } }
        case .addListener(let place, let socket):
            try change(place) { state throws(EditError) in
                guard state.sockets != nil else { throw EditError("the sockets of \(place.node) were not collected") }
                state.sockets?.append(socket)
            }
        case .addSetEntry(let node, let name, let address):
            try change(.host(node: node)) { state throws(EditError) in
                guard let index = state.ipSets?.firstIndex(where: { $0.name == name }),
                    ["hash:ip", "hash:net"].contains(state.ipSets?[index].type)
                else { throw EditError("there is no set \(name) of addresses on \(node)") }
                state.ipSets?[index].entries.append(
                    IPSetEntry(parts: [.addresses(AddressRange(address, address))], source: .edited))
            }
        default: return
        }
    }

    private mutating func applyToObjects(_ edit: SnapshotEdit) throws(EditError) {
        switch edit {
        case .replaceService(let service):
            guard let index = objects.services.firstIndex(where: { $0.name == service.name }) else {
                throw EditError("there is no Service \(service.name)")
            }
            objects.services[index] = service
        case .replaceEndpointSlices(let name, let slices):
            objects.endpointSlices.removeAll { $0.name.namespace == name.namespace && $0.serviceName == name.name }
            objects.endpointSlices = (objects.endpointSlices + slices).sorted { $0.name < $1.name }
        default: return
        }
    }
}

// MARK: - Rules

extension ClusterSnapshot {
    private mutating func deleteRule(_ node: String, _ line: SourceLine) throws(EditError) {
        let number = try index(ofNode: node)
        guard let index = nodes[number].host.ruleSets.firstIndex(where: { $0.artifact == line.artifact }) else {
            throw EditError("\(describe(line)) is not a rule of \(node)")
        }
        let ruleSet = nodes[number].host.ruleSets[index]
        guard ruleSet.rules.contains(where: { $0.line == line.line }) else {
            throw EditError("\(describe(line)) is not a rule")
        }
        var text = try EditedRuleText(ruleSet)
        try text.deleteLine(line.line)
        nodes[number].host.ruleSets[index] = try text.parsed()
    }

    /// Declares a table with its base chains, as iptables does with the first rule of one that is not there.
    private mutating func addTable(_ place: EditedTable, _ chain: String, to number: Int) {
        guard let chains = EditedRuleText.baseChains[place.table], chains.contains(chain),
            let backend = place.backend,
            let index = nodes[number].host.ruleSets.firstIndex(where: {
                $0.backend == backend && $0.tables.first?.family == place.family
            })
        else { return }
        let ruleSet = nodes[number].host.ruleSets[index]
        guard !ruleSet.tables.contains(where: { $0.name == place.table }) else { return }
        let lines = ["*\(place.table)"] + chains.map { ":\($0) ACCEPT [0:0]" } + ["COMMIT"]
        nodes[number].host.ruleSets[index] = EditedRuleText.joined(ruleSet, lines)
    }

    /// Changes the text of the rule set that holds a chain, and reads it again.
    private mutating func changeRules(
        _ place: EditedTable, _ chain: String, _ body: (inout EditedRuleText) throws(EditError) -> Void
    ) throws(EditError) {
        let number = try index(ofNode: place.node)
        addTable(place, chain, to: number)
        let ruleSets = nodes[number].host.ruleSets
        let found = ruleSets.firstIndex { ruleSet in
            (place.backend == nil || ruleSet.backend == place.backend)
                && ruleSet.tables.indices.contains { index in
                    ruleSet.tables[index].name == place.table && ruleSet.tables[index].family == place.family
                        && ruleSet.chain(named: chain, in: TableID(rawValue: UInt16(index))) != nil
                }
        }
        guard let found else {
            throw EditError("\(place.node) has no chain \(chain) in table \(place.table)")
        }
        var text = try EditedRuleText(ruleSets[found], table: place.table)
        try body(&text)
        nodes[number].host.ruleSets[found] = try text.parsed()
    }
}

extension NamespaceSnapshot {
    /// Sets a kernel parameter, and those that the kernel sets with it: forwarding for all devices is forwarding of each
    /// (`inet_forward_change` in `net/ipv4/devinet.c`, `addrconf_fixup_forwarding` in `net/ipv6/addrconf.c`).
    fileprivate mutating func write(_ value: String, to key: String) {
        let sysctl = Sysctl(value, source: .edited)
        sysctls[key] = sysctl
        let family: String
        switch key {
        case "net.ipv4.ip_forward", "net.ipv4.conf.all.forwarding": family = "ipv4"
        case "net.ipv6.conf.all.forwarding": family = "ipv6"
        default: return
        }
        if family == "ipv4" { sysctls["net.ipv4.ip_forward"] = sysctl }
        for other in sysctls.keys where other.hasPrefix("net.\(family).conf.") && other.hasSuffix(".forwarding") {
            sysctls[other] = sysctl
        }
    }
}

extension SourceLine {
    /// Of what an edit has set: no artifact says it.
    package static var edited: SourceLine { SourceLine(ArtifactID(rawValue: .max), line: 0) }

    package var isEdited: Bool { artifact.rawValue == .max }
}
