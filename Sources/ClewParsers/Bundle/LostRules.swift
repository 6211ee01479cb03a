import ClewBundle
import ClewNet
import ClewSnapshot

/// What became of the commands that print rules, and which rules are therefore not known.
///
/// A failed command takes nothing away where another printed the same rules.
struct LostRules {
    /// A file that should hold rules and does not, since its command failed.
    struct Dump {
        var id: ArtifactID
        var path: String
        var command: String
        var reason: String
    }

    private enum State {
        case read
        /// It is known that there are no rules.
        case none
        case lost(Dump)
        case notInstalled
    }

    private struct Source: Hashable {
        var isNative: Bool
        /// `nil` of nft, which prints both.
        var family: AddressFamily?
        /// `nil` of tools that do not say in their name whose rules they print.
        var backend: RuleBackend?

        static let native = Source(isNative: true)
    }

    private var states: [Source: State] = [:]

    /// Takes the word of one command; a file that holds something counts more than another that says nothing.
    mutating func add(_ format: ArtifactFormat, _ end: CommandEnd?, isRead: Bool, _ dump: Dump) {
        let source =
            format.kind == .nft ? .native : Source(isNative: false, family: format.family, backend: format.backend)
        let state: State
        switch end {
        case _ where isRead: state = .read
        case .whole, .notInKernel: state = .none
        case .notInstalled: state = .notInstalled
        case .failed: state = .lost(dump)
        case nil: return
        }
        if Self.rank(state) > states[source].map(Self.rank) ?? -1 { states[source] = state }
    }

    private static func rank(_ state: State) -> Int {
        switch state {
        case .notInstalled: 0
        case .lost: 1
        case .none: 2
        case .read: 3
        }
    }

    private func isKnown(_ source: Source) -> Bool { states[source].map(Self.rank) ?? 0 >= 2 }

    private func lost(_ source: Source) -> Dump? {
        if case .lost(let dump) = states[source] { dump } else { nil }
    }

    /// Whether any rules were read, or nf_tables is known to hold none; `nil` where nothing is said of any command.
    ///
    /// That the old tables are empty tells nothing of those of nf_tables, which most nodes use.
    var hasLooked: Bool? {
        if states.isEmpty { return nil }
        return states.contains { source, state in
            if case .read = state { return true }
            return source.backend != .legacy && isKnown(source)
        }
    }

    /// The dumps whose rules no other file holds, with the families of their rules.
    func dumps(besides read: RuleDumps) -> [(dump: Dump, families: [AddressFamily])] {
        var result: [(dump: Dump, families: [AddressFamily])] = []
        let isNativeKnown = isKnown(.native)
        if let dump = lost(.native) { result.append((dump, [.ipv4, .ipv6])) }
        for family in [AddressFamily.ipv4, .ipv6] {
            func source(_ backend: RuleBackend?) -> Source {
                Source(isNative: false, family: family, backend: backend)
            }
            // The rules of iptables-nft are among those that nft prints.
            if let dump = lost(source(.nft)), !isNativeKnown, lost(.native) == nil, !read.has(family, [.nft]) {
                result.append((dump, [family]))
            }
            if let dump = lost(source(.legacy)), !read.has(family, [.legacy, .unknown]) {
                result.append((dump, [family]))
            }
            let areBothKnown = isKnown(source(.legacy)) && (isNativeKnown || isKnown(source(.nft)))
            if let dump = lost(source(nil)), !areBothKnown { result.append((dump, [family])) }
        }
        return result
    }
}

extension NamespaceAssembly {
    /// Says which rules may be there and are not known, as a manifest tells of failed commands.
    mutating func noteLostRules(_ files: BundleLayout.Files) {
        var rules = LostRules()
        func add(_ id: ArtifactID, _ format: ArtifactFormat, _ origin: ArtifactOrigin?, isRead: Bool) {
            var reason = ""
            if case .failed(let words) = origin?.end { reason = words }
            let dump = LostRules.Dump(
                id: id, path: source.path(id), command: origin?.command ?? format.title, reason: reason)
            rules.add(format, origin?.end, isRead: isRead, dump)
        }
        for file in files.files where file.format.kind == .iptables || file.format.kind == .nft {
            add(file.id, file.format, source.origin(file.id), isRead: !source.isEmpty(file.id))
        }
        for (id, path, origin) in source.absent(in: files.folder) {
            guard let format = path.split(separator: "/").last.flatMap({ ArtifactFormat(fileName: String($0)) }),
                format.kind == .iptables || format.kind == .nft
            else { continue }
            add(id, format, origin, isRead: false)
        }
        state.lookedForRules = rules.hasLooked
        for (dump, families) in rules.dumps(besides: ruleDumps) {
            let reason = "'\(dump.command)': \(dump.reason)"
            log.add([
                UnreadLine(
                    SourceLine(dump.id, line: 0), text: "", reason: reason, mayDecide: true, isWholeFile: true)
            ])
            state.lostRules.formUnion(families)
            state.lostRuleDumps.append(reason)
            lostDumps.append(dump.path)
        }
    }
}
