import ClewBundle
import ClewNet
import ClewSnapshot

/// The domain of single packets: the rules of one namespace as one concrete packet meets them.
struct PacketWalk: PacketDomain {
    typealias State = WalkState

    let world: World
    /// The namespace the packet is in.
    var namespace: CompiledNamespace
    var arena = PathArena()
    var notes: [TraceNote] = []
    private var noteNumbers: [TraceNote: Int32] = [:]
    /// The rules that notes on unknown matches are about.
    private(set) var noteRules: [Int32: (rules: CompiledRules, rule: RuleID)] = [:]
    /// Whether the packet has parted anywhere on its way: before that, no two are equal.
    private(set) var hasForked = false
    /// Whether equal packets go on as one; without, a walk is slow and its answer the same.
    var joinsEqual = true
    /// The rule before which the walk was given up first.
    private(set) var cutSource: SourceLine?
    /// Where equal states went on, in the chain being walked.
    private var passed: [Passed: PathIndex] = [:]
    /// Whether the user named the source port: then recorded connections decide.
    var usesRecordedConnections = false

    init(world: World, namespace: CompiledNamespace) {
        self.world = world
        self.namespace = namespace
    }

    // MARK: - Equal states

    private struct Passed: Hashable {
        var position: WalkPosition
        var key: WalkKey
    }

    /// A packet is sent: it has met nothing so far.
    mutating func beginWalk() {
        hasForked = false
        cutSource = nil
    }

    func key(_ state: WalkState) -> WalkKey { WalkKey(state, in: namespace, of: world) }

    mutating func beganWalk() {
        if !passed.isEmpty { passed.removeAll(keepingCapacity: true) }
    }

    mutating func hasPassed(_ position: WalkPosition, _ state: WalkState) -> Bool {
        guard joinsEqual else { return false }
        let place = Passed(position: position, key: key(state))
        guard let first = passed[place] else {
            passed[place] = state.path
            return false
        }
        arena.join(state.path, into: first)
        return true
    }

    mutating func merged(_ states: [WalkState]) -> [WalkState] {
        guard joinsEqual, states.count > 1, Self.mayBeEqual(states) else { return states }
        var first: [WalkKey: PathIndex] = [:]
        first.reserveCapacity(states.count)
        var result: [WalkState] = []
        result.reserveCapacity(states.count)
        for state in states {
            let key = key(state)
            if let known = first[key] {
                arena.join(state.path, into: known)
            } else {
                first[key] = state.path
                result.append(state)
            }
        }
        return result
    }

    /// Whether any two could be equal, by the fields that differ first.
    private static func mayBeEqual(_ states: [WalkState]) -> Bool {
        var marks: [UInt64] = []
        marks.reserveCapacity(states.count)
        for state in states {
            let (packet, reply) = (state.packet, state.connection.reply)
            var mark = packet.destination.low ^ packet.destination.high
            func mix(_ word: UInt64) { mark = (mark ^ word) &* 0x9E37_79B9_7F4A_7C15 ^ mark >> 31 }
            mix(packet.source.low)
            mix(UInt64(packet.destinationPort) << 32 | UInt64(packet.sourcePort) << 16 | UInt64(reply.sourcePort))
            mix(reply.source.low)
            mix(reply.destination.low)
            marks.append(mark)
        }
        marks.sort()
        return zip(marks, marks.dropFirst()).contains { $0 == $1 }
    }

    // MARK: - Path

    mutating func log(_ event: PathEvent, _ state: inout WalkState) {
        state.path = arena.append(event, to: state.path)
    }

    mutating func say(_ kind: Step.Kind, _ text: String, _ source: SourceLine?, _ state: inout WalkState) {
        log(.said(arena.keep(Saying(kind: kind, text: text, source: source))), &state)
    }

    /// The packet had `before` for a tuple.
    mutating func translated(_ kind: Translation.Kind, _ before: ConntrackTuple, _ state: inout WalkState) {
        let index = arena.keep(before)
        _ = arena.keep(state.packet.tuple)
        log(.translated(kind, index), &state)
    }

    /// One of several ways begins, which the kernel picks with a chance of `numerator` in `denominator`.
    mutating func part(_ numerator: UInt64, of denominator: UInt64, _ state: inout WalkState) {
        hasForked = true
        log(.chance(numerator: numerator, denominator: denominator), &state)
    }

