import ClewNet

/// An entry of `arp -n`, `arp -an` or `/proc/net/arp` (net-tools `arp.c`).
struct ArpRow {
    var address: IPAddress
    var device: String
    var mac: MACAddress?
    var states: [String]
    var isProxy: Bool
    /// In words.
    var length: Int
}

extension WordReader {
    /// The length of a header that begins at the current word, in words.
    var arpHeader: Int? {
        let names = [
            ["Address", "HWtype", "HWaddress", "Flags", "Mask", "Iface"],
            ["IP", "address", "HW", "type", "Flags", "HW", "address", "Mask", "Device"],
        ]
        return names.first { header in
            header.enumerated().allSatisfy { word(index + $0.offset)?.text == $0.element }
        }?.count
    }

    /// The entry that begins at a word.
    func arpRow(at position: Int) -> ArpRow? {
        guard let first = word(position), first.role == .text else { return nil }
        if let next = neighbor(of: position), next.text.hasPrefix("("),
            next.text.hasSuffix(")"), next.text != "(incomplete)"
        {
            return arpSentence(at: position, address: String(next.text.dropFirst().dropLast()))
        }
        guard let address = IPAddress(first.text) else { return nil }
        let cells = line(from: position + 1, limit: 5)
        guard let kind = cells.first else { return nil }
        if kind == "(incomplete)", cells.count >= 2 {
            return ArpRow(address: address, device: cells[1], states: ["INCOMPLETE"], isProxy: false, length: 3)
        }
        if kind.hasPrefix("0x"), cells.count >= 5, let flags = RouteNames.number(cells[1]) {
            return procRow(address, flags, cells)
        }
        guard cells.count >= 4, kind == "*" || Self.hardware.contains(kind) else { return nil }
        let flags = cells[2]
        guard !flags.isEmpty, flags.allSatisfy({ "CMP!".contains($0) }) else { return nil }
        // The mask column is blank but for published entries.
        return ArpRow(
            address: address, device: cells[3], mac: MACAddress(cells[1]),
            states: flags.contains("M") ? ["PERMANENT"] : [],
            isProxy: flags.contains("P"), length: 5)
    }

    private static let hardware: Set<String> = [
        "ether", "loop", "tunnel", "sit", "ppp", "infiniband", "ipip", "gre", "unspec", "generic",
    ]

    /// The words of the same line, at most so many.
    private func line(from start: Int, limit: Int) -> [String] {
        var cells: [String] = []
        var at = start
        while cells.count < limit, let word = word(at), word.role == .text, !word.startsLine {
            cells.append(word.text)
            at += 1
        }
        return cells
    }

    private func procRow(_ address: IPAddress, _ flags: UInt32, _ cells: [String]) -> ArpRow {
        // `ATF_COM`, `ATF_PERM`, `ATF_PUBL` of `linux/if_arp.h`.
        let isComplete = flags & 2 != 0
        return ArpRow(
            address: address, device: cells[4], mac: isComplete ? MACAddress(cells[2]) : nil,
            states: flags & 4 != 0 ? ["PERMANENT"] : isComplete || flags & 8 != 0 ? [] : ["INCOMPLETE"],
            isProxy: flags & 8 != 0, length: 6)
    }

    /// `? (10.0.0.1) at 0a:58:0a:f4:01:05 [ether] PERM on cni0`.
    private func arpSentence(at position: Int, address text: String) -> ArpRow? {
        let cells = line(from: position + 2, limit: 8)
        guard let address = IPAddress(text), cells.count >= 4, cells[0] == "at" else { return nil }
        guard let on = cells.firstIndex(of: "on"), on + 1 < cells.count else { return nil }
        let states = cells[1] == "<incomplete>" ? ["INCOMPLETE"] : cells[..<on].contains("PERM") ? ["PERMANENT"] : []
        return ArpRow(
            address: address, device: cells[on + 1], mac: MACAddress(cells[1]), states: states,
            isProxy: cells[..<on].contains("PUB"), length: on + 4)
    }
}
