import ClewBundle
import ClewNet
import ClewSnapshot
import ClewTestSupport

@testable import ClewDataplane

/// Random rules with every kind of match a class of packets can be parted by, over the small universe.
struct RichRules {
    private var random: RandomRules
    private(set) var rules: RuleSet
    let ipSets: [IPSet]

    init(seed: UInt64) {
        random = RandomRules(seed: seed)
        rules = random.rules
        ipSets = Self.sets(&random.generator)
        addPools()
        for index in rules.matches.indices where random.chance(2, of: 5) {
            rules.matches[index] = Match(test(), negated: random.chance(1, of: 3))
        }
        for index in rules.rules.indices where random.chance(1, of: 8) {
            if let target = target(ofRule: index) { rules.rules[index].target = target }
        }
    }

    private static func sets(_ generator: inout SeededGenerator) -> [IPSet] {
        let source = SourceLine(ArtifactID(rawValue: 0), line: 1)
        func one(_ address: IPAddress) -> IPSetPart { .addresses(AddressRange(address, address)) }
        func port(_ number: UInt16) -> IPSetPart {
            .port(Bool.random(using: &generator) ? .tcp : .udp, PortRange(number))
        }
        func entries(_ make: () -> [IPSetPart]) -> [IPSetEntry] {
            (0..<Int.random(in: 0...6, using: &generator)).map { _ in IPSetEntry(parts: make(), source: source) }
        }
        func any<T>(_ list: [T]) -> T { list[Int.random(in: 0..<list.count, using: &generator)] }
        let net = AddressRange(SmallUniverse.destinations[2], SmallUniverse.destinations[3])
        return [
            IPSet(
                name: "ip", type: "hash:ip", family: .ipv4, source: source,
                entries: entries { [one(any(SmallUniverse.sources))] }),
            IPSet(
                name: "net", type: "hash:net", family: .ipv4, source: source,
                entries: entries {
                    [Bool.random(using: &generator) ? .addresses(net) : one(any(SmallUniverse.destinations))]
                }),
            IPSet(
                name: "two", type: "hash:ip,port", family: .ipv4, source: source,
                entries: entries { [one(any(SmallUniverse.destinations)), port(any(SmallUniverse.destinationPorts))] }),
            IPSet(
                name: "three", type: "hash:ip,port,ip", family: .ipv4, source: source,
                entries: entries {
                    [
                        one(any(SmallUniverse.destinations)), port(any(SmallUniverse.destinationPorts)),
                        one(any(SmallUniverse.sources)),
                    ]
                }),
            IPSet(name: "open", type: "hash:ip", family: .ipv4, source: source, isComplete: false),
        ]
    }

    private mutating func addPools() {
        rules.names += ipSets.map(\.name) + ["DEFAULT"]
        func name(_ text: String) -> NameID { NameID(rawValue: UInt32(rules.names.firstIndex(of: text) ?? 0)) }
        rules.setReferences = [
            SetReference(name: name("ip"), usesSource: [true]), SetReference(name: name("net"), usesSource: [false]),
            SetReference(name: name("two"), usesSource: [false, false]),
            SetReference(name: name("three"), usesSource: [false, false, true]),
            SetReference(name: name("open"), usesSource: [true]),
            SetReference(name: name("net"), usesSource: [true]),
        ]
        let (a, b) = (SmallUniverse.sources, SmallUniverse.destinations)
        rules.addressRanges = [AddressRange(a[1], a[2]), AddressRange(b[3], b[6])]
        rules.maskedAddresses = [
            MaskedAddress(a[1], mask: IPAddress(v4: .max)), MaskedAddress(b[0], mask: IPAddress(v4: 0xFFFF_FFFA)),
            MaskedAddress(b[4], mask: IPAddress(v4: 0xFFFF_FFFC)),
        ]
        for (source, destination, negated) in [
            (AddressTypes?.some(.local), AddressTypes?.none, false), (nil, .local, false), (nil, .local, true),
            (.local, .unicast, false), (nil, [.broadcast, .local], false),
        ] {
            var type = AddressTypeMatch()
            type.source = source
            type.destination = destination
            type.destinationNegated = negated
            rules.addressTypes.append(type)
        }
        var recent = StatefulMatch(kind: .recent, text: .none)
        recent.recentAction = .check
        recent.listName = name("DEFAULT")
        var set = recent
        set.recentAction = .set
        rules.states = [recent, set, StatefulMatch(kind: .limit, text: .none)]
        rules.connmarkTargets = [
            .set(value: 0x4000, mask: 0xFFFF), .save(ctMask: .max, markMask: .max),
            .restore(ctMask: 0x4001, markMask: 0x4001),
        ]
        rules.natTargets = [
            NATTarget(kind: .destination, ports: PortRange(81, 443)),
            NATTarget(kind: .destination, addresses: AddressRange(b[1], b[1]), ports: PortRange(443)),
            NATTarget(kind: .redirect, ports: PortRange(8080)),
        ]
        rules.physicalDevices = [PhysicalDeviceMatch()]
        rules.physicalDevices[0].isBridged = true
        rules.nftSets = Self.nftSets
        rules.nft = [
            .lookup([.sourceAddress, .destinationPort], masks: [nil, nil], set: 0),
            .compare(.destinationAddress, mask: nil, .equal, NftRange(.address(b[2]), .address(b[5]))),
            .compare(.sourceAddressType, mask: nil, .notEqual, NftRange(.number(UInt64(AddressTypes.local.rawValue)))),
            .lookup([.destinationAddress, .ipProtocol, .destinationPort], masks: [nil, nil, nil], set: 1),
            .verdictMap([.destinationAddress, .destinationPort], masks: [nil, nil], set: 2),
            .natMap(.destination, [.sourceAddress], set: 3),
        ]
    }

