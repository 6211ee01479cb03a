package import ClewBundle
package import ClewSnapshot

/// Reads a file of `/etc/cni/net.d`: one plugin (`.conf`, `.json`), or a list of them (`.conflist`).
package enum CNIConfigurationParser {
    /// Always gives a value; what is wrong with the file stands in ``CNIConfiguration/fault``.
    package static func parse(_ bytes: [UInt8], file: String, artifact: ArtifactID) -> CNIConfiguration {
        var result = CNIConfiguration(file: file, source: SourceLine(artifact, line: 1))
        var found: ToolJSONValue?
        let read = ToolJSON.read(bytes, artifact: artifact) { entry in
            if found == nil { found = entry.value }
            return nil
        }
        if let unread = read.unread.first {
            result.source = unread.source
            result.fault = "not JSON: \(unread.reason)"
            return result
        }
        guard let value = found else {
            result.fault = "no network in it"
            return result
        }
        result.name = value["name"]?.string ?? ""
        result.cniVersion = value["cniVersion"]?.string
        let plugins = value["plugins"]?.elements ?? []
        result.plugins = (plugins.isEmpty ? [value] : plugins).compactMap(plugin)
        if value["plugins"] == nil, file.hasSuffix(".conflist") {
            result.fault = "a list without \"plugins\""
        } else if result.plugins.count < max(plugins.count, 1) {
            result.fault = "a plugin without \"type\""
        } else if result.name.isEmpty {
            result.fault = "no \"name\""
        }
        return result
    }

    private static func plugin(_ value: ToolJSONValue) -> CNIPlugin? {
        guard let type = value["type"]?.string else { return nil }
        var plugin = CNIPlugin(type: type)
        plugin.ipamType = value["ipam"]?["type"]?.string
        plugin.delegateType = value["delegate"]?["type"]?.string
        plugin.mapsPorts = value["capabilities"]?["portMappings"]?.flag ?? false
        plugin.hairpinMode = (value["hairpinMode"] ?? value["delegate"]?["hairpinMode"])?.flag
        return plugin
    }
}
