package spec

import (
	"reflect"

	"github.com/vmware/govmomi/vim25/types"

	"vbfs/hyper/vsphere"
)

func class(d any) string { return reflect.TypeOf(d).Elem().Name() }

// Settle is what is left to do when all devices are there: the order of booting, which names them by their keys, and the video
// card, which is implicit. nil is nothing.
func (p *Plan) Settle(now []types.BaseVirtualDevice) *types.VirtualMachineConfigSpec {
	s, some := &types.VirtualMachineConfigSpec{}, false
	if order := p.order(now); order != nil {
		options := *p.info.BootOptions
		options.BootOrder = order
		s.BootOptions, some = &options, true
	}
	if card := p.video(now); card != nil {
		s.DeviceChange = []types.BaseVirtualDeviceConfigSpec{&types.VirtualDeviceConfigSpec{Operation: types.VirtualDeviceConfigSpecOperationEdit, Device: card}}
		some = true
	}
	if !some {
		return nil
	}
	return s
}

// order is the recorded one, in the keys of the devices that are there now.
func (p *Plan) order(now []types.BaseVirtualDevice) (out []types.BaseVirtualMachineBootOptionsBootableDevice) {
	if p.info.BootOptions == nil {
		return nil
	}
	for _, b := range p.info.BootOptions.BootOrder {
		switch b := b.(type) {
		case *types.VirtualMachineBootOptionsBootableDiskDevice:
			if key := p.diskKey(b.DeviceKey, now); key != 0 {
				out = append(out, &types.VirtualMachineBootOptionsBootableDiskDevice{DeviceKey: key})
				continue
			}
		case *types.VirtualMachineBootOptionsBootableEthernetDevice:
			if key := p.cardKey(b.DeviceKey, now); key != 0 {
				out = append(out, &types.VirtualMachineBootOptionsBootableEthernetDevice{DeviceKey: key})
				continue
			}
		default:
			out = append(out, b)
			continue
		}
		p.note("the order of booting is without a device that is not there")
	}
	return out
}

// diskKey finds the disk that is where a recorded one was.
func (p *Plan) diskKey(recorded int32, now []types.BaseVirtualDevice) int32 {
	for _, old := range p.disks {
		for _, d := range vsphere.Disks(now) {
			if old.Key == recorded && d.Name == old.Name {
				return d.Key
			}
		}
	}
	return 0
}

// cardKey finds the card that is in the same place among all cards.
func (p *Plan) cardKey(recorded int32, now []types.BaseVirtualDevice) int32 {
	cards := Cards(now)
	for i, c := range Cards(p.info.Hardware.Device) {
		if c.Key == recorded && i < len(cards) {
			return cards[i].Key
		}
	}
	return 0
}

// video is the machine's card as the recorded one was; nil if it is already, or there was none.
func (p *Plan) video(now []types.BaseVirtualDevice) *types.VirtualMachineVideoCard {
	old, is := videoOf(p.info.Hardware.Device), videoOf(now)
	if old == nil || is == nil {
		return nil
	}
	card := *is
	card.VideoRamSizeInKB, card.NumDisplays, card.UseAutoDetect = old.VideoRamSizeInKB, old.NumDisplays, old.UseAutoDetect
	card.Enable3DSupport, card.Use3dRenderer, card.GraphicsMemorySizeInKB = old.Enable3DSupport, old.Use3dRenderer, old.GraphicsMemorySizeInKB
	if reflect.DeepEqual(card, *is) {
		return nil
	}
	return &card
}

func videoOf(devices []types.BaseVirtualDevice) *types.VirtualMachineVideoCard {
	for _, d := range devices {
		if v, ok := d.(*types.VirtualMachineVideoCard); ok {
			return v
		}
	}
	return nil
}
