import ClewBundle
import ClewNet
import ClewParsers
import ClewSnapshot
import ClewTestSupport
import Testing

@Suite struct KubernetesParserTests {
    static let artifact = ArtifactID(rawValue: 7)

    static func parse(_ text: String, isYAML: Bool = false) -> ParsedObjects {
        KubernetesParser.parse(Array(text.utf8), artifact: artifact, isYAML: isYAML)
    }

    static func line(_ number: UInt32) -> SourceLine { SourceLine(artifact, line: number) }

    private func address(_ text: String) -> IPAddress { IPAddress(text) ?? .zero(.ipv6) }

    static let serviceJSON = #"""
        {
          "apiVersion": "v1",
          "kind": "Service",
          "metadata": {
            "name": "api", "namespace": "shop", "resourceVersion": "4711", "uid": "x",
            "creationTimestamp": "2026-11-20T10:11:12Z",
            "labels": {"app": "api", "te\u0061m": "caf\u00e9"},
            "annotations": {"a": "say \"hi\"\n", "kubectl.kubernetes.io/last-applied-configuration": "{\"kind\":1}"},
            "managedFields": [{"fieldsV1": {"k:{\"port\":80}": {".": {}}}}]
          },
          "spec": {
            "type": "LoadBalancer", "clusterIP": "10.96.0.9", "clusterIPs": ["10.96.0.9", "fd00::9"],
            "ipFamilies": ["IPv4", "IPv6"], "externalIPs": ["203.0.113.7"],
            "loadBalancerSourceRanges": ["198.51.100.0/24"],
            "ports": [
              {"name": "http", "port": 80, "targetPort": "web", "nodePort": 30080, "appProtocol": "http"},
              {"name": "dns", "port": 53, "protocol": "UDP", "targetPort": 5353},
              {"name": "x", "port": 9, "protocol": "SCTP"}
            ],
            "selector": {"app": "api"}, "sessionAffinity": "ClientIP",
            "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 600}},
            "externalTrafficPolicy": "Local", "internalTrafficPolicy": "Cluster", "healthCheckNodePort": 32000,
            "publishNotReadyAddresses": true, "trafficDistribution": "PreferClose"
          },
          "status": {"loadBalancer": {"ingress": [
            {"ip": "192.0.2.4", "ipMode": "VIP", "ports": []}, {"hostname": "lb.example"}]}}
        }
        """#

    @Test func serviceHasEveryField() throws {
        let parsed = Self.parse(Self.serviceJSON)
        #expect(parsed.unread == [] && parsed.count == 1 && parsed.lines == 27)
        let service = try #require(parsed.objects.services.first)
        #expect(service.name == NamespacedName("shop", "api"))
        #expect(service.source == Self.line(1))
        #expect(service.type == "LoadBalancer")
        #expect(service.clusterIPs == [address("10.96.0.9"), address("fd00::9")])
        #expect(service.ipFamilies == [.ipv4, .ipv6])
        #expect(!service.isHeadless && service.publishNotReadyAddresses)
        #expect(service.externalIPs == [address("203.0.113.7")])
        #expect(service.loadBalancerSourceRanges == ["198.51.100.0/24"])
        #expect(service.labels == ["app": "api", "team": "café"])
        #expect(service.annotations == ["a": "say \"hi\"\n"])
        #expect(service.selector == ["app": "api"])
        #expect(service.sessionAffinity == "ClientIP" && service.sessionAffinityTimeout == 600)
        #expect(service.externalTrafficPolicy == "Local" && service.internalTrafficPolicy == "Cluster")
        #expect(service.trafficDistribution == "PreferClose" && service.healthCheckNodePort == 32000)
        #expect(service.creationTimestamp == "2026-11-20T10:11:12Z" && service.resourceVersion == 4711)
        var http = ServicePort(name: "http", port: 80)
        http.targetPort = .name("web")
        http.nodePort = 30080
        http.appProtocol = "http"
        var dns = ServicePort(name: "dns", ipProtocol: .udp, port: 53)
        dns.targetPort = .number(5353)
        #expect(service.ports == [http, dns, ServicePort(name: "x", ipProtocol: .sctp, port: 9)])
        #expect(
            service.loadBalancerIngress == [
                LoadBalancerIngress(address: address("192.0.2.4"), ipMode: "VIP"),
                LoadBalancerIngress(hostname: "lb.example"),
            ])
    }

    @Test func headlessAndExternalName() throws {
        let objects = Self.parse(
            #"{"apiVersion":"v1","kind":"ServiceList","items":["#
                + #"{"metadata":{"name":"h","namespace":"n"},"spec":{"clusterIP":"None","clusterIPs":["None"]}},"#
                + #"{"metadata":{"name":"e","namespace":"n"},"spec":{"type":"ExternalName","externalName":"x.org","clusterIP":"","selector":null}}]}"#
        ).objects
        #expect(objects.services.map(\.name.name) == ["e", "h"])
        #expect(objects.services[0].externalName == "x.org" && objects.services[0].type == "ExternalName")
        #expect(objects.services[0].clusterIPs == [] && !objects.services[0].isHeadless)
        #expect(objects.services[1].isHeadless && objects.services[1].clusterIPs == [])
    }

    @Test func endpointSliceHasEveryField() throws {
        let parsed = Self.parse(
            #"""
            {"addressType": "IPv4", "apiVersion": "discovery.k8s.io/v1", "endpoints": [
              {"addresses": ["10.244.1.5"], "conditions": {"ready": true, "serving": true, "terminating": false},
               "nodeName": "worker-a", "zone": "z1", "hostname": "web-0",
               "hints": {"forZones": [{"name": "z1"}, {"name": "z2"}], "forNodes": [{"name": "worker-a"}]},
               "targetRef": {"kind": "Pod", "name": "web-0", "namespace": "shop", "uid": "u"}},
              {"addresses": ["10.244.1.6"], "conditions": {}, "targetRef": {"kind": "Node", "name": "x"}},
              {"addresses": ["10.244.1.7"], "conditions": {"ready": false, "serving": null}}],
             "kind": "EndpointSlice",
             "metadata": {"name": "web-x", "namespace": "shop", "labels": {"kubernetes.io/service-name": "web"}},
             "ports": [{"name": "http", "port": 8080, "protocol": "TCP"}, {"name": "", "port": null, "protocol": "UDP"}]}
            """#)
        #expect(parsed.unread == [])
        let slice = try #require(parsed.objects.endpointSlices.first)
        #expect(slice.name == NamespacedName("shop", "web-x") && slice.serviceName == "web")
        #expect(slice.addressType == "IPv4" && slice.source == Self.line(1))
        #expect(
            slice.ports == [EndpointPort(name: "http", port: 8080), EndpointPort(ipProtocol: .udp)])
        #expect(
            slice.endpoints.map(\.addresses) == [
                [address("10.244.1.5")], [address("10.244.1.6")], [address("10.244.1.7")],
            ])
        let first = slice.endpoints[0]
        #expect(first.nodeName == "worker-a" && first.zone == "z1" && first.hostname == "web-0")
        #expect(first.hintZones == ["z1", "z2"] && first.hintNodes == ["worker-a"])
        #expect(first.pod == NamespacedName("shop", "web-0"))
        #expect(
            first.conditions.ready == true && first.conditions.serving == true && first.conditions.terminating == false)
        #expect(slice.endpoints[1].conditions == EndpointConditions() && slice.endpoints[1].pod == nil)
        #expect(slice.endpoints[2].conditions.ready == false && slice.endpoints[2].conditions.serving == nil)
    }

    @Test func olderSlicesAndEndpoints() throws {
        let parsed = Self.parse(
            #"""
            {"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1beta1","metadata":{"name":"old","namespace":"n"},
             "addressType":"IPv4","endpoints":[{"addresses":["10.1.1.1"],
             "topology":{"kubernetes.io/hostname":"n1","topology.kubernetes.io/zone":"z"}}],"ports":null}
            {"kind":"EndpointSlice","apiVersion":"discovery.k8s.io/v1","metadata":{"name":"names","namespace":"n"},
             "endpoints":[{"addresses":["a.example"]}],"addressType":"FQDN"}
            {"apiVersion":"v1","kind":"Endpoints","metadata":{"name":"web","namespace":"n"},"subsets":[
             {"addresses":[{"ip":"10.1.1.2","nodeName":"n1","hostname":"h","targetRef":{"kind":"Pod","name":"p","namespace":"n"}}],
              "notReadyAddresses":[{"ip":"10.1.1.3"}],"ports":[{"name":"http","port":80,"protocol":"TCP"},{"port":53,"protocol":"UDP"}]}]}
            """#)
        #expect(parsed.unread == [] && parsed.count == 3)
        let old = try #require(parsed.objects.endpointSlices.last)
        #expect(old.endpoints[0].nodeName == "n1" && old.endpoints[0].zone == "z" && old.ports == [])
        #expect(parsed.objects.endpointSlices[0].addressType == "FQDN")
        #expect(parsed.objects.endpointSlices[0].endpoints[0].addresses == [])
        let web = try #require(parsed.objects.endpoints.first)
        #expect(web.source == Self.line(6))
        #expect(web.subsets.count == 1)
        let subset = web.subsets[0]
        #expect(subset.ready.map(\.addresses) == [[address("10.1.1.2")]])
        #expect(subset.ready[0].pod == NamespacedName("n", "p") && subset.ready[0].nodeName == "n1")
        #expect(subset.notReady.map(\.addresses) == [[address("10.1.1.3")]])
        #expect(subset.ports == [EndpointPort(name: "http", port: 80), EndpointPort(ipProtocol: .udp, port: 53)])
    }

    @Test func podNodeNamespaceConfigMap() throws {
        let parsed = Self.parse(
            #"""
            {"apiVersion":"v1","kind":"List","items":[
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"web-0","namespace":"shop","labels":{"app":"web"},
             "deletionTimestamp":"2026-11-21T00:00:00Z","creationTimestamp":"2026-11-20T00:00:00Z"},
             "spec":{"nodeName":"worker-a","hostNetwork":true,
              "initContainers":[{"name":"i","ports":[{"containerPort":1}]},
               {"name":"s","restartPolicy":"Always","ports":[{"name":"mesh","containerPort":15001}]}],
              "containers":[{"name":"c","ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}]},
               {"name":"d","ports":[{"containerPort":53,"hostPort":5353,"hostIP":"10.0.0.1","protocol":"UDP"}]},{"name":"e"}]},
             "status":{"phase":"Running","podIP":"10.244.1.5","podIPs":[{"ip":"10.244.1.5"},{"ip":"fd00::5"}],
              "hostIP":"10.0.0.1","hostIPs":[{"ip":"10.0.0.1"}],
              "conditions":[{"type":"ContainersReady","status":"True"},{"type":"Ready","status":"False"}]}},
            {"apiVersion":"v1","kind":"Pod","metadata":{"name":"pending","namespace":"shop"},"spec":{},"status":{"phase":"Pending","podIP":""}},
            {"apiVersion":"v1","kind":"Node","metadata":{"name":"worker-a","labels":{"z":"1"},"annotations":{"flannel":"{\"VNI\":1}"}},
             "spec":{"podCIDR":"10.244.1.0/24","podCIDRs":["10.244.1.0/24","fd00:1::/64"]},
             "status":{"addresses":[{"address":"10.0.0.1","type":"InternalIP"},{"type":"ExternalIP","address":"203.0.113.1"},
              {"address":"worker-a","type":"Hostname"}],"conditions":[{"status":"True","type":"Ready"}],
              "nodeInfo":{"kubeletVersion":"v1.36.2","kubeProxyVersion":"v1.36.1","bootID":"b"}}},
            {"apiVersion":"v1","kind":"Namespace","metadata":{"name":"shop","labels":{"team":"a"}}},
            {"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"kube-proxy","namespace":"kube-system"},
             "data":{"config.conf":"mode: ipvs\n"},"binaryData":{"x":"AA=="}},
            {"apiVersion":"v1","kind":"Secret","metadata":{"name":"s"},"data":{"k":"v"}},
            {"apiVersion":"serving.knative.dev/v1","kind":"Service","metadata":{"name":"k","namespace":"n"},"spec":{"ports":"no"}}
            ]}
            """#)
        #expect(parsed.unread == [] && parsed.count == 7)
        let objects = parsed.objects
        #expect(objects.pods.map(\.name.name) == ["pending", "web-0"])
        let pod = objects.pods[1]
        #expect(pod.source == Self.line(2) && pod.nodeName == "worker-a" && pod.usesHostNetwork)
        #expect(pod.addresses == [address("10.244.1.5"), address("fd00::5")])
        #expect(pod.hostAddresses == [address("10.0.0.1")])
        #expect(pod.phase == "Running" && pod.isReady == false && pod.labels == ["app": "web"])
        #expect(pod.deletionTimestamp == "2026-11-21T00:00:00Z" && pod.creationTimestamp == "2026-11-20T00:00:00Z")
        var dns = ContainerPort(ipProtocol: .udp, containerPort: 53)
        dns.hostPort = 5353
        dns.hostIP = address("10.0.0.1")
        #expect(
            pod.containerPorts == [
                ContainerPort(name: "http", containerPort: 8080), dns,
                ContainerPort(name: "mesh", containerPort: 15001),
            ])
        #expect(objects.pods[0].addresses == [] && objects.pods[0].isReady == nil)
        let node = try #require(objects.nodes.first)
        #expect(node.name == "worker-a" && node.internalIPs == [address("10.0.0.1")])
        #expect(node.externalIPs == [address("203.0.113.1")] && node.isReady == true)
        #expect(node.podCIDRs.map(\.description) == ["10.244.1.0/24", "fd00:1::/64"])
        #expect(node.kubeletVersion == "v1.36.2" && node.kubeProxyVersion == "v1.36.1")
        #expect(node.annotations == ["flannel": "{\"VNI\":1}"] && node.labels == ["z": "1"])
        #expect(objects.namespaces.map(\.name) == ["shop"] && objects.namespaces[0].labels == ["team": "a"])
        #expect(objects.configMaps.map(\.data) == [["config.conf": "mode: ipvs\n"]])
        #expect(objects.otherKinds == ["Secret": 1, "Service": 1])
    }

    // MARK: Lists and documents

    @Test(arguments: [
        #"{"kind":"ServiceList","apiVersion":"v1","metadata":{},"items":[{"metadata":{"name":"a","namespace":"n"}}]}"#,
        #"{"apiVersion":"v1","items":[{"metadata":{"name":"a","namespace":"n"}}],"kind":"ServiceList"}"#,
        #"{"items":[{"metadata":{"name":"a","namespace":"n"}}],"kind":"ServiceList"}"#,
        #"{"apiVersion":"v1","items":[{"apiVersion":"v1","kind":"Service","metadata":{"name":"a","namespace":"n"}}],"kind":"List"}"#,
        #"{"items":[{"metadata":{"namespace":"n","name":"a"},"kind":"Service"}]}"#,
        #"[{"kind":"Service","metadata":{"namespace":"n","name":"a"}}]"#,
        #"{"kind":"List","items":[{"kind":"List","items":[{"kind":"Service","metadata":{"name":"a","namespace":"n"}}]}]}"#,
    ])
    func listsOfEachShape(text: String) {
        let parsed = Self.parse(text)
        #expect(parsed.unread == [] && parsed.count == 1)
        #expect(parsed.objects.services.map(\.name) == [NamespacedName("n", "a")])
    }

    @Test func emptyListsAndOtherLists() {
        let parsed = Self.parse(
            #"{"kind":"PodList","items":null} {"kind":"List","items":[]} {"kind":"AllowList","metadata":{"name":"x"}} "#
                + #"{"kind":"NodeMetricsList","apiVersion":"metrics.k8s.io/v1","items":[{"metadata":{"name":"n"}}]}"#)
        #expect(parsed.unread == [] && parsed.count == 2)
        #expect(parsed.objects.otherKinds == ["AllowList": 1, "NodeMetrics": 1])
        #expect(Self.parse(" \n ").unread == [] && Self.parse("").count == 0)
    }

    @Test func documentsOneAfterTheOther() {
        let parsed = Self.parse(
            "Warning: v1 Endpoints is deprecated\n" + Self.serviceJSON + "\n"
                + #"{"kind":"Namespace","metadata":{"name":"a"}}{"kind":"Namespace","metadata":{"name":"b"}}"#)
        #expect(parsed.objects.services.map(\.source) == [Self.line(2)])
        #expect(parsed.objects.namespaces.map(\.name) == ["a", "b"])
        #expect(parsed.objects.namespaces.map(\.source) == [Self.line(29), Self.line(29)])
        #expect(parsed.unread.map(\.source) == [Self.line(1)])
        #expect(parsed.unread.map(\.text) == ["Warning: v1 Endpoints is deprecated"])
    }

    // MARK: What is wrong

    @Test func wrongFieldsAreNotedAndTheRestIsRead() throws {
        let parsed = Self.parse(
            #"""
            {"kind":"List","items":[
            {"kind":"Service","metadata":{"name":"bad","namespace":"n","labels":["x"]},"spec":{
              "clusterIP":"10.96.0.300",
              "ports":[{"port":"http"},
                       {"port":80,"protocol":"ICMP"},
                       {"port":70000},
                       {"port":443,"targetPort":[1]}],
              "type":7,
              "publishNotReadyAddresses":"yes"}},
            {"kind":"Service","metadata":{"namespace":"n"}},
            "text",
            {"metadata":{"name":"nokind"}},
            {"kind":"Service","metadata":{"name":"good","namespace":"n"}}]}
            """#)
        #expect(parsed.objects.services.map(\.name.name) == ["bad", "good"])
        let bad = parsed.objects.services[0]
        #expect(bad.ports == [ServicePort(port: 443)] && bad.clusterIPs == [] && bad.type == "ClusterIP")
        let notes = parsed.unread.map { "\($0.source.line) \($0.reason)" }
        #expect(
            notes == [
                "2 Service n/bad: metadata.labels: expected an object",
                "3 Service n/bad: spec.clusterIP: not an IP address",
                "4 Service n/bad: spec.ports[].port: expected a number",
                "4 Service n/bad: spec.ports[]: left out, as it has no port",
                "5 Service n/bad: spec.ports[].protocol: not a protocol",
                "6 Service n/bad: spec.ports[].port: expected a whole number from 0 to 65535",
                "6 Service n/bad: spec.ports[]: left out, as it has no port",
                "7 Service n/bad: spec.ports[].targetPort: expected a number",
                "8 Service n/bad: spec.type: expected a string",
                "9 Service n/bad: spec.publishNotReadyAddresses: expected true or false",
                "10 object not read: expected metadata.name of a Service",
                "11 object not read: expected an object",
                "12 object not read: expected an object with a kind",
            ])
        #expect(parsed.unread[1].text == "\"clusterIP\":\"10.96.0.300\",")
    }

    @Test func endpointPortsNeverWidenByMistake() {
        let parsed = Self.parse(
            #"{"kind":"EndpointSlice","addressType":"IPv4","metadata":{"name":"s","namespace":"n"},"#
                + #""endpoints":[{"addresses":["x"]}],"ports":[{"port":"80"},{"port":90000},{"port":81}]}"#)
        #expect(parsed.objects.endpointSlices[0].ports == [EndpointPort(port: 81)])
        #expect(parsed.unread.count == 3)
    }

    @Test func syntaxErrorsEndOneObjectOrOneDocument() {
        let missingComma = Self.parse(
            #"""
            {"kind":"List","items":[
            {"kind":"Namespace","metadata":{"name":"a"}},
            {"kind":"Namespace" "metadata":{"name":"b"}},
            {"kind":"Namespace","metadata":{"name":"c"}}]}
            """#)
        #expect(missingComma.objects.namespaces.map(\.name) == ["a", "c"])
        #expect(missingComma.unread.map(\.source) == [Self.line(3)])
        let cut = Self.parse(
            """
            {"kind":"List","items":[
            {"kind":"Namespace","metadata":{"name":"a"}},
             {"kind":"Namespace","metadata":{"na
            {"kind":"List","items":[
             {"kind":"Namespace","metadata":{"name":"d"}}]}
            """)
        #expect(cut.objects.namespaces.map(\.name) == ["a", "d"])
        #expect(cut.unread.map(\.source.line) == [3])
    }

    // MARK: Merging

    @Test(arguments: [51, 52, 53] as [UInt64])
    func objectsOfAnyOrderAreSorted(seed: UInt64) {
        var random = SeededGenerator(seed: seed)
        let names = (0..<200).map { _ in "s\(Int.random(in: 0..<150, using: &random))" }
        let items = names.enumerated().map { i, name in
            #"{"kind":"Namespace","metadata":{"name":"\#(name)","resourceVersion":"\#(i)"}}"#
        }
        let found = Self.parse(items.joined(separator: "\n")).objects.namespaces
        #expect(found.map(\.name) == Set(names).sorted(), "seed \(seed)")
        // The line tells the element: each name's last.
        let lines = found.map { names.lastIndex(of: $0.name).map { UInt32($0 + 1) } ?? 0 }
        #expect(found.map(\.source.line) == lines, "seed \(seed)")
    }

    @Test func theSameObjectIsKeptOnce() {
        func service(_ version: String, _ type: String) -> KubernetesObjects {
            Self.parse(
                #"{"kind":"Service","metadata":{"name":"a","namespace":"n"\#(version)},"spec":{"type":"\#(type)"}}"#
            ).objects
        }
        var objects = service(#","resourceVersion":"20""#, "newer")
        objects.merge(service(#","resourceVersion":"3""#, "older"))
        #expect(objects.services.map(\.type) == ["newer"])
        objects.merge(service(#","resourceVersion":"100""#, "newest"))
        #expect(objects.services.map(\.type) == ["newest"])
        objects.merge(service("", "last"))
        #expect(objects.services.map(\.type) == ["last"])
        objects.merge(
            Self.parse(#"{"kind":"Service","metadata":{"name":"0","namespace":"n"}} {"kind":"Secret"}"#).objects)
        #expect(objects.services.map(\.name.name) == ["0", "a"] && objects.otherKinds == ["Secret": 1])
    }
}
