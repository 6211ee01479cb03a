/// Which file of a bundle a command's output belongs into.
package enum CommandGuess {
    /// What a command line prints: which file, of whom, and how much of it.
    struct Answer {
        var file: String
        var place: ShellCommand.Place
        /// What of the whole was asked for; empty: everything.
        ///
        /// An answer holds all others whose parts begin with its own.
        var parts: [String] = []
        /// The table of rules or routes that the output itself does not name.
        var table: String?

        /// Not all of a table, or of a list that has no tables.
        var isSelection: Bool {
            if file.hasPrefix("sysctl") { return false }
            return file.hasPrefix("ip-") && file.contains("route") ? parts.count > 1 : !parts.isEmpty
        }

        /// Whether it holds all that another holds.
        static func holds(_ all: [String], _ other: [String]) -> Bool { other.starts(with: all) }
    }

    /// The file's name for a command line such as `ip -4 route show table all`; `nil` for commands that no trace needs,
    /// and those that look at another network than that of the shell.
    package static func fileName(forCommand line: String) -> String? {
        guard let answer = answer(to: line), answer.place == ShellCommand.Place() else { return nil }
        return answer.file
    }

    /// `nil` for commands that no trace needs, and for those that were not understood.
    static func answer(to line: String) -> Answer? {
        guard let command = ShellCommand(line), let program = command.words.first else { return nil }
        let arguments = Array(command.words.dropFirst())
        guard let file = fileName(program, arguments), let parts = CommandParts(program, arguments, file: file) else {
            return nil
        }
        var answer = Answer(file: file, place: command.place, parts: parts.path, table: parts.table)
        for filter in command.filters {
            guard let program = filter.first else { return nil }
            if ["cat", "less", "more", "tee", "sort"].contains(program) { continue }
            // A filter leaves lines of the same form, unless it counts or numbers them.
            let changes = filter.dropFirst().contains { word in
                word.hasPrefix("-") && !word.hasPrefix("--") && word.contains { "clLonq".contains($0) }
            }
            let isFilter = ["grep", "egrep", "fgrep"].contains(program) && !changes
            guard isFilter || ["head", "tail", "uniq"].contains(program) else { return nil }
            answer.parts.append("| " + filter.joined(separator: " "))
        }
        return answer
    }

    /// Whether the line is a command that clew knows, or one that runs another, even if what it prints is not understood.
    static func isCommand(_ line: String) -> Bool {
        guard let command = ShellCommand(line) else { return false }
        guard command.place == ShellCommand.Place() else { return true }
        guard let program = command.words.first else { return false }
        let rest = command.words.dropFirst()
        if rest.contains(where: { $0.hasPrefix("-") }) { return programs.contains(program) }
        let objects = [
            "address", "link", "route", "rule", "neighbour", "maddress", "mroute", "tunnel", "xfrm", "netns",
        ]
        return program == "ip" && rest.first.map { word in objects.contains { $0.hasPrefix(word) } } == true
    }

    /// Programs whose lines at a prompt are taken for a command, with and without a sign that only prompts have.
    static let programs: Set<String> = [
        "ip", "bridge", "nft", "ipset", "ipvsadm", "sysctl", "conntrack", "ss", "netstat", "ifconfig", "route", "arp",
        "iptables", "ip6tables", "iptables-save", "ip6tables-save", "ebtables", "tc", "kubectl", "oc", "docker",
        "crictl",
        "nsenter", "ssh", "cat", "ls", "hostname", "uname", "ping", "curl", "ps", "calicoctl", "cilium",
    ]

    private static func fileName(_ program: String, _ arguments: [String]) -> String? {
        let plain = arguments.filter { !$0.hasPrefix("-") }
        let flags = Set(arguments.filter { $0.hasPrefix("-") })
        switch program {
        case "ip": return ip(plain, flags)
        case "bridge":
            guard let object = plain.first, !flags.contains("-o") else { return nil }
            return "fdb".hasPrefix(object) ? "bridge-fdb.txt" : "link".hasPrefix(object) ? "bridge-link.txt" : nil
        case "nft": return plain.starts(with: ["list", "ruleset"]) ? "nft-list-ruleset.txt" : nil
        case "ipset":
            let isListing = plain.first.map { ["list", "-L"].contains($0) } ?? flags.contains("-L")
            return plain.first == "save" || flags.contains("-S") ? "ipset-save.txt" : isListing ? "ipset-list.txt" : nil
        case "ipvsadm":
            let isSave = flags.contains { $0.hasPrefix("-S") || $0 == "--save" }
            let other = flags.contains {
                ["--stats", "--rate", "--timeout", "--daemon"].contains($0) || $0.contains("c")
            }
            return isSave ? "ipvsadm-save.txt" : other ? nil : "ipvsadm-list.txt"
        case "sysctl":
            // Values without their keys.
            if flags.contains("-n") || flags.contains("--values") { return nil }
            let isAll = !flags.isDisjoint(with: ["-a", "-A", "--all"])
            return isAll || plain.contains { $0.contains(".") } ? "sysctl.txt" : nil
        case "conntrack": return flags.contains("-L") || flags.contains("--dump") ? "conntrack.txt" : nil
        case "ss": return flags.contains { $0.contains("l") } ? "ss-listen.txt" : nil
        case "netstat": return isListing(flags) ? "netstat.txt" : nil
        case "ifconfig": return "ifconfig.txt"
        case "route": return "route.txt"
        case "arp": return "arp.txt"
        case "ebtables-save", "ebtables-nft-save": return "ebtables-save.txt"
        default: return iptables(program, plain, flags)
        }
    }

    /// `netstat` shows listeners with `-l` or `-a`; routes, statistics and groups are something else.
    private static func isListing(_ flags: Set<String>) -> Bool {
        let letters = Set(flags.filter { !$0.hasPrefix("--") }.joined())
        return (letters.contains("l") || letters.contains("a") || flags.contains("--all"))
            && letters.isDisjoint(with: ["r", "s", "g", "i"])
    }

    private static func ip(_ plain: [String], _ flags: Set<String>) -> String? {
        let isSix = flags.contains("-6")
        // One line for each, and tables for the eye, are forms of their own.
        guard let object = plain.first, !isChange(plain), !plain.contains("exec"),
            flags.isDisjoint(with: ["-o", "-oneline", "-br", "-brief", "-all"])
        else { return nil }
        let names: [(String, String)] = [
            ("address", "ip-addr"), ("link", "ip-link"), ("route", isSix ? "ip-6-route" : "ip-route"),
            ("rule", isSix ? "ip-6-rule" : "ip-rule"), ("neighbour", isSix ? "ip-6-neigh" : "ip-neigh"),
            ("neighbor", isSix ? "ip-6-neigh" : "ip-neigh"),
        ]
        if object == "xfrm" { return plain.dropFirst().first == "policy" ? "xfrm.txt" : nil }
        guard let name = names.first(where: { $0.0.hasPrefix(object) })?.1 else { return nil }
        return name + (flags.contains("-j") || flags.contains("-json") ? ".json" : ".txt")
    }

    /// What changes something, or asks for one answer of the kernel.
    private static func isChange(_ plain: [String]) -> Bool {
        guard plain.count > 1 else { return false }
        return [
            "get", "add", "del", "delete", "replace", "change", "append", "prepend", "flush", "set", "save", "restore",
            "help", "cache",
        ].contains { $0 == plain[1] } || plain.contains("get") || plain.contains("cache")
    }

    private static func iptables(_ program: String, _ plain: [String], _ flags: Set<String>) -> String? {
        let saves = ["iptables", "ip6tables"].flatMap { tool in
            ["", "-legacy", "-nft"].map { "\(tool)\($0)-save" }
        }
        if saves.contains(program) { return program + ".txt" }
        let isListing = flags.contains { flag in
            flag.hasPrefix("--list") || (!flag.hasPrefix("--") && (flag.contains("L") || flag.contains("S")))
        }
        guard isListing, saves.contains(program + "-save") else { return nil }
        return program + "-list.txt"
    }
}
