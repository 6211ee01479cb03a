import ClewIntent
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Testing

/// The older Endpoints objects stand in where a bundle has no slices.
@Suite struct EndpointsTests {
    @Test func endpointsGiveTheSameContractAsSlices() throws {
        var count = 0
        for node in RecordedNode.all(for: "Endpoints", .small) {
            // Endpoints know neither hints nor whether an endpoint that is not ready still serves.
            let names = ["a-", "b-", "d-", "e-", "f-", "g-", "h-", "l-"]
            guard names.contains(where: node.name.hasPrefix) else { continue }
            let contract = ContractClassesTests.contract(node, .ipv4)
            var objects = node.snapshot.objects
            objects.endpoints = Self.endpoints(objects.endpointSlices)
            objects.endpointSlices = []
            let older = ServiceContract(objects, family: .ipv4, for: node.parameters, network: contract.network)
            #expect(older.entries.count == contract.entries.count)
            for (a, b) in zip(contract.entries, older.entries) {
                #expect(a.destination == b.destination && a.arms == b.arms, "\(node.name) \(a.destination)")
                count += 1
            }
        }
        print("Endpoints: \(count) entries compared")
        #expect(count > 0 || SharedData.root == nil)
    }

    /// As the endpoints controller would write them, a subset for each slice.
    private static func endpoints(_ slices: [EndpointSlice]) -> [Endpoints] {
        var result: [Endpoints] = []
        for slice in slices
        where slice.addressType == "IPv4" && slice.labels["service.kubernetes.io/service-proxy-name"] == nil {
            guard let service = slice.serviceName else { continue }
            var subset = EndpointSubset()
            subset.ports = slice.ports
            subset.ready = slice.endpoints.filter { $0.conditions.ready ?? true }.map(bare)
            subset.notReady = slice.endpoints.filter { !($0.conditions.ready ?? true) }.map(bare)
            var object = Endpoints(name: NamespacedName(slice.name.namespace, service), source: slice.source)
            object.subsets = [subset]
            result.append(object)
        }
        return result
    }

    private static func bare(_ endpoint: Endpoint) -> Endpoint {
        var result = Endpoint()
        result.addresses = endpoint.addresses
        result.nodeName = endpoint.nodeName
        return result
    }
}
