extension PasteSplitter.Section {
    /// A command at a prompt; where the line breaks were lost in copying, its output stands behind it.
    static func separated(_ line: String, host: String?) -> Self {
        let words = line.split(separator: " ").map(String.init)
        guard words.count > 6, let count = commandLength(words) else {
            return Self(command: line, output: "", host: host)
        }
        let command = words.prefix(count).joined(separator: " ")
        let output = broken(Array(words.dropFirst(count)), of: command)
        return Self(command: command, output: output, host: host)
    }

    /// How many words are the command; `nil` where no beginning of an output follows it.
    private static func commandLength(_ words: [String]) -> Int? {
        for index in 1..<min(words.count - 1, 8) {
            switch words[0] {
            case "route": if words[index] == "Kernel" || words[index] == "Destination" { return index }
            case "ifconfig":
                if words[index + 1].hasPrefix("flags=") || words[index + 1] == "Link" { return index }
            case "ip": if words[index].hasSuffix(":"), words[index].dropLast().allSatisfy(\.isNumber) { return index }
            case "iptables", "ip6tables":
                // `-S CHAIN`, then the chain's policy, its name or a rule.
                if words[..<index].contains("-S"), ["-P", "-N", "-A"].contains(words[index]) { return index }
            default: return nil
            }
        }
        return nil
    }

    /// The output with its lines broken again where a new record begins.
    private static func broken(_ words: [String], of command: String) -> String {
        var text = ""
        for (index, word) in words.enumerated() {
            let next = index + 1 < words.count ? words[index + 1] : ""
            let begins: Bool
            switch command.prefix(while: { $0 != " " }) {
            case "iptables", "ip6tables": begins = ["-P", "-N", "-A"].contains(word)
            case "ip":
                let isDevice = word.hasSuffix(":") && word.dropLast().allSatisfy(\.isNumber) && next.hasSuffix(":")
                begins = isDevice || word == "inet" || word == "inet6" || word.hasPrefix("link/") || word == "valid_lft"
            case "ifconfig":
                begins =
                    next.hasPrefix("flags=") || next == "Link" || word == "inet" || word == "inet6"
                    || word == "ether" || (["RX", "TX"].contains(word) && ["packets", "errors"].contains(next))
            default:
                // A row of `route -n` has eight words, and the headings stand in front.
                let heading = words.firstIndex(of: "Iface").map { $0 + 1 } ?? 0
                begins = word == "Destination" || (index >= heading && (index - heading) % 8 == 0)
            }
            text += (text.isEmpty ? "" : begins ? "\n" : " ") + word
        }
        return text + "\n"
    }
}
