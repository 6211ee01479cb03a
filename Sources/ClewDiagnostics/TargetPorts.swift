package import ClewSnapshot

extension KubernetesObjects {
    /// The pods that a Service's selector means, as they stand; none where it has no selector.
    package func pods(selectedBy service: Service) -> [Pod] {
        guard !service.selector.isEmpty else { return [] }
        return pods.filter { pod in
            pod.name.namespace == service.name.namespace && !pod.hasEnded
                && service.selector.allSatisfy { pod.labels[$0.key] == $0.value }
        }
    }
}

extension ServicePort {
    /// The port of these pods that the Service sends to; `nil` where it is named and a pod lacks the name, or pods give
    /// it different numbers.
    package func target(in pods: [Pod]) -> UInt16? {
        switch targetPort {
        case .number(let number): return number
        case nil: return port
        case .name(let name):
            let numbers = pods.map { pod in
                pod.containerPorts.first { $0.name == name && $0.ipProtocol == ipProtocol }?.containerPort
            }
            guard let first = numbers.first, numbers.allSatisfy({ $0 == first }) else { return nil }
            return first
        }
    }
}
