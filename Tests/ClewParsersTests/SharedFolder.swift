import Foundation

/// The folder of recorded dumps beside the repository, which is not part of it: `CLEW_SHARED`, else `../shared`.
enum SharedFolder {
    static let url: URL? = {
        let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let candidates = [
            ProcessInfo.processInfo.environment["CLEW_SHARED"].map { URL(filePath: $0) },
            root.deletingLastPathComponent().appending(path: "shared"),
        ]
        return candidates.compactMap(\.self).first { FileManager.default.fileExists(atPath: $0.path) }
    }()

    /// The entries of a folder sorted by name; `nil`, with a loud note, where the folder is absent.
    static func entries(_ path: String) -> [URL]? {
        guard let url,
            let names = try? FileManager.default.contentsOfDirectory(atPath: url.appending(path: path).path)
        else {
            print("SKIP: no shared folder \(path); set CLEW_SHARED to run this test")
            return nil
        }
        return names.sorted().map { url.appending(path: path).appending(path: $0) }
    }

    static func bytes(_ url: URL) throws -> [UInt8] { Array(try Data(contentsOf: url)) }
}
