import ClewNet
import ClewSnapshot

/// A piece of a rule: conditions, then one action.
struct NftPart {
    var matches: [Match] = []
    var target = Target.none
}

extension NftBuilder {
    /// More actions than any rule has; the time to repeat their matches grows with the square.
    private static let partLimit = 64
    private static let statementLimit = 512

    /// Adds a rule to a chain.
    ///
    /// nf_tables runs the statements of a rule one after another until one does not hold, but ours is a run of matches
    /// and one action, so that a rule with several actions becomes several. Each later one has to act exactly where
    /// the earlier ones did, which is kept in one of three ways:
    /// - Matches that give the same answer again, whatever the actions between did, are repeated.
    /// - Where that is not sure (`meta mark & 1 != 0 meta mark set 0 accept`, `limit`, a random number), the rest moves
    ///   to a chain of its own, entered once on the first answer. Falling off its end has to lead to the next rule,
    ///   so it is jumped to; a `return` or `goto` would then come back to the wrong place, so that it is gone to when
    ///   the rest ends in one without a condition of its own.
    /// - What fits neither has an unknown effect wherever the first matches hold.
    mutating func add(_ rule: NftRule, to chain: ChainID, text range: TextRange? = nil, comment: TextRange? = nil) {
        let range = range ?? append(rule.text)
        let comment = comment ?? rule.comment.map { append($0) } ?? .none
        let emit = Emission(line: rule.line, text: range, comment: comment)
        guard rule.statements.count <= Self.statementLimit else {
            return emit.append(NftPart(target: .unmodelled(unmodelled("too long a rule"))), to: chain, &self)
        }
        var parts = self.parts(rule, in: chain)
        var chain = chain
        if parts.count > Self.partLimit {
            parts = [NftPart(matches: parts[0].matches, target: .unmodelled(unmodelled(rule.text)))]
        }
        while let first = parts.first {
            parts.removeFirst()
            if parts.isEmpty {
                emit.append(first, to: chain, &self)
                return
            }
            let remains = Self.remainder(after: first.target, in: self)
            if first.matches.isEmpty, remains {
                emit.append(first, to: chain, &self)
            } else if remains, first.matches.allSatisfy({ Self.holdsAgain($0.test, after: first.target, in: self) }) {
                emit.append(first, to: chain, &self)
                parts[0].matches = first.matches + parts[0].matches
            } else if remains, let entry = entry(to: [NftPart(target: first.target)] + parts) {
                let rest = continuation(of: chain, line: rule.line)
                let target: Target = entry == .jump ? .jump(rest) : .goto(rest)
                emit.append(NftPart(matches: first.matches, target: target), to: chain, &self)
                chain = rest
                parts.insert(NftPart(target: first.target), at: 0)
            } else {
                let unknown = Target.unmodelled(unmodelled(rule.text))
                emit.append(NftPart(matches: first.matches, target: unknown), to: chain, &self)
                return
            }
        }
    }

    private struct Emission {
        var line: UInt32
        var text: TextRange
        var comment: TextRange

        func append(_ part: NftPart, to chain: ChainID, _ builder: inout NftBuilder) {
            var part = part
            if part.matches.count > Int(UInt16.max) {
                part = NftPart(target: .unmodelled(builder.unmodelled("too many matches")))
            }
            let first = UInt32(truncatingIfNeeded: builder.ruleSet.matches.count)
            builder.ruleSet.matches += part.matches
            builder.append(
                Rule(
                    firstMatch: first, matchCount: UInt16(truncatingIfNeeded: part.matches.count), target: part.target,
                    line: line, text: text, comment: comment),
                to: chain)
        }
    }

    // MARK: What follows an action

    /// Whether the statement behind an action runs next, wherever the action did not end the rule.
    ///
    /// A verdict map that jumps comes back to the next rule, not to the next statement.
    private static func remainder(after target: Target, in builder: NftBuilder) -> Bool {
        guard case .verdictMap(let index) = target else { return true }
        switch builder.ruleSet.nft[Int(index.rawValue)] {
        case .verdictMap(_, masks: _, let set), .numberVerdictMap(modulus: _, offset: _, isRandom: _, let set):
            return builder.verdicts(of: set).map { !$0.jumps } ?? false
        case .compare, .lookup, .natMap, .numberNATMap, .dynamicUpdate: return true
        }
    }

    /// What a verdict map does, as far as it was read; `nil` when it can change or is not wholly known.
    private func verdicts(of set: Int) -> (jumps: Bool, leaves: Bool)? {
        let map = ruleSet.nftSets[set]
        guard map.isComplete, !map.isDynamic else { return nil }
        var result = (jumps: false, leaves: false)
        for data in map.elements.map(\.data) + [map.catchAll] {
            switch data {
            case .jump?: result.jumps = true
            case .goto?, .return?: result.leaves = true
            case .accept?, .drop?, .continue?, nil: break
            case .values?, .unmodelled?: return nil
            }
        }
        return result
    }

