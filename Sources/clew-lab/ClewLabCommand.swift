import ArgumentParser
import ClewLab

/// `clew-lab`: real cluster networks on one machine, to break, to probe and to hold Clew against.
struct ClewLabCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "clew-lab",
        abstract:
            "Builds real Kubernetes networks of Linux network namespaces, breaks them, and compares Clew with the kernel.",
        discussion: """
            All of it lives in namespaces that end with the process that made them: nothing of the host is changed, \
            and nothing is left behind. Root is needed. See docs/lab.md.

            EXAMPLES:
              clew-lab up bridge-hostgw --fault bridge-nf-off
              clew-lab probe pod/shop/web-0 svc/shop/api-a --packets
              clew-lab shell worker-a
              clew-lab bundle /tmp/broken && clew trace /tmp/broken --from pod/shop/web-0 --to svc/shop/api-a
              clew-lab down
              clew-lab run bridge-vxlan --fault forward-drop
              clew-lab test
              clew-lab fixes
            """,
        subcommands: [
            ListCommand.self, UpCommand.self, DownCommand.self, ShellCommand.self, BundleCommand.self,
            ProbeCommand.self, RunCommand.self, TestCommand.self, FixesCommand.self, VirtualMachineCommand.self,
            FuzzCommand.self, RecordedCommand.self, MutantsCommand.self,
        ])
}

/// Options that choose what is built.
struct NetworkOptions: ParsableArguments {
    @Argument(help: "The network to build; 'clew-lab list' names them.") var network: String
    @Option(name: .customLong("fault"), help: "A fault to build in or to let happen; repeatable.") var faults:
        [String] = []
    @Option(help: "Where rules are put: nft or legacy.") var rules: RuleBackend = .nft

    func chosen() throws -> (any LabNetwork, [Fault]) {
        let network = try Self.network(network)
        let faults = try faults.map(Self.fault)
        for fault in faults where !fault.canExist(network) {
            throw ValidationError("the fault \(fault.name) cannot exist in \(network.name)")
        }
        return (network, faults)
    }

    static func network(_ name: String) throws -> any LabNetwork {
        guard let found = NetworkCatalogue.network(named: name) else {
            let all = NetworkCatalogue.all.map(\.name).joined(separator: ", ")
            throw ValidationError("no network '\(name)'; there are: \(all)")
        }
        return found
    }

    static func fault(_ name: String) throws -> Fault {
        guard let found = FaultCatalogue.fault(named: name) else {
            let all = FaultCatalogue.all.map(\.name).joined(separator: ", ")
            throw ValidationError("no fault '\(name)'; there are: \(all)")
        }
        return found
    }
}

extension RuleBackend: ExpressibleByArgument {}

/// The lab in the background that a command speaks to.
struct NameOptions: ParsableArguments {
    @Option(help: "The lab's name, where several run.") var name = "lab"
}
