/// What modules print behind the columns of a listing.
extension ListingRow {
    mutating func readPhrase() {
        let first = word()
        switch first {
        case "!":
            index += 1
            isNegated = true
        case "/*": readComment()
        case "[goto]":
            index += 1
            isGoto = true
        default:
            if readTransport(first) || readConntrack(first) || readModule(first) || readState(first)
                || readTarget(first)
            {
                return
            }
            var end = index + 1
            while end < words.count, !isStart(words[end]) { end += 1 }
            unknown(upTo: end)
        }
    }

    /// Whether a phrase that is understood begins with that word.
    private func isStart(_ word: String) -> Bool {
        [
            "/*", "tcp", "udp", "sctp", "multiport", "mark", "connmark", "ctstate", "state", "ADDRTYPE", "match-set",
            "statistic", "recent:", "limit:", "PHYSDEV", "reject-with", "redir", "masq", "MARK", "CONNMARK",
            "icmptype", "ipv6-icmptype", "owner", "[goto]", "LOG", "NFLOG",
        ].contains(word) || word.hasPrefix("to:")
    }

    private mutating func readComment() {
        var end = index + 1
        while end < words.count, words[end] != "*/" { end += 1 }
        matches += " -m comment --comment \"\(words.escaped(index + 1, end))\""
        index = end + 1
    }

    // MARK: Transport

    private mutating func readTransport(_ first: String) -> Bool {
        switch first {
        case "tcp", "udp", "sctp", "dccp", "udplite":
            index += 1
            matches += " -m " + first
        case "icmptype", "ipv6-icmptype", "icmp6type":
            index += 1
            readICMP(first == "icmptype")
        case "icmp", "ipv6-icmp", "icmp6":
            index += 1
            if word() == "type" || word() == "!type" {
                isNegated = isNegated || word() == "!type"
                index += 1
            }
            readICMP(first == "icmp")
        case "multiport":
            index += 1
            var side = take()
            if side == "!" {
                isNegated = true
                side = take()
            }
            option("multiport", "--" + side)
        default:
            return readPort(first)
        }
        return true
    }

    private mutating func readICMP(_ isIPv4: Bool) {
        var type = take()
        if type == "!" {
            isNegated = true
            type = take()
        }
        if word() == "code" {
            index += 1
            type += "/" + take()
        }
        option(isIPv4 ? "icmp" : "icmp6", isIPv4 ? "--icmp-type" : "--icmpv6-type", type)
    }

    private mutating func readPort(_ first: String) -> Bool {
        let names = [
            ("dpt:", "--dport"), ("dpts:", "--dport"), ("spt:", "--sport"), ("spts:", "--sport"),
            ("option=", "--tcp-option"),
        ]
        if let (prefix, name) = names.first(where: { first.hasPrefix($0.0) }) {
            index += 1
            option("", name, String(first.dropFirst(prefix.count)))
            return true
        }
        guard first.hasPrefix("flags:") else { return false }
        index += 1
        var value = first.dropFirst(6)
        if value.first == "!" {
            isNegated = true
            value = value.dropFirst()
        }
        let parts = value.split(separator: "/", maxSplits: 1)
        guard parts.count == 2 else { return false }
        matches += (isNegated ? " !" : "") + " --tcp-flags \(quoted(String(parts[0]))) \(quoted(String(parts[1])))"
        isNegated = false
        return true
    }

    private mutating func readConntrack(_ first: String) -> Bool {
        switch first {
        case "ctstate", "ctstatus", "ctproto", "ctorigsrc", "ctorigdst", "ctreplsrc", "ctrepldst", "ctorigsrcport",
            "ctorigdstport", "ctreplsrcport", "ctrepldstport", "ctdir", "ctexpire":
            index += 1
            option("conntrack", "--" + first)
        case "state":
            index += 1
            option("state", "--state")
        case "mark" where word(1) == "match", "MARK" where word(1) == "match":
            index += 2
            option("mark", "--mark")
        case "connmark" where word(1) == "match", "CONNMARK" where word(1) == "match":
            index += 2
            option("connmark", "--mark")
        default: return false
        }
        return true
    }

