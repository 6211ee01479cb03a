import ClewBundle
package import ClewNet

/// The network of ``FuzzNetwork`` in real namespaces, with sockets to inject packets and to see what becomes of them.
///
/// nf_tables chains of its own, before and behind everything that rules can hook, let the kernel trace each packet,
/// tell what a process sends, and what it would receive: that ends there, so that no socket answers by itself.
package final class FuzzLab {
    // A class, since it owns namespaces and sockets and counts its packets.
    package let network: FuzzNetwork
    let ground: LabGround
    /// Whether rule sets bring settings of the node with them.
    let hasSettings: Bool
    let node: NetworkNamespace
    let peers: [String: NetworkNamespace]
    /// Rule sets and rules that the tools did not take, with their reason.
    package var refusals: [String] = []
    var control: NetfilterSocket
    var log: NetfilterSocket
    var trace: NetfilterSocket
    let raw: Socket
    let wires: [String: PacketWire]
    /// The node's files, but for its rules, by the settings they show.
    var collected: [FuzzSettings: [Artifact]] = [:]
    /// The tools whose rules may be loaded.
    var dirty: Set<FuzzBackend> = Set(FuzzBackend.allCases)
    /// Marks the packets of one exchange; never 0.
    private var identifier: UInt32 = 0
    /// How often the kernel said that it lost a message.
    var losses = 0
    /// How long silence lasts before a packet counts as lost.
    package var patience: Int32 = 1

    package convenience init(_ family: AddressFamily) throws(SystemError) {
        let network = FuzzNetwork(family)
        try self.init(network.ground, hasSettings: true) { node, peers throws(SystemError) in
            try FuzzLayout(network).build(node, peers)
        }
    }

    /// A network of another's making.
    init(
        _ ground: LabGround, hasSettings: Bool = false,
        build: (NetworkNamespace, [String: NetworkNamespace]) throws(SystemError) -> Void
    ) throws(SystemError) {
        let family = ground.family
        network = FuzzNetwork(family)
        self.ground = ground
        self.hasSettings = hasSettings
        let node = try NetworkNamespace("node")
        self.node = node
        var peers: [String: NetworkNamespace] = [:]
        for peer in ground.peers { peers[peer.name] = try NetworkNamespace(peer.name) }
        self.peers = peers
        try build(node, peers)
        control = NetfilterSocket(owning: try node.perform { () throws(SystemError) in try NetfilterSocket.open() })
        log = NetfilterSocket(owning: try node.perform { () throws(SystemError) in try NetfilterSocket.open() })
        trace = NetfilterSocket(owning: try node.perform { () throws(SystemError) in try NetfilterSocket.open() })
        raw = Socket(
            owning: try node.perform { () throws(SystemError) in
                try Socket(family == .ipv4 ? 2 : 10, 3, 255).release()
            })
        var wires: [String: PacketWire] = [:]
        for peer in ground.peers {
            guard let namespace = peers[peer.name] else { continue }
            let descriptor = try namespace.perform { () throws(SystemError) in
                try PacketSocket.open(on: peer.ownDevice)
            }
            wires[peer.name] = PacketWire(descriptor)
        }
        self.wires = wires
        try listen()
        try makeAccount(Self.account)
    }

    /// The object that rules with `-m nfacct` count in.
    static let account = "clew"

    /// NFNL_MSG_ACCT_NEW.
    func makeAccount(_ name: String) throws(SystemError) {
        try control.request(0x700, family: 0, NetfilterSocket.attribute(1, Array(name.utf8) + [0]))
    }

    /// NFLOG group 0, each message at once, and nf_tables' trace group.
    private func listen() throws(SystemError) {
        for family: UInt8 in [2, 10] { try log.request(0x401, family: family, NetfilterSocket.attribute(1, [3])) }
        try log.request(0x401, family: 2, NetfilterSocket.attribute(1, [1]))
        try log.request(0x401, family: 2, NetfilterSocket.attribute(2, [0, 0, 0, 128, 2, 0]))
        try log.request(0x401, family: 2, NetfilterSocket.attribute(5, [0, 0, 0, 1]))
        try trace.join(9)
    }

    func nextIdentifier() -> UInt32 {
        identifier = identifier % 0xFFFE + 1
        return identifier
    }

    // MARK: - State of the node

    /// Forgets every connection.
    func flushConnections() throws(SystemError) { try control.request(0x102, family: 0, []) }

    /// Runs a command in the node's namespace.
    func run(_ words: [String], input: String = "") throws(SystemError) -> CommandResult {
        try node.run(Command(words, input: input))
    }

    package func apply(_ settings: FuzzSettings) throws(SystemError) {
        try FuzzLayout(network).apply(settings, node)
    }
}

/// A peer's end of its wire.
final class PacketWire {
    // A class, as a dictionary cannot hold what is not copied.
    let socket: Socket
    init(_ descriptor: CInt) { socket = Socket(owning: descriptor) }
}
