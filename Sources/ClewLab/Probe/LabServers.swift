import CLinux
import ClewNet
import Glibc

/// The processes of pods, nodes and the world that answer: each says who it is and whom it saw.
///
/// A request is a line `ID SIZE`, then SIZE bytes; the answer is `ID PLACE LOCAL PEER` and SIZE bytes, then the end of
/// the stream. A datagram holds a whole request.
final class LabServers: Sendable {
    // A class, as it owns sockets and a thread.

    private let stop: CInt
    private let thread: pthread_t

    fileprivate struct Listener: Sendable {
        var place: String
        var descriptor: CInt
        var isStream: Bool
        var local: SocketAddress
    }

    init(_ lab: Lab) throws(SystemError) {
        var listeners: [Listener] = []
        for (place, namespace) in lab.places {
            let ports = Self.ports(of: place, lab)
            guard !ports.isEmpty else { continue }
            let families = lab.plan.families
            let text = place.description
            listeners += try namespace.perform { () throws(SystemError) -> [Listener] in
                var opened: [Listener] = []
                for port in ports {
                    for family in families { opened.append(try Self.listen(text, port, family)) }
                }
                return opened
            }
        }
        var ends: [CInt] = [-1, -1]
        guard clew_pipe(&ends) == 0 else { throw .last("pipe") }
        stop = ends[1]
        let all = listeners
        let reader = ends[0]
        thread = try Threads.start {
            guard var loop = try? ServerLoop(all, stop: reader) else { return }
            loop.run()
        }
    }

    deinit {
        close(stop)
        pthread_join(thread, nil)
    }

    private static func ports(of place: LabPlace, _ lab: Lab) -> [ContainerPort] {
        switch place {
        case .pod(let name): lab.pod(name)?.plan.ports ?? []
        // The API server, and a kubelet.
        case .node: [ContainerPort("https", 6443, .tcp), ContainerPort("kubelet", 10250, .tcp)]
        case .outside: [ContainerPort("https", 443, .tcp), ContainerPort("dns", 53, .udp)]
        case .router: []
        }
    }

