import ClewParsers
import ClewTestSupport
import Foundation
import Testing

@Suite struct JSONFuzzTests {
    /// Random texts, whole and damaged, judged by Foundation's parser.
    @Test(arguments: [1, 2, 3, 4] as [UInt64])
    func agreesWithFoundation(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        var accepted = 0
        var rejected = 0
        for _ in 0..<1500 {
            var bytes = Array(randomValue(depth: 0, &random).utf8)
            for _ in 0..<Int.random(in: 0...2, using: &random) { mutate(&bytes, &random) }
            let text = String(decoding: bytes, as: UTF8.self)
            // Judged differently on purpose: half a surrogate pair, numbers beyond Double, and a comma before a bracket,
            // which Foundation lets pass.
            if text.lowercased().contains("\\ud") || hasLongNumber(text) { continue }
            if text.contains(#/,\s*[\]}]/#) { continue }
            let theirs = try? JSONSerialization.jsonObject(with: Data(bytes), options: [.fragmentsAllowed])
            let ours = try? JSONTree(bytes)
            #expect((ours == nil) == (theirs == nil), "seed \(seed): \(text)")
            if let ours, let theirs {
                accepted += 1
                #expect(isSame(ours, theirs), "seed \(seed): \(text)")
                var reader = JSONReader(bytes)
                #expect((try? reader.skipValue()) != nil && isAtEnd(reader), "seed \(seed): \(text)")
            } else {
                rejected += 1
            }
        }
        #expect(accepted > 300 && rejected > 150, "seed \(seed): \(accepted) accepted, \(rejected) rejected")
    }

    /// Random bytes and bytes JSON is made of: no trap, no hang, and errors lie inside of the text.
    @Test(arguments: [11, 12] as [UInt64])
    func survivesRandomBytes(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let letters = Array(#"{}[]",:\u0eE+-.truefalsnn 1"#.utf8) + [10, 9, 0, 0xFF]
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...40, using: &random)
            let bytes: [UInt8] = (0..<count).map { _ in
                Bool.random(using: &random)
                    ? letters.randomElement(using: &random) ?? 0 : .random(in: 0...255, using: &random)
            }
            do throws(JSONError) {
                _ = try JSONTree(bytes)
            } catch {
                #expect(0...bytes.count ~= error.offset, "seed \(seed): \(bytes)")
            }
            var reader = JSONReader(bytes)
            while (try? reader.skipValue()) != nil, !isAtEnd(reader) {}
            #expect(reader.offset <= bytes.count)
            misuse(bytes, &random)
        }
    }

    /// Calls in any order, against the contract.
    private func misuse(_ bytes: [UInt8], _ random: inout SeededGenerator) {
        var reader = JSONReader(bytes)
        for _ in 0..<12 {
            switch Int.random(in: 0..<9, using: &random) {
            case 0: try? reader.beginObject()
            case 1: try? reader.beginArray()
            case 2: _ = try? reader.nextKey()
            case 3: _ = try? reader.nextElement()
            case 4: _ = try? reader.string()
            case 5: _ = try? reader.number()
            case 6: _ = try? reader.bool()
            case 7: _ = try? reader.null()
            default: try? reader.skipValue()
            }
            #expect(reader.offset <= bytes.count)
        }
    }

    private func randomValue(depth: Int, _ random: inout SeededGenerator) -> String {
        func blank(_ random: inout SeededGenerator) -> String {
            ["", "", "", " ", "\n", "\t", "\n          "].randomElement(using: &random) ?? ""
        }
        switch Int.random(in: 0..<(depth > 4 ? 6 : 10), using: &random) {
        case 0: return "true"
        case 1: return "false"
        case 2: return "null"
        case 3: return randomNumber(&random)
        case 4, 5: return randomString(&random)
        case 6, 7:
            let parts = (0..<Int.random(in: 0...4, using: &random)).map { _ in
                blank(&random) + randomValue(depth: depth + 1, &random) + blank(&random)
            }
            return "[" + parts.joined(separator: ",") + "]"
        default:
            // Numbered, as the judge picks among equal keys as it likes.
            let parts = (0..<Int.random(in: 0...4, using: &random)).map { i in
                "\(blank(&random))\"k\(i)\(randomString(&random).dropFirst())\(blank(&random)):"
                    + "\(blank(&random))\(randomValue(depth: depth + 1, &random))"
            }
            return "{" + parts.joined(separator: ",") + blank(&random) + "}"
        }
    }

    private func randomNumber(_ random: inout SeededGenerator) -> String {
        let integer = ["0", "-0", "7", "-12", "65535", "1234567890123"].randomElement(using: &random) ?? "0"
        let fraction = ["", "", ".0", ".25", ".1"].randomElement(using: &random) ?? ""
        return integer + fraction + (["", "", "", "e0", "E+2", "e-3"].randomElement(using: &random) ?? "")
    }

    private func randomString(_ random: inout SeededGenerator) -> String {
        let parts = [
            "a", "Z9", "\\n", "\\\\", "\\\"", "\\/", "\\u00e9", "\\u0041", "é", "中", "😀", "kubernetes.io/name", " ",
            "{", "]",
        ]
        let count = Int.random(in: 0...8, using: &random)
        return "\"" + (0..<count).map { _ in parts.randomElement(using: &random) ?? "" }.joined() + "\""
    }

    private func mutate(_ bytes: inout [UInt8], _ random: inout SeededGenerator) {
        let letters = Array(#"{}[]",:\u0eE+-.tnf 19a"#.utf8)
        guard let place = bytes.indices.randomElement(using: &random), bytes[place] < 0x80 else { return }
        switch Int.random(in: 0..<3, using: &random) {
        case 0: bytes[place] = letters.randomElement(using: &random) ?? 32
        case 1: bytes.insert(letters.randomElement(using: &random) ?? 32, at: place)
        default: bytes.remove(at: place)
        }
    }

    private func hasLongNumber(_ text: String) -> Bool {
        var exponent = false
        var digits = 0
        for byte in text.utf8 {
            if byte | 0x20 == UInt8(ascii: "e") {
                exponent = true
                digits = 0
            } else if 48...57 ~= byte {
                digits += 1
                if digits > 17 || (exponent && digits > 2) { return true }
            } else if byte != UInt8(ascii: "+"), byte != UInt8(ascii: "-") {
                exponent = false
                digits = 0
            }
        }
        return false
    }

    private func isSame(_ ours: JSONTree, _ theirs: Any) -> Bool {
        switch ours {
        case .object(let members):
            guard let other = theirs as? [String: Any], other.count == members.count else { return false }
            return members.allSatisfy { key, value in other[key].map { isSame(value, $0) } ?? false }
        case .array(let elements):
            guard let other = theirs as? [Any], other.count == elements.count else { return false }
            return zip(elements, other).allSatisfy { isSame($0, $1) }
        case .string(let text): return theirs as? String == text
        case .bool(let value): return theirs as? Bool == value
        case .null: return theirs is NSNull
        case .number(.integer(let value)): return (theirs as? NSNumber)?.doubleValue == Double(value)
        case .number(.unsigned(let value)): return (theirs as? NSNumber)?.uint64Value == value
        case .number(.double(let value)): return (theirs as? NSNumber)?.doubleValue == value
        }
    }
}
