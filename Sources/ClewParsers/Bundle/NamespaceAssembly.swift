import ClewBundle
import ClewNet
import ClewSnapshot

/// Reads the files of one network namespace into its state.
struct NamespaceAssembly {
    var state = NamespaceSnapshot()
    private(set) var pod: NamespacedName?
    /// As the kube-proxy on the node says: `/proxyMode`, else the configuration.
    var proxyMode: String? { saidMode ?? proxyConfiguration?.mode }
    /// Of `/configz`, which is what is in force, else of its file.
    var proxyConfiguration: KubeProxyConfiguration? { liveConfiguration ?? fileConfiguration }
    private var saidMode: String?
    private var liveConfiguration: KubeProxyConfiguration?
    private var fileConfiguration: KubeProxyConfiguration?
    var log = ReadLog()

    let source: ArtifactSource
    private(set) var ruleDumps = RuleDumps()
    private var links: [Link]?
    private var addresses: [Link]?
    private var ports: [NamedBridgePort] = []
    private var routes: [Route]?
    /// Paths of rule dumps that are not known since their commands failed.
    var lostDumps: [String] = []

    init(_ files: BundleLayout.Files, from source: ArtifactSource) {
        self.source = source
        for (format, candidates) in Self.byFormat(files.files, source) { read(format, candidates) }
        finish()
        noteLostRules(files)
    }

    /// Files of one format, the one to be read first: JSON before text, and what was added later before the earlier.
    private static func byFormat(
        _ files: [BundleLayout.File], _ source: ArtifactSource
    ) -> [(format: ArtifactFormat, files: [BundleLayout.File])] {
        var order: [ArtifactFormat] = []
        var groups: [ArtifactFormat: [BundleLayout.File]] = [:]
        for file in files.sorted(by: { $0.id < $1.id }) {
            if groups[file.format] == nil { order.append(file.format) }
            groups[file.format, default: []].append(file)
        }
        return order.map { format in
            let ranked = (groups[format] ?? []).sorted { a, b in
                if a.copyNumber != b.copyNumber { return a.copyNumber > b.copyNumber }
                let (first, second) = (source.isJSON(a.id), source.isJSON(b.id))
                return first == second ? a.id < b.id : first
            }
            return (format, ranked)
        }
    }

    /// Reads the first file that has content and of which anything can be read.
    private mutating func read(_ format: ArtifactFormat, _ files: [BundleLayout.File]) {
        var chosen: ArtifactID?
        for (position, file) in files.enumerated() {
            if source.isEmpty(file.id) {
                readEmpty(format, file.id)
            } else if let chosen {
                log.keep(file.id, "\(format.title); \(source.fileName(chosen)) is read instead")
            } else if readFile(format, file.id, isLast: position == files.count - 1) {
                chosen = file.id
            }
        }
    }

    /// An empty file is 'not collected', but for commands that print nothing when there is nothing, and are known to
    /// have ended well.
    private mutating func readEmpty(_ format: ArtifactFormat, _ id: ArtifactID) {
        log.note(id, format.title, .empty, lines: 0, unread: [])
        guard source.origin(id)?.exitCode == 0 else { return }
        switch format.kind {
        case .trafficControl, .bpf: state.lookedForBPF = true
        case .ebtables: state.lookedForEbtables = true
        case .xfrm: state.lookedForXfrm = true
        default: break
        }
    }

    /// Reads a file into the state.
    ///
    /// False, with nothing changed, if nothing of it was understood and another is there.
    private mutating func readFile(_ format: ArtifactFormat, _ id: ArtifactID, isLast: Bool) -> Bool {
        switch format.kind {
        case .iptables, .nft: return readRules(format, id, isLast: isLast)
        case .addresses, .links, .routes, .rules, .neighbors, .bridgeLinks, .bridgeEntries:
            readNetwork(format, id)
        case .sysctls, .connections, .sockets, .recentList, .ipset, .ipvsadmSave, .ipvsadmList:
            readKernelState(format, id)
        case .trafficControl, .bpf, .ebtables, .xfrm: readDataPaths(format, id)
        case .proxyConfiguration, .proxyConfigz, .proxyMode, .pod: readWord(format, id)
        }
        return true
    }
}

// MARK: - Formats

