import CLinux
import ClewNet
import Glibc

/// A raw packet socket on a device: what is sent appears there, and what arrives there is seen.
enum PacketSocket {
    /// To be called in the namespace's thread.
    static func open(on device: String) throws(SystemError) -> CInt {
        // ETH_P_ALL in network order.
        let socket = try Socket(AF_PACKET, CInt(SOCK_RAW.rawValue), 0x0300)
        try socket.set(SOL_SOCKET, 33, 8 << 20)
        // PACKET_IGNORE_OUTGOING: its own packets do not come back.
        try socket.set(263, 23, 1)
        var address = sockaddr_ll()
        address.sll_family = UInt16(AF_PACKET)
        address.sll_protocol = 0x0300
        address.sll_ifindex = CInt(bitPattern: if_nametoindex(device))
        let result = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                bind(socket.descriptor, $0, socklen_t(MemoryLayout<sockaddr_ll>.size))
            }
        }
        guard result == 0 else { throw .last("bind to \(device)") }
        return socket.release()
    }

    static func frame(_ packet: [UInt8], to: MACAddress, from: MACAddress, _ family: AddressFamily) -> [UInt8] {
        bytes(to) + bytes(from) + (family == .ipv4 ? [0x08, 0x00] : [0x86, 0xDD]) + packet
    }

    private static func bytes(_ mac: MACAddress) -> [UInt8] {
        (0..<6).map { UInt8(truncatingIfNeeded: mac.rawValue >> UInt64(40 - 8 * $0)) }
    }
}
