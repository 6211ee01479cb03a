/// A line that was typed at a prompt, without what only says where its command runs.
struct ShellCommand {
    /// Whose network the command looks at.
    struct Place: Hashable {
        enum Space: Hashable {
            case host
            /// A file of `/var/run/netns`, or `pid-1234`.
            case named(String)
            /// `namespace`: `nil` where the command leaves it to kubectl's configuration.
            case pod(namespace: String?, name: String)
            /// A container of which the name does not tell the network.
            case unknown
        }

        var space = Space.host
        /// It is another machine; ``node`` names it, where the command does.
        var isRemote = false
        var node: String?
    }

    /// The program, without its folder, and its arguments; empty where a shell is opened.
    private(set) var words: [String] = []
    private(set) var place = Place()
    /// The programs behind pipes, each with its arguments.
    private(set) var filters: [[String]] = []

    /// It is no command of its own, but opens a shell.
    var opensShell: Bool { words.isEmpty && isShell }
    private var isShell = true

    /// `nil` for a line of several commands that print, and for one whose output goes elsewhere.
    init?(_ line: String) {
        var commands: [[[String]]] = []
        for part in ShellWords.commands(of: line) {
            let first = part.first?.first?.split(separator: "/").last.map(String.init) ?? ""
            if !Self.quiet.contains(first) { commands.append(part) }
        }
        guard commands.count == 1, var words = commands[0].first, !words.isEmpty else { return nil }
        if words.contains(where: ShellWords.isRedirection) { return nil }
        filters = Array(commands[0].dropFirst())
        isShell = !["env", "time", "command", "exec"].contains(words[0]) && !words[0].contains("=")
        var depth = 0
        while let rest = Self.unwrapped(words, &place, &filters) {
            words = rest
            depth += 1
            if depth > 20 { return nil }
        }
        guard let program = words.first else { return }
        self.words = [program.split(separator: "/").last.map(String.init) ?? program] + words.dropFirst()
    }

    /// They print nothing.
    private static let quiet: Set<String> = [
        "cd", "clear", "export", "set", "unset", "alias", "true", "sleep", "umask",
    ]

    /// The words behind a program that runs another one; `nil` if it does not.
    private static func unwrapped(
        _ words: [String], _ place: inout Place, _ filters: inout [[String]]
    ) -> [String]? {
        guard let first = words.first else { return nil }
        let arguments = Array(words.dropFirst())
        if let equal = first.firstIndex(of: "="), first[..<equal].allSatisfy({ $0.isLetter || $0 == "_" }) {
            return arguments
        }
        switch first.split(separator: "/").last.map(String.init) ?? first {
        case "sudo", "doas": return OptionWords(arguments, withValue: "ugpCrtUDRTh").rest
        case "time", "env", "command", "nohup", "exec", "stdbuf", "unbuffer":
            return OptionWords(arguments, withValue: "").rest
        case "timeout": return Array(OptionWords(arguments, withValue: "sk").rest.dropFirst())
        case "nice", "ionice": return OptionWords(arguments, withValue: "nc").rest
        case "chroot": return Array(OptionWords(arguments, withValue: "").rest.dropFirst())
        case "sh", "bash", "ash", "dash", "zsh", "su": return shell(arguments, &filters)
        case "ssh": return ssh(arguments, &place)
        case "nsenter": return nsenter(arguments, &place)
        case "ip": return namespace(arguments, &place)
        case "kubectl", "oc", "k": return kubectl(arguments, &place)
        case "docker", "podman", "nerdctl", "crictl", "ctr", "lxc": return container(arguments, &place)
        case "unshare":
            if arguments.contains(where: { $0.hasPrefix("-n") || $0.hasPrefix("--net") }) { place.space = .unknown }
            return OptionWords(arguments, withValue: "").rest
        case "mosh", "telnet", "rsh": return remote(arguments, &place)
        case "minikube", "vagrant", "multipass", "gcloud", "aws", "az", "machinectl":
            let verbs = ["ssh", "exec", "shell", "start-session"]
            guard let verb = arguments.firstIndex(where: { verbs.contains($0) }) else { return nil }
            return remote(Array(arguments[(verb + 1)...]), &place)
        default: return nil
        }
    }

    /// Stands for a command that is not looked into.
    private static let notRead = ["?"]