extension NamespaceAssembly {
    private mutating func readRules(_ format: ArtifactFormat, _ id: ArtifactID, isLast: Bool) -> Bool {
        let parsed =
            format.kind == .nft
            ? NftParser.parse(source.bytes(id), artifact: id)
            : IptablesSaveParser.parse(
                source.bytes(id), artifact: id, family: format.family ?? .ipv4, backend: format.backend)
        if parsed.ruleSet.tables.isEmpty, !parsed.unread.isEmpty, !isLast {
            log.note(id, source.title(format, id), .kept, lines: parsed.lines, unread: parsed.unread)
            return false
        }
        ruleDumps.add(parsed.ruleSet, format)
        noteRead(format, id, lines: parsed.lines, unread: parsed.unread)
        return true
    }

    private mutating func readNetwork(_ format: ArtifactFormat, _ id: ArtifactID) {
        let bytes = source.bytes(id)
        switch format.kind {
        case .addresses: addresses = note(IpLinkParser.parse(bytes, artifact: id), format, id)
        case .links: links = note(IpLinkParser.parse(bytes, artifact: id), format, id)
        case .routes:
            let read = note(IpRouteParser.parse(bytes, artifact: id, family: format.family), format, id)
            routes = (routes ?? []) + read
            state.routedFamilies.insert(format.family ?? .ipv4)
            state.routedFamilies.formUnion(read.map(\.destination.family))
        case .rules:
            let read = note(IpRuleParser.parse(bytes, artifact: id, family: format.family), format, id)
            state.ruleFamilies.insert(format.family ?? .ipv4)
            state.ruleFamilies.formUnion(read.map(\.family))
            state.routingRules += read
        case .neighbors:
            state.neighbors = (state.neighbors ?? []) + note(IpNeighParser.parse(bytes, artifact: id), format, id)
        case .bridgeLinks: ports += note(BridgeLinkParser.parse(bytes, artifact: id), format, id)
        case .bridgeEntries: state.forwardingEntries = note(BridgeFdbParser.parse(bytes, artifact: id), format, id)
        default: break
        }
    }

    private mutating func readKernelState(_ format: ArtifactFormat, _ id: ArtifactID) {
        let bytes = source.bytes(id)
        switch format.kind {
        case .sysctls:
            state.sysctls.merge(note(SysctlParser.parse(bytes, artifact: id), format, id)) { _, new in new }
        case .connections: state.conntrack = note(ConntrackParser.parse(bytes, artifact: id), format, id)
        case .sockets:
            let read = note(SocketParser.parse(bytes, artifact: id), format, id)
            state.sockets = (state.sockets ?? []) + read.sockets
            let asked = source.origin(id).map(SocketCommand.protocols) ?? []
            state.socketProtocols.formUnion(read.protocols.union(asked).subtracting(read.incomplete))
        case .recentList:
            let entries = note(XtRecentParser.parse(bytes, artifact: id), format, id)
            state.recent[format.listName ?? "", default: []] += entries
        case .ipset: state.ipSets = (state.ipSets ?? []) + note(IpsetParser.parse(bytes, artifact: id), format, id)
        case .ipvsadmSave, .ipvsadmList:
            // Both tell the same: the first that tells something is taken.
            let servers = note(IpvsadmParser.parse(bytes, artifact: id), format, id)
            if state.virtualServers?.isEmpty ?? true { state.virtualServers = servers }
        default: break
        }
    }

    private mutating func readDataPaths(_ format: ArtifactFormat, _ id: ArtifactID) {
        let bytes = source.bytes(id)
        let found: ParsedFile<[UnmodelledDataPath]>
        switch format.kind {
        case .trafficControl:
            found = DataPathParser.parseTrafficControl(bytes, artifact: id)
            state.lookedForBPF = true
        case .bpf:
            found = BPFNetParser.parse(bytes, artifact: id)
            state.lookedForBPF = true
        case .ebtables:
            found = DataPathParser.parseEbtables(bytes, artifact: id)
            state.lookedForEbtables = true
        default:
            found = DataPathParser.parseXfrm(bytes, artifact: id)
            state.lookedForXfrm = true
        }
        state.unmodelled += note(found, format, id)
    }

