package import ClewBundle
package import ClewSnapshot

/// Finds data paths that Clew does not simulate, so that a trace which meets one says so.
package enum DataPathParser {
    /// Reads `tc filter show` of several devices, as text or JSON.
    ///
    /// The command does not print the device it was asked for, so each device's part begins with a heading: a line
    /// `# dev NAME ingress` (or `egress`), or `==> NAME ingress <==`. A `dev` within a filter's line or object counts
    /// too. Every filter counts, whatever its kind: each may drop or redirect.
    package static func parseTrafficControl(
        _ bytes: [UInt8], artifact: ArtifactID
    ) -> ParsedFile<[UnmodelledDataPath]> {
        var result = ParsedFile<[UnmodelledDataPath]>([], lines: 0)
        var place = Place()
        var seen: Set<Place> = []
        var endOfJSON = 0
        for line in TextLines(bytes) {
            result.lines += 1
            if line.bytes.startIndex < endOfJSON { continue }
            let words = line.words
            guard let first = words.first else { continue }
            if first.hasPrefix("[") || first.hasPrefix("{") {
                endOfJSON = readFilters(bytes, line, place, artifact, &result)
            } else if let next = Place(heading: words) {
                place = next
            } else if first == "filter" {
                var found = place
                if let label = words.firstIndex(of: "dev"), label + 1 < words.count { found.device = words[label + 1] }
                found.kind = filterKind(words)
                // One filter takes several lines, its classifier first, then each handle.
                if seen.insert(found).inserted {
                    result.value.append(
                        UnmodelledDataPath(
                            kind: .tc, device: found.device, text: found.describe(line.text.trimmed),
                            source: line.source(artifact)))
                }
            } else if !first.hasPrefix("#"), line.bytes.first != UInt8(ascii: " "),
                line.bytes.first != UInt8(ascii: "\t")
            {
                // Indented lines are a filter's actions.
                result.unread.append(line.unread(artifact, because: "not a line of tc filter show"))
            }
        }
        return result
    }

    /// Reads the JSON text that begins in `line`, and returns where it ends.
    private static func readFilters(
        _ bytes: [UInt8], _ line: TextLine, _ place: Place, _ artifact: ArtifactID,
        _ result: inout ParsedFile<[UnmodelledDataPath]>
    ) -> Int {
        var reader = JSONReader(bytes)
        reader.restart(at: line.bytes.startIndex)
        var seen: Set<Place> = []
        do throws(JSONError) {
            try reader.forEachObject { (reader) throws(JSONError) in
                var found = place
                try reader.forEachKey { (reader, key) throws(JSONError) in
                    switch key {
                    case "kind": found.kind = try reader.string()
                    case "dev": found.device = try reader.string()
                    default: try reader.skipValue()
                    }
                }
                guard seen.insert(found).inserted else { return }
                result.value.append(
                    UnmodelledDataPath(
                        kind: .tc, device: found.device, text: found.describe("\(found.kind) filter"),
                        source: line.source(artifact)))
            }
            return reader.offset
        } catch {
            result.unread.append(line.unread(artifact, because: "not JSON of tc filter show: \(error)"))
            return bytes.count
        }
    }

    /// The word behind `pref N`: `bpf`, `u32`, `flower`.
    private static func filterKind(_ words: [String]) -> String {
        guard let label = words.firstIndex(of: "pref"), label + 2 < words.count else { return "" }
        return words[label + 2]
    }

    /// Reads `ebtables-save`: any rule, and any built-in chain whose policy is not ACCEPT, may keep a frame from
    /// reaching the IP layer.
    package static func parseEbtables(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<[UnmodelledDataPath]> {
        var result = ParsedFile<[UnmodelledDataPath]>([], lines: 0)
        var isReported = false
        let builtIn: Set<String> = [":INPUT", ":FORWARD", ":OUTPUT", ":PREROUTING", ":POSTROUTING", ":BROUTING"]
        for line in TextLines(bytes) {
            result.lines += 1
            let words = line.words
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            if first.hasPrefix("*") || first == "COMMIT" { continue }
            if first.hasPrefix(":") {
                guard builtIn.contains(first), words.count > 1, words[1] != "ACCEPT" else { continue }
            } else if !first.hasPrefix("-") && !first.hasPrefix("[") {
                result.unread.append(line.unread(artifact, because: "not a line of ebtables-save"))
                continue
            }
            if isReported { continue }
            isReported = true
            result.value.append(
                UnmodelledDataPath(kind: .ebtables, device: nil, text: line.text.trimmed, source: line.source(artifact))
            )
        }
        return result
    }

    /// Reads `ip xfrm policy`.
    ///
    /// Policies of single sockets (key daemons set them for themselves) do not count.
    package static func parseXfrm(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedFile<[UnmodelledDataPath]> {
        var result = ParsedFile<[UnmodelledDataPath]>([], lines: 0)
        var pending: (text: String, source: SourceLine)?
        func end() {
            if let (text, source) = pending {
                result.value.append(UnmodelledDataPath(kind: .xfrm, device: nil, text: text, source: source))
            }
            pending = nil
        }
        for line in TextLines(bytes) {
            result.lines += 1
            let words = line.words
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            if first == "src", line.bytes.first != 0x20, line.bytes.first != 0x09 {
                end()
                pending = (line.text.trimmed, line.source(artifact))
            } else if first == "socket" {
                pending = nil
            } else if line.bytes.first != 0x20, line.bytes.first != 0x09 {
                result.unread.append(line.unread(artifact, because: "not a line of ip xfrm policy"))
            }
        }
        end()
        return result
    }
}

/// Where a filter is attached.
private struct Place: Hashable {
    var device: String?
    var direction: String?
    var kind = ""

    init() {}

    /// `# dev eth0 ingress`, `==> eth0 egress <==`.
    init?(heading words: [String]) {
        var names = words[...]
        if words.first == "==>", words.last == "<==" {
            names = words.dropFirst().dropLast()
        } else if words.first == "#" {
            names = words.dropFirst()
            guard names.first == "dev" else { return nil }
        } else {
            return nil
        }
        if names.first == "dev" { names = names.dropFirst() }
        guard let name = names.first else { return nil }
        device = name
        direction = names.dropFirst().first
    }

    func describe(_ text: String) -> String { direction.map { "\($0): \(text)" } ?? text }
}
