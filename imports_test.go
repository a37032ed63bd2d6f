package vbfs

import (
	"encoding/json"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// rules says what of the project a package may import, and why. A name ending in /... stands for all below it.
var rules = []struct {
	pkg   string
	may   []string
	cause string
}{
	{"index/block", nil, "arithmetic is pure"},
	{"index/format", []string{"index/block"}, "structures know of blocks, not of storage or keys"},
	{"index/lru", nil, "a cache knows nothing of what it holds"},
	{"index/object", nil, "storage knows names and bytes"},
	{"index/object/...", []string{"index/object"}, "test stores stand on the seam"},
	{"index/seal", []string{"index/block", "index/format"}, "keys know structures, not storage"},
	{"index/pack", []string{"index/block", "index/format", "index/lru", "index/object", "index/seal"}, "packs are stored and sealed"},
	{"index/table", []string{"index/block", "index/format"}, "the table is a cache in local files"},
	{"index/imagemap", []string{"index/block", "index/format", "index/lru"}, "maps load nodes through a seam"},
	{"index/retention", nil, "rules are arithmetic"},
	{"index/report", []string{"index/format"}, "a point as people and scripts read it"},
	{"index/indextest", []string{"index", "index/object"}, "tests stand on the store"},
	{"index", []string{"index/..."}, "the store is made of its parts"},
	{"guest/...", nil, "readers of guest disks take an io.ReaderAt"},
	{"hyper/process", nil, "children of this process, whatever they are"},
	{"hyper/qemu", []string{"hyper/process"}, "tools are processes"},
	{"hyper/qmp", []string{"hyper/process"}, "who listens is a process"},
	{"hyper/vsphere", []string{"hyper/process"}, "nbdkit is a process"},
	{"hyper/vsphere/spec", []string{"hyper/vsphere"}, "a recorded machine as one to be made"},
	{"hyper/vsphere/vspheretest", []string{"hyper/vsphere", "testdata/vsim"}, "tests stand on the double"},
	{"hyper/vmx", nil, "a file of VMware's, taken apart and put together"},
	{"policy", []string{"index/retention"}, "what an inventory asks for, as rules"},
	{"hyper/...", nil, "control of hypervisors knows nothing of ours"},
	{"libnbd", nil, "a binding knows its library"},
	{"libnbd/conn", []string{"libnbd"}, "a connection stands on the binding"},
	{"nbdsrv/...", []string{"nbdsrv", "nbdsrv/..."}, "the server takes an Export"},
	{"nbdsrv", []string{"nbdsrv/proto"}, "the server knows nothing of the store"},
	{"ingest/anomaly", []string{"index/format"}, "judgement goes by what manifests say"},
	{"ingest", []string{"index", "index/block", "index/format", "ingest/anomaly"}, "the engine knows the store, not the sources"},
	{"ingest/nbd", []string{"ingest", "libnbd", "libnbd/conn"}, "a source knows its protocol"},
	{"ingest/file", []string{"ingest", "ingest/nbd", "hyper/qemu"}, "other formats are read through qemu-nbd"},
	{"ingest/mark", []string{"ingest", "index/format"}, "names, and which points have them"},
	{"ingest/libvirt", []string{"ingest", "index/format", "ingest/mark", "ingest/nbd", "hyper/libvirt", "hyper/process", "hyper/qemu"}, "a machine's disks come over NBD"},
	{"ingest/qmp", []string{"ingest", "index/format", "ingest/mark", "ingest/nbd", "hyper/qmp", "hyper/qemu"}, "a machine's disks come over NBD"},
	{"ingest/virtnbd", []string{"ingest", "index/format"}, "another tool's files"},
	{"ingest/virtnbd/handmade", nil, "what writes sets in tests knows nothing of who reads them"},
	{"ingest/sourcetest", []string{"ingest"}, "the suite knows the seam"},
	{"restore/qcow2", nil, "an image is written by offsets and bytes"},
	{"restore/machine", []string{"restore", "index/format"}, "what restores of machines share, whatever runs them"},
	{"restore/translate", []string{"index/format", "hyper/vmx", "restore/machine"}, "a machine's hardware in another hypervisor's words"},
	{"restore/libvirt", []string{"restore", "restore/...", "index/format", "hyper/libvirt", "hyper/qemu"}, "a machine is made of what its point recorded"},
	{"restore/vmware", []string{"restore", "restore/...", "index/format", "hyper/vmx", "hyper/qemu"}, "files of VMware's, for any host"},
	{"restore/vsphere", []string{"restore", "restore/...", "index/format", "hyper/process", "hyper/vsphere", "hyper/vsphere/spec", "hyper/qemu"}, "a machine is made of what its point recorded"},
	{"restore/...", []string{"restore", "restore/...", "libnbd", "libnbd/conn", "hyper/qemu"}, "targets take bytes; where they come from is cmd's"},
	{"restore", []string{"restore/...", "libnbd", "libnbd/conn", "hyper/qemu"}, "targets take bytes; where they come from is cmd's"},
	{"fs", []string{"index", "index/format", "index/report", "guest/part"}, "a skin over the store"},
	{"acceptance", nil, "its tests import as cmd does, it has nothing else"},
	{"torture", nil, "its tests drive the programs, it has nothing else"},
	{"cmd/...", []string{"..."}, "only cmd wires"},
	{"ingest/vsphere", []string{"ingest", "index/format", "ingest/nbd", "hyper/vsphere", "hyper/vsphere/spec", "hyper/qemu"}, "a machine's disks come by VMware's transports"},
	{"ingest/ghettovcb", []string{"ingest", "index/format", "ingest/file", "hyper/qemu", "hyper/vmx"}, "another tool's files"},
	{"ingest/ghettovcb/handmade", nil, "what writes trees in tests knows nothing of who reads them"},
	{"testdata/lab", nil, "the lab starts other people's programs"},
	{"testdata/vsim", nil, "a double knows nothing of ours"},
	{"bench", []string{"..."}, "measures all of it"},
}

// A pkg is what `go list -json` tells of a package.
type pkg struct {
	ImportPath string
	Dir        string
	Imports    []string
	GoFiles    []string
	CgoFiles   []string
}

func packages(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Dir,Imports,GoFiles,CgoFiles", "./...").Output()
	if err != nil {
		t.Fatal(err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

func covers(pattern, name string) bool {
	if pattern == "..." {
		return true
	}
	if base, ok := strings.CutSuffix(pattern, "/..."); ok {
		return strings.HasPrefix(name, base+"/")
	}
	return pattern == name
}

func TestImportsPointDown(t *testing.T) {
	for _, p := range packages(t) {
		name, ok := strings.CutPrefix(p.ImportPath, "vbfs/")
		if !ok {
			continue
		}
		found := false
		for _, r := range rules {
			if !covers(r.pkg, name) {
				continue
			}
			found = true
			for _, imp := range p.Imports {
				imp, ours := strings.CutPrefix(imp, "vbfs/")
				if ours && !allowed(r.may, imp) {
					t.Errorf("%s imports %s: %s", name, imp, r.cause)
				}
			}
			break
		}
		if !found {
			t.Errorf("no rule says what %s may import", name)
		}
	}
}

func allowed(may []string, imp string) bool {
	for _, m := range may {
		if covers(m, imp) {
			return true
		}
	}
	return false
}

// Pure packages neither do I/O nor wait.
func TestPurePackages(t *testing.T) {
	forbidden := map[string]bool{"os": true, "net": true, "time": true, "context": true, "log": true, "sync": true}
	pure := map[string][]string{"index/block": nil, "index/format": {"time"}, "index/retention": {"time"}, "policy": {"time"}, "nbdsrv/proto": nil, "ingest/anomaly": nil, "hyper/vsphere/spec": nil}
	for _, p := range packages(t) {
		except, ok := pure[strings.TrimPrefix(p.ImportPath, "vbfs/")]
		if !ok {
			continue
		}
		for _, imp := range p.Imports {
			if forbidden[imp] && !allowed(except, imp) {
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
	}
}

// Only programs decide: libraries do not log, exit, catch signals or read flags and the environment.
func TestLibrariesReturn(t *testing.T) {
	for _, p := range packages(t) {
		if strings.HasPrefix(p.ImportPath, "vbfs/cmd/") || p.ImportPath == "vbfs/bench" {
			continue
		}
		for _, imp := range p.Imports {
			switch imp {
			case "log", "log/slog", "flag", "os/signal":
				t.Errorf("%s imports %s", p.ImportPath, imp)
			}
		}
		for _, f := range p.GoFiles {
			b, err := os.ReadFile(filepath.Join(p.Dir, f))
			if err != nil {
				t.Fatal(err)
			}
			for _, call := range []string{"os.Exit(", "os.Getenv(", "os.LookupEnv("} {
				if strings.Contains(string(b), call) {
					t.Errorf("%s/%s calls %s)", p.ImportPath, f, call)
				}
			}
		}
	}
}

func TestEveryPackageHasADoc(t *testing.T) {
	for _, p := range packages(t) {
		found := false
		for _, f := range append(p.GoFiles, p.CgoFiles...) {
			ast, err := parser.ParseFile(token.NewFileSet(), filepath.Join(p.Dir, f), nil, parser.PackageClauseOnly|parser.ParseComments)
			if err != nil {
				t.Fatal(err)
			}
			found = found || ast.Doc != nil
		}
		if !found {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}

// Only the binding needs C.
func TestCgoStaysInItsLeaf(t *testing.T) {
	for _, p := range packages(t) {
		if len(p.CgoFiles) > 0 && p.ImportPath != "vbfs/libnbd" {
			t.Errorf("%s uses cgo", p.ImportPath)
		}
	}
}
