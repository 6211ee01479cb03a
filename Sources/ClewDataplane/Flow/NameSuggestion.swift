/// Finds the names a user may have meant.
package enum NameSuggestion {
    /// `"; did you mean a, b?"`, or nothing where no candidate is near.
    package static func text(for name: String, among candidates: [String]) -> String {
        let near = nearest(to: name, among: candidates)
        return near.isEmpty ? "" : "; did you mean \(near.joined(separator: " or "))?"
    }

    /// At most three candidates, nearest first: the same last part of a path, or few edits away.
    package static func nearest(to name: String, among candidates: [String]) -> [String] {
        let wanted = Array(name.lowercased().utf8)
        let tail = lastPart(wanted)
        let limit = max(2, wanted.count / 4)
        var scored: [(distance: Int, name: String)] = []
        for candidate in candidates {
            let bytes = Array(candidate.lowercased().utf8)
            if lastPart(bytes) == tail {
                scored.append((0, candidate))
            } else if let distance = distance(wanted, bytes, limit: limit) {
                scored.append((distance, candidate))
            }
        }
        scored.sort { $0.distance == $1.distance ? $0.name < $1.name : $0.distance < $1.distance }
        return scored.prefix(3).map(\.name)
    }

    private static func lastPart(_ bytes: [UInt8]) -> ArraySlice<UInt8> {
        guard let slash = bytes.lastIndex(of: UInt8(ascii: "/")) else { return bytes[...] }
        return bytes[(slash + 1)...]
    }

    /// The number of insertions, deletions and substitutions between two texts; `nil` beyond the limit.
    private static func distance(_ a: [UInt8], _ b: [UInt8], limit: Int) -> Int? {
        guard abs(a.count - b.count) <= limit, a.count < 300, b.count < 300 else { return nil }
        var row = Array(0...b.count)
        for i in a.indices {
            var diagonal = row[0]
            row[0] = i + 1
            for j in b.indices {
                let cost = a[i] == b[j] ? diagonal : diagonal + 1
                diagonal = row[j + 1]
                row[j + 1] = min(cost, min(row[j], row[j + 1]) + 1)
            }
            if row.min() ?? 0 > limit { return nil }
        }
        let result = row[b.count]
        return result <= limit ? result : nil
    }
}
