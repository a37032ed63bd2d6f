package libvirt

import (
	"regexp"
	"slices"
	"strings"
	"testing"
)

const recordedUUID = "11111111-2222-3333-4444-555555555555"

// recordedXML is a domain with these devices and this part of its os.
func recordedXML(os, devices string) string {
	return "<domain type='qemu'><name>web01</name><uuid>" + recordedUUID + "</uuid><genid>aaaaaaaa-2222-3333-4444-555555555555</genid>" +
		"<sysinfo type='smbios'><system><entry name='uuid'>" + recordedUUID + "</entry><entry name='serial'>7</entry></system></sysinfo>" +
		"<os><type machine='pc'>hvm</type>" + os + "</os><devices>" + devices + "</devices></domain>"
}

// A host that has what is listed, as KIND:NAME.
func hostWith(things ...string) func(kind, name string) presence {
	return func(kind, name string) presence {
		switch {
		case slices.Contains(things, kind+":"+name):
			return there
		case slices.Contains(things, "afar"):
			return unseen
		}
		return absent
	}
}

var vda = map[string]file{"vda": {"/new/web01-vda.qcow2", "qcow2"}}

func TestAdjust(t *testing.T) {
	const disk = "<disk type='file' device='disk'><driver name='qemu' type='raw' cache='none'/><source file='/old/vda'/><target dev='vda' bus='virtio'/><serial>S1</serial></disk>"
	fresh := change{name: "web02", uuid: "66666666-2222-3333-4444-555555555555", fresh: true, disks: vda}
	back := change{name: "web01", uuid: recordedUUID, disks: vda}
	for name, c := range map[string]struct {
		change  change
		os      string
		devices string
		live    string
		has     []string
		want    []string // in the XML, blanks and quotes apart
		not     []string
		notes   []string // in this order, each containing this
	}{
		"come back": {change: back, devices: disk + "<interface type='network'><mac address='52:54:00:01:02:03'/><source network='lan'/></interface>",
			has:  []string{"network:lan"},
			want: []string{"<name>web01</name>", "<uuid>" + recordedUUID, "52:54:00:01:02:03", "<source file='/new/web01-vda.qcow2'>", "type='qcow2' cache='none'", "<serial>S1"},
			not:  []string{"aaaaaaaa-2222", "/old"}},
		"another": {change: fresh,
			devices: disk + "<interface type='network'><mac address='52:54:00:01:02:03'/><source network='lan'/><target dev='web01net'/></interface>" +
				"<graphics type='vnc' port='5901' autoport='no'/><serial type='unix'><source mode='bind' path='/run/web01'/><target port='0'/></serial>",
			has:   []string{"network:lan"},
			want:  []string{"<name>web02</name>", "<uuid>66666666-2222", "<entry name='uuid'>66666666-2222", "<entry name='serial'>7"},
			not:   []string{recordedUUID, "52:54", "web01net", "aaaaaaaa-2222"},
			notes: []string{"VNC listens on port 5901", "serial port 0 uses /run/web01"}},
		"block and network disks become files": {
			change: change{name: "web01", uuid: recordedUUID, disks: map[string]file{"vda": {"/n/a", "raw"}, "sda": {"/n/b", "qcow2"}, "sdb": {"/n/c", "raw"}, "vdb": {"/n/d", "qcow2"}}},
			devices: "<disk type='block' device='disk'><driver name='qemu' type='raw' io='native' cache='none'/><source dev='/dev/vg/a'><reservations managed='yes'/></source><target dev='vda'/></disk>" +
				"<disk type='block' device='lun' sgio='unfiltered' rawio='yes'><driver name='qemu' type='raw'/><source dev='/dev/sdq'/><target dev='sda' bus='scsi'/></disk>" +
				"<disk type='network' device='disk'><driver name='qemu' type='qcow2'><metadata_cache><max_size>1024</max_size></metadata_cache></driver><auth username='u'><secret type='ceph' usage='x'/></auth>" +
				"<source protocol='rbd' name='pool/img'><host name='mon'/></source><target dev='sdb' bus='scsi'/></disk>" +
				"<disk type='volume'><source pool='p' volume='v'/><target dev='vdb'/><encryption format='luks'><secret type='passphrase' uuid='" + recordedUUID + "'/></encryption></disk>",
			want:  []string{"<disk type='file' device='disk'>", "<source file='/n/a'>", "<source file='/n/b'>", "<source file='/n/c'>", "<source file='/n/d'>", "io='native'"},
			not:   []string{"/dev/", "rbd", "auth", "lun", "rawio", "sgio", "reservations", "volume", "metadata_cache", "encryption"},
			notes: []string{"vdb was encrypted"}},
		"backing chains go": {change: back,
			devices: "<disk type='file'><driver name='qemu' type='qcow2'/><source file='/old/top' index='3'/><backingStore type='file' index='4'><format type='qcow2'/><source file='/old/base'/><backingStore/></backingStore><target dev='vda'/></disk>",
			not:     []string{"backingStore", "/old", "index"}},
		"media": {change: back,
			devices: disk + "<disk type='file' device='cdrom'><source file='/iso/gone.iso' startupPolicy='optional'/><target dev='hda' bus='ide'/><readonly/></disk>" +
				"<disk type='file' device='cdrom'><source file='/iso/here.iso'/><target dev='hdb' bus='ide'/><readonly/></disk>" +
				"<disk type='file' device='cdrom'><target dev='hdc' bus='ide'/></disk>" +
				"<disk type='network' device='cdrom'><source protocol='http' name='x.iso'><host name='h'/></source><target dev='hdd' bus='ide'/></disk>",
			has:   []string{"file:/iso/here.iso"},
			want:  []string{"here.iso", "dev='hda'", "dev='hdc'", "dev='hdd'"},
			not:   []string{"gone.iso", "x.iso"},
			notes: []string{"hda is empty: its medium /iso/gone.iso", "hdd is empty: its medium on the network"}},
		"left out, come back": {change: back,
			devices: disk + "<disk type='file'><source file='/data/here'/><target dev='vdb'/></disk><disk type='file'><source file='/data/gone'/><target dev='vdc'/></disk>" +
				"<disk type='network'><source protocol='rbd' name='p/i'/><target dev='vdd'/></disk>",
			has:   []string{"file:/data/here"},
			want:  []string{"/data/here"},
			not:   []string{"/data/gone", "vdc", "vdd"},
			notes: []string{"vdb is /data/here as it is now", "vdc is left out: the point has no image of it, and /data/gone is not there", "vdd is left out"}},
		"left out, another": {change: fresh,
			devices: disk + "<disk type='file'><source file='/data/own'/><target dev='vdb'/></disk><disk type='file'><source file='/data/ro'/><target dev='vdc'/><readonly/></disk>" +
				"<disk type='file'><source file='/data/shared'/><target dev='vdd'/><shareable/></disk>",
			has:   []string{"file:/data/own", "file:/data/ro", "file:/data/shared"},
			want:  []string{"/data/ro", "/data/shared"},
			not:   []string{"/data/own"},
			notes: []string{"vdb is left out: the point has no image of it, and /data/own is the recorded machine's", "vdc is /data/ro", "vdd is /data/shared"}},
		"plugged in while it ran": {change: change{name: "web01", uuid: recordedUUID, disks: map[string]file{"vda": {"/n/a", "raw"}, "sdx": {"/n/x", "raw"}, "sdy": {"/n/y", "raw"}}},
			devices: disk,
			live:    recordedXML("", disk+"<disk type='block'><driver name='qemu' type='raw' cache='none'/><source dev='/dev/vg/x'/><backingStore/><target dev='sdx' bus='usb'/><alias name='usb-disk0'/><address type='usb' bus='0' port='1'/></disk>"),
			want:    []string{"<source file='/n/x'>", "<target dev='sdx' bus='usb'>", "<source file='/n/y'>", "<target dev='sdy'"},
			not:     []string{"alias", "port='1'", "/dev/vg"},
			notes:   []string{"sdx was plugged in", "sdy was plugged in"}},
		"boot files": {change: change{name: "web01", uuid: recordedUUID, disks: vda, files: map[string]string{"kernel": "/n/k", "nvram": "/n/vars.fd"}},
			os:      "<loader readonly='yes' type='pflash'>/fw/code.fd</loader><nvram template='/fw/vars.fd'>/old/vars.fd</nvram><kernel>/boot/k</kernel><initrd>/boot/i</initrd>",
			devices: "<emulator>/usr/bin/q</emulator>" + disk,
			has:     []string{"file:/fw/code.fd", "file:/boot/k"},
			want:    []string{"<kernel>/n/k</kernel>", "template='/fw/vars.fd'>/n/vars.fd</nvram>", "/fw/code.fd"},
			not:     []string{"<emulator>", "/old/vars"},
			notes:   []string{"its initrd /boot/i is not there", "its emulator /usr/bin/q"}},
		"nvram not recorded": {change: fresh,
			os:      "<loader readonly='yes' type='pflash'>/fw/code.fd</loader><nvram type='file'><source file='/old/vars.fd'/></nvram>",
			devices: disk, has: []string{"file:/fw/code.fd", "file:/old/vars.fd"},
			not:   []string{"/old/vars"},
			notes: []string{"the point has no NVRAM"}},
		"nvram of the machine that is back": {change: back, os: "<loader readonly='yes' type='pflash'>/fw/code.fd</loader><nvram>/old/vars.fd</nvram>",
			devices: disk, has: []string{"file:/fw/code.fd", "file:/old/vars.fd"}, want: []string{"/old/vars.fd"}},
		"of its host": {change: back,
			devices: disk + "<interface type='network'><source network='gone'/></interface><interface type='bridge'><source bridge='br9'/></interface><interface type='direct'><source dev='eth9' mode='bridge'/></interface>" +
				"<hostdev mode='subsystem' type='pci' managed='yes'><source><address domain='0x0000' bus='0x03' slot='0x00' function='0x1'/></source></hostdev>" +
				"<hostdev mode='subsystem' type='usb'><source><vendor id='0x1234'/><product id='0xbeef'/></source></hostdev>" +
				"<filesystem type='mount'><source dir='/srv/gone'/><target dir='x'/></filesystem>" +
				"<tpm model='tpm-crb'><backend type='emulator' version='2.0'><encryption secret='" + recordedUUID + "'/></backend></tpm>",
			want: []string{"<hostdev", "network='gone'", "bridge='br9'"},
			notes: []string{"network card 0 is on the network gone", "network card 1 is on the bridge br9", "network card 2 is on the device eth9",
				"the PCI device 0000:03:00.1", "the USB device 0x1234:0xbeef", "/srv/gone", "its TPM is encrypted: it needs the secret"}},
		"from afar": {change: back,
			os: "<loader readonly='yes' type='pflash'>/fw/code.fd</loader><nvram>/old/vars.fd</nvram><kernel>/boot/k</kernel>",
			devices: "<emulator>/usr/bin/q</emulator>" + disk + "<disk type='file' device='cdrom'><source file='/iso/some.iso'/><target dev='hda' bus='ide'/><readonly/></disk>" +
				"<disk type='file' device='cdrom'><source file='/iso/here.iso'/><target dev='hdb' bus='ide'/><readonly/></disk>" +
				"<disk type='file'><source file='/data/some'/><target dev='vdb'/></disk><interface type='bridge'><source bridge='br9'/></interface>" +
				"<filesystem type='mount'><source dir='/srv/some'/><target dir='x'/></filesystem>",
			has:  []string{"afar", "file:/fw/code.fd", "file:/iso/here.iso"},
			want: []string{"<source file='/iso/some.iso' startupPolicy='optional'>", "<source file='/iso/here.iso'>", "<kernel>/boot/k</kernel>", "/fw/code.fd", "br9"},
			not:  []string{"/data/some", "<emulator>", "/old/vars"},
			notes: []string{"its kernel /boot/k cannot be seen", "the point has no NVRAM", "its emulator /usr/bin/q cannot be seen", "the medium of hda, /iso/some.iso, cannot be seen",
				"vdb is left out: the point has no image of it, and /data/some cannot be seen", "the bridge br9, which cannot be seen", "/srv/some, which cannot be seen"}},
		"what is not known": {change: back, devices: disk + "<quantum entangled='yes'><pair/></quantum>",
			not:   []string{"quantum"},
			notes: []string{"domain/devices/quantum, domain/devices/quantum/@entangled, domain/devices/quantum/pair"}},
	} {
		t.Run(name, func(t *testing.T) {
			c.change.has = hostWith(c.has...)
			xml, notes, err := adjust(recordedXML(c.os, c.devices), c.live, c.change)
			if err != nil {
				t.Fatal(err)
			}
			flat := flat(xml)
			for _, want := range c.want {
				if !strings.Contains(flat, want) {
					t.Errorf("no %s in %s", want, flat)
				}
			}
			for _, not := range c.not {
				if strings.Contains(flat, not) {
					t.Errorf("%s is in %s", not, flat)
				}
			}
			if len(notes) != len(c.notes) {
				t.Fatalf("notes: %q", notes)
			}
			for i, note := range notes {
				if !strings.Contains(note, c.notes[i]) {
					t.Errorf("note %q, not %q", note, c.notes[i])
				}
			}
		})
	}
}

var between = regexp.MustCompile(`>\s+`)

func flat(xml string) string {
	return strings.ReplaceAll(between.ReplaceAllString(xml, ">"), `"`, "'")
}

func TestAdjustRefuses(t *testing.T) {
	for _, xml := range []string{"", "<domain", "<domain/>", "<network><name>x</name></network>", "<domain><name>x</name></domain>"} {
		if _, _, err := adjust(xml, "", change{}); err == nil {
			t.Errorf("%q is a domain", xml)
		}
	}
	xml := recordedXML("", "")
	if _, _, err := adjust(xml, "<domain", change{disks: vda, has: hostWith()}); err == nil {
		t.Error("a broken live definition is taken")
	}
}
