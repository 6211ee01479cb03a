import ClewParsers
import Testing

@Suite struct JSONReaderTests {
    @Test(arguments: [
        "[]", "{}", " [ ] ", "[[]   ]", "[\"\"]", "[null, 1, \"1\", {}]", "[1\n]", " [1]", "[1,null,null,null,2]",
        "[2] ",
        "0", "-0", "[-0]", "123", "-1", "1e5", "1E+2", "1e-2", "[0e+1]", "[0e1]", "[-0.0]", "0.5", "123.456e78",
        "[-0.000000000000000000000000000000000000000000000000000000000000000000000000000001]", "[20e1]", "true",
        "false",
        "null", "\"\"", "\" \"", "\"\\u0060\\u012a\\u12AB\"", "\"\\uD801\\udc37\"", "\"\\ud83d\\ude39\\ud83d\\udc8d\"",
        "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"", "\"\\\\u0000\"", "\"a/*b*/c/*d//e\"", "\"\\u0012\"", "\"\\uFFFF\"", "\"π\"",
        "\"\u{7f}\"", "\"⍂㈴⍂\"", "\"\u{1D11E}\"", "{\"asd\":\"sdf\"}", "{\"a\":\"b\",\"a\":\"c\"}", "{\"\":0}",
        "{\"foo\\u0000bar\": 42}", "{\"a\":[]}", "{\n\"a\": \"b\"\n}", "{\"min\": -1.0e+28, \"max\": 1.0e+28}",
        "\t[\r\n]\t", "[[[[[[[[1]]]]]]]]", "{\"a\":{\"b\":{\"c\":{}}}}", "\"0123456\"", "\"01234567\"",
        "\"012345678\\n\"",
    ])
    func acceptsWhatTheGrammarHolds(text: String) throws {
        _ = try JSONTree(text)
        var reader = JSONReader(Array(text.utf8))
        try reader.skipValue()
        #expect(isAtEnd(reader))
    }

    @Test(arguments: [
        "", " ", "[", "]", "{", "}", "[1", "[1,", "[1,]", "[,1]", "[1,,2]", "[,]", "[1}", "[1 true]", "[\"a\" \"b\"]",
        "[3[4]]", "[1:2]", "[:]", "[1]]", "[1]x", "[\"\"", "[\"a\",\n4\n,1,", "[tru]", "[fals]", "[nul]", "[True]",
        "[nan]",
        "[NaN]", "[-NaN]", "[Infinity]", "[-Infinity]", "[-]", "[--1]", "[+1]", "[++1]", "[-01]", "[01]", "[012]",
        "[-1x]",
        "[1.]", "[.5]", "[-.5]", "[0.e1]", "[1e]", "[1e+]", "[0E]", "[0e+]", "[1.0e]", "[1.0e+]", "[9.e+]", "[1eE2]",
        "[2.e3]", "[0x1]", "[0x42]", "[1 000.0]", "[1_000]", "[1+2]", "[1e1.5]", "[-2.]", "[1a]", "[\"\\", "[\"\\\"]",
        "[\"\\x00\"]", "[\"\\a\"]", "[\"\\u\"]", "[\"\\u00\"]", "[\"\\u00A\"]", "[\"\\u00G0\"]", "[\"\\uD834\\u\"]",
        "[\"\\uD834\\uDd\"]", "[\"\\\u{9}\"]", "[\"a\nb\"]", "[\"\t\"]", "[\"\u{0}\"]", "\"abc", "'a'", "[\"a\",",
        "{\"a\"",
        "{\"a\":", "{\"a\":1", "{\"a\":1,", "{\"a\":1,}", "{\"a\" 1}", "{\"a\"::1}", "{\"a\":1 \"b\":2}", "{a:1}",
        "{1:1}",
        "{'a':1}", "{,\"a\":1}", "{\"a\":1,,\"b\":2}", "{\"a\":\"b\"}#", "{\"a\":\"b\"}/**/", "{\"a\":/*c*/1}",
        "{null:null}",
        "{\"a\",1}", "{\"a\":1]", "{[", "[{\"a\":1]", "<a>", "<null>", "[\u{60}a]", "\\u0020", "[\u{c}]", "[⁠]", "{}{}",
        "1 2",
        "nulls", "truefalse", "\"a\"b", "*", "[1,\n1\n,1", "{\"asd\":\"asd\"", "å", "[å]", "\u{feff}", "[\"x\"", "{}}",
    ])
    func rejectsWhatItDoesNot(text: String) {
        #expect(throws: JSONError.self) { try JSONTree(text) }
    }

