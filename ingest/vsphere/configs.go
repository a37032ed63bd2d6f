package vsphere

import (
	"bytes"
	"context"
	"fmt"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere/spec"
	"vbfs/index/format"
)

const (
	maxNVRAM   = 8 << 20  // bytes
	maxConfigs = 48 << 20 // of all of them
)

// configs records what the machine is made of. Only the configuration itself has to be had.
func (t *taking) configs(ctx context.Context) error {
	var b bytes.Buffer
	if err := types.NewJSONEncoder(&b).Encode(t.config); err != nil {
		return fmt.Errorf("configuration of %s: %w", t.m.Name, err)
	}
	if b.Len() > maxConfigs {
		return fmt.Errorf("configuration of %s: %d bytes", t.m.Name, b.Len())
	}
	t.add("vsphere-config", "config.json", b.Bytes())
	info, err := t.info(ctx)
	if err != nil {
		return err
	}
	t.add("vsphere-info", "info.json", info)
	t.nvram(ctx)
	t.descriptors(ctx)
	t.foresee()
	return nil
}

func (t *taking) add(kind, name string, data []byte) {
	t.shot.Configs = append(t.shot.Configs, format.ConfigFile{Kind: kind, Name: name, Data: data})
}

func (t *taking) warn(format string, args ...any) {
	t.shot.Warnings = append(t.shot.Warnings, fmt.Sprintf(format, args...))
}

// nvram records the firmware's variables: without them a machine with EFI may not find its boot loader. A machine that was never
// powered on has none.
func (t *taking) nvram(ctx context.Context) {
	for _, f := range t.m.Files {
		if f.Type != string(types.VirtualMachineFileLayoutExFileTypeNvram) || f.Size == 0 {
			continue
		}
		file, err := t.conn.OpenFile(ctx, t.m, f.Name)
		var data []byte
		if err == nil {
			data, err = file.All(ctx, maxNVRAM)
		}
		if err != nil {
			t.warn("the firmware's variables (NVRAM) are not in the point: %v", err)
			continue
		}
		t.add("nvram", "nvram", data)
		return
	}
}

// descriptors records the disks' own texts: geometry and adapter are there alone.
func (t *taking) descriptors(ctx context.Context) {
	for _, d := range t.held {
		text, err := t.descriptor(ctx, d)
		if err != nil {
			t.warn("the descriptor of disk %s is not in the point: %v", d.Name, err)
			continue
		}
		t.add("vmdk-descriptor", d.Name+".vmdk", text)
	}
}

// foresee says now what of the machine cannot be made again.
func (t *taking) foresee() {
	if err := spec.Check(t.config); err != nil {
		t.warn("it cannot be restored as a new machine: %v", err)
		return
	}
	for _, note := range spec.Foresee(t.config) {
		t.warn("restored as a new machine: %s", note)
	}
}