    // MARK: Modules with one phrase

    private mutating func readModule(_ first: String) -> Bool {
        switch first {
        case "ADDRTYPE":
            index += word(1) == "match" ? 2 : 1
            matches += " -m addrtype"
        case "src-type", "dst-type":
            index += 1
            option("", "--" + first)
        case "limit-in", "limit-out":
            index += 1
            matches += " --limit-iface-" + first.dropFirst(6)
        case "match-set" where index + 2 < words.count,
            "set" where word(2).hasPrefix("src") || word(2).hasPrefix("dst"):
            index += 1
            let name = take()
            matches += " -m set" + (isNegated ? " !" : "") + " --match-set \(quoted(name)) \(quoted(take()))"
            isNegated = false
        case "return-nomatch":
            index += 1
            matches += " --return-nomatch"
        case "PHYSDEV":
            index += word(1) == "match" ? 2 : 1
            matches += " -m physdev"
        case "--physdev-in", "--physdev-out":
            index += 1
            option("", first)
        case "--physdev-is-in", "--physdev-is-out", "--physdev-is-bridged":
            index += 1
            option("", first, "")
        case "source" where word(1) == "IP", "destination" where word(1) == "IP":
            index += 3
            option("iprange", first == "source" ? "--src-range" : "--dst-range")
        case "MAC":
            index += 1
            option("mac", "--mac-source")
        case "length":
            index += 1
            option("length", "--length")
        case "PKTTYPE":
            index += 1
            isNegated = take() == "!="
            option("pkttype", "--pkt-type")
        case "tcpmss":
            index += word(1) == "match" ? 2 : 1
            option("tcpmss", "--mss")
        case "nfacct-name":
            index += 1
            option("nfacct", "--nfacct-name")
        case "rpfilter":
            index += 1
            matches += " -m rpfilter"
            while ["loose", "validmark", "accept-local", "invert"].contains(word()) { matches += " --" + take() }
        default: return readFieldMatch(first)
        }
        return true
    }

    private mutating func readFieldMatch(_ first: String) -> Bool {
        guard word(1).hasPrefix("match") else { return false }
        switch first {
        case "TTL", "HL":
            index += 3
            let operators = ["==": "eq", "!=": "eq", "<": "lt", ">": "gt"]
            let sign = take()
            isNegated = sign == "!="
            let name = first.lowercased()
            option(name, "--\(name)-\(operators[sign] ?? "eq")")
        case "DSCP":
            index += 2
            option("dscp", "--dscp")
        case "tos", "TOS":
            let glued = word(1).dropFirst(5)
            index += 2
            option("tos", "--tos", glued.isEmpty ? nil : String(glued))
        default: return false
        }
        return true
    }

    // MARK: State and chance

    private mutating func readState(_ first: String) -> Bool {
        switch first {
        case "statistic":
            index += 1
            matches += " -m statistic"
            while index < words.count, ["mode", "probability", "every", "packet", "!"].contains(word()) {
                let name = take()
                if name == "!" { isNegated = true } else { option("", "--" + name) }
            }
        case "recent:": readRecent()
        case "limit:" where word(1) == "avg":
            index += 2
            matches += " -m limit --limit " + quoted(take())
            if word() == "burst" {
                index += 1
                matches += " --limit-burst " + quoted(take())
            }
        default: return false
        }
        return true
    }

    private mutating func readRecent() {
        index += 1
        matches += " -m recent" + (isNegated ? " !" : "")
        isNegated = false
        let actions = ["SET": " --set", "CHECK": " --rcheck", "UPDATE": " --update", "REMOVE": " --remove"]
        let values = [
            "seconds:": " --seconds ", "hit_count:": " --hitcount ", "name:": " --name ", "mask:": " --mask ",
        ]
        while index < words.count {
            if let action = actions[word()] {
                matches += action
                index += 1
            } else if let option = values[word()] {
                index += 1
                matches += option + quoted(take())
            } else if word() == "side:" {
                index += 1
                matches += take() == "dest" ? " --rdest" : " --rsource"
            } else if word() == "reap" || word() == "TTL-Match" {
                matches += take() == "reap" ? " --reap" : " --rttl"
            } else {
                return
            }
        }
    }

