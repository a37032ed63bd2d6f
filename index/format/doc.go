// Package format holds every structure that a repository stores: encode, decode, validate. FORMAT.md gives the byte
// tables. All integers are little endian.
//
//	framed    what is read before there is a key     config, keys/<id>
//	sealed    envelope around a record                keyring, sessions, points, notes, …
//	pack      header, blocks, two trailer sections, footer
//	node      leaf or inner node of an image map, stored as a block of a tree pack
//
// Invariants: what decodes encodes to the same bytes; a version, kind, critical field or flag that is not known is
// refused; no length is believed before it is bounded. Records are lists of tagged fields: unknown uncritical ones
// are kept, so that they survive a copy.
//
// The package is pure: bytes in, values out. Keys are package seal's.
package format
