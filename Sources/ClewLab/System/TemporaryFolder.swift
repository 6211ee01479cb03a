import Foundation

/// A folder that is gone with its last reference.
package final class TemporaryFolder: Sendable {
    // A class, as it owns the folder.
    package let path: String

    /// Makes it, in the lab's own file system where there is one (`Isolation`).
    package init(_ name: String) throws(SystemError) {
        let parent = Isolation.isEntered ? "/run/netns" : NSTemporaryDirectory()
        path = "\(parent)/clew-lab-\(name)-\(UUID().uuidString.prefix(8))"
        guard mkdir(path, 0o700) == 0 else { throw .last(path) }
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}
