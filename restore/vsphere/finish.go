package vsphere

import (
	"context"
	"path"
	"strings"

	hyper "vbfs/hyper/vsphere"
	"vbfs/hyper/vsphere/spec"
)

// order sets what depends on the devices that are there: the order of booting, and what firmware keeps.
func (n *newMachine) order(ctx context.Context) error {
	now, err := n.conn.Machine(ctx, n.ref)
	if err != nil {
		return err
	}
	n.moved(now.Config.Hardware.Device)
	if s := n.plan.Settle(now.Config.Hardware.Device); s != nil {
		if err := n.conn.Reconfigure(ctx, n.ref, *s); err != nil {
			return err
		}
	}
	return n.nvram(ctx, now)
}

// nvram puts the firmware's variables where the machine looks for them when it is powered on first.
func (n *newMachine) nvram(ctx context.Context, now *hyper.Machine) error {
	data := n.m.Config(kindNVRAM)
	if data == nil {
		if n.info.Firmware == "efi" {
			n.note("the point has no NVRAM: EFI finds a boot loader by itself, or has to be told where it is")
		}
		return nil
	}
	return n.conn.PutFile(ctx, now, nvramOf(now), data)
}

// nvramOf is the name of a machine's NVRAM: beside its configuration, and called like it unless that says otherwise.
func nvramOf(m *hyper.Machine) string {
	vmx := m.Config.Files.VmPathName
	if name := spec.Extra(m.Config, "nvram"); name != "" && path.Base(name) == name {
		return vmx[:strings.LastIndexAny(vmx, "/ ")+1] + name
	}
	return strings.TrimSuffix(vmx, ".vmx") + ".nvram"
}

// finish does what the machine is whole without, so that what fails of it is in a note; it is whole then.
func (n *newMachine) finish(ctx context.Context) error {
	if n.plan.Tracking {
		if err := n.track(ctx); err != nil {
			n.note("changed block tracking is off: %v", err)
		}
	}
	if err := n.conn.SetAttributes(ctx, n.ref, n.was.Attributes); err != nil {
		n.note("not all custom attributes are back: %v", err)
	}
	missing, err := n.conn.Attach(ctx, n.ref, n.was.Tags)
	if err != nil {
		n.note("not all tags are back: %v", err)
	}
	for _, t := range missing {
		n.note("it is without the tag %s, which the server does not have", t.Name)
	}
	if ctx.Err() != nil { // a restore that was called off does not take effect
		return context.Cause(ctx)
	}
	if err := n.whole(ctx); err != nil {
		return err
	}
	if n.o.PowerOn {
		if err := n.conn.PowerOn(ctx, n.ref); err != nil {
			n.short = append(n.short, "it is not powered on: "+err.Error())
		}
	}
	return nil
}

// track switches changed block tracking on again, now that all is written: it has no snapshots.
func (n *newMachine) track(ctx context.Context) error {
	now, err := n.conn.Machine(ctx, n.ref)
	if err != nil {
		return err
	}
	return n.conn.SetTracking(ctx, now, true)
}
