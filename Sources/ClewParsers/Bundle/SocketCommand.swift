import ClewBundle
import ClewNet

/// What a command that lists sockets was asked for.
enum SocketCommand {
    /// The protocols of which `ss` or `netstat` prints every listening socket, by the command's options.
    ///
    /// Empty if the command failed, is another one, leaves listening sockets out or filters them.
    static func protocols(_ origin: ArtifactOrigin) -> Set<IPProtocol> {
        guard origin.exitCode == 0, let command = origin.command else { return [] }
        let words = command.split(separator: " ").map(String.init)
        guard let tool = words.firstIndex(where: { name($0) == "ss" || name($0) == "netstat" }) else { return [] }
        var protocols: Set<IPProtocol> = []
        var isListening = false
        var isOther = false
        for word in words[(tool + 1)...] {
            if word.hasPrefix("--") {
                switch word {
                case "--tcp": protocols.insert(.tcp)
                case "--udp": protocols.insert(.udp)
                case "--sctp": protocols.insert(.sctp)
                case "--listening", "--all": isListening = true
                case "--numeric", "--processes", "--programs", "--no-header", "--oneline", "--extended", "--wide": break
                default: isOther = true
                }
            } else if word.hasPrefix("-") {
                for letter in word.dropFirst() {
                    switch letter {
                    case "t": protocols.insert(.tcp)
                    case "u": protocols.insert(.udp)
                    case "S": protocols.insert(.sctp)
                    case "l", "a": isListening = true
                    case "n", "p", "H", "O", "e", "o", "i", "m", "W", "w", "x": break
                    default: isOther = true
                    }
                }
            } else {
                isOther = true
            }
        }
        guard isListening, !isOther else { return [] }
        // Without a protocol both print TCP and UDP; SCTP only in some versions.
        return protocols.isEmpty ? [.tcp, .udp] : protocols
    }

    private static func name(_ word: String) -> String { word.split(separator: "/").last.map(String.init) ?? word }
}
