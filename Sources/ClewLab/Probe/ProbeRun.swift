import CLinux
import ClewNet
import Glibc

/// Tries connections, all at once.
package struct ProbeRun: Sendable {
    /// How long nothing may come to any client before those left are given up.
    ///
    /// Counted from the last event, so that a machine under load loses no answer; less than the second after which TCP
    /// repeats itself.
    package var timeout = Duration.milliseconds(700)
    /// How long clients wait whose handshake is done.
    package var patience = Duration.seconds(2)
    /// Whether every packet is to be seen on its way.
    package var watches = true
    /// Whether segments that neither open nor end a connection are to be seen too.
    package var seesData = false

    package init() {}

    /// Tries each flow once; results are in the order of the flows.
    package func results(_ flows: [ProbeFlow], in lab: Lab) throws(SystemError) -> [ProbeResult] {
        var engine = try ProbeEngine(self, flows, lab)
        try engine.start()
        engine.loop()
        return engine.results()
    }
}

/// The clients of one run.
private struct ProbeEngine: ~Copyable {
    private struct Client {
        var id: String
        var flow: ProbeFlow
        var place: String
        var socket: CInt = -1
        var outcome: ClientOutcome?
        var isConnected = false
        var local: SocketAddress?
        var received: [UInt8] = []
        var request: [UInt8]
        var sent = 0
        var answer: ServerAnswer?
    }

    private let run: ProbeRun
    private let lab: Lab
    private var clients: [Client]
    private var watch: PacketWatch?
    private var deadline = ContinuousClock.now
    private var poller: Poller

    init(_ run: ProbeRun, _ flows: [ProbeFlow], _ lab: Lab) throws(SystemError) {
        // First what can fail: a half-made value could not be taken apart.
        let poller = try Poller()
        let watch = run.watches ? Optional(try PacketWatch(lab, seesData: run.seesData)) : nil
        let nonce = String(UInt32.random(in: 0...UInt32.max), radix: 16)
        self.run = run
        self.lab = lab
        self.poller = poller
        self.watch = watch
        clients = flows.enumerated().map { index, flow in
            let id = "\(ProbeWire.magic)\(nonce)-\(index)"
            return Client(
                id: id, flow: flow, place: flow.from.description, request: ProbeWire.request(id: id, size: flow.size))
        }
    }

    deinit { for client in clients where client.socket >= 0 { close(client.socket) } }

    /// The maximum segment size by which a connection is known in every namespace, whatever is translated on its way.
    ///
    /// It stays below any MTU, and changes the way of no packet; where size matters, segments are of 1,290 bytes at
    /// least, and still of no more than any pod's device carries.
    private static func mark(_ index: Int, _ flow: ProbeFlow) -> UInt16 {
        UInt16(truncatingIfNeeded: flow.size > 0 ? 1250 + index % 100 : 600 + index % 500)
    }

    /// Opens the sockets, each in its namespace, and connects them.
    mutating func start() throws(SystemError) {
        guard clients.count <= 500, clients.count <= 100 || clients.allSatisfy({ $0.flow.size == 0 }) else {
            throw .unusable("at most 500 connections at once can be told apart")
        }
        let byPlace = Dictionary(grouping: clients.indices) { clients[$0].flow.from }
        for (place, indices) in byPlace {
            guard let namespace = lab.namespace(of: place) else { throw .unusable("no place \(place) in the lab") }
            let flows = indices.map { clients[$0].flow }
            let sockets = try namespace.perform { () throws(SystemError) -> [CInt] in
                try flows.mapThrowing { flow throws(SystemError) in
                    let domain = flow.destination.address.family == .ipv4 ? AF_INET : AF_INET6
                    let kind = flow.ipProtocol == .tcp ? SOCK_STREAM.rawValue : SOCK_DGRAM.rawValue
                    let socket = try Socket(domain, CInt(kind))
                    // Else a port bound in one family is taken in the other.
                    if domain == AF_INET6 { try socket.set(CInt(IPPROTO_IPV6), IPV6_V6ONLY, 1) }
                    return socket.release()
                }
            }
            for (index, socket) in zip(indices, sockets) { clients[index].socket = socket }
        }
        deadline = ContinuousClock.now + run.timeout
        for index in clients.indices { connect(index) }
    }

    private mutating func connect(_ index: Int) {
        let flow = clients[index].flow
        let socket = clients[index].socket
        if flow.source != nil || flow.sourcePort != nil {
            let source = flow.source ?? .zero(flow.destination.address.family)
            let code = SocketAddressStorage(source, flow.sourcePort ?? 0).withPointer { bind(socket, $0, $1) }
            if code != 0 { clients[index].outcome = .unreachable(errno: errno) }
        }
        guard clients[index].outcome == nil else { return }
        if flow.ipProtocol == .tcp {
            var size = CInt(Self.mark(index, flow))
            setsockopt(socket, CInt(IPPROTO_TCP), TCP_MAXSEG, &size, socklen_t(MemoryLayout<CInt>.size))
        }
        let code = SocketAddressStorage(flow.destination.address, flow.destination.port).withPointer {
            Glibc.connect(socket, $0, $1)
        }
        if code != 0, errno != EINPROGRESS { return fail(index, errno) }
        // An ICMP error that came while `connect` was still under way is kept for SO_ERROR, and wakes nobody.
        if takeError(index) { return }
        var own = SocketAddressStorage()
        _ = own.fill { getsockname(socket, $0, $1) }
        clients[index].local = own.value
        if flow.ipProtocol != .tcp {
            let request = clients[index].request
            if send(socket, request, request.count, 0) < 0 { fail(index, errno) }
        }
    }

