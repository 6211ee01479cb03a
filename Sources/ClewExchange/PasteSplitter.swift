/// A text copied from a terminal, taken apart at its prompts.
package enum PasteSplitter {
    package struct Section: Sendable, Hashable {
        package var command: String
        package var output: String
        /// The name before the prompt's sign, if it says one: `root@worker-a:~#`.
        package var host: String?
    }

    /// The commands and what they printed; empty where the text has no prompt.
    package static func sections(of text: String) -> [Section] {
        var sections: [Section] = []
        for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
            if let (host, command) = prompt(line) {
                sections.append(Section.separated(command, host: host))
            } else if let last = sections.indices.last {
                sections[last].output += line + "\n"
            }
        }
        return sections.filter { !$0.output.allSatisfy(\.isWhitespace) }
    }

    /// The host and the command of a line `[root@worker-a ~]# ip a`, `user@host:/dir$ ip a`, `worker-a # ip a`, `$ ip a`.
    private static func prompt(_ line: Substring) -> (host: String?, command: String)? {
        let text = line.drop(while: \.isWhitespace)
        guard let sign = text.prefix(80).firstIndex(where: { $0 == "#" || $0 == "$" }) else { return nil }
        let before = text[..<sign]
        let command = text[text.index(after: sign)...].drop(while: \.isWhitespace)
        guard let first = command.first, first.isLetter || first == "/" || first == "." else { return nil }
        // A comment begins with its sign too; a command has to be one that is known then.
        guard !before.isEmpty || CommandGuess.fileName(forCommand: String(command)) != nil else { return nil }
        let isPrompt = before.allSatisfy {
            $0.isLetter || $0.isNumber || "@[]()~/.:_- ".contains($0)
        }
        guard isPrompt,
            before.isEmpty || before.contains("@") || before.last == "~" || before.last == "]"
                || !before.contains(where: \.isWhitespace) || CommandGuess.fileName(forCommand: String(command)) != nil
        else { return nil }
        return (host(in: before), String(command))
    }

    private static func host(in before: Substring) -> String? {
        let words = before.split { "[]() :~".contains($0) }
        guard let word = words.first(where: { $0.contains("@") }) ?? words.first else { return nil }
        let name = word.split(separator: "@").last.map(String.init) ?? ""
        // `bash-5.2#` is the prompt of a shell that was given none.
        let isShell = ["bash", "sh", "dash", "zsh"].contains { name == $0 || name.hasPrefix($0 + "-") }
        return name.isEmpty || name.contains("/") || isShell ? nil : name
    }
}
