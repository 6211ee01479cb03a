import ArgumentParser
import ClewChecks
import ClewDataplane
import ClewDiagnostics
import ClewReports
import ClewSnapshot

/// `clew fix`: the commands that mend a finding.
struct FixRootCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "fix",
        abstract: "Prints the commands that mend a finding as a shell script, or shows what they do.",
        discussion: """
            The script says what is wrong and why, what to run on which node, how to make it last, and how to undo \
            it. Clew changes nothing itself.

            EXAMPLES:
              clew fix bundle.tar.gz BR001
              clew fix bundle.tar.gz BR001:worker-a > fix.sh
              clew fix bundle.tar.gz FW001 --verify
              clew fix why-not bundle.tar.gz FW001
              clew fix BR001 --collect-via ssh:root@ --collect-nodes worker-a

            EXIT CODES: 0 printed (with --verify: proven); 1 with --verify, if it does not mend everything or breaks \
            something; 2 bad usage or input, or no such finding; 3 with --verify, if it cannot be simulated.
            """,
        subcommands: [PrintFixCommand.self, WhyNotCommand.self], defaultSubcommand: PrintFixCommand.self)
}

/// What `clew fix` does without a subcommand.
struct PrintFixCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "print", abstract: "Prints or verifies a fix (what 'clew fix' does without a subcommand).",
        discussion: """
            EXAMPLES:
              clew fix bundle.tar.gz BR001
              clew fix bundle.tar.gz BR001:node/worker-a --verify
            """)

    @OptionGroup var input: BundleOptions
    @Argument(
        help: ArgumentHelp(
            "The finding's code, and its object where only one is meant: BR001:node/worker-a.",
            valueName: "code[:object]"))
    var finding: String?
    @Flag(help: "Simulate the fix and show every connection that changes.") var verify = false
    @Flag(help: "With --verify: list all of them.") var verbose = false
    @Option(
        help: ArgumentHelp("Which of its fixes, from 1, as 'clew check --verbose' lists them.", valueName: "number"))
    var option: Int = 1
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto
    @OptionGroup(title: "Where no bundle is named") var collecting: CollectFirstOptions

    mutating func run() throws {
        (input.bundle, finding) = Self.arguments(input.bundle, finding)
        guard let finding else { throw CommandFailure("which finding? (CODE or CODE:OBJECT; see 'clew check')") }
        let (code, object) = Self.parts(finding)
        let check = try ExplainCheckCommand.check(code)
        guard option > 0 else { throw CommandFailure("--option counts from 1") }
        let progress = Progress("reading the bundle")
        defer { progress.end() }
        let (_, snapshot) = try collecting.load(input)
        var filter = FindingFilter()
        if !verify { filter.select = [check.code] }
        var times = CheckTimings.none
        let analysis = try Analysis(snapshot, nil, filter, progress, &times)
        progress.end()
        let chosen = try choose(check.code, object, analysis.run.findings)
        var output = Output()
        guard verify else {
            let command = "clew fix \(input.bundle ?? "BUNDLE") \(finding)"
            try output.write(FixScript(snapshot, command: command).text(chosen))
            try output.flush()
            for line in MissingNodes(snapshot).lines { Output.error(line) }
            return
        }
        try verified(chosen, analysis, &output)
    }

    /// The bundle and the finding, which stands first where no bundle is named.
    static func arguments(_ bundle: String?, _ finding: String?) -> (bundle: String?, finding: String?) {
        guard finding == nil, let first = bundle, first != "-", !FilePath.exists(first) else {
            return (bundle, finding)
        }
        let code = parts(first).code
        let isKnown =
            (try? ExplainCheckCommand.check(code)) != nil || HarmfulFixes.all.contains { $0.name == code.lowercased() }
        return isKnown ? (nil, first) : (bundle, finding)
    }

    /// `BR001:node/worker-a` as code and object.
    static func parts(_ text: String) -> (code: String, object: String?) {
        guard let sign = text.firstIndex(of: ":") else { return (text, nil) }
        return (String(text[..<sign]), String(text[text.index(after: sign)...]))
    }

    private func choose(
        _ code: String, _ object: String?, _ findings: [Finding]
    ) throws(CommandFailure) -> [(Finding, Fix)] {
        let all = findings.flatMap { [$0] + $0.consequences }
        let meant = all.filter { $0.check.code == code && (object.map($0.subject.isMeant) ?? true) }
        guard !meant.isEmpty else {
            throw CommandFailure(
                "the bundle has no finding \(code)\(object.map { " of \($0)" } ?? "") (see 'clew check')")
        }
        let chosen = meant.compactMap { finding in
            option <= finding.fixes.count ? (finding, finding.fixes[option - 1]) : nil
        }
        guard !chosen.isEmpty else {
            throw CommandFailure(
                meant.contains { !$0.fixes.isEmpty }
                    ? "\(code) has no fix number \(option)"
                    : "Clew knows no commands that mend \(code): see 'clew explain \(code)'")
        }
        return chosen
    }

    private func verified(_ chosen: [(Finding, Fix)], _ analysis: Analysis, _ output: inout Output) throws {
        let edits = chosen.flatMap(\.1.edits)
        guard !edits.isEmpty else {
            try output.write("This fix cannot be simulated: it changes nothing that a bundle shows.\n")
            try output.flush()
            throw ExitCode(3)
        }
        let context = analysis.context
        let edited: ClusterSnapshot
        do throws(EditError) {
            edited = try context.snapshot.applying(edits)
        } catch {
            throw CommandFailure("the fix cannot be made on a copy: \(error.message)")
        }
        let study = ChangeStudy(
            context.survey.connections, before: context.dataplane, after: Dataplane(compiling: edited))
        let style = Terminal.style(color)
        let heading = chosen.map { "\($0.0.check.code) \($0.0.subject): \($0.1.title)" }.joined(separator: "; ")
        try output.write(ChangeText(context.snapshot, style: style, isVerbose: verbose).text(study, heading: heading))
        let proofs = chosen.map { ProofWords($0.1.proof) }
        try output.write("\n" + proofs.map { "\($0.text)\n" }.joined())
        for line in MissingNodes(context.snapshot).lines { try output.write(line + "\n") }
        try output.flush()
        let isProven = proofs.allSatisfy { $0.status == "proven" }
        if !isProven || !study.of(.breaks).isEmpty { throw ExitCode(1) }
    }
}

