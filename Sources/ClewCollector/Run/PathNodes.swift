/// Which nodes a connection passes, asked of the API before anything is collected.
package struct PathNodes: Sendable {
    private let kubectl: Kubectl
    private let timeout: Duration

    package init(kubectl: Kubectl, timeout: Duration) {
        self.kubectl = kubectl
        self.timeout = timeout
    }

    /// The nodes of both ends, each as `clew trace` takes it; `nil` where one may be anywhere, or cannot be found.
    package func nodes(from: String, to: String, via: String?) -> [String]? {
        var names: Set<String> = []
        for end in [from, to] {
            guard let found = nodes(of: end) else { return nil }
            names.formUnion(found)
        }
        if let via { names.insert(Self.plainName(via)) }
        return names.isEmpty ? nil : names.sorted()
    }

    private func nodes(of end: String) -> [String]? {
        let words = end.split(separator: "/", omittingEmptySubsequences: false).map(String.init)
        switch (words.first, words.count) {
        case ("node", 2...): return [Self.withoutPort(words[1])]
        case ("pod", 3...):
            let name = Self.withoutPort(words[2])
            guard Self.isPlain(words[1]), Self.isPlain(name) else { return nil }
            return ask(
                ["get", "pod", name, "--namespace", words[1], "-o", #"jsonpath={.spec.nodeName}{"\n"}"#])
        case ("svc", 3...), ("service", 3...):
            let name = Self.withoutPort(words[2])
            guard Self.isPlain(words[1]), Self.isPlain(name) else { return nil }
            return ask(
                ["get", "endpointslices", "--namespace", words[1], "-l", "kubernetes.io/service-name=\(name)", "-o"]
                    + [#"jsonpath={range .items[*].endpoints[*]}{.nodeName}{"\n"}{end}"#], mayBeEmpty: true)
        default: return nil
        }
    }

    private func ask(_ words: [String], mayBeEmpty: Bool = false) -> [String]? {
        let signals = HeldSignals()
        var supervisor = Supervisor(parallelism: 1)
        let call = kubectl.call(words + ["--request-timeout=\(timeout.components.seconds)s"])
        let task = NodeTask(name: "nodes", stages: [.init("asking for nodes", call)], timeout: timeout, attempts: 2)
        guard let outcome = supervisor.run([task], signals: signals, report: { _ in })?.first,
            case .done = outcome.result
        else { return nil }
        let names = String(decoding: outcome.bytes(), as: UTF8.self).split(whereSeparator: \.isNewline).map(String.init)
        return names.isEmpty && !mayBeEmpty ? nil : names
    }

    private static func withoutPort(_ text: String) -> String { String(text.prefix { $0 != ":" }) }

    private static func plainName(_ text: String) -> String {
        text.hasPrefix("node/") ? String(text.dropFirst(5)) : text
    }

    /// Fit to be a word of `kubectl`'s.
    private static func isPlain(_ text: String) -> Bool {
        !text.isEmpty && !text.hasPrefix("-") && text.utf8.allSatisfy { TokenBytes.isNamePart($0) }
    }
}

/// Bytes of names.
enum TokenBytes {
    static func isNamePart(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"): true
        default: byte == UInt8(ascii: "-") || byte == UInt8(ascii: ".")
        }
    }
}
