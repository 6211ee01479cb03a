package import ClewBundle
import ClewNet
package import ClewSnapshot

extension ClusterSnapshot {
    /// Parses a whole bundle, by the rules of `docs/bundle.md`.
    ///
    /// `nodeName` names the node whose files lie directly in a folder (`--node-name`); without it the Node object that
    /// owns one of the folder's addresses names it, else the folder does.
    package init(parsing bundle: SupportBundle, nodeName: String?) {
        self.init()
        var reader = BundleReader(bundle)
        reader.readManifests()
        reader.readObjects()
        reader.readNodes(overrideName: nodeName)
        paths = bundle.artifacts.map(\.path) + reader.absentPaths
        nodes = reader.nodes.sorted { $0.name < $1.name }
        objects = reader.objects.sorted()
        proxyConfigMap = reader.configMapConfiguration
        inventory = reader.inventory()
        collected = reader.collected
        missing = reader.missing
        lostDumps = reader.lostDumps
        outside = reader.outside
        unread = reader.log.unread.sorted { $0.source < $1.source }
    }
}

/// The state of reading a bundle.
struct BundleReader {
    private let bundle: SupportBundle
    private var layout: BundleLayout
    private var source: ArtifactSource
    /// Pods by the full path of their namespace's folder.
    private var podOfFolder: [String: NamespacedName] = [:]
    private(set) var configMapConfiguration: KubeProxyConfiguration?
    private(set) var nodes: [NodeSnapshot] = []
    private(set) var objects = KubernetesObjects()
    /// Of the manifest nearest to the bundle's root.
    private(set) var collected: String?
    private(set) var missing: [MissingPart] = []
    private(set) var outside = OutsideAddresses.documentation
    private(set) var log = ReadLog()
    /// The nodes of dumps that are not there, by path.
    private(set) var lostDumps: [String: String] = [:]
    /// Of files that only a manifest names.
    var absentPaths: [String] { source.absent.map(\.path) }

    init(_ bundle: SupportBundle) {
        self.bundle = bundle
        layout = BundleLayout(bundle.artifacts)
        source = ArtifactSource(bundle.artifacts)
    }

    mutating func readManifests() {
        for (id, folder) in layout.manifests {
            if source.isEmpty(id) {
                log.note(id, "manifest", .empty, lines: 0, unread: [])
                continue
            }
            let parsed = BundleManifest.parse(source.bytes(id), artifact: id)
            log.note(id, "manifest", .read, lines: parsed.lines, unread: parsed.unread)
            source.apply(parsed.value, in: folder)
            if collected == nil { collected = parsed.value.collected }
            missing += parsed.value.missing
            if !parsed.value.outside.isEmpty { outside = OutsideAddresses(listed: parsed.value.outside) }
            for (path, pod) in parsed.value.namespaces { podOfFolder[Self.join(folder, path)] = pod }
        }
    }

    private static func join(_ folder: String, _ path: String) -> String {
        let path = path.split(separator: "/").joined(separator: "/")
        return folder.isEmpty ? path : folder + "/" + path
    }

    mutating func readObjects() {
        for id in layout.objects {
            if source.isEmpty(id) {
                log.note(id, "API objects", .empty, lines: 0, unread: [])
                continue
            }
            let bytes = source.bytes(id)
            guard ObjectSniffer.holdsObjects(bytes, isJSON: source.isJSON(id)) else {
                log.keep(id, "unknown")
                continue
            }
            let parsed = KubernetesParser.parse(bytes, artifact: id, isYAML: !source.isJSON(id))
            objects.add(parsed.objects)
            log.note(
                id, source.isJSON(id) ? "API objects (JSON)" : "API objects (YAML)", .read, lines: parsed.lines,
                unread: parsed.unread)
        }
        readConfigMap()
    }

    /// Reads the configuration in the ConfigMap that kubeadm makes, and others after its example.
    ///
    /// Its unread lines count as the file's that holds the ConfigMap.
    private mutating func readConfigMap() {
        let name = NamespacedName("kube-system", "kube-proxy")
        guard let configMap = objects.configMaps.first(where: { $0.name == name }) else { return }
        let parsed = KubeProxyConfigParser.parse(configMap)
        configMapConfiguration = parsed.configuration
        log.add(parsed.unread)
    }

    mutating func readNodes(overrideName: String?) {
        var all = layout.named
        var flat = layout.flat
        let loose = flat.removeValue(forKey: BundleLayout.added)
        // The name that the user gave is that of the bundle's own folder, or of the only one.
        let named = flat[""] != nil ? "" : flat.count == 1 ? flat.keys.first : nil
        for (folder, files) in flat.sorted(by: { $0.key < $1.key }) {
            let override = folder == named ? overrideName : nil
            Self.join(files, to: override ?? nodeObject(owning: files.host)?.name ?? folderName(folder), in: &all)
        }
        if let loose { join(loose, overrideName, to: &all) }
        let sorted = all.sorted { $0.key < $1.key }
        let reader = self
        let read = [NodeReading](concurrently: sorted.count) { reader.node(sorted[$0].key, sorted[$0].value) }
        for reading in read {
            for part in reading.logs { log.add(part, of: reading.node.name) }
            for path in reading.lostDumps { lostDumps[path] = reading.node.name }
            nodes.append(reading.node)
        }
    }

    /// A node as it was read, and what became of its files.
    private struct NodeReading: Sendable {
        var node: NodeSnapshot
        var logs: [ReadLog]
        /// Paths.
        var lostDumps: [String]
    }

