import ClewBundle
import ClewParsers
import ClewSnapshot

extension ForeignImport {
    typealias Objects = (bytes: [UInt8], form: ObjectText.Form, others: Int)

    /// Takes API objects, without the Secrets among them.
    mutating func take(_ objects: Objects, from source: String, to path: String? = nil) {
        guard let clean = SecretFilter.filtered(objects.bytes) else {
            return notUnderstood.append("\(source): \(SecretFilter.unreadable)")
        }
        // Of a document that was one Secret, marks of documents stay.
        guard clean.count == 0 || clean.bytes.contains(where: { $0 > 0x20 && $0 != UInt8(ascii: "-") }) else {
            return notUnderstood.append("\(source): Secrets are not taken")
        }
        if clean.count > 0 { notUnderstood.append("\(source): \(SecretFilter.told(clean.count))") }
        if objects.others > 0 {
            notUnderstood.append(
                "\(source): \(objects.others) \(objects.others == 1 ? "line" : "lines") beside the API objects")
        }
        var place = path ?? "cluster/" + source.split(separator: "/").joined(separator: "-")
        let lower = place.lowercased()
        if ![".json", ".yaml", ".yml"].contains(where: lower.hasSuffix) { place += ".\(objects.form.rawValue)" }
        let dot = place.lastIndex(of: ".") ?? place.endIndex
        let (stem, ending) = (String(place[..<dot]), String(place[dot...]))
        var number = 2
        while isTaken(place) {
            place = "\(stem)-\(number)\(ending)"
            number += 1
        }
        add(place, clean.bytes, from: source, .object)
        pods = nil
        objectFiles.append(Artifact(path: place, bytes: clean.bytes))
    }

    /// What `kubectl get -o json` or `-o yaml` printed; `nil` for other commands.
    static func objects(printedAt section: PasteSplitter.Section) -> Objects? {
        guard let command = ShellCommand(section.command), let program = command.words.first,
            ["kubectl", "oc", "k", "kubecolor", "k3s", "microk8s", "minikube", "microk8s.kubectl"].contains(program),
            command.words.contains("get"), command.filters.isEmpty
        else { return nil }
        return ObjectText.objects(in: Array(section.output.utf8))
    }

    /// The pods of all objects among the files.
    mutating func knownPods() -> [Pod] {
        if let pods { return pods }
        // Objects that come later are among the files; those of this text were taken before.
        var all = objectFiles
        let taken = Set(all.map(\.path))
        for file in files where !taken.contains(file.path) {
            guard let objects = ObjectText.objects(in: file) else { continue }
            all.append(Artifact(path: "\(file.path).\(objects.form.rawValue)", bytes: objects.bytes))
        }
        var found: [NamespacedName: Pod] = [:]
        for artifact in all {
            let isYAML = !artifact.path.lowercased().hasSuffix(".json")
            let objects = KubernetesParser.parse(artifact.bytes, artifact: .init(rawValue: 0), isYAML: isYAML).objects
            for pod in objects.pods { found[pod.name] = pod }
        }
        let sorted = found.values.sorted { $0.name < $1.name }
        pods = sorted
        return sorted
    }
}
