import CZlib
import CZstd

/// How an archive is packed.
package enum Packing: Sendable, Hashable {
    case none, gzip, zstd

    /// The packing that a file's name asks for; `nil` for a name that no archive has.
    package init?(fileName: String) {
        let name = fileName.lowercased()
        if name.hasSuffix(".tar.gz") || name.hasSuffix(".tgz") {
            self = .gzip
        } else if name.hasSuffix(".tar.zst") || name.hasSuffix(".tzst") {
            self = .zstd
        } else if name.hasSuffix(".tar") {
            self = .none
        } else {
            return nil
        }
    }
}

/// Packs bytes and hands the packed ones on.
struct Packer: ~Copyable {
    private enum State {
        case none
        case gzip(UnsafeMutablePointer<z_stream>)
        case zstd(OpaquePointer)
    }

    private let state: State

    /// `nil` where there is no memory for it.
    init?(_ packing: Packing) {
        switch packing {
        case .none: state = .none
        case .gzip:
            let stream = UnsafeMutablePointer<z_stream>.allocate(capacity: 1)
            stream.initialize(to: z_stream())
            // 15 bits of window, and 16 for a gzip header.
            let status = deflateInit2_(
                stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION,
                CInt(MemoryLayout<z_stream>.size))
            guard status == Z_OK else {
                stream.deallocate()
                return nil
            }
            state = .gzip(stream)
        case .zstd:
            guard let context = ZSTD_createCCtx() else { return nil }
            ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, 9)
            ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)
            // Nodes of one cluster hold almost equal rules: a window of 64 MiB sees the last node's.
            ZSTD_CCtx_setParameter(context, ZSTD_c_enableLongDistanceMatching, 1)
            ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, 26)
            state = .zstd(context)
        }
    }

    deinit {
        switch state {
        case .none: break
        case .gzip(let stream):
            deflateEnd(stream)
            stream.deallocate()
        case .zstd(let context): ZSTD_freeCCtx(context)
        }
    }

    /// Packs further bytes, the last ones where `isLast`.
    func pack(_ bytes: [UInt8], isLast: Bool, into sink: (ArraySlice<UInt8>) throws(WriteError) -> Void)
        throws(WriteError)
    {
        switch state {
        case .none: try sink(bytes[...])
        case .gzip(let stream): try Self.deflate(stream, bytes, isLast, sink)
        case .zstd(let context): try Self.compress(context, bytes, isLast, sink)
        }
    }

    private static let chunk = 1 << 17

    private static func deflate(
        _ stream: UnsafeMutablePointer<z_stream>, _ bytes: [UInt8], _ isLast: Bool,
        _ sink: (ArraySlice<UInt8>) throws(WriteError) -> Void
    ) throws(WriteError) {
        var taken = 0
        var output = [UInt8](repeating: 0, count: chunk)
        var isDone = false
        while !isDone {
            let next = min(bytes.count - taken, 1 << 24)
            let flush = isLast && taken + next == bytes.count ? Z_FINISH : Z_NO_FLUSH
            var status = Z_OK
            let (rest, made) = bytes.withUnsafeBufferPointer { input in
                output.withUnsafeMutableBufferPointer { output -> (Int, Int) in
                    stream.pointee.next_in = UnsafeMutablePointer(mutating: input.baseAddress.map { $0 + taken })
                    stream.pointee.avail_in = UInt32(next)
                    stream.pointee.next_out = output.baseAddress
                    stream.pointee.avail_out = UInt32(chunk)
                    status = CZlib.deflate(stream, flush)
                    return (Int(stream.pointee.avail_in), chunk - Int(stream.pointee.avail_out))
                }
            }
            guard status != Z_STREAM_ERROR else { throw WriteError("cannot pack: zlib error \(status)") }
            taken += next - rest
            if made > 0 { try sink(output[..<made]) }
            isDone = flush == Z_FINISH ? status == Z_STREAM_END : taken == bytes.count && made < chunk
        }
    }

    private static func compress(
        _ context: OpaquePointer, _ bytes: [UInt8], _ isLast: Bool,
        _ sink: (ArraySlice<UInt8>) throws(WriteError) -> Void
    ) throws(WriteError) {
        var taken = 0
        var output = [UInt8](repeating: 0, count: chunk)
        var isDone = false
        while !isDone {
            var made = 0
            let left = bytes.withUnsafeBytes { source in
                output.withUnsafeMutableBytes { target in
                    var input = ZSTD_inBuffer(src: source.baseAddress, size: source.count, pos: taken)
                    var result = ZSTD_outBuffer(dst: target.baseAddress, size: target.count, pos: 0)
                    let left = ZSTD_compressStream2(context, &result, &input, isLast ? ZSTD_e_end : ZSTD_e_continue)
                    taken = input.pos
                    made = result.pos
                    return left
                }
            }
            guard ZSTD_isError(left) == 0 else {
                throw WriteError("cannot pack: \(String(cString: ZSTD_getErrorName(left)))")
            }
            if made > 0 { try sink(output[..<made]) }
            isDone = isLast ? left == 0 : taken == bytes.count
        }
    }
}

/// Why something could not be written; one line.
package struct WriteError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    init(_ description: String) { self.description = description }
}