    private enum Entry { case jump, goto }

    /// How a chain that holds these parts can be entered, so that its end leads to the next rule.
    private func entry(to parts: [NftPart]) -> Entry? {
        for part in parts.dropLast() where leaves(part.target) { return nil }
        guard let last = parts.last, leaves(last.target) else { return .jump }
        if case .verdictMap = last.target { return nil }
        return parts.allSatisfy(\.matches.isEmpty) ? .goto : nil
    }

    /// Whether an action can go back past the chain it stands in.
    private func leaves(_ target: Target) -> Bool {
        switch target {
        case .return, .goto: return true
        case .verdictMap(let index):
            switch ruleSet.nft[Int(index.rawValue)] {
            case .verdictMap(_, masks: _, let set), .numberVerdictMap(modulus: _, offset: _, isRandom: _, let set):
                return verdicts(of: set)?.leaves ?? true
            case .compare, .lookup, .natMap, .numberNATMap, .dynamicUpdate: return false
            }
        case .none, .accept, .drop, .jump, .reject, .mark, .connmark, .dnat4, .nat, .masquerade, .notrack,
            .conntrackAssign, .tproxy, .tcpMSS, .timeToLive, .tos, .set, .transparent, .queue, .unmodelled:
            return false
        }
    }

    /// Whether a match that held before an action is sure to hold after it.
    private static func holdsAgain(_ test: MatchTest, after target: Target, in builder: NftBuilder) -> Bool {
        switch test {
        // These never change on a packet's way through one rule, but for the actions that are not modelled.
        case .source4, .destination4, .source, .destination, .sourceRange, .destinationRange, .inputInterface,
            .outputInterface, .ipProtocol, .family, .sourcePort, .destinationPort, .multiport, .tcpFlags, .icmp,
            .conntrackProtocol, .conntrackAddress, .conntrackPort, .conntrackDirection, .addressType, .sourceMAC,
            .length, .packetType, .always:
            switch target {
            case .unmodelled, .nat, .dnat4, .masquerade, .conntrackAssign, .tproxy: return false
            default: return true
            }
        case .mark: return builder.keepsMark(target)
        case .connmark: return builder.keepsConnmark(target)
        case .nft(let index):
            switch builder.ruleSet.nft[Int(index.rawValue)] {
            case .compare(let field, _, _, _): return builder.keeps(target, field)
            case .lookup(let fields, _, let set):
                if case .verdictMap(let action) = target,
                    case .dynamicUpdate(set) = builder.ruleSet.nft[Int(action.rawValue)]
                {
                    return false
                }
                return fields.allSatisfy { builder.keeps(target, $0) }
            case .verdictMap, .numberVerdictMap, .natMap, .numberNATMap, .dynamicUpdate: return false
            }
        case .conntrackState, .conntrackStatus:
            switch target {
            case .verdictMap, .mark, .connmark, .transparent, .tos, .timeToLive, .tcpMSS: return true
            default: return false
            }
        case .tcpOption, .set, .random, .nth, .stateful, .physicalDevice, .ipvs, .reversePath, .tcpMSS, .timeToLive,
            .dscp, .tos, .fragment, .extensionHeader, .unmodelled:
            return false
        }
    }

    private func keepsMark(_ target: Target) -> Bool {
        switch target {
        case .connmark(let index):
            switch ruleSet.connmarkTargets[Int(index.rawValue)] {
            case .set, .save: return true
            case .restore: return false
            }
        case .verdictMap, .transparent, .tos, .timeToLive, .tcpMSS: return true
        default: return false
        }
    }

    private func keepsConnmark(_ target: Target) -> Bool {
        switch target {
        case .connmark(let index):
            switch ruleSet.connmarkTargets[Int(index.rawValue)] {
            case .set, .save: return false
            case .restore: return true
            }
        case .mark, .verdictMap, .transparent, .tos, .timeToLive, .tcpMSS: return true
        default: return false
        }
    }

    private func keeps(_ target: Target, _ field: NftField) -> Bool {
        switch field {
        case .mark: return keepsMark(target)
        case .conntrackMark: return keepsConnmark(target)
        case .randomNumber, .incrementalNumber, .timeToLive, .dscp: return false
        case .family, .ipProtocol, .sourceAddress, .destinationAddress, .sourcePort, .destinationPort, .inputInterface,
            .outputInterface, .conntrackState, .conntrackStatus, .conntrackDirection, .conntrackOriginalSource,
            .conntrackOriginalDestination, .conntrackOriginalSourcePort, .conntrackOriginalDestinationPort,
            .conntrackReplySource, .conntrackReplyDestination, .sourceAddressType, .destinationAddressType,
            .destinationAddressTypeOnInput, .packetLength, .icmpType, .icmpCode, .tcpFlags:
            switch target {
            case .mark, .connmark, .verdictMap, .transparent, .tos, .timeToLive, .tcpMSS: return true
            default: return false
            }
        }
    }
}
