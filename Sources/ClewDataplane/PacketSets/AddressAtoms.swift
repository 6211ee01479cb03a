import ClewNet
import ClewSnapshot

/// Where the answers about an address can change in a namespace: the ends of every route's and policy rule's prefix, and
/// of the ranges that the kernel treats in a way of their own.
///
/// Between two neighbouring bounds all addresses are routed alike, so one of them stands for all.
struct AddressAtoms: Sendable {
    let family: AddressFamily
    /// The first address of each atom, ascending; the first is zero.
    let starts: [UInt128]

    init(_ namespace: CompiledNamespace, _ family: AddressFamily) {
        self.family = family
        var starts: Set<UInt128> = [0]
        func cut(_ range: ValueRange) {
            starts.insert(range.first)
            if range.last < Self.last(family) { starts.insert(range.last + 1) }
        }
        for route in namespace.router.routes {
            if route.destination.family == family { cut(route.destination.values) }
            if let prefix = route.sourcePrefix, prefix.family == family { cut(prefix.values) }
        }
        for rule in namespace.state.routingRules {
            for prefix in [rule.from, rule.to].compactMap(\.self) where prefix.family == family { cut(prefix.values) }
        }
        for prefix in Self.special(family) { cut(prefix.values) }
        self.starts = starts.sorted()
    }

    static func last(_ family: AddressFamily) -> UInt128 { family == .ipv4 ? UInt128(UInt32.max) : .max }

    /// Loopback, multicast, broadcast, unspecified, link-local.
    private static func special(_ family: AddressFamily) -> [IPPrefix] {
        let texts =
            family == .ipv4
            ? ["0.0.0.0/32", "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "255.255.255.255/32"]
            : ["::/128", "::1/128", "fe80::/10", "ff00::/8"]
        return texts.compactMap { IPPrefix($0) }
    }

    var count: Int { starts.count }

    /// The atom an address is in.
    func atom(of value: UInt128) -> Int {
        var (low, high) = (0, starts.count)
        while low < high {
            let middle = low + (high - low) / 2
            if starts[middle] <= value { low = middle + 1 } else { high = middle }
        }
        return max(0, low - 1)
    }

    func range(_ atom: Int) -> ValueRange {
        ValueRange(starts[atom], atom + 1 < starts.count ? starts[atom + 1] - 1 : Self.last(family))
    }

    /// The atoms that hold values of a range.
    func atoms(in range: ValueRange) -> ClosedRange<Int> {
        let first = atom(of: range.first)
        return first...max(first, atom(of: range.last))
    }
}
