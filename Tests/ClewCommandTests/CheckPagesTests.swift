import ClewTestSupport
import Foundation
import Testing

/// `docs/checks` says what the checks say.
@Suite struct CheckPagesTests {
    @Test func thePagesAreCurrent() throws {
        let folder = try TemporaryFolder()
        #expect(try Command.run(["checks", "--markdown", folder.path]).code == 0)
        let wanted = try FileManager.default.contentsOfDirectory(atPath: folder.path).sorted()
        let docs = SharedData.packageRoot + "/docs/checks"
        let present = try FileManager.default.contentsOfDirectory(atPath: docs).sorted()
        #expect(present == wanted, "run 'make docs'")
        for name in wanted where present.contains(name) {
            let (new, old) = (
                try String(contentsOfFile: folder.path + "/" + name, encoding: .utf8),
                try String(contentsOfFile: docs + "/" + name, encoding: .utf8)
            )
            #expect(new == old, "\(name): run 'make docs'")
        }
    }

    @Test func aFolderThatIsNotThereIsRefused() throws {
        let result = try Command.run(["checks", "--markdown", "/nonexistent/folder"])
        #expect(result.code == 2 && result.errorLines.count == 1, "\(result)")
    }
}
