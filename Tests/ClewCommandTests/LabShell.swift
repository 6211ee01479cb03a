import Foundation
import Testing

/// Scripts that a test runs, and labs of `clew-lab` that it needs.
enum LabScript {
    /// The lab's program, beside `clew`.
    static let program = URL(fileURLWithPath: Command.path).deletingLastPathComponent()
        .appendingPathComponent("clew-lab").path

    /// Says what is missing here, aloud.
    static func isAble(_ tools: String...) -> Bool {
        let folders = ["/usr/local/bin", "/usr/bin", "/bin", "/usr/local/sbin", "/usr/sbin", "/sbin"]
        var missing = tools.filter { tool in
            !folders.contains { FileManager.default.isExecutableFile(atPath: "\($0)/\(tool)") }
        }
        if geteuid() != 0 { missing.append("root") }
        if !FileManager.default.isExecutableFile(atPath: program) { missing.append("clew-lab") }
        if !missing.isEmpty { print("SKIP: missing: \(missing.joined(separator: " "))") }
        return missing.isEmpty
    }

    /// Takes off what a test's process hands down: blocked signals, and a descriptor that would make it wait for every
    /// process that is left, as a lab is.
    private static let clean =
        "import os, signal, sys; signal.pthread_sigmask(signal.SIG_SETMASK, []); os.closerange(3, 256); "
        + "os.execvp(sys.argv[1], sys.argv[1:])"

    /// Runs a script in the folder, for at most so many seconds, and returns what it printed.
    static func run(_ script: String, in folder: TemporaryFolder, seconds: Int) throws -> String {
        let file = try folder.write("script.sh", script)
        let output = try folder.write("script.out", "")
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
        process.arguments = ["timeout", "-s", "KILL", "\(seconds)", "python3", "-c", clean, "sh", file]
        let handle = FileHandle(forWritingAtPath: output)
        process.standardOutput = handle
        process.standardError = handle
        process.currentDirectoryURL = URL(fileURLWithPath: folder.path)
        try process.run()
        process.waitUntilExit()
        return try String(contentsOfFile: output, encoding: .utf8)
    }
}