    private mutating func readWord(_ format: ArtifactFormat, _ id: ArtifactID) {
        let bytes = source.bytes(id)
        let text = String(decoding: bytes.prefix(4096), as: UTF8.self).trimmed
        var unread: [UnreadLine] = []
        func refuse(_ reason: String) { unread.append(UnreadLine(SourceLine(id, line: 1), text: text, reason: reason)) }
        switch format.kind {
        case .pod:
            pod = NamespacedName(slashed: text)
            if pod == nil { refuse("not NAMESPACE/NAME") }
        case .proxyMode:
            if ["iptables", "ipvs", "nftables", "userspace", "kernelspace"].contains(text) {
                saidMode = text
            } else {
                refuse("not a mode of kube-proxy")
            }
        default:
            let parsed = KubeProxyConfigParser.parse(bytes, artifact: id)
            unread = parsed.unread
            if parsed.configuration == nil, unread.isEmpty { refuse("no configuration of kube-proxy") }
            if format.kind == .proxyConfigz {
                liveConfiguration = parsed.configuration
            } else {
                fileConfiguration = parsed.configuration
            }
        }
        log.note(id, source.title(format, id), .read, lines: LineCounter.lines(in: bytes), unread: unread)
    }

    /// Takes what was read, and writes down how it went.
    private mutating func note<Value>(_ parsed: ParsedFile<Value>, _ format: ArtifactFormat, _ id: ArtifactID) -> Value
    {
        // One value, of which the parser knows best what its unread lines weigh.
        noteRead(
            format, id, lines: parsed.lines, unread: UnreadWeight.judge(parsed.unread, of: format.kind, read: .max))
        return parsed.value
    }

    private mutating func note<Value>(
        _ parsed: ParsedList<Value>, _ format: ArtifactFormat, _ id: ArtifactID
    ) -> [Value] {
        let unread = UnreadWeight.judge(parsed.unread, of: format.kind, read: parsed.values.count)
        noteRead(format, id, lines: parsed.lines, unread: unread)
        return parsed.values
    }

    private mutating func noteRead(_ format: ArtifactFormat, _ id: ArtifactID, lines: Int, unread: [UnreadLine]) {
        var unread = unread
        if UnreadWeight.isDecisive(format.kind) {
            unread += TextDamage.lines(source.bytes(id), artifact: id, besides: unread)
        }
        unread += UnreadWeight.cut(source.bytes(id), of: format.kind, artifact: id, lines: lines)
        unread += failure(format, id)
        log.note(id, source.title(format, id), .read, lines: lines, unread: unread)
    }

    /// A note on a file whose command failed behind its first lines: what it would have printed is not known.
    private func failure(_ format: ArtifactFormat, _ id: ArtifactID) -> [UnreadLine] {
        // Some keys may not be read by anybody, and `sysctl -a` fails for them.
        guard format.kind != .sysctls, let origin = source.origin(id), let code = origin.exitCode, code != 0 else {
            return []
        }
        let reason = "the command ended with exit code \(code): what it printed may not be all"
        return [
            UnreadLine(
                SourceLine(id, line: 0), text: (origin.standardError ?? "").trimmed, reason: reason,
                mayDecide: UnreadWeight.isNeededWhole(format.kind))
        ]
    }
}

// MARK: - Joining

extension NamespaceAssembly {
    private mutating func finish() {
        state.links = LinkMerge.merge(links: links, addresses: addresses, ports: ports)
        state.routes = routes.map(Self.withoutRepeats)
        state.routingRules = Self.withoutRepeats(state.routingRules)
        state.ruleSets = ruleDumps.selected()
        for ruleSet in state.ruleSets { state.unmodelled += ruleSet.chainsBesideTheIPPath }
    }

    /// The routes of the dumps of both families, each once: `ip route` and `ip -6 route` may print the same.
    private static func withoutRepeats(_ routes: [Route]) -> [Route] {
        var seen: Set<Route> = []
        return routes.filter { route in
            var plain = route
            plain.source = SourceLine(ArtifactID(rawValue: 0), line: 0)
            plain.text = ""
            return seen.insert(plain).inserted
        }
    }

    private static func withoutRepeats(_ rules: [RoutingRule]) -> [RoutingRule] {
        var seen: Set<RoutingRule> = []
        return rules.filter { rule in
            var plain = rule
            plain.source = SourceLine(ArtifactID(rawValue: 0), line: 0)
            plain.text = ""
            return seen.insert(plain).inserted
        }
    }
}
