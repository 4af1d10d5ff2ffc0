# dsync: every task, here and in CI. `make help` lists them.
.DEFAULT_GOAL := help
.PHONY: help run demo reset build test lint synth deploy bench fuzz clean

FUNCTIONS := $(notdir $(wildcard functions/*))
BINARIES  := $(FUNCTIONS:%=dist/%/bootstrap)
STAGE     ?= dev
PORT      ?= 8080
FUZZTIME  ?= 10m

# Reproducible arm64 binaries: no paths, no build id, no RPC mode.
LAMBDA_BUILD := CGO_ENABLED=0 GOOS=linux GOARCH=arm64 go build -trimpath -tags lambda.norpc -ldflags '-s -w -buildid='

# The CDK's runtime prints a banner about Node.js 20 that nobody here can act on.
CDK := JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION=20 npx --no-install cdk

help: ## List the tasks
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

run: ## Run the whole system on this machine (PORT=8080); no AWS account
	@mkdir -p .local
	@go build -o .local/dsync ./infra/local
	@PORT=$(PORT) exec .local/dsync

demo: ## Play Entra against the running system and check every event
	@go run ./infra/demo

reset: ## Forget the data of `make run`
	@go run ./infra/local reset

build: $(BINARIES) ## Build the Lambda binaries into dist/

.PHONY: $(BINARIES)
$(BINARIES): dist/%/bootstrap:
	$(LAMBDA_BUILD) -o $@ ./functions/$*

test: lint ## What CI runs: lint, then every test with the race detector
	go test -race $$(go list ./... | grep -v -e '^dsync/infra/stack$$' -e '^dsync/infra$$')
	go test ./infra/stack

lint: synth ## gofmt, go vet, staticcheck, cfn-lint
	@unformatted=$$(gofmt -l $$(git ls-files -co --exclude-standard '*.go')); \
	if [ -n "$$unformatted" ]; then echo "gofmt would change:"; echo "$$unformatted"; exit 1; fi
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

synth: build node_modules/.package-lock.json ## Write the CloudFormation template into cdk.out/
	$(CDK) synth --quiet -c stage=$(STAGE)

deploy: build node_modules/.package-lock.json ## Deploy to your AWS account (STAGE=dev)
	$(CDK) deploy -c stage=$(STAGE)

bench: ## Print CPU, allocations, round trips and capacity units
	DSYNC_BENCH=1 go test -run '^TestBudget' -v ./internal/directory
	go test -run '^$$' -bench . -benchmem ./internal/...

fuzz: ## Run each fuzz target for FUZZTIME (10m)
	@for package in ./internal/scim ./internal/provider; do \
		for target in $$(go test -list '^Fuzz' $$package | grep '^Fuzz'); do \
			echo "$$package $$target"; \
			go test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 5x $$package || exit 1; \
		done; \
	done

clean: ## Remove what was built
	rm -rf dist cdk.out node_modules
