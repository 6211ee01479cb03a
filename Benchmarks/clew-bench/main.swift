import ClewBundle
import ClewDataplane
import ClewNet
import ClewParsers
import ClewSnapshot
import Foundation

// Compares Clew with other programs in one run, on the same input; ratios hold where absolute times do not.

let arguments = Array(CommandLine.arguments.dropFirst())

if arguments.first == "parse", arguments.count == 2 {
    // A process of its own, so that its peak memory is that of parsing.
    let size = RuleBenchmarks.parseFile(arguments[1])
    print(size)
} else if arguments.first == "services", arguments.count == 2 {
    exit(ServicesBenchmark.compare(arguments[1]))
} else {
    let services = arguments.first.flatMap { Int($0) } ?? 10_000
    RuleBenchmarks(services: services, endpoints: 10).run()
    ObjectBenchmarks(services: services, endpoints: 10).run()
    ServicesBenchmark(services: services, endpoints: 10).run()
}
