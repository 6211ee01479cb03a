import ClewNet
import ClewSnapshot

/// A 32-bit value made from a mark: `(source & keep) ^ xor`.
struct BitChange {
    enum Source { case none, mark, connmark }
    var source: Source
    var keep: UInt32
    var xor: UInt32

    /// Reads an expression of constants and at most one mark; `nil` for anything else.
    init?(_ node: NftNode) {
        switch node {
        case .word:
            guard let value = NftDatatype.number.constant(node), let value = UInt32(exactly: value) else { return nil }
            self.init(source: .none, keep: 0, xor: value)
        case .selector("meta mark"): self.init(source: .mark, keep: .max, xor: 0)
        case .selector("ct mark"): self.init(source: .connmark, keep: .max, xor: 0)
        case .binary(let operation, let left, let right):
            guard var change = BitChange(left), let other = BitChange(right) else { return nil }
            var value = other.xor
            if other.source != .none {
                guard change.source == .none else { return nil }
                value = change.xor
                change = other
                guard operation == .and || operation == .or || operation == .xor else { return nil }
            }
            switch operation {
            case .and:
                change.keep &= value
                change.xor &= value
            case .or:
                change.keep &= ~value
                change.xor = change.xor & ~value | value
            case .xor: change.xor ^= value
            case .shiftLeft, .shiftRight:
                guard change.source == .none else { return nil }
                change.xor = operation == .shiftLeft ? change.xor << value : change.xor >> value
            }
            self = change
        default: return nil
        }
    }

    init(source: Source, keep: UInt32, xor: UInt32) {
        self.source = source
        self.keep = keep
        self.xor = xor
    }
}

extension NftBuilder {
    /// `KEY set VALUE`.
    mutating func assign(
        _ key: String, _ value: NftNode, in table: TableID, matches: inout [Match]
    ) -> Target? {
        switch key {
        case "meta mark":
            guard let change = BitChange(value) else { return nil }
            switch change.source {
            case .none: return .mark(value: change.xor, mask: .max)
            case .mark: return .mark(value: change.xor, mask: ~change.keep)
            case .connmark:
                guard change.xor == 0 else { return nil }
                return connmark(.restore(ctMask: change.keep, markMask: .max))
            }
        case "ct mark":
            guard let change = BitChange(value) else { return nil }
            switch change.source {
            case .none: return connmark(.set(value: change.xor, mask: .max))
            case .connmark: return connmark(.set(value: change.xor, mask: ~change.keep))
            case .mark:
                guard change.xor == 0 else { return nil }
                return connmark(.save(ctMask: .max, markMask: change.keep))
            }
        case "meta nftrace", "meta priority", "meta secmark", "ct secmark":
            return .transparent(unmodelled("\(key) set \(value)"))
        case "ip dscp", "ip6 dscp":
            addFamily(key == "ip dscp" ? .ipv4 : .ipv6, in: table, to: &matches)
            guard let bits = NftDatatype.dscp.constant(value), bits < 64 else { return nil }
            return .tos(value: UInt8(bits) << 2, mask: 0xFC)
        case "ip ttl", "ip6 hoplimit":
            addFamily(key == "ip ttl" ? .ipv4 : .ipv6, in: table, to: &matches)
            guard let hops = NftDatatype.number.constant(value), let hops = UInt8(exactly: hops) else { return nil }
            return .timeToLive(.set, hops)
        case "tcp option maxseg size":
            if value == .selector("rt mtu") || value == .other("rt mtu") { return .tcpMSS(0) }
            guard let size = NftDatatype.number.constant(value), let size = UInt16(exactly: size), size > 0 else {
                return nil
            }
            return .tcpMSS(size)
        default:
            // A zone, a helper, a label, an event: the connection is changed, not the packet.
            return key.hasPrefix("ct ") ? .conntrackAssign(unmodelled("\(key) set \(value)")) : nil
        }
    }

    private mutating func connmark(_ target: ConnmarkTarget) -> Target {
        ruleSet.connmarkTargets.append(target)
        return .connmark(PoolIndex(ruleSet.connmarkTargets.count - 1))
    }
}
