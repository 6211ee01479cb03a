package import ClewBundle

/// A file of `/etc/cni/net.d` (the CNI specification's network configuration), as far as checks ask for it.
package struct CNIConfiguration: Sendable, Hashable {
    /// `10-flannel.conflist`.
    package var file: String
    package var name = ""
    package var cniVersion: String?
    package var plugins: [CNIPlugin] = []
    /// Why it cannot be used: not JSON, no plugin, no name.
    package var fault: String?
    package var source: SourceLine

    package init(file: String, source: SourceLine) {
        self.file = file
        self.source = source
    }
}

/// One plugin of a network configuration.
package struct CNIPlugin: Sendable, Hashable {
    package var type: String
    package var ipamType: String?
    /// Of a plugin that hands on to others (`delegate`).
    package var delegateType: String?
    package var mapsPorts = false
    package var hairpinMode: Bool?

    package init(type: String) { self.type = type }
}
