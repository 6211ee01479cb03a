import ClewIntent
import ClewNet

extension ProxyParameters {
    /// The match for traffic of this node's pods, without a negation; `nil` where kube-proxy cannot tell it
    /// (`localdetector.go`).
    func localSource(_ family: AddressFamily) -> String? {
        switch localDetection {
        case .sources(let prefixes): prefixes.first { $0.family == family }.map { "-s \($0.network)" }
        case .bridge(let name): "-i \(name)"
        case .interfacePrefix(let prefix): "-i \(prefix)+"
        case .none: nil
        }
    }
}
