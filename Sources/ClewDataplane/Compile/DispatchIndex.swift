import ClewNet
import ClewSnapshot

/// Finds the rules of a long chain that can match a packet, by destination address, protocol and port.
///
/// Chains such as KUBE-SERVICES have thousands of rules that each name one address, protocol and port. A rule is filed
/// under those of the three that it demands literally; every other rule is filed under "all", and is always tried. The
/// index is sound by construction: a packet that matches a rule has the values the rule demands, so it looks under the
/// rule's own key. Keys are hashes; a collision only adds a rule that is tried and does not match.
struct DispatchIndex: Sendable {
    /// Chains shorter than this are walked.
    private static var shortest: UInt32 { 12 }

    /// Which of the three a rule demands.
    private enum Shape: UInt64, CaseIterable {
        case addressProtocolPort = 1
        case address
        case protocolPort
        case all
    }

    private struct ChainIndex {
        /// Slots of the hash table: `first` of the chain's table, and its size less one (a power of two).
        var firstSlot: UInt32
        var mask: UInt32
        /// Rules that no key names, in `others`.
        var firstOther: UInt32
        var otherCount: UInt32
        /// Rules that demand an address, ordered by it, in `addressed`.
        var firstAddressed: UInt32
        var addressedCount: UInt32
        /// Rules that demand a protocol and a port, but no address, in `ported`.
        var firstPorted: UInt32
        var portedCount: UInt32
        var shapes: UInt8
    }

    private struct Slot {
        var hash: UInt64
        /// A run of `filed`; an empty slot has none.
        var first: UInt32
        var count: UInt32
    }

    /// By chain; `.max`: not indexed.
    private var indexOfChain: [UInt32]
    private var chains: [ChainIndex] = []
    private var slots: [Slot] = []
    private var filed: [UInt32] = []
    private var others: [UInt32] = []
    private var addressed: [(address: UInt128, rule: UInt32)] = []
    private var ported: [UInt32] = []

    init(_ rules: RuleSet) {
        indexOfChain = Array(repeating: .max, count: rules.chains.count)
        var entries: [(hash: UInt64, rule: UInt32)] = []
        for (id, chain) in rules.chains.enumerated() where chain.ruleCount >= Self.shortest {
            entries.removeAll(keepingCapacity: true)
            var index = ChainIndex(
                firstSlot: UInt32(slots.count), mask: 0, firstOther: UInt32(others.count), otherCount: 0,
                firstAddressed: UInt32(addressed.count), addressedCount: 0, firstPorted: UInt32(ported.count),
                portedCount: 0, shapes: 0)
            for rule in chain.firstRule..<chain.firstRule + chain.ruleCount {
                let key = Self.key(of: rules.rules[Int(rule)], in: rules)
                if key.shape == .all {
                    others.append(rule)
                } else {
                    entries.append((key.hash, rule))
                    index.shapes |= 1 << UInt8(key.shape.rawValue)
                    if let address = key.address { addressed.append((address, rule)) } else { ported.append(rule) }
                }
            }
            index.otherCount = UInt32(others.count) - index.firstOther
            index.addressedCount = UInt32(addressed.count) - index.firstAddressed
            index.portedCount = UInt32(ported.count) - index.firstPorted
            guard entries.count * 2 >= Int(chain.ruleCount) else {
                others.removeLast(Int(index.otherCount))
                addressed.removeLast(Int(index.addressedCount))
                ported.removeLast(Int(index.portedCount))
                continue
            }
            addressed[Int(index.firstAddressed)...].sort { ($0.address, $0.rule) < ($1.address, $1.rule) }
            file(&entries, into: &index)
            indexOfChain[id] = UInt32(chains.count)
            chains.append(index)
        }
    }

    private mutating func file(_ entries: inout [(hash: UInt64, rule: UInt32)], into index: inout ChainIndex) {
        entries.sort { $0.hash == $1.hash ? $0.rule < $1.rule : $0.hash < $1.hash }
        var size = 4
        while size < entries.count * 2 { size *= 2 }
        index.mask = UInt32(size - 1)
        slots.append(contentsOf: repeatElement(Slot(hash: 0, first: 0, count: 0), count: size))
        var i = 0
        while i < entries.count {
            let hash = entries[i].hash
            let first = UInt32(filed.count)
            while i < entries.count, entries[i].hash == hash {
                filed.append(entries[i].rule)
                i += 1
            }
            var slot = UInt32(truncatingIfNeeded: hash) & index.mask
            while slots[Int(index.firstSlot + slot)].count > 0 { slot = (slot + 1) & index.mask }
            slots[Int(index.firstSlot + slot)] = Slot(hash: hash, first: first, count: UInt32(filed.count) - first)
        }
    }

    private struct Key {
        var shape: Shape
        var hash: UInt64
        var address: UInt128?
    }

    private static func key(of rule: Rule, in rules: RuleSet) -> Key {
        var address: (UInt64, UInt64)?
        var ipProtocol: IPProtocol?
        var port: UInt16?
        for match in rules.matches(of: rule) where !match.isNegated {
            switch match.test {
            case .destination4(let value, let mask) where mask == .max: address = (0, UInt64(value))
            case .destination(let pool):
                let masked = rules.maskedAddresses[Int(pool.rawValue)]
                if masked.prefixLength == masked.value.family.width {
                    address = (masked.value.high, masked.value.low)
                }
            case .ipProtocol(let number): ipProtocol = number
            case .destinationPort(let range) where range.first == range.last: port = range.first
            default: break
            }
        }
        switch (address, ipProtocol, port) {
        case (let (high, low)?, let number?, let port?):
            return Key(
                shape: .addressProtocolPort, hash: hash(.addressProtocolPort, high, low, number, port),
                address: UInt128(high) << 64 | UInt128(low))
        case (let (high, low)?, _, _):
            return Key(
                shape: .address, hash: hash(.address, high, low, IPProtocol(rawValue: 0), 0),
                address: UInt128(high) << 64 | UInt128(low))
        case (nil, let number?, let port?):
            return Key(shape: .protocolPort, hash: hash(.protocolPort, 0, 0, number, port), address: nil)
        default: return Key(shape: .all, hash: 0, address: nil)
        }
    }

