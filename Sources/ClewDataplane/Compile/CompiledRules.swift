package import ClewNet
package import ClewSnapshot

/// One dump's rules, ready to be walked in one namespace.
///
/// A class, because hundreds of walks share it and never change it: a reference costs nothing to pass on, copies of its
/// arrays would be counted at every access.
package final class CompiledRules: Sendable {
    package let ruleSet: RuleSet
    /// Its number in its namespace.
    let index: RuleSetIndex
    private let dispatch: DispatchIndex
    /// For every interned name that a rule uses as an interface: which links of the namespace it matches, as a bit per link.
    private let linkBits: [UInt64]
    private let linkWords: Int
    /// Sets of the namespace by interned name.
    package let sets: [CompiledIPSet?]
    package let nftSets: [CompiledNftSet]
    /// Whether a match holds for a SYN-ACK and not for an ACK, or the other way round, or rules change the marks of
    /// connections, which the next packet may meet.
    let tellsAnswersApart: Bool
    /// The masks that rules write for a list of `recent`; `nil` keeps every bit.
    ///
    /// A list has the mask of the rule it was made for (`recent_mt_check`), and no other.
    let recentMasks: [NameID?: Set<IPAddress?>]

    /// Indexes a rule set for a namespace whose links have these names, in the order of their indices.
    ///
    /// `ipSets` is `nil` where ipsets were not collected.
    package init(_ ruleSet: RuleSet, number: Int = 0, links: [String], ipSets: IPSetTable?) {
        self.ruleSet = ruleSet
        index = RuleSetIndex(rawValue: UInt16(truncatingIfNeeded: number))
        dispatch = DispatchIndex(ruleSet)
        linkWords = max(1, (links.count + 63) / 64)
        linkBits = Self.linkBits(ruleSet, links, words: linkWords)
        var sets = [CompiledIPSet?](repeating: nil, count: ruleSet.names.count)
        for reference in ruleSet.setReferences {
            let name = Int(reference.name.rawValue)
            if name < sets.count { sets[name] = ipSets?.set(named: ruleSet.name(reference.name)) }
        }
        self.sets = sets
        let changesMarks = ruleSet.connmarkTargets.contains { if case .restore = $0 { false } else { true } }
        let asksFlags = ruleSet.matches.contains { match in
            switch match.test {
            case .tcpFlags(let mask, let compare):
                (Packet.synAck & mask == compare) != (Packet.ack & mask == compare)
            case .nft(let pool): ruleSet.nft[Int(pool.rawValue)].asksTCPFlags
            default: false
            }
        }
        tellsAnswersApart = changesMarks || asksFlags
        nftSets = ruleSet.nftSets.map(CompiledNftSet.init)
        var masks: [NameID?: Set<IPAddress?>] = [:]
        for state in ruleSet.states where state.kind == .recent {
            masks[state.listName, default: []].insert(state.recentMask)
        }
        recentMasks = masks
    }

    /// Two planes: exact names, then names taken as prefixes.
    private static func linkBits(_ rules: RuleSet, _ links: [String], words: Int) -> [UInt64] {
        var bits = [UInt64](repeating: 0, count: rules.names.count * words * 2)
        var used = Set<NameID>()
        func note(_ pattern: InterfacePattern?) { if let pattern { used.insert(pattern.name) } }
        for match in rules.matches {
            switch match.test {
            case .inputInterface(let pattern), .outputInterface(let pattern): used.insert(pattern.name)
            default: break
            }
        }
        for device in rules.physicalDevices {
            note(device.input)
            note(device.output)
        }
        for name in used {
            let row = Int(name.rawValue)
            guard row < rules.names.count else { continue }
            let text = rules.names[row]
            for (link, linkName) in links.enumerated() {
                if linkName == text { bits[row * 2 * words + link / 64] |= 1 << UInt64(link % 64) }
                if linkName.hasPrefix(text) { bits[(row * 2 + 1) * words + link / 64] |= 1 << UInt64(link % 64) }
            }
        }
        return bits
    }

    /// Whether a pattern matches a link, by its index in the namespace.
    func matches(_ pattern: InterfacePattern, link: Int32) -> Bool {
        let row = Int(pattern.name.rawValue) * 2 + (pattern.isPrefix ? 1 : 0)
        let word = row * linkWords + Int(link) / 64
        guard link >= 0, word < linkBits.count else { return false }
        return linkBits[word] >> UInt64(link % 64) & 1 == 1
    }

    var ruleCount: Int { ruleSet.rules.count }
    func rule(_ id: RuleID) -> Rule { ruleSet.rules[Int(id.rawValue)] }
    func match(_ index: UInt32) -> Match { ruleSet.matches[Int(index)] }
    package func base(_ chain: ChainID) -> BaseChain? { ruleSet.chains[Int(chain.rawValue)].base }
    func isDeclared(_ chain: ChainID) -> Bool {
        Int(chain.rawValue) < ruleSet.chains.count && ruleSet.chains[Int(chain.rawValue)].isDeclared
    }

    package func range(of chain: ChainID) -> Range<UInt32> {
        let chain = ruleSet.chains[Int(chain.rawValue)]
        return chain.firstRule..<chain.firstRule + chain.ruleCount
    }

    /// The first rule of `candidates` that the index cannot rule out for a packet with these header fields.
    package func firstCandidate(
        _ candidates: Range<UInt32>, in chain: ChainID, destination: IPAddress, ipProtocol: IPProtocol, port: UInt16
    ) -> UInt32 {
        dispatch.firstCandidate(candidates, in: chain, destination, ipProtocol, port)
    }

    /// The first rule of `candidates` that the index cannot rule out for packets to any of these destinations; `nil`: any port.
    func firstCandidate(
        _ candidates: Range<UInt32>, in chain: ChainID, destinations: ArraySlice<ValueRange>, ipProtocol: IPProtocol,
        port: UInt16?
    ) -> UInt32 {
        dispatch.firstCandidate(candidates, in: chain, destinations, ipProtocol, port)
    }

    /// Whether a chain has an index; for tests and statistics.
    package func isIndexed(_ chain: ChainID) -> Bool { dispatch.isIndexed(chain) }
}

extension NftExpression {
    fileprivate var asksTCPFlags: Bool {
        switch self {
        case .compare(let field, _, _, _): field == .tcpFlags
        case .lookup(let fields, _, _): fields.contains(.tcpFlags)
        default: false
        }
    }
}
