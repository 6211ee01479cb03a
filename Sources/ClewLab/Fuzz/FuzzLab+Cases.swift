import ClewBundle
import Foundation

extension FuzzLab {
    /// Loads a case's rules, sends its packet, and writes down what the kernel did.
    package func record(_ old: FuzzCase) throws(SystemError) -> FuzzCase {
        guard let loaded = try load(old.rules, old.backend), loaded.refused.isEmpty else {
            throw .unusable("\(old.title): refused: \(refusals.joined(separator: "; "))")
        }
        patience = 50
        defer { patience = 1 }
        var new = old
        new.kernel = try exchange(old.probe, loaded).lines
        let save = loaded.artifacts.first { $0.path.contains("tables-") }
        if let save { new.rules.tables = Self.tables(save, old.rules) }
        return new
    }

    /// The rules as the tool prints them.
    static func tables(_ save: Artifact, _ rules: FuzzRules) -> [FuzzTable] {
        let lines = String(decoding: save.bytes, as: UTF8.self).split(separator: "\n").map(String.init)
        var all = FuzzRules(family: rules.family, restoreText: lines.filter { !$0.hasPrefix("#") }, setText: []).tables
        all.removeAll { table in
            table.chains.allSatisfy { $0.rules.isEmpty && $0.policy == "ACCEPT" }
                && !rules.tables.contains { $0.name == table.name }
        }
        return all.sorted { Self.order($0.name) < Self.order($1.name) }
    }

    private static func order(_ table: String) -> Int { FuzzRules.builtIn.firstIndex { $0.0 == table } ?? 9 }

    /// Writes the files of the network into a folder, as cases need them.
    package func writeNetwork(to folder: String) throws {
        try apply(FuzzSettings())
        for artifact in try FuzzLayout(network).collect(node, peers) {
            let path = folder + "/" + artifact.path
            let parent = URL(fileURLWithPath: path).deletingLastPathComponent()
            try FileManager.default.createDirectory(at: parent, withIntermediateDirectories: true)
            try Data(artifact.bytes).write(to: URL(fileURLWithPath: path))
        }
    }
}
