import ArgumentParser

/// The root command.
struct Clew: ParsableCommand {
    /// Semantic versioning.
    static let version = "0.1.0"

    static let configuration = CommandConfiguration(
        commandName: "clew",
        abstract: "Finds where a Kubernetes connection goes, there and back, and which line loses it.",
        discussion: """
            Clew reads a bundle: what the API and the nodes' kernels said (rules, routes, addresses, connections). It \
            needs no cluster and changes nothing.

            EXAMPLES:
              clew trace bundle.tar.gz --from pod/shop/web-0 --to svc/shop/api:http
              clew check bundle.tar.gz
              clew check bundle.tar.gz --from pod/shop/web-0 --to svc/shop/api
              clew fix bundle.tar.gz BR001
              clew services bundle.tar.gz
              clew bundle show bundle.tar.gz

            EXIT CODES: 0 works, 1 something fails, 2 bad usage or input, 3 something cannot be told.
            """,
        version: "clew \(version)",
        subcommands: [
            TraceCommand.self, ServicesCommand.self, CheckCommand.self, ChecksCommand.self,
            ExplainCheckCommand.self, FixRootCommand.self, WhatIfCommand.self, CollectCommand.self, BundleCommand.self,
        ])

    /// Runs the command that the arguments name; returns the process's exit code.
    static func runAndReport() -> Int32 {
        do {
            var command = try parseAsRoot()
            try command.run()
            return 0
        } catch let code as ExitCode {
            return code.rawValue
        } catch let failure as CommandFailure {
            return report(failure.message)
        } catch {
            guard exitCode(for: error) != .success else {
                var output = Output()
                try? output.write(fullMessage(for: error) + "\n")
                try? output.flush()
                return 0
            }
            return report(usageMessage(error))
        }
    }

    /// The parser's words on bad usage, in the form of our own: lower case, without a period, and where to read on.
    private static func usageMessage(_ error: any Error) -> String {
        var text = message(for: error)
        if text.hasPrefix("Error: ") { text.removeFirst(7) }
        if text.hasSuffix(".") { text.removeLast() }
        let command = CommandLine.arguments.dropFirst().prefix { !$0.hasPrefix("-") }.first.map { " \($0)" } ?? ""
        let names = configuration.subcommands.compactMap { $0.configuration.commandName }
        let known = names.contains { $0 == command.dropFirst() } ? command : ""
        return text.prefix(1).lowercased() + text.dropFirst() + " (see 'clew\(known) --help')"
    }

    private static func report(_ message: String) -> Int32 {
        Output.error("clew: \(message)")
        return CommandFailure.exitCode
    }
}

/// Bad usage or input: one line for standard error.
struct CommandFailure: Error {
    static let exitCode: Int32 = 2

    let message: String

    init(_ message: String) { self.message = message }
}
