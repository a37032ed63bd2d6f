// Package handmade writes trees of ghettoVCB for tests: by hand, after what its script does and what VMware's descriptors look
// like, for neither runs here. qemu-img writes hosted sparse extents; the deltas of ESX are written by hand, too.
//
//	handmade.Machine{Name: "web01", Disks: []handmade.Disk{{Data: data, Format: "thin"}}}.Write(t, folder)
//
// It knows the formats from their descriptions and nothing of the reader, so that the two can be wrong in different ways.
package handmade
