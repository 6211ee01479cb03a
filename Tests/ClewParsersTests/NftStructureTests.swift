import ClewBundle
import ClewParsers
import ClewSnapshot
import Testing

/// Tables, chains, sets, and the commands around them.
@Suite struct NftStructureTests {
    private func lines(_ text: String) -> [String] {
        NftDescription(ruleSet: NftStatementTests.parse(text).ruleSet).lines
    }

    private func unread(_ text: String) -> [String] {
        NftStatementTests.parse(text).unread.map { "\($0.source.line) \($0.reason)" }
    }

    @Test func hooks() {
        let chains = lines(
            """
            table ip x {
            \tchain a { type nat hook prerouting priority dstnat; policy accept; }
            \tchain b { type filter hook forward priority filter - 10; policy drop; }
            \tchain c { type route hook output priority -150; }
            \tchain d { comment "plain"; }
            \tchain e { type filter hook input priority mangle + 5; policy drop
            \t}
            \tchain f { type filter hook input priority $prio; policy drop; }
            \tchain g { type filter hook input priority 0; policy $policy; }
            }
            """
        ).filter { $0.hasPrefix("chain") }
        #expect(
            chains == [
                "chain ipv4 x a nat prerouting -100 true true true",
                "chain ipv4 x b filter forward -10 false true true",
                "chain ipv4 x c route output -150 true true true", "chain ipv4 x d  true true",
                "chain ipv4 x e filter input -145 false true true", "chain ipv4 x f  false true",
                "chain ipv4 x g filter input 0 true true false",
            ])
    }

    @Test func aPolicyThatIsNotReadIsUnknown() {
        let rules = lines("table ip x {\nchain g { type filter hook input priority 0; policy $policy; accept; }\n}\n")
        #expect(
            rules.filter { $0.hasPrefix("rule") } == [
                "rule ipv4 x g 10000 → accept; # ",
                "rule ipv4 x g 10001 → UNMODELLED the rest of the chain is missing; # ",
            ])
    }

    @Test func otherFamiliesAreHookedElsewhere() {
        let chains = lines(
            """
            table netdev x { chain a { type filter hook ingress device "eth0" priority 0; policy accept; drop; } }
            table bridge x { chain a { type filter hook forward priority 0; policy drop; } }
            table arp x { chain a { type filter hook input priority 0; } }
            table inet x { chain a { type filter hook ingress device "eth0" priority 0; } }
            """
        ).filter { $0.hasPrefix("chain") }
        #expect(chains == ["arp", "bridge", "inet", "netdev"].map { "chain \($0) x a  false true" })
    }

    @Test func dormantTables() {
        #expect(lines("table ip6 x {\n\tflags dormant\n}\n") == ["table ipv6 x dormant true"])
        let json = #"{"nftables":[{"table":{"family":"ip6","name":"x","flags":["dormant"]}}]}"#
        #expect(lines(json) == ["table ipv6 x dormant true"])
    }

    @Test func sets() {
        let sets = lines(
            """
            table ip x {
            \tset a { type ipv4_addr; flags interval; elements = { 10.0.0.0/8, 11.0.0.1-11.0.0.9,
            \t\t\t12.0.0.1 } }
            \tset b { typeof ip saddr . tcp dport
            \t\tflags dynamic,timeout
            \t\telements = { 10.0.0.1 . 80 timeout 5s expires 3s } }
            \tset c { type ifname; elements = { "eth0", "cali*" } }
            \tmap d { type inet_service : verdict; elements = { 80 : jump x, * : drop } }
            \tmap e { type ipv4_addr : ipv4_addr . inet_service; elements = { 10.0.0.1 : 10.0.0.2 . 80 } }
            \tset f { type ether_addr; elements = { 02:00:00:00:00:01 } }
            \tset g { type mark; elements = { 1 : 2 } }
            \tmap h { type mark : verdict; elements = { 1 } }
            \tset i { type ipv4_addr; elements = { 10.0.0.1 quota over 5 mbytes, 10.0.0.2 counter packets 1 bytes 2 } }
            }
            """
        ).filter { $0.hasPrefix("set") }.map { $0.replacing("ClewSnapshot.NftValue.", with: "") }
        func one(_ address: String) -> String { "address(\(address))-address(\(address))" }
        #expect(
            sets == [
                "set ipv4 x a dynamic false complete true address(10.0.0.0)-address(10.255.255.255), "
                    + "address(11.0.0.1)-address(11.0.0.9), " + one("12.0.0.1"),
                "set ipv4 x b dynamic true complete true " + one("10.0.0.1") + " . number(80)-number(80)",
                "set ipv4 x c dynamic false complete false name(\"eth0\")-name(\"eth0\")",
                "set ipv4 x d dynamic false complete true number(80)-number(80) : jump x * drop",
                "set ipv4 x e dynamic false complete true " + one("10.0.0.1")
                    + " : values([address(10.0.0.2), number(80)])",
                "set ipv4 x f dynamic false complete false ", "set ipv4 x g dynamic false complete false ",
                "set ipv4 x h dynamic false complete true number(1)-number(1) : unmodelled(\"an element without data\")",
                "set ipv4 x i dynamic false complete false " + one("10.0.0.2"),
            ])
    }

    @Test func elementsBeforeTheirTypesLeaveTheSetIncomplete() {
        let sets = lines("add element ip x s { 10.0.0.1 }\ntable ip x { set s { type ipv4_addr; } }\n")
        #expect(sets.filter { $0.hasPrefix("set") } == ["set ipv4 x s dynamic false complete false "])
    }

    @Test func commandsThatAdd() {
        let rules = lines(
            """
            #!/usr/sbin/nft -f
            flush ruleset
            add table ip x
            add chain ip x c { type filter hook input priority 0; policy drop; }
            add rule ip x c accept
            insert rule ip x c drop
            add set ip x s { type inet_service; }
            add element ip x s { 80 }
            """)
        #expect(
            rules == [
                "chain ipv4 x c filter input 0 false true true", "rule ipv4 x c 10000 → drop; # ",
                "rule ipv4 x c 10001 → accept; # ",
                "set ipv4 x s dynamic false complete true number(80)-number(80)",
                "table ipv4 x dormant false",
            ])
    }

    /// What takes rules away or brings in others leaves every chain unknown from its first rule on.
    @Test(arguments: [
        "delete rule ip x c handle 3", "flush chain ip x c", "flush ruleset", "include \"more.nft\"",
        "replace rule ip x c handle 3 drop", "destroy table ip y",
    ])
    func changes(command: String) {
        let text = "table ip x { chain c { type filter hook input priority 0; accept; } }\n" + command + "\n"
        #expect(unread(text) == ["2 a change that is not followed"])
        #expect(lines(text).first { $0.hasPrefix("rule") } == "rule ipv4 x c 10000 → UNMODELLED \(command); # ")
    }

    @Test func deletingBeforeThereIsAnythingIsHarmless() {
        let text = "table ip x\ndelete table ip x\nflush table ip x\ntable ip x { chain c { accept; } }\n"
        #expect(unread(text).isEmpty)
        #expect(lines(text).filter { $0.hasPrefix("rule") } == ["rule ipv4 x c 10000 → accept; # "])
    }

    @Test func variablesAreUnknown() {
        let text = "define lan = { 10.0.0.0/8,\n 11.0.0.0/8 }\ntable ip x { chain c { ip saddr $lan accept; } }\n"
        #expect(unread(text) == ["1 not part of a ruleset"])
        #expect(lines(text).contains("rule ipv4 x c 10000 UNMODELLED ip saddr $lan; → accept; # "))
    }

    @Test func cutText() {
        let text = "table ip x {\n\tchain c {\n\t\ttype filter hook input priority 0; policy accept;\n\t\taccept\n"
        #expect(lines(text).filter { $0.hasPrefix("rule") }.last?.contains("UNMODELLED") == true)
        let json =
            #"{"nftables":[{"table":{"family":"ip","name":"x"}},{"chain":{"family":"ip","table":"x","name":"c","type":"filter","hook":"input","prio":0,"policy":"accept"}},{"rule":"#
        #expect(lines(json).filter { $0.hasPrefix("rule") }.last?.contains("UNMODELLED") == true)
    }

    @Test func flowtablesAndObjects() {
        let text = """
            table inet x {
            \tflowtable ft { hook ingress priority 0; devices = { eth0 }; }
            \tcounter hits { packets 1 bytes 2 }
            \tquota big { over 25 mbytes }
            \tlimit slow { rate 10/second }
            \tct helper ftp { type "ftp" protocol tcp; }
            \tchain c { quota name "big" drop; limit name "slow" accept; flow add @ft; }
            }
            """
        #expect(unread(text).isEmpty)
        #expect(
            lines(text).filter { $0.hasPrefix("rule") } == [
                "rule inet x c 10000 quota below false; → drop; # ",
                "rule inet x c 10001 limit below true; → accept; # ",
                "rule inet x c 10002 → UNMODELLED flow add @ft; # ",
            ])
    }
}