    mutating func note(_ text: String, source: SourceLine? = nil) -> Int32 {
        let note = TraceNote(text, node: namespace.node, source: source)
        if let number = noteNumbers[note] { return number }
        notes.append(note)
        let number = Int32(notes.count - 1)
        noteNumbers[note] = number
        return number
    }

    mutating func assume(_ text: String, source: SourceLine? = nil, _ state: inout WalkState) {
        let number = note(text, source: source)
        log(.assumed(note: number), &state)
    }

    /// Goes on, but the end is not certain any more.
    mutating func doubt(_ text: String, source: SourceLine? = nil, _ state: inout WalkState) {
        let number = note(text, source: source)
        log(.uncertain(note: number), &state)
        state.isUncertain = true
    }

    private func source(of rule: RuleID, in rules: CompiledRules) -> SourceLine {
        SourceLine(rules.ruleSet.artifact, line: rules.rule(rule).line)
    }

    // MARK: - Walking rules

    func firstCandidate(
        _ candidates: Range<UInt32>, in chain: ChainID, of rules: CompiledRules, for state: WalkState
    ) -> UInt32 {
        rules.firstCandidate(
            candidates, in: chain, destination: state.packet.destination, ipProtocol: state.packet.ipProtocol,
            port: state.packet.destinationPort)
    }

    mutating func split(
        _ state: inout WalkState, by match: Match, of rule: RuleID, in rules: CompiledRules
    ) -> MatchSplit<WalkState> {
        switch match.test {
        case .random(let threshold):
            let whole: UInt64 = 1 << 31
            let share = min(UInt64(threshold), whole)
            return chance(match.isNegated ? whole - share : share, of: whole, state)
        case .nth(let every, _):
            let whole = UInt64(max(every, 1))
            return chance(match.isNegated ? whole - 1 : 1, of: whole, state)
        case .stateful(let pool):
            return splitStateful(&state, rules.ruleSet.states[Int(pool.rawValue)], match, rule, rules)
        default: break
        }
        if let answer = withoutEntry(match, state) { return answer ? .all : .none }
        // An extension that finds nothing to look at does not match, negated or not.
        if match.isNegated, lacksOperand(match.test, state, rules) { return .none }
        let answer = test(match.test, state, rules)
        if answer == .no, let name = dynamicSet(match.test, rules) {
            assume(
                "the set \(name) holds what it held when it was collected", source: source(of: rule, in: rules), &state)
        }
        switch match.isNegated ? !answer : answer {
        case .yes: return .all
        case .no: return .none
        case .unknown: return fork(&state, whyUnknown(match.test, state, rules), rule, rules)
        }
    }

    private mutating func chance(_ share: UInt64, of whole: UInt64, _ state: WalkState) -> MatchSplit<WalkState> {
        if share == 0 { return .none }
        if share >= whole { return .all }
        var (matching, other) = (state, state)
        part(share, of: whole, &matching)
        part(whole - share, of: whole, &other)
        return .fork(matching: matching, other: other)
    }

    /// Takes both ways, and remembers that it is not known which is right.
    private mutating func fork(
        _ state: inout WalkState, _ reason: String, _ rule: RuleID, _ rules: CompiledRules
    ) -> MatchSplit<WalkState> {
        let number = note(reason, source: source(of: rule, in: rules))
        noteRules[number] = (rules, rule)
        hasForked = true
        var (matching, other) = (state, state)
        log(.unknown(taken: true, note: number), &matching)
        log(.unknown(taken: false, note: number), &other)
        return .fork(matching: matching, other: other)
    }

    /// State of earlier packets: without a dump of it the client is new and within every limit.
    private mutating func splitStateful(
        _ state: inout WalkState, _ stateful: StatefulMatch, _ match: Match, _ rule: RuleID, _ rules: CompiledRules
    ) -> MatchSplit<WalkState> {
        let answer: Bool
        var text = ""
        switch stateful.kind {
        case .recent:
            let masks = rules.recentMasks[stateful.listName] ?? []
            guard masks.count <= 1 else {
                return fork(
                    &state, "which of its masks a recent list has depends on what was loaded first", rule, rules)
            }
            (answer, text) = recent(&state, stateful, masks.first ?? nil, match, rules)
        case .limit, .quota:
            // `limit rate over …` holds beyond the limit.
            answer = stateful.matchesBelowLimit
            text = "the limit of this rule is not exhausted"
        case .hashlimit, .connlimit:
            answer = stateful.matchesBelowLimit
            text = "the client is within the limit of this rule"
        case .other:
            return fork(&state, "depends on earlier packets", rule, rules)
        }
        if !text.isEmpty { assume(text, source: source(of: rule, in: rules), &state) }
        return (match.isNegated ? !answer : answer) ? .all : .none
    }

