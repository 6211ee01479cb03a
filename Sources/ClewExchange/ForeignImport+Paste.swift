import ClewBundle
import ClewParsers
import ClewSnapshot

extension ForeignImport {
    /// Takes a text from a terminal: each answer goes where its command ran.
    ///
    /// What a command prints that is not understood is never guessed: it may be of another machine.
    mutating func takePaste(_ artifact: Artifact, node: String) -> Bool {
        let (sections, linesInFront) = PasteSplitter.session(String(decoding: artifact.bytes, as: UTF8.self))
        guard !sections.isEmpty else { return false }
        if linesInFront > 0 {
            notUnderstood.append(
                "\(artifact.path): \(linesInFront) \(linesInFront == 1 ? "line" : "lines") before the first prompt")
        }
        // Objects first: they tell where pods run.
        let objects = sections.map(Self.objects)
        for (section, objects) in zip(sections, objects) {
            guard let objects else { continue }
            let stem = Self.withoutEndings(artifact.path.split(separator: "/").joined(separator: "-"))
            take(
                objects, from: "\(artifact.path): \(section.command)", to: "cluster/\(stem).\(objects.form.rawValue)")
        }
        var shells = PasteShells()
        for (section, objects) in zip(sections, objects) {
            shells.reach(section)
            if objects == nil { take(section, of: artifact.path, node: node, in: shells) }
            shells.run(section)
        }
        return true
    }

    private mutating func take(
        _ section: PasteSplitter.Section, of path: String, node: String, in shells: PasteShells
    ) {
        let name = "\(path): \(section.command)"
        guard section.output.contains(where: { !$0.isWhitespace }) else {
            if CommandGuess.answer(to: section.command) != nil { notUnderstood.append("\(name): printed nothing") }
            return
        }
        let lines = section.output.split(separator: "\n", omittingEmptySubsequences: false)
        let output = Array(lines.filter { !$0.hasPrefix("[sudo] password for ") }.joined(separator: "\n").utf8)
        guard let answer = CommandGuess.answer(to: section.command) else { return notUnderstood.append(name) }
        guard isPlausible(output) || section.output.count(where: \.isNewline) > 3 else {
            return notUnderstood.append("\(name): failed")
        }
        switch folder(of: shells.place(of: section, going: answer.place), node: node) {
        case .success(let folder):
            add(
                folder + answer.file, answer.content(output), from: name, answer.isSelection ? .part : .prompt,
                parts: answer.parts)
        case .failure(let unplaced): notUnderstood.append("\(name): \(unplaced.reason)")
        }
    }

    /// Why it is not known where something ran.
    private struct Unplaced: Error {
        var reason: String
    }

    /// The folder of a node or of a namespace, with a slash behind it.
    private mutating func folder(of place: PasteShells.Place, node: String) -> Result<String, Unplaced> {
        if place.isUnknown { return .failure(Unplaced(reason: "on which machine it ran is not known")) }
        let told = place.node.flatMap { Self.isPlain($0) ? $0 : nil }
        let machine = place.isOther ? told ?? node : nodeName ?? told ?? node
        switch place.space {
        case .host: return .success("nodes/\(machine)/")
        case .named(let space):
            guard Self.isPlain(space) else { return .failure(Unplaced(reason: "in which network it ran is not known")) }
            return .success("nodes/\(machine)/netns/\(space)/")
        case .pod(let namespace, let name): return folder(ofPod: name, in: namespace)
        case .unknown: return .failure(Unplaced(reason: "in which network it ran is not known"))
        }
    }

    /// Kubectl reaches pods on all nodes: objects tell on which one, else the user says that there is only one.
    private mutating func folder(ofPod name: String, in namespace: String?) -> Result<String, Unplaced> {
        let named = knownPods().filter { $0.name.name == name }
        let inNamespace = named.filter { $0.name.namespace == namespace ?? "default" }
        let found = namespace == nil && named.count == 1 ? named : inNamespace
        if found.count == 1, let node = found[0].nodeName, Self.isPlain(node) {
            return .success("nodes/\(node)/" + (found[0].usesHostNetwork ? "" : "netns/\(name)/"))
        }
        guard let nodeName, Self.isPlain(name) else {
            return .failure(Unplaced(reason: "on which node the pod \(name) runs is not known"))
        }
        return .success("nodes/\(nodeName)/netns/\(name)/")
    }
}
