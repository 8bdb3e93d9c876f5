# The one list of commands. `make run` needs Rust alone; `make test` runs every test that this machine can.

LANGUAGES ?= python javascript
CLUSTER ?= locus
# The benchmark on a cluster: latency, writes, burst or finished, each with --help.
BENCH ?= latency --samples 20
TARGET := $(shell uname -m)-unknown-linux-musl
BINARIES := locus-runner locus-operator locus-api-server
# A language that shares the image of another names it in its file.
IMAGE_OF = $(or $(shell sed -n 's/^image: //p' languages/$(1)/language.yaml),$(1))
RUNNERS := $(sort $(foreach language,$(LANGUAGES),$(call IMAGE_OF,$(language))))
IMAGES := locus/operator:dev locus/api-server:dev $(RUNNERS:%=locus/runner-%:dev)

.PHONY: help run test clients binaries cli images base-images languages load kind crds bench clear

help: ## list the commands
	@grep -hE '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/'

run: ## serve the page and POST /execute on 127.0.0.1:8000, with no cluster
	cargo run -p locus-api-server

test: ## every test that this machine can run
	tests/run

# Static binaries, so that any image and any machine can hold them: packages, and the binaries of them.
define build
	rustup target add $(TARGET)
	CC_$(subst -,_,$(TARGET))=cc cargo build --release --target $(TARGET) $(1:%=-p %)
	mkdir -p dist
	cp $(foreach binary,$(2),$${CARGO_TARGET_DIR:-target}/$(TARGET)/release/$(binary)) dist/
endef

binaries: ## build the static binaries of the images into dist/
	$(call build,$(BINARIES),$(BINARIES))

cli: ## build the command line into dist/: locus and kubectl-locus
	$(call build,locus-cli,locus kubectl-locus)

images: binaries base-images $(RUNNERS:%=image-%) ## build the container images: make images LANGUAGES="python c"
	docker build -q -t locus/operator:dev -f operator/Dockerfile dist
	docker build -q -t locus/api-server:dev -f api-server/Dockerfile dist

base-images: binaries
	docker build -q -t locus/runner:dev -f runner/Dockerfile dist
	docker build -q -t locus/base:dev -f languages/base.Dockerfile languages
	docker build -q -t locus/fetch:dev -f languages/fetch.Dockerfile languages

image-%: # the runner image of a folder of languages/
	docker build -q -t locus/runner-$*:dev -f languages/$*/Dockerfile languages

# Those that are checked; with ALL=1 all there are, and each image is removed behind its check.
languages: base-images ## check languages in their images and record it: make languages LANGUAGES="python c", or ALL=1
	cargo run -q -p locus-e2e --bin languages -- check --build --record $(if $(ALL),--remove,$(LANGUAGES))
	cargo run -q -p locus-e2e --bin languages -- document

load: ## put the images on the kind cluster
	kind load docker-image --name $(CLUSTER) $(IMAGES)

kind: images ## a whole working Locus: cluster, images, chart
	kind get clusters | grep -qx $(CLUSTER) || kind create cluster --name $(CLUSTER) --config kind-config.yaml
	$(MAKE) load
	helm upgrade --install --kube-context kind-$(CLUSTER) --wait --timeout 3m locus charts/locus

crds: ## generate crds/ and the chart's copy from the types
	cargo run -q -p locus-api --bin crdgen -- crds charts/locus/files/crds

bench: ## time runs beside Jobs and bare interpreters on the cluster; others: make bench BENCH="burst --runs 100"
	LOCUS_E2E_CONTEXT=$${LOCUS_E2E_CONTEXT:-kind-$(CLUSTER)} cargo run --release -p locus-e2e --bin bench -- $(BENCH)

clients: ## published clients of other systems against a server with no cluster
	tests/clients/run $(CLIENTS)

clear: ## remove the cluster and what was built
	-kind delete cluster --name $(CLUSTER)
	-docker image rm $(IMAGES)
	rm -rf dist
	cargo clean
