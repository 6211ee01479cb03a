import ArgumentParser
import ClewCollector

/// `clew collect`: getting a bundle from a cluster.
struct CollectCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "collect", abstract: "Gets a bundle from a node.",
        discussion: """
            EXAMPLES:
              clew collect script | ssh root@worker-a sh -s -- --node worker-a > worker-a.tar
            """,
        subcommands: [CollectScriptCommand.self])
}

/// `clew collect script`: prints the script that a node runs.
struct CollectScriptCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "script",
        abstract: "Prints the shell script that collects from the node it runs on, and writes a bundle as tar.",
        discussion: """
            It is POSIX sh, reads only, needs nothing that the node does not have, and limits what it uses. Run it as \
            root in the node's own network namespace. docs/collect.md lists its options and what it reads.

            EXAMPLES:
              clew collect script | sh -s -- --node "$(hostname)" > node.tar
              clew collect script | docker exec -i kind-worker sh > kind-worker.tar
            """)

    mutating func run() throws {
        var output = Output()
        try output.write(NodeScript.text)
        try output.flush()
    }
}
