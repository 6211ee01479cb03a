/// Bytes that are read once, front to back.
protocol ByteStream: ~Copyable {
    /// Reads some bytes to the front of `buffer` and returns how many: 0 at the end, or for an empty buffer.
    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(BundleReadError.Reason) -> Int
}

extension ByteStream where Self: ~Copyable {
    /// Reads until `buffer` is full or the data ends; returns how many bytes came.
    mutating func fill(_ buffer: UnsafeMutableRawBufferPointer) throws(BundleReadError.Reason) -> Int {
        var filled = 0
        while filled < buffer.count {
            let count = try read(into: UnsafeMutableRawBufferPointer(rebasing: buffer[filled...]))
            if count == 0 { break }
            filled += count
        }
        return filled
    }

    /// Reads `maximum` bytes, or fewer where the data ends, without ever holding them twice.
    ///
    /// `expected` is how many will probably come. It sizes the first allocation up to 256 MiB; what claims to be larger
    /// may be a lie, and is gathered in pieces.
    mutating func gather(atMost maximum: Int, expected: Int) throws(BundleReadError.Reason) -> [UInt8] {
        var size = min(maximum, expected > 256 << 20 ? 4 << 20 : max(expected, 1 << 12))
        var pieces = [try piece(size)]
        var total = pieces[0].count
        var step = 1 << 16
        while total < maximum, pieces[pieces.count - 1].count == size {
            size = min(step, maximum - total)
            let next = try piece(size)
            total += next.count
            pieces.append(next)
            step = min(step * 2, 4 << 20)
        }
        return join(&pieces, total: total)
    }

    /// Reads and forgets `count` bytes; returns how many there were.
    mutating func skip(_ count: Int) throws(BundleReadError.Reason) -> Int {
        var left = count
        while left > 0 {
            let skipped = try piece(min(left, 1 << 16)).count
            if skipped == 0 { break }
            left -= skipped
        }
        return count - left
    }

    private mutating func piece(_ size: Int) throws(BundleReadError.Reason) -> [UInt8] {
        var failure: BundleReadError.Reason?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            let room = UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<size])
            do throws(BundleReadError.Reason) {
                count = try fill(room)
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }
}

/// One array of all pieces; each piece is given back as soon as it is copied, so that memory holds the bytes once.
private func join(_ pieces: inout [[UInt8]], total: Int) -> [UInt8] {
    if pieces.count == 1 && pieces[0].capacity - total <= 64 + total / 16 {
        return pieces.removeLast()
    }
    pieces.reverse()
    return [UInt8](unsafeUninitializedCapacity: total) { buffer, count in
        while let piece = pieces.popLast() {
            _ = UnsafeMutableBufferPointer(rebasing: buffer[count...]).update(fromContentsOf: piece)
            count += piece.count
        }
    }
}

/// Bytes that are in memory already.
struct MemoryStream: ByteStream {
    private let bytes: [UInt8]
    private var used = 0

    init(_ bytes: [UInt8]) { self.bytes = bytes }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) -> Int {
        let count = min(buffer.count, bytes.count - used)
        buffer.copyBytes(from: bytes[used..<used + count])
        used += count
        return count
    }
}

/// A stream whose first bytes can be looked at before their turn.
struct PeekableStream<Source: ByteStream & ~Copyable>: ~Copyable, ByteStream {
    private var source: Source
    private var head: [UInt8] = []
    private var headUsed = 0

    init(_ source: consuming Source) { self.source = source }

    /// The first bytes, which stay to be read; fewer than `count` where the data is shorter.
    ///
    /// Called before any read.
    mutating func peek(_ count: Int) throws(BundleReadError.Reason) -> [UInt8] {
        head = try source.gather(atMost: count, expected: count)
        return head
    }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(BundleReadError.Reason) -> Int {
        let count = min(head.count - headUsed, buffer.count)
        guard count > 0 else { return try source.read(into: buffer) }
        buffer.copyBytes(from: head[headUsed..<headUsed + count])
        headUsed += count
        return count
    }
}

/// Counts packed against unpacked bytes, and stops a bomb before it fills the memory.
struct InflationGuard {
    private let maxBytes: Int
    private let maxRatio: Int
    private let grace: Int
    private(set) var packed = 0
    private(set) var unpacked = 0

    init(maxBytes: Int, maxRatio: Int, grace: Int) {
        self.maxBytes = maxBytes
        self.maxRatio = maxRatio
        self.grace = grace
    }

    mutating func took(_ count: Int) { packed &+= count }

    mutating func gave(_ count: Int) throws(BundleReadError.Reason) {
        unpacked &+= count
        if unpacked > grace, unpacked / max(packed, 1) >= maxRatio {
            throw .tooLarge(
                "refused: \(readableSize(packed)) unpack to more than \(readableSize(unpacked)), as only a zip bomb does"
            )
        }
        if unpacked > maxBytes { throw .tooLarge("refused: unpacks to more than \(readableSize(maxBytes))") }
    }
}
