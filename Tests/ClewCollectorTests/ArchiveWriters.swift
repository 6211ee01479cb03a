/// Writes tar archives byte by byte, wrong ones included.
struct TarWriter {
    enum Format { case posix, gnu, v7 }

    private(set) var bytes: [UInt8] = []
    var format = Format.posix

    /// Appends an entry; `size` and `checksumOffset` make headers that lie.
    mutating func add(
        _ name: String, _ content: String = "", flag: Character = "0", size: Int? = nil, prefix: String = "",
        link: String = "", checksumOffset: Int = 0, binarySize: Bool = false
    ) {
        add(
            Array(name.utf8), Array(content.utf8), flag: flag, size: size, prefix: prefix, link: link,
            checksumOffset: checksumOffset, binarySize: binarySize)
    }

    mutating func add(
        _ name: [UInt8], _ content: [UInt8], flag: Character = "0", size: Int? = nil, prefix: String = "",
        link: String = "", checksumOffset: Int = 0, binarySize: Bool = false
    ) {
        var header = [UInt8](repeating: 0, count: 512)
        func put(_ text: [UInt8], at offset: Int) { header.replaceSubrange(offset..<offset + text.count, with: text) }
        put(Array(name.prefix(100)), at: 0)
        put(Array("0000644\0".utf8), at: 100)
        put(octal(size ?? content.count, digits: 11), at: 124)
        if binarySize {
            let value = UInt64(size ?? content.count)
            put([0x80, 0, 0, 0] + (0..<8).map { UInt8(truncatingIfNeeded: value >> (56 - 8 * $0)) }, at: 124)
        }
        put(octal(0, digits: 11), at: 136)
        header[156] = flag.asciiValue ?? 0
        put(Array(link.utf8.prefix(100)), at: 157)
        switch format {
        case .posix: put(Array("ustar\u{0}00".utf8), at: 257)
        case .gnu: put(Array("ustar  \u{0}".utf8), at: 257)
        case .v7: break
        }
        put(Array(prefix.utf8), at: 345)
        put(Array("        ".utf8), at: 148)
        let sum = header.reduce(0) { $0 + Int($1) } + checksumOffset
        put(octal(sum, digits: 6) + [0x20], at: 148)
        bytes += header
        bytes += content
        bytes += [UInt8](repeating: 0, count: (512 - content.count % 512) % 512)
    }

    /// Appends GNU's long name, and the entry it names.
    mutating func addLongName(_ name: String, _ content: String) {
        add("././@LongLink", name + "\0", flag: "L")
        add(String(name.prefix(100)), content)
    }

    /// Appends a pax header, and an entry that it speaks of.
    mutating func addPax(_ records: [(String, String)], name: String = "short", _ content: String, size: Int? = nil) {
        add("PaxHeaders/short", records.map { Self.paxRecord($0.0, $0.1) }.joined(), flag: "x")
        add(name, content, size: size)
    }

    static func paxRecord(_ key: String, _ value: String) -> String {
        let rest = " \(key)=\(value)\n"
        var length = rest.utf8.count + 1
        while String(length).utf8.count + rest.utf8.count != length { length += 1 }
        return "\(length)\(rest)"
    }

    /// The archive with its end mark.
    func finished() -> [UInt8] { bytes + [UInt8](repeating: 0, count: 1024) }

    private func octal(_ value: Int, digits: Int) -> [UInt8] {
        let text = String(value, radix: 8)
        return Array((String(repeating: "0", count: max(0, digits - text.count)) + text + "\0").utf8)
    }
}

/// A gzip member whose deflate blocks are all stored, not packed.
func storedGzip(_ bytes: [UInt8]) -> [UInt8] {
    var result: [UInt8] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]
    var rest = bytes[...]
    repeat {
        let block = rest.prefix(60_000)
        rest = rest.dropFirst(block.count)
        let length = UInt16(block.count)
        result.append(rest.isEmpty ? 1 : 0)
        for value in [length, ~length] { result += [UInt8(value & 0xff), UInt8(value >> 8)] }
        result += block
    } while !rest.isEmpty
    for value in [crc32(bytes), UInt32(truncatingIfNeeded: bytes.count)] {
        result += (0..<4).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    return result
}

private func crc32(_ bytes: [UInt8]) -> UInt32 {
    let table = (0..<256).map { (index: UInt32) in
        (0..<8).reduce(index) { value, _ in value & 1 == 1 ? value >> 1 ^ 0xedb8_8320 : value >> 1 }
    }
    return ~bytes.reduce(~0) { $0 >> 8 ^ table[Int(($0 ^ UInt32($1)) & 0xff)] }
}

/// A zstd frame of raw blocks.
func rawZstd(_ bytes: [UInt8]) -> [UInt8] {
    var result = zstdFrameHeader
    var rest = bytes[...]
    repeat {
        let block = rest.prefix(100_000)
        rest = rest.dropFirst(block.count)
        result += zstdBlockHeader(size: block.count, type: 0, isLast: rest.isEmpty)
        result += block
    } while !rest.isEmpty
    return result
}

/// A zstd frame of `blocks` × 128 KiB of one byte, each in four bytes.
func zstdBomb(blocks: Int, of byte: UInt8) -> [UInt8] {
    var result = zstdFrameHeader
    for block in 1...blocks {
        result += zstdBlockHeader(size: 1 << 17, type: 1, isLast: block == blocks) + [byte]
    }
    return result
}

/// Magic, no checksum, a window of 128 KiB.
private let zstdFrameHeader: [UInt8] = [0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38]

private func zstdBlockHeader(size: Int, type: Int, isLast: Bool) -> [UInt8] {
    let value = size << 3 | type << 1 | (isLast ? 1 : 0)
    return (0..<3).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
}
