package import ClewNet
import Glibc

/// A socket, closed with the end of the value.
///
/// It belongs for its whole life to the namespace of the thread that opened it.
package struct Socket: ~Copyable, Sendable {
    package let descriptor: CInt

    /// Opens a socket that does not block and is not passed on to children.
    package init(_ domain: CInt, _ type: CInt, _ number: CInt = 0) throws(SystemError) {
        descriptor = socket(domain, type | 0o2000000 | 0o4000, number)
        guard descriptor >= 0 else { throw .last("socket(\(domain), \(type), \(number))") }
    }

    /// Takes over a socket that another thread opened in its namespace and released.
    package init(owning descriptor: CInt) { self.descriptor = descriptor }

    deinit { close(descriptor) }

    package func set(_ level: CInt, _ option: CInt, _ value: CInt) throws(SystemError) {
        var value = value
        guard setsockopt(descriptor, level, option, &value, socklen_t(MemoryLayout<CInt>.size)) == 0 else {
            throw .last("setsockopt(\(level), \(option))")
        }
    }

    package func bind(_ address: IPAddress, _ port: UInt16) throws(SystemError) {
        let result = SocketAddressStorage(address, port).withPointer { Glibc.bind(descriptor, $0, $1) }
        guard result == 0 else { throw .last("bind to \(address) port \(port)") }
    }

    /// Starts a connection; returns nil if it is under way or there, else its `errno`.
    package func connect(_ address: IPAddress, _ port: UInt16) -> CInt? {
        let result = SocketAddressStorage(address, port).withPointer { Glibc.connect(descriptor, $0, $1) }
        return result == 0 || errno == EINPROGRESS ? nil : errno
    }

    /// Gives the descriptor away: the caller closes it.
    package consuming func release() -> CInt {
        let number = descriptor
        discard self
        return number
    }
}

/// A `sockaddr_in` or `sockaddr_in6`.
package struct SocketAddressStorage {
    private var storage = sockaddr_storage()
    private var length = socklen_t(MemoryLayout<sockaddr_storage>.size)

    /// For the kernel to fill in.
    package init() {}

    package init(_ address: IPAddress, _ port: UInt16) {
        switch address.family {
        case .ipv4:
            var value = sockaddr_in()
            value.sin_family = sa_family_t(AF_INET)
            value.sin_port = port.bigEndian
            value.sin_addr.s_addr = address.v4.bigEndian
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: value, as: sockaddr_in.self) }
            length = socklen_t(MemoryLayout<sockaddr_in>.size)
        case .ipv6:
            var value = sockaddr_in6()
            value.sin6_family = sa_family_t(AF_INET6)
            value.sin6_port = port.bigEndian
            withUnsafeMutableBytes(of: &value.sin6_addr) {
                $0.storeBytes(of: address.high.bigEndian, as: UInt64.self)
                $0.storeBytes(of: address.low.bigEndian, toByteOffset: 8, as: UInt64.self)
            }
            withUnsafeMutableBytes(of: &storage) { $0.storeBytes(of: value, as: sockaddr_in6.self) }
            length = socklen_t(MemoryLayout<sockaddr_in6>.size)
        }
    }

    func withPointer<Value>(_ body: (UnsafePointer<sockaddr>, socklen_t) -> Value) -> Value {
        withUnsafePointer(to: storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, length) }
        }
    }

    /// Lets a call such as `accept` or `recvfrom` fill it in.
    mutating func fill<Value>(
        _ body: (UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> Value
    )
        -> Value
    {
        length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) { pointer in
            withUnsafeMutablePointer(to: &length) { size in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
            }
        }
    }

    /// The address and port in it; nil for another family.
    package var value: SocketAddress? {
        withUnsafeBytes(of: storage) { bytes in
            switch CInt(bytes.load(as: sa_family_t.self)) {
            case AF_INET:
                let value = bytes.load(as: sockaddr_in.self)
                return SocketAddress(
                    IPAddress(v4: UInt32(bigEndian: value.sin_addr.s_addr)), UInt16(bigEndian: value.sin_port))
            case AF_INET6:
                let value = bytes.load(as: sockaddr_in6.self)
                let halves = withUnsafeBytes(of: value.sin6_addr) {
                    ($0.loadUnaligned(as: UInt64.self), $0.loadUnaligned(fromByteOffset: 8, as: UInt64.self))
                }
                let address = IPAddress(v6High: UInt64(bigEndian: halves.0), low: UInt64(bigEndian: halves.1))
                return SocketAddress(address, UInt16(bigEndian: value.sin6_port))
            default: return nil
            }
        }
    }
}
