import ClewBundle
import ClewExchange

/// A redacted bundle with each pseudonym written as what it stands for, in the words of a bundle with harmless names.
struct CanonicalBundle {
    /// A run of letters and digits, with what joins them; or a single byte.
    private struct Unit {
        /// With pseudonyms as `⟦name⟧`, in the words of the harmless bundle.
        var canonical: String
        /// What the run was before it was redacted.
        var source: String
    }

    private var files: [String: [Unit]] = [:]
    private var pseudonyms: [String: (canonical: String, source: String)] = [:]

    /// `names`, `hashes`: what those of this bundle are in the harmless one.
    init(
        _ redacted: (bundle: SupportBundle, report: Redaction.Report), names: [String: String],
        hashes: [String: String]
    ) {
        let back = BundleRenaming(names, hashes: hashes)
        for pair in redacted.report.pairs {
            let canonical = String(decoding: back.text(Array(pair.original.utf8)), as: UTF8.self)
            pseudonyms[pair.pseudonym] = (canonical, pair.original)
        }
        for artifact in redacted.bundle.artifacts {
            let path = units(Array(artifact.path.utf8)).map(\.canonical).joined()
            files[path] = units(artifact.bytes)
        }
    }

    private func units(_ bytes: [UInt8]) -> [Unit] {
        var units: [Unit] = []
        var index = 0
        var unit = Unit(canonical: "", source: "")
        func isJoined(_ byte: UInt8) -> Bool { NameRun.isLetter(byte) || "._-".utf8.contains(byte) }
        while index < bytes.count {
            let start = index
            let isStart = NameRun.isLetter(bytes[index]) && (index == 0 || !NameRun.isLetter(bytes[index - 1]))
            if isStart, let (hash, rest) = NameRun.nft(bytes, index) {
                // The hash is the right one for the pseudonyms that follow.
                unit.canonical += String(decoding: bytes[index..<hash], as: UTF8.self) + "#"
                unit.source += "#"
                index = rest.lowerBound - 1
            } else if isStart {
                let ends = NameRun.ends(bytes, index, joinedBy: UInt8(ascii: "_"))
                let words = ends.lazy.map { (end: $0, word: String(decoding: bytes[start..<$0], as: UTF8.self)) }
                if let found = words.first(where: { pseudonyms[$0.word] != nil }), let name = pseudonyms[found.word] {
                    unit.canonical += "⟦\(name.canonical)⟧"
                    unit.source += name.source
                    index = found.end
                } else {
                    index = ends.last ?? index + 1
                    let text = String(decoding: bytes[start..<index], as: UTF8.self)
                    unit.canonical += text
                    unit.source += text
                }
            } else {
                index += 1
                let text = String(decoding: bytes[start..<index], as: UTF8.self)
                unit.canonical += text
                unit.source += text
            }
            if index == bytes.count || !isJoined(bytes[index]) || !isJoined(bytes[start]) {
                units.append(unit)
                unit = Unit(canonical: "", source: "")
            }
        }
        return units
    }

    /// Where this bundle says something else than the harmless one, at most once for each file.
    ///
    /// What was the same word before may have become more of a pseudonym in one of them. A word that was a name in the
    /// harmless one is another word there: what became of both must be the same pseudonym.
    func differences(from harmless: CanonicalBundle) -> [String] {
        var result: [String] = []
        for path in Set(files.keys).symmetricDifference(harmless.files.keys).sorted() {
            result.append("only in one: \(path)")
        }
        for (path, units) in files.sorted(by: { $0.key < $1.key }) {
            guard let others = harmless.files[path] else { continue }
            let place = zip(units, others).enumerated().first { !Self.isSame($1.0, $1.1) }?.offset
            guard let number = place ?? (units.count == others.count ? nil : min(units.count, others.count)) else {
                continue
            }
            let range = max(number - 24, 0)..<(number + 8)
            let here = units[range.clamped(to: units.indices)].map(\.canonical).joined()
            let there = others[range.clamped(to: others.indices)].map(\.canonical).joined()
            result.append("\(path): '\(here)' where the harmless one has '\(there)'")
        }
        return Array(result.prefix(8))
    }

    private static func isSame(_ unit: Unit, _ other: Unit) -> Bool {
        if unit.canonical == other.canonical || unit.source == other.source { return true }
        // Two pseudonyms where the other has one for both; a name that was let through is called otherwise there.
        let isBracket: (Character) -> Bool = { $0 == "⟦" || $0 == "⟧" }
        return unit.canonical.filter { !isBracket($0) } == other.canonical.filter { !isBracket($0) }
    }
}
