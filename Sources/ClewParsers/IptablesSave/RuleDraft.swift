import ClewNet
import ClewSnapshot

/// What is known of the rule being read, apart from its matches, which are already in the rule set.
struct RuleDraft {
    /// `!` was read and waits for its option.
    var isNegated = false
    /// Where that `!` stands, or else the option being read.
    var optionStart = 0
    var module = MatchModule.none
    /// The module's element in its pool, for options that come one by one; -1 before the first.
    var entry = -1
    /// Where the `-m` of the module stands.
    var groupStart = 0
    /// The first match of that `-m`.
    var groupMatch = 0
    /// The modules that `-m` named so far, a bit each.
    var loaded: UInt64 = 0
    var ruleStart = 0
    /// The rule is among the unread lines already.
    var isReported = false
    var comment = TextRange.none
    var target = TargetDraft()
    /// `-s a,b`: a rule for each.
    var sources: [MaskedAddress] = []
    var destinations: [MaskedAddress] = []
    var isIPv6Only: Bool?
    /// What SET does; outside of the target, which is plain bytes without it.
    var setTarget: SetTarget?
}

/// The target being read.
struct TargetDraft {
    var word = TargetWord.none
    /// What `-j` or `-g` named, once it needs no option more.
    var plain = Target.none
    /// The name of a chain that is yet to be looked up; its length is 0 for every other target.
    var chain = ByteText.Slice(start: 0, end: 0)
    var isGoto = false
    var start = 0
    var end = 0
    var reject = RejectType.portUnreachable
    var hasValue = false
    var value: UInt32 = 0
    var mask: UInt32 = 0
    var secondMask: UInt32 = 0
    var markAction = MarkAction.set
    var nat = NATTarget(kind: .destination)
    var hasNATAddress = false
    var isUnmodelled = false
    var tproxyAddress: IPAddress?
    var port: UInt16 = 0
    var ttlChange = TTLChange.set

    enum MarkAction { case set, save, restore }
}
