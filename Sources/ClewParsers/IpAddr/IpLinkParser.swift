package import ClewBundle
package import ClewSnapshot

/// Reads network devices and their addresses: `ip addr`, `ip link`, each with and without `-d`, `-s`, `-o`, as text or
/// JSON, and `ifconfig` of both eras.
package enum IpLinkParser {
    package static func parse(_ bytes: [UInt8], artifact: ArtifactID) -> ParsedList<Link> {
        if ToolJSON.isJSON(bytes) { return LinkJSON.parse(bytes, artifact: artifact) }
        var parser = LinkText(bytes, artifact: artifact)
        return parser.parse()
    }
}

/// What is read of a device before its kind is known.
struct LinkDraft {
    var link: Link
    /// `ether` of `link/ether`.
    var hardware: String?
    /// `IFLA_INFO_KIND`.
    var kind: String?
    /// Details were printed, so that a device without a kind has none.
    var hasDetails = false
    var tunnelWords = TunnelOptions()

    init(_ link: Link) { self.link = link }

    var finished: Link {
        var link = link
        if let kind {
            link.kind = LinkKind(name: kind)
        } else if let hardware {
            link.kind =
                switch hardware {
                case "loopback": .loopback
                case "ipip": .ipip
                case "sit": .sit
                case "gre": .gre
                default: hasDetails ? .physical : .unknown("")
                }
        }
        switch link.kind {
        case .vxlan:
            link.tunnel = tunnelWords
            // Only its absence is printed.
            if link.tunnel?.learning == nil { link.tunnel?.learning = true }
        case .ipip, .sit, .gre, .geneve: if kind != nil { link.tunnel = tunnelWords }
        default: break
        }
        return link
    }
}

extension LinkKind {
    /// A kind as the kernel names it.
    init(name: String) {
        self = Self.names[name] ?? .unknown(name)
    }

    private static let names: [String: LinkKind] = [
        "veth": .veth, "bridge": .bridge, "vxlan": .vxlan, "ipip": .ipip, "sit": .sit, "tun": .tun, "dummy": .dummy,
        "vlan": .vlan, "macvlan": .macvlan, "ipvlan": .ipvlan, "bond": .bond, "vrf": .vrf, "gre": .gre,
        "geneve": .geneve, "wireguard": .wireguard, "ifb": .ifb,
    ]

    /// Kinds that end a device's first line where a web page has joined the lines.
    static let known: Set<String> = Set(names.keys).union([
        "macvtap", "ipvtap", "gretap", "erspan", "ip6gre", "ip6gretap", "ip6tnl", "vti", "vti6", "xfrm", "nlmon",
        "openvswitch", "team", "hsr", "netkit", "can", "vcan", "ipoib",
    ])
}

extension Link {
    /// Sets what the flags between `<` and `>` say (`linux/if.h`).
    mutating func setFlags(_ flags: [String]) {
        isUp = flags.contains("UP")
        isLoopback = flags.contains("LOOPBACK")
        isPointToPoint = flags.contains("POINTOPOINT")
        isNoARP = flags.contains("NOARP")
        isPromiscuous = flags.contains("PROMISC")
        // The kernel tells the carrier only of a device that is up.
        hasCarrier = isUp ? flags.contains("LOWER_UP") : nil
    }

    /// Sets what stands behind the `@`: `if4` is an index of another namespace, `NONE` is nothing, all else a name of
    /// this one.
    mutating func setLower(_ text: String) {
        if text == "NONE" || text == "(null)" { return }
        if text.hasPrefix("if"), let index = UInt32(text.dropFirst(2)) {
            peerIndex = index
        } else {
            lowerName = text
        }
    }
}
