import ClewTestSupport
import Foundation
import Testing

/// `clew check -o html`: one file that needs nothing else, readable in both themes and on a phone.
@Suite struct CheckHTMLTests {
    private static func page(_ bundle: String, _ more: [String] = []) throws -> String {
        try Command.run(["check", bundle, "-o", "html"] + more, environment: ["LC_ALL": "C.UTF-8"]).output
    }

    private static func matches(_ pattern: String, in text: String) throws -> [String] {
        let expression = try NSRegularExpression(pattern: pattern)
        return expression.matches(in: text, range: NSRange(text.startIndex..., in: text)).compactMap {
            Range($0.range(at: 1), in: text).map { String(text[$0]) }
        }
    }

    @Test(arguments: ["bridge-nf-off", "bridge-nf-on", "flannel-forward-drop", "ipvs-cluster-cidr", "calico-two-nodes"])
    func theFileNeedsNothingElse(example: String) throws {
        let page = try Self.page(CheckCommandTests.example(example))
        #expect(page.hasPrefix("<!doctype html>") && page.hasSuffix("</html>\n"))
        for word in ["http://", "https://", "src=", "url(", "@import", "<link", "<img", "<iframe"] {
            #expect(!page.contains(word), "\(word)")
        }
        let ids = try Self.matches(##" id="([^"]*)""##, in: page)
        #expect(Set(ids).count == ids.count)
        for target in try Self.matches(##"href="#([^"]*)""##, in: page) { #expect(ids.contains(target), "\(target)") }
        for tag in ["article", "details", "section", "svg", "a", "ul", "li", "p", "div", "pre", "code", "span"] {
            let opened =
                page.components(separatedBy: "<\(tag)>").count + page.components(separatedBy: "<\(tag) ").count - 2
            #expect(opened == page.components(separatedBy: "</\(tag)>").count - 1, "<\(tag)>")
        }
    }

    @Test func aBrokenConnectionIsDrawn() throws {
        let page = try Self.page(CheckCommandTests.example("bridge-nf-off"))
        #expect(page.components(separatedBy: "<svg ").count == 2)
        for part in [
            "node worker-a", "pod shop/web-0", "pod shop/api-0", "veth3c1f9a20 → ", "class=\"mark drop\"",
            "class=\"glyph bridge\"", "destination 10.96.0.20:80 → 10.244.1.6:8080",
            "net.bridge.bridge-nf-call-iptables = 0",
        ] { #expect(page.contains(part), "\(part)") }
        let tunnel = try Self.page(CheckCommandTests.example("flannel-forward-drop"))
        #expect(tunnel.contains("class=\"glyph tunnel\"") && tunnel.contains("class=\"pipe\""))
        // One that works is drawn too, where it is asked for.
        let asked = try Self.page(
            CheckCommandTests.example("bridge-nf-on"), ["--from", "pod/shop/web-0", "--to", "svc/shop/api"])
        #expect(asked.contains("<svg ") && !asked.contains("class=\"mark drop\""))
    }

    @Test func whatABundleHoldsIsTextAndNothingElse() throws {
        let folder = try TemporaryFolder()
        let source = URL(fileURLWithPath: CheckCommandTests.example("bridge-nf-on"))
        let copy = folder.path + "/bundle"
        try FileManager.default.copyItem(at: source, to: URL(fileURLWithPath: copy))
        let path = copy + "/nodes/worker-a/iptables-save.txt"
        let rules = try String(contentsOfFile: path, encoding: .utf8)
        let evil = "-A FORWARD -m comment --comment \"<script>alert(1)</script><b>'&\" -j DROP\n"
        let first = try #require(rules.range(of: "-A FORWARD "))
        let changed = rules[..<first.lowerBound] + evil + rules[first.lowerBound...]
        try String(changed).write(toFile: path, atomically: true, encoding: .utf8)
        let page = try Self.page(copy)
        #expect(page.contains("&lt;script&gt;alert(1)"))
        #expect(!page.contains("<script>alert"))
    }

    // MARK: - In a browser

    private static let chromium: String? = ["/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Runs in the page: what sticks out of it, and text that is hard to read on what is behind it (WCAG 2.1, 1.4.3).
    private static let probe = """
        <script>
        function parts(c) { return (c.match(/[\\d.]+/g) || []).map(Number); }
        function light(c) {
          var v = c.slice(0, 3).map(function (x) { x /= 255; return x <= .03928 ? x / 12.92 : Math.pow((x + .055) / 1.055, 2.4); });
          return .2126 * v[0] + .7152 * v[1] + .0722 * v[2];
        }
        function behind(e) {
          for (; e; e = e.parentElement) {
            var c = parts(getComputedStyle(e).backgroundColor);
            if (c.length && (c.length < 4 || c[3] > 0)) return c;
          }
          return [255, 255, 255];
        }
        document.querySelectorAll('details').forEach(function (d) { d.open = true; });
        var pale = [], wide = [];
        document.querySelectorAll('main *').forEach(function (e) {
          if (e.closest('svg')) return;
          var own = Array.from(e.childNodes).some(function (n) { return n.nodeType === 3 && n.data.trim(); });
          if (!own) return;
          var a = light(parts(getComputedStyle(e).color)), b = light(behind(e));
          var ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
          if (ratio < 4.5) pale.push(e.className + ' ' + e.tagName + ' ' + ratio.toFixed(2));
        });
        document.querySelectorAll('svg text').forEach(function (t) {
          var box = t.getBBox();
          if (box.x + box.width > 394) wide.push(t.textContent);
        });
        parent.postMessage(JSON.stringify({
          over: document.documentElement.scrollWidth - innerWidth, width: innerWidth,
          dark: matchMedia('(prefers-color-scheme: dark)').matches, pale: pale, wide: wide,
          drawings: document.querySelectorAll('svg').length
        }), '*');
        </script>
        """

    private static func look(_ page: String, width: Int, isDark: Bool) throws -> [String: Any]? {
        guard let chromium else { return nil }
        let folder = try TemporaryFolder()
        let inner = try folder.write("page.html", page.replacingOccurrences(of: "</body>", with: probe + "</body>"))
        let outer = try folder.write(
            "frame.html",
            """
            <!doctype html><pre id="answer"></pre>
            <iframe src="file://\(inner)" style="border:0;width:\(width)px;height:3000px"></iframe>
            <script>addEventListener('message', function (m) { document.getElementById('answer').textContent = m.data; });
            </script>
            """)
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/timeout")
        process.arguments =
            [
                "60", chromium, "--headless=new", "--no-sandbox", "--disable-gpu",
                "--user-data-dir=\(folder.path)/profile",
                "--window-size=1400,1000", "--virtual-time-budget=4000", "--dump-dom",
            ] + (isDark ? ["--blink-settings=preferredColorScheme=0"] : []) + ["file://\(outer)"]
        let pipe = Pipe()
        process.standardOutput = pipe
        process.standardError = FileHandle.nullDevice
        try process.run()
        let dom = String(decoding: pipe.fileHandleForReading.readDataToEndOfFile(), as: UTF8.self)
        process.waitUntilExit()
        let answer = try matches("<pre id=\"answer\">([^<]*)</pre>", in: dom).first ?? ""
        let text = answer.replacingOccurrences(of: "&gt;", with: ">").replacingOccurrences(of: "&amp;", with: "&")
        return try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any]
    }

    @Test(arguments: [(400, false), (400, true), (1100, false), (1100, true)])
    func aBrowserShowsItWithoutOverflowAndWithContrast(width: Int, isDark: Bool) throws {
        guard Self.chromium != nil else {
            print("SKIP aBrowserShowsItWithoutOverflowAndWithContrast: no chromium (apt-get install chromium)")
            return
        }
        for example in ["bridge-nf-off", "flannel-forward-drop", "ipvs-cluster-cidr"] {
            let page = try Self.page(CheckCommandTests.example(example))
            let seen = try #require(try Self.look(page, width: width, isDark: isDark), "\(example)")
            #expect(seen["width"] as? Int == width)
            #expect(seen["dark"] as? Bool == isDark)
            #expect(seen["over"] as? Int ?? 1 <= 0, "\(example): wider than the page")
            #expect((seen["pale"] as? [String])?.isEmpty == true, "\(example): \(seen["pale"] ?? "")")
            #expect((seen["wide"] as? [String])?.isEmpty == true, "\(example): \(seen["wide"] ?? "")")
            #expect(seen["drawings"] as? Int ?? 0 > 0)
        }
    }
}
