import CLinux
import ClewNet
import Glibc
import Synchronization

/// What flanneld does for its `udp` backend: reads packets from a TUN device, sends them to the node that has the
/// destination, and writes those that arrive to the device.
final class TunnelForwarder: Sendable {
    // A class, as it owns two descriptors and a thread.

    /// The node that has a prefix of pods.
    struct Route: Sendable {
        var prefix: IPPrefix
        var end: IPAddress
    }

    private let tun: CInt
    private let datagrams: CInt
    private let stop: CInt
    private let thread: pthread_t

    /// Makes the device and starts to forward.
    init(device: String, own: IPAddress, port: UInt16, routes: [Route], in namespace: NetworkNamespace)
        throws(SystemError)
    {
        let (tun, datagrams) = try namespace.perform { () throws(SystemError) -> (CInt, CInt) in
            let tun = clew_open_tun(device)
            guard tun >= 0 else { throw .last("TUN device \(device)") }
            do throws(SystemError) {
                let socket = try Socket(AF_INET, CInt(SOCK_DGRAM.rawValue))
                // flanneld's proxy lets the kernel fragment what is too long (`proxy_amd64.c`).
                try socket.set(CInt(IPPROTO_IP), IP_MTU_DISCOVER, IP_PMTUDISC_DONT)
                try socket.bind(own, port)
                return (tun, socket.release())
            } catch {
                close(tun)
                throw error
            }
        }
        var ends: [CInt] = [-1, -1]
        guard clew_pipe(&ends) == 0 else { throw .last("pipe") }
        let reader = ends[0]
        (self.tun, self.datagrams, stop) = (tun, datagrams, ends[1])
        thread = try Threads.start { Self.forward(tun, datagrams, reader, port, routes) }
    }

    deinit {
        close(stop)
        pthread_join(thread, nil)
        close(tun)
        close(datagrams)
    }

    private static func forward(_ tun: CInt, _ socket: CInt, _ stop: CInt, _ port: UInt16, _ routes: [Route]) {
        defer { close(stop) }
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            var sets = [
                pollfd(fd: tun, events: Int16(POLLIN), revents: 0),
                pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
                pollfd(fd: stop, events: Int16(POLLIN), revents: 0),
            ]
            guard poll(&sets, 3, -1) > 0 else { continue }
            if sets[2].revents != 0 { return }
            while true {
                let count = read(tun, &buffer, buffer.count)
                guard count >= 20, let end = destination(buffer, routes) else {
                    if count <= 0 { break }
                    continue
                }
                // The sending side takes one off the TTL, as a router would.
                guard decrementTTL(&buffer) else { continue }
                _ = SocketAddressStorage(end, port).withPointer { sendto(socket, buffer, count, 0, $0, $1) }
            }
            while true {
                let count = recv(socket, &buffer, buffer.count, 0)
                guard count > 0 else { break }
                _ = write(tun, buffer, count)
            }
        }
    }

    private static func destination(_ packet: [UInt8], _ routes: [Route]) -> IPAddress? {
        guard packet[0] >> 4 == 4 else { return nil }
        let address = IPAddress(v4: packet[16], packet[17], packet[18], packet[19])
        return routes.first { $0.prefix.contains(address) }?.end
    }

    private static func decrementTTL(_ packet: inout [UInt8]) -> Bool {
        guard packet[8] > 1 else { return false }
        packet[8] -= 1
        // One less in the high byte of a word is 0x0100 more in the header's checksum (RFC 1624).
        let sum = UInt32(packet[10]) << 8 | UInt32(packet[11])
        let next = sum + 0x100
        let folded = UInt16(truncatingIfNeeded: next + (next >> 16))
        packet[10] = UInt8(folded >> 8)
        packet[11] = UInt8(folded & 0xFF)
        return true
    }
}
