import ClewBundle
import ClewNet
import ClewSnapshot

extension ClusterSnapshot {
    mutating func applyToServers(_ edit: SnapshotEdit) throws(EditError) {
        switch edit {
        case .setRealServer(let node, let address, let ipProtocol, let real):
            try change(.host(node: node)) { state throws(EditError) in
                let server = try state.serverIndex(address, ipProtocol)
                state.virtualServers?[server].realServers.removeAll {
                    $0.address == real.address && $0.port == real.port
                }
                state.virtualServers?[server].realServers.append(real)
            }
        case .deleteRealServer(let node, let address, let ipProtocol, let real):
            try change(.host(node: node)) { state throws(EditError) in
                let server = try state.serverIndex(address, ipProtocol)
                state.virtualServers?[server].realServers.removeAll {
                    $0.address == real.address && $0.port == real.port
                }
            }
        case .deleteVirtualServer(let node, let address, let ipProtocol):
            try change(.host(node: node)) { state throws(EditError) in
                let server = try state.serverIndex(address, ipProtocol)
                state.virtualServers?.remove(at: server)
            }
        default: return
        }
    }
}

extension NamespaceSnapshot {
    fileprivate func serverIndex(_ address: SocketAddress, _ ipProtocol: IPProtocol) throws(EditError) -> Int {
        let found = virtualServers?.firstIndex {
            $0.address == address.address && $0.port == address.port && $0.ipProtocol == ipProtocol
        }
        guard let found else { throw EditError("there is no virtual server \(address)/\(ipProtocol)") }
        return found
    }
}
