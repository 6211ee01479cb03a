import ClewNet
import ClewSnapshot

extension FaultCatalogue {
    /// What is wrong with Services and the pods behind them, wherever kube-proxy puts its rules.
    static let serviceFaults: [Fault] = [
        Fault(
            "no-endpoints", rows: ["CLEW-OBJ001"],
            symptom: "every connection to the Service is refused at once, from everywhere",
            client: [.refused], mustSay: ["REJECT"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            mending: .inObjects,
            prepare: { $0.change("api-b") { $0.endpoints = [] } }),
        Fault(
            "wrong-target-port", rows: ["CLEW-OBJ004"],
            symptom: "connections to the Service are refused by the pod, which listens at another port",
            client: [.refused], mustSay: ["nobody listens"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            mending: .inObjects,
            prepare: { $0.change("api-b") { $0.ports = [ServicePlan.Port("", 80, to: 8000, nodePort: 30022)] } }),
        Fault(
            "nobody-listens", rows: ["CLEW-OBJ004", "CLEW-OBJ008"],
            symptom: "the pod refuses, by its own address too; Services with other endpoints fail for a share",
            client: [.refused], mustSay: ["nobody listens"], example: ("pod/shop/web-0", "pod/shop/api-1:8080"),
            mending: .byPeople,
            prepare: { plan in
                for index in plan.pods.indices where plan.pods[index].name.name == "api-1" {
                    plan.pods[index].ports.removeAll { $0.name == "http" }
                }
            }),
        Fault(
            "etp-local", rows: ["CLEW-OBJ016"],
            symptom: "clients from outside time out at nodes without an endpoint; pods and nodes get through",
            client: [.timesOut], mustSay: ["DROP"], example: ("203.0.113.50", "192.168.50.13:30022"),
            mending: .inObjects,
            prepare: { $0.change("api-b") { $0.externalTrafficPolicy = .local } }),
        Fault(
            "itp-local", rows: ["CLEW-OBJ017"],
            symptom: "pods on nodes without an endpoint time out at the ClusterIP; pods beside the endpoint do not",
            client: [.timesOut], mustSay: ["DROP"], example: ("pod/shop/web-0", "svc/shop/api-b"),
            mending: .inObjects,
            prepare: { $0.change("api-b") { $0.internalTrafficPolicy = .local } }),
        Fault(
            "one-dead-endpoint", rows: ["CLEW-OBJ011", "CLEW-KPX006"],
            symptom: "half of the connections to the Service time out, on every node",
            client: [.timesOut, .unreachable], mustSay: ["10.244.2.200"], example: ("pod/shop/web-0", "svc/shop/api"),
            mending: .inObjects,
            prepare: { plan in
                let dead = plan.deadEndpoints()
                plan.change("api") { $0.endpoints = [$0.endpoints[0]] + dead }
            }),
        Fault(
            "source-ranges", rows: ["CLEW-OBJ021"],
            symptom: "the load balancer's address answers no client of the office any more; NodePorts still do",
            client: [.timesOut], mustSay: ["DROP"], example: ("203.0.113.5", "192.168.60.30:80"),
            mending: .inObjects,
            prepare: { plan in
                plan.change("lb") {
                    $0.sourceRanges = [Addressing.outside(128, .ipv4), Addressing.outside(80, .ipv6)].compactMap {
                        IPPrefix($0, length: $0.family == .ipv4 ? 28 : 124)
                    }
                }
            }),
    ]
}