    /// Joins single files of `--add`, which come from no folder that names a node, to the one they can only belong to.
    private mutating func join(
        _ loose: BundleLayout.NodeFiles, _ overrideName: String?, to all: inout [String: BundleLayout.NodeFiles]
    ) {
        if let name = overrideName ?? nodeObject(owning: loose.host)?.name {
            Self.join(loose, to: name, in: &all)
        } else if all.count < 2 {
            Self.join(loose, to: all.keys.first ?? folderName(""), in: &all)
        } else {
            for file in loose.host.files {
                let reason = "of which node is it? name it with --node-name, or join a folder nodes/NODE"
                let unread = UnreadLine(SourceLine(file.id, line: 0), text: "", reason: reason)
                log.note(file.id, file.format.title, .kept, lines: 0, unread: [unread])
            }
        }
    }

    private static func join(
        _ files: BundleLayout.NodeFiles, to name: String, in all: inout [String: BundleLayout.NodeFiles]
    ) {
        guard var known = all[name] else {
            all[name] = files
            return
        }
        known.host.files += files.host.files
        known.texts += files.texts
        known.namespaces.merge(files.namespaces) { a, b in
            var joined = a
            joined.files += b.files
            return joined
        }
        all[name] = known
    }

    /// The Node object of which an InternalIP is among the addresses that a folder's files show.
    private func nodeObject(owning files: BundleLayout.Files) -> Node? {
        guard objects.nodes.contains(where: { !$0.internalIPs.isEmpty }) else { return nil }
        var addresses: Set<IPAddress> = []
        for file in files.files where file.format.kind == .addresses && !source.isEmpty(file.id) {
            for link in IpLinkParser.parse(source.bytes(file.id), artifact: file.id).values {
                addresses.formUnion(link.addresses.map(\.address.address))
            }
        }
        return objects.nodes.filter { $0.internalIPs.contains(where: addresses.contains) }.min { $0.name < $1.name }
    }

    /// The folder's own name; that of the bundle, without the endings of archives, for its top.
    private func folderName(_ folder: String) -> String {
        if let last = folder.split(separator: "/").last { return String(last) }
        // What the reader knows: the real name of `.`, or of the folder that an archive wraps its files in.
        if let name = bundle.folder, !name.isEmpty { return name }
        var name = bundle.name.split(separator: "/").last { $0 != "." }.map(String.init) ?? "node"
        for ending in [".tar.gz", ".tgz", ".tar.zst", ".tar"] where name.hasSuffix(ending) && name != ending {
            name.removeLast(ending.count)
        }
        return name.isEmpty || name == "-" ? "node" : name
    }

    private func node(_ name: String, _ files: BundleLayout.NodeFiles) -> NodeReading {
        let host = NamespaceAssembly(files.host, from: source)
        var logs = [host.log]
        var lostDumps = host.lostDumps
        var node = NodeSnapshot(name: name, host: host.state)
        node.texts = files.texts.filter { !source.isEmpty($0.id) }.sorted { $0.path < $1.path }.map { file in
            NodeText(
                path: file.path, artifact: file.id, bytes: source.bytes(file.id),
                exitCode: source.origin(file.id)?.exitCode)
        }
        node.cni = node.texts(in: "cni").map { text in
            CNIConfigurationParser.parse(
                text.bytes, file: String(text.path.dropFirst(4)), artifact: text.artifact)
        }.filter { file in [".conf", ".conflist", ".json"].contains { file.file.hasSuffix($0) } }
        node.proxyMode = host.proxyMode
        node.proxyConfiguration = host.proxyConfiguration ?? configMapConfiguration
        for (folder, files) in files.namespaces.sorted(by: { $0.key < $1.key }) {
            let assembly = NamespaceAssembly(files, from: source)
            logs.append(assembly.log)
            lostDumps += assembly.lostDumps
            node.pods.append(
                PodNamespaceSnapshot(
                    name: folder, pod: podOfFolder[files.folder] ?? assembly.pod, state: assembly.state))
        }
        node.records = Self.records(node.texts)
        return NodeReading(node: node, logs: logs, lostDumps: lostDumps)
    }

    /// Logs, counters and versions among the files that no parser makes values of, in the order of their paths.
    private static func records(_ texts: [NodeText]) -> NodeRecords {
        var records = NodeRecords()
        for text in texts {
            guard let format = RecordFormat(path: text.path.split(separator: "/").map(String.init)) else { continue }
            NodeRecordParser.read(text.bytes, format, artifact: text.artifact, into: &records)
        }
        return records
    }

    /// Every artifact and what became of it, and what the reader of the bundle left out.
    func inventory() -> [InventoryEntry] {
        var entries: [InventoryEntry] = []
        entries.reserveCapacity(bundle.artifacts.count + bundle.problems.count)
        for (index, artifact) in bundle.artifacts.enumerated() {
            entries.append(inventoryEntry(ArtifactID(rawValue: UInt32(truncatingIfNeeded: index)), artifact.path))
        }
        for problem in bundle.problems {
            let format = "left out: \(problem.reason)"
            entries.append(InventoryEntry(path: problem.path, format: format, status: .kept, lines: 0, unread: 0))
        }
        entries.sort { (a: InventoryEntry, b: InventoryEntry) -> Bool in
            if a.path != b.path { return a.path < b.path }
            return a.format < b.format
        }
        return entries
    }

    private func inventoryEntry(_ id: ArtifactID, _ path: String) -> InventoryEntry {
        guard let entry = log.entries[id] else {
            let status: InventoryEntry.Status = source.isEmpty(id) ? .empty : .kept
            return InventoryEntry(path: path, format: "unknown", status: status, lines: 0, unread: 0)
        }
        return InventoryEntry(
            path: path, format: entry.format, status: entry.status, lines: entry.lines, unread: entry.unread,
            node: entry.node)
    }
}
