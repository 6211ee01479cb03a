import ClewDataplane

/// Prints branches as one tree: what they share once, and a fork where they part.
struct BranchTree {
    let style: TextStyle
    let branches: [TraceBranch]
    let paths: [[PathItem]]
    private var lines: [String] = []

    init(style: TextStyle, traced branches: [TraceBranch], paths: [[PathItem]]) {
        self.style = style
        self.branches = branches
        self.paths = paths
    }

    mutating func render() -> [String] {
        walk(Array(branches.indices), from: 0, gutter: "")
        return lines
    }

    /// Prints the items that all of these branches share from `start` on, then forks.
    private mutating func walk(_ members: [Int], from start: Int, gutter: String) {
        var index = start
        while let first = members.first {
            let item = index < paths[first].count ? paths[first][index] : nil
            let agree = members.allSatisfy { (index < paths[$0].count ? paths[$0][index] : nil) == item }
            guard agree else { return fork(members, at: index, gutter) }
            guard let item else { return }
            write(item, gutter)
            index += 1
        }
    }

    private mutating func fork(_ members: [Int], at index: Int, _ gutter: String) {
        var groups: [(item: PathItem?, members: [Int])] = []
        for member in members {
            let item = index < paths[member].count ? paths[member][index] : nil
            if let known = groups.firstIndex(where: { $0.item == item }) {
                groups[known].members.append(member)
            } else {
                groups.append((item, [member]))
            }
        }
        for (i, group) in groups.enumerated() {
            let isLast = i == groups.count - 1
            lines.append(gutter + (isLast ? style.corner : style.tee) + forkTitle(group.members))
            walk(group.members, from: index, gutter: gutter + (isLast ? "   " : style.bar))
        }
    }

    /// What stands at a fork: `p = 0.333 (715827883/2147483648): works`.
    private func forkTitle(_ members: [Int]) -> String {
        let some = members.map { branches[$0] }
        let probability = TraceSummary.probability(some)
        let exact = probability.description
        let share = "p = \(TraceSummary.decimal(probability))" + (exact.utf8.count <= 24 ? " (\(exact))" : "")
        let outcomes = Set(some.map(\.outcome))
        let word: String =
            if outcomes.count > 1 {
                style.paint("some fail", .unsure)
            } else {
                switch some.first?.outcome {
                case .works: style.paint("works", .good)
                case .fails: style.paint("fails", .bad)
                case .unknown, nil: style.paint("unknown", .unsure)
                }
            }
        return "\(share): \(word)"
    }

    private mutating func write(_ item: PathItem, _ gutter: String) {
        switch item {
        case .place(let title, let device, let folder):
            let entered = device.map { ", in by \($0)" } ?? ""
            let heading = style.clean(title + entered)
            let gap = style.width - gutter.columns - heading.columns - folder.columns
            let below = gap >= 2 ? String(repeating: " ", count: gap) + style.paint(folder, .faint) : ""
            lines.append(gutter + style.paint(heading, .heading) + (folder.isEmpty ? "" : below))
        case .hook(let name):
            lines.append(gutter + "  " + style.paint(name, .faint))
        case .step(let label, let text, let comment, let place, let change):
            let first = gutter + (label.isEmpty ? "    " : "  \(label) ")
            if let line = oneLine(text, comment: comment, place: place, first: first) {
                lines.append(line)
            } else {
                lines += style.fitted(text, place: place, first: first, rest: gutter + "      ")
                if let comment {
                    lines += style.fitted(
                        "# \(comment)", place: nil, first: gutter + "      ", rest: gutter + "      ", role: .faint)
                }
            }
            if let change {
                lines += style.fitted(
                    "= \(change)", place: nil, first: gutter + "      ", rest: gutter + "      ", role: .heading)
            }
        case .change(let text):
            lines += style.fitted(
                "= \(text)", place: nil, first: gutter + "      ", rest: gutter + "        ", role: .heading)
        case .turn:
            lines.append(gutter + style.paint("The reply", .heading))
        case .end(let text, let place, let mark):
            let sign =
                switch mark {
                case .good, .midway: style.tick
                case .bad: style.cross
                case .unsure: style.question
                }
            lines += style.fitted(
                "\(sign) \(text)", place: place, first: gutter, rest: gutter + "  ", role: mark.role)
        }
    }

    /// Text, comment and place on one line, where they fit.
    private func oneLine(_ text: String, comment: String?, place: String?, first: String) -> String? {
        guard let comment, let place else { return nil }
        let (text, note) = (style.clean(text), "# " + style.clean(comment))
        let gap = style.width - first.columns - text.columns - 2 - note.columns - place.columns
        guard gap >= 2 else { return nil }
        return first + text + "  " + style.paint(note, .faint) + String(repeating: " ", count: gap)
            + style.paint(place, .place)
    }
}
