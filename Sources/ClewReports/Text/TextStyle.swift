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
    func clean(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\t", "\n", "\r": result += " "
            case _ where scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value): result += "?"
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
    /// - Parameters:
    ///   - first: what the first line begins with; counts towards the width.
    ///   - rest: what the others begin with.
    func fitted(_ text: String, place: String?, first: String, rest: String, role: Role? = nil) -> [String] {
        var words = clean(text).split(separator: " ").map(String.init)
        var lines: [(String, String)] = []
        var prefix = first
        var line = ""
        while !words.isEmpty {
            let word = words.removeFirst()
            let room = max(20, width - prefix.count)
            let needed = line.isEmpty ? word.count : line.count + 1 + word.count
            if needed <= room {
                line += line.isEmpty ? word : " " + word
            } else if line.isEmpty {
                lines.append((prefix, String(word.prefix(room))))
                prefix = rest
                words.insert(String(word.dropFirst(room)), at: 0)
            } else {
                lines.append((prefix, line))
                prefix = rest
                line = word
            }
        }
        if !line.isEmpty || lines.isEmpty { lines.append((prefix, line)) }
        var result = lines.map { line in line.0 + (role.map { paint(line.1, $0) } ?? line.1) }
        guard let place, let last = lines.last, let painted = result.popLast() else { return result }
        let used = last.0.count + last.1.count
        let gap = width - used - place.count
        if gap >= 2 {
            result.append(painted + String(repeating: " ", count: gap) + paint(place, .place))
        } else {
            result.append(painted)
            let indent = max(0, width - rest.count - place.count)
            result.append(rest + String(repeating: " ", count: indent) + paint(place, .place))
        }
        return result
    }
}
