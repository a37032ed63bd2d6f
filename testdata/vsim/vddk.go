package vsim

import (
	_ "embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"

	"github.com/vmware/govmomi/simulator"
	"github.com/vmware/govmomi/vim25/types"
)

//go:embed vddk/plugin.c
var vddkSource string

// A VDDK is a test double of nbdkit's vddk plugin, and of the library in LibDir. It serves the disks of the host's snapshots
// to the host's user, and those of machines that are off, for writing too. What is written is not tracked.
type VDDK struct {
	Plugin string // a path; it is to be given to nbdkit in place of "vddk"
	LibDir string // of one host: libdir=
}

// VDDK builds the double, with gcc and nbdkit-plugin-dev, and keeps its view of the disks up to date from now on.
func (h *Host) VDDK() VDDK {
	h.t.Helper()
	v := VDDK{Plugin: filepath.Join(h.dir, "nbdkit-vddk-plugin.so"), LibDir: filepath.Join(h.dir, "vddk")}
	h.mu.Lock()
	begun := h.vddk != ""
	h.vddk = v.LibDir
	machines := make([]*Machine, 0, len(h.machines))
	for _, m := range h.machines {
		machines = append(machines, m)
	}
	h.mu.Unlock()
	if begun {
		return v
	}
	h.must(compile(v.Plugin))
	h.must(os.Mkdir(v.LibDir, 0o700))
	h.must(h.account())
	for _, m := range machines {
		m.change(func() error { return nil })
	}
	return v
}

// compiled is the double, built once in a process.
var compiled = sync.OnceValues(func() ([]byte, error) {
	dir, err := os.MkdirTemp("", "vddk")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	to := filepath.Join(dir, "p.so")
	cmd := exec.Command("gcc", "-x", "c", "-O1", "-Wall", "-Wno-unused-parameter", "-shared", "-fPIC", "-o", to, "-")
	cmd.Stdin = strings.NewReader(vddkSource)
	if out, err := cmd.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("build the VDDK double (it needs gcc and nbdkit-plugin-dev): %w: %s", err, out)
	}
	return os.ReadFile(to)
})

func compile(to string) error {
	plugin, err := compiled()
	if err != nil {
		return err
	}
	return os.WriteFile(to, plugin, 0o700)
}

// The largest read that NFC has a buffer for: through vCenter, and at an ESXi.
const (
	mostOfVCenter = 2 << 20
	mostOfESXi    = 23 << 20
)

// account writes what the double logs in with.
func (h *Host) account() error {
	most := mostOfVCenter
	if h.options.ESX {
		most = mostOfESXi
	}
	u := h.URL()
	text := strings.Join([]string{u.Hostname(), u.Port(), h.User(), h.Password(), h.Thumbprint(), fmt.Sprint(most)}, "\n")
	return os.WriteFile(filepath.Join(h.vddk, "vsim-double"), []byte(text+"\n"), 0o600)
}

// FailOpen makes every opening of a disk fail with a text, FailRead every read, FailWrite every write; "" ends it.
func (v VDDK) FailOpen(text string) error  { return v.fail("fail-open", text) }
func (v VDDK) FailRead(text string) error  { return v.fail("fail-read", text) }
func (v VDDK) FailWrite(text string) error { return v.fail("fail-write", text) }

// Lie makes it tell that nothing of any disk was ever written to; "" ends it.
func (v VDDK) Lie(text string) error { return v.fail("lie", text) }

func (v VDDK) fail(name, text string) error {
	path := filepath.Join(v.LibDir, name)
	if text != "" {
		return os.WriteFile(path, []byte(text+"\n"), 0o600)
	}
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// wire tells the double what there is of a machine: links are made anew where they have changed. Both locks are held.
func (h *Host) wire(m *Machine, vm *simulator.VirtualMachine) error {
	h.mu.Lock()
	root := h.vddk
	h.mu.Unlock()
	if root == "" {
		return nil
	}
	root = filepath.Join(root, m.ref.Value)
	links, err := m.links(vm.Runtime.PowerState == types.VirtualMachinePowerStatePoweredOff)
	if err != nil {
		return err
	}
	for name, target := range m.linked {
		if links[name] != target {
			if err := os.Remove(filepath.Join(root, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				return err
			}
		}
	}
	for name, target := range links {
		if m.linked[name] == target {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o700); err != nil {
			return err
		}
		if err := os.Symlink(target, filepath.Join(root, name)); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
	}
	m.linked = links
	return nil
}

// links are the files that the machine's disks can be had from, by snapshot and name of the descriptor.
func (m *Machine) links(off bool) (map[string]string, error) {
	links := make(map[string]string)
	for _, d := range m.disks {
		target := "locked"
		if off && d.now.parent == nil {
			target = d.now.path
		}
		links[filepath.Join("-", d.now.name)] = target
	}
	for ref, s := range m.shots {
		for key, l := range s.layers {
			d := m.disks[key]
			if d == nil {
				continue
			}
			whole, err := m.whole(s, d, l)
			if err != nil {
				return nil, err
			}
			links[filepath.Join(ref.Value, l.name)] = whole
		}
	}
	return links, nil
}

// whole is a file with all that a frozen layer shows. One is made of layers at once, the flat alone is one.
func (m *Machine) whole(s *shot, d *disk, l *layer) (string, error) {
	if l.parent == nil {
		return l.path, nil
	}
	if s.whole[d.key] == "" {
		path := filepath.Join(m.h.dir, "whole-"+newUUID())
		if err := l.copyTo(path, d.size); err != nil {
			return "", err
		}
		s.whole[d.key] = path
	}
	return s.whole[d.key], nil
}
