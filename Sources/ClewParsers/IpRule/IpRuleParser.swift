package import ClewBundle
package import ClewNet
package import ClewSnapshot

/// Reads policy rules: `ip rule` as text or JSON.
package enum IpRuleParser {
    /// Reads the rules of an artifact.
    ///
    /// A rule's family is told by its prefixes; `family` is for those without, and is IPv4 where it is `nil`. A rule
    /// with a selector that the model cannot hold (`tun_id`, `dscp`) is left unread as a whole: without the selector it
    /// would match too much.
    package static func parse(
        _ bytes: [UInt8], artifact: ArtifactID, family: AddressFamily?
    ) -> ParsedList<RoutingRule> {
        if ToolJSON.isJSON(bytes) { return RuleJSON.parse(bytes, artifact: artifact, family: family) }
        var parser = RuleText(bytes, artifact: artifact, family: family)
        return parser.parse()
    }
}

/// A rule on its way from words or JSON.
struct RoutingRuleDraft {
    var rule: RoutingRule
    var action: RoutingAction?
    var unknownTable: String?

    init(priority: UInt32, source: SourceLine) {
        rule = RoutingRule(family: .ipv4, priority: priority, action: .nop, source: source, text: "")
    }

    /// The rule, or what it lacks.
    func finished(family: AddressFamily?, text: String) -> Result<RoutingRule, FieldError> {
        var rule = rule
        if let action {
            rule.action = action
        } else if rule.isL3MasterDevice {
            // `l3mdev` alone: the table is the VRF's own.
            rule.action = .lookup(RoutingTableID(rawValue: 0))
        } else {
            return .failure(FieldError("a rule without an action"))
        }
        rule.family = rule.from?.family ?? rule.to?.family ?? family ?? .ipv4
        rule.text = text
        return .success(rule)
    }

    mutating func lookup(_ name: String) {
        if name == "[l3mdev-table]" {
            rule.isL3MasterDevice = true
            return
        }
        let (id, isKnown) = RouteNames.table(name)
        action = .lookup(id)
        if !isKnown { unknownTable = name }
    }

    /// Reads `0x1/0xff`; a mark without a mask is compared whole.
    mutating func mark(_ text: String, mask maskText: String? = nil) -> Bool {
        let halves = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        guard let value = halves.first.flatMap({ RouteNames.number($0) }) else { return false }
        rule.mark = value
        guard let text = maskText ?? (halves.count == 2 ? halves[1] : nil) else { return true }
        guard let mask = RouteNames.number(text) else { return false }
        rule.markMask = mask
        return true
    }

    static let noteReason = "is a name of this node; its number is not known"
}
