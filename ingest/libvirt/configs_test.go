package libvirt

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"vbfs/hyper/libvirt"
	"vbfs/index/format"
	"vbfs/testdata/lab"
)

// A told is what configs gave, for another process.
type told struct {
	Files    []format.ConfigFile
	Warnings []string
}

func (c *told) file(name string) []byte {
	for _, f := range c.Files {
		if f.Name == name {
			return f.Data
		}
	}
	return nil
}

const tellEnv = "VBFS_TEST_LIBVIRT_TELL"

// TestTellConfigs runs inside a lab, where paths mean what the daemon means by them.
func TestTellConfigs(t *testing.T) {
	name := os.Getenv(tellEnv)
	if name == "" {
		t.Skip("for TestConfigs")
	}
	c := configsOf(t, "", name)
	b, err := json.Marshal(c)
	if err == nil {
		err = os.WriteFile(filepath.Join("/run", "told.json"), b, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func configsOf(t *testing.T, uri, name string) (c told) {
	t.Helper()
	conn, err := libvirt.Dial(t.Context(), uri)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	dom, err := conn.Domain(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	c.Files, c.Warnings, err = configs(t.Context(), conn, dom)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func tell(t *testing.T, d *lab.Domain) (c told) {
	t.Helper()
	cmd := d.Host.Command(os.Args[0], "-test.run=^TestTellConfigs$")
	cmd.Env = append(os.Environ(), tellEnv+"="+d.Name)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	b, err := os.ReadFile(filepath.Join(d.Host.Dir, "run/told.json"))
	if err == nil {
		err = json.Unmarshal(b, &c)
	}
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const password = "geheim12"

func TestConfigs(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	d := h.Domain(lab.Spec{
		Name: "web 01", Guest: true, Off: true, UEFI: true, TPM: true, Disks: []lab.Disk{{Target: "vda", Size: 1 << 20}, {Target: "vdb", Size: 1 << 20, Format: "raw"}},
		Devices: `<graphics type="vnc" passwd="` + password + `"/>`,
	})
	d.Virsh("autostart")

	off := tell(t, d)
	want := []string{"domain.xml", "autostart", "disks.json", "kernel", "initrd", "loader.fd"}
	if names := off.names(); !slices.Equal(names, want) || len(off.Warnings) != 1 || !strings.Contains(off.Warnings[0], "nvram.fd: not recorded: stat ") {
		t.Errorf("of a machine that never ran: %q, %q", names, off.Warnings)
	}

	d.Virsh("start", "--paused")
	d.Virsh("checkpoint-create-as", "--name", "foreign", "--diskspec", "vda", "--diskspec", "vdb,checkpoint=no")
	on := tell(t, d)
	want = []string{"domain.xml", "domain-live.xml", "autostart", "checkpoints.xml", "nvram.fd", "tpm.tar", "disks.json", "kernel", "initrd", "loader.fd"}
	if names := on.names(); !slices.Equal(names, want) || len(on.Warnings) != 1 || !strings.Contains(on.Warnings[0], "tpm.tar: the TPM was in use") {
		t.Errorf("of a machine that runs: %q, %q", names, on.Warnings)
	}
	for name, path := range map[string]string{"nvram.fd": d.NVRAM(), "loader.fd": "/usr/share/OVMF/OVMF_CODE_4M.fd"} {
		if b, err := os.ReadFile(path); err != nil || !bytes.Equal(on.file(name), b) {
			t.Errorf("%s is not %s: %v", name, path, err)
		}
	}
	for name, text := range map[string]string{
		"domain.xml": password, "domain-live.xml": "<alias name", "autostart": "yes\n", "checkpoints.xml": "<name>foreign</name>",
	} {
		if !strings.Contains(string(on.file(name)), text) {
			t.Errorf("%s: %s", name, on.file(name))
		}
	}
	var disks map[string][]struct {
		Filename string
		Format   string
	}
	if err := json.Unmarshal(on.file("disks.json"), &disks); err != nil || len(disks) != 2 || disks["vda"][0].Format != "qcow2" || disks["vdb"][0].Format != "raw" {
		t.Errorf("%s: %v", on.file("disks.json"), err)
	}
	sameState(t, on.file("tpm.tar"), filepath.Join(h.Dir, "lib/swtpm", d.Virsh("domuuid")))
}

func (c *told) names() (names []string) {
	for _, f := range c.Files {
		names = append(names, f.Name)
	}
	return names
}

// sameState compares a tar with a directory.
func sameState(t *testing.T, packed []byte, dir string) {
	t.Helper()
	files := 0
	for r := tar.NewReader(bytes.NewReader(packed)); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag == tar.TypeDir {
			continue
		}
		got, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		want, err := os.ReadFile(filepath.Join(dir, h.Name))
		if err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %v", h.Name, err)
		}
		if strings.HasPrefix(h.Name, "tpm2/") && len(want) > 0 {
			files++
		}
	}
	if files == 0 {
		t.Error("no state of a TPM")
	}
}

// What does not fit, or is no file, is a warning that names it, and nothing else is lost.
func TestConfigsThatDoNotFit(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	d := h.Domain(lab.Spec{Guest: true, Off: true, UEFI: true, Disks: []lab.Disk{{Target: "vda", Size: 1 << 20}}})
	big, pipe := filepath.Join(h.Dir, "big"), filepath.Join(h.Dir, "dir")
	if err := os.WriteFile(big, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Truncate(big, maxConfig+1), os.Mkdir(pipe, 0o700)); err != nil {
		t.Fatal(err)
	}
	xml := d.Virsh("dumpxml")
	cut := func(tag, to string) {
		i, j := strings.Index(xml, "<"+tag+">"), strings.Index(xml, "</"+tag+">")
		xml = xml[:i] + "<" + tag + ">" + to + xml[j:]
	}
	cut("initrd", big)
	cut("kernel", pipe)
	path := filepath.Join(h.Dir, "changed.xml")
	if err := os.WriteFile(path, []byte(xml), 0o600); err != nil {
		t.Fatal(err)
	}
	h.Virsh("define", path)
	c := configsOf(t, h.URI(), "vm")
	if len(c.Warnings) != 3 || !strings.Contains(c.Warnings[1], "kernel") || !strings.Contains(c.Warnings[2], big+": 33554433 bytes") {
		t.Errorf("%q", c.Warnings)
	}
	if names := c.names(); !slices.Equal(names, []string{"domain.xml", "autostart", "disks.json", "loader.fd"}) {
		t.Errorf("%q", names)
	}
}

// Of a remote host the variables of UEFI are recorded when they lie in a storage pool; all else is named.
func TestConfigsOfARemoteHost(t *testing.T) {
	t.Parallel()
	h := lab.Start(t)
	d := h.Domain(lab.Spec{UEFI: true, TPM: true, Disks: []lab.Disk{{Target: "vda", Size: 1 << 20}}})
	h.Virsh("pool-create-as", "images", "dir", "--target", filepath.Dir(d.NVRAM()))
	c := configsOf(t, h.SSH(), "vm")
	want, err := os.ReadFile(d.NVRAM())
	if err != nil || !bytes.Equal(c.file("nvram.fd"), want) {
		t.Errorf("nvram.fd has %d bytes of %d: %v", len(c.file("nvram.fd")), len(want), err)
	}
	if names := c.names(); !slices.Equal(names, []string{"domain.xml", "domain-live.xml", "autostart", "nvram.fd"}) {
		t.Errorf("%q", names)
	}
	said := strings.Join(c.Warnings, "\n")
	for _, name := range []string{"tpm.tar", "disks.json", "loader.fd: not recorded: of a remote host only what lies in a storage pool"} {
		if len(c.Warnings) != 3 || !strings.Contains(said, name) {
			t.Errorf("no word of %s: %s", name, said)
		}
	}
}