    private static func listen(_ place: String, _ port: ContainerPort, _ family: AddressFamily) throws(SystemError)
        -> Listener
    {
        let isStream = port.ipProtocol == .tcp
        let kind = CInt(isStream ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue)
        let socket = try Socket(family == .ipv4 ? AF_INET : AF_INET6, kind)
        try socket.set(SOL_SOCKET, SO_REUSEADDR, 1)
        if family == .ipv6 { try socket.set(CInt(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
        let local = SocketAddress(.zero(family), port.number)
        if !isStream {
            // The address a datagram was sent to is needed for the answer, and for the report.
            try socket.set(
                CInt(family == .ipv4 ? IPPROTO_IP : IPPROTO_IPV6), family == .ipv4 ? IP_PKTINFO : IPV6_RECVPKTINFO, 1)
        }
        try socket.bind(local.address, local.port)
        if isStream, Glibc.listen(socket.descriptor, 512) != 0 { throw .last("listen") }
        return Listener(place: place, descriptor: socket.release(), isStream: isStream, local: local)
    }
}

/// The one loop in which all servers of a lab live.
private struct ServerLoop: ~Copyable {
    private struct Connection {
        var place: String
        var local: SocketAddress
        var peer: SocketAddress
        var request: [UInt8] = []
        /// The answer, once the request is whole, and what of it is sent.
        var answer: [UInt8] = []
        var sent = 0
    }

    private let listeners: [CInt: LabServers.Listener]
    private let stop: CInt
    private var poller: Poller
    private var connections: [CInt: Connection] = [:]

    init(_ listeners: [LabServers.Listener], stop: CInt) throws(SystemError) {
        self.listeners = Dictionary(listeners.map { ($0.descriptor, $0) }) { first, _ in first }
        self.stop = stop
        poller = try Poller()
        poller.watch(stop, for: .reading)
        for listener in listeners { poller.watch(listener.descriptor, for: .reading) }
    }

    mutating func run() {
        defer {
            for listener in listeners.keys { close(listener) }
            for connection in connections.keys { close(connection) }
            close(stop)
        }
        while true {
            for descriptor in poller.wait(milliseconds: -1) {
                if descriptor == stop { return }
                guard let listener = listeners[descriptor] else {
                    serve(descriptor)
                    continue
                }
                if listener.isStream {
                    accept(descriptor, listener.place)
                } else {
                    answerDatagrams(descriptor, listener.place, listener.local)
                }
            }
        }
    }

    private mutating func accept(_ listener: CInt, _ place: String) {
        while true {
            var address = SocketAddressStorage()
            let descriptor = address.fill { clew_accept(listener, $0, $1) }
            guard descriptor >= 0 else { return }
            var own = SocketAddressStorage()
            _ = own.fill { getsockname(descriptor, $0, $1) }
            guard let peer = address.value, let local = own.value else {
                close(descriptor)
                continue
            }
            connections[descriptor] = Connection(place: place, local: local, peer: peer)
            poller.watch(descriptor, for: .reading)
        }
    }

    private mutating func serve(_ descriptor: CInt) {
        guard var connection = connections[descriptor] else { return }
        if connection.answer.isEmpty {
            var buffer = [UInt8](repeating: 0, count: 65536)
            let count = read(descriptor, &buffer, buffer.count)
            if count < 0, errno == EAGAIN { return }
            guard count > 0, connection.request.count < 1 << 20 else { return end(descriptor) }
            connection.request += buffer[..<count]
            if let answer = ProbeWire.answer(
                to: connection.request, place: connection.place, local: connection.local, peer: connection.peer)
            {
                connection.answer = answer
            }
        }
        if !connection.answer.isEmpty {
            let count = connection.answer.withUnsafeBytes {
                write(descriptor, $0.baseAddress.map { $0 + connection.sent }, $0.count - connection.sent)
            }
            if count < 0, errno != EAGAIN { return end(descriptor) }
            connection.sent += max(count, 0)
            if connection.sent == connection.answer.count { return end(descriptor) }
            poller.watch(descriptor, for: .writing)
        }
        connections[descriptor] = connection
    }

    private mutating func end(_ descriptor: CInt) {
        connections[descriptor] = nil
        close(descriptor)
    }

    private func answerDatagrams(_ descriptor: CInt, _ place: String, _ local: SocketAddress) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            var address = SocketAddressStorage()
            var control = clew_datagram()
            let count = address.fill { clew_receive_datagram(descriptor, &buffer, buffer.count, $0, $1, &control) }
            guard count > 0 else { return }
            guard let peer = address.value,
                let answer = ProbeWire.answer(
                    to: Array(buffer[..<count]), place: place, local: own(control, local), peer: peer)
            else { continue }
            _ = address.withPointer { clew_send_datagram(descriptor, answer, answer.count, $0, $1, &control) }
        }
    }

    private func own(_ control: clew_datagram, _ local: SocketAddress) -> SocketAddress {
        let bytes = withUnsafeBytes(of: control.address) { Array($0) }
        guard local.address.family == .ipv6 else {
            return SocketAddress(IPAddress(v4: bytes[0], bytes[1], bytes[2], bytes[3]), local.port)
        }
        let high = bytes[0..<8].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let low = bytes[8..<16].reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return SocketAddress(IPAddress(v6High: high, low: low), local.port)
    }
}

/// What clients and servers of the lab say to each other.
enum ProbeWire {
    /// The first letters of every request and answer, by which captured packets are known.
    static let magic = "clewlab-"

    static func request(id: String, size: Int) -> [UInt8] {
        Array("\(id) \(size)\n".utf8) + [UInt8](repeating: UInt8(ascii: "."), count: size)
    }

    /// The answer to a request; nil while it is not whole.
    static func answer(to request: [UInt8], place: String, local: SocketAddress, peer: SocketAddress) -> [UInt8]? {
        guard let end = request.firstIndex(of: UInt8(ascii: "\n")) else { return nil }
        let words = String(decoding: request[..<end], as: UTF8.self).split(separator: " ")
        guard words.count == 2, let size = Int(words[1]), size >= 0, request.count - end - 1 >= size else { return nil }
        return Array("\(words[0]) \(place) \(local) \(peer)\n".utf8)
            + [UInt8](repeating: UInt8(ascii: "."), count: min(size, 1 << 20))
    }
}
