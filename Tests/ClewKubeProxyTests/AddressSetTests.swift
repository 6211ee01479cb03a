import ClewIntent
import ClewNet
import ClewTestSupport
import Testing

/// Sets of addresses, against every address of a small universe one by one.
@Suite struct AddressSetTests {
    @Test func operationsAgreeWithEveryAddress() throws {
        var random = SeededGenerator(seed: 7)
        // 256 addresses at the end of the family, so that the last one is met too.
        let base: UInt32 = 0xFFFF_FF00
        func randomSet() throws -> AddressSet {
            let prefixes = try (0..<Int.random(in: 0...5, using: &random)).map { _ in
                let address = IPAddress(v4: base | UInt32.random(in: 0...255, using: &random))
                return try #require(IPPrefix(address, length: UInt8.random(in: 24...32, using: &random)))
            }
            return AddressSet(prefixes, .ipv4)
        }
        for _ in 0..<500 {
            let (a, b) = (try randomSet(), try randomSet())
            let rebuilt = AddressSet(a.prefixes, .ipv4)
            #expect(rebuilt == a)
            var isSubset = true
            for value in base...UInt32.max {
                let address = IPAddress(v4: value)
                let (inA, inB) = (a.contains(address), b.contains(address))
                try #require(a.union(b).contains(address) == (inA || inB))
                try #require(a.intersection(b).contains(address) == (inA && inB))
                try #require(a.subtracting(b).contains(address) == (inA && !inB))
                try #require(a.complement.contains(address) == !inA)
                if inA, !inB { isSubset = false }
            }
            #expect(a.isSubset(of: b) == isSubset)
            #expect(a.complement.complement == a)
        }
    }

    @Test func wholeFamiliesAndTheirEndsAreHeld() {
        for family in AddressFamily.allCases {
            let all = AddressSet.all(family)
            #expect(all.prefixes == [.all(family)])
            #expect(all.complement.isEmpty)
            #expect(AddressSet.empty(family).complement == all)
            #expect(all.contains(.zero(family)) && all.contains(IPPrefix.all(family).last))
        }
    }
}
