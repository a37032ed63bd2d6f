// Package handmade writes sets of virtnbdbackup for tests, as its releases wrote them and as none ever did.
//
//	handmade.Stream{Disk: "vda", Size: 1 << 20, Frames: []handmade.Frame{{Data: data}, {Off: 1 << 19, Zero: 1 << 19}}}.Write(t, dir)
//
// It knows the format from its description and nothing of the reader, so that the two can be wrong in different ways.
package handmade
