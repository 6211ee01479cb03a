package import ClewBundle
package import ClewNet

/// What a node's tools, counters and logs say beside the state that packets meet: for checks, not for the walk.
///
/// `nil` is 'not collected', as in ``NamespaceSnapshot``.
package struct NodeRecords: Sendable {
    /// Sorted by name.
    package var logs: [RecordedLog] = []
    /// `conntrack -S`, summed over the processors; the samples in their order.
    package var conntrackCounters: [RecordedCounters] = []
    /// `nstat -asz`; the samples in their order.
    package var networkCounters: [RecordedCounters] = []
    /// kube-proxy's `/metrics`: the value of each series, labels included.
    package var proxyMetrics: RecordedMetrics?
    /// `/run/flannel/subnet.env`.
    package var flannelSubnet: [String: RecordedValue]?
    /// `/run/flannel/docker`.
    package var flannelDocker: [String: RecordedValue]?
    /// `ipvsadm -l --timeout`.
    package var ipvsTimeouts: IPVSTimeouts?
    /// `ipvsadm -lnc`.
    package var ipvsConnections: [IPVSConnection]?
    /// The release of the kernel (`uname -a`): `6.1.0-18-amd64`.
    package var kernelRelease: RecordedValue?
    /// `iptables --version`: `v1.8.9 (nf_tables)`.
    package var iptablesVersion: RecordedValue?
    /// `/proc/modules`.
    package var loadedModules: Set<String>?
    /// `modules.builtin`: part of the kernel itself.
    package var builtinModules: Set<String>?
    /// What files in `/etc/sysctl.d` and its like set, in the order of the files.
    package var sysctlFiles: [SysctlSetting]?
    /// Units of the service manager and their state: `docker` is `active`.
    package var services: [String: RecordedValue]?

    package init() {}
}

/// Which program wrote a log.
package enum LogOrigin: Sendable, Hashable {
    case kernel, kubeProxy, flannel
    /// Several services of the node: kubelet, the container runtime.
    case services
    case other
}

/// A log, or its end.
package struct RecordedLog: Sendable {
    /// Below the node's folder, without ending: `dmesg`, `pod-logs/kube-system_kube-proxy-x7k2p_…`.
    package var name: String
    package var origin: LogOrigin
    package var lines: [RecordedValue]

    package init(name: String, origin: LogOrigin, lines: [RecordedValue]) {
        self.name = name
        self.origin = origin
        self.lines = lines
    }
}

/// A text and its line.
package struct RecordedValue: Sendable, Hashable {
    package var text: String
    package var source: SourceLine

    package init(_ text: String, source: SourceLine) {
        self.text = text
        self.source = source
    }
}

/// Counters by name.
package struct RecordedCounters: Sendable {
    package var values: [String: UInt64]
    package var source: SourceLine

    package init(_ values: [String: UInt64], source: SourceLine) {
        self.values = values
        self.source = source
    }
}

/// Numbers by series.
package struct RecordedMetrics: Sendable {
    package var values: [String: Double]
    package var source: SourceLine

    package init(_ values: [String: Double], source: SourceLine) {
        self.values = values
        self.source = source
    }
}

/// For how many seconds IPVS remembers a quiet connection.
package struct IPVSTimeouts: Sendable, Hashable {
    package var tcp: UInt32
    package var tcpFin: UInt32
    package var udp: UInt32
    package var source: SourceLine

    package init(tcp: UInt32, tcpFin: UInt32, udp: UInt32, source: SourceLine) {
        self.tcp = tcp
        self.tcpFin = tcpFin
        self.udp = udp
        self.source = source
    }
}

/// A line of `ipvsadm -lnc`.
package struct IPVSConnection: Sendable, Hashable {
    package var ipProtocol: IPProtocol
    /// `ESTABLISHED`, `SYN_RECV`, `TIME_WAIT`, `UDP`, `NONE` for the template of a persistent client.
    package var state: String
    package var client: SocketAddress
    package var virtual: SocketAddress
    package var real: SocketAddress
    package var source: SourceLine

    package init(
        ipProtocol: IPProtocol, state: String, client: SocketAddress, virtual: SocketAddress, real: SocketAddress,
        source: SourceLine
    ) {
        self.ipProtocol = ipProtocol
        self.state = state
        self.client = client
        self.virtual = virtual
        self.real = real
        self.source = source
    }
}

/// A kernel parameter in a file that is read at boot.
package struct SysctlSetting: Sendable, Hashable {
    /// `/etc/sysctl.d/99-kubernetes.conf`.
    package var file: String
    package var key: String
    package var value: String
    package var source: SourceLine

    package init(file: String, key: String, value: String, source: SourceLine) {
        self.file = file
        self.key = key
        self.value = value
        self.source = source
    }
}
