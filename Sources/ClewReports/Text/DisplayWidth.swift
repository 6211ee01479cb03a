/// How wide a terminal draws a text: Chinese, Japanese and Korean characters and emoji take two columns.
extension StringProtocol {
    var columns: Int { reduce(0) { $0 + $1.columns } }

    /// The longest beginning that takes at most that many columns, and at least one character.
    func prefix(columns limit: Int) -> SubSequence {
        var used = 0
        var index = startIndex
        while index < endIndex {
            used += self[index].columns
            if used > limit, index > startIndex { break }
            index = self.index(after: index)
        }
        return self[..<index]
    }
}

extension Character {
    fileprivate var columns: Int {
        if let ascii = asciiValue { return ascii == 0 ? 0 : 1 }
        // A character of several scalars is drawn as its widest.
        return unicodeScalars.map(\.columns).max() ?? 0
    }
}

extension Unicode.Scalar {
    /// East Asian Width W and F (UAX #11), by the blocks that have them.
    fileprivate var columns: Int {
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark, .format: return 0
        default: break
        }
        switch value {
        case 0x1100...0x115F, 0x2E80...0x303E, 0x3041...0x33FF, 0x3400...0x4DBF, 0x4E00...0x9FFF, 0xA000...0xA4CF,
            0xA960...0xA97F, 0xAC00...0xD7A3, 0xF900...0xFAFF, 0xFE10...0xFE19, 0xFE30...0xFE6F, 0xFF00...0xFF60,
            0xFFE0...0xFFE6, 0x17000...0x18D08, 0x1B000...0x1B2FB, 0x1F200...0x1F320, 0x20000...0x3FFFD:
            return 2
        default: return properties.isEmojiPresentation ? 2 : 1
        }
    }
}
