# vbfs: backups of virtual machines that are simply there. `make help` tells what can be made.

PREFIX ?= /usr/local
PACKAGES = pkg-config libnbd-dev libnbd-bin python3-libnbd nbdkit nbdkit-plugin-dev gcc qemu-utils qemu-system-x86 seabios fuse3 fio parted fdisk \
	gdisk e2fsprogs xfsprogs btrfs-progs ntfs-3g dosfstools exfatprogs strace openssl linux-image-cloud-amd64 \
	busybox-static cpio zstd kmod libvirt-daemon-system libvirt-daemon-driver-qemu libvirt-clients virtnbdbackup openssh-server swtpm \
	swtpm-tools qemu-guest-agent ovmf
PEERS = restic borgbackup
FUZZTIME ?= 20s
SEED ?= 1

.PHONY: help build demo test race lint fuzz torture bench install man deps clean

help: ## tell what can be made
	@grep -hE '^[a-z-]+:.*##' Makefile | sed 's/:.*## /\t/' | expand -t 10

build: ## build bin/vbackup and bin/vbfs
	go build -o bin/vbackup ./cmd/vbackup
	CGO_ENABLED=0 go build -o bin/vbfs ./cmd/vbfs

demo: deps build ## the main job on a real disk, as commands to repeat; needs root
	@sh testdata/demo.sh bin

test: deps lint ## install what is missing, then run every test; needs root
	go test -count=1 -timeout 20m ./... ./testdata/lab ./testdata/vsim

race: deps ## the tests under the race detector
	go test -race -count=1 -timeout 60m ./... ./testdata/lab ./testdata/vsim

lint: ## gofmt, vet, staticcheck, and a build without C
	@unformatted=$$(gofmt -l $$(git ls-files '*.go')); test -z "$$unformatted" || { echo "gofmt: $$unformatted"; exit 1; }
	go vet ./... ./testdata/lab ./testdata/victim ./testdata/vsim
	go tool staticcheck ./... ./testdata/lab ./testdata/victim ./testdata/vsim
	CGO_ENABLED=0 go build -o /dev/null ./cmd/vbfs
	CGO_ENABLED=0 go vet ./... ./testdata/lab ./testdata/victim ./testdata/vsim

fuzz: ## every fuzz target for FUZZTIME
	@for p in $$(go list ./...); do for f in $$(go test -list '^Fuzz' $$p 2>/dev/null | grep '^Fuzz'); do \
		echo "$$p $$f"; go test -run '^$$' -fuzz "^$$f$$" -fuzztime $(FUZZTIME) -fuzzminimizetime 1x $$p || exit 1; done; done

torture: deps ## the long form of the damage, model and fault tests: hours; SEED chooses the dice
	go test -count=1 -timeout 0 ./index -run Flipped -flips 1000
	go test -count=1 -timeout 0 ./acceptance -run TestModel -rounds 2000
	go test -count=1 -timeout 0 ./index -run Interleaved -interleavings 20000
	go test -count=1 -timeout 60m ./torture -v -run 'PowerCuts' -cuts 1000 -seed $(SEED)
	go test -count=1 -timeout 30m ./torture -v -run 'Killed|Stopped|Clock|Full|Mix' -kills 500 -stops 100 -jumps 400 -seed $(SEED)
	go test -count=1 -timeout 60m ./torture -v -run 'Damaged|Faults|Listings' -flips 1000 -faults 500 -seed $(SEED)
	go test -count=1 -timeout 60m ./torture -v -run 'Soak' -soak 20m -seed $(SEED)

bench: deps build ## measure against the peers; writes docs/benchmarks.md
	@$(call install,$(PEERS))
	go run ./bench

install: build man ## install programs and man pages below PREFIX
	install -D -t $(DESTDIR)$(PREFIX)/bin bin/vbackup bin/vbfs
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man1 bin/man/*.1
	install -D -m 644 -t $(DESTDIR)$(PREFIX)/share/man/man7 bin/man/*.7

man: build ## write man pages to bin/man
	mkdir -p bin/man
	bin/vbackup man bin/man
	bin/vbfs man bin/man
	@for page in docs/coming-from-*.md docs/policy.md docs/vsphere-privileges.md; do name=vbackup-$$(basename $$page .md); \
		sed "1s/^# \(.*\)/# $$name 7\n\n# NAME\n$$name - \1\n\n# DESCRIPTION/" $$page | \
		go run github.com/cpuguy83/go-md2man/v2 -out bin/man/$$name.7 || exit 1; done

deps: ## install what building and testing need, with apt
	@$(call install,$(PACKAGES))

clean: ## remove what was built
	rm -rf bin

# install gives apt what dpkg does not know as installed, and is silent when there is nothing to do.
define install
missing=$$(for p in $(1); do dpkg-query -W -f '$${Status}' $$p 2>/dev/null | grep -q 'ok installed' || echo $$p; done); \
	test -z "$$missing" || { sudo=$$(test $$(id -u) = 0 || echo sudo); \
	$$sudo apt-get update -q && DEBIAN_FRONTEND=noninteractive $$sudo apt-get install -y -q --no-install-recommends $$missing; }
endef