    /// `docker exec -it NAME sh`.
    private static func container(_ arguments: [String], _ place: inout Place) -> [String]? {
        let options = OptionWords(arguments, withValue: "euwn", long: ["env", "user", "workdir", "name"], mixed: true)
        guard let verb = options.rest.firstIndex(where: { $0 == "exec" || $0 == "run" }) else { return nil }
        place.space = .unknown
        let command = options.rest[verb...].dropFirst(2)
        return shells(Array(command), isInteractive: options.isInteractive)
    }

    /// A command that reads no keys opens no shell.
    private static func shells(_ command: [String], isInteractive: Bool) -> [String] {
        let program = command.first?.split(separator: "/").last ?? ""
        let isShell = command.isEmpty || (command.count == 1 && program.hasSuffix("sh"))
        return isShell && !isInteractive ? notRead : command
    }

    /// A machine that something else than its name tells.
    private static func remote(_ arguments: [String], _ place: inout Place) -> [String]? {
        place = Place(isRemote: true)
        let isCommand = arguments.contains { ["-c", "--", "--command"].contains($0) || $0.hasPrefix("--command=") }
        return isCommand ? notRead : []
    }

    /// `sh -c "ip route"`; a shell without arguments is opened.
    private static func shell(_ arguments: [String], _ filters: inout [[String]]) -> [String]? {
        guard let option = arguments.firstIndex(where: { $0.hasPrefix("-") && !$0.hasPrefix("--") && $0.contains("c") })
        else { return arguments.contains { !$0.hasPrefix("-") && $0 != "root" } ? nil : [] }
        guard option + 1 < arguments.count else { return nil }
        let inner = ShellWords.commands(of: arguments[option + 1])
        guard inner.count == 1, let words = inner[0].first, !words.contains(where: ShellWords.isRedirection) else {
            return nil
        }
        filters = inner[0].dropFirst() + filters
        return words
    }

    private static func ssh(_ arguments: [String], _ place: inout Place) -> [String]? {
        let rest = OptionWords(arguments, withValue: "BbcDEeFIiJLlmOoPpQRSWw").rest
        guard let target = rest.first else { return nil }
        place = Place(isRemote: true, node: target.split(separator: "@").last.map(String.init))
        // What is quoted there is one word here.
        return rest.dropFirst().flatMap { $0.split(separator: " ").map(String.init) }
    }

    private static func nsenter(_ arguments: [String], _ place: inout Place) -> [String]? {
        let options = OptionWords(arguments, withValue: "tSG", long: ["target", "setuid", "setgid"])
        let process = options.value(of: "t", "target")
        var space: Place.Space?
        for option in options.flags {
            if option == "-n" || option == "--net" || option == "-a" || option == "--all" {
                guard let process, process.allSatisfy(\.isNumber) else {
                    place.space = .unknown
                    return options.rest
                }
                space = .named("pid-\(process)")
            } else if option.hasPrefix("-n") || option.hasPrefix("--net=") {
                let path = option.drop { $0 != "/" }.split(separator: "/")
                let isProcess = path.count > 2 && path[0] == "proc"
                space = path.last.map { .named(isProcess ? "pid-\(path[1])" : String($0)) } ?? .unknown
            }
        }
        // The first process has the machine's own network.
        if let space { place.space = space == .named("pid-1") ? .host : space }
        return options.rest
    }

    /// `ip netns exec NAME …`, `ip -n NAME …`.
    private static func namespace(_ arguments: [String], _ place: inout Place) -> [String]? {
        if arguments.starts(with: ["netns", "exec"]), arguments.count > 2 {
            place.space = .named(arguments[2])
            return Array(arguments.dropFirst(3))
        }
        guard let option = arguments.firstIndex(where: { ["-n", "-net", "-netns"].contains($0) }),
            option + 1 < arguments.count
        else { return nil }
        place.space = .named(arguments[option + 1])
        return ["ip"] + arguments[..<option] + arguments[(option + 2)...]
    }

