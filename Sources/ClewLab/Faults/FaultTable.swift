extension FaultCatalogue {
    /// Every fault as a row of a table in Markdown: `docs/lab.md` holds it, and a test that it is still true.
    package static var markdown: String {
        var lines = [
            "| fault | rows | where | what a client sees | example | Clew must say |", "|---|---|---|---|---|---|",
        ]
        lines += all.map { fault in
            let rows = fault.rows.map { $0.hasPrefix("CLEW-") ? String($0.dropFirst(5)) : $0 }
            let port = fault.sourcePort.map { ", port \($0)" } ?? ""
            let size = fault.size > 0 ? ", \(fault.size) bytes" : ""
            let cells = [
                "`\(fault.name)`", rows.joined(separator: ", "), places(of: fault), fault.symptom,
                "`\(fault.example.from)` → `\(fault.example.to)`\(port)\(size): "
                    + fault.client.sorted().map(\.rawValue).joined(separator: " or "),
                fault.mustSay.map { "`\($0)`" }.joined(separator: " or "),
            ]
            return "| " + cells.joined(separator: " | ") + " |"
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The networks a fault can exist in, or those it cannot where they are fewer.
    private static func places(of fault: Fault) -> String {
        let here = NetworkCatalogue.all.filter { fault.canExist($0) }.map(\.name)
        let virtual = NetworkCatalogue.virtual.filter { fault.canExist($0) }.map(\.name)
        let missing = NetworkCatalogue.all.map(\.name).filter { !here.contains($0) }
        var texts: [String] = []
        if missing.isEmpty {
            texts.append("all")
        } else if here.count > missing.count {
            texts.append("all but \(missing.map { "`\($0)`" }.joined(separator: ", "))")
        } else if !here.isEmpty {
            texts.append(here.map { "`\($0)`" }.joined(separator: ", "))
        }
        if !virtual.isEmpty { texts.append("VM: " + virtual.map { "`\($0)`" }.joined(separator: ", ")) }
        return texts.joined(separator: "; ")
    }
}
