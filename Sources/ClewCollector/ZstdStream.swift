import CZstd

/// Whether data is zstd's.
///
/// `pzstd` puts a skippable frame (`5?2A4D18`) ahead of the first proper one.
func hasZstdMagic(_ head: [UInt8]) -> Bool {
    guard head.count >= 4 else { return false }
    return head[..<4] == [0x28, 0xb5, 0x2f, 0xfd] || (head[0] & 0xf0 == 0x50 && head[1..<4] == [0x2a, 0x4d, 0x18])
}

/// Unpacks Zstandard data (RFC 8878): any number of frames, skippable ones among them.
///
/// The window is at most 128 MiB, the library's own limit, which bounds the memory.
struct ZstdStream<Source: ByteStream & ~Copyable>: ~Copyable, ByteStream {
    private var source: Source
    private let state: OpaquePointer
    private let input: UnsafeMutableRawBufferPointer
    private var inputCount = 0
    private var inputUsed = 0
    private var budget: InflationGuard
    /// Between two frames, where the data may end.
    private var isBetweenFrames = false

    init(_ source: consuming Source, budget: InflationGuard) throws(BundleReadError.Reason) {
        guard let created = ZSTD_createDStream() else { throw .system("not enough memory to unpack zstd data") }
        self.source = source
        self.budget = budget
        state = created
        input = .allocate(byteCount: 1 << 17, alignment: 16)
    }

    deinit {
        ZSTD_freeDStream(state)
        input.deallocate()
    }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(BundleReadError.Reason) -> Int {
        guard buffer.count > 0 else { return 0 }
        var isFlushing = false
        while true {
            if inputUsed == inputCount {
                inputCount = try source.read(into: input)
                inputUsed = 0
                if inputCount == 0 {
                    if isBetweenFrames { return 0 }
                    // What the library still holds back comes out with no further input.
                    if isFlushing { throw .truncated(at: "inside zstd data") }
                    isFlushing = true
                }
            }
            var from = ZSTD_inBuffer(src: input.baseAddress, size: inputCount, pos: inputUsed)
            var into = ZSTD_outBuffer(dst: buffer.baseAddress, size: buffer.count, pos: 0)
            let code = ZSTD_decompressStream(state, &into, &from)
            guard ZSTD_isError(code) == 0 else {
                let detail = String(cString: ZSTD_getErrorName(code))
                throw .damaged("zstd data is broken (\(detail)) behind \(budget.unpacked) unpacked bytes")
            }
            budget.took(from.pos - inputUsed)
            inputUsed = from.pos
            isBetweenFrames = code == 0
            try budget.gave(into.pos)
            if into.pos > 0 { return into.pos }
        }
    }
}