    /// `kubectl exec POD -- …`, `kubectl debug node/NAME`.
    private static func kubectl(_ arguments: [String], _ place: inout Place) -> [String]? {
        let split = arguments.firstIndex(of: "--") ?? arguments.endIndex
        let options = OptionWords(
            Array(arguments[..<split]), withValue: "nc", long: ["namespace", "container", "context", "kubeconfig"],
            mixed: true)
        guard let verb = options.rest.first, ["exec", "debug", "node-shell", "attach", "run"].contains(verb) else {
            return nil
        }
        let target = options.rest.dropFirst().first ?? ""
        var command = Array(arguments[split...].dropFirst())
        if command.isEmpty { command = Array(options.rest.dropFirst(2)) }
        let names = target.split(separator: "/").map(String.init)
        if verb == "node-shell" || names.first == "node" || names.first == "nodes" {
            place = Place(isRemote: true, node: names.last)
        } else if verb != "run", let name = names.last, names.count == 1 || ["pod", "pods"].contains(names[0]) {
            place.space = .pod(namespace: options.value(of: "n", "namespace"), name: name)
        } else {
            place.space = .unknown
        }
        return shells(command, isInteractive: options.isInteractive || verb == "node-shell")
    }
}

/// Arguments taken apart: options, and the words behind them.
struct OptionWords {
    private(set) var flags: [String] = []
    private(set) var rest: [String] = []
    private var values: [String: String] = [:]

    /// `withValue`: letters of options that a value follows; `mixed`: options stand behind other words too.
    init(_ arguments: [String], withValue: String, long: Set<String> = [], mixed: Bool = false) {
        var index = 0
        while index < arguments.count {
            let word = arguments[index]
            index += 1
            guard word.hasPrefix("-"), word != "-" else {
                if mixed {
                    rest.append(word)
                    continue
                }
                rest = Array(arguments[(index - 1)...])
                return
            }
            if word == "--" {
                rest += arguments[index...]
                return
            }
            flags.append(word)
            let name = word.drop { $0 == "-" }
            if word.hasPrefix("--") {
                let parts = name.split(separator: "=", maxSplits: 1).map(String.init)
                if parts.count == 2 {
                    values[parts[0]] = parts[1]
                } else if long.contains(String(name)), index < arguments.count {
                    values[String(name)] = arguments[index]
                    index += 1
                }
            } else if let letter = name.first, withValue.contains(letter), name.count > 1 {
                values[String(letter)] = String(name.dropFirst())
            } else if let last = name.last, withValue.contains(last), index < arguments.count {
                values[String(last)] = arguments[index]
                index += 1
            }
        }
    }

    /// `-i`, `-it`, `--stdin`.
    var isInteractive: Bool {
        flags.contains { flag in
            flag.hasPrefix("--") ? flag == "--stdin" || flag == "--interactive" : flag.contains("i")
        }
    }

    func value(of letter: String, _ name: String) -> String? { values[letter] ?? values[name] }
}

/// A line of a shell taken apart into words.
enum ShellWords {
    /// Commands that `;` and `&&` part, of each the programs that pipes part, of each its words.
    static func commands(of line: String) -> [[[String]]] {
        var commands: [[[String]]] = [[[]]]
        var word = ""
        var quote: Character?
        var hasWord = false
        func isOpen() -> Bool { hasWord || !word.isEmpty }
        func close() {
            guard isOpen() else { return }
            commands[commands.count - 1][commands[commands.count - 1].count - 1].append(word)
            word = ""
            hasWord = false
        }
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word.append(character) }
                continue
            }
            switch character {
            case "'", "\"":
                quote = character
                hasWord = true
            case ";":
                close()
                commands.append([[]])
            case "|":
                close()
                commands[commands.count - 1].append([])
            case "&" where !isOpen():
                if commands[commands.count - 1] != [[]] { commands.append([[]]) }
            case _ where character.isWhitespace: close()
            default: word.append(character)
            }
        }
        close()
        return commands.filter { $0 != [[]] }.map { $0.map(withoutErrors) }
    }

    /// The output of the program goes to a file.
    static func isRedirection(_ word: String) -> Bool {
        word.hasPrefix(">") || word.hasPrefix("1>") || word.hasPrefix("&>")
    }

    /// The words without those that say where errors go.
    private static func withoutErrors(_ words: [String]) -> [String] {
        var result: [String] = []
        var skipsNext = false
        for word in words {
            if skipsNext {
                skipsNext = false
            } else if word.hasPrefix("2>") {
                skipsNext = word == "2>" || word == "2>>"
            } else {
                result.append(word)
            }
        }
        return result
    }
}