    // MARK: Targets

    private mutating func readTarget(_ first: String) -> Bool {
        if first.hasPrefix("to:") {
            index += 1
            let option = target == "SNAT" ? "--to-source" : target == "NETMAP" ? "--to" : "--to-destination"
            targetOptions += " \(option) " + quoted(String(first.dropFirst(3)))
            return true
        }
        switch first {
        case "reject-with":
            index += 1
            targetOptions += " --reject-with " + quoted(take())
        case "redir" where word(1) == "ports", "masq" where word(1) == "ports:":
            index += 2
            targetOptions += " --to-ports " + quoted(take())
        case "random", "random-fully", "persistent":
            index += 1
            targetOptions += " --" + first
        case "add-set", "del-set", "map-set":
            index += 1
            let name = take()
            targetOptions += " --\(first) \(quoted(name)) \(quoted(take()))"
        case target: readOwnPhrase(first)
        default: return false
        }
        return true
    }

    /// The phrase that begins with the target's own name.
    private mutating func readOwnPhrase(_ name: String) {
        let verb = word(1)
        switch (name, verb) {
        case ("MARK", "or"), ("MARK", "and"), ("MARK", "xor"), ("CONNMARK", "or"), ("CONNMARK", "and"),
            ("CONNMARK", "xor"):
            index += 2
            targetOptions += " --\(verb)-mark " + quoted(take())
        case ("MARK", "set"), ("CONNMARK", "set"), ("MARK", "xset"), ("CONNMARK", "xset"):
            index += 2
            targetOptions += (verb == "set" ? " --set-mark " : " --set-xmark ") + quoted(take())
        case ("CONNMARK", "save"), ("CONNMARK", "restore"):
            index += 2
            targetOptions += " --\(verb)-mark"
            while ["mask", "nfmask", "ctmask"].contains(word()) {
                let option = take()
                targetOptions += " --\(option) " + quoted(take().replacingTilde)
            }
        case ("TCPMSS", "set"):
            index += 2
            targetOptions += " --set-mss " + quoted(take())
        case ("TCPMSS", "clamp"):
            index += 4
            targetOptions += " --clamp-mss-to-pmtu"
        case ("CT", "notrack"):
            index += 2
            targetOptions += " --notrack"
        case ("TTL", "set"), ("HL", "set"), ("TTL", "increment"), ("HL", "increment"), ("TTL", "decrement"),
            ("HL", "decrement"):
            index += 3
            targetOptions += " --\(name.lowercased())-\(verb.prefix(3)) " + quoted(take())
        case ("DSCP", "set"), ("TOS", "set"):
            index += 2
            targetOptions += " --set-\(name.lowercased()) " + quoted(take())
        case ("TPROXY", "redirect"): readTProxy()
        default:
            targetOptions += " --listed \"\(words.escaped(index + 1, words.count))\""
            index = words.count
        }
    }

    /// Reads `TPROXY redirect 0.0.0.0:15006 mark 0x539/0xffffffff`.
    private mutating func readTProxy() {
        index += 2
        let place = take()
        if let colon = place.lastIndex(of: ":") {
            let address = place[..<colon].filter { $0 != "[" && $0 != "]" }
            if address != "0.0.0.0", address != "::" { targetOptions += " --on-ip " + quoted(String(address)) }
            targetOptions += " --on-port " + quoted(String(place[place.index(after: colon)...]))
        }
        if word() == "mark" {
            index += 1
            targetOptions += " --tproxy-mark " + quoted(take())
        }
    }
}

extension String {
    /// Without the `~` that CONNMARK prints before a mask that is cleared.
    fileprivate var replacingTilde: String { hasPrefix("~") ? String(dropFirst()) : self }
}