    /// Whether the socket has an error, which is then the outcome.
    private mutating func takeError(_ index: Int) -> Bool {
        var code: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        guard getsockopt(clients[index].socket, SOL_SOCKET, SO_ERROR, &code, &length) == 0, code != 0 else {
            return false
        }
        fail(index, code)
        return true
    }

    private mutating func fail(_ index: Int, _ code: CInt) {
        switch code {
        case ECONNREFUSED: clients[index].outcome = .refused
        case ECONNRESET, EPIPE: clients[index].outcome = clients[index].isConnected ? .reset : .refused
        default: clients[index].outcome = .unreachable(errno: code)
        }
    }

    /// Waits until every client has an outcome or nothing comes any more.
    mutating func loop() {
        var open = 0
        var owners: [CInt: Int] = [:]
        for index in clients.indices where clients[index].outcome == nil {
            open += 1
            owners[clients[index].socket] = index
            poller.watch(clients[index].socket, for: clients[index].flow.ipProtocol == .tcp ? .writing : .reading)
        }
        var isPatient = false
        while open > 0 {
            let left = Int32(clamping: max(0, (deadline - ContinuousClock.now).wholeMilliseconds))
            let ready = poller.wait(milliseconds: left)
            if ready.isEmpty, ContinuousClock.now >= deadline {
                // Who is connected waits for a server of this very process: longer, in case it had no time.
                guard !isPatient, clients.contains(where: { $0.isConnected && $0.outcome == nil }) else { break }
                isPatient = true
                deadline = ContinuousClock.now + run.patience
            }
            for socket in ready {
                guard let index = owners[socket], clients[index].outcome == nil else { continue }
                proceed(index)
                deadline = ContinuousClock.now + run.timeout
                if clients[index].outcome != nil {
                    open -= 1
                    close(socket)
                    clients[index].socket = -1
                }
            }
        }
        for index in clients.indices where clients[index].outcome == nil && !takeError(index) {
            clients[index].outcome = clients[index].isConnected ? .hung : .timedOut
        }
        // What is on its way when the last client has its answer.
        usleep(2000)
        watch?.drain()
    }

    private mutating func proceed(_ index: Int) {
        let socket = clients[index].socket
        if clients[index].flow.ipProtocol == .tcp, clients[index].sent < clients[index].request.count {
            if takeError(index) { return }
            let request = clients[index].request
            let sent = clients[index].sent
            let count = request.withUnsafeBytes {
                send(socket, $0.baseAddress.map { $0 + sent }, $0.count - sent, CInt(MSG_NOSIGNAL))
            }
            if count < 0 {
                if errno != EAGAIN { fail(index, errno) }
                return
            }
            clients[index].isConnected = true
            clients[index].sent += count
            if clients[index].sent == request.count { poller.watch(socket, for: .reading) }
            return
        }
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = recv(socket, &buffer, buffer.count, 0)
        if count < 0 {
            if errno != EAGAIN { fail(index, errno) }
            return
        }
        clients[index].received += buffer[..<count]
        if count == 0 || clients[index].flow.ipProtocol != .tcp { finish(index) }
    }

    private mutating func finish(_ index: Int) {
        let bytes = clients[index].received
        guard let end = bytes.firstIndex(of: UInt8(ascii: "\n")), bytes.count - end - 1 >= clients[index].flow.size
        else {
            clients[index].outcome = .cutOff
            return
        }
        let words = String(decoding: bytes[..<end], as: UTF8.self).split(separator: " ").map(String.init)
        guard words.count == 4, words[0] == clients[index].id, let local = SocketAddress(text: words[2]),
            let peer = SocketAddress(text: words[3])
        else {
            clients[index].outcome = .cutOff
            return
        }
        clients[index].answer = ServerAnswer(place: words[1], local: local, peer: peer)
        clients[index].outcome = .answered
    }

    func results() -> [ProbeResult] {
        let marks = clients.indices.filter { clients[$0].flow.ipProtocol == .tcp }.map {
            (Self.mark($0, clients[$0].flow), clients[$0].id)
        }
        let sightings = watch?.sightings(Dictionary(marks) { first, _ in first }) ?? [:]
        return clients.map { client in
            ProbeResult(
                flow: client.flow, outcome: client.outcome ?? .timedOut, answer: client.answer, client: client.local,
                sightings: sightings[client.id] ?? [])
        }
    }
}

extension SocketAddress {
    /// Reads what `description` writes: `10.0.0.1:80`, `[fd00::1]:80`.
    init?(text: String) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]) else {
            return nil
        }
        let host = text[..<colon]
        let bare = host.hasPrefix("[") && host.hasSuffix("]") ? host.dropFirst().dropLast() : host
        guard let address = IPAddress(String(bare)) else { return nil }
        self.init(address, port)
    }
}
