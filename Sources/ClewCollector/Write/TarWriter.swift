/// Headers of a tar archive in the POSIX format (`ustar`), with GNU's entry for long names.
struct TarWriter {
    /// Seconds since 1970 that each entry is said to be from.
    let time: Int

    private static let longNameFlag = UInt8(ascii: "L")

    /// The bytes before a file's content: one header, or more where its name is long.
    func header(path: String, size: Int) -> [UInt8] { entry(path: path, size: size, flag: UInt8(ascii: "0"), link: "") }

    /// An entry that says: the same file as the earlier one at `target`.
    func link(path: String, to target: String) -> [UInt8] {
        entry(path: path, size: 0, flag: UInt8(ascii: "1"), link: target)
    }

    /// The zeros that fill the last block of content.
    static func padding(behind size: Int) -> [UInt8] {
        [UInt8](repeating: 0, count: (TarHeader.blockSize - size % TarHeader.blockSize) % TarHeader.blockSize)
    }

    /// What ends an archive.
    static let end = [UInt8](repeating: 0, count: 2 * TarHeader.blockSize)

    private func entry(path: String, size: Int, flag: UInt8, link: String) -> [UInt8] {
        longName(link, flag: UInt8(ascii: "K")) + longName(path, flag: Self.longNameFlag)
            + block(name: Array(path.utf8), size: size, flag: flag, link: Array(link.utf8))
    }

    /// An entry that holds the name of the next one, where that does not fit into a header.
    private func longName(_ name: String, flag: UInt8) -> [UInt8] {
        let content = Array(name.utf8) + [0]
        guard content.count > 100 else { return [] }
        return block(name: Array("././@LongLink".utf8), size: content.count, flag: flag, link: []) + content
            + Self.padding(behind: content.count)
    }

    private func block(name: [UInt8], size: Int, flag: UInt8, link: [UInt8]) -> [UInt8] {
        var block = [UInt8](repeating: 0, count: TarHeader.blockSize)
        func put(_ bytes: some Sequence<UInt8>, at offset: Int) {
            for (index, byte) in bytes.enumerated() { block[offset + index] = byte }
        }
        put(name.prefix(100), at: 0)
        put("0000644".utf8, at: 100)
        put("0000000".utf8, at: 108)
        put("0000000".utf8, at: 116)
        put(Self.octal(size, digits: 11), at: 124)
        put(Self.octal(max(time, 0), digits: 11), at: 136)
        put([UInt8](repeating: UInt8(ascii: " "), count: 8), at: 148)
        block[156] = flag
        put(link.prefix(100), at: 157)
        put("ustar\u{0}00".utf8, at: 257)
        let sum = block.reduce(0) { $0 + Int($1) }
        put(Self.octal(sum, digits: 6) + [0], at: 148)
        return block
    }

    /// A number of up to 8 GiB in octal digits.
    private static func octal(_ number: Int, digits: Int) -> [UInt8] {
        (0..<digits).reversed().map { UInt8(ascii: "0") + UInt8(truncatingIfNeeded: (number >> (3 * $0)) & 7) }
    }
}
