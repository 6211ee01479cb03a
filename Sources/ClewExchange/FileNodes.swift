import ClewBundle
import ClewParsers

/// The nodes that names of files tell, as in `worker-a-ip-route.txt` and `worker-b-ip-route.txt`.
struct FileNodes {
    /// By path.
    private var nodes: [String: String] = [:]
    /// By path: the name without the node.
    private var names: [String: String] = [:]

    func node(of path: String) -> String? { nodes[path] }
    func name(of path: String) -> String? { names[path] }

    /// A way to read a name.
    private struct Split {
        var node: String
        /// The name without the node.
        var rest: String
        /// Equal for files of the same kind, whose names are built alike.
        var key: String
    }

    /// `known`: names of nodes that something else tells.
    init(_ artifacts: [Artifact], known: Set<String>) {
        var folders: [String: [Artifact]] = [:]
        for artifact in artifacts where !ForeignLayouts.isAboutCommand(artifact) {
            if artifact.path.hasPrefix("nodes/") || artifact.path.hasPrefix("cluster/") { continue }
            let folder = artifact.path.lastIndex(of: "/").map { String(artifact.path[..<$0]) } ?? ""
            folders[folder, default: []].append(artifact)
        }
        for (_, files) in folders { take(files, known: known) }
    }

    private mutating func take(_ files: [Artifact], known: Set<String>) {
        var splits: [String: [Split]] = [:]
        var unnamed: [String: [Artifact]] = [:]
        for file in files {
            let found = Self.splits(of: file.fileName)
            if !found.isEmpty {
                splits[file.path] = found
            } else if files.count > 1, !Self.isExact(file.fileName), !Self.isCommand(file.fileName),
                let kind = Self.kind(of: file)
            {
                unnamed[kind, default: []].append(file)
            }
        }
        for (kind, files) in unnamed where files.count > 1 {
            for (file, node) in zip(files, Self.differences(files.map { Self.stem(of: $0.fileName) })) {
                guard let node else { continue }
                splits[file.path] = [Split(node: node, rest: file.fileName, key: kind)]
            }
        }
        // What two files of one kind differ by names a node, and with it further files.
        var nodesOfKey: [String: Set<String>] = [:]
        for split in splits.values.joined() { nodesOfKey[split.key, default: []].insert(split.node) }
        var told = known
        for nodes in nodesOfKey.values where nodes.count > 1 { told.formUnion(nodes) }
        for (path, all) in splits {
            guard let split = all.first(where: { told.contains($0.node) }) else { continue }
            nodes[path] = split.node
            names[path] = split.rest
        }
    }

    private static let separators: Set<Character> = ["-", "_", ".", " ", "@"]

    /// Each way to part a name into a node and the name of a known file, the best first.
    private static func splits(of name: String) -> [Split] {
        guard !isExact(name) else { return [] }
        let stem = stem(of: name)
        let ending = String(name.dropFirst(stem.count))
        var exact: [Split] = []
        var others: [Split] = []
        for index in stem.indices where separators.contains(stem[index]) {
            let (left, right) = (String(stem[..<index]), String(stem[stem.index(after: index)...]))
            for (node, rest, side) in [(left, right, "<"), (right, left, ">")] where isNode(node) {
                guard let file = file(ofName: rest) else { continue }
                let split = Split(node: node, rest: rest + ending, key: "\(side) \(file)")
                if ArtifactFormat(fileName: dashed(rest)) != nil { exact.append(split) } else { others.append(split) }
            }
        }
        // The longest known name leaves the shortest node.
        return exact.sorted { $0.rest.count > $1.rest.count } + others.sorted { $0.rest.count > $1.rest.count }
    }

    private static func dashed(_ name: String) -> String {
        name.lowercased().split(whereSeparator: separators.contains).joined(separator: "-")
    }

    /// The file for a name without its ending; `nil` for a name that says less than that.
    private static func file(ofName name: String) -> String? {
        let words = dashed(name)
        if ArtifactFormat(fileName: words) != nil { return words }
        let command = words.split(separator: "-").joined(separator: " ")
        guard let answer = CommandGuess.answer(to: command), !answer.isSelection,
            answer.place == ShellCommand.Place()
        else { return nil }
        return ArtifactFormat.stem(of: answer.file)
    }

