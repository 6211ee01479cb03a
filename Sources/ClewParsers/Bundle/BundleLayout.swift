import ClewBundle
import ClewSnapshot

/// Which artifact belongs where: the folders of a bundle, sorted out by path alone.
struct BundleLayout {
    /// A file of a namespace.
    struct File {
        var id: ArtifactID
        var format: ArtifactFormat
        /// 2 and more for files that `--add` put behind one of the same path.
        var copyNumber: Int
    }

    /// The files of one namespace.
    struct Files {
        /// The folder, as the manifest names it.
        var folder: String
        var files: [File] = []
    }

    /// The files of one node.
    struct NodeFiles {
        var host: Files
        /// By folder name.
        var namespaces: [String: Files] = [:]
        /// Files that no parser reads, by their path below the node's folder.
        var texts: [(path: String, id: ArtifactID)] = []
    }

    /// Nodes below `nodes/`, by name.
    private(set) var named: [String: NodeFiles] = [:]
    /// Folders that hold a node's files directly, by folder; `""` is the bundle itself.
    private(set) var flat: [String: NodeFiles] = [:]
    /// Files outside of `nodes/` that may hold API objects.
    private(set) var objects: [ArtifactID] = []
    private(set) var manifests: [(id: ArtifactID, folder: String)] = []
    /// Files nobody reads.
    private(set) var kept: [ArtifactID] = []

    init(_ artifacts: [Artifact]) {
        let paths = artifacts.map { Self.components($0.path) }
        let flatFolders = Set(paths.compactMap(Self.flatFolder))
        for (index, path) in paths.enumerated() {
            let id = ArtifactID(rawValue: UInt32(truncatingIfNeeded: index))
            place(id, path, flatFolders)
        }
    }

    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").map(String.init).filter { $0 != "." }
    }

    /// The folder of what `--add` joined: a single file in it, or a folder with the files of another bundle.
    static let added = "added"

    /// Where `nodes` stands: at the top, below one folder that wraps everything, or in a bundle that was joined.
    private static func nodesIndex(_ path: [String]) -> Int? {
        for index in 0...(path.first == added ? 2 : 1) where path.count >= index + 3 && path[index] == "nodes" {
            return index
        }
        return nil
    }

    /// The folder of a file that by its name belongs to a node, if it is not below `nodes/` or in a sub-folder of a
    /// node's.
    private static func flatFolder(_ path: [String]) -> String? {
        guard nodesIndex(path) == nil, let name = path.last,
            ArtifactFormat(fileName: name).map({ $0.kind != .pod }) == true
        else { return nil }
        let folder = path.dropLast()
        if folder.last == "cluster" || folder.contains("netns") || folder.last == "proc-xt_recent" { return nil }
        return folder.joined(separator: "/")
    }

    private mutating func place(_ id: ArtifactID, _ path: [String], _ flatFolders: Set<String>) {
        guard let name = path.last else { return kept.append(id) }
        if let index = Self.nodesIndex(path) {
            let folder = path[...(index + 1)].joined(separator: "/")
            var node = named[path[index + 1]] ?? NodeFiles(host: Files(folder: folder))
            if !Self.add(id, path[(index + 2)...], folder, to: &node) {
                kept.append(id)
                node.texts.append((path[(index + 2)...].joined(separator: "/"), id))
            }
            named[path[index + 1]] = node
            return
        }
        if name == "bundle.json", path.count <= (path.first == Self.added ? 3 : 2) {
            return manifests.append((id, path.dropLast().joined(separator: "/")))
        }
        if let folder = Self.enclosing(path, flatFolders) {
            var node = flat[folder] ?? NodeFiles(host: Files(folder: folder))
            let depth = folder.isEmpty ? 0 : folder.split(separator: "/").count
            let isTaken = Self.add(id, path[depth...], folder, to: &node)
            if !isTaken { node.texts.append((path[depth...].joined(separator: "/"), id)) }
            flat[folder] = node
            if isTaken { return }
        }
        let plain = ArtifactFormat.splitCopyNumber(name).name.lowercased()
        // What was joined as a single file may have any name, and none where it came from a pipe.
        let isSingle = path.first == Self.added && path.count == 2
        if isSingle || [".json", ".yaml", ".yml"].contains(where: plain.hasSuffix) {
            objects.append(id)
        } else {
            kept.append(id)
        }
    }

    /// The flat node's folder a path lies in: directly, or in the sub-folders a node may have.
    private static func enclosing(_ path: [String], _ flatFolders: Set<String>) -> String? {
        var depth = path.count - 1
        if let netns = path.lastIndex(of: "netns") {
            depth = netns
        } else if depth > 0, path[depth - 1] == "proc-xt_recent" {
            depth -= 1
        }
        let folder = path[..<depth].joined(separator: "/")
        return flatFolders.contains(folder) ? folder : nil
    }

    /// Adds a file by its path below the node's folder; false if no parser reads it.
    private static func add(
        _ id: ArtifactID, _ path: ArraySlice<String>, _ folder: String, to node: inout NodeFiles
    ) -> Bool {
        var rest = path
        var namespace: String?
        if rest.first == "netns", rest.count >= 3 {
            rest = rest.dropFirst()
            namespace = rest.removeFirst()
        }
        guard let name = rest.last else { return false }
        let format: ArtifactFormat?
        switch rest.count {
        case 1: format = ArtifactFormat(fileName: name)
        case 2 where rest.first == "proc-xt_recent":
            format = .recentList(ArtifactFormat.splitCopyNumber(name).name)
        default: format = nil
        }
        if let namespace, node.namespaces[namespace] == nil {
            let parts = (folder.isEmpty ? [] : [folder]) + ["netns", namespace]
            node.namespaces[namespace] = Files(folder: parts.joined(separator: "/"))
        }
        guard let format, format.kind != .pod || namespace != nil else { return false }
        var file = File(id: id, format: format, copyNumber: ArtifactFormat.splitCopyNumber(name).number)
        // What was joined counts before what was there.
        if folder.split(separator: "/").first.map(String.init) == added { file.copyNumber &+= 1 << 20 }
        if let namespace {
            node.namespaces[namespace]?.files.append(file)
        } else {
            node.host.files.append(file)
        }
        return true
    }
}
