import CLinux
import Glibc

/// A netlink socket to netfilter, of the namespace it was opened in.
///
/// Numbers are those of `linux/netfilter/nfnetlink{,_log,_conntrack}.h` and `nf_tables.h`, which Swift does not see.
struct NetfilterSocket: ~Copyable {
    private let socket: Socket
    private var buffer = [UInt8](repeating: 0, count: 1 << 17)

    /// To be called in the namespace's thread.
    static func open() throws(SystemError) -> CInt {
        let socket = try Socket(AF_NETLINK, CInt(SOCK_RAW.rawValue), 12)
        // SO_RCVBUFFORCE: what overflows is lost.
        try socket.set(SOL_SOCKET, 33, 64 << 20)
        var address = sockaddr_nl()
        address.nl_family = UInt16(AF_NETLINK)
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_nl>.size))
            }
        }
        guard result == 0 else { throw .last("bind a netlink socket") }
        return socket.release()
    }

    init(owning descriptor: CInt) { socket = Socket(owning: descriptor) }

    var descriptor: CInt { socket.descriptor }

    /// Hears a multicast group: NETLINK_ADD_MEMBERSHIP, of NFNLGRP_NFTRACE 9.
    func join(_ group: CInt) throws(SystemError) { try socket.set(270, 1, group) }

    // MARK: - Requests

    /// Sends a request and waits for its acknowledgement.
    mutating func request(_ type: UInt16, family: UInt8, resource: UInt16 = 0, _ attributes: [UInt8])
        throws(SystemError)
    {
        try send(type, flags: 5, family: family, resource: resource, attributes)
        while true {
            for message in try receive(milliseconds: 1000) where message.type == 2 {
                let code =
                    message.bytes.count >= 4 ? -Int32(bitPattern: message.bytes.native32(message.bytes.startIndex)) : 0
                guard code == 0 else { throw .call("netfilter request \(type)", errno: code) }
                return
            }
        }
    }

    /// Sends a dump request and collects its messages.
    mutating func dump(_ type: UInt16, family: UInt8) throws(SystemError) -> [NetlinkMessage] {
        try send(type, flags: 0x301, family: family, resource: 0, [])
        var result: [NetlinkMessage] = []
        while true {
            for message in try receive(milliseconds: 1000) {
                if message.type == 3 || message.type == 2 { return result }
                result.append(message)
            }
        }
    }

    private mutating func send(
        _ type: UInt16, flags: UInt16, family: UInt8, resource: UInt16, _ attributes: [UInt8]
    ) throws(SystemError) {
        var bytes: [UInt8] = []
        bytes.append(native: UInt32(20 + attributes.count))
        bytes.append(native: type)
        bytes.append(native: flags)
        bytes.append(native: UInt32(0))
        bytes.append(native: UInt32(0))
        bytes += [family, 0, UInt8(resource >> 8), UInt8(truncatingIfNeeded: resource)] + attributes
        guard Glibc.send(descriptor, bytes, bytes.count, 0) == bytes.count else {
            throw .last("netfilter request \(type)")
        }
    }

    static func attribute(_ type: UInt16, _ payload: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.append(native: UInt16(4 + payload.count))
        bytes.append(native: type)
        return bytes + payload + [UInt8](repeating: 0, count: (4 - payload.count % 4) % 4)
    }

    // MARK: - Receiving

    /// Messages that are there; nil when there are none.
    ///
    /// ENOBUFS, by which the kernel says that some were lost, is counted.
    mutating func heard(_ losses: inout Int) throws(SystemError) -> [NetlinkMessage]? {
        do throws(SystemError) {
            let messages = try receive(milliseconds: 0)
            return messages.isEmpty ? nil : messages
        } catch {
            guard case .call(_, errno: ENOBUFS) = error else { throw error }
            losses += 1
            return []
        }
    }

    /// Messages that are there, or that come within the time; none when nothing does.
    mutating func receive(milliseconds: Int32) throws(SystemError) -> [NetlinkMessage] {
        var wait = pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0)
        if milliseconds > 0, poll(&wait, 1, milliseconds) <= 0 { throw .unusable("netfilter gave no answer") }
        let count = recv(descriptor, &buffer, buffer.count, Int32(MSG_DONTWAIT))
        guard count >= 0 else {
            if errno == EAGAIN || errno == EINTR { return [] }
            // ENOBUFS: messages were lost.
            throw .last("netfilter messages")
        }
        var result: [NetlinkMessage] = []
        var at = 0
        while at + 16 <= count {
            let length = Int(buffer[at...].native32(at))
            guard length >= 16, at + length <= count else { break }
            let type = buffer[at...].native16(at + 4)
            let isNetfilter = type >= 16 && length >= 20
            result.append(
                NetlinkMessage(
                    type: type, family: isNetfilter ? buffer[at + 16] : 0,
                    bytes: buffer[(at + (isNetfilter ? 20 : 16))..<(at + length)]))
            at += (length + 3) & ~3
        }
        return result
    }
}

/// A message without its headers.
struct NetlinkMessage: Sendable {
    var type: UInt16
    var family: UInt8
    var bytes: ArraySlice<UInt8>

    /// Attributes by type; of equal ones the last.
    var attributes: [UInt16: ArraySlice<UInt8>] { Self.attributes(bytes) }

    static func attributes(_ bytes: ArraySlice<UInt8>) -> [UInt16: ArraySlice<UInt8>] {
        var result: [UInt16: ArraySlice<UInt8>] = [:]
        var at = bytes.startIndex
        while at + 4 <= bytes.endIndex {
            let length = Int(bytes.native16(at))
            guard length >= 4, at + length <= bytes.endIndex else { break }
            result[bytes.native16(at + 2) & 0x3FFF] = bytes[(at + 4)..<(at + length)]
            at += (length + 3) & ~3
        }
        return result
    }

    static func text(_ bytes: ArraySlice<UInt8>) -> String {
        String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
    }

    /// A big-endian number of up to 8 bytes.
    static func number(_ bytes: ArraySlice<UInt8>?) -> UInt64? { bytes?.reduce(0) { $0 << 8 | UInt64($1) } }
}

extension ArraySlice<UInt8> {
    fileprivate func native16(_ at: Int) -> UInt16 { UInt16(self[at]) | UInt16(self[at + 1]) << 8 }
    fileprivate func native32(_ at: Int) -> UInt32 { UInt32(native16(at)) | UInt32(native16(at + 2)) << 16 }
}

extension Array<UInt8> {
    fileprivate mutating func append<Number: FixedWidthInteger>(native value: Number) {
        Swift.withUnsafeBytes(of: value.littleEndian) { append(contentsOf: $0) }
    }
}