    private static func hash(
        _ shape: Shape, _ high: UInt64, _ low: UInt64, _ ipProtocol: IPProtocol, _ port: UInt16
    ) -> UInt64 {
        var hash = (high ^ shape.rawValue) &* 0x9E37_79B9_7F4A_7C15
        hash = (hash ^ low ^ hash >> 29) &* 0xBF58_476D_1CE4_E5B9
        hash = (hash ^ (UInt64(ipProtocol.rawValue) << 16 | UInt64(port)) ^ hash >> 32) &* 0x94D0_49BB_1331_11EB
        return hash ^ hash >> 31
    }

    func isIndexed(_ chain: ChainID) -> Bool { indexOfChain[Int(chain.rawValue)] != .max }

    func firstCandidate(
        _ candidates: Range<UInt32>, in chain: ChainID, _ destination: IPAddress, _ ipProtocol: IPProtocol,
        _ port: UInt16
    ) -> UInt32 {
        let number = indexOfChain[Int(chain.rawValue)]
        guard number != .max else { return candidates.lowerBound }
        let index = chains[Int(number)]
        var best = Self.first(atLeast: candidates.lowerBound, others, index.firstOther, index.otherCount)
        for shape in Shape.allCases where index.shapes >> UInt8(shape.rawValue) & 1 == 1 {
            let hash: UInt64 =
                switch shape {
                case .addressProtocolPort: Self.hash(shape, destination.high, destination.low, ipProtocol, port)
                case .address: Self.hash(shape, destination.high, destination.low, IPProtocol(rawValue: 0), 0)
                case .protocolPort: Self.hash(shape, 0, 0, ipProtocol, port)
                case .all: 0
                }
            best = min(best, firstFiled(hash, candidates.lowerBound, index))
        }
        return min(best, candidates.upperBound)
    }

    /// For packets to any address of some ranges.
    ///
    /// Rules that demand an address outside all of them are passed over, and rules for other ports where the port is one.
    func firstCandidate(
        _ candidates: Range<UInt32>, in chain: ChainID, _ destinations: ArraySlice<ValueRange>,
        _ ipProtocol: IPProtocol, _ port: UInt16?
    ) -> UInt32 {
        let number = indexOfChain[Int(chain.rawValue)]
        guard number != .max else { return candidates.lowerBound }
        let index = chains[Int(number)]
        var best = Self.first(atLeast: candidates.lowerBound, others, index.firstOther, index.otherCount)
        if let port {
            best = min(
                best, firstFiled(Self.hash(.protocolPort, 0, 0, ipProtocol, port), candidates.lowerBound, index))
        } else {
            best = min(best, Self.first(atLeast: candidates.lowerBound, ported, index.firstPorted, index.portedCount))
        }
        let run = addressed[Int(index.firstAddressed)..<Int(index.firstAddressed + index.addressedCount)]
        return min(best, firstAddressed(run, destinations, candidates), candidates.upperBound)
    }

    /// The first of the rules ordered by address whose address is in one of the ranges, which are in order too.
    private func firstAddressed(
        _ run: ArraySlice<(address: UInt128, rule: UInt32)>, _ ranges: ArraySlice<ValueRange>,
        _ candidates: Range<UInt32>
    ) -> UInt32 {
        var best = UInt32.max
        var tried = 0
        var place = run.startIndex
        for range in ranges {
            // With many ranges the next rule is near.
            if ranges.count > 64 {
                while place < run.endIndex, run[place].address < range.first { place += 1 }
            } else {
                var (low, high) = (place, run.endIndex)
                while low < high {
                    let middle = low + (high - low) / 2
                    if run[middle].address < range.first { low = middle + 1 } else { high = middle }
                }
                place = low
            }
            while place < run.endIndex, run[place].address <= range.last {
                // Wide ranges meet most rules: trying them in order is cheaper.
                tried += 1
                if tried > 64 { return candidates.lowerBound }
                if run[place].rule >= candidates.lowerBound { best = min(best, run[place].rule) }
                place += 1
            }
        }
        return best
    }

    /// The first rule from `bound` on that is filed under a hash.
    private func firstFiled(_ hash: UInt64, _ bound: UInt32, _ index: ChainIndex) -> UInt32 {
        var slot = UInt32(truncatingIfNeeded: hash) & index.mask
        while true {
            let entry = slots[Int(index.firstSlot + slot)]
            if entry.count == 0 { return .max }
            if entry.hash == hash { return Self.first(atLeast: bound, filed, entry.first, entry.count) }
            slot = (slot + 1) & index.mask
        }
    }

    /// The least element that is not below `bound` in a sorted run, or `.max`.
    private static func first(atLeast bound: UInt32, _ run: [UInt32], _ start: UInt32, _ count: UInt32) -> UInt32 {
        var (low, high) = (start, start + count)
        while low < high {
            let middle = low + (high - low) / 2
            if run[Int(middle)] < bound { low = middle + 1 } else { high = middle }
        }
        return low < start + count ? run[Int(low)] : .max
    }
}
