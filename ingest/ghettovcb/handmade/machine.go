package handmade

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// A Machine is what one run of ghettoVCB writes of one machine.
type Machine struct {
	Name   string
	Disks  []Disk
	Status string // ok, warn, error or none; "" is ok
	NVRAM  []byte // nil is none
	Config string // more lines of the .vmx
}

// A Disk is one of a machine's.
type Disk struct {
	Slot   string // "" is scsi0:0, scsi0:1, …
	File   string // "" is NAME.vmdk, NAME_1.vmdk, …
	Store  string // the datastore, if it is another than the machine's
	Format string // zeroedthick, eagerzeroedthick, thin, 2gbsparse; monolithicSparse, streamOptimized; "" is zeroedthick
	Data   []byte
	UUID   string // "" is none
	Mode   string // independent-persistent, say
	Absent bool   // it is in the .vmx alone
}

// TB is a test.
type TB interface {
	Helper()
	Fatal(args ...any)
}

// File writes a file, and the folders that it is in.
func File(t TB, path string, b []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b, 0o644); err != nil {
		t.Fatal(err)
	}
}

// Tool runs a program.
func Tool(t TB, name string, args ...string) {
	t.Helper()
	if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
		t.Fatal(name, args, err, string(out))
	}
}

// Write writes the folder.
func (m Machine) Write(t TB, folder string) {
	t.Helper()
	var x strings.Builder
	fmt.Fprintf(&x, ".encoding = \"UTF-8\"\nconfig.version = \"8\"\nvirtualHW.version = \"13\"\ndisplayName = \"%s\"\n", m.Name)
	fmt.Fprintf(&x, "nvram = \"%s.nvram\"\nuuid.bios = \"56 4d 12 34 56 78 9a bc-de f0 12 34 56 78 9a bc\"\n", m.Name)
	x.WriteString("ide1:0.present = \"TRUE\"\nide1:0.deviceType = \"cdrom-image\"\nide1:0.fileName = \"/vmfs/volumes/iso/d.iso\"\n")
	for i, d := range m.Disks {
		d.File = cmp.Or(d.File, m.Name+map[bool]string{false: fmt.Sprintf("_%d", i)}[i == 0]+".vmdk")
		d.Slot = cmp.Or(d.Slot, fmt.Sprintf("scsi0:%d", i))
		says, file := d.File, filepath.Join(folder, d.Store, d.File)
		if d.Store != "" {
			says = "/vmfs/volumes/" + d.Store + "/" + m.Name + "/" + d.File
		}
		fmt.Fprintf(&x, "%[1]s.present = \"TRUE\"\n%[1]s.fileName = \"%[2]s\"\n%[1]s.deviceType = \"scsi-hardDisk\"\n", d.Slot, says)
		if d.Mode != "" {
			fmt.Fprintf(&x, "%s.mode = \"%s\"\n", d.Slot, d.Mode)
		}
		if !d.Absent {
			d.Write(t, file)
		}
	}
	File(t, filepath.Join(folder, m.Name+".vmx"), []byte(x.String()+m.Config))
	if m.NVRAM != nil {
		File(t, filepath.Join(folder, m.Name+".nvram"), m.NVRAM)
	}
	if word := cmp.Or(m.Status, "ok"); word != "none" {
		File(t, filepath.Join(folder, "STATUS."+word), []byte("what became of it: "+word+"\n"))
	}
}

// Pack makes an archive of a folder, as ghettoVCB does, and removes the folder.
func Pack(t TB, folder string) {
	t.Helper()
	if err := os.Remove(filepath.Join(folder, "STATUS.ok")); err != nil { // which is never in an archive
		t.Fatal(err)
	}
	Tool(t, "tar", "-cz", "-C", filepath.Dir(folder), "-f", folder+".gz", "--", filepath.Base(folder))
	if err := os.RemoveAll(folder); err != nil {
		t.Fatal(err)
	}
}