    private static var nftSets: [NftSet] {
        let (a, b) = (SmallUniverse.sources, SmallUniverse.destinations)
        let table = TableID(rawValue: 0)
        func one(_ address: IPAddress) -> NftRange { NftRange(.address(address)) }
        func number(_ value: UInt64) -> NftRange { NftRange(.number(value)) }
        func element(_ key: [NftRange], _ data: NftData? = nil) -> NftElement {
            NftElement(key: key, data: data, line: 1)
        }
        return [
            NftSet(
                name: "", table: table,
                elements: [
                    element([one(a[0]), number(80)]), element([one(a[2]), NftRange(.number(81), .number(8000))]),
                ], line: 1),
            NftSet(
                name: "", table: table,
                elements: [
                    element([one(b[1]), number(6), number(443)]), element([one(b[6]), number(17), number(80)]),
                ],
                line: 1),
            NftSet(
                name: "", table: table,
                elements: [
                    element([one(b[0]), number(80)], .drop),
                    element([NftRange(.address(b[3]), .address(b[6])), number(443)], .accept),
                    element([one(b[7]), number(8080)], .return),
                ], line: 1),
            NftSet(
                name: "", table: table,
                elements: [
                    element([one(a[1])], .values([.address(b[5]), .number(80)])),
                    element([one(a[3])], .values([.address(b[0])])),
                ], line: 1),
        ]
    }

    private mutating func test() -> MatchTest {
        switch random.int(19) {
        case 0: return .sourceRange(PoolIndex(0))
        case 1: return .destinationRange(PoolIndex(1))
        case 2: return .destination(PoolIndex(1))
        case 3: return .multiport(.either, PoolIndex(random.int(2)))
        case 4, 5: return .set(PoolIndex(random.int(rules.setReferences.count)))
        case 6, 7: return .addressType(PoolIndex(random.int(rules.addressTypes.count)))
        case 8: return .conntrackState(random.chance(1, of: 2) ? .dnat : [.invalid, .untracked])
        case 9: return .conntrackAddress(.originalDestination, PoolIndex(2))
        case 10: return .conntrackPort(.originalDestination, PortRange(80, 443))
        case 11: return .stateful(PoolIndex(random.int(3)))
        case 12: return .connmark(value: 0x4000, mask: 0x4000)
        case 13: return .tcpFlags(mask: 0x12, compare: 2)
        case 14: return .reversePath(random.chance(1, of: 2) ? [] : .invert)
        case 15: return .conntrackAddress(.originalSource, PoolIndex(0))
        case 16: return .physicalDevice(PoolIndex(0))
        default: return .nft(PoolIndex(random.int(4)))
        }
    }

    private mutating func target(ofRule index: Int) -> Target? {
        let chain = rules.chains.firstIndex { $0.firstRule <= index && index < Int($0.firstRule + $0.ruleCount) } ?? 0
        let table = rules.tables[Int(rules.chains[chain].table.rawValue)].name
        switch random.int(6) {
        case 0: return .connmark(PoolIndex(random.int(3)))
        case 1: return table == "raw" ? .notrack : .tos(value: 8, mask: 0xFF)
        case 2: return table == "nat" ? .nat(PoolIndex(random.int(3))) : .reject(.portUnreachable)
        case 3: return table == "nat" ? .verdictMap(PoolIndex(5)) : .verdictMap(PoolIndex(4))
        default: return nil
        }
    }
}
