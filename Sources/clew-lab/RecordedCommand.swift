import ArgumentParser
import ClewBundle
import ClewCollector
import ClewLab

/// `clew-lab recorded`: the rules of a bundle in a copy of its node.
struct RecordedCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "recorded",
        abstract:
            "Build a bundle's node again, load its rules, and compare the kernel with Clew on every Service port.",
        discussion: "Ends with 1 if a packet goes another way than Clew says of the bundle.")

    @Argument(help: "Bundles: folders or archives.") var bundles: [String]
    @Option(help: "The node, where a bundle has several or does not name it.") var node: String?
    @Option(help: "A bundle to take the objects from, where there are none.") var objects: String?
    @Option(help: "Connections at most, of each family.") var most = 1000
    @Option(help: "How often a connection is tried that chance has a part in.") var tries = 3

    func run() throws {
        try Isolation.begin()
        var isGood = true
        for path in bundles {
            var bundle = try BundleReader.read(path: path)
            if let objects {
                let other = try BundleReader.read(path: objects)
                bundle.add(
                    SupportBundle(name: "objects", artifacts: other.artifacts.filter { $0.path == "objects.json" }))
            }
            var trial = RecordedTrial(try RecordedNode(bundle, node: node))
            (trial.most, trial.tries) = (most, tries)
            for tally in try trial.run() {
                print("\(path): \(tally.text)")
                for (reason, count) in tally.unknown.sorted(by: { $0.value > $1.value }) {
                    print("  \(count) unknown: \(reason)")
                }
                for text in tally.differences.prefix(5) { print("  differs: \(text)") }
                isGood = isGood && tally.differences.isEmpty
            }
        }
        if !isGood { throw ExitCode(1) }
    }
}
