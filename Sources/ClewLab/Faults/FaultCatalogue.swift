/// The faults `clew-lab` knows, each a value in a file of its kind.
package enum FaultCatalogue {
    package static let all: [Fault] = bridgeFaults + filterFaults + routingFaults + ipvsFaults

    package static func fault(named name: String) -> Fault? { all.first { $0.name == name } }
}
