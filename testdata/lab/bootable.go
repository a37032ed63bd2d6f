package lab

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// bootProgram is what a BIOS loads from a disk's first sector to 0x7c00 and starts: it writes the text behind it, up to a zero, to the
// first serial port, and halts. QEMU's ports need no setting up.
var bootProgram = []byte{
	0x31, 0xc0, //             xor  ax, ax
	0x8e, 0xd8, //             mov  ds, ax
	0xbe, 0x16, 0x7c, //       mov  si, 0x7c16   the text, behind these 22 bytes
	0xba, 0xf8, 0x03, //       mov  dx, 0x3f8    the port's data
	0xfc,       //             cld
	0xac,       //      next:  lodsb
	0x84, 0xc0, //             test al, al
	0x74, 0x03, //             jz   halt
	0xee,       //             out  dx, al
	0xeb, 0xf8, //             jmp  next
	0xf4,       //      halt:  hlt
	0xeb, 0xfd, //             jmp  halt
}

// BootSector is a disk's first sector, which says a line of up to 400 bytes on the serial port when a machine starts from it.
func BootSector(line string) []byte {
	b := make([]byte, 512)
	copy(b[copy(b, bootProgram):510], line+"\r\n")
	b[510], b[511] = 0x55, 0xaa // marks it as one that can be started
	return b
}

// Boots starts a domain that is shut off, whosever definition it has, waits until it says a line on its first serial port, and
// switches it off. QEMU runs it by itself, for where tests run KVM is missing, or is there and does not work.
func (h *Host) Boots(name, line string) {
	h.t.Helper()
	says := filepath.Join(h.Dir, name+".says")
	h.emulate(name, says)
	h.Virsh("start", name)
	defer h.TryVirsh("destroy", name)
	for end := time.Now().Add(bootTime); ; time.Sleep(50 * time.Millisecond) {
		b, err := os.ReadFile(says)
		if strings.Contains(string(b), line) {
			return
		}
		if time.Now().After(end) {
			h.t.Fatalf("%s does not start: it says %q, %v", name, b, err)
		}
	}
}

// emulate takes what needs KVM out of a definition, and networks, which a lab has none of, and connects its only serial port to a file.
func (h *Host) emulate(name, says string) {
	h.t.Helper()
	xml := h.Virsh("dumpxml", "--inactive", name)
	for _, r := range [][2]string{
		{` type='kvm'`, ` type='qemu'`}, {`(?s)<hyperv.*?</hyperv>`, ``}, {`<timer name='hypervclock'[^>]*>`, ``}, {` mode='host-model'[^>]*`, ``},
		{`(?s)<interface type='network'>(.*?)<source network[^>]*>`, `<interface type='user'>$1`}, {`(?s)<serial.*?</serial>`, ``}, {`(?s)<console.*?</console>`, ``},
		{`</devices>`, `<serial type='file'><source path='` + says + `'/><target port='0'/></serial></devices>`},
	} {
		xml = regexp.MustCompile(r[0]).ReplaceAllString(xml, r[1])
	}
	file := filepath.Join(h.Dir, name+".xml")
	h.must(os.WriteFile(file, []byte(xml), 0o600))
	h.Virsh("define", file)
}
