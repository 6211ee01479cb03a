package import ClewBundle
import ClewParsers

/// Makes a bundle of what other tools collected: each file is given the place that its name or its content tells.
package struct ForeignImport: Sendable {
    /// How the place of a file was found.
    package enum Reason: String, Sendable {
        case isAlreadyThere = "is one already"
        case name = "by its name"
        case command = "by the command in its name"
        case content = "by its content"
        case prompt = "by the command at a prompt"
        case object = "API objects"
        case layout = "by the tool that made it"
    }

    package struct Mapping: Sendable {
        package var from: String
        package var to: String
        package var reason: Reason
    }

    package private(set) var mappings: [Mapping] = []
    /// Files of which it is not known what they are, or that are not needed; one line each.
    package private(set) var notUnderstood: [String] = []
    private var artifacts: [Artifact] = []
    private var indexOfPath: [String: Int] = [:]
    private let nodeName: String?
    private var hostName: String?
    private var nodeFolders: Set<String> = []
    private var nodesOfBugtool: [String: String] = [:]
    /// Folders with a whole dump of the rules, by its tool: listings of single tables beside it say no more.
    private var foldersOfDumps: Set<String> = []
    private var listedTables: Set<String> = []

    /// `nodeName`: of the only node in it; else a file `hostname` names it, a prompt, or its folder.
    package init(_ bundle: SupportBundle, nodeName: String?) {
        self.nodeName = nodeName
        let texts = bundle.artifacts.filter { $0.path != "bundle.json" }
        hostName = Self.hostName(in: texts)
        nodeFolders = Self.nodeFolders(in: texts)
        nodesOfBugtool = ForeignLayouts.nodesOfBugtool(texts) { Self.isObject($0) }
        for artifact in texts where artifact.bytes.contains(UInt8(ascii: "*")) {
            for tool in ["iptables", "ip6tables"] where artifact.fileName.hasPrefix(tool + "-save") {
                foldersOfDumps.insert(Self.folder(of: artifact.path) + tool)
            }
        }
        for artifact in texts { take(artifact, of: bundle) }
    }

    /// The bundle: files at the places that ``mappings`` tells.
    package func bundle(named name: String) -> SupportBundle {
        SupportBundle(name: name, artifacts: artifacts)
    }

    // MARK: - What it is

    private mutating func take(_ artifact: Artifact, of bundle: SupportBundle) {
        let parts = artifact.path.split(separator: "/").map(String.init)
        guard let name = parts.last else { return }
        if parts.first == "nodes" || parts.first == "cluster" {
            return add(artifact.path, artifact.bytes, from: artifact.path, .isAlreadyThere)
        }
        if Self.isObject(artifact) {
            if Self.holdsSecrets(artifact) { return notUnderstood.append("\(artifact.path): Secrets are not taken") }
            return add("cluster/" + parts.joined(separator: "-"), artifact.bytes, from: artifact.path, .object)
        }
        if ["hostname", "hostname.txt"].contains(name) { return }
        guard !artifact.bytes.isEmpty, !artifact.bytes.prefix(512).contains(0), !isOfFileSystem(parts) else {
            return notUnderstood.append(artifact.path)
        }
        var artifact = artifact
        // A session that `script` recorded.
        if artifact.bytes.prefix(1 << 12).contains(0x1B) { artifact.bytes = TerminalText.plain(artifact.bytes) }
        let node = node(for: parts, in: bundle)
        if takeLayout(artifact, node: node) { return }
        if let (place, reason) = place(of: name, artifact.bytes) {
            return add("nodes/\(node)/\(place)", artifact.bytes, from: artifact.path, reason)
        }
        if takePaste(artifact, node: node) { return }
        notUnderstood.append(artifact.path)
    }

    /// A copy of the machine's own files: what is configured, not what is.
    private func isOfFileSystem(_ parts: [String]) -> Bool {
        guard parts.count > 1, ["etc", "proc", "sys", "run", "var", "usr", "lib", "boot", "root"].contains(parts[0])
        else { return false }
        return !(parts[0] == "proc" && parts.suffix(2) == ["net", "nf_conntrack"])
    }

    private static func isObject(_ artifact: Artifact) -> Bool {
        let name = artifact.path.lowercased()
        guard name.hasSuffix(".json") || name.hasSuffix(".yaml") || name.hasSuffix(".yml") else { return false }
        let head = String(decoding: artifact.bytes.prefix(1 << 12), as: UTF8.self)
        let tail = String(decoding: artifact.bytes.suffix(1 << 12), as: UTF8.self)
        // Maps are sorted by some writers: the kind of a long list stands behind its items.
        return (head + tail).contains("apiVersion") && (head + tail).contains("kind")
    }

    private static func holdsSecrets(_ artifact: Artifact) -> Bool {
        let head = String(decoding: artifact.bytes.prefix(1 << 12), as: UTF8.self)
        let tail = String(decoding: artifact.bytes.suffix(1 << 10), as: UTF8.self)
        return [head, tail].contains { text in
            text.split(whereSeparator: \.isNewline).contains { line in
                let plain = line.filter { !" \",".contains($0) }
                return plain == "kind:Secret" || plain == "kind:SecretList"
            }
        }
    }

    /// Takes a file of a tool whose layout is known.
    private mutating func takeLayout(_ artifact: Artifact, node: String) -> Bool {
        let name = artifact.fileName
        if let file = ForeignLayouts.fileName(for: name) {
            guard isPlausible(artifact.bytes) else { return false }
            let isHalf = ForeignLayouts.halves.contains(name)
            add("nodes/\(node)/\(file)", artifact.bytes, from: artifact.path, .layout, joins: isHalf)
            return true
        }
        if takeListing(artifact, node: node) { return true }
        let parts = artifact.path.split(separator: "/")
        // Network configurations; files of another kind there may hold keys.
        if parts.dropLast().last == "cni", [".conf", ".conflist"].contains(where: name.hasSuffix) {
            add("nodes/\(node)/cni/\(name)", artifact.bytes, from: artifact.path, .layout)
            return true
        }
        var sections = ForeignLayouts.announced(artifact.bytes)
        if let block = ForeignLayouts.markdown(artifact.bytes) { sections.append(block) }
        var isUsed = false
        for section in sections {
            let place =
                CommandGuess.fileName(forCommand: section.command)
                ?? ForeignLayouts.fileName(forCommand: section.command)
            guard let file = place, isPlausible(section.output), section.output.contains(where: { $0 > 0x20 }) else {
                continue
            }
            add("nodes/\(node)/\(file)", section.output, from: artifact.path, .layout)
            isUsed = true
        }
        return isUsed
    }

    /// Takes a listing of one table, beside those of others.
    private mutating func takeListing(_ artifact: Artifact, node: String) -> Bool {
        guard let (tool, table) = ForeignLayouts.table(ofListing: artifact.fileName),
            ContentGuess.fileName(for: artifact.bytes) == "\(tool)-list.txt"
        else { return false }
        if foldersOfDumps.contains(Self.folder(of: artifact.path) + tool) {
            notUnderstood.append("\(artifact.path): \(tool)-save beside it says the same and more")
            return true
        }
        let place = "nodes/\(node)/\(tool)-list.txt"
        let listing = ForeignLayouts.listing(artifact.bytes, table: table)
        guard listedTables.insert("\(place) \(table)").inserted else {
            notUnderstood.append("\(artifact.path): \(place) has the table \(table) of another file already")
            return true
        }
        add(place, listing, from: artifact.path, .layout, joins: true)
        return true
    }

    private static func folder(of path: String) -> String {
        path.lastIndex(of: "/").map { String(path[...$0]) } ?? ""
    }

    /// The path below the node's folder.
    private func place(of name: String, _ bytes: [UInt8]) -> (String, Reason)? {
        // sosreport: the command with `_` for blanks; several of one name end in a number.
        if name.contains("_") {
            let command = name.split(separator: "_").joined(separator: " ")
            if command.hasPrefix("ip netns exec ") {
                let words = command.split(separator: " ").dropFirst(3).map(String.init)
                guard let space = words.first else { return nil }
                let inner = Self.withoutCopyNumber(words.dropFirst().joined(separator: " "))
                guard Self.isPlain(space), let file = CommandGuess.fileName(forCommand: inner) else { return nil }
                return isPlausible(bytes) ? ("netns/\(space)/\(file)", .command) : nil
            }
            if let file = CommandGuess.fileName(forCommand: command) {
                return isPlausible(bytes) ? (file, .command) : nil
            }
        }
        if ArtifactFormat(fileName: name) != nil { return (name, .name) }
        let stem = ArtifactFormat.stem(of: name)
        let dashed = stem.split { "_ .".contains($0) }.joined(separator: "-")
        if ArtifactFormat(fileName: dashed) != nil { return (dashed + ".txt", .name) }
        if let file = CommandGuess.fileName(forCommand: stem.split { "_-.".contains($0) }.joined(separator: " ")),
            ContentGuess.fileName(for: bytes) == nil || ContentGuess.fileName(for: bytes) == file
        {
            return (file, .command)
        }
        if PasteSplitter.sections(of: String(decoding: bytes.prefix(1 << 16), as: UTF8.self)).isEmpty,
            let file = ContentGuess.fileName(for: bytes)
        {
            return (file, .content)
        }
        return nil
    }

    /// What a failed command leaves behind is not its output.
    private func isPlausible(_ bytes: [UInt8]) -> Bool {
        let head = String(decoding: bytes.prefix(200), as: UTF8.self).lowercased()
        return ![
            "command not found", "cannot open network namespace", "setting the network namespace", "permission denied",
            "no such file",
        ].contains {
            head.contains($0)
        }
    }

    private mutating func takePaste(_ artifact: Artifact, node: String) -> Bool {
        let sections = PasteSplitter.sections(of: String(decoding: artifact.bytes, as: UTF8.self))
        var isUsed = false
        for section in sections {
            let bytes = Array(section.withTable.utf8)
            guard let file = CommandGuess.fileName(forCommand: section.command) ?? ContentGuess.fileName(for: bytes)
            else {
                notUnderstood.append("\(artifact.path): \(section.command)")
                continue
            }
            let host = section.host.flatMap { Self.isPlain($0) ? $0 : nil }
            let place = "nodes/\(nodeName ?? host ?? node)/\(file)"
            add(place, bytes, from: "\(artifact.path): \(section.command)", .prompt)
            isUsed = true
        }
        return isUsed || !sections.isEmpty
    }

    private mutating func add(
        _ path: String, _ bytes: [UInt8], from: String, _ reason: Reason, joins: Bool = false
    ) {
        if let earlier = indexOfPath[path] {
            // Single keys are asked for one after the other; of all else one answer counts.
            guard joins || path.hasSuffix("/sysctl.txt"), artifacts[earlier].bytes != bytes else {
                return notUnderstood.append("\(from): \(path) is made of another file already")
            }
            artifacts[earlier].bytes += bytes
        } else {
            indexOfPath[path] = artifacts.count
            artifacts.append(Artifact(path: path, bytes: bytes))
        }
        mappings.append(Mapping(from: from, to: path, reason: reason))
    }

    // MARK: - Whose it is

    private func node(for parts: [String], in bundle: SupportBundle) -> String {
        if let nodeName { return nodeName }
        if let node = parts.lazy.compactMap({ nodesOfBugtool[$0] }).first { return node }
        if let folder = parts.first, parts.count > 1, nodeFolders.count > 1, nodeFolders.contains(folder) {
            return folder
        }
        if let hostName { return hostName }
        let folder = bundle.folder.map { Self.withoutEndings($0) } ?? "node"
        return Self.isPlain(folder) ? folder : "node"
    }

    /// Folders at the top that each hold the addresses of a machine: one for each node.
    private static func nodeFolders(in artifacts: [Artifact]) -> Set<String> {
        var folders: Set<String> = []
        for artifact in artifacts {
            let parts = artifact.path.split(separator: "/").map(String.init)
            guard parts.count > 1, isPlain(parts[0]), artifact.bytes.count < 1 << 22,
                ["ip-addr.txt", "ip-addr.json", "ifconfig.txt"].contains(ContentGuess.fileName(for: artifact.bytes))
            else { continue }
            folders.insert(parts[0])
        }
        return folders
    }

    private static func hostName(in artifacts: [Artifact]) -> String? {
        for artifact in artifacts where ["hostname", "hostname.txt"].contains(artifact.fileName) {
            let text = String(decoding: artifact.bytes.prefix(300), as: UTF8.self)
            let name = text.split(whereSeparator: \.isWhitespace).first.map(String.init) ?? ""
            if isPlain(name) { return name }
        }
        // `uname -a`: Linux NAME RELEASE …
        for artifact in artifacts where ["uname", "uname.txt", "uname_-a"].contains(artifact.fileName) {
            let words = String(decoding: artifact.bytes.prefix(300), as: UTF8.self).split(separator: " ").map(
                String.init)
            if words.count > 3, words[0] == "Linux", isPlain(words[1]) { return words[1] }
        }
        return nil
    }

    private static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "._-".utf8.contains(byte)
                }
            }
    }

    private static func withoutEndings(_ name: String) -> String {
        var name = name
        for ending in [".tar", ".gz", ".tgz", ".zst", ".txt"] where name.hasSuffix(ending) {
            name.removeLast(ending.count)
        }
        return name
    }

    private static func withoutCopyNumber(_ text: String) -> String {
        guard let dot = text.lastIndex(of: "."), text[text.index(after: dot)...].allSatisfy(\.isNumber) else {
            return text
        }
        return String(text[..<dot])
    }
}
