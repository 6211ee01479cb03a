/// The command lines that a manifest tells.
enum CommandLine {
    /// Words of a tool that the collector runs stay: what a name may stand in is the rest.
    static func rewritten(_ text: String, _ redactor: inout Redactor) -> String {
        var isTools = false
        let words = text.split(separator: " ", omittingEmptySubsequences: false).map { word -> String in
            let isProgram =
                tools.contains(word) || tools.contains { $0.hasSuffix("*") && word.hasPrefix($0.dropLast()) }
            if isProgram { isTools = true }
            // `-lntuS` tells what is in the output.
            let isOption = word.first == "-" && word.count < 8 && word.dropFirst().allSatisfy(\.isLetter)
            if isProgram || isTools && (isOption || FormatWords.contains(word)) { return String(word) }
            return JSONRewriter.rewritten(String(word), .free, &redactor)
        }
        return words.joined(separator: " ")
    }

    private static let tools: [Substring] = [
        "ip", "bridge", "ss", "nft", "ipset", "ipvsadm", "conntrack", "sysctl", "tc", "bpftool", "nstat", "dmesg",
        "uname", "curl", "wget", "ethtool", "cat", "tail", "journalctl", "systemctl", "ifconfig", "netstat", "route",
        "arp", "iptables*", "ip6tables*", "ebtables*", "arptables*", "grep",
    ]
}
