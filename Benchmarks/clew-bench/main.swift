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
} else if let verb = arguments.first, ["bundle", "check"].contains(verb) {
    // `bundle FOLDER` keeps the bundle that `check` measures; both take nodes, Services, endpoints, and `faulty`.
    let rest = arguments.dropFirst(verb == "bundle" ? 2 : 1)
    let numbers = rest.compactMap { Int($0) }
    let sizes = numbers.count == 3 ? numbers : [50, 1_000, 5]
    guard var cluster = ClusterBundle(nodes: sizes[0], services: sizes[1], endpoints: sizes[2]) else {
        print("no such cluster: at most 250 nodes of 250 pods")
        exit(2)
    }
    cluster.isFaulty = rest.contains("faulty")
    if verb == "check" {
        CheckBenchmarks(cluster: cluster).run()
    } else if arguments.count > 1 {
        print(try cluster.write(to: arguments[1]))
    }
} else {
    let services = arguments.first.flatMap { Int($0) } ?? 10_000
    RuleBenchmarks(services: services, endpoints: 10).run()
    ObjectBenchmarks(services: services, endpoints: 10).run()
    ServicesBenchmark(services: services, endpoints: 10).run()
}
