# dsync: every task, here and in CI. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run console demo chaos directory tail api-key redrive reset doctor restore build test lint synth bootstrap diff deploy destroy logs smoke bench fuzz mutate screenshots release clean region app consent

FUNCTIONS := $(notdir $(wildcard functions/*))
BINARIES  := $(FUNCTIONS:%=dist/%/bootstrap)
# The stage of the tasks that build or change a stack. The other tasks act on the
# stack of a stage only if STAGE is given, and on this machine otherwise.
STAGE     ?= dev
# Further CDK options, for example CONTEXT='-c tracing=on'. Permanent settings go to infra/settings/<stage>.json.
CONTEXT   ?=
FUZZTIME  ?= 10m

# A name may have a $, which is not a variable of make.
ifneq ($(origin NAME),undefined)
override NAME := $(value NAME)
export NAME
endif

# Reproducible arm64 binaries: no paths, no build id, no commit, no RPC mode.
LAMBDA_BUILD := CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid='

# They say what they do, and end a failure without a line of make: see quiet.sh.
TASK     := @sh infra/cmd/task.sh
CDK      := @sh infra/cmd/cdk.sh
PROGRESS := @sh infra/cmd/progress.sh

help: ## List the tasks
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)
	@printf '\nSTAGE=prod, or another stage, lets a task act on the deployed stack dsync-prod. docs/deploy.md has the settings.\n'

##@ On this machine, without an AWS account
run: ## Run the whole system (PORT=8080, PROCESSES=1 for real binaries, UNKIND=1 for the faults of AWS)
	$(TASK) local

demo: ## Simulate Entra against the running system and check every event (PROFILE=okta for Okta; SETUP=1 for an admin with a setup link who makes the classic mistakes)
	$(TASK) demo

reset: ## Delete the data of `make run`
	$(TASK) local reset

##@ On this machine, or on a deployed stack with STAGE=dev
directory: ## Create a directory and print its Tenant URL and Secret Token (NAME='Acme Inc.' TYPE=okta)
	$(TASK) operate directory

tail: ## Follow events live, one line per event
	$(TASK) operate tail

console: ## Print a link that signs you in to the console (NAME='Ada Lovelace'; ROLE=viewer or operator, admin by default)
	$(TASK) operate console

api-key: ## Create an API key (NAME='billing service'; SCOPE='manage keys', read by default; ORGANIZATION=org_…)
	$(TASK) operate api-key

redrive: ## Publish what could not be published, or a range of the log again (FROM=… TO=…)
	$(TASK) operate redrive

doctor: ## Check that everything works, up to the event of a change, and say what to do
	$(TASK) operate doctor

##@ On a deployed stack
region:
	@sh infra/cmd/region.sh

bootstrap: region build app node_modules/.package-lock.json ## Prepare an AWS account and Region for the CDK, once
	$(CDK) bootstrap --app dist/tools/infra -c stage=$(STAGE) $(CONTEXT)

diff: region synth ## Show what a deployment would change
	$(PROGRESS) "Comparing the template with the stack that is deployed." sh infra/cmd/cdk.sh diff --app cdk.out $(CONTEXT)

deploy: diff ## Show what changes and what an idle stage costs, then deploy to your AWS account
	@go run ./infra/cmd/cost idle
	$(CDK) deploy --app cdk.out $(CONTEXT)

smoke: ## Simulate Entra against the stack and check responses and events (DSYNC_API_KEY=…)
	$(TASK) demo -remote

logs: ## Follow the log of a function (FUNCTION=relay)
	$(TASK) operate logs

restore: ## Restore the table to an earlier time (TO=2026-05-04T12:00:00Z; shows the steps, APPLY=1 does them; may be repeated)
	$(TASK) operate restore

consent:
	@if [ "$(STAGE)" != dev ] && [ "$(FORCE)" != 1 ]; then \
		echo "dsync-$(STAGE) serves customers: their Tenant URLs would stop working. If that is meant: make destroy STAGE=$(STAGE) FORCE=1"; exit 1; \
	fi

destroy: consent region synth ## Delete the stack; FORCE=1 asks nothing, and is needed for a stage other than dev
	$(CDK) destroy --app cdk.out $(if $(filter 1,$(FORCE)),--force) $(CONTEXT)

##@ Development
build: $(BINARIES) ## Build the Lambda binaries into dist/

.PHONY: $(BINARIES)
$(BINARIES): dist/%/bootstrap:
	$(PROGRESS) "Building the function $* for arm64." \
		env $(LAMBDA_BUILD) -o $@ ./functions/$*

app:
	$(PROGRESS) "Building the CDK app. The first time, this takes some minutes." \
		go build -v -o dist/tools/infra ./infra

test: lint node_modules/.package-lock.json ## Run what CI runs: lint, then every test with the race detector
	go test -race -timeout 20m $$(go list ./... | grep -v -e '^dsync/infra/stack$$' -e '^dsync/infra$$')
	@# Every interleaving of two relays: without the race detector, which would take minutes.
	go test -v -run '^(TestEveryInterleaving|TestModelNoticesSabotage)$$' ./internal/relay
	go test ./infra/stack

lint: synth ## Run gofmt, go mod tidy, go vet, staticcheck and cfn-lint
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
	go mod tidy -diff
	go vet ./...
	go tool staticcheck ./...
	@# W3005: the CDK writes a DependsOn from each function to its role, which is implied.
	@if command -v cfn-lint >/dev/null; then \
		echo "cfn-lint cdk.out/*.template.json"; cfn-lint --ignore-checks W3005 -- cdk.out/*.template.json; \
	else \
		echo "cfn-lint is not installed: the template was not checked (pip install cfn-lint)"; \
	fi

node_modules/.package-lock.json: package.json package-lock.json
	$(PROGRESS) "Installing the CDK (npm ci)." npm ci --no-audit --no-fund

synth: build app node_modules/.package-lock.json ## Write the CloudFormation template to cdk.out/ (STAGE=dev)
	$(PROGRESS) "Writing the template of the stage $(STAGE) to cdk.out/." \
		sh infra/cmd/cdk.sh synth --quiet --app dist/tools/infra -c stage=$(STAGE) $(CONTEXT)

mutate: ## Change the code in one place at a time: a test must fail (PACKAGE=eventlog for one package)
	@go run ./infra/cmd/mutate $(PACKAGE)

chaos: ## Check that no event is lost: 10,000 changes under injected faults
	go run ./infra/cmd/chaos

bench: ## Print CPU, allocations, round trips and capacity units
	DSYNC_BENCH=1 go test -run '^TestBudget' -v ./internal/session ./internal/relay
	DSYNC_BENCH=1 go test -run '^TestPurge$$' -v ./internal/jobs
	DSYNC_BENCH=1 go test -run '^TestTraffic$$' -v ./infra/cmd/cost
	@# The table of docs/performance.md: it wants a machine that has nothing else to do.
	DSYNC_BENCH=1 go test -run '^TestSpeed$$' -timeout 90m ./infra/test/scale
	DSYNC_BENCH=1 go test -run '^TestCostAtScale$$' -v -timeout 90m ./infra/test/scale
	DSYNC_BENCH=1 go test -run '^TestWorstRequests$$' -v ./internal/provider ./internal/api
	DSYNC_BENCH=1 go test -run '^TestNoisyNeighbour$$' -v ./infra/test/neighbour
	go test -run '^$$' -bench . -benchmem ./internal/...

fuzz: ## Run each fuzz target for FUZZTIME (10m)
	@for package in $$(go list ./internal/scim/... ./internal/provider); do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$package || exit 1; \
		done; \
	done

screenshots: node_modules/.package-lock.json ## Write a picture of each page for people to screenshots/, and those of the README to docs/
	SCREENSHOTS=$(CURDIR)/screenshots PICTURES=$(CURDIR)/docs CI=true go test -count 1 -run '^(TestPages|TestSetupPages|TestPictures)$$' ./infra/test/browser

release: ## Check that this commit is the release that docs/changelog.md describes, and tag it
	$(TASK) operate release

clean: ## Remove build output
	rm -rf dist cdk.out node_modules screenshots