    /// `recent_mt` (`xt_recent.c`): the list as it was collected, and what rules did to it on the way.
    private func recent(
        _ state: inout WalkState, _ stateful: StatefulMatch, _ mask: IPAddress?, _ match: Match, _ rules: CompiledRules
    ) -> (answer: Bool, assumption: String) {
        let list = stateful.listName.map { rules.ruleSet.name($0) } ?? "DEFAULT"
        let whole = stateful.usesSource ? state.packet.source : state.packet.destination
        let address = mask.map { whole & $0 } ?? whole
        let entries = namespace.state.recent[list]
        let known = entries?.first { $0.address == address }
        let seen = RecentSighting(namespace: namespace.index, list: list, address: address)
        var hits = state.recent[seen] ?? known?.hits ?? 0
        let isRecorded = state.recent[seen] == nil
        let answer: Bool
        var text = ""
        switch stateful.recentAction {
        case .set:
            answer = true
            hits = hits &+ 1
        case .check, .update, nil:
            answer = hits >= max(stateful.hitCount ?? 1, 1)
            if stateful.recentAction == .update, hits > 0, answer != match.isNegated { hits = hits &+ 1 }
        case .remove:
            answer = hits > 0
            hits = 0
        }
        if stateful.recentAction != .set, isRecorded {
            if known != nil, let seconds = stateful.seconds {
                text = "\(address) was seen in the recent list \(list) within the last \(seconds) s"
            }
            if entries == nil { text = "\(address) is not in the recent list \(list)" }
        }
        if stateful.recentAction != .check { state.recent[seen] = hits }
        return (answer, text)
    }

    mutating func matched(
        _ rule: RuleID, in chain: ChainID, depth: Int, skipped: UInt32, of rules: CompiledRules,
        _ state: inout WalkState
    ) {
        let mark = state.packet.mark
        log(
            .matched(
                rules.index, rule, chain, depth: UInt16(clamping: depth), skipped: skipped, mark: mark), &state)
    }

    mutating func policyApplied(_ accepts: Bool, of chain: ChainID, in rules: CompiledRules, _ state: inout WalkState) {
        log(.policy(rules.index, chain, accepts: accepts), &state)
    }

    mutating func lostTrack(_ reason: LostTrack, at rule: RuleID, of rules: CompiledRules, _ state: inout WalkState) {
        let text: String
        switch reason {
        case .undeclaredChain:
            text = "the dump does not show the chain \(chainAhead(of: rule, in: rules))that a rule leads to"
        case .endlessJumps:
            text = "the jumps of a rule \(chainAhead(of: rule, in: rules, "to "))lead in a circle or too deep"
        case .tooMuch:
            state.isCut = true
            cutSource = cutSource ?? source(of: rule, in: rules)
            return
        }
        doubt(text, source: source(of: rule, in: rules), &state)
    }

    /// The name of the chain that a rule leads to, and a space; nothing where it leads to none or several.
    private func chainAhead(of rule: RuleID, in rules: CompiledRules, _ word: String = "") -> String {
        switch rules.rule(rule).target {
        case .jump(let chain), .goto(let chain): "\(word)\(rules.ruleSet.name(of: chain)) "
        default: ""
        }
    }

    // MARK: - Connections

