import Foundation

package import ClewBundle

/// The recorded data beside the checkout, where it is present; the project builds and passes its tests without it.
package enum SharedData {
    /// `CLEW_SHARED`, else `../shared` beside the package.
    package static let root: String? = {
        let fallback = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent().deletingLastPathComponent().appendingPathComponent("shared").path
        let path = ProcessInfo.processInfo.environment["CLEW_SHARED"] ?? fallback
        return FileManager.default.fileExists(atPath: path) ? path : nil
    }()

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

    /// The files of a folder as a bundle's artifacts.
    package static func bundle(_ folder: String, named name: String? = nil) -> SupportBundle {
        let names = FileManager.default.enumerator(atPath: folder)?.compactMap { $0 as? String } ?? []
        let artifacts = names.sorted().compactMap { name -> Artifact? in
            guard let bytes = bytes(folder + "/" + name) else { return nil }
            return Artifact(path: name, bytes: bytes)
        }
        return SupportBundle(name: name ?? folder, artifacts: artifacts)
    }
}
