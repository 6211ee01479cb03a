import Foundation

package import ClewBundle
import ClewCollector

/// The recorded data beside the checkout, where it is present; the project builds and passes its tests without it.
package enum SharedData {
    /// `CLEW_SHARED`, else `../shared` beside the package.
    package static let root: String? = {
        let fallback = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared").path
        let path = ProcessInfo.processInfo.environment["CLEW_SHARED"] ?? fallback
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

    /// The checkout's own folder.
    package static let packageRoot = URL(fileURLWithPath: #filePath).deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent().path

    /// The folders below a path of the shared data, sorted; says loudly when there is none.
    package static func folders(_ path: String, for test: String) -> [String] {
        guard let root else {
            print("SKIP \(test): no shared data (CLEW_SHARED, ../shared)")
            return []
        }
        let base = root + "/" + path
        let names = (try? FileManager.default.contentsOfDirectory(atPath: base)) ?? []
        return names.sorted().map { base + "/" + $0 }.filter { name in
            var isDirectory: ObjCBool = false
            return FileManager.default.fileExists(atPath: name, isDirectory: &isDirectory) && isDirectory.boolValue
        }
    }

    package static func bytes(_ path: String) -> [UInt8]? {
        FileManager.default.contents(atPath: path).map { [UInt8]($0) }
    }

    /// Whether a file is there, packed or not.
    package static func hasFile(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: path) || FileManager.default.fileExists(atPath: path + ".gz")
    }

    /// A kube-proxy folder; one that keeps no objects borrows those of the other folder of its scenario.
    package static func bundle(withObjects folder: String) -> SupportBundle {
        var bundle = bundle(folder)
        guard !hasFile(folder + "/objects.json") else { return bundle }
        let name = folder.split(separator: "/").last.map(String.init) ?? ""
        let scenario = "/" + name.components(separatedBy: "--")[0] + "--"
        let sibling = folders("kube-proxy", for: "objects").first {
            $0.contains(scenario) && hasFile($0 + "/objects.json")
        }
        if let sibling {
            let objects = self.bundle(sibling).artifacts.filter { $0.path == "objects.json" }
            bundle.add(SupportBundle(name: "added", artifacts: objects))
        }
        return bundle
    }

    /// A folder as a bundle; empty where it cannot be read.
    package static func bundle(_ folder: String) -> SupportBundle {
        (try? BundleReader.read(path: folder)) ?? SupportBundle(name: folder, artifacts: [])
    }
}
