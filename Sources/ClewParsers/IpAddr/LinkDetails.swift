import ClewNet
import ClewSnapshot

extension LinkDraft {
    /// Reads a word of the details that `ip -d` prints of a kind.
    ///
    /// There are some hundred words, more with every version; those that do not matter here are passed over unseen.
    mutating func readDetail(_ reader: inout WordReader, _ word: String, of kind: String) {
        switch kind {
        case "bridge": readBridgeWord(&reader, word)
        case "bridge_slave": readPortWord(&reader, word)
        case "vxlan", "ipip", "sit", "gre", "geneve": readTunnelWord(&reader, word)
        default:
            if word == "link-netnsid" {
                link.peerNamespaceID = reader.value().flatMap { Int32($0) }
            } else {
                reader.index += 1
            }
        }
    }

    private mutating func readBridgeWord(_ reader: inout WordReader, _ word: String) {
        switch word {
        case "vlan_filtering": link.bridge?.vlanFiltering = reader.value() == "1"
        case "nf_call_iptables": link.bridge?.callIptables = reader.value().map { $0 != "0" }
        case "nf_call_ip6tables": link.bridge?.callIp6tables = reader.value().map { $0 != "0" }
        default: reader.index += 1
        }
    }

    private mutating func readPortWord(_ reader: inout WordReader, _ word: String) {
        switch word {
        case "state": link.port?.state = reader.value()
        case "hairpin": link.port?.hairpin = reader.value().map { $0 == "on" }
        case "isolated": link.port?.isolated = reader.value().map { $0 == "on" }
        default: reader.index += 1
        }
    }

    private mutating func readTunnelWord(_ reader: inout WordReader, _ word: String) {
        switch word {
        case "id": tunnelWords.vni = reader.value().flatMap { UInt32($0) }
        case "local": tunnelWords.local = reader.value().flatMap { IPAddress($0) }
        case "remote", "group": tunnelWords.remote = reader.value().flatMap { IPAddress($0) }
        case "dev": tunnelWords.device = reader.value()
        case "dstport": tunnelWords.port = reader.value().flatMap { UInt16($0) }
        case "ttl": tunnelWords.ttl = reader.value().flatMap { UInt8($0) }
        case "nolearning", "learning":
            tunnelWords.learning = word == "learning"
            reader.index += 1
        case "external":
            tunnelWords.isExternal = true
            reader.index += 1
        default: reader.index += 1
        }
    }
}
