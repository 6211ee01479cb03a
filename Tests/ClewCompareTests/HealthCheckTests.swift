import ClewBundle
import ClewCompare
import ClewDataplane
import ClewIntent
import ClewNet
import ClewSnapshot
import ClewTestSupport
import Testing

/// Health check node ports: what kube-proxy is to answer, and whether a socket is there to answer it.
@Suite struct HealthCheckTests {
    static func checks(_ change: (inout NamespaceSnapshot) -> Void) throws -> [HealthCheckComparison] {
        let base = try DoubtTests.base()
        var snapshot = base.damaged(base.rules)
        let index = try #require(snapshot.objects.services.firstIndex { $0.name.name == "localNodePort" })
        snapshot.objects.services[index].healthCheckNodePort = 32_000
        change(&snapshot.nodes[0].host)
        return try DoubtTests.compare(snapshot, base.parameters).healthChecks
    }

    static func socket(_ port: UInt16) -> ListeningSocket {
        ListeningSocket(
            ipProtocol: .tcp, address: nil, port: port, acceptsIPv4: true, acceptsIPv6: true,
            source: SourceLine(ArtifactID(rawValue: 0), line: 1))
    }

    @Test func somethingListens() throws {
        let checks = try Self.checks { host in
            host.sockets = [Self.socket(22), Self.socket(32_000)]
            host.socketProtocols = [.tcp]
        }
        #expect(checks.count == 1 && checks.first?.isListening == true)
        #expect((checks.first?.contract.localEndpoints ?? 0) > 0)
        #expect(checks.first?.description.contains("is to answer 200") == true)
    }

    @Test func nothingListens() throws {
        let checks = try Self.checks { host in
            host.sockets = [Self.socket(22)]
            host.socketProtocols = [.tcp]
        }
        #expect(checks.first?.isListening == false)
        #expect(checks.first?.description.hasSuffix("nothing listens there") == true)
    }

    @Test func withoutSocketsItIsNotKnown() throws {
        let checks = try Self.checks { $0.sockets = nil }
        #expect(checks.count == 1 && checks.first?.isListening == nil)
    }
}
