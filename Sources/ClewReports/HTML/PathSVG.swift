import ClewDataplane

/// Draws a ``PathMap`` as inline SVG, 400 units wide.
struct PathSVG {
    private static let width = 400
    private static let laneGap = 22
    private static let rowHeight = 22
    private static let eventHeight = 16

    private let map: PathMap
    /// What the ids of the hops' descriptions begin with.
    private let prefix: String
    private let title: String
    private var parts: [String] = []
    /// Where each visit's dot is.
    private var dots: [(x: Int, y: Int)] = []
    private var y = 6

    init(_ map: PathMap, prefix: String, title: String) {
        self.map = map
        self.prefix = prefix
        self.title = title
        dots = Array(repeating: (0, 0), count: map.visits.count)
    }

    private var textStart: Int { 22 + map.laneCount * Self.laneGap }

    /// The drawing; hops are links to their descriptions.
    mutating func text() -> String {
        var labels: [String] = []
        for box in map.boxes {
            let top = y
            var inside: [String] = []
            y += box.node == nil ? 8 : 26
            for station in box.stations { inside.append(draw(station)) }
            let height = y - top
            let kind = box.node == nil ? "outside" : "node"
            parts.append(
                "<rect class=\"box \(kind)\" x=\"4\" y=\"\(top)\" width=\"\(Self.width - 8)\" height=\"\(height)\" rx=\"10\"/>"
            )
            if let node = box.node {
                parts.append(
                    "<text class=\"nodename\" x=\"\(textStart)\" y=\"\(top + 17)\">\(Self.fitted("node \(node)", room(7)))</text>"
                )
            }
            labels += inside
            y += 18
        }
        let lines = edges()
        let marks = map.visits.indices.map(mark)
        let height = y - 8
        return "<svg viewBox=\"0 0 \(Self.width) \(height)\" role=\"group\" aria-label=\"\(MarkupText.xml(title))\">"
            + (parts + labels + lines + marks).joined() + "</svg>"
    }

    // MARK: - Places

    private mutating func draw(_ station: PathMap.Station) -> String {
        let top = y
        var result = ""
        let kind =
            switch station.kind {
            case .pod: "pod"
            case .host: "host"
            case .outside: "world"
            }
        let label =
            switch station.kind {
            case .pod: "pod \(station.title)"
            case .host: "host network"
            case .outside: station.title == "outside" ? "outside the cluster" : station.title
            }
        var inner = "<text class=\"place\" x=\"\(textStart)\" y=\"\(top + 17)\">\(Self.fitted(label, room(7)))</text>"
        y = top + 26
        for index in station.rows { inner += row(index) }
        y += 4
        result +=
            "<rect class=\"station \(kind)\" x=\"12\" y=\"\(top)\" width=\"\(Self.width - 24)\" height=\"\(y - top)\" rx=\"7\"/>"
        y += 8
        return result + inner
    }

    private mutating func row(_ index: Int) -> String {
        let visit = map.visits[index]
        let top = y
        let x = 24 + visit.lane * Self.laneGap
        dots[index] = (x, top + 10)
        let events = visit.events
        let height = Self.rowHeight + events.count * Self.eventHeight
        var inner =
            "<rect class=\"hit\" x=\"14\" y=\"\(top - 1)\" width=\"\(Self.width - 28)\" height=\"\(height)\" rx=\"5\"/>"
        inner +=
            "<text class=\"way \(Self.direction(visit))\" x=\"\(textStart)\" y=\"\(top + 14)\">\(Self.fitted(way(visit), room(6.6)))</text>"
        y = top + Self.rowHeight
        for event in events {
            inner += glyph(event, at: y)
            inner +=
                "<text class=\"event \(Self.name(event.kind))\" x=\"\(textStart + 16)\" y=\"\(y + 8)\">\(Self.fitted(event.text, room(6.6, from: textStart + 16)))</text>"
            y += Self.eventHeight
        }
        let name = "\(visit.isReply ? "answer" : "request"), \(way(visit))"
        return
            "<a class=\"hop\" href=\"#\(prefix)h\(index)\" aria-label=\"\(MarkupText.xml(name))\"><title>\(MarkupText.xml(tip(visit)))</title>\(inner)</a>"
    }

    /// What is shown while the pointer rests on a hop: its rules.
    private func tip(_ visit: PathMap.Visit) -> String {
        let rules = visit.hop.steps.filter { $0.kind == .rule || $0.kind == .policy || $0.kind == .route }
        let shown = rules.suffix(12).map(\.text)
        return ([way(visit)] + (rules.count > 12 ? ["…"] : []) + shown).joined(separator: "\n")
    }

    /// `veth3c1f9a20 → cni0`.
    private func way(_ visit: PathMap.Visit) -> String {
        let tunnel = visit.hop.encapsulation > 0 ? " (tunnel's packet)" : ""
        switch (visit.hop.deviceIn, visit.hop.deviceOut) {
        case (let a?, let b?): return "\(a) → \(b)\(tunnel)"
        case (nil, let b?): return "sends by \(b)\(tunnel)"
        case (let a?, nil): return "in by \(a)\(tunnel)"
        case (nil, nil): return (visit.isReply ? "answer" : "request") + tunnel
        }
    }

