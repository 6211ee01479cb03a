import CZlib

/// How every gzip member begins.
let gzipMagic: [UInt8] = [0x1f, 0x8b]

/// Unpacks gzip data (RFC 1952), with any number of members behind each other, as `cat a.gz b.gz` makes.
struct GzipStream<Source: ByteStream & ~Copyable>: ~Copyable, ByteStream {
    private var source: Source
    /// zlib keeps the address of its state, so the state must not move.
    private let state: UnsafeMutablePointer<z_stream>
    private let input: UnsafeMutableRawBufferPointer
    private var budget: InflationGuard
    private var phase = Phase.memberStart

    private enum Phase { case memberStart, member, ended }

    init(_ source: consuming Source, budget: InflationGuard) throws(BundleReadError.Reason) {
        self.source = source
        self.budget = budget
        input = .allocate(byteCount: 1 << 16, alignment: 16)
        state = .allocate(capacity: 1)
        state.initialize(to: z_stream())
        // 15 is the largest window; 16 more asks for the gzip wrapper and its checksum.
        let code = inflateInit2_(state, 15 + 16, ZLIB_VERSION, CInt(MemoryLayout<z_stream>.size))
        guard code == Z_OK else { throw .system("zlib does not start (\(code))") }
    }

    deinit {
        inflateEnd(state)
        state.deinitialize(count: 1)
        state.deallocate()
        input.deallocate()
    }

    /// All bytes unpacked so far.
    var unpacked: Int { budget.unpacked }

    mutating func read(into buffer: UnsafeMutableRawBufferPointer) throws(BundleReadError.Reason) -> Int {
        guard let target = buffer.bindMemory(to: UInt8.self).baseAddress, buffer.count > 0 else { return 0 }
        let room = min(buffer.count, 1 << 30)
        while phase != .ended {
            if state.pointee.avail_in == 0, try !refill() {
                guard phase == .memberStart, budget.packed > 0 else { throw .truncated(at: "inside gzip data") }
                phase = .ended
                break
            }
            if phase == .memberStart, try !startMember() { continue }
            state.pointee.next_out = target
            state.pointee.avail_out = CUnsignedInt(room)
            let before = Int(state.pointee.avail_in)
            let code = inflate(state, Z_NO_FLUSH)
            budget.took(before - Int(state.pointee.avail_in))
            let count = room - Int(state.pointee.avail_out)
            try budget.gave(count)
            switch code {
            case Z_STREAM_END:
                phase = .memberStart
                inflateReset(state)
            case Z_OK, Z_BUF_ERROR: break
            case Z_MEM_ERROR: throw .system("not enough memory to unpack gzip data")
            default:
                let detail = state.pointee.msg.map { " (\(String(cString: $0)))" } ?? ""
                throw .damaged("gzip data is broken\(detail) behind \(budget.unpacked) unpacked bytes")
            }
            if count > 0 { return count }
        }
        return 0
    }

    /// Looks whether a further member begins; zeros behind the last one are padding.
    private mutating func startMember() throws(BundleReadError.Reason) -> Bool {
        if budget.packed > 0 {
            while state.pointee.avail_in > 0, state.pointee.next_in.pointee == 0 {
                state.pointee.next_in += 1
                state.pointee.avail_in -= 1
            }
            guard state.pointee.avail_in > 0 else { return false }
            guard state.pointee.next_in.pointee == gzipMagic[0] else {
                throw .damaged("gzip data is followed by something else, behind \(budget.unpacked) unpacked bytes")
            }
        }
        phase = .member
        return true
    }

    private mutating func refill() throws(BundleReadError.Reason) -> Bool {
        let count = try source.read(into: input)
        state.pointee.next_in = input.bindMemory(to: UInt8.self).baseAddress
        state.pointee.avail_in = CUnsignedInt(count)
        return count > 0
    }
}
