import ClewDiagnostics
import ClewReports
import ClewSnapshot
import Foundation

/// Runs the script that `clew fix` prints on the nodes of a lab, and tries a connection before, after, and undone.
struct FixJudge {
    private let lab: Lab
    private let flow: ProbeFlow
    /// What was seen; the counts come last.
    private(set) var notes: [String] = []

    init(_ lab: Lab, _ flow: ProbeFlow) {
        self.lab = lab
        self.flow = flow
    }

    /// How often a connection is tried: those that chance has a part in fail only sometimes.
    private static let count = 12

    /// Whether it fails before, works with the fix, works when the fix is made twice, and fails once it is undone, the
    /// undoing made twice too.
    mutating func tries(_ finding: Finding, _ fix: Fix, of snapshot: ClusterSnapshot) throws(SystemError) -> Bool {
        let script = FixScript(snapshot, command: "clew fix").text([(finding, fix)])
        let folder = try TemporaryFolder("fix")
        let path = "\(folder.path)/fix.sh"
        guard FileManager.default.createFile(atPath: path, contents: Data(script.utf8)) else {
            throw .unusable("\(path) cannot be written")
        }
        try nameNamespaces()
        defer { forgetNamespaces() }
        let names = fix.nodes
        notes += fix.commands.map { "\($0.place.name)# \($0.command)" }
        let before = try answered()
        var isClean = try runs(path, "apply", names, isFirst: true)
        let after = try answered()
        isClean = try runs(path, "apply", names) && isClean
        let again = try answered()
        let most = flow.sourcePort == nil ? Self.count : 2
        guard fix.canBeUndone else {
            notes.append(
                "of \(most) tries \(before) answered before, \(after) with the fix, \(again) with it made twice")
            return isClean && before < most && after == most && again == most
        }
        isClean = try runs(path, "undo", names.reversed(), isFirst: true) && isClean
        let undone = try answered()
        isClean = try runs(path, "undo", names.reversed()) && isClean
        let text = isClean ? "" : "; a command failed"
        notes.append(
            "of \(most) tries \(before) answered before, \(after) with the fix, \(again) with it made twice, "
                + "\(undone) with it undone\(text)")
        return isClean && before < most && after == most && again == most && undone < most
    }

    private func answered() throws(SystemError) -> Int {
        // What neighbours have said before would outlive an undo by a minute.
        for namespace in lab.pods.map(\.namespace) + lab.nodes.map(\.namespace) {
            _ = try namespace.run(Command(["ip", "neigh", "flush", "all"]))
        }
        var run = ProbeRun()
        run.watches = false
        guard flow.sourcePort != nil else {
            let results = try run.results(Array(repeating: flow, count: Self.count), in: lab)
            return results.count { $0.outcome == .answered }
        }
        // A source port that is given can be used once at a time.
        var count = 0
        for _ in 0..<2 { count += try run.results([flow], in: lab).count { $0.outcome == .answered } }
        return count
    }

    /// Whether every node's part of the script ended with 0; the first time it must not say that nothing was to do.
    private mutating func runs(
        _ path: String, _ verb: String, _ names: [String], isFirst: Bool = false
    ) throws(SystemError) -> Bool {
        var isClean = true
        for name in names {
            guard let node = lab.node(name) else { throw .unusable("no node \(name) to run the fix on") }
            let result = try node.namespace.run(Command(["sh", path, verb, name]))
            let isBad = result.status != .exited(0) || isFirst && result.errorText.contains(FixScript.nothingToDo)
            if isBad {
                isClean = false
                notes.append("\(name)# sh fix.sh \(verb): \(result.status): \(result.errorText)")
            }
        }
        return isClean
    }

    // MARK: - Names

    /// Gives pods' namespaces the names that `ip -n` knows them by, as container runtimes do.
    private func nameNamespaces() throws(SystemError) {
        guard Isolation.isEntered else { return }
        forgetNamespaces()
        for pod in lab.pods {
            let path = Self.path(of: pod)
            try Command(["sh", "-c", "touch \(path) && mount --bind \(pod.namespace.path) \(path)"]).run().output()
        }
    }

    private func forgetNamespaces() {
        guard Isolation.isEntered else { return }
        for pod in lab.pods {
            let path = Self.path(of: pod)
            _ = try? Command(["sh", "-c", "umount -l \(path) 2>/dev/null; rm -f \(path)"]).run()
        }
    }

    private static func path(of pod: LabPod) -> String { "/run/netns/\(pod.plan.namespaceName)" }
}

extension Fix {
    /// The nodes that its commands are for, in the order of the commands.
    fileprivate var nodes: [String] {
        var result: [String] = []
        for command in commands where !result.contains(command.place.name) { result.append(command.place.name) }
        return result
    }
}

extension FixCommand.Place {
    fileprivate var name: String {
        switch self {
        case .node(let name): name
        case .workstation: "workstation"
        }
    }
}
