package spec

import (
	"github.com/vmware/govmomi/vim25/types"
)

// card carries over a network card. The server makes an address for one that is to be new.
func (p *Plan) card(d types.BaseVirtualEthernetCard) {
	dev := p.plug(d.(types.BaseVirtualDevice))
	if dev == nil {
		return
	}
	c := dev.(types.BaseVirtualEthernetCard).GetVirtualEthernetCard()
	c.SubnetId = ""
	if p.wish.Fresh {
		c.AddressType, c.MacAddress, c.ExternalId = string(types.VirtualEthernetCardMacTypeGenerated), "", ""
	}
	if p.wish.Network == nil {
		return
	}
	to, connect := p.wish.Network(d.GetVirtualEthernetCard().Key)
	c.Backing = to
	if c.Connectable != nil && !connect {
		c.Connectable.StartConnected = false
	}
}

// A Card is a network card of a recorded machine.
type Card struct {
	Key     int32
	Label   string // as Network adapter 1
	MAC     string
	Backing types.BaseVirtualDeviceBackingInfo
}

// Cards lists those that are carried over.
func Cards(devices []types.BaseVirtualDevice) (out []Card) {
	for _, d := range devices {
		e, ok := d.(types.BaseVirtualEthernetCard)
		if _, host := d.(*types.VirtualSriovEthernetCard); !ok || host {
			continue
		}
		c := e.GetVirtualEthernetCard()
		card := Card{Key: c.Key, MAC: c.MacAddress, Backing: c.Backing}
		if c.DeviceInfo != nil {
			card.Label = c.DeviceInfo.GetDescription().Label
		}
		out = append(out, card)
	}
	return out
}
