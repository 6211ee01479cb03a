/// Which namespaces of a world a walk has looked at.
///
/// A class, since every copy of the tracer writes into the one record. A record is one walk's at a time: it is never
/// shared between threads.
final class ReadRecord: Sendable {
    /// A bit per namespace.
    nonisolated(unsafe) private(set) var words: [UInt64]

    init(namespaces count: Int) {
        words = [UInt64](repeating: 0, count: Self.words(for: count))
    }

    static func words(for count: Int) -> Int { max(1, (count + 63) / 64) }

    func note(_ index: NamespaceIndex) {
        let number = Int(index.rawValue)
        guard number >= 0, number >> 6 < words.count else { return }
        words[number >> 6] |= 1 << UInt64(number & 63)
    }

    func clear() {
        for index in words.indices { words[index] = 0 }
    }
}
