import ClewBundle
import ClewLab
import ClewNet
import ClewTestSupport
import Foundation
import Testing

/// What Linux did with single packets (`Tests/Cases/lab`), against Clew, without a kernel.
@Suite struct FuzzCaseTests {
    private static let folder = SharedData.packageRoot + "/Tests/Cases/lab"

    static let files: [String] =
        (try? FileManager.default.contentsOfDirectory(atPath: folder))?
        .filter { $0.hasSuffix(".md") }.sorted() ?? []

    @Test(arguments: files) func clewSaysWhatLinuxDid(file: String) throws {
        let text = try String(contentsOfFile: Self.folder + "/" + file, encoding: .utf8)
        let cases = try FuzzCase.read(text).cases
        #expect(!cases.isEmpty)
        for recorded in cases {
            let version = recorded.family == .ipv4 ? 4 : 6
            let network = SharedData.bundle(SharedData.packageRoot + "/Tests/Corpus/lab/node-\(version)").artifacts
            #expect(!network.isEmpty)
            let prediction = recorded.prediction(on: network)
            let own = prediction.branches.map { $0.exchange.lines.joined(separator: "\n") }
            #expect(
                prediction.unknowns.isEmpty && prediction.branches.contains { $0.agrees(with: recorded.kernel) },
                "\(recorded.title): Clew says \(prediction.unknowns) \(own.joined(separator: "\nor\n"))")
        }
    }

    @Test func caseFilesAreWhatIsWrittenOfThem() throws {
        for file in Self.files {
            let text = try String(contentsOfFile: Self.folder + "/" + file, encoding: .utf8)
            let (introduction, cases) = try FuzzCase.read(text)
            #expect(([introduction] + cases.map(\.markdown)).joined(separator: "\n") == text, "\(file)")
        }
    }

    /// A line that Linux did not say must not pass.
    @Test func anotherWayThanTheRecordedOneIsNotTaken() throws {
        let file = try #require(Self.files.first)
        let text = try String(contentsOfFile: Self.folder + "/" + file, encoding: .utf8)
        let recorded = try #require(try FuzzCase.read(text).cases.first)
        let version = recorded.family == .ipv4 ? 4 : 6
        let network = SharedData.bundle(SharedData.packageRoot + "/Tests/Corpus/lab/node-\(version)").artifacts
        let branches = recorded.prediction(on: network).branches
        for index in recorded.kernel.indices {
            var changed = recorded.kernel
            changed.remove(at: index)
            #expect(!branches.contains { $0.agrees(with: changed) })
            changed = recorded.kernel
            changed[index] += "1"
            #expect(!branches.contains { $0.agrees(with: changed) })
        }
    }
}
