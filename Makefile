# The commands of this repository; `make help` lists them.

SWIFT ?= swift
SOURCES := Sources Tests Benchmarks Package.swift

# What `make demo` traces: a Service whose pod is on the client's own node, which fails.
DEMO := trace Examples/bridge-nf-off --from pod/shop/web-0 --to svc/shop/api
# What finds the cause, and a fix.
DEMO_CHECK := check Examples/bridge-nf-off

.DEFAULT_GOAL := help
.NOTPARALLEL:
.PHONY: help deps demo docs test lint fmt ci bench services-scale lab lab-fuzz lab-mutants lab-vm

help: ## list the commands
	@sed -n 's/^\([a-z-]*\):.*## /\1\t/p' Makefile | expand -t 8

deps: ## install the system libraries that are missing, where that is possible
	@.ci/deps

demo: deps ## build the release binary, trace an example and find its cause
	$(SWIFT) build -c release --product clew
	@clew="$$($(SWIFT) build -c release --show-bin-path)/clew"; \
	for command in '$(DEMO)' '$(DEMO_CHECK)'; do \
		printf '\n$$ clew %s\n\n' "$$command"; \
		"$$clew" $$command; status=$$?; \
		case $$status in \
		0) ;; \
		1) printf '\n(exit code 1: something fails, which is what this example is there to show)\n' ;; \
		*) exit $$status ;; \
		esac; \
	done

docs: deps ## write docs/checks anew from the checks
	$(SWIFT) build --product clew
	rm -f docs/checks/*.md && mkdir -p docs/checks
	"$$($(SWIFT) build --show-bin-path)/clew" checks --markdown docs/checks

test: deps ## run all tests
	$(SWIFT) test

lint: deps ## check format and style, and that targets import only what they depend on
	$(SWIFT) format lint --strict -r $(SOURCES)
	$(SWIFT) build --explicit-target-dependency-import-check error

fmt: ## format the sources
	$(SWIFT) format -i -r $(SOURCES)

ci: lint test ## what has to pass: lint, then test

bench: deps ## compare speed and memory with other programs, release build
	$(SWIFT) build -c release --product clew-bench
	"$$($(SWIFT) build -c release --show-bin-path)/clew-bench"

# Damages of rules that clew services has to find, and the seed of the campaign.
DAMAGES ?= 5000

services-scale: deps ## clew services on all recorded nodes and on DAMAGES damaged rule sets, optimised
	CLEW_SCALE=1 CLEW_MUTATIONS=$(DAMAGES) CLEW_SEED=$(SEED) $(SWIFT) test -c release -Xswiftc -enable-testing \
		--filter ClewCompareTests

# LAB narrows it down: make lab LAB='--network bridge-vxlan --fault forward-drop'; JOBS labs run at once.
LAB ?=
JOBS ?= 2
# Optimised, since a campaign is long; the mutants of lab-mutants are in the debug build only.
CLEW_LAB = $$($(SWIFT) build -c release --show-bin-path)/clew-lab
RECORDED := $(wildcard Tests/Corpus/lab-rules/*-*)

lab: deps ## compare Clew with the kernel in real networks, healthy and broken, and on random rules (root)
	$(SWIFT) build -c release --product clew-lab
	"$(CLEW_LAB)" recorded --node worker-a $(RECORDED)
	$(MAKE) lab-fuzz N=40
	"$(CLEW_LAB)" test --jobs $(JOBS) $(LAB)

# Rule sets of each backend, half of them of each family, and the campaign's seed.
N ?= 2000
SEED ?= 1

lab-fuzz: deps ## compare Clew with the kernel on N random rule sets of each backend (root)
	$(SWIFT) build -c release --product clew-lab
	@half=$$((($(N) + 1) / 2)); jobs=; status=0; \
	for backend in legacy nft; do for family in 4 6; do \
		"$(CLEW_LAB)" fuzz --seed $(SEED) --count $$half --backend $$backend --family $$family & jobs="$$jobs $$!"; \
	done; done; \
	for job in $$jobs; do wait $$job || status=1; done; exit $$status

lab-mutants: deps ## break the simulator on purpose, and show that lab-fuzz notices (root)
	$(SWIFT) build --product clew-lab
	"$$($(SWIFT) build --show-bin-path)/clew-lab" mutants

lab-vm: deps ## compare Clew with a kernel that has IPVS and IP in IP, in a virtual machine
	$(SWIFT) build --product clew-lab
	"$$($(SWIFT) build --show-bin-path)/clew-lab" vm --quiet
