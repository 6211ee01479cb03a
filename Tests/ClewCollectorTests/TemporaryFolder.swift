import ClewBundle
import ClewCollector
import Foundation
import Testing

/// A folder of a test's own, removed with the value.
final class TemporaryFolder {
    let path: String

    init() throws {
        path = NSTemporaryDirectory() + "clew-\(UUID().uuidString)"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    /// Writes a file, with the folders it lies in, and returns its path.
    @discardableResult
    func write(_ name: String, _ bytes: [UInt8]) throws -> String {
        let file = path + "/" + name
        try FileManager.default.createDirectory(
            atPath: (file as NSString).deletingLastPathComponent, withIntermediateDirectories: true)
        try Data(bytes).write(to: URL(fileURLWithPath: file))
        return file
    }

    @discardableResult
    func write(_ name: String, _ text: String) throws -> String { try write(name, Array(text.utf8)) }
}

/// Runs a system tool in a folder; `nil`, said aloud, where the machine does not have it.
func run(_ tool: String, _ arguments: [String], in folder: String) throws -> Int32? {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = [tool] + arguments
    process.currentDirectoryURL = URL(fileURLWithPath: folder)
    process.standardError = FileHandle.nullDevice
    try process.run()
    process.waitUntilExit()
    guard process.terminationStatus != 127 else {
        print("SKIP: \(tool) is not installed, so what it packs is not tested")
        return nil
    }
    return process.terminationStatus
}

extension SupportBundle {
    /// `path: text` of every artifact.
    var contents: [String: String] {
        Dictionary(uniqueKeysWithValues: artifacts.map { ($0.path, String(decoding: $0.bytes, as: UTF8.self)) })
    }

    /// `path: reason` of every problem.
    var problemLines: [String] { problems.map { "\($0.path): \($0.reason)" } }
}

/// The bundle of a file with these bytes.
func readBundle(_ bytes: [UInt8], limits: BundleLimits = .default) throws -> SupportBundle {
    let folder = try TemporaryFolder()
    return try BundleReader.read(path: try folder.write("bundle", bytes), limits: limits)
}

/// Why a file with these bytes is refused.
func refusal(_ bytes: [UInt8], limits: BundleLimits = .default) throws -> String {
    let error = #expect(throws: BundleReadError.self) { try readBundle(bytes, limits: limits) }
    guard let error else { return "not refused" }
    #expect(!error.description.contains("\n"))
    return "\(error.reason)"
}
