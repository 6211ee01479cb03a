/// The shells that were opened one inside the other in a session, to tell where a command ran.
struct PasteShells {
    private struct Shell {
        var place: ShellCommand.Place
        /// Of the prompt at which it was opened.
        var outer: PasteSplitter.Section
        /// Of its first prompt.
        var own: String?
    }

    /// Where a command ran.
    struct Place {
        /// `nil`: nothing names it.
        var node: String?
        var space: ShellCommand.Place.Space
        /// It is another machine than that of the text, though nothing names it.
        var isUnknown = false
        /// A command said so, and not the prompt.
        var isOther = false
    }

    private var open: [Shell] = []

    /// Takes the next prompt of the session: shells that it shows to be closed are.
    mutating func reach(_ section: PasteSplitter.Section) {
        while let last = open.indices.last {
            if let own = open[last].own {
                guard section.shell == open[last].outer.shell, own != section.shell else { return }
            } else {
                // Another machine's prompt has another name; a network namespace has that of its machine.
                let isOther = open[last].place.isRemote || open[last].place.space.isContainer
                guard isOther, section.host != nil, section.shell == open[last].outer.shell else {
                    open[last].own = section.shell
                    return
                }
            }
            open.removeLast()
        }
    }

    /// Where a command ran that itself goes to `place`.
    func place(of section: PasteSplitter.Section, going place: ShellCommand.Place) -> Place {
        var result = Place(node: nil, space: .host)
        var isToldByPrompt = true
        for shell in open {
            if shell.place.isRemote {
                result = Place(
                    node: shell.place.node, space: shell.place.space, isUnknown: shell.place.node == nil, isOther: true)
                isToldByPrompt = true
            } else if shell.place.space != .host {
                if isToldByPrompt, let host = shell.outer.host { result.node = host }
                result.space = shell.place.space
                isToldByPrompt = isToldByPrompt && !shell.place.space.isContainer
            }
        }
        if isToldByPrompt, let host = section.host {
            if host == open.first?.outer.host { result.isOther = false }
            result.node = host
            result.isUnknown = false
        }
        if place.isRemote {
            return Place(node: place.node, space: place.space, isUnknown: place.node == nil, isOther: true)
        }
        if place.space != .host { result.space = place.space }
        return result
    }

    /// Takes what a command opened or closed.
    mutating func run(_ section: PasteSplitter.Section) {
        let words = section.command.split(whereSeparator: \.isWhitespace)
        if ["exit", "logout", "^D"].contains(words.first) {
            _ = open.popLast()
            return
        }
        let lines = section.output.split(separator: "\n")
        if let command = ShellCommand(section.command), command.opensShell,
            !lines.contains(where: Self.isRefusal)
        {
            open.append(Shell(place: command.place, outer: section))
        }
        // What a shell prints at the end of its input.
        for line in lines where ["exit", "logout"].contains(line) || Self.isEnd(line) { _ = open.popLast() }
    }

    private static func isEnd(_ line: Substring) -> Bool {
        line.hasPrefix("Connection to ") && line.contains(" closed")
    }

    private static func isRefusal(_ line: Substring) -> Bool {
        let text = line.lowercased()
        return [
            "permission denied", "could not resolve", "connection refused", "timed out", "not found", "no such file",
            "cannot ", "error: ", "error from server", "no route to host", "unable to ",
        ].contains { text.contains($0) }
    }
}

extension ShellCommand.Place.Space {
    /// Whether its shell names itself in the prompt, not the machine.
    var isContainer: Bool {
        switch self {
        case .host, .named: false
        case .pod, .unknown: true
        }
    }
}