    @Test func readsValues() throws {
        let tree = try JSONTree(
            #" {"s":"a\n\u00e9\ud83d\ude00\/","n":-5,"u":18446744073709551615,"d":2.5e1,"l":[true,null]} "#)
        #expect(
            tree
                == .object([
                    "s": .string("a\né😀/"), "n": .number(.integer(-5)), "u": .number(.unsigned(.max)),
                    "d": .number(.double(25)), "l": .array([.bool(true), .null]),
                ]))
    }

    @Test func integersKeepTheirRange() throws {
        func int(_ text: String) throws(JSONError) -> Int64 {
            var reader = JSONReader(Array(text.utf8))
            return try reader.int64()
        }
        func unsigned(_ text: String) throws(JSONError) -> UInt64 {
            var reader = JSONReader(Array(text.utf8))
            return try reader.uint64()
        }
        #expect(try int("9223372036854775807") == .max)
        #expect(try int("-9223372036854775808") == .min)
        #expect(throws: JSONError(.outOfRange, at: 0)) { try int("9223372036854775808") }
        #expect(throws: JSONError(.outOfRange, at: 0)) { try int("-9223372036854775809") }
        #expect(throws: JSONError(.outOfRange, at: 1)) { try int(" 99999999999999999999999") }
        #expect(throws: JSONError(.expected("an integer"), at: 0)) { try int("1.0") }
        #expect(throws: JSONError(.expected("a number"), at: 0)) { try int("\"1\"") }
        #expect(try unsigned("18446744073709551615") == .max)
        #expect(try unsigned("-0") == 0)
        #expect(throws: JSONError(.outOfRange, at: 0)) { try unsigned("18446744073709551616") }
        #expect(throws: JSONError(.outOfRange, at: 0)) { try unsigned("-1") }
        #expect(try JSONTree("-9223372036854775809") == .number(.double(-9.223372036854775808e18)))
        #expect(throws: JSONError(.outOfRange, at: 1)) { try JSONTree("[1e400]") }
    }

    @Test func errorsSayWhere() {
        #expect(throws: JSONError(.expected("a value"), at: 4)) { try JSONTree("[1, ]") }
        #expect(throws: JSONError(.expected("':'"), at: 5)) { try JSONTree("{\"a\" 1}") }
        #expect(throws: JSONError(.controlCharacter, at: 3)) { try JSONTree("[\"a\nb\"]") }
        #expect(throws: JSONError(.invalidEscape, at: 3)) { try JSONTree("[\"a\\x\"]") }
        #expect(throws: JSONError(.unexpectedEnd, at: 1)) { try JSONTree("[\"abc") }
        #expect(throws: JSONError(.expected("the end"), at: 3)) { try JSONTree("{} {}") }
    }

    @Test func halfSurrogatesAndBrokenUTF8AreReplaced() throws {
        #expect(try JSONTree(#""\ud800x\udc00""#) == .string("\u{FFFD}x\u{FFFD}"))
        #expect(try JSONTree(#""\ud800\u0041""#) == .string("\u{FFFD}A"))
        #expect(try JSONTree([0x22, 0x61, 0xFF, 0x22]) == .string("a\u{FFFD}"))
        #expect(try JSONTree([0xEF, 0xBB, 0xBF, 0x31]) == .number(.integer(1)))
    }

