// Package proto holds the messages of the NBD protocol as values: each has an Append method that encodes it and a
// Decode function that is its inverse. It is pure: bytes in, values out.
//
// The specification is doc/proto.md of github.com/NetworkBlockDevice/nbd; comments name its sections. All numbers on
// the wire are big endian.
//
//	server                                   client
//	Greeting            ------------------>
//	                    <------------------  client flags (4 bytes)
//	                    <------------------  Option, its payload          \ until GO or
//	OptionReply, data   ------------------>                               / EXPORT_NAME
//	                    <------------------  Request
//	SimpleReply | Chunk ------------------>
//
// Invariants: what decodes encodes to the same bytes; no decoder panics; none allocates more than a small multiple of
// the bytes it was given, whatever lengths those bytes claim.
package proto
