import ArgumentParser
import ClewLab
import Glibc

// A reader that goes away (`clew-lab … | head`) is noticed as a failed write, and ends no process.
signal(SIGPIPE, SIG_IGN)

struct ClewLabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clew-lab", abstract: "Real networks, to hold Clew against.", subcommands: [FuzzCommand.self])
}
ClewLabCommand.main()
