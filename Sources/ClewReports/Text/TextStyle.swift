/// How text reports look: colours, the characters trees are drawn with, and the width lines are fitted to.
package struct TextStyle: Sendable, Hashable {
    package enum Drawing: Sendable, Hashable { case ascii, unicode }
    package enum Colour: Sendable, Hashable { case none, ansi }

    package var drawing: Drawing
    package var colour: Colour
    /// Columns.
    package var width: Int

    package init(drawing: Drawing = .unicode, colour: Colour = .none, width: Int = 80) {
        self.drawing = drawing
        self.colour = colour
        self.width = width
    }

    /// What a piece of text is, which decides its colour.
    package enum Role: Sendable, Hashable { case good, bad, unsure, place, heading, faint }

    package func paint(_ text: String, _ role: Role) -> String {
        guard colour == .ansi, !text.isEmpty else { return text }
        let code =
            switch role {
            case .good: "1;32"
            case .bad: "1;31"
            case .unsure: "1;33"
            case .place: "36"
            case .heading: "1"
            case .faint: "2"
            }
        return "\u{1B}[\(code)m\(text)\u{1B}[0m"
    }

    package var arrow: String { drawing == .unicode ? "→" : "->" }
    var ellipsis: String { drawing == .unicode ? "…" : "..." }
    var bar: String { drawing == .unicode ? "│  " : "|  " }
    var tee: String { drawing == .unicode ? "├─ " : "|- " }
    var corner: String { drawing == .unicode ? "└─ " : "`- " }
    var tick: String { drawing == .unicode ? "✓" : "=" }
    var cross: String { drawing == .unicode ? "✗" : "!" }
    var question: String { "?" }

    /// Makes a text fit for plain terminals and logs: no control characters, and ASCII arrows where asked.
    package func clean(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\t", "\n", "\r": result += " "
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value): result += "?"
            // What turns the writing's direction could make a line read as another.
            case "\u{200B}"..."\u{200F}", "\u{202A}"..."\u{202E}", "\u{2066}"..."\u{2069}", "\u{FEFF}": result += "?"
            case "→" where drawing == .ascii: result += "->"
            case "…" where drawing == .ascii: result += "..."
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }
}

extension TextStyle {
    /// Fits a text and the place it stands at into lines: the place is right-aligned behind the text, on the same
    /// line where there is room.
    ///
    /// The first line begins with `first`, the others with `rest`; both count towards the width.
    func fitted(_ text: String, place: String?, first: String, rest: String, role: Role? = nil) -> [String] {
        let words = Self.units(clean(text))
        var lines = wrapped(words, first: first, rest: rest)
        if let place, let last = lines.last, last.0.columns + last.1.columns + 2 + place.columns > width {
            // Better the target on the line of its place than the place alone.
            let tail = last.1.start(of: " -j ")
            if let tail, rest.columns + last.1[tail...].columns + 1 + place.columns <= width {
                lines[lines.count - 1].1 = String(last.1[..<tail])
                lines.append((rest, String(last.1[last.1.index(after: tail)...])))
            }
        }
        var result = lines.map { line in line.0 + (role.map { paint(line.1, $0) } ?? line.1) }
        guard let place, let last = lines.last, let painted = result.popLast() else { return result }
        let used = last.0.columns + last.1.columns
        let gap = width - used - place.columns
        if gap >= 2 {
            result.append(painted + String(repeating: " ", count: gap) + paint(place, .place))
        } else {
            result.append(painted)
            let indent = max(0, width - rest.columns - place.columns)
            result.append(rest + String(repeating: " ", count: indent) + paint(place, .place))
        }
        return result
    }

    /// Words, with an option and its value as one: neither says much on a line of its own.
    private static func units(_ text: String) -> [String] {
        var units: [String] = []
        for word in text.split(separator: " ").map(String.init) {
            if let last = units.last, last.hasPrefix("-"), !last.contains(" "), !word.hasPrefix("-") {
                units[units.count - 1] = "\(last) \(word)"
            } else {
                units.append(word)
            }
        }
        return units
    }

    /// Fills lines with words; each line with what it begins with.
    private func wrapped(_ words: [String], first: String, rest: String) -> [(String, String)] {
        var lines: [(String, String)] = []
        var prefix = first
        var line = ""
        for word in words {
            if !line.isEmpty, prefix.columns + line.columns + 1 + word.columns > width {
                lines.append((prefix, line))
                prefix = rest
                line = ""
            }
            line += line.isEmpty ? word : " " + word
            // A word longer than a line is cut where the line ends.
            while prefix.columns + line.columns > width {
                let room = max(20, width - prefix.columns)
                guard line.columns > room else { break }
                let start = line.prefix(columns: room)
                lines.append((prefix, String(start)))
                prefix = rest
                line = String(line[start.endIndex...])
            }
        }
        lines.append((prefix, line))
        return lines
    }
}

extension String {
    /// Where a text begins in this one.
    fileprivate func start(of part: String) -> Index? {
        var index = startIndex
        while index < endIndex {
            if self[index...].hasPrefix(part) { return index }
            index = self.index(after: index)
        }
        return nil
    }
}