    /// `nf_conntrack_in`, `resolve_normal_ct` (`nf_conntrack_core.c`).
    mutating func lookUpConnection(_ hook: Hook, _ state: inout WalkState) {
        if hook == .prerouting, state.hasConnection, world.isBroken(.loopbackForgets) { state.forgetConnection() }
        // Seen before (loopback), or not to be tracked.
        guard state.conntrackState.isEmpty else { return }
        if let quoted = state.quoted { return attachError(quoted, &state) }
        let tuple = state.packet.tuple
        for number in state.parked.indices where state.parked[number].namespace == namespace.index {
            let isOriginal = state.parked[number].original == tuple
            guard isOriginal || state.parked[number].reply == tuple else { continue }
            // The answer went another way than through this conntrack (`tcp_conntracks`: sSS and an ACK are sIV).
            if isOriginal, state.parked[number].awaitsAnswer, state.packet.tcpFlags & (Packet.syn | Packet.rst) == 0 {
                return findInvalid(&state)
            }
            attach(state.parked.remove(at: number), isReply: !isOriginal, &state)
            return
        }
        if usesRecordedConnections, attachRecorded(tuple, &state) { return }
        guard opensConnection(state.packet) else { return findInvalid(&state) }
        if namespace.isTableFull { findTableFull(&state) }
        state.connection = Connection(namespace: namespace.index, opening: tuple)
        state.hasConnection = true
        state.conntrackState = .new
        state.connection.awaitsAnswer = tuple.ipProtocol == .tcp && state.packet.tcpFlags & Packet.syn != 0
        state.isReplyDirection = false
        log(.tracked(.new, arena.keep(tuple)), &state)
    }

    private mutating func findInvalid(_ state: inout WalkState) {
        state.conntrackState = .invalid
        state.wasInvalid = true
        log(.tracked(.invalid, arena.keep(state.packet.tuple)), &state)
    }

    func isLost(_ state: WalkState) -> Bool { state.findsTableFull }

    private mutating func attach(_ connection: Connection, isReply: Bool, _ state: inout WalkState) {
        state.connection = connection
        state.hasConnection = true
        state.isReplyDirection = isReply
        if isReply { (state.connection.seenReply, state.connection.awaitsAnswer) = (true, false) }
        state.conntrackState = state.connection.seenReply ? .established : .new
        let nat = connection.translatesDestination || connection.translatesSource
        let result: ConntrackResult = isReply ? (nat ? .translatedAnswer : .answer) : .known
        log(.tracked(result, arena.keep(connection.original)), &state)
    }

    /// An entry of the dump decides where the user asked about that very source port.
    private mutating func attachRecorded(_ tuple: ConntrackTuple, _ state: inout WalkState) -> Bool {
        guard let entries = namespace.state.conntrack,
            let entry = entries.first(where: { $0.original == tuple || $0.reply == tuple })
        else { return false }
        var connection = Connection(namespace: namespace.index, opening: entry.original)
        connection.reply = entry.reply
        connection.mark = entry.mark
        connection.seenReply = !entry.isUnreplied
        connection.isConfirmed = true
        connection.isRecorded = true
        connection.destinationSettled = true
        connection.sourceSettled = true
        let plain = entry.original.reversed
        connection.translatesDestination =
            entry.reply.source != plain.source || entry.reply.sourcePort != plain.sourcePort
        connection.translatesSource =
            entry.reply.destination != plain.destination || entry.reply.destinationPort != plain.destinationPort
        say(.conntrack, "the recorded entry \(entry.original) decides", entry.source, &state)
        attach(connection, isReply: entry.reply == tuple && entry.original != tuple, &state)
        return true
    }

    /// `tcp_error`, `tcp_new`: a SYN, or, of a connection that is older than the entry, an ACK.
    ///
    /// PSH, ECE and CWR do not matter, other combinations are INVALID.
    private static func opensTCP(_ flags: UInt8) -> Bool {
        let (syn, ack, urgent): (UInt8, UInt8, UInt8) = (0x02, 0x10, 0x20)
        return [syn, syn | urgent, ack, ack | urgent].contains(flags & 0x37)
    }

    /// Whether conntrack makes an entry for a packet it does not know (`tcp_new`, `icmp_new`, `sctp_new`).
    private func opensConnection(_ packet: Packet) -> Bool {
        switch packet.ipProtocol {
        case .tcp:
            Self.opensTCP(packet.tcpFlags)
                && (packet.tcpFlags & Packet.syn != 0
                    || namespace.sysctl("net.netfilter.nf_conntrack_tcp_loose")?.value != "0")
        case .icmp: [8, 13, 15, 17].contains(packet.destinationPort >> 8)
        case .icmpv6: [128, 139].contains(packet.destinationPort >> 8)
        default: true
        }
    }

