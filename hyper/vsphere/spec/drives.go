package spec

import (
	"github.com/vmware/govmomi/vim25/types"
)

// cdrom carries over a drive. It is empty when its medium is not there, or was the host's.
func (p *Plan) cdrom(d *types.VirtualCdrom) {
	dev := p.plug(d)
	if dev == nil {
		return
	}
	why := ""
	switch b := d.Backing.(type) {
	case *types.VirtualCdromIsoBackingInfo:
		if p.has(b.FileName) {
			return
		}
		why = b.FileName + " is not there"
	case *types.VirtualCdromRemotePassthroughBackingInfo, *types.VirtualCdromRemoteAtapiBackingInfo:
		return
	default:
		why = "it was a drive of the recorded machine's host"
	}
	p.eject(d, dev, why)
	dev.GetVirtualDevice().Backing = &types.VirtualCdromRemotePassthroughBackingInfo{
		VirtualDeviceRemoteDeviceBackingInfo: types.VirtualDeviceRemoteDeviceBackingInfo{UseAutoDetect: types.NewBool(false)},
	}
}

func (p *Plan) floppy(d *types.VirtualFloppy) {
	dev := p.plug(d)
	if dev == nil {
		return
	}
	why := ""
	switch b := d.Backing.(type) {
	case *types.VirtualFloppyImageBackingInfo:
		if p.has(b.FileName) {
			return
		}
		why = b.FileName + " is not there"
	case *types.VirtualFloppyRemoteDeviceBackingInfo:
		return
	default:
		why = "it was a drive of the recorded machine's host"
	}
	p.eject(d, dev, why)
	dev.GetVirtualDevice().Backing = &types.VirtualFloppyRemoteDeviceBackingInfo{
		VirtualDeviceRemoteDeviceBackingInfo: types.VirtualDeviceRemoteDeviceBackingInfo{UseAutoDetect: types.NewBool(false)},
	}
}

// eject leaves a drive without a medium. Who never connects it does not miss it.
func (p *Plan) eject(was, dev types.BaseVirtualDevice, why string) {
	c := dev.GetVirtualDevice().Connectable
	if c == nil || c.StartConnected || was.GetVirtualDevice().Connectable.Connected {
		p.note("%s is empty: %s", label(was), why)
	}
	dev.GetVirtualDevice().Connectable = &types.VirtualDeviceConnectInfo{AllowGuestControl: c == nil || c.AllowGuestControl}
}

func (p *Plan) has(file string) bool { return file == "" || p.wish.Has == nil || p.wish.Has(file) }

// port carries over a serial or parallel port, unless it is the host's, or writes into a file of the machine that it was.
func (p *Plan) port(d types.BaseVirtualDevice) {
	switch b := d.GetVirtualDevice().Backing.(type) {
	case *types.VirtualSerialPortURIBackingInfo, *types.VirtualSerialPortThinPrintBackingInfo:
	case *types.VirtualSerialPortPipeBackingInfo:
		if p.wish.Fresh {
			p.note("%s uses the pipe %s, as the recorded machine does", label(d), b.PipeName)
		}
	case types.BaseVirtualDeviceFileBackingInfo:
		p.leave(d, "it wrote into "+b.GetVirtualDeviceFileBackingInfo().FileName)
		return
	default:
		p.leave(d, "it was a port of the recorded machine's host")
		return
	}
	p.plug(d)
}

// Media are the files that drives hold.
func Media(devices []types.BaseVirtualDevice) (out []string) {
	for _, d := range devices {
		switch b := d.GetVirtualDevice().Backing.(type) {
		case *types.VirtualCdromIsoBackingInfo:
			out = append(out, b.FileName)
		case *types.VirtualFloppyImageBackingInfo:
			out = append(out, b.FileName)
		}
	}
	return out
}