/// `clew fix why-not`: what popular advice would do here.
struct WhyNotCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "why-not",
        abstract: "Simulates fixes that circulate and do harm, and shows what else they would change.",
        discussion: """
            Clew never proposes these. Each is made on a copy of the bundle; connections that the API asks for and \
            such that nobody asked for (from outside straight to pods) are walked before and after.

            EXAMPLES:
              clew fix why-not bundle.tar.gz
              clew fix why-not bundle.tar.gz FW001
            """)

    @OptionGroup var input: BundleOptions
    @Argument(help: ArgumentHelp("Only advice for this finding, or of this name.", valueName: "code"))
    var finding: String?
    @Flag(help: "List every connection that would change.") var verbose = false
    @Option(help: "When to colour text; auto: on a terminal, unless NO_COLOR is set.") var color: ColourMode = .auto
    @OptionGroup(title: "Where no bundle is named") var collecting: CollectFirstOptions

    mutating func run() throws {
        (input.bundle, finding) = PrintFixCommand.arguments(input.bundle, finding)
        let meant = try meant()
        let progress = Progress("reading the bundle")
        defer { progress.end() }
        let (_, snapshot) = try collecting.load(input)
        progress.enter("walking connections")
        let context = CheckContext(Dataplane(compiling: snapshot), connectionLimit: 5_000)
        var texts: [String] = []
        let style = Terminal.style(color)
        for fix in meant {
            progress.enter("trying \(fix.name)")
            texts.append(ChangeText(snapshot, style: style, isVerbose: verbose).text(study(fix, context)))
        }
        progress.end()
        var output = Output()
        try output.write(texts.joined(separator: "\n"))
        for line in MissingNodes(snapshot).lines { try output.write(line + "\n") }
        try output.flush()
    }

    private func meant() throws(CommandFailure) -> [HarmfulFix] {
        guard let finding else { return HarmfulFixes.all }
        let word = PrintFixCommand.parts(finding).code
        let found = HarmfulFixes.all.filter { $0.codes.contains(word.uppercased()) || $0.name == word.lowercased() }
        guard found.isEmpty else { return found }
        let check = try ExplainCheckCommand.check(word)
        throw CommandFailure("Clew knows no harmful advice for \(check.code)")
    }

    private func study(_ fix: HarmfulFix, _ context: CheckContext) -> HarmfulFixStudy {
        let edits = fix.edits(context.snapshot)
        guard !edits.isEmpty else { return HarmfulFixStudy(fix, study: nil) }
        do throws(EditError) {
            let edited = try context.snapshot.applying(edits)
            let connections = context.survey.connections + context.snapshot.strangers
            return HarmfulFixStudy(
                fix,
                study: ChangeStudy(connections, before: context.dataplane, after: Dataplane(compiling: edited)))
        } catch {
            return HarmfulFixStudy(fix, study: nil, problem: error.message)
        }
    }
}