    func needsTranslation(_ hook: Hook, _ state: WalkState) -> Bool {
        if state.hasConnection, world.isBroken(.translatesAgain) { return hook != .forward }
        guard state.hasConnection, state.conntrackState == .new || state.conntrackState == .related,
            !state.isReplyDirection, state.quoted == nil
        else { return false }
        switch hook {
        case .prerouting, .output: return !state.connection.destinationSettled
        case .postrouting, .input: return !state.connection.sourceSettled
        case .forward: return false
        }
    }

    mutating func settleWithoutTranslation(_ hook: Hook, _ state: inout WalkState) {
        guard state.hasConnection else { return }
        switch hook {
        case .prerouting, .output: state.connection.destinationSettled = true
        case .postrouting, .input: state.connection.sourceSettled = true
        case .forward: break
        }
    }

    /// `ipt_mangle_out`, `nft_chain_route.c`: only what such a chain itself changed has the packet routed again.
    mutating func leftRouteChain(_ before: WalkState, _ state: inout WalkState) {
        let (old, new) = (before.packet, state.packet)
        let changesHops = new.family == .ipv6 && old.ttl != new.ttl
        guard old.mark != new.mark || old.tos != new.tos || changesHops else { return }
        guard !world.isBroken(.routesOnce) else { return }
        state.reroute()
        state.hasNoWay = !findsWay(new)
    }

    func hasNoWay(_ state: WalkState) -> Bool { state.hasNoWay || state.leavesAnotherWay }

    /// Whether `ip_route_me_harder` finds a route; one that it cannot tell of counts as found.
    private func findsWay(_ packet: Packet) -> Bool {
        switch namespace.router.lookUp(RouteQuery(of: packet)) {
        case .unknown: return true
        case .none, .forbidden: return false
        case .found(let number):
            let route = namespace.router.routes[number]
            switch route.type {
            case .local, .anycast, .broadcast, .multicast: return true
            case .blackhole, .unreachable, .prohibit, .throw, .nat: return false
            case .unicast: break
            }
            let devices = namespace.router.liveHops(route).compactMap(\.device)
            guard packet.family == .ipv4, packet.source.isLoopback else { return !devices.isEmpty }
            return devices.contains { device in
                namespace.link(namespace.linkIndex(named: device))?.isLoopback == true
                    || namespace.number("route_localnet", of: device, combine: .or) != 0
            }
        }
    }

    /// `nf_nat_packet`: which half is rewritten depends on the hook, and on the direction.
    mutating func rewrite(_ hook: Hook, _ state: inout WalkState) {
        guard state.hasConnection else { return }
        let connection = state.connection
        let changesDestination = hook == .prerouting || hook == .output
        // `nf_nat_oif_changed`: the packet is dropped, and its connection forgotten.
        if hook == .postrouting, !state.isReplyDirection, connection.masqueradeLink != .none,
            connection.masqueradeLink != state.packet.output
        {
            state.leavesAnotherWay = true
        }
        let applies =
            changesDestination != state.isReplyDirection
            ? connection.translatesDestination : connection.translatesSource
        guard applies, !(state.isReplyDirection && world.isBroken(.answersStayTranslated)) else { return }
        let target = state.isReplyDirection ? connection.original.reversed : connection.reply.reversed
        let before = state.packet.tuple
        if changesDestination {
            state.packet.destination = target.destination
            if state.packet.ipProtocol.hasPorts { state.packet.destinationPort = target.destinationPort }
        } else {
            state.packet.source = target.source
            if state.quoted == nil { state.packet.sourcePort = target.sourcePort }
        }
        if state.quoted != nil {
            rewriteQuoted(state.isReplyDirection ? connection.original : connection.reply, changesDestination, &state)
        }
        let after = state.packet.tuple
        guard before != after else { return }
        // `nf_nat_ipv4_local_fn`: a new destination is routed anew, with the mark of this moment.
        if hook == .output, before.destination != after.destination, !world.isBroken(.routesOnce) {
            state.reroute()
            state.hasNoWay = !findsWay(state.packet)
        }
        let kind: Translation.Kind =
            changesDestination ? .dnat : (state.wasMasqueraded && !state.isReplyDirection ? .masquerade : .snat)
        translated(kind, before, &state)
    }
}
