package import ClewBundle
import ClewParsers
import ClewSnapshot

/// Makes a bundle of what other tools collected: each file is given the place that its name or its content tells.
package struct ForeignImport: Sendable {
    /// How the place of a file was found.
    package enum Reason: String, Sendable {
        case isAlreadyThere = "is one already"
        case name = "by its name"
        case command = "by the command in its name"
        case content = "by its content"
        case prompt = "by the command at a prompt"
        case part = "by the command at a prompt, a part of what there is"
        case object = "API objects"
        case layout = "by the tool that made it"
    }

    package struct Mapping: Sendable {
        package var from: String
        package var to: String
        package var reason: Reason
    }

    package internal(set) var mappings: [Mapping] = []
    /// Files of which it is not known what they are, or that are not needed; one line each.
    package internal(set) var notUnderstood: [String] = []
    /// By path: what it is made of.
    private var pieces: [String: [Piece]] = [:]
    /// In the order in which they were found.
    private var paths: [String] = []
    let nodeName: String?
    /// The pods of all objects, once they were asked for.
    var pods: [Pod]?
    let files: [Artifact]
    var objectFiles: [Artifact] = []
    private var hostName: String?
    private var nodeFolders: Set<String> = []
    private var nodesOfBugtool: [String: String] = [:]
    private var fileNodes: FileNodes
    /// By path: the command that a file beside it names.
    private let commands: [String: String]
    /// Folders with a whole dump of the rules, by its tool: listings of single tables beside it say no more.
    private var foldersOfDumps: Set<String> = []
    private var listedTables: Set<String> = []

    /// `nodeName`: of the only node in it; else a file `hostname` names it, a prompt, or its folder.
    package init(_ bundle: SupportBundle, nodeName: String?) {
        self.nodeName = nodeName
        let texts = bundle.artifacts.filter { $0.path != "bundle.json" }
        files = texts
        hostName = Self.hostName(in: texts)
        nodeFolders = Self.nodeFolders(in: texts)
        fileNodes = FileNodes(texts, known: nodeFolders)
        commands = ForeignLayouts.namedCommands(texts)
        nodesOfBugtool = ForeignLayouts.nodesOfBugtool(texts) { Self.isObject($0) }
        for artifact in texts where artifact.bytes.contains(UInt8(ascii: "*")) {
            for tool in ["iptables", "ip6tables"] where artifact.fileName.hasPrefix(tool + "-save") {
                foldersOfDumps.insert(Self.folder(of: artifact.path) + tool)
            }
        }
        for artifact in texts { take(artifact, of: bundle) }
        for problem in bundle.problems { notUnderstood.append("\(problem.path): \(problem.reason)") }
    }

    /// The bundle: files at the places that ``mappings`` tells.
    package func bundle(named name: String) -> SupportBundle {
        let artifacts = paths.map { path in
            Artifact(path: path, bytes: bytes(at: path))
        }
        return SupportBundle(name: name, artifacts: artifacts)
    }

    private func bytes(at path: String) -> [UInt8] {
        let all = pieces[path] ?? []
        return all.count == 1 ? all[0].bytes : all.flatMap(\.bytes)
    }

    // MARK: - What it is

    private mutating func take(_ artifact: Artifact, of bundle: SupportBundle) {
        let parts = artifact.path.split(separator: "/").map(String.init)
        guard let name = parts.last else { return }
        if parts.first == "cluster", let objects = ObjectText.objects(in: artifact) {
            return take(objects, from: artifact.path, to: artifact.path)
        }
        if parts.first == "nodes" || parts.first == "cluster" {
            return add(artifact.path, artifact.bytes, from: artifact.path, .isAlreadyThere)
        }
        if ForeignLayouts.isAboutCommand(artifact) {
            return notUnderstood.append("\(artifact.path): says which command was run, not what it printed")
        }
        if let objects = ObjectText.objects(in: artifact) { return take(objects, from: artifact.path) }
        if ["hostname", "hostname.txt"].contains(name) { return }
        // Line ends of Windows, and what `script` records of a session.
        var artifact = artifact
        artifact.bytes = TerminalText.plain(artifact.bytes)
        guard !artifact.bytes.isEmpty, !artifact.bytes.prefix(512).contains(0), !isOfFileSystem(parts) else {
            return notUnderstood.append(artifact.path)
        }
        let node = nodeName ?? fileNodes.node(of: artifact.path) ?? node(for: parts, in: bundle)
        if takeCommand(artifact, node: node) || takeLayout(artifact, node: node) { return }
        if PasteSplitter.beginsWithPrompt(artifact.bytes), takePaste(artifact, node: node) { return }
        if let found = place(of: fileNodes.name(of: artifact.path) ?? name, artifact.bytes) {
            let bytes = found.answer?.content(artifact.bytes) ?? artifact.bytes
            let parts = found.answer?.parts ?? Self.parts(of: bytes, named: found.path)
            // Keys that were asked for one after the other.
            let joins = found.answer == nil && found.path == "sysctl.txt"
            return add(
                "nodes/\(node)/\(found.path)", bytes, from: artifact.path, found.reason, parts: parts, joins: joins)
        }
        if takePaste(artifact, node: node) { return }
        notUnderstood.append(artifact.path)
    }

    /// How much a file holds of which the command is not known: routes of one table name none.
    private static func parts(of bytes: [UInt8], named name: String) -> [String] {
        let isRoutes = ["ip-route", "ip-6-route"].contains(ArtifactFormat.stem(of: name))
        return isRoutes && !String(decoding: bytes, as: UTF8.self).contains("table") ? ["main"] : []
    }

    /// A copy of the machine's own files: what is configured, not what is.
    private func isOfFileSystem(_ parts: [String]) -> Bool {
        guard parts.count > 1, ["etc", "proc", "sys", "run", "var", "usr", "lib", "boot", "root"].contains(parts[0])
        else { return false }
        return !(parts[0] == "proc" && parts.suffix(2) == ["net", "nf_conntrack"])
    }

    static func isObject(_ artifact: Artifact) -> Bool {
        let name = artifact.path.lowercased()
        guard name.hasSuffix(".json") || name.hasSuffix(".yaml") || name.hasSuffix(".yml") else { return false }
        let head = String(decoding: artifact.bytes.prefix(1 << 12), as: UTF8.self)
        let tail = String(decoding: artifact.bytes.suffix(1 << 12), as: UTF8.self)
        // Maps are sorted by some writers: the kind of a long list stands behind its items.
        return (head + tail).contains("apiVersion") && (head + tail).contains("kind")
    }

    /// Takes a file of which another one tells the command.
    private mutating func takeCommand(_ artifact: Artifact, node: String) -> Bool {
        guard let command = commands[artifact.path], let answer = CommandGuess.answer(to: command),
            answer.place == ShellCommand.Place(), isPlausible(artifact.bytes)
        else { return false }
        add(
            "nodes/\(node)/\(answer.file)", answer.content(artifact.bytes), from: artifact.path, .layout,
            parts: answer.parts)
        return true
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
        for section in sections where isPlausible(section.output) && section.output.contains(where: { $0 > 0x20 }) {
            if let answer = CommandGuess.answer(to: section.command), answer.place == ShellCommand.Place() {
                let content = answer.content(section.output)
                add("nodes/\(node)/\(answer.file)", content, from: artifact.path, .layout, parts: answer.parts)
            } else if let file = ForeignLayouts.fileName(forCommand: section.command) {
                add("nodes/\(node)/\(file)", section.output, from: artifact.path, .layout)
            } else {
                continue
            }
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
    private func place(
        of name: String, _ bytes: [UInt8]
    ) -> (path: String, reason: Reason, answer: CommandGuess.Answer?)? {
        // sosreport: the command with `_` for blanks; several of one name end in a number.
        if name.contains("_") {
            let command = Self.withoutCopyNumber(name.split(separator: "_").joined(separator: " "))
            if let answer = CommandGuess.answer(to: command), !answer.place.isRemote {
                guard isPlausible(bytes) else { return nil }
                switch answer.place.space {
                case .host: return (answer.file, .command, answer)
                case .named(let space):
                    return Self.isPlain(space) ? ("netns/\(space)/\(answer.file)", .command, answer) : nil
                case .pod, .unknown: return nil
                }
            }
        }
        if ArtifactFormat(fileName: name) != nil { return (name, .name, nil) }
        let stem = ArtifactFormat.stem(of: name)
        let dashed = stem.split { "_ .".contains($0) }.joined(separator: "-")
        if ArtifactFormat(fileName: dashed) != nil { return (dashed + ".txt", .name, nil) }
        let command = stem.split { "_-.".contains($0) }.joined(separator: " ")
        let content = ContentGuess.fileName(for: bytes)
        if let answer = CommandGuess.answer(to: command), answer.place == ShellCommand.Place(),
            content == nil || content == answer.file
        {
            return (answer.file, .command, answer)
        }
        // A command of which it is not understood what it prints, or where it ran.
        let typed = stem.split { "_ ".contains($0) }.joined(separator: " ")
        if [typed, command].contains(where: CommandGuess.isCommand) { return nil }
        if PasteSplitter.sections(of: String(decoding: bytes.prefix(1 << 16), as: UTF8.self)).isEmpty, let content {
            return (content, .content, nil)
        }
        return nil
    }

    /// What a failed command leaves behind is not its output.
    func isPlausible(_ bytes: [UInt8]) -> Bool {
        let head = String(decoding: bytes.prefix(200), as: UTF8.self).lowercased()
        return ![
            "command not found", "cannot open network namespace", "setting the network namespace", "permission denied",
            "no such file",
        ].contains {
            head.contains($0)
        }
    }

    /// An answer, or a part of one, that a file is made of.
    private struct Piece {
        var from: String
        var bytes: [UInt8]
        /// See ``CommandGuess/Answer/parts``.
        var parts: [String]
    }

    /// Puts an answer at its place: the whole counts before a part of it, and parts are joined.
    mutating func add(
        _ path: String, _ bytes: [UInt8], from: String, _ reason: Reason, parts: [String] = [], joins: Bool = false
    ) {
        let earlier = pieces[path] ?? []
        if let whole = earlier.first(where: { CommandGuess.Answer.holds($0.parts, parts) }), !joins {
            let isPart = whole.parts != parts
            return notUnderstood.append(
                "\(from): \(path) is made of \(isPart ? "\(whole.from), which holds it" : "another file already")")
        }
        let left = joins ? earlier : earlier.filter { !CommandGuess.Answer.holds(parts, $0.parts) }
        guard left.isEmpty || joins || Self.canJoin(path) else {
            return notUnderstood.append("\(from): \(path) is made of another file already")
        }
        if joins, earlier.contains(where: { $0.bytes == bytes }) {
            return notUnderstood.append("\(from): \(path) is made of another file already")
        }
        for piece in earlier where left.count < earlier.count && CommandGuess.Answer.holds(parts, piece.parts) {
            notUnderstood.append("\(piece.from): \(path) is made of \(from), which holds it")
            mappings.removeAll { $0.to == path && $0.from == piece.from }
        }
        if earlier.isEmpty { paths.append(path) }
        pieces[path] = left + [Piece(from: from, bytes: bytes, parts: parts)]
        mappings.append(Mapping(from: from, to: path, reason: reason))
    }

    func isTaken(_ path: String) -> Bool { pieces[path] != nil }

    /// Files of which several answers, one behind the other, are one.
    private static func canJoin(_ path: String) -> Bool {
        guard path.hasSuffix(".txt") else { return false }
        let stem = path.split(separator: "/").last.map { $0.dropLast(4) } ?? ""
        return [
            "ip-route", "ip-6-route", "ip-addr", "ip-link", "ip-rule", "ip-6-rule", "ip-neigh", "ip-6-neigh",
            "ipset-save", "ipset-list", "sysctl", "conntrack", "bridge-fdb", "bridge-link", "nft-list-ruleset",
        ].contains(String(stem)) || stem.hasPrefix("iptables") || stem.hasPrefix("ip6tables")
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

    static func isPlain(_ name: String) -> Bool {
        !name.isEmpty && !name.hasPrefix(".")
            && name.utf8.allSatisfy { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"): true
                case UInt8(ascii: "0")...UInt8(ascii: "9"): true
                default: "._-".utf8.contains(byte)
                }
            }
    }

    static func withoutEndings(_ name: String) -> String {
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
