/// Which file of a bundle a command's output belongs into.
package enum CommandGuess {
    /// The file's name for a command line such as `ip -4 route show table all`; `nil` for commands that no trace needs.
    package static func fileName(forCommand line: String) -> String? {
        var words = line.split(whereSeparator: \.isWhitespace).map(String.init)
        while let first = words.first, wrappers.contains(first) || first.contains("=") {
            words.removeFirst()
            // What follows `sudo -n`.
            while first == "sudo", words.first?.hasPrefix("-") == true { words.removeFirst() }
        }
        guard let program = words.first?.split(separator: "/").last.map(String.init) else { return nil }
        // What is behind a pipe has changed the output; a filter leaves lines of the same form.
        let arguments = Array(words.dropFirst().prefix { $0 != "|" && $0 != ">" && $0 != "2>&1" && $0 != ";" })
        return fileName(program, arguments)
    }

    private static let wrappers: Set<String> = ["sudo", "time", "timeout", "nice", "env", "LC_ALL=C"]

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
        guard let object = plain.first, !plain.contains("get"), !plain.contains("exec"),
            flags.isDisjoint(with: ["-o", "-oneline", "-br", "-brief"])
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
