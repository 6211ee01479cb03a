/// One 512-byte header of a tar archive.
///
/// Formats: v7, POSIX ustar and pax (IEEE 1003.1, `pax`), and GNU (`tar.h` of GNU tar).
struct TarHeader {
    static let blockSize = 512

    enum Kind: Hashable {
        case file, folder, hardLink, symbolicLink, characterDevice, blockDevice, pipe
        /// The name of the next entry, where it is longer than 100 bytes.
        case gnuLongName, gnuLongLink
        case pax, globalPax
        case gnuSparse
        /// A label or a list of names; holds no file.
        case information
        case unknown(UInt8)
    }

    let name: [UInt8]
    let kind: Kind
    /// Whether content follows at all.
    let hasContent: Bool
    /// Bytes of content behind the header, as the field says.
    let size: Int
    /// The name of what a link points to.
    let linkName: [UInt8]
    /// A GNU sparse map goes on in the next block.
    let hasMoreSparseBlocks: Bool

    /// Takes a block apart; `nil` where its checksum or a number is wrong, so that it is no header.
    init?(_ block: [UInt8]) {
        guard block.count == Self.blockSize, Self.checksumHolds(block) else { return nil }
        guard let size = Self.number(block[124..<136]) else { return nil }
        let magic = block[257..<263]
        let isPosix = magic == [0x75, 0x73, 0x74, 0x61, 0x72, 0]
        let isGNU = magic == [0x75, 0x73, 0x74, 0x61, 0x72, 0x20]
        var name = Self.text(block[0..<100])
        let prefix = isPosix ? Self.text(block[345..<500]) : []
        if !prefix.isEmpty { name = prefix + [UInt8(ascii: "/")] + name }
        self.name = name
        kind = Self.kind(of: block[156])
        // Links, folders and devices have no content, whatever the field says (old archives give a link the size of
        // what it points to).
        hasContent =
            switch kind {
            case .folder, .hardLink, .symbolicLink, .characterDevice, .blockDevice, .pipe: false
            case .file, .gnuLongName, .gnuLongLink, .pax, .globalPax, .gnuSparse, .information, .unknown: true
            }
        self.size = hasContent ? size : 0
        linkName = Self.text(block[157..<257])
        hasMoreSparseBlocks = isGNU && kind == .gnuSparse && block[482] != 0
    }

    private static func kind(of flag: UInt8) -> Kind {
        switch flag {
        case 0, UInt8(ascii: "0"), UInt8(ascii: "7"): .file
        case UInt8(ascii: "1"): .hardLink
        case UInt8(ascii: "2"): .symbolicLink
        case UInt8(ascii: "3"): .characterDevice
        case UInt8(ascii: "4"): .blockDevice
        case UInt8(ascii: "5"): .folder
        case UInt8(ascii: "6"): .pipe
        case UInt8(ascii: "L"): .gnuLongName
        case UInt8(ascii: "K"): .gnuLongLink
        case UInt8(ascii: "x"), UInt8(ascii: "X"): .pax
        case UInt8(ascii: "g"): .globalPax
        case UInt8(ascii: "S"): .gnuSparse
        case UInt8(ascii: "V"), UInt8(ascii: "D"), UInt8(ascii: "N"): .information
        default: .unknown(flag)
        }
    }

    /// The sum of all bytes with the field itself as spaces; old programs summed signed bytes.
    private static func checksumHolds(_ block: [UInt8]) -> Bool {
        guard let stated = number(block[148..<156]) else { return false }
        var unsigned = 0
        var signed = 0
        for index in block.indices {
            let byte = (148..<156).contains(index) ? UInt8(ascii: " ") : block[index]
            unsigned += Int(byte)
            signed += Int(Int8(bitPattern: byte))
        }
        // The eight spaces alone make 256: a block of zeros is not a header.
        return unsigned != 256 && (stated == unsigned || stated == signed)
    }

    private static func text(_ field: ArraySlice<UInt8>) -> [UInt8] {
        Array(field.prefix { $0 != 0 })
    }

    /// Octal digits between spaces or zero bytes, or GNU's base 256 with the top bit set; `nil` for anything else.
    private static func number(_ field: ArraySlice<UInt8>) -> Int? {
        guard let first = field.first else { return nil }
        if first & 0x80 != 0 {
            // 0xff begins a negative number, which no size is.
            guard first & 0x40 == 0 else { return nil }
            var value = Int(first & 0x3f)
            for byte in field.dropFirst() {
                guard value >> 55 == 0 else { return nil }
                value = value << 8 | Int(byte)
            }
            return value
        }
        let isFiller: (UInt8) -> Bool = { $0 == UInt8(ascii: " ") || $0 == 0 }
        let digits = field.drop(while: isFiller)
        var value = 0
        for (offset, byte) in digits.enumerated() {
            if isFiller(byte) { return digits.dropFirst(offset).allSatisfy(isFiller) ? value : nil }
            guard (UInt8(ascii: "0")...UInt8(ascii: "7")).contains(byte) else { return nil }
            value = value << 3 | Int(byte - UInt8(ascii: "0"))
        }
        return value
    }
}

/// The records of a pax extended header: `LENGTH KEY=VALUE\n`, as far as a bundle needs them.
struct PaxRecords {
    var path: [UInt8]?
    var linkPath: [UInt8]?
    var size: Int?
    var isSparse = false

    /// Reads all records; `nil` where one is malformed.
    init?(_ bytes: [UInt8]) {
        var rest = bytes[...]
        while !rest.isEmpty {
            guard let space = rest.prefix(20).firstIndex(of: UInt8(ascii: " ")),
                let length = Self.decimal(rest[rest.startIndex..<space]),
                length <= rest.count, length > space - rest.startIndex + 2
            else { return nil }
            let record = rest[(space + 1)..<(rest.startIndex + length)]
            guard record.last == UInt8(ascii: "\n"), let equals = record.firstIndex(of: UInt8(ascii: "=")) else {
                return nil
            }
            let value = record[(equals + 1)...].dropLast()
            guard take(key: String(decoding: record[..<equals], as: UTF8.self), value: value) else { return nil }
            rest = rest.dropFirst(length)
        }
    }

    private mutating func take(key: String, value: ArraySlice<UInt8>) -> Bool {
        switch key {
        case "path":
            if !isSparse { path = Array(value) }
        case "linkpath": linkPath = Array(value)
        case "GNU.sparse.name":
            path = Array(value)
            isSparse = true
        case "size":
            guard let number = Self.decimal(value) else { return false }
            size = number
        default:
            if key.hasPrefix("GNU.sparse.") { isSparse = true }
        }
        return true
    }

    private static func decimal(_ digits: ArraySlice<UInt8>) -> Int? {
        guard !digits.isEmpty, digits.count <= 18 else { return nil }
        var value = 0
        for byte in digits {
            guard (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) else { return nil }
            value = value * 10 + Int(byte - UInt8(ascii: "0"))
        }
        return value
    }
}
