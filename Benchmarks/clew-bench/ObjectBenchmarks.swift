import ClewBundle
import ClewParsers
import ClewSnapshot
import Foundation

/// Reading Kubernetes lists: the pull parser against `JSONDecoder` into structs with the same fields.
struct ObjectBenchmarks {
    let services: Int
    let endpoints: Int

    func run() {
        let bytes = Array(list().utf8)
        let data = Data(bytes)
        var count = 0
        let own = Measure.best(of: 5) {
            count = KubernetesParser.parse(bytes, artifact: ArtifactID(rawValue: 0), isYAML: false).count
        }
        var decoded = 0
        let foundation = Measure.best(of: 3) {
            decoded = (try? JSONDecoder().decode(DecodedList.self, from: data))?.items.count ?? 0
        }
        let megabytes = Double(bytes.count) / 1e6
        print("objects: \(count) read, \(decoded) decoded, \(format(megabytes)) MB")
        print("  pull parser: \(format(own * 1e3)) ms, \(format(megabytes / own)) MB/s")
        print("  JSONDecoder: \(format(foundation * 1e3)) ms: \(format(foundation / own)) times as long")
    }

    /// A List as `kubectl get -o json` has it, with managedFields, without indentation.
    ///
    /// `node` is the text of one object more.
    func list(node: String? = nil) -> String {
        let dump = KubeProxyDump(services: services, endpoints: endpoints)
        var items = [node].compactMap(\.self)
        items.reserveCapacity(services * 2)
        for service in 0..<services {
            let name = "service-\(service)"
            let meta = """
                "metadata":{"name":"\(name)","namespace":"ns-\(service % 100)","uid":"6f1f2b1e-0000-4000-8000-\(1_000_000_000_00 + service)",\
                "resourceVersion":"\(1000 + service)","creationTimestamp":"2026-01-01T00:00:00Z","labels":{"app":"\(name)","kubernetes.io/service-name":"\(name)"},\
                "managedFields":[{"manager":"kubectl","operation":"Update","apiVersion":"v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1",\
                "fieldsV1":{"f:metadata":{"f:labels":{".":{},"f:app":{}}},"f:spec":{"f:internalTrafficPolicy":{},"f:ports":{".":{},"k:{\\"port\\":80,\\"protocol\\":\\"TCP\\"}":{".":{},"f:port":{}}},"f:selector":{},"f:type":{}}}}]}
                """
            items.append(
                """
                {"apiVersion":"v1","kind":"Service",\(meta),"spec":{"clusterIP":"\(KubeProxyDump.clusterIP(service))",\
                "clusterIPs":["\(KubeProxyDump.clusterIP(service))"],"internalTrafficPolicy":"Cluster","ipFamilies":["IPv4"],"ipFamilyPolicy":"SingleStack",\
                "ports":[{"name":"http","port":80,"protocol":"TCP","targetPort":8080}],"selector":{"app":"\(name)"},"sessionAffinity":"None","type":"ClusterIP"},\
                "status":{"loadBalancer":{}}}
                """)
            let ends = (0..<endpoints).map { endpoint in
                """
                {"addresses":["\(dump.endpointIP(service, endpoint))"],"conditions":{"ready":true,"serving":true,"terminating":false},\
                "nodeName":"node-\(endpoint)","targetRef":{"kind":"Pod","name":"\(name)-\(endpoint)","namespace":"ns-\(service % 100)","uid":"6f1f2b1e-0000-4000-8000-000000000000"},"zone":"a"}
                """
            }
            items.append(
                """
                {"addressType":"IPv4","apiVersion":"discovery.k8s.io/v1","kind":"EndpointSlice",\(meta),"endpoints":[\(ends.joined(separator: ","))],\
                "ports":[{"name":"http","port":8080,"protocol":"TCP"}]}
                """)
        }
        return "{\"apiVersion\":\"v1\",\"kind\":\"List\",\"items\":[" + items.joined(separator: ",") + "]}"
    }
}

/// What the pull parser keeps of Services and EndpointSlices, as `Decodable` structs.
struct DecodedList: Decodable { var items: [DecodedObject] }

struct DecodedObject: Decodable {
    struct Metadata: Decodable {
        var name: String
        var namespace: String?
        var labels: [String: String]?
        var annotations: [String: String]?
        var creationTimestamp: String?
    }
    struct Spec: Decodable {
        var type: String?
        var clusterIPs: [String]?
        var externalIPs: [String]?
        var ports: [Port]?
        var selector: [String: String]?
        var sessionAffinity: String?
        var internalTrafficPolicy: String?
        var externalTrafficPolicy: String?
        var ipFamilies: [String]?
    }
    struct Port: Decodable {
        var name: String?
        var port: UInt16?
        var `protocol`: String?
        var targetPort: UInt16?
        var nodePort: UInt16?
    }
    struct Endpoint: Decodable {
        struct Conditions: Decodable {
            var ready: Bool?
            var serving: Bool?
            var terminating: Bool?
        }
        struct Reference: Decodable {
            var kind: String?
            var name: String?
            var namespace: String?
        }
        var addresses: [String]
        var conditions: Conditions?
        var nodeName: String?
        var zone: String?
        var targetRef: Reference?
    }
    var kind: String
    var metadata: Metadata
    var spec: Spec?
    var addressType: String?
    var endpoints: [Endpoint]?
    var ports: [Port]?
}
