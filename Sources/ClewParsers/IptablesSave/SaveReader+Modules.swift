import ClewNet
import ClewSnapshot

/// Match modules whose options make up one match together.
extension SaveReader {
    // MARK: addrtype

    mutating func readAddressType(_ option: MatchOption, _ wordEnd: Int) -> Int {
        if draft.entry < 0 {
            draft.entry = builder.out.addressTypes.count
            builder.out.addressTypes.append(AddressTypeMatch())
            builder.out.matches.append(Match(.addressType(PoolIndex(draft.entry))))
        }
        let entry = draft.entry
        guard entry < builder.out.addressTypes.count else { return wordEnd }
        switch option {
        case .limitInterfaceIn: builder.out.addressTypes[entry].limitToInputInterface = true
        case .limitInterfaceOut: builder.out.addressTypes[entry].limitToOutputInterface = true
        default:
            let value = value(at: wordEnd)
            guard let types = FlagNames.addressTypes(text, value.slice.start, value.slice.end) else {
                complain(draft.optionStart, value.next, "`\(text.string(value.slice))` is not a type of address")
                return value.next
            }
            if option == .sourceType {
                builder.out.addressTypes[entry].source = types
                builder.out.addressTypes[entry].sourceNegated = draft.isNegated
            } else {
                builder.out.addressTypes[entry].destination = types
                builder.out.addressTypes[entry].destinationNegated = draft.isNegated
            }
            return value.next
        }
        return wordEnd
    }

    // MARK: set

    mutating func setReference(_ name: Value, _ directions: Value) -> SetReference? {
        var uses: [Bool] = []
        var start = directions.slice.start
        while start < directions.slice.end, uses.count < 8 {
            let comma = text.find(UInt8(ascii: ","), start, directions.slice.end) ?? directions.slice.end
            switch text.word(at: start, length: comma - start) {
            case 0x63_7273: uses.append(true)
            case 0x74_7364: uses.append(false)
            default: return nil
            }
            start = comma + 1
        }
        guard !uses.isEmpty, !name.slice.isEmpty, name.slice.count < 256 else { return nil }
        return SetReference(name: builder.intern(text.string(name.slice)), usesSource: uses)
    }

    mutating func readSet(_ option: MatchOption, _ wordEnd: Int) -> Int {
        if option == .matchSet {
            let name = value(at: wordEnd)
            let directions = value(at: name.next)
            guard let reference = setReference(name, directions) else {
                complain(draft.optionStart, directions.next, "a set needs directions: src or dst, parted by commas")
                return directions.next
            }
            draft.entry = builder.out.setReferences.count
            builder.out.setReferences.append(reference)
            add(.set(PoolIndex(draft.entry)))
            return directions.next
        }
        let isKnown = draft.entry >= 0 && draft.entry < builder.out.setReferences.count
        switch option {
        case .returnNoMatch where isKnown: builder.out.setReferences[draft.entry].returnNoMatch = true
        case .setCounter:
            if isKnown { builder.out.setReferences[draft.entry].comparesCounters = true }
            return value(at: wordEnd).next
        default: break
        }
        return wordEnd
    }

    // MARK: recent

    mutating func readRecent(_ option: MatchOption, _ wordEnd: Int) -> Int {
        if draft.entry < 0 {
            draft.entry = builder.out.states.count
            builder.out.states.append(StatefulMatch(kind: .recent, text: .none))
            builder.out.matches.append(Match(.stateful(PoolIndex(draft.entry))))
        }
        let entry = draft.entry
        guard entry < builder.out.states.count else { return wordEnd }
        var next = wordEnd
        switch option {
        case .recentSet: setRecentAction(.set, entry)
        case .recentCheck: setRecentAction(.check, entry)
        case .recentUpdate: setRecentAction(.update, entry)
        case .recentRemove: setRecentAction(.remove, entry)
        case .recentSource: builder.out.states[entry].usesSource = true
        case .recentDestination: builder.out.states[entry].usesSource = false
        case .reap, .recentTTL: break
        default:
            let value = value(at: wordEnd)
            next = value.next
            switch option {
            case .recentName where value.slice.count < 256:
                builder.out.states[entry].listName = builder.intern(text.string(value.slice))
            case .recentMask:
                if let mask = IPAddress(text.string(value.slice)) {
                    let isWhole = mask == IPAddress.mask(mask.family == .ipv4 ? 32 : 128, mask.family)
                    builder.out.states[entry].recentMask = isWhole ? nil : mask
                }
            case .seconds, .hitCount:
                guard let number = text.u32(value.slice.start, value.slice.end) else {
                    complain(draft.optionStart, next, "`\(text.string(value.slice))` is not a number")
                    return next
                }
                if option == .seconds {
                    builder.out.states[entry].seconds = number
                } else {
                    builder.out.states[entry].hitCount = number
                }
            default: break
            }
        }
        extendGroup(to: next)
        return next
    }

    private mutating func setRecentAction(_ action: RecentAction, _ entry: Int) {
        builder.out.states[entry].recentAction = action
        if draft.isNegated, let last = builder.out.matches.indices.last { builder.out.matches[last].isNegated = true }
    }

    // MARK: physdev, rpfilter

    mutating func readPhysdev(_ option: MatchOption, _ wordEnd: Int) -> Int {
        if draft.entry < 0 {
            draft.entry = builder.out.physicalDevices.count
            builder.out.physicalDevices.append(PhysicalDeviceMatch())
            builder.out.matches.append(Match(.physicalDevice(PoolIndex(draft.entry))))
        }
        let entry = draft.entry
        guard entry < builder.out.physicalDevices.count else { return wordEnd }
        switch option {
        case .physdevIsIn: builder.out.physicalDevices[entry].isIn = !draft.isNegated
        case .physdevIsOut: builder.out.physicalDevices[entry].isOut = !draft.isNegated
        case .physdevIsBridged: builder.out.physicalDevices[entry].isBridged = !draft.isNegated
        default:
            let value = value(at: wordEnd)
            guard !value.slice.isEmpty, value.slice.count < 256 else {
                complain(draft.optionStart, value.next, "an interface without a name")
                return value.next
            }
            let pattern = interfacePattern(value.slice)
            if option == .physdevIn {
                builder.out.physicalDevices[entry].input = pattern
                builder.out.physicalDevices[entry].inputNegated = draft.isNegated
            } else {
                builder.out.physicalDevices[entry].output = pattern
                builder.out.physicalDevices[entry].outputNegated = draft.isNegated
            }
            return value.next
        }
        return wordEnd
    }

    mutating func readReversePath(_ option: MatchOption, _ wordEnd: Int) -> Int {
        guard draft.entry >= 0, draft.entry < builder.out.matches.count,
            case .reversePath(var options) = builder.out.matches[draft.entry].test
        else {
            complain(draft.optionStart, wordEnd, "an option of rpfilter without -m rpfilter")
            return wordEnd
        }
        switch option {
        case .loose: options.insert(.loose)
        case .validMark: options.insert(.validMark)
        case .acceptLocal: options.insert(.acceptLocal)
        default: options.insert(.invert)
        }
        builder.out.matches[draft.entry].test = .reversePath(options)
        return wordEnd
    }
}
