import ClewNet
import ClewSnapshot

extension CanonicalPrinter {
    /// The options in the order `iptables-save` prints them; `--ipvs` only where it stands alone.
    mutating func printVirtual(_ match: IPVSMatch) {
        let before = out
        if let wanted = match.ipProtocol { write("--vproto", "\(wanted.value.rawValue)", negated: wanted.isNegated) }
        if let wanted = match.address {
            let isHost = wanted.value.prefixLength == wanted.value.mask.family.width
            write("--vaddr", isHost ? "\(wanted.value.value)" : "\(wanted.value)", negated: wanted.isNegated)
        }
        if let wanted = match.port { write("--vport", "\(wanted.value)", negated: wanted.isNegated) }
        if let isReply = match.isReply { write("--vdir", isReply ? "REPLY" : "ORIGINAL") }
        if let wanted = match.method {
            let name =
                switch wanted.value {
                case .route: "GATE"
                case .tunnel: "IPIP"
                case .masquerade: "MASQ"
                }
            write("--vmethod", name, negated: wanted.isNegated)
        }
        if let wanted = match.controlPort { write("--vportctl", "\(wanted.value)", negated: wanted.isNegated) }
        if out == before, let isHandled = match.isHandled { write("--ipvs", negated: !isHandled) }
    }
}
