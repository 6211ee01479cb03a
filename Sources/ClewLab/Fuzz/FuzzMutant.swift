#if DEBUG
    import ClewDataplane
    import ClewNet
    package import ClewSnapshot

    /// A simulator that is wrong in one way, to see that the comparison with the kernel notices.
    ///
    /// Most are made by changing the parsed rules or settings before the simulator gets them, which is the same as a
    /// simulator that misunderstands them.
    package struct FuzzMutant: Sendable {
        package var name: String
        var mutation: SimulatorMutation?
        /// Changes what the simulator of the node is given.
        var change: @Sendable (inout NamespaceSnapshot) -> Void

        init(_ name: String, _ mutation: SimulatorMutation) {
            self.name = name
            self.mutation = mutation
            change = { _ in }
        }

        init(_ name: String, _ change: @escaping @Sendable (inout NamespaceSnapshot) -> Void) {
            self.name = name
            self.change = change
        }

        /// One that misreads matches.
        init(match name: String, _ change: @escaping @Sendable (inout Match, inout RuleSet) -> Void) {
            self.init(name) { state in
                for set in state.ruleSets.indices {
                    for index in state.ruleSets[set].matches.indices {
                        var match = state.ruleSets[set].matches[index]
                        change(&match, &state.ruleSets[set])
                        state.ruleSets[set].matches[index] = match
                    }
                }
            }
        }

        /// One that misreads targets.
        init(target name: String, _ change: @escaping @Sendable (Target, inout RuleSet) -> Target?) {
            self.init(name) { state in
                for set in state.ruleSets.indices {
                    for index in state.ruleSets[set].rules.indices {
                        let target = state.ruleSets[set].rules[index].target
                        if let other = change(target, &state.ruleSets[set]) {
                            state.ruleSets[set].rules[index].target = other
                        }
                    }
                }
            }
        }

        /// One that does not heed a kernel parameter.
        init(setting name: String, _ keys: [String], taken value: String) {
            self.init(name) { state in
                for key in keys { state.sysctls[key]?.value = value }
            }
        }

        package func simulation(of snapshot: ClusterSnapshot) -> Simulation {
            var snapshot = snapshot
            for node in snapshot.nodes.indices { change(&snapshot.nodes[node].host) }
            return Simulation(snapshot, breaking: mutation.map { [$0] } ?? [])
        }
    }

    extension FuzzMutant {
        package static let all: [FuzzMutant] = matches + targets + settings + order + simulator

        private static let matches: [FuzzMutant] = [
            FuzzMutant(match: "statistic is always true") { match, _ in
                if case .random = match.test { match.test = .random(threshold: 1 << 31) }
            },
            FuzzMutant(match: "negation is ignored") { match, _ in match.isNegated = false },
            FuzzMutant(match: "negation of a set is ignored") { match, _ in
                if case .set = match.test { match.isNegated = false }
            },
            FuzzMutant(match: "negation of a device is ignored") { match, _ in
                switch match.test {
                case .inputInterface, .outputInterface: match.isNegated = false
                default: break
                }
            },
            FuzzMutant(match: "the mask of a mark is ignored") { match, _ in
                if case .mark(let value, _) = match.test { match.test = .mark(value: value, mask: .max) }
            },
            FuzzMutant(match: "--ctorigdst is ignored") { match, _ in
                if case .conntrackAddress(.originalDestination, _) = match.test {
                    match = Match(.always(PoolIndex(0)))
                }
            },
            FuzzMutant(match: "--ctstate UNTRACKED is taken for INVALID") { match, _ in
                if case .conntrackState(let states) = match.test, states.contains(.untracked) {
                    match.test = .conntrackState(states.subtracting(.untracked).union(.invalid))
                }
            },
            FuzzMutant("the last port of a multiport range is left out") { state in
                for set in state.ruleSets.indices {
                    for list in state.ruleSets[set].portLists.indices {
                        let ranges = state.ruleSets[set].portLists[list].ranges
                        state.ruleSets[set].portLists[list].ranges = ranges.map {
                            $0.last > $0.first ? PortRange($0.first, $0.last - 1) : $0
                        }
                    }
                }
            },
            FuzzMutant("the directions of a set are swapped") { state in
                for set in state.ruleSets.indices {
                    for index in state.ruleSets[set].setReferences.indices {
                        state.ruleSets[set].setReferences[index].usesSource =
                            state.ruleSets[set].setReferences[index].usesSource.map { !$0 }
                    }
                }
            },
            FuzzMutant("nomatch of a set's element is ignored") { state in
                guard let sets = state.ipSets else { return }
                for set in sets.indices {
                    for entry in sets[set].entries.indices { state.ipSets?[set].entries[entry].noMatch = false }
                }
            },
            FuzzMutant("--physdev-in is ignored") { state in
                for set in state.ruleSets.indices {
                    for index in state.ruleSets[set].physicalDevices.indices {
                        state.ruleSets[set].physicalDevices[index].input = nil
                    }
                }
            },
            FuzzMutant("one address of an iprange is left out") { state in
                for set in state.ruleSets.indices {
                    for index in state.ruleSets[set].addressRanges.indices {
                        let range = state.ruleSets[set].addressRanges[index]
                        if let next = range.first.successor, next <= range.last {
                            state.ruleSets[set].addressRanges[index].first = next
                        }
                    }
                }
            },
        ]

        private static let targets: [FuzzMutant] = [
            FuzzMutant(target: "goto is taken for jump") { target, _ in
                if case .goto(let chain) = target { .jump(chain) } else { nil }
            },
            FuzzMutant(target: "RETURN is taken for ACCEPT") { target, _ in target == .return ? .accept : nil },
            FuzzMutant(target: "DROP is taken for REJECT") { target, _ in
                target == .drop ? .reject(.portUnreachable) : nil
            },
            FuzzMutant(target: "every REJECT is one with port-unreachable") { target, _ in
                if case .reject = target { .reject(.portUnreachable) } else { nil }
            },
            FuzzMutant(target: "MARK sets the whole mark") { target, _ in
                if case .mark(let value, _) = target { .mark(value: value, mask: .max) } else { nil }
            },
            FuzzMutant(target: "DNAT leaves the port alone") { target, rules in
                if case .dnat4(let address, _) = target { return .dnat4(address: address, port: 0) }
                if case .nat(let pool) = target, rules.natTargets[Int(pool.rawValue)].kind == .destination {
                    rules.natTargets[Int(pool.rawValue)].ports = nil
                }
                return nil
            },
            FuzzMutant(target: "MASQUERADE does nothing") { target, rules in
                if target == .masquerade { return .accept }
                guard case .nat(let pool) = target, rules.natTargets[Int(pool.rawValue)].kind == .masquerade else {
                    return nil
                }
                return .accept
            },
            FuzzMutant(target: "NOTRACK does nothing") { target, _ in target == .notrack ? .some(.none) : nil },
            FuzzMutant("CONNMARK's masks are ignored") { state in
                for set in state.ruleSets.indices {
                    for index in state.ruleSets[set].connmarkTargets.indices {
                        switch state.ruleSets[set].connmarkTargets[index] {
                        case .save:
                            state.ruleSets[set].connmarkTargets[index] = .save(ctMask: .max, markMask: .max)
                        case .restore:
                            state.ruleSets[set].connmarkTargets[index] = .restore(ctMask: .max, markMask: .max)
                        case .set: break
                        }
                    }
                }
            },
        ]

        private static let settings: [FuzzMutant] = [
            FuzzMutant(
                setting: "bridges never call iptables",
                ["net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables"], taken: "0"),
            FuzzMutant(setting: "rp_filter is ignored", ["net.ipv4.conf.all.rp_filter"], taken: "0"),
            FuzzMutant(
                setting: "every node forwards",
                ["net.ipv4.ip_forward", "net.ipv6.conf.all.forwarding"]
                    + FuzzNetwork.devices.map { "net.ipv4.conf.\($0).forwarding" }, taken: "1"),
            FuzzMutant("policy routing by mark is ignored") { $0.routingRules.removeAll { $0.mark != nil } },
            FuzzMutant("hairpin mode is always on") { state in
                guard let links = state.links else { return }
                for index in links.indices where links[index].port != nil { state.links?[index].port?.hairpin = true }
            },
        ]

        private static let order: [FuzzMutant] = [
            FuzzMutant("policies are ignored") { state in
                for set in state.ruleSets.indices {
                    for chain in state.ruleSets[set].chains.indices {
                        state.ruleSets[set].chains[chain].base?.policyAccepts = true
                    }
                }
            },
            FuzzMutant("nat comes before mangle") { state in
                for set in state.ruleSets.indices {
                    for chain in state.ruleSets[set].chains.indices {
                        guard state.ruleSets[set].chains[chain].base?.priority == -150 else { continue }
                        state.ruleSets[set].chains[chain].base?.priority = -50
                    }
                }
            },
            FuzzMutant("raw comes behind connection tracking") { state in
                for set in state.ruleSets.indices {
                    for chain in state.ruleSets[set].chains.indices {
                        guard state.ruleSets[set].chains[chain].base?.priority == -300 else { continue }
                        state.ruleSets[set].chains[chain].base?.priority = -180
                    }
                }
            },
        ]

        private static let simulator: [FuzzMutant] = [
            FuzzMutant("nat is asked for every packet, not once", .translatesAgain),
            FuzzMutant("answers are not translated back", .answersStayTranslated),
            FuzzMutant("the time to live is not decremented", .timeToLiveStays),
            FuzzMutant("OUTPUT's changes do not lead to another route", .routesOnce),
            FuzzMutant("a packet on lo has forgotten its connection", .loopbackForgets),
        ]
    }

    /// Which mutants the comparison with the kernel has told from the true simulator, and by what.
    package struct FuzzMutantHunt {
        package struct Catch: Sendable {
            package var ruleSet: Int
            package var probe: Probe
            package var difference: String
        }

        private let options: FuzzCampaign.Options
        package private(set) var caught: [String: Catch] = [:]
        package private(set) var packets = 0
        package private(set) var ruleSets = 0
        /// What the true simulator got wrong: then a hunt says nothing.
        package private(set) var ownMistakes: [String] = []

        package init(_ options: FuzzCampaign.Options) { self.options = options }

        /// Tries rule sets until each mutant is caught, or there are no more.
        package mutating func run(_ lab: FuzzLab) throws(SystemError) {
            for number in 0..<options.count where caught.count < FuzzMutant.all.count {
                try tryOne(lab, number, FuzzCampaign.seed(options.seed, number))
            }
        }

        private mutating func tryOne(_ lab: FuzzLab, _ number: Int, _ seed: UInt64) throws(SystemError) {
            var generator = RuleSetGenerator(
                seed: seed, family: options.family, backend: options.backend, chance: seed % 2 == 0 ? .always : .never)
            let rules = generator.rules()
            guard !rules.translatesPortsAtRandom, var loaded = try lab.load(rules, options.backend) else { return }
            ruleSets += 1
            let truth = Simulation(try lab.artifacts(for: loaded))
            let left = FuzzMutant.all.filter { caught[$0.name] == nil }
            let broken = left.map { $0.simulation(of: truth.snapshot) }
            var probes = ProbeGenerator(seed: seed, family: options.family, hints: generator.hints)
            for probe in probes.probes(options.packets) {
                packets += 1
                let (kernel, own, _) = try FuzzCampaign.judge(probe, &loaded, truth.prediction(of: probe), lab)
                if case .differs(let text) = own { ownMistakes.append(text) }
                guard let kernel, own == .agrees else { continue }
                for (mutant, simulation) in zip(left, broken) where caught[mutant.name] == nil {
                    let comparison = Comparison(
                        kernel, simulation.prediction(of: probe), leaving: loaded.rules.leniency)
                    guard case .differs(let text) = comparison else { continue }
                    caught[mutant.name] = Catch(ruleSet: number, probe: probe, difference: text)
                }
            }
        }
    }
#endif
