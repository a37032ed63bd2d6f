package vmware

import "encoding/xml"

// What an OVF consists of: DMTF DSP0243 1.1, and DSP0004's settings of resources. Names are written with the prefixes that the
// envelope declares, which is what readers that are not quite of XML look for.

type envelope struct {
	XMLName  xml.Name      `xml:"Envelope"`
	Spaces   []xml.Attr    `xml:",any,attr"`
	Files    []fileRef     `xml:"References>File"`
	Disks    diskSection   `xml:"DiskSection"`
	Networks *netSection   `xml:"NetworkSection"`
	System   virtualSystem `xml:"VirtualSystem"`
}

type fileRef struct {
	Href string `xml:"ovf:href,attr"`
	ID   string `xml:"ovf:id,attr"`
	Size int64  `xml:"ovf:size,attr"`
}

type diskSection struct {
	Info  string     `xml:"Info"`
	Disks []diskDesc `xml:"Disk"`
}

type diskDesc struct {
	Capacity  int64  `xml:"ovf:capacity,attr"`
	Units     string `xml:"ovf:capacityAllocationUnits,attr"`
	ID        string `xml:"ovf:diskId,attr"`
	File      string `xml:"ovf:fileRef,attr"`
	Format    string `xml:"ovf:format,attr"`
	Populated int64  `xml:"ovf:populatedSize,attr"`
}

type netSection struct {
	Info     string    `xml:"Info"`
	Networks []network `xml:"Network"`
}

type network struct {
	Name        string `xml:"ovf:name,attr"`
	Description string `xml:"Description"`
}

type virtualSystem struct {
	ID         string      `xml:"ovf:id,attr"`
	Info       string      `xml:"Info"`
	Name       string      `xml:"Name"`
	Guest      guestOS     `xml:"OperatingSystemSection"`
	Hardware   hardware    `xml:"VirtualHardwareSection"`
	Annotation *annotation `xml:"AnnotationSection"`
}

type guestOS struct {
	ID   int    `xml:"ovf:id,attr"`
	Type string `xml:"vmw:osType,attr,omitempty"`
	Info string `xml:"Info"`
}

type annotation struct {
	Info string `xml:"Info"`
	Text string `xml:"Annotation"`
}

type hardware struct {
	Info   string   `xml:"Info"`
	System system   `xml:"System"`
	Items  []item   `xml:"Item"`
	Config []config `xml:"vmw:Config"`
	Extra  []config `xml:"vmw:ExtraConfig"`
}

type system struct {
	Name       string `xml:"vssd:ElementName"`
	ID         int    `xml:"vssd:InstanceID"`
	Identifier string `xml:"vssd:VirtualSystemIdentifier"`
	Type       string `xml:"vssd:VirtualSystemType"`
}

// An item is a piece of hardware. Its elements have an order.
type item struct {
	Address     *int32   `xml:"rasd:Address"`
	OnParent    *int32   `xml:"rasd:AddressOnParent"`
	Units       string   `xml:"rasd:AllocationUnits,omitempty"`
	Automatic   *bool    `xml:"rasd:AutomaticAllocation"`
	Connection  string   `xml:"rasd:Connection,omitempty"`
	Description string   `xml:"rasd:Description,omitempty"`
	Name        string   `xml:"rasd:ElementName"`
	Host        string   `xml:"rasd:HostResource,omitempty"`
	ID          int      `xml:"rasd:InstanceID"`
	Parent      *int     `xml:"rasd:Parent"`
	SubType     string   `xml:"rasd:ResourceSubType,omitempty"`
	Type        int      `xml:"rasd:ResourceType"`
	Quantity    int64    `xml:"rasd:VirtualQuantity,omitempty"`
	PerSocket   *sockets `xml:"vmw:CoresPerSocket"`
}

type sockets struct {
	Required bool  `xml:"ovf:required,attr"`
	N        int32 `xml:",chardata"`
}

type config struct {
	Required bool   `xml:"ovf:required,attr"`
	Key      string `xml:"vmw:key,attr"`
	Value    string `xml:"vmw:value,attr"`
}

// spaces are the names that prefixes stand for.
func spaces() (all []xml.Attr) {
	for _, s := range [][2]string{
		{"xmlns", "http://schemas.dmtf.org/ovf/envelope/1"},
		{"xmlns:ovf", "http://schemas.dmtf.org/ovf/envelope/1"},
		{"xmlns:rasd", "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_ResourceAllocationSettingData"},
		{"xmlns:vssd", "http://schemas.dmtf.org/wbem/wscim/1/cim-schema/2/CIM_VirtualSystemSettingData"},
		{"xmlns:vmw", "http://www.vmware.com/schema/ovf"},
	} {
		all = append(all, xml.Attr{Name: xml.Name{Local: s[0]}, Value: s[1]})
	}
	return all
}
