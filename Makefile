# dsync: every task, here and in CI. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run console demo chaos directory tail api-key redrive reset build test lint synth bootstrap diff deploy destroy logs smoke bench fuzz mutate screenshots clean

FUNCTIONS := $(notdir $(wildcard functions/*))
BINARIES  := $(FUNCTIONS:%=dist/%/bootstrap)
STAGE     ?= dev
PORT      ?= 8080
# Further CDK options, for example CONTEXT='-c tracing=on'. Permanent settings go to cdk.json.
CONTEXT   ?=
FUZZTIME  ?= 10m

# Reproducible arm64 binaries: no paths, no build id, no commit, no RPC mode.
LAMBDA_BUILD := CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -buildvcs=false -tags lambda.norpc -ldflags '-s -w -buildid='

# Silence the banner of the CDK's runtime about the end of life of Node.js 20.
CDK := JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 npx --no-install cdk

##@ Help
help: ## List the tasks
	@awk -F ':.*## ' '/^##@ / { printf "\n%s\n", substr($$0, 5) } /^[a-z-]+:.*## / { printf "  make %-9s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##@ On this machine
run: ## Run the whole system; needs no AWS account (PORT=8080, PROCESSES=1 for real binaries, UNKIND=1 for the faults of AWS)
	@mkdir -p .local
	@go build -o .local/dsync ./infra/cmd/local
	@PORT=$(PORT) exec .local/dsync

console: ## Print a link that signs you in to the console (NAME='Ada Lovelace'; ROLE=viewer or operator, admin by default; STACK=dsync-dev for a deployed stack)
	@go run ./infra/cmd/operate console

demo: ## Simulate Entra against the running system and check every event (PROFILE=okta for Okta)
	@go run ./infra/cmd/demo

chaos: ## Check that no event is lost: 10,000 changes under injected faults
	go run ./infra/cmd/chaos

directory: ## Create a directory and print its Tenant URL and Secret Token (NAME='Acme Inc.' TYPE=okta)
	@go run ./infra/cmd/operate directory "$$NAME"

tail: ## Follow events live, one line per event
	@go run ./infra/cmd/operate tail

api-key: ## Create an API key (NAME='billing service'; SCOPE='manage keys', read by default; ORGANIZATION=org_…; STACK=dsync-dev for a deployed stack)
	@go run ./infra/cmd/operate api-key "$$NAME"

redrive: ## Publish what could not be published, or a range of the log again (FROM=… TO=…; STACK=dsync-dev for a deployed stack)
	@go run ./infra/cmd/operate redrive "$$FROM" "$$TO"

reset: ## Delete the data of `make run`
	@go run ./infra/cmd/local reset

##@ Development
build: $(BINARIES) ## Build the Lambda binaries into dist/

.PHONY: $(BINARIES)
$(BINARIES): dist/%/bootstrap:
	$(LAMBDA_BUILD) -o $@ ./functions/$*

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
	npm ci --no-audit --no-fund

synth: build node_modules/.package-lock.json ## Write the CloudFormation template to cdk.out/
	$(CDK) synth --quiet -c stage=$(STAGE) $(CONTEXT)

mutate: ## Change the code in one place at a time: a test must fail (PACKAGE=eventlog for one package)
	@go run ./infra/cmd/mutate $(PACKAGE)

##@ Deployed
bootstrap: build node_modules/.package-lock.json ## Prepare an AWS account and Region for the CDK, once
	$(CDK) bootstrap -c stage=$(STAGE) $(CONTEXT)

diff: build node_modules/.package-lock.json ## Show what a deployment would change (STAGE=dev)
	$(CDK) diff -c stage=$(STAGE) $(CONTEXT)

deploy: build node_modules/.package-lock.json ## Show what changes and what an idle stage costs, then deploy (STAGE=dev)
	$(CDK) diff -c stage=$(STAGE) $(CONTEXT)
	@go run ./infra/cmd/cost idle
	$(CDK) deploy -c stage=$(STAGE) $(CONTEXT)

destroy: build node_modules/.package-lock.json ## Delete the stack (STAGE=dev); STAGE=prod needs FORCE=1
	@if [ "$(STAGE)" != dev ] && [ "$(FORCE)" != 1 ]; then \
		echo "dsync-$(STAGE) serves customers: their Tenant URLs would stop working. If that is meant: make destroy STAGE=$(STAGE) FORCE=1"; exit 1; \
	fi
	$(CDK) destroy -c stage=$(STAGE) $(CONTEXT)

logs: ## Follow the log of a deployed function (FUNCTION=relay STAGE=dev)
	@[ -n "$(FUNCTION)" ] || { echo "which function? make logs FUNCTION=<one of: $(FUNCTIONS)>"; exit 1; }
	@id=$$(echo $(FUNCTION) | awk '{ print toupper(substr($$0, 1, 1)) substr($$0, 2) "Logs" }'); \
	group=$$(aws cloudformation list-stack-resources --stack-name dsync-$(STAGE) --output json \
		--query "StackResourceSummaries[?starts_with(LogicalResourceId,'$$id')].PhysicalResourceId | [0]" | tr -d '"'); \
	[ -n "$$group" ] && aws logs tail "$$group" --follow --since 15m

smoke: ## Simulate Entra against a deployed stack and check responses and events (DSYNC_URL=… DSYNC_API_KEY=…)
	@go run ./infra/cmd/demo -remote

##@ Measurements
bench: ## Print CPU, allocations, round trips and capacity units
	DSYNC_BENCH=1 go test -run '^TestBudget' -v ./internal/session ./internal/relay
	DSYNC_BENCH=1 go test -run '^TestPurge$$' -v ./internal/jobs
	DSYNC_BENCH=1 go test -run '^TestTraffic$$' -v ./infra/cmd/cost
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

screenshots: node_modules/.package-lock.json ## Write a picture of each page of the console to screenshots/, and those of the README to docs/
	SCREENSHOTS=$(CURDIR)/screenshots PICTURES=$(CURDIR)/docs CI=true go test -count 1 -run '^(TestPages|TestPictures)$$' ./infra/test/browser

clean: ## Remove build output
	rm -rf dist cdk.out node_modules screenshots