    @Test func depthIsLimitedInReadsAndSkips() throws {
        let limit = JSONReader.depthLimit
        let fits = String(repeating: "[", count: limit) + String(repeating: "]", count: limit)
        let over = "[" + fits + "]"
        _ = try JSONTree(fits)
        #expect(throws: JSONError(.tooDeep, at: limit)) { try JSONTree(over) }
        var reader = JSONReader(Array(over.utf8))
        #expect(throws: JSONError(.tooDeep, at: limit)) { try reader.skipValue() }
        var inner = JSONReader(Array(over.utf8))
        try inner.beginArray()
        #expect(try inner.nextElement())
        #expect(throws: JSONError(.tooDeep, at: limit)) { try inner.skipValue() }
        let endless = Array(repeating: UInt8(ascii: "{"), count: 100_000)
        #expect(throws: JSONError.self) { try JSONTree(endless) }
    }

    @Test func skipStepsOverOneValueAndNoMore() throws {
        let text = #"{"a":{"x":["}","\\\"]",{"y":1}]},"b":-1.5e3,"c":"\"]}","d":null,"e":"end"}"#
        var reader = JSONReader(Array(text.utf8))
        var seen: [String] = []
        try reader.beginObject()
        while let key = try reader.nextKey() {
            seen.append(try reader.string(of: key))
            if reader.isEqual(key, "e") { #expect(try reader.string() == "end") } else { try reader.skipValue() }
        }
        #expect(seen == ["a", "b", "c", "d", "e"])
        #expect(isAtEnd(reader))
        for broken in ["[1,{\"a\":2}", "\"abc", "{\"a\":\"b}", "", ",", "]", ":", "\u{0}"] {
            var reader = JSONReader(Array(broken.utf8))
            #expect(throws: JSONError.self) { try reader.skipValue() }
        }
        // What the documentation says a skip does not look at.
        var loose = JSONReader(Array("[1e,,x} 7".utf8))
        try loose.skipValue()
        #expect(try loose.int64() == 7)
    }

    @Test func rewindReadsAgain() throws {
        var reader = JSONReader(Array(#"[{"port":"http"},2]"#.utf8))
        try reader.beginArray()
        #expect(try reader.nextElement())
        let mark = reader.mark
        try reader.beginObject()
        _ = try reader.nextKey()
        #expect(throws: JSONError(.expected("a number"), at: 9)) { try reader.int64() }
        reader.rewind(to: mark)
        try reader.skipValue()
        #expect(try reader.nextElement())
        #expect(try reader.int64() == 2)
        #expect(try !reader.nextElement())
    }

    @Test func linesOfOffsets() {
        var text = ""
        for i in 1...900 { text += String(repeating: "x", count: i % 13) + "\n" }
        text += "last"
        let bytes = Array(text.utf8)
        var expected: [UInt32] = []
        var line: UInt32 = 1
        for byte in bytes {
            expected.append(line)
            if byte == 10 { line += 1 }
        }
        var ascending = LineCounter(bytes)
        for offset in bytes.indices { #expect(ascending.line(atOffset: offset) == expected[offset]) }
        for step in [7, 64, 1000, 4099] {
            var counter = LineCounter(bytes)
            for offset in stride(from: 0, to: bytes.count, by: step) {
                #expect(counter.line(atOffset: offset) == expected[offset])
            }
            #expect(counter.line(atOffset: 3) == expected[3])
        }
        var counter = LineCounter(bytes)
        #expect(counter.line(atOffset: .max) == 901)
        #expect(counter.line(atOffset: -5) == 1)
        #expect(LineCounter.lines(in: bytes) == 901)
        #expect(LineCounter.lines(in: Array("a\nb\n".utf8)) == 2)
        #expect(LineCounter.lines(in: []) == 0)
        #expect(LineCounter.lines(in: Array(repeating: 10, count: 5000)) == 5000)
    }
}
