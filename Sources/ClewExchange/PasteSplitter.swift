/// A text copied from a terminal, taken apart at its prompts.
package enum PasteSplitter {
    package struct Section: Sendable, Hashable {
        package var command: String
        package var output: String
        /// The name before the prompt's sign, if it says one: `root@worker-a:~#`.
        package var host: String?
        /// Equal in all prompts of one shell.
        var shell = ""
    }

    /// The commands that printed something, and what it was; empty where the text has no prompt.
    package static func sections(of text: String) -> [Section] {
        session(text).sections.filter { !$0.output.allSatisfy(\.isWhitespace) }
    }

    /// Whether the first line with text is a command at a prompt.
    static func beginsWithPrompt(_ bytes: [UInt8]) -> Bool {
        let head = String(decoding: bytes.prefix(1 << 10), as: UTF8.self)
        guard let line = head.split(whereSeparator: \.isNewline).first(where: { !$0.allSatisfy(\.isWhitespace) }) else {
            return false
        }
        return Prompt(line).map { $0.isCertain && !$0.command.isEmpty } ?? false
    }

    /// All commands, and how many lines with text stand in front of the first one.
    static func session(_ text: String) -> (sections: [Section], linesInFront: Int) {
        var lines = text.split(omittingEmptySubsequences: false) { $0 == "\n" || $0 == "\r\n" }
        if lines.last?.isEmpty == true { lines.removeLast() }
        let prompts = lines.map { Prompt($0) }
        let forms = Set(prompts.compactMap { $0.flatMap { $0.isCertain ? $0.form : nil } })
        var sections: [Section] = []
        var linesInFront = 0
        for (line, prompt) in zip(lines, prompts) {
            if let prompt, forms.contains(prompt.form) {
                // A prompt at which nothing was typed is no part of the output.
                if prompt.command.isEmpty { continue }
                sections.append(.separated(prompt.command, host: prompt.host))
                sections[sections.count - 1].shell = prompt.shell
            } else if let last = sections.indices.last {
                let isContinued = sections[last].output.isEmpty && sections[last].command.hasSuffix("\\")
                if isContinued {
                    sections[last].command.removeLast()
                    sections[last].command += line.drop { $0 == ">" || $0.isWhitespace }
                } else {
                    sections[last].output += line + "\n"
                }
            } else if !line.allSatisfy(\.isWhitespace) {
                linesInFront += 1
            }
        }
        return (sections, linesInFront)
    }
}
