import ClewNet
import ClewSnapshot

extension SaveReader {
    /// The options of `-m ipvs` (`libxt_ipvs.c`).
    mutating func readVirtual(_ option: MatchOption, _ wordEnd: Int) -> Int {
        if draft.entry < 0 {
            draft.entry = builder.out.ipvsMatches.count
            builder.out.ipvsMatches.append(IPVSMatch())
            builder.out.matches.append(Match(.ipvs(PoolIndex(draft.entry))))
        }
        guard draft.entry < builder.out.ipvsMatches.count else { return wordEnd }
        if option == .virtual {
            builder.out.ipvsMatches[draft.entry].isHandled = !draft.isNegated
            return wordEnd
        }
        let value = value(at: wordEnd)
        if !setVirtual(option, value.slice) {
            complain(draft.optionStart, value.next, "`\(text.string(value.slice))` cannot be read")
        }
        return value.next
    }

    private mutating func setVirtual(_ option: MatchOption, _ slice: ByteText.Slice) -> Bool {
        let (start, end, isNegated) = (slice.start, slice.end, draft.isNegated)
        var match = builder.out.ipvsMatches[draft.entry]
        switch option {
        case .virtualProtocol:
            match.ipProtocol = text.ipProtocol(start, end).map { .init($0, negated: isNegated) }
            guard match.ipProtocol != nil else { return false }
        case .virtualAddress:
            guard let address = text.maskedAddress(start, end), address.value.family == family else { return false }
            match.address = .init(address, negated: isNegated)
        case .virtualPort:
            guard let port = text.portOrService(start, end) else { return false }
            match.port = .init(port, negated: isNegated)
        case .virtualControlPort:
            guard let port = text.portOrService(start, end) else { return false }
            match.controlPort = .init(port, negated: isNegated)
        case .virtualDirection:
            switch text.string(slice).uppercased() {
            case "ORIGINAL": match.isReply = false
            case "REPLY": match.isReply = true
            default: return false
            }
        case .virtualMethod:
            switch text.string(slice).uppercased() {
            case "GATE": match.method = .init(.route, negated: isNegated)
            case "IPIP": match.method = .init(.tunnel, negated: isNegated)
            case "MASQ": match.method = .init(.masquerade, negated: isNegated)
            default: return false
            }
        default: return false
        }
        builder.out.ipvsMatches[draft.entry] = match
        return true
    }
}