    /// A sign for each kind of event: a bridge is a bar with its ports, a tunnel a pipe.
    private func glyph(_ event: PathMap.Event, at y: Int) -> String {
        let x = textStart
        switch event.kind {
        case .bridge:
            return "<path class=\"glyph bridge\" d=\"M\(x) \(y + 4)h11M\(x + 2) \(y + 4)v4M\(x + 9) \(y + 4)v4\"/>"
        case .tunnel:
            return "<rect class=\"glyph tunnel\" x=\"\(x)\" y=\"\(y + 1)\" width=\"11\" height=\"6\" rx=\"3\"/>"
        case .translation, .ipvs:
            return "<path class=\"glyph translation\" d=\"M\(x) \(y + 2)h9l-3 -2M\(x + 11) \(y + 6)h-9l3 2\"/>"
        case .route: return "<path class=\"glyph route\" d=\"M\(x) \(y + 7)c5 0 4 -6 10 -6l-3 -2m3 2l-3 2\"/>"
        case .arrival: return "<path class=\"glyph arrival\" d=\"M\(x + 1) \(y + 4)l3 3l6 -6\"/>"
        case .fault:
            return "<path class=\"glyph fault\" d=\"M\(x + 2) \(y)l7 7m0 -7l-7 7\"/>"
        }
    }

    // MARK: - The way

    private func edges() -> [String] {
        guard map.visits.count > 1 else { return [] }
        return map.visits.indices.dropFirst().map { index in
            let (a, b) = (dots[index - 1], dots[index])
            let (from, to) = (map.visits[index - 1], map.visits[index])
            let isBad = from.isFault && !(from.isReply != to.isReply) || to.isSpoiled
            let kind = isBad ? "bad" : Self.direction(to)
            let isPipe = to.hop.encapsulation > 0
            let cameFromBelow = index > 1 && dots[index - 2].y > a.y
            let path = Self.path(a, b, cameFromBelow: cameFromBelow)
            let endsSideways = a.x != b.x && b.y > a.y && !cameFromBelow
            let pipe = isPipe ? "<path class=\"pipe\" d=\"\(path)\"/>" : ""
            return pipe + "<path class=\"line \(kind)\" d=\"\(path)\"/>" + (endsSideways ? "" : arrow(a, b, kind))
        }
    }

    /// Straight in one lane; where it turns, on in the old lane and then over, unless it came from there.
    private static func path(_ a: (x: Int, y: Int), _ b: (x: Int, y: Int), cameFromBelow: Bool) -> String {
        guard a.x != b.x else { return "M\(a.x) \(a.y)V\(b.y)" }
        if b.y > a.y, !cameFromBelow {
            return "M\(a.x) \(a.y)V\(b.y - 9)Q\(a.x) \(b.y) \(a.x + 9) \(b.y)H\(b.x)"
        }
        let bend = b.y > a.y ? 9 : -9
        return "M\(a.x) \(a.y)H\(b.x - 9)Q\(b.x) \(a.y) \(b.x) \(a.y + bend)V\(b.y)"
    }

    /// An arrow head in the middle of the last upright part of an edge.
    private func arrow(_ a: (x: Int, y: Int), _ b: (x: Int, y: Int), _ kind: String) -> String {
        guard abs(b.y - a.y) > 26 else { return "" }
        let tip = b.y > a.y ? b.y - 9 : b.y + 9
        let back = b.y > a.y ? -6 : 6
        return "<path class=\"head \(kind)\" d=\"M\(b.x - 4) \(tip + back)L\(b.x) \(tip)L\(b.x + 4) \(tip + back)\"/>"
    }

    private func mark(_ index: Int) -> String {
        let (x, y) = dots[index]
        let visit = map.visits[index]
        guard visit.isFault else {
            let kind = visit.isSpoiled ? "bad" : Self.direction(visit)
            return "<circle class=\"dot \(kind)\" cx=\"\(x)\" cy=\"\(y)\" r=\"4.5\"/>"
        }
        let kind = map.outcome == .unknown ? "unsure" : "drop"
        let sign =
            map.outcome == .unknown
            ? "<text class=\"sign\" x=\"\(x)\" y=\"\(y + 4)\">?</text>"
            : "<path class=\"sign\" d=\"M\(x - 3) \(y - 3)l6 6m0 -6l-6 6\"/>"
        return "<circle class=\"mark \(kind)\" cx=\"\(x)\" cy=\"\(y)\" r=\"8.5\"/>\(sign)"
    }

    // MARK: - Text

    private static func direction(_ visit: PathMap.Visit) -> String { visit.isReply ? "reply" : "request" }

    private static func name(_ kind: PathMap.Event.Kind) -> String {
        switch kind {
        case .translation, .ipvs: "translation"
        case .bridge: "bridge"
        case .tunnel: "tunnel"
        case .route: "route"
        case .fault: "fault"
        case .arrival: "arrival"
        }
    }

    /// How many characters of that width fit.
    private func room(_ width: Double, from start: Int? = nil) -> Int {
        Int(Double(Self.width - 18 - (start ?? textStart)) / width)
    }

    /// Cut in the middle where it is too long, since names often differ in their ends.
    private static func fitted(_ text: String, _ limit: Int) -> String {
        guard text.columns > limit, limit > 8 else { return MarkupText.xml(text) }
        let head = text.prefix(columns: (limit - 1) * 2 / 3)
        return MarkupText.xml("\(head)…\(text.suffix(limit - 1 - head.count))")
    }
}