    /// The name is one of a known file or of a command, as it is.
    private static func isExact(_ name: String) -> Bool {
        if ArtifactFormat(fileName: name) != nil || ForeignLayouts.fileName(for: name) != nil { return true }
        let stem = stem(of: name)
        if ArtifactFormat(fileName: dashed(stem)) != nil || ForeignLayouts.table(ofListing: name) != nil { return true }
        // sosreport writes commands with `_` for blanks, and no ending.
        guard name.contains("_"), stem == name else { return false }
        let command = stem.split(separator: "_").joined(separator: " ")
        return CommandGuess.isCommand(command) || CommandGuess.answer(to: command).map { $0.parts != [] } ?? false
    }

    private static func isCommand(_ name: String) -> Bool {
        CommandGuess.answer(to: dashed(stem(of: name)).split(separator: "-").joined(separator: " ")) != nil
    }

    private static func stem(of name: String) -> String {
        for ending in [".txt", ".out", ".log", ".json", ".md"] where name.lowercased().hasSuffix(ending) {
            return String(name.dropLast(ending.count))
        }
        return name
    }

    /// What a file without a name of its own holds.
    private static func kind(of file: Artifact) -> String? {
        let bytes = file.bytes.count > 1 << 22 ? Array(file.bytes.prefix(1 << 22)) : file.bytes
        if ObjectText.objects(in: file) != nil { return nil }
        return PasteSplitter.beginsWithPrompt(bytes) ? "session" : ContentGuess.fileName(for: bytes)
    }

    /// The part of each name that is not common to all; `nil` where it can be no node's name.
    private static func differences(_ stems: [String]) -> [String?] {
        let none = [String?](repeating: nil, count: stems.count)
        guard let first = stems.first else { return none }
        func isCommon(_ part: Substring, _ has: (String) -> Bool) -> Bool { !part.isEmpty && stems.allSatisfy(has) }
        // Whole words only; of a common beginning, its first word.
        for index in first.indices where separators.contains(first[index]) {
            let suffix = first[index...]
            if isCommon(suffix, { $0.hasSuffix(suffix) && $0.count > suffix.count }) {
                return checked(stems.map { String($0.dropLast(suffix.count)) })
            }
        }
        if let index = first.firstIndex(where: separators.contains) {
            let prefix = first[...index]
            if isCommon(prefix, { $0.hasPrefix(prefix) && $0.count > prefix.count }) {
                return checked(stems.map { String($0.dropFirst(prefix.count)) })
            }
        }
        return none
    }

    private static func checked(_ nodes: [String]) -> [String?] {
        nodes.map { isNode($0) ? $0 : nil }
    }

    /// Whether a part of a name can be a node's: not a number, a time, a family, a table, a device or a pod.
    private static func isNode(_ name: String) -> Bool {
        // A single letter is an option, as in `sysctl-a`.
        guard ForeignImport.isPlain(name), name.count > 1, name.contains(where: \.isLetter),
            name.first?.isLetter == true || name.first?.isNumber == true
        else { return false }
        let lower = name.lowercased()
        let words = lower.split(whereSeparator: separators.contains).map(String.init)
        guard let first = words.first, !CommandGuess.programs.contains(first) else { return false }
        let others: Set<String> = [
            "before", "after", "old", "new", "copy", "orig", "backup", "bak", "v4", "v6", "ipv4", "ipv6", "4", "6",
            "nat", "filter", "mangle", "raw", "security", "legacy", "nft", "all", "main", "local", "default", "table",
            "detail", "show", "list", "save", "output", "pod", "pods", "netns", "container", "lo", "docker0",
        ]
        let devices = [
            "eth", "eno", "ens", "enp", "cni", "cali", "flannel", "vxlan", "veth", "bond", "tun", "wg", "cilium_",
            "virbr", "br0", "br-", "docker", "cbr",
        ]
        return !words.contains(where: others.contains) && !devices.contains(where: lower.hasPrefix)
    }
}
